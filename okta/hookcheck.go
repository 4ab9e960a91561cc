package okta

import (
	"context"
	"errors"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

// Further states of a hook, beside those of a review.
const (
	HookUnregistered HookState = "unregistered" // there never was one, as far as is known here
	HookUnreadable   HookState = "unreadable"   // these credentials may not see event hooks
)

// Alarming says whether somebody should be told: the hook did its work and does not any more.
func (s HookState) Alarming() bool {
	switch s {
	case HookSound, HookAdvised, HookExtra, HookUnregistered, HookUnreadable, "":
		return false
	default:
		return true
	}
}

// CheckOptions are what CheckHook needs.
type CheckOptions struct {
	Spec    HookSpec
	Known   bool // a hook was registered, or delivered, at some time
	Repair  bool
	Secret  string
	Uses    []directory.HookUse
	Address func(ctx context.Context, uri string) error // whether the endpoint is ours
}

// CheckResult is what CheckHook found.
type CheckResult struct {
	Found    HookState // before a repair
	State    HookState // now
	Problem  string    // a sentence with what to do; empty when all is well
	Hook     EventHook
	Repaired []string // what was done, in words
	// SecretGiven says that Okta was given the secret.
	SecretGiven bool
}

// CheckHook looks at the tenant's hook and repairs it, if it may. That Okta seems to have another
// secret is only told: strangers could make it seem so, and a change takes the hook out of
// service for a moment. Credentials that may not see hooks are a result, no error.
func (r *Reader) CheckHook(ctx context.Context, o CheckOptions) (CheckResult, error) {
	hooks, err := r.EventHooks(ctx)
	var credentials *directory.CredentialsError
	if errors.As(err, &credentials) && (credentials.Case == weakRole || credentials.Case == missingScope) {
		return CheckResult{Found: HookUnreadable, State: HookUnreadable, Problem: err.Error()}, nil
	}
	if err != nil {
		return CheckResult{}, err
	}
	review := ReviewHook(o.Spec, hooks).Doubting(o.Uses)
	found := stateFor(review, o.Known)
	result := CheckResult{Found: found, State: found, Hook: review.Hook}
	if len(review.Problems) == 0 {
		return result, nil
	}
	first := review.Problems[0]
	result.Problem = first.Says + "; " + first.Fix
	if !o.Repair || found == HookUnregistered || found == HookRefused || o.Spec.URI == "" || o.Spec.NextID != "" {
		return result, nil
	}
	done, err := r.EnsureHook(ctx, EnsureOptions{
		Spec: o.Spec, Secret: o.Secret,
		Check: func(ctx context.Context) error { return o.Address(ctx, o.Spec.URI) },
	})
	result.Repaired, result.SecretGiven = done.Steps, done.SecretGiven
	if done.Hook.ID != "" {
		result.Hook = done.Hook
	}
	if err != nil {
		var later *directory.RetryAfterError
		if errors.As(err, &later) {
			return result, err
		}
		result.Problem = fmt.Sprintf("%s; it could not be repaired: %v", first.Says, err)
		return result, nil
	}
	result.State, result.Problem = HookSound, ""
	return result, nil
}

func stateFor(v HookReview, known bool) HookState {
	if v.State() == HookMissing && !known {
		return HookUnregistered
	}
	return v.State()
}
