package sync

import (
	"context"

	"github.com/oktasync/oktasync/directory"
)

// TeamTx is the part of Tx that is about what becomes of teams.
type TeamTx interface {
	// TeamAliases returns the teams that were merged.
	TeamAliases(ctx context.Context) (directory.TeamAliases, error)
	// TeamsBelow says whether there are teams below the team.
	TeamsBelow(ctx context.Context, team string) (bool, error)
	// MarkTeamMembers queues whoever is in one of the teams, to have their teams worked out anew.
	MarkTeamMembers(ctx context.Context, teams []string) error
	// TakeTeamsDirty removes up to limit people from that queue, in order of id.
	TakeTeamsDirty(ctx context.Context, limit int) ([]string, error)
	// MarkTeamsLeft notes teams that somebody has left; none means all that have not ended.
	MarkTeamsLeft(ctx context.Context, teams []string) error
	// TakeTeamsLeft removes up to limit teams from those, in order of id.
	TakeTeamsLeft(ctx context.Context, limit int) ([]string, error)
	// EmptyTeams returns those of the teams that have not ended, in which nobody is who is present, and below
	// which there is no other, in order of id.
	EmptyTeams(ctx context.Context, ids []string) ([]directory.Team, error)
}
