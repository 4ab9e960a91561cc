package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// grantPlan is what a run plans about roles and licenses once all else is planned. It is worked out
// from the rows as they will be then.
type grantPlan struct {
	run   *execution
	names map[string]string // of the groups that the plan makes or renames
	// everybody says that the rules are others than those by which people have what they have.
	everybody bool
	seats     map[string]*seats
	lost      int // roles taken from people who stay, for the guard
	taken     int // licenses taken from people who stay
}

// seats are the licenses of a pool with a cap.
type seats struct {
	pool    directory.LicensePool
	held    int // after the plan, without those that it gives
	waiting int // after the plan, without those whom it adds
	given   int // by the plan, to people who are newly entitled
}

// planGrants plans roles and licenses of everybody whom the plan so far changes, of whoever is queued, and of
// everybody when the rules have changed. It asks Okta for nothing.
func (x *execution) planGrants(ctx context.Context) error {
	e := x.engine
	x.grants = &grantPlan{run: x, names: map[string]string{}, seats: map[string]*seats{}}
	basis, err := e.grants.basis()
	if err != nil {
		return err
	}
	full := x.run.Scope.Kind == directory.ScopeFull || x.run.Scope.Kind == directory.ScopeRules
	if full {
		known, err := e.store.GrantBasis(ctx, e.tenant)
		if err != nil {
			return err
		}
		x.grants.everybody, x.newBasis = known != basis, basis
	}
	if e.grants.rules.None() && !x.grants.everybody {
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
			if ids, err = tx.AffectedPeople(ctx, x.run.ID, p.everybody, len(p.names) > 0, after, pageSize); err != nil {
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
	if !full {
		return nil
	}
	for _, name := range sortedKeys(p.seats) {
		if err := p.settlePool(ctx, p.seats[name]); err != nil {
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

// readNames learns the names of groups that the rows do not have yet, if any rule asks for names.
func (p *grantPlan) readNames(ctx context.Context) error {
	e := p.run.engine
	if len(e.grants.named) == 0 {
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
		}
		if len(page) < pageSize {
			return nil
		}
	}
}

func (p *grantPlan) countSeats(ctx context.Context) error {
	return p.look(ctx, func(ctx context.Context, tx Tx) error {
		for name, pool := range p.run.engine.grants.pools {
			if pool.Cap < 0 {
				continue
			}
			held, err := tx.LicensesHeld(ctx, name)
			if err != nil {
				return err
			}
			waiting, err := tx.LicensesWaiting(ctx, name)
			if err != nil {
				return err
			}
			p.seats[name] = &seats{pool: pool, held: held, waiting: waiting}
		}
		return nil
	})
}

// page plans for some people. Of those who leave nothing is planned: what they have goes with them.
func (p *grantPlan) page(ctx context.Context, tx Tx, ids []string) ([]directory.PlannedChange, error) {
	e := p.run.engine
	grantees, err := e.loadGrantees(ctx, tx, ids)
	if err != nil {
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
	for _, g := range grantees {
		d := e.grants.diff(g, e.grants.resolve(g.groups), tx.Now())
		for _, l := range d.drop {
			if s := p.seats[l.Pool]; s != nil && l.Held {
				s.held--
			} else if s != nil {
				s.waiting--
			}
		}
		if !g.person.Present() && changed[g.person.ID] {
			continue
		}
		if g.person.Present() {
			p.lost += len(d.lost)
		}
		for _, r := range d.revoke {
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
	}
	return planned, nil
}

// claim says whether there will be a license for somebody who is newly entitled. Whoever waits already
// goes first. A license that this plan frees later on is not counted yet: it is given when the plan is
// applied.
func (p *grantPlan) claim(l directory.LicenseClaim) directory.PlannedChange {
	s := p.seats[l.Pool]
	if s == nil || s.held+s.waiting+s.given < s.pool.Cap {
		if s != nil {
			s.given++
		}
		return licenseChange(directory.LicenseGranted, l, "", "held")
	}
	return licenseChange(directory.LicenseWaiting, l, "", "waiting")
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
	if len(p.run.engine.grants.named) == 0 {
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
				g.Name = row.Name
			}
			if name, renamed := p.names[g.GroupID]; renamed {
				g.Name = name
			}
		}
	}
	return nil
}

// settlePool plans what the pool as a whole asks for: licenses that are free go to those who wait, and
// those that are too many are taken, or told of.
func (p *grantPlan) settlePool(ctx context.Context, s *seats) error {
	free := s.pool.Cap - s.held - s.given
	switch {
	case free > 0 && s.waiting > 0:
		return p.fromLine(ctx, min(free, s.waiting), func(ctx context.Context, tx Tx, most int) ([]directory.LicenseClaim, error) {
			return tx.FirstInLine(ctx, s.pool.Name, p.run.run.ID, most)
		}, func(l directory.LicenseClaim) directory.PlannedChange {
			return licenseChange(directory.LicenseGranted, l, "waiting", "held")
		})
	case s.held <= s.pool.Cap:
		return nil
	case s.pool.OnLower == directory.CapStop:
		return p.tellOver(ctx, s)
	}
	before := p.taken
	err := p.fromLine(ctx, s.held-s.pool.Cap, func(ctx context.Context, tx Tx, most int) ([]directory.LicenseClaim, error) {
		protected, err := p.protected(ctx, tx)
		if err != nil {
			return nil, err
		}
		return tx.LastInPool(ctx, s.pool.Name, p.run.run.ID, s.pool.OnLower == directory.CapKeepRanked, protected, most)
	}, func(l directory.LicenseClaim) directory.PlannedChange {
		p.taken++
		return licenseChange(directory.LicenseReleased, l, "held", "waiting")
	})
	if err == nil && p.taken-before < s.held-s.pool.Cap {
		return p.tellOver(ctx, s) // the rest is protected
	}
	return err
}

// fromLine plans a change for up to n claims, page by page: whoever is in the plan already is not found again.
func (p *grantPlan) fromLine(ctx context.Context, n int, find func(context.Context, Tx, int) ([]directory.LicenseClaim, error),
	change func(directory.LicenseClaim) directory.PlannedChange,
) error {
	for n > 0 {
		var planned []directory.PlannedChange
		err := p.look(ctx, func(ctx context.Context, tx Tx) error {
			found, err := find(ctx, tx, min(n, pageSize))
			for _, l := range found {
				c := change(l)
				c.ObservedAt = tx.Now()
				planned = append(planned, c)
			}
			return err
		})
		if err != nil {
			return err
		}
		if len(planned) == 0 {
			return nil
		}
		if err := p.run.plan(ctx, planned); err != nil {
			return err
		}
		n -= len(planned)
	}
	return nil
}

// protected returns the ids of the people who are protected and in the directory.
func (p *grantPlan) protected(ctx context.Context, tx Tx) ([]string, error) {
	rules := p.run.engine.grants
	found, err := tx.Identify(ctx, rules.rules.Protected)
	if err != nil {
		return nil, fmt.Errorf("look up protected people: %w", err)
	}
	var ids []string
	for _, f := range found {
		if rules.shielded[directory.Fold(f.PersonID)] || rules.shielded[directory.Fold(f.Login)] {
			ids = append(ids, f.PersonID)
		}
	}
	return ids, nil
}

func (p *grantPlan) tellOver(ctx context.Context, s *seats) error {
	x := p.run
	if x.run.DryRun {
		return nil
	}
	return p.look(ctx, func(ctx context.Context, tx Tx) error {
		return tx.Alert(ctx, directory.Alert{
			ID:     fmt.Sprintf("pool_over_%s_%s_%d_%s", x.engine.tenant, s.pool.Name, s.pool.Cap, tx.Now().UTC().Format("20060102")),
			Tenant: x.engine.tenant, Kind: directory.AlertPoolOverCap, RunID: x.run.ID, At: tx.Now(),
			Sentence: fmt.Sprintf("the pool %s of tenant %s has %d licenses and %d are held; those above the cap were not taken, because on_cap_decrease is stop or the people are protected; "+
				"raise the cap, or take people out of the groups that give the license", s.pool.Name, x.engine.tenant, s.pool.Cap, s.held),
		})
	})
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

// settleGrants settles whoever is queued, then hands on the licenses that are free, each batch in a
// commit of its own.
func (x *execution) settleGrants(ctx context.Context) error {
	if x.engine.grants.rules.None() {
		return nil
	}
	for more := true; more; {
		err := x.commitGrants(ctx, func(ctx context.Context, tx Tx) ([]directory.Change, error) {
			ids, err := tx.DirtyGrants(ctx, pageSize)
			if err != nil {
				return nil, fmt.Errorf("look whose roles and licenses are queued: %w", err)
			}
			more = len(ids) == pageSize
			done, err := x.engine.settleGrants(ctx, tx, ids, nil, x.cause)
			return slices.Concat(done.gone, done.made), err
		})
		if err != nil {
			return err
		}
	}
	for _, pool := range sortedKeys(x.engine.grants.pools) {
		for more := true; more; {
			err := x.commitGrants(ctx, func(ctx context.Context, tx Tx) ([]directory.Change, error) {
				given, err := x.engine.handOn(ctx, tx, pool)
				more = len(given) == pageSize
				var changes []directory.Change
				for _, l := range given {
					c := licenseChange(directory.LicenseGranted, l, "waiting", "held")
					changes = append(changes, directory.Change{Type: c.Type, Subject: c.Subject, SubjectID: c.SubjectID, PersonID: c.PersonID, Fields: c.Fields, Cause: x.cause})
				}
				return changes, err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// commitGrants commits what fn changes, with the run's counts.
func (x *execution) commitGrants(ctx context.Context, fn func(context.Context, Tx) ([]directory.Change, error)) error {
	e := x.engine
	var changes []directory.Change
	run := x.run
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		var err error
		if changes, err = fn(ctx, tx); err != nil {
			return err
		}
		if len(changes) == 0 {
			return nil
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
