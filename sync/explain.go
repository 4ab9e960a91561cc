package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// Witness is what explanations are made from. Nothing in it waits for a lock.
type Witness interface {
	FindPerson(ctx context.Context, tenant, who string) (directory.Person, error)
	// People returns the rows of the ids, tombstones included.
	People(ctx context.Context, tenant string, ids []string) ([]directory.Person, error)
	TeamsByID(ctx context.Context, tenant string, ids []string) ([]directory.Team, error)
	// MergedTeams returns teams that were merged, in order of id after `after`, at most limit.
	MergedTeams(ctx context.Context, tenant, after string, limit int) ([]directory.Team, error)
	GroupsOfPerson(ctx context.Context, tenant, person string) ([]directory.Group, error)
	GrantsOfPerson(ctx context.Context, tenant, person string) ([]directory.RoleGrant, []directory.LicenseInLine, error)
	PoolCounts(ctx context.Context, tenant string) ([]directory.PoolCount, error)
	ListInvites(ctx context.Context, tenant string, sel directory.InviteSelection, after string, limit int) ([]directory.InviteCandidate, error)
	// QuarantineOf returns the person's entry; false when there is none.
	QuarantineOf(ctx context.Context, tenant, person string) (directory.Quarantined, bool, error)
	IgnoredAttributes(ctx context.Context, tenant string) ([]string, error)
	// CountCalled counts the present people whom a manager text means when it is looked up in this way, up to most.
	CountCalled(ctx context.Context, tenant string, ref directory.ManagerRef, text string, most int) (int, error)
	Feed(ctx context.Context, tenant string, q directory.ChangeQuery) (directory.FeedPage, error)
}

// ExplainOptions are what an explanation needs.
type ExplainOptions struct {
	Tenant string
	Rules  directory.Rules // in force
	Rows   Witness
}

// Explain says why the person, named by Okta id, login or e-mail, is as they are. It fails with
// directory.ErrNotFound when nothing at all is known of them, and with directory.ErrAmbiguous when several are called so.
func Explain(ctx context.Context, o ExplainOptions, who string) (directory.Explanation, error) {
	f := evidence{rules: o.Rules, mapper: newMapper(o.Rules)}
	if err := f.gather(ctx, o, who); err != nil {
		return directory.Explanation{}, err
	}
	return f.explain(), nil
}

// evidence is all that an explanation is made of.
type evidence struct {
	rules  directory.Rules
	mapper *mapper

	id          string
	person      *directory.Person // nil: no row, or a tombstone
	teams       map[string]string // their names
	merged      directory.TeamAliases
	manager     string // the manager's name
	called      int    // how many people the ambiguous text means, up to one more than mostCalled
	groups      []directory.Group
	roles       []directory.RoleGrant
	licenses    []directory.LicenseInLine
	pools       []directory.PoolCount
	invite      *directory.Invite
	quarantined *directory.Quarantined
	ignored     []string
	history     history
	page        directory.FeedPage // the oldest change that is kept, and where the feed begins
}

func (f *evidence) gather(ctx context.Context, o ExplainOptions, who string) error {
	found, err := o.Rows.FindPerson(ctx, o.Tenant, who)
	switch {
	case err == nil:
		f.id, f.person = found.ID, &found
	case errors.Is(err, directory.ErrNotFound):
		f.id = who // of who is not in the directory the id alone is known
	default:
		return err
	}
	for _, read := range []func(context.Context, ExplainOptions) error{f.readHistory, f.readQuarantine, f.readRow} {
		if err := read(ctx, o); err != nil {
			return err
		}
	}
	if f.person == nil && f.quarantined == nil && f.history.erased == nil {
		return fmt.Errorf("explain a person of tenant %s: %w", o.Tenant, err)
	}
	return nil
}

// historyPage is how many changes are read at a time.
const historyPage = 1000

// readHistory reads the person's changes, newest first, back to when the person came.
func (f *evidence) readHistory(ctx context.Context, o ExplainOptions) error {
	q := directory.ChangeQuery{PersonID: f.id, Limit: historyPage, Newest: true}
	for !f.history.whole {
		page, err := o.Rows.Feed(ctx, o.Tenant, q)
		if err != nil {
			return err
		}
		for _, c := range page.Changes {
			f.history.add(c)
		}
		if len(page.Changes) < historyPage || page.Changes[len(page.Changes)-1].Seq <= 1 {
			break
		}
		q.Through = page.Changes[len(page.Changes)-1].Seq - 1
	}
	var err error
	f.page, err = o.Rows.Feed(ctx, o.Tenant, directory.ChangeQuery{Limit: 1})
	return err
}

func (f *evidence) readQuarantine(ctx context.Context, o ExplainOptions) error {
	entry, exists, err := o.Rows.QuarantineOf(ctx, o.Tenant, f.id)
	if exists {
		f.quarantined = &entry
	}
	return err
}

// readRow reads what belongs to a person of the directory.
func (f *evidence) readRow(ctx context.Context, o ExplainOptions) error {
	if f.person == nil {
		return nil
	}
	p := f.person
	teams, err := o.Rows.TeamsByID(ctx, o.Tenant, append([]string{p.TeamID}, p.FurtherTeams...))
	if err != nil {
		return err
	}
	f.teams = map[string]string{}
	for _, t := range teams {
		f.teams[t.ID] = t.Name
	}
	if err := f.readMerges(ctx, o); err != nil {
		return err
	}
	if p.ManagerID != "" {
		managers, err := o.Rows.People(ctx, o.Tenant, []string{p.ManagerID})
		if err != nil {
			return err
		}
		for _, m := range managers {
			f.manager = m.Profile.Name()
		}
	}
	if err := f.countCalled(ctx, o); err != nil {
		return err
	}
	if f.groups, err = o.Rows.GroupsOfPerson(ctx, o.Tenant, f.id); err != nil {
		return err
	}
	if f.roles, f.licenses, err = o.Rows.GrantsOfPerson(ctx, o.Tenant, f.id); err != nil {
		return err
	}
	if f.pools, err = o.Rows.PoolCounts(ctx, o.Tenant); err != nil {
		return err
	}
	invites, err := o.Rows.ListInvites(ctx, o.Tenant, directory.InviteSelection{People: []string{f.id}}, "", 1)
	if err != nil {
		return err
	}
	for i := range invites {
		f.invite = &invites[i].Invite
	}
	names, err := o.Rows.IgnoredAttributes(ctx, o.Tenant)
	f.ignored = slices.DeleteFunc(names, func(name string) bool { return f.mapper.used[name] })
	return err
}

// ways are those to a manager, best first.
func (f *evidence) ways() []directory.ManagerRef {
	return (&identities{rules: f.rules.Managers}).refs()
}

// mostCalled is up to how many people are counted whom one manager text means.
const mostCalled = 10

// countCalled counts whom the text means that is ambiguous: the first that is, in the first way that finds anybody.
func (f *evidence) countCalled(ctx context.Context, o ExplainOptions) error {
	if f.person.ManagerProblem != directory.ManagerAmbiguous {
		return nil
	}
	ways := f.ways()
	for _, text := range []string{f.person.Profile.ManagerIDText, f.person.Profile.ManagerText} {
		for _, way := range ways {
			n, err := o.Rows.CountCalled(ctx, o.Tenant, way, text, mostCalled+1)
			if err != nil {
				return err
			}
			if n > 1 {
				f.called = n
				return nil
			}
			if n == 1 {
				break
			}
		}
	}
	return nil
}
