package sync

import (
	"context"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

// dropMemberships ends the memberships of people who are removed or detached.
func (b *batch) dropMemberships(ctx context.Context, leavers []string) error {
	if len(leavers) == 0 {
		return nil
	}
	rows, err := b.tx.MembershipsOf(ctx, leavers)
	if err != nil {
		return fmt.Errorf("load memberships of %d leavers: %w", len(leavers), err)
	}
	var put []directory.Membership
	for _, m := range rows {
		if !m.Present {
			continue
		}
		m.Present, m.ObservedAt = false, b.people[m.PersonID].ObservedAt
		put = append(put, m)
		b.parts = append(b.parts, b.change(membershipChange(m)))
	}
	return b.putMemberships(ctx, put)
}

func (b *batch) applyMemberships(ctx context.Context) error {
	planned := b.of(directory.SubjectMembership)
	if len(planned) == 0 {
		return nil
	}
	type pair struct{ group, person string }
	var pairs []directory.Membership
	for _, c := range planned {
		pairs = append(pairs, directory.Membership{GroupID: c.SubjectID, PersonID: c.PersonID})
	}
	rows, err := b.tx.Memberships(ctx, pairs)
	if err != nil {
		return fmt.Errorf("load %d memberships: %w", len(pairs), err)
	}
	have := map[pair]directory.Membership{}
	for _, m := range rows {
		have[pair{m.GroupID, m.PersonID}] = m
	}
	outdated, err := b.outdated(ctx, planned)
	if err != nil {
		return err
	}
	var put []directory.Membership
	late := map[string]bool{} // groups whose list was read since
	for _, c := range planned {
		join := c.Type == directory.MembershipAdded
		row := have[pair{c.SubjectID, c.PersonID}]
		person, personKnown := b.people[c.PersonID]
		group, groupKnown := b.groups[c.SubjectID]
		out := join && (!personKnown || !inDirectory(person) || !groupKnown || group.Removed)
		old := outdated(c)
		stale := row.ObservedAt.After(c.ObservedAt) || person.GroupsObservedAt.After(c.ObservedAt) || old
		stale = stale && (join || !b.unselected(group))
		late[c.SubjectID] = late[c.SubjectID] || stale && old
		if out || stale || row.Present == join {
			b.out.superseded++
			continue
		}
		m := directory.Membership{GroupID: c.SubjectID, PersonID: c.PersonID, Present: join, ObservedAt: latest(c.ObservedAt, row.ObservedAt)}
		put = append(put, m)
		if join {
			b.joins = append(b.joins, b.change(c))
		} else {
			b.parts = append(b.parts, b.change(c))
		}
	}
	for _, id := range sortedKeys(late) {
		if !late[id] {
			continue
		}
		if err := b.lookAgain(ctx, id); err != nil {
			return err
		}
	}
	return b.putMemberships(ctx, put)
}

// outdated returns which changes a newer list of the group's members speaks against. It does not
// speak of people who were not in the directory then: nobody could be put into a group by
// it, so what was seen of them before counts.
func (b *batch) outdated(ctx context.Context, planned []directory.PlannedChange) (func(directory.PlannedChange) bool, error) {
	older := func(c directory.PlannedChange) bool {
		return b.groups[c.SubjectID].MembersObservedAt.After(c.ObservedAt)
	}
	late := map[string]bool{}
	for _, c := range planned {
		if older(c) && !b.came[c.PersonID] {
			late[c.PersonID] = true
		}
	}
	if len(late) == 0 || b.cause.RunID == "" {
		return func(c directory.PlannedChange) bool { return older(c) && late[c.PersonID] }, nil
	}
	joiners, err := b.tx.Joiners(ctx, b.cause.RunID, sortedKeys(late))
	if err != nil {
		return nil, fmt.Errorf("look which of %d people are new: %w", len(late), err)
	}
	return func(c directory.PlannedChange) bool { return older(c) && late[c.PersonID] && !joiners[c.PersonID] }, nil
}

// inDirectory says whether the person has, or could have, a place in groups.
func inDirectory(p directory.Person) bool {
	return p.ID != "" && p.Status != directory.StatusRemoved && !p.Detached()
}

func (b *batch) putMemberships(ctx context.Context, put []directory.Membership) error {
	if len(put) == 0 {
		return nil
	}
	if err := b.tx.PutMemberships(ctx, put); err != nil {
		return fmt.Errorf("write %d memberships: %w", len(put), err)
	}
	return nil
}
