package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/webhook"
)

type hookRotateCommand struct {
	hookTarget
	Wait    span `default:"5m" help:"How long to wait for the first delivery with the new secret."`
	Overlap span `default:"30s" help:"How long both hooks go on delivering after it."`
}

// Run gives Okta the second secret of the configuration, and says when the first can go. For a tenant
// of the database it makes the second secret before, and takes the first one out afterwards.
func (c hookRotateCommand) Run(e *env) error {
	w, err := c.open(e, true)
	if err != nil {
		return err
	}
	defer w.close()
	ctx, cancel := w.patiently(c.Wait.Duration + c.Overlap.Duration + followed + 2*time.Minute)
	defer cancel()
	if done, err := w.endRotation(ctx); done || err != nil {
		return err
	}
	if err := w.addSecret(ctx); err != nil {
		return err
	}
	secret, err := w.newSecret()
	if err != nil {
		return err
	}
	result, err := w.reader.RotateHook(ctx, okta.RotateOptions{
		Spec: w.spec, Secret: secret.Reveal(), Next: w.record.NextID,
		Ready: func(ctx context.Context) error { return w.ready(ctx, secret) },
		Remember: func(ctx context.Context, next okta.EventHook) error {
			w.record.NextID, w.record.NextSecret = next.ID, w.fingerprint(secret)
			return w.db.SaveHook(ctx, w.tenant.Slug, w.record)
		},
		Done: func(ctx context.Context, now okta.EventHook) error {
			w.record = directory.HookRecord{ID: now.ID, URL: now.Channel.Config.URI, Secret: w.fingerprint(secret)}
			return w.db.SaveHook(ctx, w.tenant.Slug, w.record)
		},
		Arrived: func(ctx context.Context, since time.Time) (bool, error) {
			return w.arrived(ctx, w.fingerprint(secret), since)
		},
		Patience: c.Wait.Duration, Overlap: c.Overlap.Duration,
		Say: func(sentence string) { fmt.Fprintln(e.out, sentence) },
	})
	if err != nil {
		return needsRight(err)
	}
	if !result.Finished {
		fmt.Fprintf(e.out, "No event has come with the new secret within %s; perhaps nothing happens in Okta now. The hooks %s and %s both deliver, and nothing is lost. Run this again later to finish.\n", c.Wait, result.Old.ID, result.New.ID)
		return errSaid
	}
	if w.all.stored(w.tenant.Slug) {
		return w.dropOld(ctx, secret)
	}
	fmt.Fprintf(e.out, "Okta uses the new secret, with the hook %s. Remove the old one from hook.secrets and restart every process. oktasync hook status shows when each was used last.\n", result.New.ID)
	return nil
}

// followed is how long the processes may take to accept a secret that was stored. They look every
// bookEvery, and say what they accept every webhook.DoorBeat.
const followed = 30 * time.Second

// addSecret makes a second secret for a tenant of the database. Both are accepted from then on.
func (w *hookWork) addSecret(ctx context.Context) error {
	if !w.all.stored(w.tenant.Slug) || len(w.tenant.Hook.Secrets) > 1 {
		return nil
	}
	both := append(slices.Clone(w.tenant.Hook.Secrets), config.NewSecret(rand.Text()+rand.Text()))
	if err := w.all.changeSecrets(ctx, w.tenant.Slug, "a second hook secret, to change it", w.tenant.Hook.Secrets, both); err != nil {
		return fmt.Errorf("store the new secret: %w; nothing was changed in Okta", err)
	}
	w.tenant.Hook.Secrets = both
	fmt.Fprintln(w.out, "A new secret is stored beside the present one, and both are accepted.")
	return nil
}

// endRotation takes the old secret of a tenant of the database out, if an earlier call came as far as
// giving Okta the new one. Hooks came with the old one then; one that no hook ever came with is a new
// one, which an admin has put first.
func (w *hookWork) endRotation(ctx context.Context) (bool, error) {
	all := w.tenant.Hook.Secrets
	if !w.all.stored(w.tenant.Slug) || len(all) != 2 || w.record.NextSecret != "" || w.record.Secret != w.fingerprint(all[1]) {
		return false, nil
	}
	if used, err := w.arrived(ctx, w.fingerprint(all[0]), time.Time{}); err != nil || !used {
		return false, err
	}
	return true, w.dropOld(ctx, all[1])
}

// dropOld leaves a tenant of the database with the secret that Okta has.
func (w *hookWork) dropOld(ctx context.Context, secret config.Secret) error {
	if err := w.all.changeSecrets(ctx, w.tenant.Slug, "Okta uses the new hook secret", w.tenant.Hook.Secrets, []config.Secret{secret}); err != nil {
		return fmt.Errorf("okta uses the new secret, with the hook %s, but the old one is still accepted: %w; run this again to take it out", w.record.ID, err)
	}
	fmt.Fprintf(w.out, "Okta uses the new secret, with the hook %s. The old one is not accepted any more.\n", w.record.ID)
	return nil
}

// ready is everywhere, and waits for processes that have just been given the secret.
func (w *hookWork) ready(ctx context.Context, secret config.Secret) error {
	err := w.everywhere(ctx, secret)
	if err == nil || !w.all.stored(w.tenant.Slug) {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, followed)
	defer cancel()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
		if again := w.everywhere(ctx, secret); again == nil || ctx.Err() == nil {
			err = again
		}
		if err == nil {
			return nil
		}
	}
}

// howToRotate are the steps that have to come first.
const howToRotate = `make one: openssl rand -hex 32; add it to hook.secrets beside the present one (hook.secrets_file: [old, new]); restart every process; then run this again. Nothing was changed`

// newSecret is the configured secret that Okta does not have yet.
func (w *hookWork) newSecret() (config.Secret, error) {
	all := w.tenant.Hook.Secrets
	if len(all) < 2 {
		return config.Secret{}, errors.New("hook.secrets holds one secret, so there is no new one: " + howToRotate)
	}
	if w.record.NextSecret != "" { // an earlier call began with it
		for _, s := range all {
			if w.fingerprint(s) == w.record.NextSecret {
				return s, nil
			}
		}
	}
	if w.secret().Equal(all[0]) {
		return all[1], nil
	}
	return all[0], nil
}

// everywhere makes sure that each running process accepts the secret, and that the public
// address leads to one that does.
func (w *hookWork) everywhere(ctx context.Context, secret config.Secret) error {
	doors, err := w.db.HookDoors(ctx, webhook.DoorLife)
	if err != nil {
		return err
	}
	if len(doors) == 0 {
		return errors.New("no process takes hooks now, so it can't be said whether the new secret is accepted; start the service with both secrets, then run this again; nothing was changed")
	}
	if without := webhook.DoorsWithout(doors, w.tenant.Slug, w.fingerprint(secret)); len(without) > 0 {
		return fmt.Errorf("%d of %d processes that take hooks do not accept the new secret: %s; their deliveries would be refused; give them both secrets and restart them, then run this again; nothing was changed", len(without), len(doors), strings.Join(without, ", "))
	}
	if w.spec.URI == "" {
		return nil // the hook's own address is taken, and Okta verifies it
	}
	if err := webhook.Check(ctx, w.spec.URI, secret.Reveal(), nil); err != nil {
		return fmt.Errorf("the new secret was tried at the public address: %w; nothing was changed", err)
	}
	return nil
}

// arrived says whether a delivery came with the secret after the time.
func (w *hookWork) arrived(ctx context.Context, fingerprint string, since time.Time) (bool, error) {
	uses, err := w.db.HookUses(ctx, w.tenant.Slug)
	if err != nil {
		return false, err
	}
	for _, u := range uses {
		if u.Secret == fingerprint && u.Last.After(since) {
			return true, nil
		}
	}
	return false, nil
}
