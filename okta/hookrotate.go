package okta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// RotateOptions are what RotateHook needs. All functions are called one at a time.
type RotateOptions struct {
	Spec   HookSpec // of the hook that delivers now
	Secret string   // the new one
	// Next is the hook that takes over, when an earlier call made it and did not come to the end.
	Next string
	// Ready fails while some process does not accept the new secret.
	Ready func(ctx context.Context) error
	// Remember keeps that this hook takes over, Done that it has.
	Remember func(ctx context.Context, next EventHook) error
	Done     func(ctx context.Context, now EventHook) error
	// Arrived says whether a delivery with the new secret came after the time, which is one of the
	// reader's clock.
	Arrived  func(ctx context.Context, since time.Time) (bool, error)
	Patience time.Duration // how long to wait for that delivery
	Poll     time.Duration // between two looks for it; zero: 1 s
	Overlap  time.Duration // how long both hooks go on delivering after it came
	Say      func(sentence string)
}

// RotateResult is how far the change of the secret came.
type RotateResult struct {
	Old, New EventHook
	Finished bool // false: both deliver; call again later
}

// rotated is what the name of a hook that takes over goes on with.
const rotated = " (secret of "

// RotateHook gives Okta a new secret without a moment in which nothing is delivered. Okta wants a
// hook verified again whose secret was changed, and delivers nothing to it before. So a
// second hook with the new secret is registered and verified beside the first one, and the first
// one goes when deliveries of the second have come. What both deliver is recognised by the uuid
// of each event. When it stops anywhere on the way, both hooks, or the old one, go on.
func (r *Reader) RotateHook(ctx context.Context, o RotateOptions) (RotateResult, error) {
	hooks, err := r.EventHooks(ctx)
	if err != nil {
		return RotateResult{}, err
	}
	job := rotating{r: r, o: o}
	job.result.Old = ReviewHook(o.Spec, hooks).Hook
	next, found := job.successor(hooks)
	switch {
	case job.result.Old.ID == "":
		return job.result, terminalf("there is no hook that delivers to %s, so there is no secret to change; register one with oktasync hook ensure", o.Spec.place())
	case o.Next != "" && job.result.Old.ID == o.Next:
		// The old one is gone already; only that was not written down.
		job.result.New, job.result.Finished = job.result.Old, true
		err := o.Done(ctx, job.result.New)
		return job.result, err
	case !job.result.Old.Delivers() && !found:
		return job.result, terminalf("the hook %s is %s and %s, so it delivers nothing; mend it with oktasync hook ensure first", job.result.Old.ID, job.result.Old.Status, job.result.Old.VerificationStatus)
	}
	if err := o.Ready(ctx); err != nil {
		return job.result, err
	}
	if err := job.prepare(ctx, next, found); err != nil {
		return job.result, err
	}
	err = job.handOver(ctx)
	return job.result, err
}

// rotating is one RotateHook under way.
type rotating struct {
	r      *Reader
	o      RotateOptions
	result RotateResult
}

// successor finds the hook of a call that did not come to the end: the one remembered, or
// one that was made and never verified.
func (j *rotating) successor(hooks []EventHook) (EventHook, bool) {
	i := slices.IndexFunc(hooks, func(h EventHook) bool {
		if h.ID == j.result.Old.ID {
			return false
		}
		return h.ID == j.o.Next || h.VerificationStatus != "VERIFIED" && strings.HasPrefix(h.Name, j.o.Spec.Name+rotated) && j.o.Spec.leadsHere(h)
	})
	if i < 0 {
		return EventHook{}, false
	}
	return hooks[i], true
}

// prepare makes the second hook, active, verified and with the new secret.
func (j *rotating) prepare(ctx context.Context, next EventHook, found bool) error {
	change := HookChange{URI: j.result.Old.Channel.Config.URI, AuthHeader: j.o.Spec.Header, Secret: j.o.Secret, Events: j.o.Spec.Events}
	var err error
	if found {
		j.o.Say(fmt.Sprintf("The hook %s from an earlier try gets the new secret.", next.ID))
		next, err = j.r.UpdateHook(ctx, next, change)
	} else {
		next, err = j.r.copyHook(ctx, j.result.Old, j.o.Spec.Name+rotated+j.r.now().UTC().Format("2006-01-02 15:04:05")+")", change)
	}
	if err != nil {
		return fmt.Errorf("register a second hook with the new secret: %w; the hook %s goes on with the old one", err, j.result.Old.ID)
	}
	if next.Status != "ACTIVE" {
		if next, err = j.r.ActivateHook(ctx, next.ID); err != nil {
			return fmt.Errorf("%w; the hook %s goes on with the old secret", err, j.result.Old.ID)
		}
	}
	verified, err := j.r.VerifyHook(ctx, next.ID)
	if err != nil {
		return errors.Join(
			fmt.Errorf("have Okta verify the second hook: %w; the hook %s goes on with the old secret", err, j.result.Old.ID),
			j.r.removeHook(context.WithoutCancel(ctx), next))
	}
	j.result.New = verified
	j.o.Say(fmt.Sprintf("The hook %s with the new secret is active and verified beside %s.", verified.ID, j.result.Old.ID))
	return j.o.Remember(ctx, verified)
}

// handOver removes the old hook once the new one has delivered.
func (j *rotating) handOver(ctx context.Context) error {
	since, err := j.r.time(ctx)
	if err != nil {
		return err
	}
	arrived, err := j.wait(ctx, since)
	if err != nil || !arrived {
		return err
	}
	j.o.Say(fmt.Sprintf("Events come with the new secret. Both hooks go on for %s, for what Okta has under way.", j.o.Overlap))
	if err := j.r.sleep(ctx, j.o.Overlap); err != nil {
		return fmt.Errorf("wait before removing the hook %s: %w; both hooks deliver, run this again", j.result.Old.ID, err)
	}
	if err := j.r.removeHook(ctx, j.result.Old); err != nil {
		return fmt.Errorf("%w; both hooks deliver, which does no harm: run this again", err)
	}
	j.result.Finished = true
	j.o.Say(fmt.Sprintf("The hook %s is removed.", j.result.Old.ID))
	return j.o.Done(ctx, j.result.New)
}

func (j *rotating) wait(ctx context.Context, since time.Time) (bool, error) {
	poll := j.o.Poll
	if poll <= 0 {
		poll = time.Second
	}
	for end := j.r.now().Add(j.o.Patience); ; {
		arrived, err := j.o.Arrived(ctx, since)
		if err != nil || arrived || !j.r.now().Before(end) {
			return arrived, err
		}
		if err := j.r.sleep(ctx, poll); err != nil {
			return false, fmt.Errorf("wait for the first delivery with the new secret: %w; both hooks deliver, run this again", err)
		}
	}
}

// copyHook registers another hook like this one, filters and custom headers included.
func (r *Reader) copyHook(ctx context.Context, h EventHook, name string, c HookChange) (EventHook, error) {
	body, err := changed(h, c)
	if err != nil {
		return EventHook{}, err
	}
	body["name"] = name
	return r.hook(ctx, call{what: "register event hook " + name, method: http.MethodPost, path: hooksPath, body: body})
}

// removeHook deactivates a hook and deletes it. Okta deletes inactive ones only. One that is
// gone already is removed.
func (r *Reader) removeHook(ctx context.Context, h EventHook) error {
	escaped, err := segment("event hook", h.ID)
	if err != nil {
		return err
	}
	err = r.do(ctx, call{what: "deactivate event hook " + h.ID, method: http.MethodPost, path: hooksPath + "/" + escaped + "/lifecycle/deactivate"},
		func(a answer) error { _, err := decodeObject[json.RawMessage](a.body); return err })
	if err == nil {
		err = r.do(ctx, call{what: "delete event hook " + h.ID, method: http.MethodDelete, path: hooksPath + "/" + escaped}, func(answer) error { return nil })
	}
	if isAbsent(err) {
		return nil
	}
	return err
}

// DoubtSecret says whether Okta seems to send another secret than those that are accepted: the last
// delivery was refused, and the hook was not changed in Okta since. The secret
// itself cannot be read. Strangers are refused, too, so it is a doubt and no proof.
func DoubtSecret(h EventHook, uses []directory.HookUse) (string, bool) {
	var refused, accepted time.Time
	var count int64
	for _, u := range uses {
		switch {
		case u.Secret == "":
			refused, count = u.Last, u.Uses
		case u.Last.After(accepted):
			accepted = u.Last
		}
	}
	changed, err := time.Parse(time.RFC3339, h.LastUpdated)
	if refused.IsZero() || !refused.After(accepted) || err == nil && !refused.After(changed) {
		return "", false
	}
	last := "none was ever accepted"
	if !accepted.IsZero() {
		last = "the last one accepted came at " + accepted.UTC().Format(time.RFC3339)
	}
	return fmt.Sprintf("deliveries are refused for their secret, the last at %s (%d in all), and %s; Okta may have another secret than hook.secrets",
		refused.UTC().Format(time.RFC3339), count, last), true
}
