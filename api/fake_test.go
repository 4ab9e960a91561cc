package api

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// memory is a directory of one tenant in memory, which also takes resyncs,
// archive acts and hints. Once fail is set, everything fails with it.
type memory struct {
	people  []directory.Person
	teams   []directory.TeamSize
	groups  []directory.GroupSize
	members map[string][]string // person ids by group id, in order
	changes []directory.Change
	states  map[string]directory.TenantState
	held    []directory.Quarantined
	ignored []string
	owned   []directory.Field
	written []string                             // by SetOwned
	plans   map[string][]directory.PlannedChange // by run

	mu     sync.Mutex
	fail   error
	runs   []directory.Run
	acts   []directory.Act
	parked []directory.Parked
	unset  []string // people and teams whose manager was taken back, with the reason
	hints  []directory.ScopeHint
}

func (m *memory) failing() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.fail
}

func (m *memory) FindPerson(_ context.Context, _, who string) (directory.Person, error) {
	if err := m.failing(); err != nil {
		return directory.Person{}, err
	}
	var found []directory.Person
	for _, p := range m.people {
		key := directory.Fold(who)
		if p.ID == who {
			return p, nil
		}
		if directory.Fold(p.Profile.Login) == key || directory.Fold(p.Profile.Email) == key {
			found = append(found, p)
		}
	}
	switch len(found) {
	case 0:
		return directory.Person{}, fmt.Errorf("select from people: %w", directory.ErrNotFound)
	case 1:
		return found[0], nil
	default:
		return directory.Person{}, fmt.Errorf("two people have this e-mail, ask by id: %w", directory.ErrAmbiguous)
	}
}

// window returns the rows after `after`, at most limit.
func window[T any](rows []T, after string, limit int, id func(T) string) []T {
	var page []T
	for _, r := range rows {
		if id(r) > after && len(page) < limit {
			page = append(page, r)
		}
	}
	return page
}

func (m *memory) ListPeople(_ context.Context, _ string, q directory.PeopleQuery) ([]directory.Person, error) {
	chosen := slices.DeleteFunc(slices.Clone(m.people), func(p directory.Person) bool {
		return q.Status != "" && p.Status != q.Status || q.TeamID != "" && p.TeamID != q.TeamID || q.Unfit && len(p.Profile.Unfit) == 0
	})
	return window(chosen, q.After, q.Limit, func(p directory.Person) string { return p.ID }), m.failing()
}

func (m *memory) TeamsByID(_ context.Context, _ string, ids []string) ([]directory.Team, error) {
	var teams []directory.Team
	for _, t := range m.teams {
		if slices.Contains(ids, t.ID) {
			teams = append(teams, t.Team)
		}
	}
	return teams, m.failing()
}

func (m *memory) GroupsOfPerson(_ context.Context, _, personID string) ([]directory.Group, error) {
	var groups []directory.Group
	for _, g := range m.groups {
		if slices.Contains(m.members[g.ID], personID) {
			groups = append(groups, g.Group)
		}
	}
	return groups, m.failing()
}

func (m *memory) ListTeams(_ context.Context, _, after string, limit int) ([]directory.TeamSize, error) {
	return window(m.teams, after, limit, func(t directory.TeamSize) string { return t.ID }), m.failing()
}

func (m *memory) ListGroups(_ context.Context, _, after string, limit int) ([]directory.GroupSize, error) {
	return window(m.groups, after, limit, func(g directory.GroupSize) string { return g.ID }), m.failing()
}

func (m *memory) Groups(_ context.Context, _ string, ids []string) ([]directory.Group, error) {
	var groups []directory.Group
	for _, g := range m.groups {
		if slices.Contains(ids, g.ID) {
			groups = append(groups, g.Group)
		}
	}
	return groups, m.failing()
}

func (m *memory) GroupMembers(_ context.Context, _, groupID, after string, limit int) ([]string, error) {
	return window(m.members[groupID], after, limit, func(id string) string { return id }), m.failing()
}

func (m *memory) ListMemberships(_ context.Context, _ string, after directory.Membership, limit int) ([]directory.Membership, error) {
	var rows []directory.Membership
	for _, g := range m.groups {
		for _, person := range m.members[g.ID] {
			if (g.ID > after.GroupID || g.ID == after.GroupID && person > after.PersonID) && len(rows) < limit {
				rows = append(rows, directory.Membership{GroupID: g.ID, PersonID: person, Present: true})
			}
		}
	}
	return rows, m.failing()
}

func (m *memory) Changes(ctx context.Context, tenant string, q directory.ChangeQuery) ([]directory.Change, error) {
	page, err := m.Feed(ctx, tenant, q)
	return page.Changes, err
}

func (m *memory) Feed(_ context.Context, tenant string, q directory.ChangeQuery) (directory.FeedPage, error) {
	page := directory.FeedPage{Feed: directory.Feed{ID: "feed of " + tenant, Last: int64(len(m.changes))}}
	for _, c := range m.changes {
		if c.Seq > q.After && (q.PersonID == "" || c.PersonID == q.PersonID) {
			page.Changes = append(page.Changes, c)
		}
	}
	if q.Newest {
		slices.Reverse(page.Changes)
	}
	page.Changes = page.Changes[:min(q.Limit, len(page.Changes))]
	return page, m.failing()
}

func (m *memory) AwaitChange(ctx context.Context, _ string, _ directory.Feed) bool {
	<-ctx.Done()
	return false
}

func (m *memory) CountEvents(_ context.Context, tenant string, grace time.Duration) (directory.EventHealth, error) {
	at := testNow()
	h := directory.EventHealth{Tenant: tenant, Counted: at, Grace: grace}
	if tenant == "acme" {
		h.HooksSince, h.LastHook, h.LastLog, h.LogSince, h.LogRead = &at, &at, &at, &at, &at
		h.Hour = directory.EventCounts{HookOnly: 1, Both: 2, LogOnly: 3, Lost: new(3), Unknown: new(0), Hook: directory.Delay{Mean: time.Second, Most: 1500 * time.Millisecond}}
		h.Day = directory.EventCounts{HookOnly: 1, Unknown: new(1), Lost: new(0), Late: 1, Triggering: 399_999}
	}
	return h, m.failing()
}

func (m *memory) StrayEvents(_ context.Context, tenant string, grace time.Duration, limit int) ([]directory.StrayEvent, error) {
	if tenant != "acme" || grace > 0 {
		return nil, m.failing()
	}
	at := testNow()
	return []directory.StrayEvent{{UUID: "u1", Type: "user.lifecycle.suspend", Kind: directory.StrayLost, Published: at, ByLog: &at}}, m.failing()
}

func (m *memory) Acts(_ context.Context, tenant string, q directory.ActQuery) ([]directory.Act, error) {
	err := m.failing()
	m.mu.Lock()
	defer m.mu.Unlock()
	var acts []directory.Act
	for _, a := range slices.Backward(m.acts) {
		if a.Tenant == tenant && (q.Before == 0 || a.ID < q.Before) && len(acts) < q.Limit {
			acts = append(acts, a)
		}
	}
	return acts, err
}

// did notes an act; the caller holds the lock.
func (m *memory) did(act directory.Act) {
	act.ID, act.At = int64(len(m.acts)+1), testNow()
	m.acts = append(m.acts, act)
}

func (m *memory) actsNow() []directory.Act {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.acts)
}

func (m *memory) Runs(_ context.Context, _ string, limit int) ([]directory.Run, error) {
	err := m.failing()
	m.mu.Lock()
	defer m.mu.Unlock()
	runs := slices.Clone(m.runs)
	slices.Reverse(runs)
	return runs[:min(limit, len(runs))], err
}

func (m *memory) FindRun(ctx context.Context, tenant, prefix string) (directory.Run, error) {
	runs, err := m.Runs(ctx, tenant, 1000)
	if err != nil {
		return directory.Run{}, err
	}
	var found []directory.Run
	for _, r := range runs {
		if r.Tenant == tenant && strings.HasPrefix(r.ID, prefix) {
			found = append(found, r)
		}
	}
	switch len(found) {
	case 0:
		return directory.Run{}, fmt.Errorf("select from runs: %w", directory.ErrNotFound)
	case 1:
		return found[0], nil
	default:
		return directory.Run{}, fmt.Errorf("several begin with it; give more of it: %w", directory.ErrAmbiguous)
	}
}

func (m *memory) Approve(_ context.Context, _, id string, act directory.Act) (directory.Run, error) {
	return m.settle(id, act, directory.RunApplying)
}

func (m *memory) Reject(_ context.Context, _, id string, act directory.Act) (directory.Run, error) {
	return m.settle(id, act, directory.RunRejected)
}

func (m *memory) Erase(_ context.Context, _, person string, act directory.Act) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if person == graceID {
		return directory.Refuse(directory.ErrConflict, "person %s has not left", person)
	}
	m.did(act)
	return nil
}

func (m *memory) ChooseManager(_ context.Context, _, person, manager string, act directory.Act) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if manager == "" {
		m.unset = append(m.unset, person+" "+act.Reason)
		return nil
	}
	if person == manager {
		return directory.Refuse(directory.ErrConflict, "person %s cannot be their own manager", person)
	}
	m.did(act)
	return nil
}

func (m *memory) TeamSize(_ context.Context, _, id string) (directory.TeamSize, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range m.teams {
		if t.ID == id {
			return t, nil
		}
	}
	return directory.TeamSize{}, directory.ErrNotFound
}

func (m *memory) MergedTeams(_ context.Context, _, after string, limit int) ([]directory.Team, error) {
	return window([]directory.Team{{ID: "team_a", Name: "Old", Source: "department", MergedInto: "team_b"}}, after, limit, func(t directory.Team) string { return t.ID }), m.failing()
}

func (m *memory) MergeTeam(_ context.Context, _, team, into string, act directory.Act) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.ContainsFunc(m.teams, func(t directory.TeamSize) bool { return t.ID == team }) {
		return directory.Refuse(directory.ErrNotFound, "there is no team %s", team)
	}
	if team == into {
		return directory.Refuse(directory.ErrConflict, "team %s cannot be merged into itself", team)
	}
	act.Subject = "team:" + team
	m.did(act)
	return nil
}

func (m *memory) UnmergeTeam(ctx context.Context, tenant, team string, act directory.Act) error {
	return m.MergeTeam(ctx, tenant, team, "", act)
}

func (m *memory) RenameTeam(_ context.Context, _, team, name string, act directory.Act) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.teams {
		if t := &m.teams[i]; t.ID == team {
			t.Team = t.Called(name)
			act.Subject = "team:" + team
			m.did(act)
			return nil
		}
	}
	return directory.Refuse(directory.ErrNotFound, "there is no team %s", team)
}

func (m *memory) SetTeamManager(_ context.Context, _, team, manager string, act directory.Act) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !slices.ContainsFunc(m.teams, func(t directory.TeamSize) bool { return t.ID == team }) {
		return directory.Refuse(directory.ErrNotFound, "there is no team %s", team)
	}
	if manager == "" {
		m.unset = append(m.unset, team+" "+act.Reason)
		return nil
	}
	act.Subject = "team:" + team
	m.did(act)
	return nil
}

func (m *memory) ManagerCases(_ context.Context, _ string, problem directory.ManagerProblem, after string, limit int) ([]directory.ManagerCase, error) {
	cases := []directory.ManagerCase{
		{PersonID: adaID, Text: "grace@acme.example", Wanted: graceID, Source: directory.ManagerFromOkta, Problem: directory.ManagerLeft},
		{PersonID: graceID, IDText: "nobody", Source: directory.ManagerFromOkta, Problem: directory.ManagerUnresolved},
	}
	cases = slices.DeleteFunc(cases, func(c directory.ManagerCase) bool { return problem != "" && c.Problem != problem })
	return window(cases, after, limit, func(c directory.ManagerCase) string { return c.PersonID }), m.failing()
}

func (m *memory) settle(id string, act directory.Act, state directory.RunState) (directory.Run, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.runs, func(r directory.Run) bool { return r.ID == id })
	if !m.runs[i].State.Waiting() {
		return directory.Run{}, directory.Refuse(directory.ErrConflict, "run %s is over", id)
	}
	m.runs[i].State = state
	m.runs[i].Decision = &directory.Decision{Approved: state == directory.RunApplying, By: act.Actor, At: cet(11), Reason: act.Reason}
	act.RunID = id
	m.did(act)
	return m.runs[i], nil
}

func (m *memory) Plan(_ context.Context, _, run string, after int64, limit int) ([]directory.PlannedChange, error) {
	var page []directory.PlannedChange
	for _, c := range m.plans[run] {
		if c.Seq > after && len(page) < limit {
			page = append(page, c)
		}
	}
	return page, m.failing()
}

func (m *memory) People(_ context.Context, _ string, ids []string) ([]directory.Person, error) {
	return slices.DeleteFunc(slices.Clone(m.people), func(p directory.Person) bool { return !slices.Contains(ids, p.ID) }), m.failing()
}

func (m *memory) Quarantine(_ context.Context, _, after string, limit int) ([]directory.Quarantined, error) {
	return window(m.held, after, limit, func(q directory.Quarantined) string { return q.PersonID }), m.failing()
}

func (m *memory) Ignored(context.Context, string) ([]string, error) {
	return m.ignored, m.failing()
}

func (m *memory) Parked(_ context.Context, _ string, limit int) ([]directory.Parked, error) {
	err := m.failing()
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.parked[:min(limit, len(m.parked))]), err
}

func (m *memory) TenantStates(_ context.Context, tenants []string) ([]directory.TenantState, error) {
	var states []directory.TenantState
	for _, tenant := range tenants {
		state := m.states[tenant]
		state.Tenant = tenant
		states = append(states, state)
	}
	return states, m.failing()
}

func (m *memory) Request(_ context.Context, run directory.Run, act directory.Act) (directory.Run, bool, error) {
	if err := m.failing(); err != nil {
		return directory.Run{}, false, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.runs {
		if r.Scope == run.Scope && r.DryRun == run.DryRun && r.State == directory.RunQueued {
			act.RunID = r.ID
			m.did(act)
			return r, false, nil
		}
	}
	m.runs = append(m.runs, run)
	act.RunID = run.ID
	m.did(act)
	return run, true, nil
}

func (m *memory) take(scope directory.Scope, act directory.Act) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	i := slices.IndexFunc(m.parked, func(p directory.Parked) bool { return p.Scope == scope })
	if i < 0 {
		return fmt.Errorf("update inbox: %w", directory.ErrNotFound)
	}
	m.parked = slices.Delete(m.parked, i, i+1)
	m.did(act)
	return nil
}

func (m *memory) Unpark(_ context.Context, _ string, scope directory.Scope, act directory.Act) (bool, error) {
	return true, m.take(scope, act)
}

func (m *memory) Discard(_ context.Context, _ string, scope directory.Scope, act directory.Act) error {
	return m.take(scope, act)
}

func (m *memory) Enqueue(_ context.Context, hints []directory.ScopeHint) error {
	if err := m.failing(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.hints = append(m.hints, hints...)
	return nil
}

func (m *memory) runsNow() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.runs)
}

func (m *memory) parkedNow() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.parked)
}

func (m *memory) hintsNow() []directory.ScopeHint {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.hints)
}

func (m *memory) Owned(string) []directory.Field { return m.owned }

func (m *memory) SetOwned(_ context.Context, _, person string, values map[directory.Field]any, actor string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if _, locked := values[directory.FieldLogin]; locked {
		return &directory.InvalidError{Problems: []directory.InvalidSetting{{Key: "fields.login", Says: "is locked: Okta owns it"}}}
	}
	m.written = append(m.written, fmt.Sprint(person, values, actor))
	return nil
}

func (m *memory) Try(_ context.Context, _, person string) (directory.Trial, error) {
	if person != adaID {
		return directory.Trial{}, directory.Refuse(directory.ErrNotFound, "Okta has nobody with this id or login")
	}
	return directory.Trial{
		PersonID: person, Status: directory.StatusActive, OktaStatus: "ACTIVE", Assigned: true, Ignored: []string{"user.shoeSize"},
		Fields: []directory.TrialField{{
			Field: "title", Rule: "from user.title", Result: "Countess", Owned: true, Kept: true,
			Okta: []directory.TrialValue{{Attribute: "user.title", Value: "Analyst"}},
		}},
		Quarantine: []directory.Quarantined{{Reason: "Okta has no email"}},
	}, m.failing()
}
