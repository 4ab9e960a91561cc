package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// applied is what became of a batch of planned changes.
type applied struct {
	changes     []directory.Change // in the fixed order, ready for the history
	superseded  int                // left alone: the row has moved on since it was planned
	quarantined int
}

// batch applies planned changes inside one transaction. Every trigger ends here.
type batch struct {
	engine  *Engine
	tx      Tx
	cause   directory.Cause
	people  map[string]directory.Person
	groups  map[string]directory.Group
	planned []directory.PlannedChange
	aliases directory.TeamAliases
	came    map[string]bool // people whom this batch created or brought back
	created []string        // people whom it created

	out        applied
	teams      []directory.Change
	groupsMade []directory.Change
	peopleMade []directory.Change
	joins      []directory.Change
	moves      []directory.Change // people whose teams follow from their groups
	parts      []directory.Change
	groupsGone []directory.Change
	left       []string // people who are not, or no longer, present
	grantsMade []directory.Change
	grantsGone []directory.Change
	invites    []directory.Change
}

// applyBatch writes planned changes whose rows are still as the plan found them. The caller
// holds the tenant's lock through tx, and appends the returned changes to the history.
func (e *Engine) applyBatch(ctx context.Context, tx Tx, planned []directory.PlannedChange, cause directory.Cause) (applied, error) {
	b := &batch{engine: e, tx: tx, cause: cause, planned: planned, came: map[string]bool{}}
	for _, step := range []func(context.Context) error{b.load, b.applyGroups, b.applyPeople, b.applyMemberships, b.placeTeams, b.applyGrants, b.applyInvites} {
		if err := step(ctx); err != nil {
			return applied{}, err
		}
	}
	// Additions from the outside in, removals from the inside out: whoever reads
	// the history in order never meets a member of something that is not there.
	b.out.changes = slices.Concat(b.teams, b.groupsMade, b.peopleMade, b.joins, b.moves, b.grantsMade)
	b.out.changes = slices.Concat(b.grantsGone, b.parts, b.out.changes)
	b.out.changes = append(b.out.changes, b.groupsGone...)
	ended, err := b.endTeams(ctx)
	if err != nil {
		return applied{}, err
	}
	b.out.changes = slices.Concat(b.out.changes, ended, b.invites)
	return b.out, nil
}

func (b *batch) load(ctx context.Context) error {
	people, groups := map[string]bool{}, map[string]bool{}
	for _, c := range b.planned {
		if c.PersonID != "" {
			people[c.PersonID] = true
		}
		if c.Subject == directory.SubjectGroup || c.Subject == directory.SubjectMembership {
			groups[c.SubjectID] = true
		}
	}
	rows, err := b.tx.People(ctx, sortedKeys(people))
	if err != nil {
		return fmt.Errorf("load %d people: %w", len(people), err)
	}
	b.people = byID(rows, func(p directory.Person) string { return p.ID })
	groupRows, err := b.tx.Groups(ctx, sortedKeys(groups))
	if err != nil {
		return fmt.Errorf("load %d groups: %w", len(groups), err)
	}
	b.groups = byID(groupRows, func(g directory.Group) string { return g.ID })
	b.aliases, err = b.tx.TeamAliases(ctx)
	return err
}

func byID[T any](rows []T, id func(T) string) map[string]T {
	m := make(map[string]T, len(rows))
	for _, row := range rows {
		m[id(row)] = row
	}
	return m
}

func (b *batch) of(subject directory.SubjectKind) []directory.PlannedChange {
	var some []directory.PlannedChange
	for _, c := range b.planned {
		if c.Subject == subject {
			some = append(some, c)
		}
	}
	return some
}

func (b *batch) change(c directory.PlannedChange) directory.Change {
	return directory.Change{Type: c.Type, Subject: c.Subject, SubjectID: c.SubjectID, PersonID: c.PersonID, Fields: c.Fields, Cause: b.cause}
}

func (b *batch) applyGroups(ctx context.Context) error {
	var put []directory.Group
	for _, c := range b.of(directory.SubjectGroup) {
		row, exists := b.groups[c.SubjectID]
		have := (*directory.Group)(nil)
		if exists {
			have = &row
		}
		if groupHash(have) != c.BeforeHash || exists && row.ObservedAt.After(c.ObservedAt) && (c.Type != directory.GroupRemoved || !b.unselected(row)) {
			b.out.superseded++
			if err := b.lookAgain(ctx, c.SubjectID); err != nil {
				return err
			}
			continue
		}
		var next directory.Group
		if err := json.Unmarshal(c.After, &next); err != nil {
			return fmt.Errorf("decode planned row of group %s: %w", c.SubjectID, err)
		}
		next.ObservedAt = latest(next.ObservedAt, row.ObservedAt)
		put = append(put, next)
		next.MembersObservedAt = row.MembersObservedAt // which the plan does not know
		b.groups[next.ID] = next
		if next.Removed {
			b.groupsGone = append(b.groupsGone, b.change(c))
		} else {
			b.groupsMade = append(b.groupsMade, b.change(c))
		}
	}
	if len(put) == 0 {
		return nil
	}
	if err := b.tx.PutGroups(ctx, put); err != nil {
		return fmt.Errorf("write %d groups: %w", len(put), err)
	}
	return b.renameTeams(ctx, put)
}

// unselected says whether no rule selects a group, by what its row tells of it now: whenever it was read last, it goes.
func (b *batch) unselected(g directory.Group) bool {
	return g.ID != "" && !b.engine.rules.Groups.Selects(directory.GroupSeen{ID: g.ID, Name: g.Name, Type: g.Type, Assigned: g.Assigned})
}

func latest(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// lookAgain has a group read again of which a plan of changed rules did not come true: whoever read it since the plan was
// made did so by other rules.
func (b *batch) lookAgain(ctx context.Context, group string) error {
	if b.cause.Rules == "" {
		return nil
	}
	return b.tx.AskSecondLook(ctx, directory.GroupScope(group), 0)
}

// personWrite is a person to write, with the row that was there before.
type personWrite struct {
	before, after directory.Person
	change        directory.PlannedChange
	teams         []placed // in which the rules put the person
	merged        bool     // the primary one stands for that of the rules, which was merged into it
}

func (b *batch) applyPeople(ctx context.Context) error {
	var quarantined []directory.Quarantined
	var writes []personWrite
	// Okta's list may show somebody twice: the newest sight counts.
	newest := map[string]int{}
	planned := b.of(directory.SubjectPerson)
	key := func(c directory.PlannedChange) string { return fmt.Sprint(c.Type == personQuarantined, c.PersonID) }
	for i, c := range planned {
		if at, twice := newest[key(c)]; !twice || !c.ObservedAt.Before(planned[at].ObservedAt) {
			newest[key(c)] = i
		}
	}
	for i, c := range planned {
		row, exists := b.people[c.PersonID]
		if newest[key(c)] != i || exists && row.ObservedAt.After(c.ObservedAt) {
			b.out.superseded++
			continue
		}
		if c.Type == personQuarantined {
			var q directory.Quarantined
			if err := json.Unmarshal(c.After, &q); err != nil {
				return fmt.Errorf("decode planned quarantine of person %s: %w", c.PersonID, err)
			}
			quarantined = append(quarantined, q)
			continue
		}
		if exists && row.Hash != c.BeforeHash || !exists && c.BeforeHash != "" {
			b.out.superseded++
			continue
		}
		w := personWrite{before: row, change: c}
		if err := json.Unmarshal(c.After, &w.after); err != nil {
			return fmt.Errorf("decode planned row of person %s: %w", c.PersonID, err)
		}
		if !b.engine.mapper.teamsOfGroups() {
			w.teams = b.engine.mapper.teamsOf(&w.after.Profile, nil, nil)
		}
		w.follow(b.aliases)
		writes = append(writes, w)
	}
	writes, duplicates, err := b.unique(ctx, writes, b.engine.rules.Unique)
	if err != nil {
		return err
	}
	if quarantined = append(quarantined, duplicates...); len(quarantined) > 0 {
		b.out.quarantined += len(quarantined)
		if err := b.tx.PutQuarantined(ctx, quarantined); err != nil {
			return fmt.Errorf("write %d quarantined records: %w", len(quarantined), err)
		}
	}
	if len(writes) == 0 {
		return nil
	}
	if err := b.makeTeams(ctx, writes); err != nil {
		return err
	}
	if err := b.writePeople(ctx, writes, quarantined); err != nil {
		return err
	}
	return b.offer(ctx, writes)
}

func (b *batch) writePeople(ctx context.Context, writes []personWrite, quarantined []directory.Quarantined) error {
	rows := make([]directory.Person, len(writes))
	var elsewhere []directory.Person // whose further teams are others now
	var leavers, sound []string
	dirtyPeople, dirtyRefs := map[string]bool{}, map[string]bool{}
	stillBad := map[string]bool{}
	for _, q := range quarantined {
		stillBad[q.PersonID] = true
	}
	for i, w := range writes {
		rows[i] = w.after
		if !slices.Equal(w.before.FurtherTeams, w.after.FurtherTeams) {
			elsewhere = append(elsewhere, w.after)
		}
		b.people[w.after.ID] = w.after
		b.came[w.after.ID] = !inDirectory(w.before) && inDirectory(w.after)
		if w.change.Type == directory.PersonCreated {
			b.created = append(b.created, w.after.ID)
		}
		b.peopleMade = append(b.peopleMade, b.change(w.change))
		if !inDirectory(w.after) {
			leavers = append(leavers, w.after.ID)
		}
		if !w.after.Present() {
			b.left = append(b.left, w.after.ID)
		}
		if !stillBad[w.after.ID] && !w.change.StatusOnly {
			sound = append(sound, w.after.ID)
		}
		w.noteManagers(dirtyPeople, dirtyRefs)
	}
	if err := b.tx.PutPeople(ctx, rows); err != nil {
		return fmt.Errorf("write %d people: %w", len(rows), err)
	}
	if err := b.tx.PutTeamMembers(ctx, elsewhere); err != nil {
		return err
	}
	if err := b.noteLeft(ctx, writes); err != nil {
		return err
	}
	if err := b.tx.ReleaseQuarantined(ctx, sound); err != nil {
		return fmt.Errorf("release quarantined records: %w", err)
	}
	if len(dirtyPeople) > 0 || len(dirtyRefs) > 0 {
		if err := b.tx.MarkManagersDirty(ctx, sortedKeys(dirtyPeople), sortedKeys(dirtyRefs)); err != nil {
			return fmt.Errorf("queue managers: %w", err)
		}
	}
	return b.dropMemberships(ctx, leavers)
}

// noteManagers adds the person when their own manager may differ now, and what
// others may have called them when they can be found under other names now.
func (w personWrite) noteManagers(people, refs map[string]bool) {
	before, after := w.before, w.after
	// What the text of an absent person means is not asked, so coming and going count as well.
	turned := before.Present() != after.Present()
	if turned || before.TeamID != after.TeamID || before.Profile.ManagerIDText != after.Profile.ManagerIDText ||
		before.Profile.ManagerText != after.Profile.ManagerText || before.Profile.ManagerLink != after.Profile.ManagerLink {
		people[after.ID] = true
	}
	if turned || after.IsTombstone() {
		refs[after.ID] = true
	}
	for _, names := range [][2]string{
		{before.Profile.Login, after.Profile.Login}, {before.Profile.Email, after.Profile.Email},
		{before.Profile.EmployeeNumber, after.Profile.EmployeeNumber}, {before.Profile.Name(), after.Profile.Name()},
	} {
		old, now := names[0], names[1]
		if !turned && directory.Fold(old) == directory.Fold(now) {
			continue
		}
		for _, value := range names {
			if value != "" {
				refs[value] = true
			}
		}
	}
}

// personQuarantined is the planned change that lists a record as quarantined. It
// never reaches the history: nothing in the directory changed.
const personQuarantined directory.ChangeType = "person.quarantined"

func quarantineChange(q directory.Quarantined, seen directory.PersonSeen) (directory.PlannedChange, error) {
	after, err := json.Marshal(q)
	if err != nil {
		return directory.PlannedChange{}, fmt.Errorf("encode quarantine of person %s: %w", q.PersonID, err)
	}
	return directory.PlannedChange{
		Type: personQuarantined, Subject: directory.SubjectPerson, SubjectID: q.PersonID,
		PersonID: q.PersonID, ObservedAt: seen.At, After: after,
	}, nil
}
