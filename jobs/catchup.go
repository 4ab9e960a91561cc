package jobs

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/oktasync/oktasync/directory"
)

// makeUp starts the run of the last scheduled moment if it was missed. Only Run
// calls it, so that an entry is looked at by one at a time.
//
//	last full sync   last nightly run   what happens
//	after moment     any                nothing: it is as good as the nightly run
//	before moment    of that date       nothing: it was made, however it ended
//	before moment    older or none      a run of that date
//	never            of that date       at start, if that run has failed: one more, without date
//	never            older or none      a run of that date, of today without a schedule
func (s *Schedule) makeUp(ctx context.Context, e *entry) error {
	first := !e.greeted
	now := s.now().UTC()
	synced, ever, err := s.calendar.LastFullSync(ctx, e.tenant)
	if err != nil {
		return fmt.Errorf("read the last full sync of tenant %s: %w", e.tenant, err)
	}
	nightly, found, err := s.calendar.LastNightly(ctx, e.tenant)
	if err != nil {
		return fmt.Errorf("read the last nightly run of tenant %s: %w", e.tenant, err)
	}
	moment := time.Time{}
	if e.schedule != nil {
		moment = latest(e.schedule, now)
	}
	date := moment.Format(dateLayout)
	switch {
	case ever && (moment.IsZero() || !synced.Before(moment)):
	case !ever && moment.IsZero():
		// Never scheduled so far. Without a first sync the directory would stay empty.
		date = now.Format(dateLayout)
		if first {
			err = s.startFirst(ctx, e.tenant, date)
		}
	case found && nightly >= date:
		if !ever && first {
			err = s.startFirst(ctx, e.tenant, nightly)
		}
	default:
		err = s.start(ctx, e.tenant, date)
	}
	if err != nil {
		return err
	}
	e.greeted = true
	return nil
}

// start makes the nightly run of a date and enqueues it. Another replica may
// have done so; then there is nothing to do.
func (s *Schedule) start(ctx context.Context, tenant, date string) error {
	_, _, err := s.create(ctx, tenant, date)
	return err
}

// startFirst is start for a tenant that has never had a full sync. If the run of that
// date has failed, say for a wrong token, whoever mended it and started the
// service again expects a sync now, not next night.
func (s *Schedule) startFirst(ctx context.Context, tenant, date string) error {
	existing, created, err := s.create(ctx, tenant, date)
	if err != nil || created || existing.State != directory.RunFailed {
		return err
	}
	_, _, err = s.create(ctx, tenant, "")
	return err
}

func (s *Schedule) create(ctx context.Context, tenant, date string) (directory.Run, bool, error) {
	run, err := nightlyRun(tenant, date, s.now())
	if err != nil {
		return directory.Run{}, false, err
	}
	run, created, err := s.calendar.CreateRun(ctx, run)
	if err != nil {
		return directory.Run{}, false, fmt.Errorf("create the nightly run of tenant %s for %s: %w", tenant, date, err)
	}
	if !created {
		return run, false, nil
	}
	s.log.Info("made a nightly run", "tenant", tenant, "run", run.ID, "date", date)
	// The row is what counts: without a task, the sweeper makes one.
	if err := s.client.EnqueueRun(ctx, run); err != nil {
		s.log.Warn("could not enqueue a nightly run; the sweeper will", "tenant", tenant, "run", run.ID, "error", err)
	}
	return run, true, nil
}

// nightlyRun is a new nightly run, without a date when it is made up outside the calendar.
func nightlyRun(tenant, date string, now time.Time) (directory.Run, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return directory.Run{}, fmt.Errorf("make an id for a run of tenant %s: %w", tenant, err)
	}
	return directory.Run{
		ID: id.String(), Tenant: tenant, Scope: directory.FullScope(), Cause: directory.CauseNightly,
		Date: date, State: directory.RunQueued, CreatedAt: now.UTC(),
	}, nil
}
