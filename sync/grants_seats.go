package sync

import (
	"context"
	"fmt"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// seats are the licenses of a pool, as a plan sees them.
type seats struct {
	pool     directory.LicensePool
	held     int  // after the plan, without those that it gives; not counted where there is no cap
	waiting  int  // after the plan, without those whom it adds
	given    int  // by the plan, to people who are newly entitled
	added    int  // newly entitled people who would have to wait
	reranked bool // the plan's rules put the people into another order than the rows
}

// free is how many licenses the plan still has to give.
func (s *seats) free() int {
	if s.pool.Cap < 0 {
		return s.waiting + s.added
	}
	return s.pool.Cap - s.held - s.given
}

func (p *grantPlan) countSeats(ctx context.Context) error {
	return p.look(ctx, func(ctx context.Context, tx Tx) error {
		for name, pool := range p.run.engine.grants.pools {
			s := &seats{pool: pool}
			var err error
			if pool.Cap >= 0 {
				if s.held, err = tx.LicensesHeld(ctx, name); err != nil {
					return err
				}
			}
			if s.waiting, err = tx.LicensesWaiting(ctx, name); err != nil {
				return err
			}
			p.seats[name] = s
		}
		return nil
	})
}

// claim says whether there will be a license for somebody who is newly entitled. Whoever waits already
// goes first, and so does whoever was found before. One that the plan frees later on is given by settlePool.
func (p *grantPlan) claim(l directory.LicenseClaim) directory.PlannedChange {
	s := p.seats[l.Pool]
	if s.pool.Cap < 0 || s.waiting+s.added < s.free() {
		s.given++
		return licenseChange(directory.LicenseGranted, l, "", "held")
	}
	s.added++
	return licenseChange(directory.LicenseWaiting, l, "", "waiting")
}

// settlePool plans what the pool as a whole asks for: licenses that are free go to those who wait, then to those who
// would begin to. Those that are too many are taken by a plan about everybody, or told of.
func (p *grantPlan) settlePool(ctx context.Context, s *seats, full bool) error {
	if free := s.free(); free > 0 {
		err := p.fromLine(ctx, min(free, s.waiting), func(ctx context.Context, tx Tx, after directory.LicenseClaim, most int) ([]directory.LicenseClaim, error) {
			return tx.FirstInLine(ctx, s.pool.Name, p.run.run.ID, after, most)
		}, func(l directory.LicenseClaim) directory.PlannedChange {
			return licenseChange(directory.LicenseGranted, l, "waiting", "held")
		})
		if err != nil {
			return err
		}
		return p.promote(ctx, s, min(free-s.waiting, s.added))
	}
	switch {
	case !full, s.held <= s.pool.Cap:
		return nil
	case s.pool.OnLower == directory.CapStop:
		return p.tellOver(ctx, s)
	case s.pool.OnLower == directory.CapKeepRanked && s.reranked:
		return nil // the rows say who goes first only when this plan is applied: the next full sync takes them
	}
	before := p.taken
	err := p.fromLine(ctx, s.held-s.pool.Cap, func(ctx context.Context, tx Tx, after directory.LicenseClaim, most int) ([]directory.LicenseClaim, error) {
		protected, err := p.protected(ctx, tx)
		if err != nil {
			return nil, err
		}
		return tx.LastInPool(ctx, s.pool.Name, p.run.run.ID, s.pool.OnLower == directory.CapKeepRanked, protected, after, most)
	}, func(l directory.LicenseClaim) directory.PlannedChange {
		p.taken++
		return licenseChange(directory.LicenseReleased, l, "held", "waiting")
	})
	if err == nil && p.taken-before < s.held-s.pool.Cap {
		return p.tellOver(ctx, s) // the rest is protected
	}
	return err
}

// fromLine plans a change for up to n claims, page by page. Each page goes on behind the one before: a line may be
// hundreds of thousands long.
func (p *grantPlan) fromLine(ctx context.Context, n int, find func(context.Context, Tx, directory.LicenseClaim, int) ([]directory.LicenseClaim, error),
	change func(directory.LicenseClaim) directory.PlannedChange,
) error {
	var after directory.LicenseClaim
	for n > 0 {
		var planned []directory.PlannedChange
		err := p.look(ctx, func(ctx context.Context, tx Tx) error {
			found, err := find(ctx, tx, after, min(n, pageSize))
			for _, l := range found {
				after = l
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

// promote plans licenses for the first n of those whom the plan would have wait.
func (p *grantPlan) promote(ctx context.Context, s *seats, n int) error {
	x := p.run
	for after := int64(0); n > 0; {
		page, err := x.engine.store.PlanOf(ctx, x.engine.tenant, x.run.ID, []directory.ChangeType{directory.LicenseWaiting}, after, pageSize)
		if err != nil {
			return fmt.Errorf("read the plan of run %s: %w", x.run.ID, err)
		}
		var given []directory.PlannedChange
		for _, c := range page {
			after = c.Seq
			if c.SubjectID != s.pool.Name || len(given) == n {
				continue
			}
			c.Type = directory.LicenseGranted
			for i := range c.Fields {
				if c.Fields[i].Field == "license" {
					c.Fields[i].After = "held"
				}
			}
			given = append(given, c)
		}
		if err := x.engine.store.AmendPlan(ctx, x.engine.tenant, x.run.ID, x.owner, given); err != nil {
			return err
		}
		if n -= len(given); len(page) < pageSize {
			return nil
		}
	}
	return nil
}

// aboutGrants says whether the change stands in the part of a plan that is about roles and licenses: all that these
// follow from stands before it.
func aboutGrants(c directory.PlannedChange) bool {
	return c.Subject == directory.SubjectRole || c.Subject == directory.SubjectLicense || c.Subject == directory.SubjectTeam && c.PersonID != ""
}

// freeFirst takes the licenses that the plan takes before any is given: who gets one that is freed further on in the plan
// would otherwise be told to wait for it, and then that they have it, by one run.
func (x *execution) freeFirst(ctx context.Context) error {
	e := x.engine
	planned := func(t directory.ChangeType, after int64, most int) ([]directory.PlannedChange, error) {
		page, err := e.store.PlanOf(ctx, e.tenant, x.run.ID, []directory.ChangeType{t}, after, most)
		if err != nil {
			return nil, fmt.Errorf("read the plan of run %s: %w", x.run.ID, err)
		}
		return page, nil
	}
	after := x.run.Progress.Applied
	if given, err := planned(directory.LicenseGranted, after, 1); err != nil || len(given) == 0 {
		return err
	}
	for {
		page, err := planned(directory.LicenseReleased, after, pageSize)
		if err != nil || len(page) == 0 {
			return err
		}
		people := map[string]bool{}
		for _, c := range page {
			after, people[c.PersonID] = c.Seq, true
		}
		err = x.commitGrants(ctx, func(ctx context.Context, tx Tx) (bool, []directory.Change, error) {
			done, err := e.freeLicenses(ctx, tx, sortedKeys(people), x.cause)
			return true, slices.Concat(done.gone, done.made), err
		})
		if err != nil {
			return err
		}
	}
}
