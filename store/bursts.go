package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// A burst is many events about people at once, which one list of the app may settle for fewer
// calls than a read of each. Only events that take no access away count, and only those that no
// full run has read for yet: whom a list did not show is read by id.
const ordinary = `s.tenant = $1 and s.scope_kind = 'person' and s.done_at is null and s.parked_at is null and not s.urgent`

// rowsPerPerson is how many events of one person the counts below look through at most, on average:
// they need not be exact beyond what a decision depends on.
const rowsPerPerson = 4

// WaitingPeople counts the people with waiting events that a list may settle. It stops soon
// after most.
func (d *DB) WaitingPeople(ctx context.Context, tenant string, most int) (int, error) {
	const query = `
		select count(distinct scope_id) from (
			select s.scope_id from inbox_scopes s where ` + ordinary + ` and s.read_by = '' limit $2) w`
	var count int
	if err := d.row(ctx, d.read, query, tenant, most*rowsPerPerson).Scan(&count); err != nil {
		return 0, fmt.Errorf("count the people of tenant %s with waiting events: %w", tenant, err)
	}
	return count, nil
}

// RecentAssignments counts the people about whose assignment events were received within the
// time, whether they wait or were settled by a read of the person. It stops soon after most.
func (d *DB) RecentAssignments(ctx context.Context, tenant string, within time.Duration, most int) (int, error) {
	const query = `
		select count(distinct scope_id) from (
			select s.scope_id from inbox i join inbox_scopes s on s.tenant = i.tenant and s.uuid = i.uuid
			where i.tenant = $1 and i.received > {now} - {micros $2} and i.type like 'application.user_membership.%'
				and s.scope_kind = 'person' and not s.urgent and s.read_by = '' limit $3) r`
	var count int
	if err := d.row(ctx, d.read, query, tenant, within, most*rowsPerPerson).Scan(&count); err != nil {
		return 0, fmt.Errorf("count recent assignments of tenant %s: %w", tenant, err)
	}
	return count, nil
}

// NewestEvent returns when the newest event was received that a list may settle, if that was within the time, and
// what the clock shows now; the zero time when there is none.
func (d *DB) NewestEvent(ctx context.Context, tenant string, within time.Duration) (newest, now time.Time, err error) {
	// The cross join keeps SQLite from beginning with the scopes, of which tens of thousands may wait.
	const query = `
		select {clock}, (
			select i.received from inbox i cross join inbox_scopes s
			where i.tenant = $1 and i.received > {now} - {micros $2} and s.tenant = i.tenant and s.uuid = i.uuid
				and s.scope_kind = 'person' and not s.urgent and s.read_by = ''
			order by i.received desc limit 1)`
	if err := d.row(ctx, d.read, query, tenant, within).Scan(moment{&now}, moment{&newest}); err != nil {
		return time.Time{}, time.Time{}, fmt.Errorf("look for the newest event of tenant %s: %w", tenant, err)
	}
	return newest, now, nil
}

// ReadFor notes that the run, which owner holds and which has asked Okta for nothing so far, reads for all waiting events
// that a list may settle and that were received longer ago than after. What a full run has read for is left
// alone: whom its list did not show must not wait for the next one as well.
func (d *DB) ReadFor(ctx context.Context, tenant, run, owner string, after time.Duration) error {
	const query = `
		update inbox_scopes as s set read_by = $2
		where ` + ordinary + ` and s.read_by = ''
			and exists (select 1 from inbox i where i.tenant = $1 and i.uuid = s.uuid and i.received <= {now} - {micros $3})`
	err := d.again(ctx, func(tx *sql.Tx) error {
		// Whoever lost the run in the meantime would add events that came after the next owner's first pages.
		if err := d.own(ctx, tx, tenant, run, owner); err != nil {
			return err
		}
		_, err := d.exec(ctx, tx, query, tenant, run, after)
		return err
	})
	if err != nil {
		return fmt.Errorf("note what run %s of tenant %s reads for: %w", run, tenant, err)
	}
	return nil
}

// MarkListed marks events for which the run has read, at most limit, and returns how many: those of
// people whom it has seen, about whom nobody knows anything newer, and whose rows nobody else has written
// since. A later look may have been a partial one, and an older one that was slow left the run's plan
// superseded; whom the list did not show may be gone, which only a read by id can tell.
func (t *Tx) MarkListed(ctx context.Context, run string, limit int) (int, error) {
	const query = `
		update inbox_scopes set done_at = {at $3}, outcome = 'listed'
		where tenant = $1 and scope_kind = 'person' and done_at is null and (uuid, scope_id) in (
			select s.uuid, s.scope_id from inbox_scopes s
			join staged g on g.tenant = s.tenant and g.run = $2 and g.kind = 'person' and g.id = s.scope_id
			left join people p on p.tenant = s.tenant and p.id = s.scope_id
			where ` + ordinary + ` and s.read_by = $2 and g.at is not null and (p.id is null or p.observed_at = g.at or p.observed_at < g.at and p.updated_at <= g.at)
			limit $4)`
	marked, err := t.db.exec(ctx, t.tx, query, t.tenant, run, t.now, limit)
	if err != nil {
		return 0, fmt.Errorf("mark the events that the lists of run %s settle: %w", run, err)
	}
	return int(marked), nil
}

// LastSight returns what the last full run saw that succeeded; false when there was none.
func (d *DB) LastSight(ctx context.Context, tenant string) (directory.Sight, bool, error) {
	const query = `
		select id, progress from runs
		where tenant = $1 and scope_kind = 'full' and state = 'succeeded' and not dry_run
		order by created_at desc, id desc limit 1`
	var s directory.Sight
	var progress directory.Progress
	err := d.row(ctx, d.read, query, tenant).Scan(&s.Run, jsonText{&progress})
	if errors.Is(err, sql.ErrNoRows) {
		return directory.Sight{}, false, nil
	}
	if err != nil {
		return directory.Sight{}, false, fmt.Errorf("read what the last full sync of tenant %s saw: %w", tenant, err)
	}
	s.People, s.Groups = progress.People, progress.Groups
	return s, true, nil
}
