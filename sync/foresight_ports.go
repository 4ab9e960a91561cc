package sync

import (
	"context"

	"github.com/oktasync/oktasync/directory"
)

// ForesightTx is the part of Tx in which a run works out what its plan makes of managers. Nothing of it is seen by anybody
// but that run; RunStore.ForgetForesight empties it.
type ForesightTx interface {
	// NotePlanned queues people whom the run's plan changes, with the teams that they will be in (empty: as before),
	// and whoever MarkManagersDirty would queue for the refs.
	NotePlanned(ctx context.Context, run string, people map[string]string, refs []string) error
	// NoteWaiting queues whoever waits for the manager pass anyway.
	NoteWaiting(ctx context.Context, run string) error
	// NoteTeams queues the people of the teams, with those whom NotePlanned has put into them.
	NoteTeams(ctx context.Context, run string, teams []string) error
	// NoteNames notes by what people can be found once the plan is applied.
	NoteNames(ctx context.Context, run string, people []directory.Identity) error
	// PlannedNamed returns whom one of the refs means by these names, in order of id.
	PlannedNamed(ctx context.Context, run string, refs []string) ([]string, error)
	// TakePlanned takes up to limit people from the queue.
	TakePlanned(ctx context.Context, run string, limit int) ([]string, error)
	// PutPlannedManagers writes Wanted, ManagerID, Source and Problem as they will be.
	PutPlannedManagers(ctx context.Context, run string, edges []directory.ManagerEdge) error
	// PlannedManagers returns those of the people.
	PlannedManagers(ctx context.Context, run string, people []string) ([]directory.ManagerEdge, error)
	// AllPlannedManagers returns them in order of id after `after`, at most limit.
	AllPlannedManagers(ctx context.Context, run, after string, limit int) ([]directory.ManagerEdge, error)
}
