package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const (
	// attemptsKept is how many attempts of an endpoint are kept, the newest.
	attemptsKept = 1000
	// failsLong is how long an endpoint takes nothing before somebody is told.
	failsLong = time.Hour
)

// DueLanes returns the endpoints of the tenants to which there is something to deliver, that nobody delivers to
// and that were not swept within grace, and notes that they are swept now.
func (d *DB) DueLanes(ctx context.Context, tenants []string, grace time.Duration) ([]directory.LaneHint, error) {
	const due = `
		tenant {in $1} and disabled_at is null and (lease_until is null or lease_until <= {now}) and (rest_until is null or rest_until <= {now})
		and (swept_at is null or swept_at <= {now} - {micros $2})
		and (cursor < (select t.change_seq from tenants t where t.slug = endpoints.tenant and t.removed_at is null)
			or exists (select 1 from deliveries w where w.tenant = endpoints.tenant and w.endpoint = endpoints.id and w.state = 'waiting' and w.due_at <= {now}))`
	// Most looks find nothing, and must not write: on SQLite there is one writer.
	var waiting int
	if err := d.row(ctx, d.read, `select count(*) from endpoints where `+due, tenants, grace).Scan(&waiting); err != nil {
		return nil, fmt.Errorf("look for deliveries that are due: %w", err)
	}
	if waiting == 0 {
		return nil, nil
	}
	scan := func(s scanner) (h directory.LaneHint, err error) { return h, s.Scan(&h.Tenant, &h.Endpoint, &h.Slow) }
	var hints []directory.LaneHint
	err := d.again(ctx, func(tx *sql.Tx) error {
		var err error
		hints, err = list(ctx, d, tx, scan, `update endpoints set swept_at = {now} where `+due+` returning tenant, id, slow`, tenants, grace)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take deliveries that are due: %w", err)
	}
	return hints, nil
}

// BeginTurn gives an endpoint to the caller until lease has passed. False: it is disabled or gone, it rests, or
// somebody else delivers to it.
func (d *DB) BeginTurn(ctx context.Context, hint directory.LaneHint, lease time.Duration) (directory.Lane, bool, error) {
	const take = `
		update endpoints set turn = turn + 1, lease_until = {now} + {micros $3}
		where tenant = $1 and id = $2 and disabled_at is null and (lease_until is null or lease_until <= {now}) and (rest_until is null or rest_until <= {now})
		returning turn`
	var l directory.Lane
	taken := false
	err := d.again(ctx, func(tx *sql.Tx) error {
		turns, err := list(ctx, d, tx, func(s scanner) (n int64, err error) { return n, s.Scan(&n) }, take, hint.Tenant, hint.Endpoint, lease)
		if err != nil || len(turns) == 0 {
			taken = false
			return err
		}
		taken = true
		if l.Endpoint, err = d.endpoint(ctx, tx, hint.Tenant, hint.Endpoint); err != nil {
			return err
		}
		l.Turn = turns[0]
		const more = `select t.feed, e.rests, e.slow from endpoints e join tenants t on t.slug = e.tenant where e.tenant = $1 and e.id = $2`
		return d.row(ctx, tx, more, hint.Tenant, hint.Endpoint).Scan(&l.Feed, &l.Rests, &l.Slow)
	})
	if err != nil {
		return directory.Lane{}, false, fmt.Errorf("begin to deliver to endpoint %s of tenant %s: %w", hint.Endpoint, hint.Tenant, err)
	}
	return l, taken, nil
}

// SaveLane writes a step of a turn down and renews its lease, or ends it. It returns the version of the
// endpoint's settings, and fails with directory.ErrBusy when the endpoint went to somebody else, or is gone.
func (d *DB) SaveLane(ctx context.Context, l directory.Lane, step directory.LaneStep, lease time.Duration) (int64, error) {
	var version int64
	err := d.again(ctx, func(tx *sql.Tx) error {
		s := &laneSaver{DB: d, tx: tx, lane: l, step: step}
		if err := s.endpoint(ctx, lease); err != nil {
			return err
		}
		version = s.version
		for _, write := range []func(context.Context) error{s.rows, s.promote, s.attempts, s.alarms} {
			if err := write(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, fmt.Errorf("save deliveries to endpoint %s of tenant %s: %w", l.ID, l.Tenant, err)
	}
	return version, nil
}

// laneSaver writes one step.
type laneSaver struct {
	*DB
	tx      *sql.Tx
	lane    directory.Lane
	step    directory.LaneStep
	version int64
	numbers int64 // of the last attempt
	failing bool  // for long, and nobody was told
	mended  bool  // and somebody was told that it failed
}

func (s *laneSaver) outcome() (succeeded, failed bool, problem string) {
	for _, a := range s.step.Attempts {
		if a.OK {
			succeeded = true
			continue
		}
		failed, problem = true, a.Problem
	}
	if s.step.Problem != "" {
		failed, problem = true, s.step.Problem
	}
	return succeeded, failed, problem
}

func (s *laneSaver) endpoint(ctx context.Context, lease time.Duration) error {
	succeeded, failed, problem := s.outcome()
	l, step := s.lane, s.step
	const before = `
		select version, attempts, alarmed_at is not null, coalesce(failing_since <= {now} - {micros $4}, false)
		from endpoints where tenant = $1 and id = $2 and turn = $3 and lease_until is not null {lock}`
	var alarmed, long bool
	err := s.row(ctx, s.tx, before, l.Tenant, l.ID, l.Turn, failsLong).Scan(&s.version, &s.numbers, &alarmed, &long)
	if errors.Is(err, sql.ErrNoRows) {
		return fmt.Errorf("somebody else delivers to it, or it is gone: %w", directory.ErrBusy)
	}
	if err != nil {
		return s.explain(err)
	}
	s.mended, s.failing = succeeded && alarmed, !succeeded && failed && long && !alarmed
	const save = `
		update endpoints set cursor = $4, attempts = attempts + $5, missed = missed + $6, rests = $7, slow = $8,
			lease_until = case when $9 then null else {now} + {micros $10} end,
			swept_at = case when $9 then null else swept_at end,
			rest_until = case when $17 then {now} + {micros $11} else null end,
			failing_since = case when $12 then null when $13 then coalesce(failing_since, {now}) else failing_since end,
			last_success = case when $12 then {now} else last_success end,
			last_problem = case when $13 then $14 else last_problem end,
			alarmed_at = case when $15 then {now} when $16 then null else alarmed_at end
		where tenant = $1 and id = $2 and turn = $3`
	if _, err := s.exec(ctx, s.tx, save, l.Tenant, l.ID, l.Turn, step.Cursor, len(step.Attempts), step.Missed, step.Rests, step.Slow,
		step.End, lease, step.Rest, succeeded, failed, problem, s.failing, s.mended, step.Rest > 0); err != nil {
		return err
	}
	if succeeded && l.Rests > 0 {
		// What failed while nothing was taken need not wait for its own turn.
		const all = `update deliveries set due_at = {now} where tenant = $1 and endpoint = $2 and state = 'waiting' and due_at > {now}`
		if _, err := s.exec(ctx, s.tx, all, l.Tenant, l.ID); err != nil {
			return err
		}
	}
	if !step.Gone {
		return nil
	}
	const disable = `update endpoints set disabled_at = {now}, disabled_by = 'oktasync', disabled_reason = $3, version = version + 1 where tenant = $1 and id = $2`
	_, err = s.exec(ctx, s.tx, disable, l.Tenant, l.ID, goneReason)
	return err
}

const goneReason = "the receiver answered 410: it wants no more"

func (s *laneSaver) rows(ctx context.Context) error {
	l, step := s.lane, s.step
	if len(step.Add) > 0 {
		const add = `
			insert into deliveries (tenant, endpoint, seq, replay, about, state, attempts, due_at, created_at, status, problem)
			select $1, $2, v.seq, v.replay, v.about, v.state, v.attempts, case when v.wait < 0 then null else {now} + {micros v.wait} end, v.created, v.status, v.problem
			from {rows} where true
			on conflict do nothing`
		if _, err := s.execRows(ctx, s.tx, add, deliveryColumns(step.Add), l.Tenant, l.ID); err != nil {
			return err
		}
	}
	if len(step.Done) > 0 {
		const done = `delete from deliveries where tenant = $1 and endpoint = $2 and pos in (select v.pos from {rows})`
		if _, err := s.execRows(ctx, s.tx, done, deliveryColumns(step.Done), l.Tenant, l.ID); err != nil {
			return err
		}
	}
	if len(step.Again) > 0 {
		const again = `
			update deliveries set state = v.state, attempts = v.attempts, status = v.status, problem = v.problem,
				due_at = case when v.wait < 0 then null else {now} + {micros v.wait} end
			from {rows} where deliveries.tenant = $1 and deliveries.endpoint = $2 and deliveries.pos = v.pos`
		if _, err := s.execRows(ctx, s.tx, again, deliveryColumns(step.Again), l.Tenant, l.ID); err != nil {
			return err
		}
	}
	return nil
}

func deliveryColumns(rows []directory.Delivery) []Column {
	type row = directory.Delivery
	return []Column{
		ints("pos", rows, func(r *row) int64 { return r.Pos }),
		ints("seq", rows, func(r *row) int64 { return r.Seq }),
		texts("replay", rows, func(r *row) string { return r.Replay }),
		texts("about", rows, func(r *row) string { return r.About }),
		texts("state", rows, func(r *row) string { return string(r.State) }),
		ints("attempts", rows, func(r *row) int64 { return int64(r.Attempts) }),
		ints("wait", rows, func(r *row) int64 {
			if r.Wait < 0 {
				return -1
			}
			return r.Wait.Microseconds()
		}),
		times("created", rows, func(r *row) time.Time { return r.CreatedAt }),
		ints("status", rows, func(r *row) int64 { return int64(r.Status) }),
		texts("problem", rows, func(r *row) string { return r.Problem }),
	}
}

// promote lets the next of each about go whose first one is done with.
func (s *laneSaver) promote(ctx context.Context) error {
	abouts := map[string]bool{}
	for _, rows := range [][]directory.Delivery{s.step.Add, s.step.Done, s.step.Again} {
		for _, r := range rows {
			abouts[r.About] = true
		}
	}
	return s.DB.promote(ctx, s.tx, s.lane.Tenant, s.lane.ID, abouts)
}

func (d *DB) promote(ctx context.Context, tx *sql.Tx, tenant, endpoint string, abouts map[string]bool) error {
	if len(abouts) == 0 {
		return nil
	}
	const query = `
		update deliveries set due_at = {now} where pos in (
			select min(w.pos) from deliveries w
			where w.tenant = $1 and w.endpoint = $2 and w.state = 'waiting' and w.about {in $3}
			group by w.about having count(w.due_at) = 0)`
	_, err := d.exec(ctx, tx, query, tenant, endpoint, slices.Sorted(maps.Keys(abouts)))
	return err
}

// attempts keeps them, without the answers about people who were erased, and teams that went with them or lost their names
// (those that are merged), while these were on their way.
func (s *laneSaver) attempts(ctx context.Context) error {
	if len(s.step.Attempts) == 0 {
		return nil
	}
	if slices.ContainsFunc(s.step.Attempts, func(a directory.Attempt) bool { return a.Answer != "" }) {
		// Who is being erased at this moment is so before the answers are looked at, or when they can be found.
		if _, err := list(ctx, s.DB, s.tx, scanText, `select slug from tenants where slug = $1 {lock}`, s.lane.Tenant); err != nil {
			return err
		}
	}
	if err := s.addAttempts(ctx, s.tx, s.lane.Tenant, s.lane.ID, s.numbers, s.step.Attempts); err != nil {
		return err
	}
	const quiet = `
		update delivery_attempts set answer = '' where tenant = $1 and endpoint = $2 and no > $3 and answer <> ''
			and (about in (select p.id from people p where p.tenant = $1 and p.status = 'removed' and p.okta_status = '')
				or about not in (select t.id from teams t where t.tenant = $1 and t.name <> '') and about in (
					select c.subject_id from changes c where c.tenant = $1 and c.seq = delivery_attempts.seq and c.subject = 'team'))`
	_, err := s.exec(ctx, s.tx, quiet, s.lane.Tenant, s.lane.ID, s.numbers)
	return err
}

// addAttempts keeps attempts under the numbers after last, and forgets the oldest.
func (d *DB) addAttempts(ctx context.Context, tx *sql.Tx, tenant, endpoint string, last int64, attempts []directory.Attempt) error {
	if len(attempts) == 0 {
		return nil
	}
	type row = directory.Attempt
	rows := make([]row, len(attempts))
	for i, a := range attempts {
		a.No = last + int64(i) + 1
		rows[i] = a
	}
	const add = `
		insert into delivery_attempts (tenant, endpoint, no, seq, replay, about, attempt, at, ok, status, took, problem, answer)
		select $1, $2, v.* from {rows}`
	if _, err := d.execRows(ctx, tx, add, []Column{
		ints("no", rows, func(r *row) int64 { return r.No }),
		ints("seq", rows, func(r *row) int64 { return r.Seq }),
		texts("replay", rows, func(r *row) string { return r.Replay }),
		texts("about", rows, func(r *row) string { return r.About }),
		ints("attempt", rows, func(r *row) int64 { return int64(r.Attempt) }),
		times("at", rows, func(r *row) time.Time { return r.At }),
		bools("ok", rows, func(r *row) bool { return r.OK }),
		ints("status", rows, func(r *row) int64 { return int64(r.Status) }),
		ints("took", rows, func(r *row) int64 { return r.Took.Microseconds() }),
		texts("problem", rows, func(r *row) string { return r.Problem }),
		texts("answer", rows, func(r *row) string { return r.Answer }),
	}, tenant, endpoint); err != nil {
		return err
	}
	_, err := d.exec(ctx, tx, `delete from delivery_attempts where tenant = $1 and endpoint = $2 and no <= $3`, tenant, endpoint, last+int64(len(rows))-attemptsKept)
	return err
}

// alarms tells the operator what cannot wait. Sentences name endpoints by id: an address may hold a secret.
func (s *laneSaver) alarms(ctx context.Context) error {
	l, step := s.lane, s.step
	name := fmt.Sprintf("endpoint %s of tenant %s", l.ID, l.Tenant)
	if s.failing {
		err := s.alertOnce(ctx, s.tx, l.Tenant, directory.AlertEndpointFailing, fmt.Sprintf(
			"%s has taken nothing for more than an hour; what it misses is kept and tried again: oktasync endpoints show %s --tenant %s", name, l.ID, l.Tenant))
		if err != nil {
			return err
		}
	}
	if s.mended {
		err := s.alertOnce(ctx, s.tx, l.Tenant, directory.AlertEndpointFailing.Resolved(), name+" takes changes again; what waited is delivered")
		if err != nil {
			return err
		}
	}
	if step.Gone {
		err := s.alertOnce(ctx, s.tx, l.Tenant, directory.AlertEndpointGone, fmt.Sprintf(
			"%s was disabled, because %s; what it misses from now on is kept: oktasync endpoints enable %s --tenant %s goes on there", name, goneReason, l.ID, l.Tenant))
		if err != nil {
			return err
		}
	}
	if step.Missed > 0 {
		err := s.alertOnce(ctx, s.tx, l.Tenant, directory.AlertEndpointMissed, fmt.Sprintf(
			"%s was so far behind that %d changes were no longer kept (retention.changes) when their turn came; it has to start over from a snapshot", name, step.Missed))
		if err != nil {
			return err
		}
	}
	for _, r := range step.Again {
		if r.State == directory.DeliveryDead {
			_, err := s.raise(ctx, s.tx, l.Tenant, directory.AlertDeliveryDead, fmt.Sprintf(
				"%s did not take change %d in %d attempts over three days, and it was given up; later changes go on; look at it, then: oktasync deliveries redrive %s --tenant %s; "+
					"nothing more is said about others that are given up until then", name, r.Seq, r.Attempts, l.ID, l.Tenant))
			return err
		}
	}
	return nil
}
