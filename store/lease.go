package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// lostAtMost is how many owners in a row may fall silent without having got any further. One
// more would end the same way: the run brings the process down that works at it.
const lostAtMost = 10

// goesOnSoon is how long a run may pause before another one of its scope is let in, which would
// make it start over: Okta's windows last a minute.
const goesOnSoon = 2 * time.Minute

// errLost says that so many have.
var errLost = errors.New("its owners fell silent")

// ClaimRun gives the run to owner until lease has passed, by the database's
// clock, and returns it, with how it stood. StartedAt is set by the first claim.
//
// It fails with directory.ErrBusy while another owner's lease is valid, before RetryAt, or when
// it was claimed more often than claims, which may be directory.AnyClaim; for a
// full run, while another full run of the tenant is held or goes on in a moment; with directory.ErrConflict
// when the run is over; and with directory.ErrNotFound. A full run takes the lease of
// any other full run whose owner let it run out: that owner is told by SaveRun. A run at which one
// owner after the other fell silent is failed, and is directory.ErrConflict.
func (d *DB) ClaimRun(ctx context.Context, tenant, id, owner string, claims int64, lease time.Duration) (directory.Run, error) {
	run, err := d.claimRun(ctx, tenant, id, owner, claims, lease)
	if errors.Is(err, errLost) {
		reason := fmt.Sprintf("%d workers in a row died or hung while they were at it, and got no further; what was applied is right and stays; "+
			"look into the log for what ended them, then run the sync again", lostAtMost)
		if err = d.FailRun(ctx, tenant, id, reason); err == nil {
			err = fmt.Errorf("%s: %w", reason, directory.ErrConflict)
		}
	}
	if err != nil {
		return directory.Run{}, fmt.Errorf("claim run %s of tenant %s: %w", id, tenant, err)
	}
	return run, nil
}

func (d *DB) claimRun(ctx context.Context, tenant, id, owner string, claims int64, lease time.Duration) (directory.Run, error) {
	var run directory.Run
	err := d.again(ctx, func(tx *sql.Tx) error {
		lost, err := d.mayClaim(ctx, tx, tenant, id, owner, claims, lease)
		if err != nil {
			return err
		}
		const claim = `
			update runs set lease_owner = $3, lease_until = {now} + {micros $4}, started_at = coalesce(started_at, {now}),
				claims = claims + 1, lost = $5
			where tenant = $1 and id = $2
			returning ` + runColumns
		claimed, err := list(ctx, d, tx, scanRun, claim, tenant, id, owner, lease, lost)
		if err != nil {
			return err
		}
		if len(claimed) != 1 {
			return unknownRun(tenant, id)
		}
		run = claimed[0]
		// The owner's name is not emptied but replaced, so that its SaveRun fails
		// and no unique index takes the run for one that nobody has claimed. Its
		// plan is older than what this run will see, so it has to read anew.
		const oust = `
			update runs set lease_owner = '-', lease_until = null, state = 'queued', read_notes = ''
			where tenant = $1 and id <> $2 and scope_kind = $3 and scope_id = $4 and lease_owner not in ('', '-')
				and state in ('queued', 'reading', 'applying') and decision = ''`
		_, err = d.exec(ctx, tx, oust, tenant, id, string(run.Scope.Kind), run.Scope.ID)
		return err
	})
	return run, err
}

// mayClaim locks the run and the tenant's full runs, in order of id so that two
// claims do not wait for each other, and says what is against the claim. lost is how many owners in a
// row have fallen silent.
func (d *DB) mayClaim(ctx context.Context, tx *sql.Tx, tenant, id, owner string, claims int64, lease time.Duration) (lost int, err error) {
	type candidate struct {
		id, owner string
		scope     directory.ScopeKind
		state     directory.RunState
		held      bool
		approved  bool
		claims    int64
		lost      int
		silent    bool // the owner has let its lease run out
		waits     bool // for its next attempt
		pauses    bool // and goes on in a moment, where it was
	}
	// An approved plan is older than what others read, so it is applied while no other run of
	// its scope, and no full one, is under way.
	const query = `
		select id, scope_kind, state, lease_owner, coalesce(lease_until > {now}, false), decision <> '', claims, lost,
			lease_owner not in ('', '-') and lease_until is not null, coalesce(retry_at > {now}, false),
			coalesce(retry_at > {now} - {micros $3} and retry_at < {now} + {micros $4}, false)
		from runs
		where tenant = $1 and (id = $2 or state in ('queued', 'reading', 'applying')) and id in (
			select m.id from runs m where m.tenant = $1 and m.id = $2
			union all
			select o.id from runs o join runs m on m.tenant = $1 and m.id = $2
			where o.tenant = $1 and o.state in ('queued', 'reading', 'applying') and (
				o.scope_kind = m.scope_kind and o.scope_id = m.scope_id
				or o.scope_kind = 'full' and m.decision <> ''
				or o.decision <> '' and m.scope_kind = 'full'))
		order by id {lock}`
	scan := func(s scanner) (c candidate, err error) {
		return c, s.Scan(&c.id, &c.scope, &c.state, &c.owner, &c.held, &c.approved, &c.claims, &c.lost, &c.silent, &c.waits, &c.pauses)
	}
	candidates, err := list(ctx, d, tx, scan, query, tenant, id, lease, goesOnSoon)
	if err != nil {
		return 0, err
	}
	var mine *candidate
	for i := range candidates {
		if candidates[i].id == id {
			mine = &candidates[i]
		}
	}
	switch {
	case mine == nil:
		return 0, unknownRun(tenant, id)
	case !mine.state.Open():
		return 0, fmt.Errorf("the run is over, it is %s: %w", mine.state, directory.ErrConflict)
	case mine.held && mine.owner != owner:
		return 0, fmt.Errorf("its lease is held by %s: %w", mine.owner, directory.ErrBusy)
	case claims != directory.AnyClaim && mine.claims != claims:
		return 0, fmt.Errorf("it has been claimed since this task was made, and has another one now: %w", directory.ErrBusy)
	case mine.waits:
		return 0, fmt.Errorf("it waits for its next attempt: %w", directory.ErrBusy)
	}
	for _, c := range candidates {
		if c.id != id && (c.held || c.pauses) {
			return 0, fmt.Errorf("run %s of the same scope is under way: %w", c.id, directory.ErrBusy)
		}
		if c.id != id && c.approved && !mine.approved {
			return 0, fmt.Errorf("the plan of run %s was approved and is applied first: %w", c.id, directory.ErrBusy)
		}
	}
	if !mine.silent {
		return 0, nil
	}
	if mine.lost+1 >= lostAtMost {
		return 0, errLost
	}
	return mine.lost + 1, nil
}

// SaveRun writes state, progress, counts, attempts and error of a claimed run and renews the
// lease; a state that is not open, or a lease of zero, gives it up. RetryAt becomes RetryIn from now, by
// the database's clock, or nil without. One that is over sets FinishedAt unless it is
// given, one that waits writes when it was planned and until when it waits. It fails
// with directory.ErrBusy when the lease went to another owner,
// directory.ErrConflict when the run is over, and directory.ErrNotFound. A lease that ran
// out and that nobody took counts as held.
func (d *DB) SaveRun(ctx context.Context, run directory.Run, owner string, lease time.Duration) error {
	return d.saveRun(ctx, d.write, renewLazily, run, owner, lease)
}

// SaveRun is DB.SaveRun inside this transaction.
func (t *Tx) SaveRun(ctx context.Context, run directory.Run, owner string, lease time.Duration) error {
	if run.Tenant != t.tenant {
		return fmt.Errorf("save run %s of tenant %q in a transaction of tenant %q: %w", run.ID, run.Tenant, t.tenant, directory.ErrConflict)
	}
	return t.db.saveRun(ctx, t.tx, renew, run, owner, lease)
}

const (
	saved = `
		update runs set state = $4, progress = $5, counts = $6, error = $7, attempts = $8, `
	// What is applied is behind the run for good, whoever falls silent next.
	renew = saved + `started_at = coalesce({at $9}, started_at), lease_until = {now} + {micros $10}, retry_at = null, lost = 0
		where ` + ownedOpen
	// Outside a transaction it notes how far a reading is, page by page.
	renewLazily = saved + `started_at = coalesce({at $9}, started_at), lease_until = {now} + {micros $10}, retry_at = null
		where ` + ownedOpen + ` and {lazily}`
	// The owner's name stays, or a unique index would take the run for one that nobody has claimed.
	leave = saved + `started_at = coalesce({at $9}, started_at), lease_until = null, retry_at = {now} + {micros $10}
		where ` + ownedOpen
	leaveAtOnce = saved + `started_at = coalesce({at $9}, started_at), lease_until = null, retry_at = null
		where ` + ownedOpen
	finish = saved + `started_at = coalesce({at $9}, started_at), finished_at = coalesce({at $10}, {now}), refused = $11,
			lease_owner = '', lease_until = null, retry_at = null
		where ` + ownedOpen
	wait = saved + `planned_at = {at $9}, waits_until = {at $10}, plan_summary = $11, lease_owner = '', lease_until = null, retry_at = null
		where ` + ownedOpen
)

// saveRun writes the run with the query renew, or finishes it.
func (d *DB) saveRun(ctx context.Context, q querier, renew string, run directory.Run, owner string, lease time.Duration) error {
	progress, counts, err := runTexts(run)
	if err != nil {
		return err
	}
	query, values := finish, []any{run.Tenant, run.ID, owner, string(run.State), progress, counts, run.Error, run.Attempts}
	switch {
	case run.State.Open() && lease == 0 && run.RetryIn == 0:
		query, values = leaveAtOnce, append(values, run.StartedAt)
	case run.State.Open() && lease == 0:
		query, values = leave, append(values, run.StartedAt, run.RetryIn)
	case run.State.Open():
		query, values = renew, append(values, run.StartedAt, lease)
	case run.State.Waiting():
		summary, err := json.Marshal(run.Plan)
		if err != nil {
			return fmt.Errorf("write the summary of run %s: %w", run.ID, err)
		}
		query, values = wait, append(values, run.PlannedAt, run.WaitsUntil, string(summary))
	default:
		values = append(values, run.StartedAt, run.FinishedAt, run.Refused)
	}
	touched, err := d.exec(ctx, q, query, values...)
	if err != nil {
		return fmt.Errorf("save run %s of tenant %s: %w", run.ID, run.Tenant, err)
	}
	if touched == 1 {
		return nil
	}
	return d.notOwned(ctx, q, run.Tenant, run.ID, owner)
}

// RenewLease keeps a run with its owner until lease has passed, by the database's clock. False
// says that the run is over, given up, or another owner's.
func (d *DB) RenewLease(ctx context.Context, tenant, id, owner string, lease time.Duration) (bool, error) {
	const query = `
		update runs set lease_until = {now} + {micros $4}
		where ` + ownedOpen + ` and lease_until is not null`
	touched, err := d.exec(ctx, d.write, query, tenant, id, owner, lease)
	if err != nil {
		return false, fmt.Errorf("renew the lease of run %s of tenant %s: %w", id, tenant, err)
	}
	return touched == 1, nil
}

// FailRun ends a run as failed, whoever holds it; reason is shown to an admin. A
// run that is over stays as it is.
func (d *DB) FailRun(ctx context.Context, tenant, id, reason string) error {
	const query = `
		update runs set state = 'failed', error = $3, finished_at = {now}, lease_owner = '', lease_until = null, retry_at = null
		where tenant = $1 and id = $2 and state in ('queued', 'reading', 'applying')
		returning ` + runColumns
	err := d.Update(ctx, tenant, func(ctx context.Context, tx *Tx) error {
		failed, err := list(ctx, d, tx.tx, scanRun, query, tenant, id, reason)
		if err != nil {
			return err
		}
		for _, run := range failed {
			if change, told := directory.RunEnded(run); told {
				if _, err := tx.Append(ctx, []directory.Change{change}); err != nil {
					return err
				}
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("fail run %s of tenant %s: %w", id, tenant, err)
	}
	return nil
}
