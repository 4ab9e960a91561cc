package main

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"github.com/oktasync/oktasync/api"
	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	dirsync "github.com/oktasync/oktasync/sync"
)

// proposer hands in the rules of a tenant.
type proposer func(ctx context.Context, p dirsync.Proposal) (dirsync.Proposed, error)

// withRules gives each tenant that is worked for the rules in force. Before that it hands in the rules of the
// settings, where this process has not done so: a change of them comes into force by a run. A process that did not read
// a change itself hands nothing in, so that one with an older file takes nothing back.
func (b *tenantBook) withRules(ctx context.Context, tenants []liveTenant, again bool, by string) error {
	own := map[string]string{}
	for _, t := range tenants {
		if t.Problem != "" || t.Removal != nil {
			continue
		}
		rules := rulesOf(t.settings)
		set, err := dirsync.NewRuleset(rules)
		if err != nil {
			return err
		}
		own[t.Tenant] = set.Hash
		if b.handed[t.Tenant] == set.Hash {
			continue
		}
		done, err := b.propose(ctx, dirsync.Proposal{Tenant: t.Tenant, Rules: rules, Again: again, By: by, NewID: newRunID})
		if errors.Is(err, directory.ErrNotFound) || errors.Is(err, directory.ErrConflict) {
			b.log.Warn("the rules of a tenant were not handed in; it is tried again", "tenant", t.Tenant, "error", err)
			continue
		}
		if err != nil {
			return err
		}
		b.handed[t.Tenant] = set.Hash
		b.tellRules(t.Tenant, done)
	}
	inForce, err := b.db.RulesInForce(ctx)
	if err != nil {
		return err
	}
	for i := range tenants {
		t := &tenants[i]
		set, known := inForce[t.Tenant]
		if !known {
			continue
		}
		t.ruleset = set.Hash
		if own[t.Tenant] == set.Hash {
			t.rules = rulesOf(t.settings) // which know where in the file they stand
			continue
		}
		if t.rules, err = dirsync.ReadRuleset(set); err != nil {
			return err
		}
	}
	return nil
}

func (b *tenantBook) tellRules(tenant string, done dirsync.Proposed) {
	line := b.log.With("tenant", tenant, "rules", directory.ShortHash(done.Hash))
	switch done.Verdict {
	case directory.RulesNext:
		line.Info("the rules have changed; the old ones stay in force until the run has planned what the new ones change, and that is within the limits", "run", done.Run.ID, "scope", done.Run.Scope.String())
	case directory.RulesRefused:
		line.Warn("the configured rules are not in force, because an admin rejected their run; change them, or reload the configuration to have them planned again")
	case directory.RulesAdopted:
		line.Info("the rules are in force")
	case directory.RulesInForce:
		line.Debug("the rules are in force already")
	default:
		line.Error("the rules were handed in, and nobody knows what became of them", "verdict", string(done.Verdict))
	}
}

// reloader loads the configuration anew while the service runs.
type reloader struct {
	book *tenantBook
	load func() (config.Config, error)
	log  *slog.Logger
}

// Reload takes over the tenants of the configuration file as it is now, their rules by runs. Settings of the
// installation need a restart and are named. A configuration with mistakes is one *directory.InvalidError with all of
// them, and nothing of it is taken over.
func (r *reloader) Reload(ctx context.Context, by string) (api.Reloaded, error) {
	cfg, err := r.load()
	if err != nil {
		return api.Reloaded{}, invalidSettings(err)
	}
	return r.book.reload(ctx, cfg, by)
}

func (b *tenantBook) reload(ctx context.Context, next config.Config, by string) (api.Reloaded, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	before := b.config()
	cfg, restart, err := before.WithTenantsOf(next)
	if err != nil {
		return api.Reloaded{}, invalidSettings(err)
	}
	var slugs []string
	for _, t := range cfg.Tenants {
		slugs = append(slugs, t.Slug)
	}
	if err := b.db.EnsureTenants(ctx, slugs); err != nil {
		return api.Reloaded{}, err
	}
	records, err := b.db.TenantRecords(ctx)
	if err != nil {
		return api.Reloaded{}, err
	}
	opened, handed := b.opened, b.handed
	b.cfg.Store(&cfg)
	b.opened, b.handed = map[string]openedTenant{}, map[string]string{} // presets may have changed, and what was rejected may come again
	tenants, err := b.takeOver(ctx, records, true, by)
	if err != nil {
		b.cfg.Store(&before)
		b.opened, b.handed = opened, handed
		return api.Reloaded{}, err
	}
	b.version = -1 // what came in between is read with the next
	b.tell(tenants)
	done := api.Reloaded{NeedRestart: restart}
	for _, t := range tenants {
		state, err := b.db.RulesState(ctx, t.Tenant)
		if err != nil || state.InForce == "" {
			continue // said by the list of tenants
		}
		done.Tenants = append(done.Tenants, api.ReloadedTenant{Tenant: t.Tenant, RulesState: state})
	}
	return done, nil
}

// Run reloads at each SIGHUP until ctx ends.
func (r *reloader) Run(ctx context.Context, hangups <-chan os.Signal) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
		}
		done, err := r.Reload(ctx, "")
		if err != nil {
			r.log.Error("the configuration was not reloaded; all stays as it was", "error", err)
			continue
		}
		r.log.Info("the configuration was reloaded", "tenants", len(done.Tenants), "need_restart", done.NeedRestart)
	}
}

// hangups are the SIGHUPs from now on.
func hangups() (signals chan os.Signal, stop func()) {
	signals = make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	return signals, func() { signal.Stop(signals) }
}
