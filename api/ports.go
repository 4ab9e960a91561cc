package api

import (
	"context"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Reader reads directories. Unknown things are directory.ErrNotFound. Lists are
// in order of id after `after`, at most limit.
type Reader interface {
	GrantReader
	// FindPerson finds by id, login or e-mail, present people first; several are
	// directory.ErrAmbiguous.
	FindPerson(ctx context.Context, tenant, who string) (directory.Person, error)
	ListPeople(ctx context.Context, tenant string, q directory.PeopleQuery) ([]directory.Person, error)
	TeamsByID(ctx context.Context, tenant string, ids []string) ([]directory.Team, error)
	GroupsOfPerson(ctx context.Context, tenant, personID string) ([]directory.Group, error)
	MergedTeams(ctx context.Context, tenant, after string, limit int) ([]directory.Team, error)
	TeamSize(ctx context.Context, tenant, id string) (directory.TeamSize, error)
	ListTeams(ctx context.Context, tenant, after string, limit int) ([]directory.TeamSize, error)
	ListGroups(ctx context.Context, tenant, after string, limit int) ([]directory.GroupSize, error)
	// Groups returns the groups of these ids, removed ones included.
	Groups(ctx context.Context, tenant string, ids []string) ([]directory.Group, error)
	GroupMembers(ctx context.Context, tenant, groupID, after string, limit int) ([]string, error)
	// ListMemberships returns present memberships in order of group and person.
	ListMemberships(ctx context.Context, tenant string, after directory.Membership, limit int) ([]directory.Membership, error)
	// InviteRows returns the invites of which more is known than that they are held, in order of the person's id.
	InviteRows(ctx context.Context, tenant, after string, limit int) ([]directory.Invite, error)
	Changes(ctx context.Context, tenant string, q directory.ChangeQuery) ([]directory.Change, error)
	// Feed is Changes with the beginning and the end of the history at that moment.
	Feed(ctx context.Context, tenant string, q directory.ChangeQuery) (directory.FeedPage, error)
	// AwaitChange waits until the tenant's feed has a change after the last of seen. False
	// means that the context ended first, or that the process stops.
	AwaitChange(ctx context.Context, tenant string, seen directory.Feed) bool
	// Acts returns the newest acts first.
	Acts(ctx context.Context, tenant string, q directory.ActQuery) ([]directory.Act, error)
	// Runs returns the newest runs first.
	Runs(ctx context.Context, tenant string, limit int) ([]directory.Run, error)
	// FindRun finds by id or by its beginning; several are directory.ErrAmbiguous.
	FindRun(ctx context.Context, tenant, prefix string) (directory.Run, error)
	// Plan returns planned changes of a run in order after position `after`.
	Plan(ctx context.Context, tenant, run string, after int64, limit int) ([]directory.PlannedChange, error)
	// People returns the people of these ids, removed ones included.
	People(ctx context.Context, tenant string, ids []string) ([]directory.Person, error)
	// ManagerCases returns people whose manager is not settled; an empty problem: whatever the reason.
	ManagerCases(ctx context.Context, tenant string, problem directory.ManagerProblem, after string, limit int) ([]directory.ManagerCase, error)
	Quarantine(ctx context.Context, tenant, after string, limit int) ([]directory.Quarantined, error)
	Parked(ctx context.Context, tenant string, limit int) ([]directory.Parked, error)
	// CountEvents counts how the events of the last hour and day came. Whose other way has been
	// silent for less than grace is not judged.
	CountEvents(ctx context.Context, tenant string, grace time.Duration) (directory.EventHealth, error)
	// StrayEvents returns the newest events of the last day that did not come as they should.
	StrayEvents(ctx context.Context, tenant string, grace time.Duration, limit int) ([]directory.StrayEvent, error)
	// TenantStates leaves out tenants that do not exist.
	TenantStates(ctx context.Context, tenants []string) ([]directory.TenantState, error)
}
