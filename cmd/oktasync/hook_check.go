package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/jobs"
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/webhook"
)

// hookCheck looks after each tenant's event hook in Okta.
func (s *service) hookCheck() jobs.Chore {
	return jobs.Chore{
		Name: directory.ChoreHookCheck,
		Every: func(slug string) time.Duration {
			t, known := s.tenants.find(slug)
			if !known || !t.works() || t.settings.Hook.Check == config.HookOff {
				return 0
			}
			return t.settings.Hook.CheckEvery
		},
		Do: func(ctx context.Context, slug string) (bool, error) { return false, s.checkHook(ctx, slug) },
	}
}

// checkHook makes one turn for a tenant.
func (s *service) checkHook(ctx context.Context, slug string) error {
	parts, done, err := s.tenants.use(slug)
	if err != nil || parts == nil {
		return err
	}
	defer done()
	known, err := readKnownHook(ctx, s.db, parts.cfg)
	if err != nil {
		return err
	}
	uri, err := hookAddress(s.tenants, slug, s.cfg.Server.PublicURL)
	if err != nil {
		return err
	}
	spec := known.spec(hookSpec(s.tenants, parts.cfg, uri, ""))
	uses, err := s.tellingUses(ctx, slug, known.uses)
	if err != nil {
		return err
	}
	secret := known.secret()
	result, err := parts.reader.CheckHook(okta.WithPriority(ctx, okta.Event), okta.CheckOptions{
		Spec: spec, Known: known.record.ID != "" || known.delivered(), Repair: parts.cfg.Hook.Check == config.HookRepair,
		Secret: secret.Reveal(), Uses: uses,
		Address: func(ctx context.Context, address string) error {
			return webhook.Check(ctx, address, secret.Reveal(), nil)
		},
	})
	// A hook that somebody led astray must not become what is wanted.
	if result.Hook.ID != "" && !result.State.Alarming() {
		if saved := known.save(ctx, result.Hook, result.SecretGiven); saved != nil && err == nil {
			err = saved
		}
	}
	if err != nil {
		return err
	}
	before, err := s.db.NoteHookCheck(ctx, slug, string(result.State), result.Problem)
	if err != nil {
		return err
	}
	s.tellHook(slug, okta.HookState(before), result)
	return s.alertHook(ctx, slug, result)
}

// tellingUses leaves out the deliveries that were refused, where the System Log shows that no hook was lost:
// they were then not Okta's. Strangers find the address sooner or later, and nobody is to be woken for them.
func (s *service) tellingUses(ctx context.Context, slug string, uses []directory.HookUse) ([]directory.HookUse, error) {
	health, err := s.db.CountEvents(ctx, slug, directory.EventGrace)
	if err != nil || !health.NoneLost() {
		return uses, err
	}
	return slices.DeleteFunc(slices.Clone(uses), func(u directory.HookUse) bool { return u.Secret == "" }), nil
}

// alertHook has the operator told, once, that the hook is broken, and that it is well again.
func (s *service) alertHook(ctx context.Context, slug string, result okta.CheckResult) error {
	if len(result.Repaired) > 0 && result.State == okta.HookSound {
		err := s.db.Alert(ctx, directory.Alert{ID: newRunID(), Tenant: slug, Kind: directory.AlertHookRepaired, Sentence: fmt.Sprintf(
			"the event hook %s of tenant %s was %s: somebody had changed it in Okta, and it was repaired; a full sync brings what was missed; find out who it was in Okta's System Log",
			result.Hook.ID, slug, result.Found)})
		if err != nil {
			return err
		}
	}
	if result.State.Alarming() {
		_, err := s.db.RaiseAlarm(ctx, slug, directory.AlertHookBroken, fmt.Sprintf("the event hook of tenant %s does not do its work: %s", slug, result.Problem))
		return err
	}
	if result.State == okta.HookUnreadable {
		return nil // nothing is known of it
	}
	_, err := s.db.SettleAlarm(ctx, slug, directory.AlertHookBroken, fmt.Sprintf("the event hook of tenant %s does its work again", slug))
	return err
}

// tellHook writes one line for each change of state.
func (s *service) tellHook(slug string, before okta.HookState, result okta.CheckResult) {
	log := s.log.With("tenant", slug, "hook", cmp.Or(result.Hook.ID, "none"))
	if len(result.Repaired) > 0 && result.State == okta.HookSound {
		log.Warn("the event hook in Okta was changed by somebody, and is repaired; a full sync brings what was missed", "was", string(result.Found), "done", result.Repaired)
	}
	switch {
	case before == result.State:
	case result.State.Alarming():
		log.Error("the event hook in Okta does not do its work; nothing more is said until that changes", "state", string(result.State), "problem", result.Problem)
	case before.Alarming():
		log.Info("the event hook in Okta does its work again", "was", string(before))
	case result.Problem != "":
		log.Info("the event hook in Okta was looked at", "state", string(result.State), "note", result.Problem)
	}
}
