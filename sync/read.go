package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// read takes in every page, proves absences, and completes the plan. A *directory.HeldError says
// that it stopped before that, because what it read is not to be relied on.
func (x *execution) read(ctx context.Context) error {
	e := x.engine
	err := x.pull(ctx)
	var refused *directory.CursorError
	if errors.As(err, &refused) && x.from != nil {
		if err := x.startOver(ctx, refused.Error()); err != nil {
			return err
		}
		err = x.pull(ctx)
	}
	if err != nil {
		return err
	}
	if x.run.Scope.Kind == directory.ScopeFull {
		if err := x.confirmAbsences(ctx); err != nil {
			return err
		}
	}
	if err := x.planMemberships(ctx); err != nil {
		return err
	}
	if err := x.planGrants(ctx); err != nil {
		return err
	}
	x.run.Progress.ListsRefuted = x.run.Progress.ListsRefuted || x.absences.Hidden > 0
	// Last, so that nobody is a member of a group that is not there.
	planned, err := diffGroups(ctx, x.groups, x.gone, e.rules)
	if err != nil {
		return err
	}
	return x.plan(ctx, planned)
}

// pull takes in the pages that are still to be read.
func (x *execution) pull(ctx context.Context) error {
	e := x.engine
	deactivated, err := e.store.CountPeople(ctx, e.tenant, directory.StatusDeactivated)
	if err != nil {
		return fmt.Errorf("count deactivated people: %w", err)
	}
	request := directory.PullRequest{
		Scope: x.run.Scope, Deactivated: x.run.Scope.Kind == directory.ScopeFull && deactivated > 0, From: x.from,
		Links: e.mapper.links,
	}
	if x.run.Rules != "" {
		request.Groups = &e.rules.Groups
	}
	for page, err := range e.source.Pull(ctx, request) {
		if err != nil {
			return fmt.Errorf("read %s from Okta: %w", x.run.Scope.Public(), err)
		}
		if err := x.take(ctx, page); err != nil {
			x.run = x.kept // what was counted of this page counts for nothing
			return err
		}
	}
	return nil
}

// take plans what one page shows to differ.
func (x *execution) take(ctx context.Context, page directory.Page) error {
	x.result.Asked = true
	progress := &x.run.Progress
	progress.Pages++
	progress.Calls, progress.CallsLeft = x.callsBefore+page.Calls, page.CallsLeft
	progress.ETA = x.estimate(page)
	if x.first.IsZero() || page.At.Before(x.first) {
		x.first = page.At
	}
	pages := []directory.Page{page}
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
		var gone []directory.Page
		planned, gone, err = x.takeGroups(ctx, page.Groups)
		pages = append(pages, gone...)
	case page.Members != nil:
		progress.Members += len(page.Members.IDs)
	}
	if err != nil {
		return err
	}
	return x.step(ctx, planned, pages...)
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
	note := sights{}
	for _, seen := range page {
		hash, known := hashes[seen.ID]
		if known && hash.Row == e.mapper.seenHash(seen) {
			last, err := e.mapper.lastSeen(seen)
			if err != nil {
				return nil, err
			}
			note.add(seen, hash.Seen, last)
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
		decided, changes, err := e.plannedPerson(row, seen)
		if err != nil {
			return nil, err
		}
		if row != nil && decided.change == nil {
			note.add(seen, row.Seen.Hash, decided.seen)
		}
		planned = append(planned, changes...)
	}
	return planned, x.noteSeen(ctx, note)
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
func (e *Engine) plannedPerson(have *directory.Person, seen directory.PersonSeen) (outcome, []directory.PlannedChange, error) {
	decided, err := e.mapper.diffPerson(have, seen)
	if err != nil {
		return outcome{}, nil, err
	}
	var planned []directory.PlannedChange
	if decided.quarantined != nil {
		c, err := quarantineChange(*decided.quarantined, seen)
		if err != nil {
			return outcome{}, nil, err
		}
		planned = append(planned, c)
	}
	if decided.change != nil {
		planned = append(planned, *decided.change)
	}
	return decided, planned, nil
}

// plan adds to the run's plan.
func (x *execution) plan(ctx context.Context, changes []directory.PlannedChange) error {
	if len(changes) == 0 {
		return nil
	}
	if err := x.engine.store.AppendPlan(ctx, x.engine.tenant, x.run.ID, x.owner, changes); err != nil {
		return fmt.Errorf("add %d changes to the plan: %w", len(changes), err)
	}
	x.run.Progress.Planned += int64(len(changes))
	return nil
}

// takeGroups plans the groups that are wanted. The others are kept for the end; the pages
// say that they have no members.
func (x *execution) takeGroups(ctx context.Context, seen []directory.GroupSeen) ([]directory.PlannedChange, []directory.Page, error) {
	seen, err := x.provenAssigned(ctx, seen)
	if err != nil {
		return nil, nil, err
	}
	var wanted, note []directory.GroupSeen
	var gone []directory.Page
	for _, g := range seen {
		selected := g.Exists && x.engine.rules.Groups.Selects(g)
		if selected {
			wanted = append(wanted, g)
		} else {
			gone = append(gone, x.dropGroup(g))
		}
		// A run of one group marks the events that it is due to: nobody will look again, so an
		// older list must not undo what it saw. Nor may it bring in a group that is gone.
		if x.run.Scope.Kind == directory.ScopeGroup || !selected {
			note = append(note, g)
		}
	}
	// Before they are compared: see mark.
	if len(note) > 0 {
		err := x.mark(ctx, func(ctx context.Context, tx Tx) error { return tx.NoteGroups(ctx, note) })
		if err != nil {
			return nil, nil, err
		}
	}
	planned, err := diffGroups(ctx, x.groups, wanted, x.engine.rules)
	return planned, gone, err
}

// dropGroup remembers a group that is gone as one without members, so that
// planMemberships ends its memberships.
func (x *execution) dropGroup(seen directory.GroupSeen) directory.Page {
	x.gone = append(x.gone, directory.GroupSeen{ID: seen.ID, At: seen.At}) // what it was called is in its row
	return directory.Page{At: seen.At, Members: &directory.MemberPage{GroupID: seen.ID, Last: true}}
}

// mark notes what has been read of groups, before it is compared: whoever writes older sight
// meanwhile, such as a plan that waited for its approval, has either written it by
// now, and the comparison finds it, or leaves these groups alone.
func (x *execution) mark(ctx context.Context, what func(context.Context, Tx) error) error {
	if x.run.DryRun {
		return nil
	}
	if err := x.engine.store.Update(ctx, x.engine.tenant, what); err != nil {
		return fmt.Errorf("mark what run %s has read: %w", x.run.ID, err)
	}
	return nil
}

// planMemberships plans the memberships that were seen and are missing, then
// those that are there and were not seen.
func (x *execution) planMemberships(ctx context.Context) error {
	e := x.engine
	err := x.mark(ctx, func(ctx context.Context, tx Tx) error { return tx.MarkMembersRead(ctx, x.run.ID) })
	if err != nil {
		return err
	}
	looked := map[string]witnessed{}
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
				if differing, err = x.proven(ctx, found, looked); err != nil {
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
