package store

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// The questions of this file ask, row by row and by key, whether something is
// staged or planned: "(select 1 … limit 1) is null" and not "not exists". The
// tables have just been filled and Postgres has no statistics of them; for an
// anti-join it may then choose to compare every row with every row. A single
// look-up by key is as good as it gets and never gets worse.

// notSeen asks for one kind at a time: given a list of kinds, Postgres without
// statistics uses only the key's first columns and reads all of the run's rows for
// each person.
const notSeen = `
	p.tenant = $1 and p.status = $3 and not ` + detached + `
	and (select 1 from staged s where s.tenant = $1 and s.run = $2 and s.kind = 'person' and s.id = p.id limit 1) is null
	and (select 1 from staged s where s.tenant = $1 and s.run = $2 and s.kind = $4 and s.id = p.id limit 1) is null`

// alsoSeenAs returns by what kind of page, beside Page.People, people with the
// status are seen.
func alsoSeenAs(status directory.Status) string {
	if status.Present() {
		return stagedPerson
	}
	return stagedDeactivated
}

// UnseenPeople returns ids, in order after `after`, at most limit, of people with
// the status whom the run has not seen, without those who are detached. Active and suspended people are seen by
// Page.People, others by Page.Deactivated too.
func (d *DB) UnseenPeople(ctx context.Context, tenant, run string, status directory.Status, after string, limit int) ([]string, error) {
	const query = `select p.id from people p where ` + notSeen + ` and p.id > $5 order by p.id limit $6`
	ids, err := list(ctx, d, d.read, scanText, query, tenant, run, string(status), alsoSeenAs(status), after, limit)
	if err == nil {
		err = d.staged(ctx, d.read, tenant, run)
	}
	if err != nil {
		return nil, fmt.Errorf("find people whom run %s of tenant %s has not seen: %w", run, tenant, err)
	}
	return ids, nil
}

// UnseenDetached is UnseenPeople for those who are detached.
func (d *DB) UnseenDetached(ctx context.Context, tenant, run, after string, limit int) ([]string, error) {
	const query = `
		select p.id from people p
		where p.tenant = $1 and ` + detached + ` and p.id > $3
			and (select 1 from staged s where s.tenant = $1 and s.run = $2 and s.kind = 'person' and s.id = p.id limit 1) is null
		order by p.id limit $4`
	ids, err := list(ctx, d, d.read, scanText, query, tenant, run, after, limit)
	if err == nil {
		err = d.staged(ctx, d.read, tenant, run)
	}
	if err != nil {
		return nil, fmt.Errorf("find detached people whom run %s of tenant %s has not seen: %w", run, tenant, err)
	}
	return ids, nil
}

// CountUnseenPeople counts them.
func (d *DB) CountUnseenPeople(ctx context.Context, tenant, run string, status directory.Status) (int, error) {
	const query = `select count(*) from people p where ` + notSeen
	var count int
	err := d.row(ctx, d.read, query, tenant, run, string(status), alsoSeenAs(status)).Scan(&count)
	if err == nil {
		err = d.staged(ctx, d.read, tenant, run)
	}
	if err != nil {
		return 0, fmt.Errorf("count people whom run %s of tenant %s has not seen: %w", run, tenant, err)
	}
	return count, nil
}

// UnseenGroups returns ids of groups that are not removed and that the run has
// not seen, in order.
func (d *DB) UnseenGroups(ctx context.Context, tenant, run string) ([]string, error) {
	const query = `
		select g.id from groups g
		where g.tenant = $1 and not g.removed and (
			select 1 from staged s
			where s.tenant = $1 and s.run = $2 and s.kind = 'group' and s.id = g.id limit 1) is null
		order by g.id`
	ids, err := list(ctx, d, d.read, scanText, query, tenant, run)
	if err == nil {
		err = d.staged(ctx, d.read, tenant, run)
	}
	if err != nil {
		return nil, fmt.Errorf("find groups that run %s of tenant %s has not seen: %w", run, tenant, err)
	}
	return ids, nil
}

// MissingMembers returns memberships that the run has seen and that are not
// present in the directory, of people who are in it (neither removed nor detached) or whom
// the plan creates or brings back, in order of group and person after `after`, at most
// limit. ObservedAt is that of the page that showed them first.
func (d *DB) MissingMembers(ctx context.Context, tenant, run string, after directory.Membership, limit int) ([]directory.Membership, error) {
	// Whoever was not there, or was removed, is planned as created or reactivated.
	const query = `
		select s.group_id, s.person_id, s.at
		from staged_members s
		where s.tenant = $1 and s.run = $2 and (s.group_id, s.person_id) > ($3, $4)
			and (select 1 from memberships m
				where m.tenant = $1 and m.group_id = s.group_id and m.person_id = s.person_id and m.present limit 1) is null
			and coalesce(
				(select 1 from people where tenant = $1 and id = s.person_id and status <> 'removed' and not ` + detached + ` limit 1),
				(select 1 from plan c where c.tenant = $1 and c.run = (select $2) and c.subject = 'person' and c.subject_id = s.person_id
					and c.type in ('person.created', 'person.reactivated') limit 1)) is not null
		order by s.group_id, s.person_id limit $5`
	scan := func(s scanner) (m directory.Membership, err error) {
		m.Present = true
		return m, s.Scan(&m.GroupID, &m.PersonID, moment{&m.ObservedAt})
	}
	missing, err := list(ctx, d, d.read, scan, query, tenant, run, after.GroupID, after.PersonID, limit)
	if err == nil {
		err = d.staged(ctx, d.read, tenant, run)
	}
	if err != nil {
		return nil, fmt.Errorf("find members that run %s of tenant %s adds: %w", run, tenant, err)
	}
	return missing, nil
}

// groupsAtOnce is how many groups UnseenMembers looks into with one question, so
// that a page of the answer costs what it holds and not all groups.
const groupsAtOnce = 64

// readGroup is a group that the run has read to the last page.
type readGroup struct {
	id string
	at time.Time
}

// UnseenMembers returns memberships that are present in the directory but were
// not seen by the run, in groups that the run has read to the last page, and of
// people whom the plan neither removes nor detaches, in order of group and person after
// `after`, at most limit. ObservedAt is that of the first page of the group.
func (d *DB) UnseenMembers(ctx context.Context, tenant, run string, after directory.Membership, limit int) ([]directory.Membership, error) {
	var unseen []directory.Membership
	from := after.GroupID
	for len(unseen) < limit {
		groups, err := d.readGroups(ctx, tenant, run, from)
		if err != nil {
			return nil, fmt.Errorf("find groups that run %s of tenant %s has read: %w", run, tenant, err)
		}
		if len(groups) == 0 {
			break
		}
		found, err := d.unseenIn(ctx, tenant, run, groups, after, limit-len(unseen))
		if err != nil {
			return nil, fmt.Errorf("find members that run %s of tenant %s takes out: %w", run, tenant, err)
		}
		unseen = append(unseen, found...)
		// No id is between an id and itself with the least character that can be stored.
		from = groups[len(groups)-1].id + "\x01"
	}
	if err := d.staged(ctx, d.read, tenant, run); err != nil {
		return nil, err
	}
	return unseen, nil
}

func (d *DB) readGroups(ctx context.Context, tenant, run, from string) ([]readGroup, error) {
	const query = `
		select group_id, first_at from staged_groups
		where tenant = $1 and run = $2 and complete and group_id >= $3
		order by group_id limit $4`
	scan := func(s scanner) (g readGroup, err error) { return g, s.Scan(&g.id, moment{&g.at}) }
	return list(ctx, d, d.read, scan, query, tenant, run, from, groupsAtOnce)
}

func (d *DB) unseenIn(ctx context.Context, tenant, run string, groups []readGroup, after directory.Membership, limit int) ([]directory.Membership, error) {
	ids := make([]string, len(groups))
	at := make(map[string]time.Time, len(groups))
	for i, g := range groups {
		ids[i], at[g.id] = g.id, g.at
	}
	// The bounds say what the list of groups does not: where to begin and end reading.
	const query = `
		select m.group_id, m.person_id
		from memberships m
		where m.tenant = $1 and m.group_id {in $3} and (m.group_id, m.person_id) > ($4, $5) and m.group_id <= $6
			and m.present
			and (select 1 from staged_members s
				where s.tenant = $1 and s.run = $2 and s.group_id = m.group_id and s.person_id = m.person_id limit 1) is null
			and (select 1 from plan c
				where c.tenant = $1 and c.run = (select $2) and c.subject = 'person' and c.subject_id = m.person_id
					and c.type in ('person.removed', 'person.detached') limit 1) is null
		order by m.group_id, m.person_id limit $7`
	scan := func(s scanner) (m directory.Membership, err error) {
		err = s.Scan(&m.GroupID, &m.PersonID)
		m.Present, m.ObservedAt = true, at[m.GroupID]
		return m, err
	}
	return list(ctx, d, d.read, scan, query, tenant, run, ids, after.GroupID, after.PersonID, ids[len(ids)-1], limit)
}
