package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// entry is one event with one of its scopes, or with none.
type entry struct {
	event directory.Event
	scope directory.Scope
}

// AddEvents writes events to the inbox. Events whose uuid the tenant has already
// vanish with their scopes; where the other way brought them, it is noted that they came by
// this one as well. Received is set by the database's clock.
func (d *DB) AddEvents(ctx context.Context, tenant string, events []directory.Event) error {
	entries := unfold(events)
	if len(entries) == 0 {
		return nil
	}
	var err error
	if d.dialect.WritesInWith() {
		err = d.addEventsAtOnce(ctx, tenant, entries)
	} else {
		err = d.again(ctx, func(tx *sql.Tx) error {
			_, err := d.addEvents(ctx, tx, tenant, entries)
			return err
		})
	}
	if err != nil {
		return fmt.Errorf("add %d events of tenant %s to the inbox: %w", len(events), tenant, err)
	}
	return nil
}

// unfold yields one entry per event and scope, in order of uuid: two who write the same
// events then wait for each other instead of in a circle. Of two events with one uuid
// the first counts.
func unfold(events []directory.Event) []entry {
	seen := make(map[string]bool, len(events))
	entries := make([]entry, 0, len(events))
	for _, e := range events {
		if seen[e.UUID] {
			continue
		}
		seen[e.UUID] = true
		if len(e.Scopes) == 0 {
			entries = append(entries, entry{event: e})
		}
		for _, s := range e.Scopes {
			entries = append(entries, entry{event: e, scope: s})
		}
	}
	slices.SortStableFunc(entries, func(a, b entry) int { return strings.Compare(a.event.UUID, b.event.UUID) })
	return entries
}

func entryColumns(entries []entry) []Column {
	return []Column{
		texts("uuid", entries, func(e *entry) string { return e.event.UUID }),
		texts("type", entries, func(e *entry) string { return e.event.Type }),
		times("published", entries, func(e *entry) time.Time { return e.event.Published }),
		texts("via", entries, func(e *entry) string { return string(e.event.Via) }),
		texts("delivery_id", entries, func(e *entry) string { return e.event.DeliveryID }),
		texts("outcome", entries, func(e *entry) string { return e.event.Outcome }),
		bools("urgent", entries, func(e *entry) bool { return e.event.Urgent }),
		texts("scope_kind", entries, func(e *entry) string { return string(e.scope.Kind) }),
		texts("scope_id", entries, func(e *entry) string { return e.scope.ID }),
	}
}

// insertEvents ends the statement that writes events. Those that are new come back with
// fresh set, those of which the other sighting was noted without, all others not at all.
const insertEvents = `
	on conflict (tenant, uuid) do update set other_at = {now}
		where inbox.via <> excluded.via and inbox.other_at is null
	returning uuid, other_at is null as fresh`

// addEventsAtOnce is one statement, so that a hook costs one round trip and one
// commit.
func (d *DB) addEventsAtOnce(ctx context.Context, tenant string, entries []entry) error {
	const query = `
		with batch as materialized (select * from {rows}),
		known as (select slug from tenants where slug = $1 and removed_at is null),
		added as (
			insert into inbox (tenant, uuid, type, published, received, via, delivery_id, outcome)
			select known.slug, b.uuid, b.type, b.published, {now}, b.via, b.delivery_id, b.outcome
			from known, (select distinct on (uuid) * from batch order by uuid) b` + insertEvents + `),
		scoped as (
			insert into inbox_scopes (tenant, uuid, scope_kind, scope_id, urgent, swept_at)
			select $1, b.uuid, b.scope_kind, b.scope_id, b.urgent, {now}
			from batch b join added using (uuid) where b.scope_kind <> '' and added.fresh
			on conflict do nothing)
		select count(*) from known`
	count := func(s scanner) (n int, err error) { return n, s.Scan(&n) }
	found, err := listRows(ctx, d, d.intake, count, query, entryColumns(entries), tenant)
	if err != nil {
		return err
	}
	if len(found) != 1 || found[0] == 0 {
		return unknownTenant(tenant)
	}
	return nil
}

// addEvents does the same inside a transaction, and returns the uuids that are new.
func (d *DB) addEvents(ctx context.Context, tx *sql.Tx, tenant string, entries []entry) (map[string]bool, error) {
	var known int
	if err := d.row(ctx, tx, `select count(*) from tenants where slug = $1 and removed_at is null`, tenant).Scan(&known); err != nil {
		return nil, err
	}
	if known == 0 {
		return nil, unknownTenant(tenant)
	}
	const events = `
		insert into inbox (tenant, uuid, type, published, received, via, delivery_id, outcome)
		select $1, v.uuid, v.type, v.published, {now}, v.via, v.delivery_id, v.outcome from {rows} where true` + insertEvents
	type touched struct {
		uuid  string
		fresh bool
	}
	scan := func(s scanner) (t touched, err error) { return t, s.Scan(&t.uuid, &t.fresh) }
	each := slices.CompactFunc(slices.Clone(entries), func(a, b entry) bool { return a.event.UUID == b.event.UUID })
	rows, err := listRows(ctx, d, tx, scan, events, entryColumns(each), tenant)
	if err != nil {
		return nil, err
	}
	fresh := make(map[string]bool, len(rows))
	for _, r := range rows {
		if r.fresh {
			fresh[r.uuid] = true
		}
	}
	var scoped []entry
	for _, e := range entries {
		if fresh[clean(e.event.UUID)] && e.scope.Kind != "" {
			scoped = append(scoped, e)
		}
	}
	if len(scoped) == 0 {
		return fresh, nil
	}
	const scopes = `
		insert into inbox_scopes (tenant, uuid, scope_kind, scope_id, urgent, swept_at)
		select $1, v.uuid, v.scope_kind, v.scope_id, v.urgent, {now} from {rows} where true
		on conflict do nothing`
	_, err = d.execRows(ctx, tx, scopes, entryColumns(scoped), tenant)
	return fresh, err
}

// Ticket reads the events of the scope that no commit has marked, parked ones
// included, oldest first, and whether a second look is due.
func (d *DB) Ticket(ctx context.Context, tenant string, scope directory.Scope) (directory.Ticket, error) {
	const query = `
		select i.uuid, i.type, i.published, i.via, s.urgent, i.received, s.read_by
		from inbox_scopes s join inbox i on i.tenant = s.tenant and i.uuid = s.uuid
		where s.tenant = $1 and s.scope_kind = $2 and s.scope_id = $3 and s.done_at is null
		union all
		select '', '', due_at, '', false, due_at, '' from second_looks
		where tenant = $1 and scope_kind = $2 and scope_id = $3 and due_at <= {now}
		order by 3, 1`
	scan := func(s scanner) (w directory.Waiting, err error) {
		return w, s.Scan(&w.UUID, &w.Type, moment{&w.Published}, &w.Via, &w.Urgent, moment{&w.Received}, &w.ReadBy)
	}
	events, err := list(ctx, d, d.read, scan, query, tenant, string(scope.Kind), scope.ID)
	if err != nil {
		return directory.Ticket{}, fmt.Errorf("read the waiting events of %s of tenant %s: %w", scope.Public(), tenant, err)
	}
	ticket := directory.Ticket{Tenant: tenant, Scope: scope}
	for _, w := range events {
		if w.UUID == "" {
			ticket.SecondLook = w.Published
			continue
		}
		ticket.Events = append(ticket.Events, w)
	}
	return ticket, nil
}

// Mark marks exactly the ticket's events as done for its scope, parked ones too, and the second
// look that was due.
func (t *Tx) Mark(ctx context.Context, ticket directory.Ticket) error {
	if ticket.Tenant != t.tenant {
		return fmt.Errorf("mark events of tenant %q in a transaction of tenant %q: %w", ticket.Tenant, t.tenant, directory.ErrConflict)
	}
	if !ticket.SecondLook.IsZero() {
		if err := t.doneLooking(ctx, ticket); err != nil {
			return err
		}
	}
	if len(ticket.Events) == 0 {
		return nil
	}
	if ticket.Scope.ByLogin() {
		return t.forgetLogin(ctx, ticket)
	}
	uuids := uuidsOf(ticket)
	const query = `
		update inbox_scopes set done_at = {at $4}, outcome = 'reconciled', parked_at = null, reason = ''
		where tenant = $1 and scope_kind = $2 and scope_id = $3 and done_at is null and uuid {in $5}`
	_, err := t.db.exec(ctx, t.tx, query, t.tenant, string(ticket.Scope.Kind), ticket.Scope.ID, t.now, uuids)
	if err != nil {
		return fmt.Errorf("mark %d events of %s as done: %w", len(uuids), ticket.Scope.Public(), err)
	}
	return nil
}

func uuidsOf(ticket directory.Ticket) []string {
	uuids := make([]string, len(ticket.Events))
	for i, e := range ticket.Events {
		uuids[i] = e.UUID
	}
	return uuids
}

// forgetLogin is Mark for a person who is named by login. That is personal data, which nobody needs once
// the work is done; the event itself stays, so that it is known when it comes again.
func (t *Tx) forgetLogin(ctx context.Context, ticket directory.Ticket) error {
	const query = `delete from inbox_scopes where tenant = $1 and scope_kind = $2 and scope_id = $3 and done_at is null and uuid {in $4}`
	_, err := t.db.exec(ctx, t.tx, query, t.tenant, string(ticket.Scope.Kind), ticket.Scope.ID, uuidsOf(ticket))
	if err != nil {
		return fmt.Errorf("forget %d events of %s that are done: %w", len(ticket.Events), ticket.Scope.Public(), err)
	}
	return nil
}

// WaitingLogins returns the ids of person scopes with unmarked events that are not Okta
// user ids (which begin with 00 and have 20 characters), but logins.
func (d *DB) WaitingLogins(ctx context.Context, tenant string) ([]string, error) {
	const query = `
		select distinct scope_id from inbox_scopes
		where tenant = $1 and scope_kind = 'person' and done_at is null
			and (length(scope_id) <> 20 or scope_id not like '00%')
		order by scope_id`
	scan := func(s scanner) (login string, err error) { return login, s.Scan(&login) }
	logins, err := list(ctx, d, d.read, scan, query, tenant)
	if err != nil {
		return nil, fmt.Errorf("read the waiting logins of tenant %s: %w", tenant, err)
	}
	return logins, nil
}
