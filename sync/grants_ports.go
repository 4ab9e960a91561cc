package sync

import (
	"context"

	"github.com/oktasync/oktasync/directory"
)

// GrantTx is the part of Tx that is about roles and licenses.
type GrantTx interface {
	// GroupsOfPeople returns in which groups the people are, in order of person and group: of the groups
	// given, or of all when there are none; with their names and types when these are asked for.
	GroupsOfPeople(ctx context.Context, people, groups []string, named bool) ([]directory.GroupOfPerson, error)

	// RoleGrants returns the roles of the people, in order of person, role and team.
	RoleGrants(ctx context.Context, people []string) ([]directory.RoleGrant, error)
	// PutRoleGrants writes whole rows.
	PutRoleGrants(ctx context.Context, grants []directory.RoleGrant) error
	DropRoleGrants(ctx context.Context, grants []directory.RoleGrant) error
	// RoleHeldBeside says whether anybody but the people has the role; with active, anybody who may sign in.
	RoleHeldBeside(ctx context.Context, role string, people []string, active bool) (bool, error)
	// LastToLose returns, when the run's plan leaves the role with nobody who may sign in, the planned change that
	// takes it from who would keep it: who may sign in first, then who is suspended, then who had it first.
	LastToLose(ctx context.Context, run, role string) (directory.PlannedChange, error)
	// RoleToCome says whether the plan of the run, which is being applied, gives the role to anybody.
	RoleToCome(ctx context.Context, run, role string) (bool, error)
	// KeptThough returns those of the roles that somebody has only because nobody else did, although the run's plan
	// gave them to somebody.
	KeptThough(ctx context.Context, run string, roles []string) ([]directory.RoleGrant, error)
	// KeptAsLast returns who has one of the roles only because nobody else did.
	KeptAsLast(ctx context.Context, roles []string) ([]string, error)

	// LicenseClaims returns the claims of the people, in order of person and pool.
	LicenseClaims(ctx context.Context, people []string) ([]directory.LicenseClaim, error)
	// PutLicenseClaims writes whole rows.
	PutLicenseClaims(ctx context.Context, claims []directory.LicenseClaim) error
	DropLicenseClaims(ctx context.Context, claims []directory.LicenseClaim) error
	// LicensesHeld counts the licenses of the pool that people hold, LicensesWaiting those who wait.
	LicensesHeld(ctx context.Context, pool string) (int, error)
	LicensesWaiting(ctx context.Context, pool string) (int, error)
	// FirstInLine returns who waits for the pool, in order of Since and id after `after`, without those to whom
	// the run's plan gives a license of it, or whom it takes out of the line or out of the directory.
	FirstInLine(ctx context.Context, pool, run string, after directory.LicenseClaim, limit int) ([]directory.LicenseClaim, error)
	// LastInPool returns who holds a license of the pool, the last entitled first, or first those by the last rule, after
	// `after` in that order; without
	// the people in but, and without those from whom the run's plan takes it, or whom it takes out of the directory.
	LastInPool(ctx context.Context, pool, run string, byRank bool, but []string, after directory.LicenseClaim, limit int) ([]directory.LicenseClaim, error)

	// MarkGrantsDirty queues the people, and the members of the groups, for their roles and licenses to be
	// worked out anew.
	MarkGrantsDirty(ctx context.Context, people, groups []string) error
	// DirtyGrants returns up to limit people of that queue, in order of id.
	DirtyGrants(ctx context.Context, limit int) ([]string, error)
	DropGrantsDirty(ctx context.Context, people []string) error
	// MarkMovedGrants queues whom the changes after one number, up to another, are about; with named also the
	// members of groups that they are about.
	MarkMovedGrants(ctx context.Context, after, to int64, named bool) error
	// UnsettleGrants notes that roles and licenses are being worked out by other rules, unless they were by these.
	UnsettleGrants(ctx context.Context, basis string) error
	// SetGrantBasis notes by which rules everybody's roles and licenses have been worked out.
	SetGrantBasis(ctx context.Context, basis string) error

	// AffectedPeople returns ids, in order after `after`, at most limit, of the people whom the run's plan
	// changes or puts into groups or takes out of them, and of those who are queued; with renamed also of the members of
	// groups that the plan changes, with everybody of everybody in the directory.
	AffectedPeople(ctx context.Context, run string, everybody, renamed bool, after string, limit int) ([]string, error)
	// PlannedFor returns what the run's plan says of the people and their memberships, in order.
	PlannedFor(ctx context.Context, run string, people []string) ([]directory.PlannedChange, error)
}
