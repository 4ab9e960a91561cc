package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// grantPlan is what a run plans about roles and licenses once all else is planned. It is worked out
// from the rows as they will be then.
type grantPlan struct {
	run   *execution
	names map[string]string // of the groups that the plan makes or renames
	types map[string]string // of those that it makes
	// assigned says of the groups that the plan makes, assigns to the app or takes from it, whether they will be.
	assigned map[string]bool
	fits     teamGroups
	// aliases are the merges as the page at hand finds them.
	aliases directory.TeamAliases
	// everybody says that the rules are others than those by which people have what they have.
	everybody bool
	seats     map[string]*seats
	losing    map[string]bool // roles to keep that the plan takes from somebody
	lost      int             // roles taken from people who stay, for the guard
	taken     int             // licenses taken from people who stay
}

// planGrants plans roles and licenses of everybody whom the plan so far changes, of whoever is queued, and of
// everybody when the rules have changed. It asks Okta for nothing.
func (x *execution) planGrants(ctx context.Context) error {
	e := x.engine
	x.grants = &grantPlan{run: x, names: map[string]string{}, types: map[string]string{}, assigned: map[string]bool{}, fits: teamGroups{}, seats: map[string]*seats{}, losing: map[string]bool{}}
	basis, err := e.settledBasis()
	if err != nil {
		return err
	}
	full := x.run.Scope.Kind == directory.ScopeFull || x.run.Scope.Kind == directory.ScopeRules
	if full {
		known, err := e.store.GrantBasis(ctx, e.tenant)
		if err != nil {
			return err
		}
		x.grants.everybody = known != basis
		x.run.Progress.Everybody = x.grants.everybody
	}
	if !e.settles() && !x.grants.everybody {
		return nil
	}
	return x.grants.plan(ctx, full)
}

func (p *grantPlan) plan(ctx context.Context, full bool) error {
	if err := p.readNames(ctx); err != nil {
		return err
	}
	if err := p.countSeats(ctx); err != nil {
		return err
	}
	x := p.run
	for after := ""; ; {
		var ids []string
		var planned []directory.PlannedChange
		err := p.look(ctx, func(ctx context.Context, tx Tx) error {
			var err error
			if ids, err = tx.AffectedPeople(ctx, x.run.ID, p.everybody, len(p.names)+len(p.assigned) > 0, after, pageSize); err != nil {
				return err
			}
			planned, err = p.page(ctx, tx, ids)
			return err
		})
		if err != nil {
			return err
		}
		if err := x.plan(ctx, planned); err != nil {
			return err
		}
		if err := x.progress(ctx); err != nil {
			return err
		}
		if len(ids) < pageSize {
			break
		}
		after = ids[len(ids)-1]
	}
	if err := p.keepLast(ctx); err != nil {
		return err
	}
	for _, name := range sortedKeys(p.seats) {
		if err := p.settlePool(ctx, p.seats[name], full); err != nil {
			return err
		}
	}
	return nil
}

// look reads inside a transaction, so that a page is seen at one moment.
func (p *grantPlan) look(ctx context.Context, fn func(context.Context, Tx) error) error {
	if err := p.run.engine.store.Update(ctx, p.run.engine.tenant, fn); err != nil {
		return fmt.Errorf("plan roles and licenses in run %s: %w", p.run.run.ID, err)
	}
	return nil
}

// readNames learns what the rows of groups do not say yet and rules ask for.
func (p *grantPlan) readNames(ctx context.Context) error {
	e := p.run.engine
	if !p.asksNames() {
		return nil
	}
	for after := int64(0); ; {
		page, err := e.store.PlanOf(ctx, e.tenant, p.run.run.ID, []directory.ChangeType{directory.GroupCreated, directory.GroupUpdated}, after, pageSize)
		if err != nil {
			return fmt.Errorf("read the plan of run %s: %w", p.run.run.ID, err)
		}
		for _, c := range page {
			after = c.Seq
			if name, isText := fieldOf(c, "name").After.(string); isText {
				p.names[c.SubjectID] = name
			}
			if kind, isText := fieldOf(c, "type").After.(string); isText {
				p.types[c.SubjectID] = kind
			}
			if is, told := fieldOf(c, assignedField).After.(bool); told {
				p.assigned[c.SubjectID] = is
			}
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

func (p *grantPlan) asksNames() bool {
	return len(p.run.engine.grants.named) > 0 || p.run.engine.mapper.teamsOfGroups()
}

// page plans for some people. Of those who leave nothing is planned: what they have goes with them.
func (p *grantPlan) page(ctx context.Context, tx Tx, ids []string) ([]directory.PlannedChange, error) {
	e := p.run.engine
	grantees, err := e.loadGrantees(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	if p.aliases, err = tx.TeamAliases(ctx); err != nil {
		return nil, err
	}
	changed, err := p.foresee(ctx, tx, grantees)
	if err != nil {
		return nil, err
	}
	var planned []directory.PlannedChange
	add := func(c directory.PlannedChange) {
		c.ObservedAt = tx.Now()
		planned = append(planned, c)
	}
	fits := groupRules{}
	for _, g := range grantees {
		if moved := p.placed(&g, tx.Now()); moved != nil {
			planned = append(planned, *moved)
		}
		d := e.grants.diff(g, e.grants.resolve(g.groups, fits), tx.Now())
		p.count(g, d)
		if !g.person.Present() && changed[g.person.ID] {
			continue
		}
		if g.person.Present() {
			p.lost += len(d.lost)
		}
		for _, r := range d.revoke {
			if e.grants.keepLast[r.Role] {
				p.losing[r.Role] = true
			}
			add(roleChange(directory.RoleRevoked, r))
		}
		for _, l := range d.drop {
			if l.Held {
				p.taken++
			}
			add(endedClaim(l))
		}
		for _, r := range d.grant {
			add(roleChange(directory.RoleGranted, r))
		}
		for _, l := range d.claim {
			add(p.claim(l))
		}
		if p.everybody && d.onlyAmends() {
			add(grantsDueFor(g.person.ID, tx.Now()))
		}
	}
	return planned, nil
}

// placed puts a person into the teams that they will be in, and returns the change that says so; nil when they are in
// them. Where no rule makes teams of groups the rows tell already, unless the rules were others until now.
func (p *grantPlan) placed(g *grantee, at time.Time) *directory.PlannedChange {
	m := p.run.engine.mapper
	if !inDirectory(g.person) || !m.teamsOfGroups() && !p.everybody {
		return nil
	}
	before := g.person
	place(&g.person, m.teamsOf(&g.person.Profile, g.groups, m.teamGroupsOf(g.groups, p.fits)))
	follow(&g.person, p.aliases)
	return teamsChange(before, g.person, at)
}

// count notes which licenses come free, and whose order in their pool is another.
func (p *grantPlan) count(g grantee, d grantDiff) {
	for _, l := range d.drop {
		if s := p.seats[l.Pool]; s != nil && l.Held {
			s.held--
		} else if s != nil {
			s.waiting--
		}
	}
	for _, l := range d.adjust {
		s := p.seats[l.Pool]
		if s != nil && slices.ContainsFunc(g.licenses, func(have directory.LicenseClaim) bool { return have.Pool == l.Pool && have.Rank != l.Rank }) {
			s.reranked = true
		}
	}
}

// foresee changes what was loaded into what it will be once the plan is applied, and returns whose row changes.
func (p *grantPlan) foresee(ctx context.Context, tx Tx, grantees []grantee) (map[string]bool, error) {
	ids := make([]string, len(grantees))
	at := make(map[string]int, len(grantees))
	for i := range grantees {
		ids[i], at[grantees[i].person.ID] = grantees[i].person.ID, i
	}
	planned, err := tx.PlannedFor(ctx, p.run.run.ID, ids)
	if err != nil {
		return nil, err
	}
	changed := map[string]bool{}
	var joined []string
	for _, c := range planned {
		g := &grantees[at[c.PersonID]]
		switch {
		case c.Type == personQuarantined:
		case c.Subject == directory.SubjectPerson:
			var row directory.Person
			if err := json.Unmarshal(c.After, &row); err != nil {
				return nil, fmt.Errorf("decode planned row of person %s: %w", c.PersonID, err)
			}
			follow(&row, p.aliases)
			g.person, changed[c.PersonID] = row, true
		case c.Type == directory.MembershipAdded:
			g.groups = append(g.groups, directory.GroupOfPerson{PersonID: c.PersonID, GroupID: c.SubjectID})
			joined = append(joined, c.SubjectID)
		case c.Type == directory.MembershipRemoved:
			g.groups = slices.DeleteFunc(g.groups, func(o directory.GroupOfPerson) bool { return o.GroupID == c.SubjectID })
		}
	}
	return changed, p.nameGroups(ctx, tx, grantees, joined)
}

func (p *grantPlan) nameGroups(ctx context.Context, tx Tx, grantees []grantee, joined []string) error {
	if !p.asksNames() {
		return nil
	}
	slices.Sort(joined)
	rows, err := tx.Groups(ctx, slices.Compact(joined))
	if err != nil {
		return err
	}
	known := byID(rows, func(g directory.Group) string { return g.ID })
	for i := range grantees {
		for n := range grantees[i].groups {
			g := &grantees[i].groups[n]
			if row, exists := known[g.GroupID]; exists && g.Name == "" {
				g.Name, g.Type, g.Assigned = row.Name, row.Type, row.Assigned && !row.Removed
			}
			if is, told := p.assigned[g.GroupID]; told {
				g.Assigned = is
			}
			if kind, isNew := p.types[g.GroupID]; isNew {
				g.Type = kind
			}
			if name, renamed := p.names[g.GroupID]; renamed {
				g.Name = name
			}
		}
	}
	return nil
}

// countGrants completes what the guard judges.
func (x *execution) countGrants(ctx context.Context, counts *directory.PlanCounts) error {
	if x.grants == nil || x.grants.lost+x.grants.taken == 0 {
		return nil
	}
	var err error
	counts.RolesLeave, counts.LicensesLeave = x.grants.lost, x.grants.taken
	counts.RolesBefore, counts.LicensesBefore, err = x.engine.store.CountGrants(ctx, x.engine.tenant)
	return err
}

// settleGrants settles whoever keeps a role as the last one, in case somebody else has it by now, and whoever is queued, then hands on the licenses that are free, each batch in a
// commit of its own.
func (x *execution) settleGrants(ctx context.Context) error {
	if !x.engine.settles() && x.run.Rules == "" {
		return nil
	}
	if roles := x.engine.grants.rolesToKeep(); len(roles) > 0 {
		err := x.commitGrants(ctx, func(ctx context.Context, tx Tx) (bool, []directory.Change, error) {
			kept, err := tx.KeptAsLast(ctx, roles)
			if err != nil {
				return false, nil, fmt.Errorf("look who keeps a role as the last one: %w", err)
			}
			done, err := x.engine.settleGrants(ctx, tx, kept, nil, x.cause)
			return len(kept) > 0, slices.Concat(done.gone, done.made), err
		})
		if err != nil {
			return err
		}
	}
	for more := true; more; {
		err := x.commitGrants(ctx, func(ctx context.Context, tx Tx) (bool, []directory.Change, error) {
			ids, err := tx.DirtyGrants(ctx, pageSize)
			if err != nil {
				return false, nil, fmt.Errorf("look whose roles and licenses are queued: %w", err)
			}
			more = len(ids) == pageSize
			b := &batch{engine: x.engine, tx: tx, cause: x.cause, people: map[string]directory.Person{}}
			if x.engine.mapper.teamsOfGroups() {
				if _, err := b.settleTeams(ctx, ids); err != nil {
					return false, nil, err
				}
			}
			done, err := x.engine.settleGrants(ctx, tx, ids, nil, x.cause)
			return len(ids) > 0, slices.Concat(done.gone, b.teams, b.moves, done.made), err
		})
		if err != nil {
			return err
		}
	}
	for _, pool := range sortedKeys(x.engine.grants.pools) {
		for more := true; more; {
			err := x.commitGrants(ctx, func(ctx context.Context, tx Tx) (bool, []directory.Change, error) {
				given, err := x.engine.handOn(ctx, tx, pool)
				more = len(given) == pageSize
				var changes []directory.Change
				for _, l := range given {
					c := licenseChange(directory.LicenseGranted, l, "waiting", "held")
					changes = append(changes, directory.Change{Type: c.Type, Subject: c.Subject, SubjectID: c.SubjectID, PersonID: c.PersonID, Fields: c.Fields, Cause: x.cause})
				}
				return len(given) > 0, changes, err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// commitGrants commits what fn changes, with the run's counts. fn says whether it has written anything, and what of it
// is a change.
func (x *execution) commitGrants(ctx context.Context, fn func(context.Context, Tx) (bool, []directory.Change, error)) error {
	e := x.engine
	var changes []directory.Change
	run := x.run
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		var wrote bool
		var err error
		if wrote, changes, err = fn(ctx, tx); err != nil || !wrote {
			return err
		}
		if err := appendChanges(ctx, tx, changes); err != nil {
			return err
		}
		run = x.counted(applied{changes: changes})
		return tx.SaveRun(ctx, run, x.owner, e.lease)
	})
	if err != nil {
		return fmt.Errorf("settle roles and licenses in run %s: %w", run.ID, err)
	}
	x.run = run
	x.result.countChanges(changes)
	return nil
}
