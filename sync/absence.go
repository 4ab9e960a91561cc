package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

const (
	// probe is how many of the people whom a suspect list lacks are read by id. When none of
	// them is gone, the list is wrong, and the reads of the others would be for nothing.
	probe = 25
	// mostProofs is how many people a run reads by id to prove that they are gone when the list lacks
	// more than the limit allows. At the rates of a small org this takes an hour or two.
	mostProofs = 2000
	// groupsAtOnce is how many groups are read by id before that is kept.
	groupsAtOnce = 50
)

// absences is what a run finds out about the present people whom Okta's list lacks.
type absences struct {
	Counted bool // once all pages are read, and only once
	Present int  // active and suspended people in the directory
	Missing int  // of these, whom the list lacks
	Gone    int  // of these, whose read by id says so
	There   int  // of these, whose read by id says the opposite
	Suspect bool
	// Hidden counts the groups of the directory which Okta's list lacks and which exist, by a read by id.
	Hidden int
}

// confirmAbsences reads by id whom and what the pull did not show: a list alone proves
// nothing. A list that lacks more than the limit allows is suspect. It is put to
// the probe first; what it proves then is planned, and the guard holds the plan.
func (x *execution) confirmAbsences(ctx context.Context) error {
	if err := x.countAbsences(ctx); err != nil {
		return err
	}
	e := x.engine
	for _, status := range []directory.Status{directory.StatusActive, directory.StatusSuspended, directory.StatusDeactivated} {
		err := x.confirmUnseen(ctx, func(after string) ([]string, error) {
			return e.store.UnseenPeople(ctx, e.tenant, x.run.ID, status, after, pageSize)
		})
		if err != nil {
			return err
		}
	}
	if e.rules.Deprovision.Policy != directory.DeprovisionFromTeam {
		// Their accounts stayed under a policy that is no more.
		err := x.confirmUnseen(ctx, func(after string) ([]string, error) {
			return e.store.UnseenDetached(ctx, e.tenant, x.run.ID, after, pageSize)
		})
		if err != nil {
			return err
		}
	}
	groups, err := e.store.UnseenGroups(ctx, e.tenant, x.run.ID)
	if err != nil {
		return fmt.Errorf("find unseen groups: %w", err)
	}
	for some := range slices.Chunk(groups, groupsAtOnce) {
		if err := x.confirmGroups(ctx, some); err != nil {
			return err
		}
	}
	return nil
}

// confirmUnseen reads by id whom find names, page by page.
func (x *execution) confirmUnseen(ctx context.Context, find func(after string) ([]string, error)) error {
	after := ""
	for {
		ids, err := find(after)
		if err != nil {
			return fmt.Errorf("find unseen people: %w", err)
		}
		if err := x.confirmPeople(ctx, ids); err != nil {
			return err
		}
		if len(ids) < pageSize {
			return nil
		}
		after = ids[len(ids)-1]
	}
}

// countAbsences counts who is missing, and refuses a list that lacks so many that nobody would
// wait for the proofs.
func (x *execution) countAbsences(ctx context.Context) error {
	if x.absences.Counted { // before the reading was interrupted: those who were proved to be gone since are not missing now
		return nil
	}
	e := x.engine
	a := absences{Counted: true}
	for _, status := range []directory.Status{directory.StatusActive, directory.StatusSuspended} {
		n, err := e.store.CountPeople(ctx, e.tenant, status)
		if err != nil {
			return fmt.Errorf("count %s people: %w", status, err)
		}
		missing, err := e.store.CountUnseenPeople(ctx, e.tenant, x.run.ID, status)
		if err != nil {
			return fmt.Errorf("count unseen %s people: %w", status, err)
		}
		a.Present, a.Missing = a.Present+n, a.Missing+missing
	}
	a.Suspect = a.Present > 0 && x.listedNobody() || e.rules.Limits.People.Exceeded(a.Missing, a.Present)
	x.absences = a
	if a.Suspect && a.Missing > mostProofs {
		return x.distrust(ctx, fmt.Sprintf(
			"these are more than the %d that are read by id to prove it; if it is right, raise limits.people above %d for one run", mostProofs, a.Missing))
	}
	return nil
}

func (x *execution) listedNobody() bool { return x.run.Progress.People == 0 }

// lacks says what is wrong with the list.
func (x *execution) lacks() string {
	a := x.absences
	if x.listedNobody() {
		return fmt.Sprintf("Okta listed nobody as assigned to the app, while the directory has %d people; an empty list usually means a "+
			"service app without an admin role, a changed app id, or an outage: run oktasync doctor", a.Present)
	}
	return fmt.Sprintf("Okta's list lacks %d of the %d people in the directory, over the limit of %s",
		a.Missing, a.Present, describe(x.engine.rules.Limits.People))
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
		seen, err := e.source.Person(ctx, directory.PersonRequest{Ref: rows[i].ID, Links: e.mapper.links})
		if err != nil {
			return fmt.Errorf("confirm absence of person %s: %w", rows[i].ID, err)
		}
		x.run.Counts.Confirmed++
		// Memberships come from the groups' lists in a run.
		seen.Groups, seen.GroupsRead = nil, false
		_, planned, err := e.plannedPerson(&rows[i], seen)
		if err != nil {
			return err
		}
		refuted := x.tally(rows[i], seen)
		// Seen from here on: should the run be interrupted, nobody is read twice.
		if err := x.step(ctx, planned, directory.Page{At: seen.At, People: []directory.PersonSeen{seen}}); err != nil {
			return err
		}
		if refuted {
			return x.distrust(ctx, x.refuted())
		}
	}
	return nil
}

// tally notes what a read by id says about the list, and whether it ends the probe: the list is wrong.
func (x *execution) tally(row directory.Person, seen directory.PersonSeen) bool {
	if !row.Present() {
		return false
	}
	a := &x.absences
	if status, _ := statusOf(seen); status.Present() {
		a.There++
	} else {
		a.Gone++
	}
	return a.Suspect && a.Gone == 0 && a.There >= min(probe, a.Missing)
}

// distrust holds the run because of its list of people.
func (x *execution) distrust(ctx context.Context, why string) error {
	hint, err := x.narrower(ctx)
	if err != nil {
		return err
	}
	return &directory.HeldError{Reasons: append([]string{x.lacks(), why}, hint...)}
}

func (x *execution) refuted() string {
	return fmt.Sprintf("of these, %d were read by id and %d are still assigned, so the list is not to be trusted",
		x.absences.There+x.absences.Gone, x.absences.There)
}

// confirmGroups reads groups by id. They are one step: each step keeps all that are gone so far, and there
// may be thousands when the rules change.
func (x *execution) confirmGroups(ctx context.Context, ids []string) error {
	e := x.engine
	var pages []directory.Page
	for _, id := range ids {
		seen, err := e.source.Group(ctx, id, e.rules.Groups.Assigned)
		if err != nil {
			return fmt.Errorf("confirm absence of group %s: %w", id, err)
		}
		x.run.Counts.Confirmed++
		pages = append(pages, directory.Page{At: seen.At, Groups: []directory.GroupSeen{seen}})
		// One that the list missed stays, and so do its members, who were not read.
		if !seen.Exists || !e.rules.Groups.Selects(seen) {
			pages = append(pages, x.dropGroup(seen))
		} else {
			x.absences.Hidden++
		}
	}
	return x.step(ctx, nil, pages...)
}

// judge compares the whole plan, and what is known about the list that it rests on, with the limits.
func (x *execution) judge(ctx context.Context) error {
	e := x.engine
	counts, err := e.store.PlanCounts(ctx, e.tenant, x.run.ID)
	if err != nil {
		return fmt.Errorf("sum up the plan of run %s: %w", x.run.ID, err)
	}
	if err := x.countGrants(ctx, &counts); err != nil {
		return err
	}
	var reasons []string
	a := x.absences
	switch {
	case a.Suspect && x.listedNobody():
		reasons = append(reasons, x.lacks())
	case e.rules.Limits.People.Exceeded(a.There, a.Present):
		reasons = append(reasons, x.lacks(), x.refuted())
	}
	if limit := e.rules.Limits.Groups; limit.Exceeded(a.Hidden, counts.GroupsBefore) {
		reasons = append(reasons, fmt.Sprintf("Okta's list lacks %d of the %d groups in the directory, over the limit of %s, although each of them "+
			"exists when it is read by id; their members were not read", a.Hidden, counts.GroupsBefore, describe(limit)))
	}
	err = Guard(e.rules.Limits, counts, reasons)
	var held *directory.HeldError
	if !errors.As(err, &held) {
		return err
	}
	hint, narrowErr := x.narrower(ctx)
	if narrowErr != nil {
		return narrowErr
	}
	held.Reasons = append(held.Reasons, hint...)
	return held
}

// narrower compares what this run saw with what the last one did that succeeded. A role that was taken away
// or limited to some groups hides people and groups, and Okta's answers look as if they had gone.
func (x *execution) narrower(ctx context.Context) ([]string, error) {
	if x.run.Scope.Kind != directory.ScopeFull {
		return nil, nil
	}
	last, found, err := x.engine.store.LastSight(ctx, x.engine.tenant)
	if err != nil {
		return nil, err
	}
	p := x.run.Progress
	if !found || p.People >= last.People && p.Groups >= last.Groups {
		return nil, nil
	}
	return []string{fmt.Sprintf("Okta showed %d people and %d groups, while run %s saw %d and %d; if nobody cleaned up in Okta, the role of the API "+
		"token's owner or of the service app was narrowed: run oktasync doctor, give the role back, and run the sync again",
		p.People, p.Groups, last.Run, last.People, last.Groups)}, nil
}
