package okta

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/oktasync/oktasync/directory"
)

// EnsureOptions are what EnsureHook needs.
type EnsureOptions struct {
	Spec   HookSpec
	Secret string
	DryRun bool // says what it would do, and does nothing
	// Resend writes the secret again, although nothing else differs: Okta never shows it.
	Resend bool
	// Uses are the hook's deliveries, for the doubt that Okta has another secret.
	Uses []directory.HookUse
	// Check asks the endpoint itself whether it is ours and knows the secret. nil: not asked.
	Check func(ctx context.Context) error
	// Force changes the address or secret of a hook that delivers although Check failed.
	Force bool
}

// EnsureResult is what EnsureHook found and did.
type EnsureResult struct {
	Before HookReview
	Steps  []string  // done, or with DryRun to be done, in words
	Hook   EventHook // as it is now
	// SecretGiven says that Okta was given the secret.
	SecretGiven bool
	Doubts      []string // what went well but should be looked at
}

// EnsureHook registers the tenant's hook or mends it: address, header, secret, event types,
// active, verified. Where nothing differs it writes nothing. Hooks that are not ours are never
// touched. Needs the right okta.eventHooks.manage for anything but looking.
func (r *Reader) EnsureHook(ctx context.Context, o EnsureOptions) (EnsureResult, error) {
	hooks, err := r.EventHooks(ctx)
	if err != nil {
		return EnsureResult{}, err
	}
	result := EnsureResult{Before: ReviewHook(o.Spec, hooks).Doubting(o.Uses)}
	result.Hook = result.Before.Hook
	job := ensuring{r: r, o: o, result: &result}
	if result.Hook.ID == "" {
		err = job.register(ctx)
	} else {
		err = job.mend(ctx)
	}
	return result, err
}

// ensuring is one EnsureHook under way.
type ensuring struct {
	r      *Reader
	o      EnsureOptions
	result *EnsureResult
}

func (e ensuring) register(ctx context.Context) error {
	if alike := e.result.Before.Alike; len(alike) > 0 {
		return &directory.TerminalError{Err: fmt.Errorf(
			"the org has a hook %s named %q that delivers to %s: it may be another installation's, so nothing was done; if it is this one's under its old address, say --adopt %s, else give this one another name with --name",
			alike[0].ID, alike[0].Name, alike[0].Channel.Config.URI, alike[0].ID)}
	}
	if err := e.checked(ctx, false); err != nil {
		return err
	}
	err := e.step(fmt.Sprintf("register the hook %q for %s with %d event types", e.o.Spec.Name, e.o.Spec.URI, len(e.o.Spec.Events)), func() (EventHook, error) {
		return e.r.RegisterHook(ctx, NewHook{Name: e.o.Spec.Name, URI: e.o.Spec.URI, AuthHeader: e.o.Spec.Header, Secret: e.o.Secret, Events: e.o.Spec.Events})
	})
	if err != nil {
		return err
	}
	e.result.SecretGiven = !e.o.DryRun
	return e.verify(ctx)
}

func (e ensuring) mend(ctx context.Context) error {
	before := e.result.Before
	has := func(states ...HookState) bool {
		for _, p := range before.Problems {
			for _, s := range states {
				if p.State == s {
					return true
				}
			}
		}
		return false
	}
	// Each change sends the secret along, so that each may stop a hook that works.
	change := e.o.Resend || has(HookRefused, HookElsewhere, HookHeader, HookEvents, HookAdvised, HookExtra)
	if change || has(HookUnverified) {
		if err := e.checked(ctx, change && before.Hook.Delivers()); err != nil {
			return err
		}
	}
	if change {
		if err := e.update(ctx); err != nil {
			return err
		}
		e.result.SecretGiven = !e.o.DryRun
	}
	if has(HookInactive) {
		err := e.step("activate the hook "+before.Hook.ID, func() (EventHook, error) { return e.r.ActivateHook(ctx, before.Hook.ID) })
		if err != nil {
			return err
		}
	}
	// Okta wants a changed channel verified again, and may want it for less.
	if e.result.Hook.VerificationStatus != "VERIFIED" || e.o.DryRun && (e.o.Resend || has(HookRefused, HookElsewhere, HookHeader)) {
		return e.verify(ctx)
	}
	return nil
}

func (e ensuring) update(ctx context.Context) error {
	h, spec := e.result.Hook, e.o.Spec
	change := HookChange{URI: spec.URI, AuthHeader: spec.Header, Secret: e.o.Secret, Events: spec.Events}
	// An address that leads here as well is left: somebody chose it.
	if change.URI == "" || spec.leadsHere(h) {
		change.URI = h.Channel.Config.URI
	}
	var parts []string
	if !SameAddress(change.URI, h.Channel.Config.URI) {
		parts = append(parts, "address "+change.URI)
	}
	if !strings.EqualFold(spec.Header, h.Channel.Config.AuthScheme.Key) {
		parts = append(parts, "header "+spec.Header)
	}
	if n := len(e.result.Before.Missing); n > 0 {
		parts = append(parts, fmt.Sprintf("%d event types more", n))
	}
	if n := len(e.result.Before.Extra); n > 0 {
		parts = append(parts, fmt.Sprintf("%d event types fewer", n))
	}
	parts = append(parts, "the secret again")
	return e.step(fmt.Sprintf("change the hook %s: %s", h.ID, strings.Join(parts, ", ")), func() (EventHook, error) {
		return e.r.UpdateHook(ctx, h, change)
	})
}

func (e ensuring) verify(ctx context.Context) error {
	id := e.result.Hook.ID
	err := e.step(strings.TrimSpace("have Okta verify the hook "+id), func() (EventHook, error) { return e.r.VerifyHook(ctx, id) })
	var refused *Error
	if errors.As(err, &refused) && refused.Status == 400 {
		return fmt.Errorf("%w; until it is verified Okta delivers nothing: see that the address is reachable from the internet with a valid certificate and answers within 3 seconds, then run this again", err)
	}
	return err
}

// checked asks the endpoint. A hook that delivers is not led astray; for one that does not,
// Okta's own verification decides, because this machine may sit where the public
// address cannot be reached.
func (e ensuring) checked(ctx context.Context, delivers bool) error {
	if e.o.Check == nil {
		return nil
	}
	err := e.o.Check(ctx)
	switch {
	case err == nil:
		return nil
	case delivers && !e.o.Force:
		return fmt.Errorf("the hook %s delivers now, and its new settings would not: %w; nothing was changed; if only this machine cannot reach the address, say --force", e.result.Hook.ID, err)
	default:
		e.result.Doubts = append(e.result.Doubts, err.Error())
		return nil
	}
}

// step does one thing, or says that it would.
func (e ensuring) step(says string, do func() (EventHook, error)) error {
	if e.o.DryRun {
		e.result.Steps = append(e.result.Steps, says)
		return nil
	}
	h, err := do()
	if err != nil {
		done := "nothing was changed"
		if len(e.result.Steps) > 0 {
			done = "done before: " + strings.Join(e.result.Steps, "; ")
		}
		return fmt.Errorf("%s: %w; %s", says, err, done)
	}
	e.result.Steps = append(e.result.Steps, says)
	e.result.Hook = h
	return nil
}
