package sync

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// read takes in every page, proves absences, and completes the plan.
func (x *execution) read(ctx context.Context) error {
	e := x.engine
	if err := e.store.ResetRun(ctx, e.tenant, x.run.ID); err != nil {
		return fmt.Errorf("reset run %s: %w", x.run.ID, err)
	}
	if err := x.save(ctx); err != nil {
		return err
	}
	full := x.run.Scope.Kind == directory.ScopeFull
	deactivated, err := e.store.CountPeople(ctx, e.tenant, directory.StatusDeactivated)
	if err != nil {
		return fmt.Errorf("count deactivated people: %w", err)
	}
	request := directory.PullRequest{Scope: x.run.Scope, Deactivated: full && deactivated > 0}
	for page, err := range e.source.Pull(ctx, request) {
		if err != nil {
			return fmt.Errorf("read %s from Okta: %w", x.run.Scope.Public(), err)
		}
		if err := x.take(ctx, page); err != nil {
			return err
		}
	}
	if full {
		if err := x.confirmAbsences(ctx); err != nil {
			return err
		}
	}
	if err := x.planMemberships(ctx); err != nil {
		return err
	}
	// Last, so that nobody is a member of a group that is not there.
	planned, err := diffGroups(ctx, x.groups, x.gone, e.rules)
	if err != nil {
		return err
	}
	if err := x.plan(ctx, planned); err != nil {
		return err
	}
	counts, err := e.store.PlanCounts(ctx, e.tenant, x.run.ID)
	if err != nil {
		return fmt.Errorf("sum up the plan of run %s: %w", x.run.ID, err)
	}
	return Guard(e.rules.Limits, counts)
}

// take plans what one page shows to differ.
func (x *execution) take(ctx context.Context, page directory.Page) error {
	e := x.engine
	progress := &x.run.Progress
	progress.Calls, progress.CallsLeft = page.Calls, page.CallsLeft
	progress.ETA = x.estimate(page)
	if x.first.IsZero() || page.At.Before(x.first) {
		x.first = page.At
	}
	if page.People != nil || page.Groups != nil || page.Deactivated != nil || page.Members != nil {
		progress.Pages++
		if err := e.store.Stage(ctx, e.tenant, x.run.ID, page); err != nil {
			return fmt.Errorf("remember a page: %w", err)
		}
	}
	var planned []directory.PlannedChange
	var err error
	switch {
	case page.People != nil:
		progress.People += len(page.People)
		planned, err = x.diffPeople(ctx, page.People)
	case page.Deactivated != nil:
		// Only those who are in the directory matter, and it has few of all who
		// ever left.
		planned, err = x.diffKnown(ctx, page.Deactivated)
	case page.Groups != nil:
		progress.Groups += len(page.Groups)
		planned, err = x.takeGroups(ctx, page.Groups)
	case page.Members != nil:
		progress.Members += len(page.Members.IDs)
	}
	if err != nil {
		return err
	}
	if err := x.plan(ctx, planned); err != nil {
		return err
	}
	return x.progress(ctx)
}

func (x *execution) groups(ctx context.Context, ids []string) ([]directory.Group, error) {
	return x.engine.store.Groups(ctx, x.engine.tenant, ids)
}

func (x *execution) estimate(page directory.Page) *time.Time {
	if page.CallsLeft < 0 || page.Calls == 0 {
		return nil
	}
	now := x.engine.now()
	end := now.Add(now.Sub(x.started) / time.Duration(page.Calls) * time.Duration(page.CallsLeft))
	return &end
}

// diffPeople compares a page by content hash and loads only the rows that differ.
func (x *execution) diffPeople(ctx context.Context, page []directory.PersonSeen) ([]directory.PlannedChange, error) {
	e := x.engine
	if x.ignored == nil {
		x.ignored = map[string]bool{}
	}
	ids := make([]string, len(page))
	for i, seen := range page {
		ids[i] = seen.ID
		e.mapper.ignored(seen, x.ignored)
	}
	hashes, err := e.store.Hashes(ctx, e.tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("load hashes of %d people: %w", len(ids), err)
	}
	var differ []directory.PersonSeen
	var load []string
	for _, seen := range page {
		hash, known := hashes[seen.ID]
		if known && hash == e.mapper.seenHash(seen) {
			continue
		}
		differ = append(differ, seen)
		load = append(load, seen.ID)
	}
	rows, err := e.store.People(ctx, e.tenant, load)
	if err != nil {
		return nil, fmt.Errorf("load %d people: %w", len(load), err)
	}
	have := byID(rows, func(p directory.Person) string { return p.ID })
	var planned []directory.PlannedChange
	for _, seen := range differ {
		var row *directory.Person
		if h, exists := have[seen.ID]; exists {
			row = &h
		}
		changes, err := e.plannedPerson(row, seen)
		if err != nil {
			return nil, err
		}
		planned = append(planned, changes...)
	}
	return planned, nil
}

// diffKnown compares those whom the directory has as deactivated too. Whoever it has as
// present is not in the app's list: confirmAbsences reads them by id, once.
func (x *execution) diffKnown(ctx context.Context, page []directory.PersonSeen) ([]directory.PlannedChange, error) {
	ids := make([]string, len(page))
	for i, seen := range page {
		ids[i] = seen.ID
	}
	rows, err := x.engine.store.People(ctx, x.engine.tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("load %d people: %w", len(ids), err)
	}
	have := byID(rows, func(p directory.Person) string { return p.ID })
	known := slices.DeleteFunc(slices.Clone(page), func(seen directory.PersonSeen) bool {
		return have[seen.ID].Status != directory.StatusDeactivated
	})
	return x.diffPeople(ctx, known)
}

// plannedPerson is diffPerson in the form of planned changes.
func (e *Engine) plannedPerson(have *directory.Person, seen directory.PersonSeen) ([]directory.PlannedChange, error) {
	decided, err := e.mapper.diffPerson(have, seen)
	if err != nil {
		return nil, err
	}
	var planned []directory.PlannedChange
	if decided.quarantined != nil {
		c, err := quarantineChange(*decided.quarantined, seen)
		if err != nil {
			return nil, err
		}
		planned = append(planned, c)
	}
	if decided.change != nil {
		planned = append(planned, *decided.change)
	}
	return planned, nil
}

// plan adds to the run's plan.
func (x *execution) plan(ctx context.Context, changes []directory.PlannedChange) error {
	if len(changes) == 0 {
		return nil
	}
	if err := x.engine.store.AppendPlan(ctx, x.engine.tenant, x.run.ID, changes); err != nil {
		return fmt.Errorf("add %d changes to the plan: %w", len(changes), err)
	}
	x.run.Progress.Planned += int64(len(changes))
	return nil
}

// confirmAbsences reads by id whom and what the pull did not show. A list alone
// proves nothing; and when so many are missing that the guard would refuse the
// plan, not even the reads are worth their calls.
func (x *execution) confirmAbsences(ctx context.Context) error {
	if err := x.checkUnseen(ctx); err != nil {
		return err
	}
	e := x.engine
	for _, status := range []directory.Status{directory.StatusActive, directory.StatusSuspended, directory.StatusDeactivated} {
		after := ""
		for {
			ids, err := e.store.UnseenPeople(ctx, e.tenant, x.run.ID, status, after, pageSize)
			if err != nil {
				return fmt.Errorf("find unseen people: %w", err)
			}
			if err := x.confirmPeople(ctx, ids); err != nil {
				return err
			}
			if len(ids) < pageSize {
				break
			}
			after = ids[len(ids)-1]
		}
	}
	groups, err := e.store.UnseenGroups(ctx, e.tenant, x.run.ID)
	if err != nil {
		return fmt.Errorf("find unseen groups: %w", err)
	}
	for _, id := range groups {
		if err := x.confirmGroup(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

// checkUnseen refuses a reading in which so many people are missing that it is
// more likely to be wrong than they are to be gone.
func (x *execution) checkUnseen(ctx context.Context) error {
	e := x.engine
	present, unseen := 0, 0
	for _, status := range []directory.Status{directory.StatusActive, directory.StatusSuspended} {
		n, err := e.store.CountPeople(ctx, e.tenant, status)
		if err != nil {
			return fmt.Errorf("count %s people: %w", status, err)
		}
		missing, err := e.store.CountUnseenPeople(ctx, e.tenant, x.run.ID, status)
		if err != nil {
			return fmt.Errorf("count unseen %s people: %w", status, err)
		}
		present, unseen = present+n, unseen+missing
	}
	if present > 0 && x.run.Progress.People == 0 {
		return &directory.HeldError{Reasons: []string{fmt.Sprintf(
			"Okta listed nobody as assigned to the app, while the directory has %d people; an empty list usually means a "+
				"service app without an admin role, a changed app id, or an outage: run oktasync doctor", present)}}
	}
	if e.rules.Limits.People.Exceeded(unseen, present) {
		return &directory.HeldError{Reasons: []string{fmt.Sprintf("Okta's list lacks %d of the %d people in the directory; ", unseen, present) +
			tooManyPeople(e.rules.Limits.People, unseen, present)}}
	}
	return nil
}

func (x *execution) confirmPeople(ctx context.Context, ids []string) error {
	if len(ids) == 0 {
		return nil
	}
	e := x.engine
	rows, err := e.store.People(ctx, e.tenant, ids)
	if err != nil {
		return fmt.Errorf("load %d people: %w", len(ids), err)
	}
	for i := range rows {
		seen, err := e.source.Person(ctx, directory.PersonRequest{Ref: rows[i].ID})
		if err != nil {
			return fmt.Errorf("confirm absence of person %s: %w", rows[i].ID, err)
		}
		x.run.Counts.Confirmed++
		// Memberships come from the groups' lists in a run.
		seen.Groups, seen.GroupsRead = nil, false
		planned, err := e.plannedPerson(&rows[i], seen)
		if err != nil {
			return err
		}
		if err := x.plan(ctx, planned); err != nil {
			return err
		}
		if err := x.progress(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (x *execution) confirmGroup(ctx context.Context, id string) error {
	e := x.engine
	seen, err := e.source.Group(ctx, id)
	if err != nil {
		return fmt.Errorf("confirm absence of group %s: %w", id, err)
	}
	x.run.Counts.Confirmed++
	if seen.Exists && e.rules.Groups.Selects(seen) {
		return nil // the list missed it; its members were not read and stay
	}
	return x.dropGroup(ctx, seen)
}

// takeGroups plans the groups that are wanted and keeps the others for the end.
func (x *execution) takeGroups(ctx context.Context, seen []directory.GroupSeen) ([]directory.PlannedChange, error) {
	var wanted []directory.GroupSeen
	for _, g := range seen {
		if g.Exists && x.engine.rules.Groups.Selects(g) {
			wanted = append(wanted, g)
			continue
		}
		if err := x.dropGroup(ctx, g); err != nil {
			return nil, err
		}
	}
	return diffGroups(ctx, x.groups, wanted, x.engine.rules)
}

// dropGroup remembers a group that is gone as one without members, so that
// planMemberships ends its memberships.
func (x *execution) dropGroup(ctx context.Context, seen directory.GroupSeen) error {
	x.gone = append(x.gone, seen)
	empty := directory.Page{At: seen.At, Members: &directory.MemberPage{GroupID: seen.ID, Last: true}}
	if err := x.engine.store.Stage(ctx, x.engine.tenant, x.run.ID, empty); err != nil {
		return fmt.Errorf("remember that group %s is gone: %w", seen.ID, err)
	}
	return nil
}

// planMemberships plans the memberships that were seen and are missing, then
// those that are there and were not seen.
func (x *execution) planMemberships(ctx context.Context) error {
	e := x.engine
	for _, side := range []struct {
		present bool
		find    func(context.Context, string, string, directory.Membership, int) ([]directory.Membership, error)
	}{{true, e.store.MissingMembers}, {false, e.store.UnseenMembers}} {
		var after directory.Membership
		for {
			found, err := side.find(ctx, e.tenant, x.run.ID, after, pageSize)
			if err != nil {
				return fmt.Errorf("compare memberships: %w", err)
			}
			differing := found
			if !side.present {
				if differing, err = x.proven(ctx, found); err != nil {
					return err
				}
			}
			planned := make([]directory.PlannedChange, len(differing))
			for i, m := range differing {
				m.Present = side.present
				planned[i] = membershipChange(m)
			}
			if err := x.plan(ctx, planned); err != nil {
				return err
			}
			if err := x.progress(ctx); err != nil {
				return err
			}
			if len(found) < pageSize {
				break
			}
			after = found[len(found)-1]
		}
	}
	return nil
}
