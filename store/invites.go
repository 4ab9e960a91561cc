package store

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const inviteColumns = `i.state, i.since, i.release_at, i.released_by, i.issue, i.attempt, i.attempted_at,
	i.lease_until, i.retry_at, i.tries, i.sent_at, i.accepted_at, i.problem`

// inviteFields are where the columns go. Whoever has no row is held.
func inviteFields(i *directory.Invite) []any {
	return []any{
		&i.State, moment{&i.Since}, moment{&i.ReleaseAt}, &i.ReleasedBy, &i.Issue, &i.Attempt, moment{&i.AttemptedAt},
		moment{&i.LeaseUntil}, moment{&i.RetryAt}, &i.Tries, moment{&i.SentAt}, moment{&i.AcceptedAt}, &i.Problem,
	}
}

// Invites returns the rows of these people, in order of id. Who has none is held.
func (t *Tx) Invites(ctx context.Context, people []string) ([]directory.Invite, error) {
	if len(people) == 0 {
		return nil, nil
	}
	const query = keyed + `select i.person_id, ` + inviteColumns + ` from wanted cross join invites i where i.tenant = of_tenant and i.person_id = key order by i.person_id`
	invites, err := list(ctx, t.db, t.tx, scanInvite, query, t.tenant, people)
	if err != nil {
		return nil, fmt.Errorf("read the invites of %d people of tenant %s: %w", len(people), t.tenant, err)
	}
	return invites, nil
}

// InviteRows returns the invites of which more is known than that they are held, in order of the person's id after
// `after`, at most limit.
func (d *DB) InviteRows(ctx context.Context, tenant, after string, limit int) ([]directory.Invite, error) {
	const query = `select i.person_id, ` + inviteColumns + ` from invites i where i.tenant = $1 and i.person_id > $2 order by i.person_id limit $3`
	invites, err := list(ctx, d, d.read, scanInvite, query, tenant, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the invites of tenant %s: %w", tenant, err)
	}
	return invites, nil
}

func scanInvite(s scanner) (i directory.Invite, err error) {
	return i, s.Scan(append([]any{&i.PersonID}, inviteFields(&i)...)...)
}

// PutInvites writes whole rows.
func (t *Tx) PutInvites(ctx context.Context, invites []directory.Invite) error {
	if len(invites) == 0 {
		return nil
	}
	type invite = directory.Invite
	batch := []Column{
		texts("person_id", invites, func(i *invite) string { return i.PersonID }),
		texts("state", invites, func(i *invite) string { return string(i.State) }),
		times("since", invites, func(i *invite) time.Time { return i.Since }),
		times("release_at", invites, func(i *invite) time.Time { return i.ReleaseAt }),
		texts("released_by", invites, func(i *invite) string { return i.ReleasedBy }),
		texts("issue", invites, func(i *invite) string { return i.Issue }),
		texts("attempt", invites, func(i *invite) string { return i.Attempt }),
		times("attempted_at", invites, func(i *invite) time.Time { return i.AttemptedAt }),
		times("lease_until", invites, func(i *invite) time.Time { return i.LeaseUntil }),
		times("retry_at", invites, func(i *invite) time.Time { return i.RetryAt }),
		ints("tries", invites, func(i *invite) int64 { return int64(i.Tries) }),
		times("sent_at", invites, func(i *invite) time.Time { return i.SentAt }),
		times("accepted_at", invites, func(i *invite) time.Time { return i.AcceptedAt }),
		texts("problem", invites, func(i *invite) string { return i.Problem }),
	}
	const query = `
		insert into invites (tenant, person_id, state, since, release_at, released_by, issue, attempt, attempted_at,
			lease_until, retry_at, tries, sent_at, accepted_at, problem)
		select $1, v.person_id, v.state, v.since, nullif(v.release_at, {at $2}), v.released_by, v.issue, v.attempt, nullif(v.attempted_at, {at $2}),
			nullif(v.lease_until, {at $2}), nullif(v.retry_at, {at $2}), v.tries, nullif(v.sent_at, {at $2}), nullif(v.accepted_at, {at $2}), v.problem
		from {rows} where true
		on conflict (tenant, person_id) do update set
			state = excluded.state, since = excluded.since, release_at = excluded.release_at, released_by = excluded.released_by,
			issue = excluded.issue, attempt = excluded.attempt, attempted_at = excluded.attempted_at, lease_until = excluded.lease_until,
			retry_at = excluded.retry_at, tries = excluded.tries, sent_at = excluded.sent_at, accepted_at = excluded.accepted_at,
			problem = excluded.problem`
	if _, err := t.db.execRows(ctx, t.tx, query, batch, t.tenant, time.Time{}); err != nil {
		return fmt.Errorf("write %d invites of tenant %s: %w", len(invites), t.tenant, err)
	}
	return nil
}

// turned are invites that something has to be done about: held ones whose time has come, those whose sender has
// died and, unless whoever is new is invited, those that nobody released.
const turned = `
	i.tenant = $1 and (i.state = 'held' and i.release_at <= {now} or i.state = 'sending' and i.lease_until <= {now}
		or i.state = 'due' and i.released_by = '' and $2 <> 'automatic')`

// InvitesTurned says whether something has to be done about an invite of the tenant, before any is sent.
func (d *DB) InvitesTurned(ctx context.Context, tenant string, mode directory.InvitesMode) (bool, error) {
	const query = `select i.person_id from invites i where i.state in ('held', 'due', 'sending') and ` + turned + ` limit 1`
	found, err := list(ctx, d, d.read, scanText, query, tenant, string(mode))
	if err != nil {
		return false, fmt.Errorf("look for invites of tenant %s whose time has come: %w", tenant, err)
	}
	return len(found) > 0, nil
}

// TurnedInvites returns some of them.
func (t *Tx) TurnedInvites(ctx context.Context, mode directory.InvitesMode, limit int) ([]directory.Invite, error) {
	const query = `select i.person_id, ` + inviteColumns + ` from invites i where i.state in ('held', 'due', 'sending') and ` + turned + `
		order by i.since, i.person_id limit $3`
	invites, err := list(ctx, t.db, t.tx, scanInvite, query, t.tenant, string(mode), limit)
	if err != nil {
		return nil, fmt.Errorf("read invites of tenant %s whose time has come: %w", t.tenant, err)
	}
	return invites, nil
}

// sendable are invites that may go out: due, not before their next attempt, of somebody who is active and here.
const sendable = `
	from invites i join people p on p.tenant = i.tenant and p.id = i.person_id
	where i.tenant = $1 and i.state = 'due' and (i.retry_at is null or i.retry_at <= {now}) and p.status = 'active' and p.left_at is null
	order by i.since, i.person_id limit 1`

// InviteWaits says whether an invite of the tenant may go out now.
func (d *DB) InviteWaits(ctx context.Context, tenant string) (bool, error) {
	found, err := list(ctx, d, d.read, scanText, `select i.person_id `+sendable, tenant)
	if err != nil {
		return false, fmt.Errorf("look for invites of tenant %s that are due: %w", tenant, err)
	}
	return len(found) > 0, nil
}

// NextInvite returns the invite that goes out next, false when there is none.
func (t *Tx) NextInvite(ctx context.Context) (directory.Invite, bool, error) {
	found, err := list(ctx, t.db, t.tx, scanInvite, `select i.person_id, `+inviteColumns+sendable, t.tenant)
	if err != nil || len(found) == 0 {
		return directory.Invite{}, false, err
	}
	return found[0], true, nil
}

// InvitesAttempted counts attempts to send that began within the time, and says whether there ever was one.
func (d *DB) InvitesAttempted(ctx context.Context, tenant string, within time.Duration) (recent int, ever bool, err error) {
	const query = `
		select (select count(*) from invites where tenant = $1 and attempted_at > {now} - {micros $2}),
			exists (select 1 from invites where tenant = $1 and attempted_at is not null)`
	if err := d.row(ctx, d.read, query, tenant, within).Scan(&recent, &ever); err != nil {
		return 0, false, fmt.Errorf("count attempts to send invites of tenant %s: %w", tenant, err)
	}
	return recent, ever, nil
}

// ListInvites returns the invites that the selection means but for its share, with their people, in order
// of the person's id after `after`, at most limit. Whoever is in the directory has one: without a row it is held.
func (d *DB) ListInvites(ctx context.Context, tenant string, sel directory.InviteSelection, after string, limit int) ([]directory.InviteCandidate, error) {
	values := []any{tenant, after, limit}
	parameter := func(value any) string {
		values = append(values, value)
		return "$" + strconv.Itoa(len(values))
	}
	states := make([]string, len(sel.States))
	for i, state := range sel.States {
		states[i] = string(state)
	}
	// Those that are held have no row, all others may have lost their person's.
	from := `people p left join invites i on i.tenant = p.tenant and i.person_id = p.id`
	where := `p.tenant = $1 and p.id > $2 and (p.status in ('active', 'suspended') and p.left_at is null or i.person_id is not null)`
	id := `p.id`
	if len(states) > 0 && !slices.Contains(states, string(directory.InviteHeld)) {
		from = `invites i left join people p on p.tenant = i.tenant and p.id = i.person_id`
		where = `i.tenant = $1 and i.person_id > $2`
		id = `i.person_id`
	}
	if len(states) > 0 {
		where += ` and coalesce(i.state, 'held') {in ` + parameter(states) + `}`
	}
	if len(sel.People) > 0 {
		where += ` and ` + id + ` {in ` + parameter(sel.People) + `}`
	}
	if sel.Team != "" {
		where += ` and ` + inTeam(parameter(sel.Team))
	}
	if sel.Group != "" {
		where += ` and exists (select 1 from memberships m where m.tenant = $1 and m.group_id = ` + parameter(sel.Group) + ` and m.person_id = ` + id + ` and m.present)`
	}
	query := `select ` + id + `, coalesce(i.state, 'held'), ` + strings.Replace(inviteColumns, "i.state, ", "", 1) + `, coalesce(p.id, '') from ` + from + `
		where ` + where + ` order by ` + id + ` limit $3`
	type row struct {
		invite directory.Invite
		person string
	}
	scan := func(s scanner) (r row, err error) {
		var by, issue, attempt, problem *string
		var tries *int
		i := &r.invite
		err = s.Scan(&i.PersonID, &i.State, moment{&i.Since}, moment{&i.ReleaseAt}, &by, &issue, &attempt, moment{&i.AttemptedAt},
			moment{&i.LeaseUntil}, moment{&i.RetryAt}, &tries, moment{&i.SentAt}, moment{&i.AcceptedAt}, &problem, &r.person)
		if by != nil { // there is a row
			i.ReleasedBy, i.Issue, i.Attempt, i.Tries, i.Problem = *by, *issue, *attempt, *tries, *problem
		}
		return r, err
	}
	rows, err := list(ctx, d, d.read, scan, query, values...)
	if err != nil {
		return nil, fmt.Errorf("list invites of tenant %s: %w", tenant, err)
	}
	ids := make([]string, len(rows))
	for i, r := range rows {
		ids[i] = r.invite.PersonID
	}
	people, err := d.People(ctx, tenant, ids)
	if err != nil {
		return nil, err
	}
	byID := make(map[string]directory.Person, len(people))
	for _, p := range people {
		byID[p.ID] = p
	}
	all := make([]directory.InviteCandidate, len(rows))
	for i, r := range rows {
		person, known := byID[r.invite.PersonID]
		if !known {
			person = directory.Person{ID: r.invite.PersonID}.Tombstone()
		}
		all[i] = directory.InviteCandidate{Invite: r.invite, Person: person}
		if r.invite.Since.IsZero() {
			all[i].Since = person.CreatedAt
		}
	}
	return all, nil
}

// InviteCounts counts the invites of a tenant by state, those of people without a row as held.
func (d *DB) InviteCounts(ctx context.Context, tenant string) (map[directory.InviteState]int, error) {
	const query = `
		select state, count(*) from invites where tenant = $1 and state <> 'held' group by state
		union all
		select 'held', count(*) from people p left join invites i on i.tenant = p.tenant and i.person_id = p.id
			where p.tenant = $1 and p.status in ('active', 'suspended') and p.left_at is null and (i.state is null or i.state = 'held')`
	type ofState struct {
		state directory.InviteState
		count int
	}
	scan := func(s scanner) (o ofState, err error) { return o, s.Scan(&o.state, &o.count) }
	found, err := list(ctx, d, d.read, scan, query, tenant)
	if err != nil {
		return nil, fmt.Errorf("count the invites of tenant %s: %w", tenant, err)
	}
	counts := map[directory.InviteState]int{}
	for _, o := range found {
		counts[o.state] = o.count
	}
	return counts, nil
}
