package store

import (
	"cmp"
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// EnsureChores makes the row of each chore that has none, due at once. One that is there is
// due no later than its Every from now, so that a shorter interval counts at once.
func (d *DB) EnsureChores(ctx context.Context, plans []directory.ChorePlan) error {
	if len(plans) == 0 {
		return nil
	}
	batch := []Column{
		texts("tenant", plans, func(p *directory.ChorePlan) string { return p.Tenant }),
		texts("chore", plans, func(p *directory.ChorePlan) string { return string(p.Chore) }),
		ints("every", plans, func(p *directory.ChorePlan) int64 { return p.Every.Microseconds() }),
	}
	const add = `
		insert into chores (tenant, chore, due_at)
		select t.slug, v.chore, {now} from {rows} join tenants t on t.slug = v.tenant where t.removed_at is null
		on conflict do nothing`
	const sooner = `
		update chores set due_at = {now} + {micros v.every}
		from {rows}
		where chores.tenant = v.tenant and chores.chore = v.chore and chores.due_at > {now} + {micros v.every}`
	err := d.again(ctx, func(tx *sql.Tx) error {
		if _, err := d.execRows(ctx, tx, add, batch); err != nil {
			return err
		}
		_, err := d.execRows(ctx, tx, sooner, batch)
		return err
	})
	if err != nil {
		return fmt.Errorf("plan %d chores: %w", len(plans), err)
	}
	return nil
}

// DueChores returns the chores of any tenant that are due, that no worker holds and that
// were not swept within grace, those that wait longest first, and notes that they are swept now.
// Two sweepers do not get the same chore.
func (d *DB) DueChores(ctx context.Context, grace time.Duration) ([]directory.ChoreHint, error) {
	const due = `
		chores.due_at <= {now} and (chores.lease_until is null or chores.lease_until <= {now})
		and (chores.swept_at is null or chores.swept_at <= {now} - {micros $1})`
	// Most looks find nothing, and must not write: on SQLite there is one writer.
	var waiting int
	if err := d.row(ctx, d.read, `select count(*) from chores where `+due, grace).Scan(&waiting); err != nil {
		return nil, fmt.Errorf("look for chores that are due: %w", err)
	}
	if waiting == 0 {
		return nil, nil
	}
	// Of a tenant that was removed, rows may be left.
	const query = `
		update chores set swept_at = {now} where ` + due + ` and tenant in (select slug from tenants)
		returning tenant, chore, due_at`
	type row struct {
		directory.ChoreHint
		due time.Time
	}
	scan := func(s scanner) (r row, err error) { return r, s.Scan(&r.Tenant, &r.Chore, moment{&r.due}) }
	var rows []row
	err := d.again(ctx, func(tx *sql.Tx) error {
		var err error
		rows, err = list(ctx, d, tx, scan, query, grace)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("take chores that are due: %w", err)
	}
	slices.SortFunc(rows, func(a, b row) int {
		return cmp.Or(a.due.Compare(b.due), strings.Compare(a.Tenant, b.Tenant), cmp.Compare(a.Chore, b.Chore))
	})
	hints := make([]directory.ChoreHint, len(rows))
	for i, r := range rows {
		hints[i] = r.ChoreHint
	}
	return hints, nil
}

// BeginChore gives the next turn of a chore to the caller until lease has passed, and
// returns the turn's number. The second result is false when the chore is not due, or
// another worker is at it.
func (d *DB) BeginChore(ctx context.Context, hint directory.ChoreHint, lease time.Duration) (int64, bool, error) {
	const query = `
		update chores set turn = turn + 1, lease_until = {now} + {micros $3}
		where tenant = $1 and chore = $2 and due_at <= {now} and (lease_until is null or lease_until <= {now})
		returning turn`
	scan := func(s scanner) (turn int64, err error) { return turn, s.Scan(&turn) }
	var turns []int64
	err := d.again(ctx, func(tx *sql.Tx) error {
		var err error
		turns, err = list(ctx, d, tx, scan, query, hint.Tenant, string(hint.Chore), lease)
		return err
	})
	if err != nil {
		return 0, false, fmt.Errorf("begin chore %s of tenant %s: %w", hint.Chore, hint.Tenant, err)
	}
	if len(turns) == 0 {
		return 0, false, nil
	}
	return turns[0], true, nil
}

// EndChore notes how a turn ended and when the next is due, and returns the result of
// the turn before. It does nothing when the turn was lost to another worker, and
// returns the result that is to be noted.
func (d *DB) EndChore(ctx context.Context, hint directory.ChoreHint, turn int64, end directory.ChoreEnd) (directory.ChoreResult, error) {
	const before = `select result from chores where tenant = $1 and chore = $2 and turn = $3 {lock}`
	const putOff = `
		update chores set due_at = {now} + {micros $4}, swept_at = null, lease_until = null
		where tenant = $1 and chore = $2 and turn = $3`
	const done = `
		update chores set due_at = {now} + {micros $4}, swept_at = null, lease_until = null,
			done_at = {now}, result = 'done', problem = '', problem_since = null
		where tenant = $1 and chore = $2 and turn = $3`
	const failed = `
		update chores set due_at = {now} + {micros $4}, swept_at = null, lease_until = null,
			problem_since = coalesce(problem_since, {now}), result = $5, problem = $6
		where tenant = $1 and chore = $2 and turn = $3`
	last := end.Result
	err := d.again(ctx, func(tx *sql.Tx) error {
		found, err := list(ctx, d, tx, scanText, before, hint.Tenant, string(hint.Chore), turn)
		if err != nil || len(found) == 0 {
			return err
		}
		last = directory.ChoreResult(found[0])
		switch end.Result {
		case directory.ChorePutOff:
			_, err = d.exec(ctx, tx, putOff, hint.Tenant, string(hint.Chore), turn, end.Next)
		case directory.ChoreDone:
			_, err = d.exec(ctx, tx, done, hint.Tenant, string(hint.Chore), turn, end.Next)
		case directory.ChoreFailed, directory.ChoreRefused:
			_, err = d.exec(ctx, tx, failed, hint.Tenant, string(hint.Chore), turn, end.Next, string(end.Result), end.Problem)
		default:
			err = fmt.Errorf("a turn cannot end as %q", end.Result)
		}
		return err
	})
	if err != nil {
		return "", fmt.Errorf("end chore %s of tenant %s: %w", hint.Chore, hint.Tenant, err)
	}
	return last, nil
}

// Chores returns how the tenant's chores go, in order of their names.
func (d *DB) Chores(ctx context.Context, tenant string) ([]directory.ChoreState, error) {
	const query = `
		select chore, due_at, done_at, result, problem, problem_since from chores
		where tenant = $1 order by chore`
	scan := func(s scanner) (c directory.ChoreState, err error) {
		return c, s.Scan(&c.Chore, moment{&c.Due}, maybe{&c.Done}, &c.Result, &c.Problem, maybe{&c.Since})
	}
	chores, err := list(ctx, d, d.read, scan, query, tenant)
	if err != nil {
		return nil, fmt.Errorf("read the chores of tenant %s: %w", tenant, err)
	}
	return chores, nil
}

// ChoreProblems returns the chores of the tenants that do not go well, in order of tenant and name.
func (d *DB) ChoreProblems(ctx context.Context, tenants []string) ([]directory.ChoreProblem, error) {
	const query = `
		select tenant, chore, problem, problem_since from chores
		where tenant {in $1} and problem <> '' order by tenant, chore`
	scan := func(s scanner) (p directory.ChoreProblem, err error) {
		return p, s.Scan(&p.Tenant, &p.Chore, &p.Problem, moment{&p.Since})
	}
	problems, err := list(ctx, d, d.read, scan, query, tenants)
	if err != nil {
		return nil, fmt.Errorf("read which chores of %d tenants do not go well: %w", len(tenants), err)
	}
	return problems, nil
}
