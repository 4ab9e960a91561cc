package store

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const rowColumns = `pos, seq, replay, about, state, attempts, due_at, created_at, status, problem`

func scanDelivery(s scanner) (r directory.Delivery, err error) {
	return r, s.Scan(&r.Pos, &r.Seq, &r.Replay, &r.About, &r.State, &r.Attempts, maybe{&r.DueAt}, moment{&r.CreatedAt}, &r.Status, &r.Problem)
}

// DueDeliveries returns what failed before, or waited behind that, and may be tried now; of one about never more
// than one.
func (d *DB) DueDeliveries(ctx context.Context, tenant, endpoint string, limit int) ([]directory.Delivery, error) {
	const query = `select ` + rowColumns + ` from deliveries
		where tenant = $1 and endpoint = $2 and state = 'waiting' and due_at <= {now} order by due_at, pos limit $3`
	rows, err := list(ctx, d, d.read, scanDelivery, query, tenant, endpoint, limit)
	if err != nil {
		return nil, fmt.Errorf("read what is due at endpoint %s of tenant %s: %w", endpoint, tenant, err)
	}
	return rows, nil
}

// WaitingAbouts returns which of abouts have deliveries that wait.
func (d *DB) WaitingAbouts(ctx context.Context, tenant, endpoint string, abouts []string) ([]string, error) {
	const query = `select distinct about from deliveries where tenant = $1 and endpoint = $2 and state = 'waiting' and about {in $3}`
	found, err := list(ctx, d, d.read, scanText, query, tenant, endpoint, abouts)
	if err != nil {
		return nil, fmt.Errorf("read what waits for endpoint %s of tenant %s: %w", endpoint, tenant, err)
	}
	return found, nil
}

// ChangesBySeq returns the changes of these numbers that are still kept, with states, in order.
func (d *DB) ChangesBySeq(ctx context.Context, tenant string, seqs []int64) ([]directory.Change, error) {
	const query = `
		select t.feed, c.seq, c.at, c.type, c.subject, c.subject_id, c.person_id, c.person_seq, c.fields, c.cause
		from {rows} cross join tenants t cross join changes c where t.slug = $1 and c.tenant = $1 and c.seq = v.seq order by c.seq`
	scan := func(s scanner) (c directory.Change, err error) {
		c.Fields = []directory.FieldChange{}
		var feed string
		err = s.Scan(&feed, &c.Seq, moment{&c.At}, &c.Type, &c.Subject, &c.SubjectID, &c.PersonID, &c.PersonSeq, jsonText{&c.Fields}, jsonText{&c.Cause})
		c.ID, c.Tenant = directory.EventID(feed, c.Seq, c.At), tenant
		return c, err
	}
	changes, err := listRows(ctx, d, d.read, scan, query, []Column{ints("seq", seqs, func(n *int64) int64 { return *n })}, tenant)
	if err != nil {
		return nil, fmt.Errorf("read %d changes of tenant %s: %w", len(seqs), tenant, err)
	}
	return changes, d.addStates(ctx, tenant, changes, false)
}

// Deliveries returns what waits for an endpoint, or was given up, in the order of Pos after a position.
func (d *DB) Deliveries(ctx context.Context, tenant, endpoint string, state directory.DeliveryState, after int64, limit int) ([]directory.Delivery, error) {
	const query = `select ` + rowColumns + ` from deliveries
		where tenant = $1 and endpoint = $2 and state = $3 and pos > $4 order by pos limit $5`
	rows, err := list(ctx, d, d.read, scanDelivery, query, tenant, endpoint, string(state), after, limit)
	if err != nil {
		return nil, fmt.Errorf("read the deliveries to endpoint %s of tenant %s: %w", endpoint, tenant, err)
	}
	return rows, nil
}

// Delivery returns what is known of one delivery: its row, unless it arrived or was never in the way, and the
// attempts that are still kept, oldest first.
func (d *DB) Delivery(ctx context.Context, tenant, endpoint string, seq int64, replay string) (*directory.Delivery, []directory.Attempt, error) {
	const query = `select ` + rowColumns + ` from deliveries where tenant = $1 and endpoint = $2 and seq = $3 and replay = $4`
	rows, err := list(ctx, d, d.read, scanDelivery, query, tenant, endpoint, seq, replay)
	if err != nil {
		return nil, nil, fmt.Errorf("read a delivery to endpoint %s of tenant %s: %w", endpoint, tenant, err)
	}
	const tries = `select ` + attemptColumns + ` from delivery_attempts where tenant = $1 and endpoint = $2 and seq = $3 and replay = $4 order by no`
	attempts, err := list(ctx, d, d.read, scanAttempt, tries, tenant, endpoint, seq, replay)
	if err != nil {
		return nil, nil, fmt.Errorf("read the attempts at a delivery to endpoint %s of tenant %s: %w", endpoint, tenant, err)
	}
	if len(rows) == 0 {
		return nil, attempts, nil
	}
	return &rows[0], attempts, nil
}

const attemptColumns = `no, seq, replay, about, attempt, at, ok, status, took, problem, answer`

func scanAttempt(s scanner) (a directory.Attempt, err error) {
	var took int64
	err = s.Scan(&a.No, &a.Seq, &a.Replay, &a.About, &a.Attempt, moment{&a.At}, &a.OK, &a.Status, &took, &a.Problem, &a.Answer)
	a.Took = time.Duration(took) * time.Microsecond
	return a, err
}

// Attempts returns the newest attempts at an endpoint that are older than number before; zero: from the newest.
func (d *DB) Attempts(ctx context.Context, tenant, endpoint string, before int64, limit int) ([]directory.Attempt, error) {
	const query = `select ` + attemptColumns + ` from delivery_attempts
		where tenant = $1 and endpoint = $2 and ($3 = 0 or no < $3) order by no desc limit $4`
	attempts, err := list(ctx, d, d.read, scanAttempt, query, tenant, endpoint, before, limit)
	if err != nil {
		return nil, fmt.Errorf("read the attempts at endpoint %s of tenant %s: %w", endpoint, tenant, err)
	}
	return attempts, nil
}

// AddTest keeps the attempt at a test event, with the act of asking for it.
func (d *DB) AddTest(ctx context.Context, tenant, endpoint string, attempt directory.Attempt, act directory.Act) error {
	err := d.again(ctx, func(tx *sql.Tx) error {
		var last int64
		const next = `update endpoints set attempts = attempts + 1 where tenant = $1 and id = $2 returning attempts - 1`
		if err := d.row(ctx, tx, next, tenant, endpoint).Scan(&last); err != nil {
			return d.explain(err)
		}
		if err := d.addAttempts(ctx, tx, tenant, endpoint, last, []directory.Attempt{attempt}); err != nil {
			return err
		}
		act.Tenant, act.Subject = tenant, "endpoint:"+endpoint
		return d.record(ctx, tx, act)
	})
	if err != nil {
		return fmt.Errorf("keep the test of endpoint %s of tenant %s: %w", endpoint, tenant, err)
	}
	return nil
}

// RetryDeliveries has what waits for an endpoint tried at once: one delivery, or all with seq zero. It returns how
// many.
func (d *DB) RetryDeliveries(ctx context.Context, tenant, endpoint string, seq int64, replay string, act directory.Act) (int, error) {
	const query = `
		update deliveries set due_at = {now}
		where tenant = $1 and endpoint = $2 and state = 'waiting' and due_at is not null and ($3 = 0 or seq = $3 and replay = $4)`
	return d.takeUp(ctx, tenant, endpoint, query, seq, replay, act)
}

// RedriveDeliveries takes up again what was given up, with all of its attempts: one delivery, or all with seq zero. It
// returns how many.
func (d *DB) RedriveDeliveries(ctx context.Context, tenant, endpoint string, seq int64, replay string, act directory.Act) (int, error) {
	const query = `
		update deliveries set state = 'waiting', attempts = 0, due_at = null
		where tenant = $1 and endpoint = $2 and state = 'dead' and ($3 = 0 or seq = $3 and replay = $4)`
	return d.takeUp(ctx, tenant, endpoint, query, seq, replay, act)
}

func (d *DB) takeUp(ctx context.Context, tenant, endpoint, query string, seq int64, replay string, act directory.Act) (int, error) {
	taken := int64(0)
	err := d.again(ctx, func(tx *sql.Tx) error {
		var err error
		if taken, err = d.exec(ctx, tx, query, tenant, endpoint, seq, replay); err != nil {
			return err
		}
		if err := d.promoteAll(ctx, tx, tenant, endpoint); err != nil {
			return err
		}
		const wake = `update endpoints set rest_until = null, swept_at = null where tenant = $1 and id = $2`
		if _, err := d.exec(ctx, tx, wake, tenant, endpoint); err != nil {
			return err
		}
		dead, err := list(ctx, d, tx, scanText, `select endpoint from deliveries where tenant = $1 and state = 'dead' limit 1`, tenant)
		if err != nil {
			return err
		}
		if len(dead) == 0 {
			if _, err := d.exec(ctx, tx, `delete from alarms where tenant = $1 and kind = $2`, tenant, string(directory.AlertDeliveryDead)); err != nil {
				return err
			}
		}
		act.Tenant, act.Subject = tenant, "endpoint:"+endpoint
		if seq > 0 {
			act.Reason = "change " + strconv.FormatInt(seq, 10)
		}
		return d.record(ctx, tx, act)
	})
	if err != nil {
		return 0, fmt.Errorf("%s to endpoint %s of tenant %s: %w", act.Kind, endpoint, tenant, err)
	}
	return int(taken), nil
}

// promoteAll lets the first of every about go that has none under way.
func (d *DB) promoteAll(ctx context.Context, tx *sql.Tx, tenant, endpoint string) error {
	const query = `
		update deliveries set due_at = {now} where pos in (
			select min(w.pos) from deliveries w where w.tenant = $1 and w.endpoint = $2 and w.state = 'waiting'
			group by w.about having count(w.due_at) = 0)`
	_, err := d.exec(ctx, tx, query, tenant, endpoint)
	return err
}

// Replay has changes that are kept delivered to an endpoint once more, marked with the id of the replay: those that q
// selects, whether or not they were delivered before. Of one person they go before newer changes. It
// returns how many; what is there already under this id is not added twice.
//
// All but the last changes are added without the tenant's lock, for there may be a million of them. The last are added
// under it, so that none is committed beside them: whoever delivers that one would not see yet that it has to wait.
func (d *DB) Replay(ctx context.Context, tenant, endpoint, replay string, q directory.ChangeQuery, act directory.Act) (int, error) {
	where := `c.tenant = $1 and c.seq > $4 and ($5 = 0 or c.seq <= $5) and ($6 = '' or c.person_id = $6)`
	values := []any{tenant, endpoint, replay, q.After, q.Through, q.PersonID}
	if len(q.Types) > 0 {
		types := make([]string, len(q.Types))
		for i, t := range q.Types {
			types[i] = string(t)
		}
		where, values = where+` and c.type {in $7}`, append(values, types)
	}
	query := `
		insert into deliveries (tenant, endpoint, seq, replay, about, state, attempts, due_at, created_at, status, problem)
		select $1, $2, c.seq, $3, case when c.person_id <> '' then c.person_id else c.subject_id end, 'waiting', 0, null, {now}, 0, ''
		from changes c where ` + where + ` order by c.seq
		on conflict do nothing`
	added := 0
	err := d.again(ctx, func(tx *sql.Tx) error {
		var last int64
		if err := d.row(ctx, tx, `select change_seq from tenants where slug = $1`, tenant).Scan(&last); err != nil {
			return d.explain(err)
		}
		first, rest := slices.Clone(values), slices.Clone(values)
		rest[3] = max(q.After, last)
		if first[4] = last; q.Through > 0 {
			first[4] = min(q.Through, last)
		}
		n, err := d.exec(ctx, tx, query, first...)
		if err != nil {
			return err
		}
		if err := d.promoteAll(ctx, tx, tenant, endpoint); err != nil {
			return err
		}
		if _, err := list(ctx, d, tx, scanText, `select slug from tenants where slug = $1 {lock}`, tenant); err != nil {
			return err
		}
		late, err := list(ctx, d, tx, scanText, query+` returning about`, rest...)
		if err != nil {
			return err
		}
		added = int(n) + len(late)
		abouts := map[string]bool{}
		for _, about := range late {
			abouts[about] = true
		}
		if err := d.promote(ctx, tx, tenant, endpoint, abouts); err != nil {
			return err
		}
		act.Tenant, act.Subject = tenant, "endpoint:"+endpoint
		return d.record(ctx, tx, act)
	})
	if err != nil {
		return 0, fmt.Errorf("replay changes to endpoint %s of tenant %s: %w", endpoint, tenant, err)
	}
	return added, nil
}
