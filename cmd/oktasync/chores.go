package main

import (
	"context"
	"time"

	"github.com/oktasync/oktasync/catchup"
	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/jobs"
)

// chores lists the recurring work that each tenant needs. Workers make the turns,
// the scheduler enqueues them when they are due.
func (s *service) chores(m *metrics) []jobs.Chore {
	log := catchup.New(catchup.Options{
		Store: s.db, Enqueuer: s.queue, Taken: m.logTaken, Logger: s.log,
		FullSync: func(ctx context.Context, tenant string) error {
			return s.resyncs.Start(ctx, directory.Run{Tenant: tenant, Scope: directory.FullScope(), Cause: directory.CauseLog})
		},
	})
	return []jobs.Chore{
		{
			Name:  catchup.Name,
			Every: s.perTenant(func(t config.Tenant) time.Duration { return t.Okta.Log.Interval }),
			Do: s.withParts(func(ctx context.Context, tenant string, parts *tenantParts) (bool, error) {
				return log.Turn(ctx, tenant, parts.reader)
			}),
		},
		s.hookCheck(),
		{
			Name:  directory.ChoreEventMeter,
			Every: s.perTenant(func(config.Tenant) time.Duration { return meterEvery }),
			Do: func(ctx context.Context, tenant string) (bool, error) {
				return false, s.meterEvents(ctx, tenant, directory.EventGrace)
			},
		},
		s.erasePeople(m),
		s.invites.chore(s.perTenant, s.withParts),
	}
}

// erasePeople erases people who left, where the tenant's policy says so.
func (s *service) erasePeople(m *metrics) jobs.Chore {
	return jobs.Chore{
		Name: directory.ChoreErase,
		Every: s.perTenant(func(t config.Tenant) time.Duration {
			if t.Deprovision.Policy != config.DeprovisionDelete {
				return 0
			}
			return min(t.Deprovision.Grace, time.Hour)
		}),
		Do: s.withParts(func(ctx context.Context, tenant string, parts *tenantParts) (bool, error) {
			result, more, err := parts.engine.EraseDue(ctx)
			if len(result.Changes) > 0 {
				m.changed(tenant, result)
				s.log.Info("erased people who left longer ago than deprovision.grace", "tenant", tenant, "changes", changeCounts(result.Changes))
			}
			return more, err
		}),
	}
}

// perTenant is how often each tenant wants a chore: never when it is not worked for.
func (s *service) perTenant(every func(config.Tenant) time.Duration) func(string) time.Duration {
	return func(tenant string) time.Duration {
		t, known := s.tenants.find(tenant)
		if !known || !t.works() {
			return 0
		}
		return every(t.settings)
	}
}

// withParts gives a chore the tenant's parts. One that is not worked for is left alone.
func (s *service) withParts(do func(context.Context, string, *tenantParts) (bool, error)) func(context.Context, string) (bool, error) {
	return func(ctx context.Context, tenant string) (bool, error) {
		parts, done, err := s.tenants.use(tenant)
		if err != nil || parts == nil {
			return false, err
		}
		defer done()
		return do(ctx, tenant, parts)
	}
}
