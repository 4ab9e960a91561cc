package okta

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

// rotation is a RotateHook with what it told and asked.
type rotation struct {
	RotateOptions
	said       []string
	remembered string
	done       string
	asked      int
	arrives    int // the look at which the delivery is there; 0: never
}

func newRotation(h *hookRig, id string) *rotation {
	r := &rotation{arrives: 2}
	spec := h.spec
	spec.ID = id
	r.RotateOptions = RotateOptions{
		Spec: spec, Secret: ensureSecret, Patience: time.Minute, Poll: time.Millisecond, Overlap: time.Millisecond,
		Ready:    func(context.Context) error { return nil },
		Remember: func(_ context.Context, next EventHook) error { r.remembered = next.ID; return nil },
		Done:     func(_ context.Context, now EventHook) error { r.done = now.ID; return nil },
		Arrived: func(context.Context, time.Time) (bool, error) {
			r.asked++
			return r.arrives > 0 && r.asked >= r.arrives, nil
		},
		Say: func(sentence string) { r.said = append(r.said, sentence) },
	}
	return r
}

func (r *rotation) run(t *testing.T, h *hookRig) (RotateResult, error) {
	t.Helper()
	return h.reader.RotateHook(t.Context(), r.RotateOptions)
}

func (h *hookRig) hooks(t *testing.T) []EventHook {
	t.Helper()
	return must2(h.reader.EventHooks(t.Context()))(t)
}

func TestRotateHook(t *testing.T) {
	t.Parallel()
	h := newHookRig(t)
	old := must2(h.ensure(t))(t).Hook
	r := newRotation(h, old.ID)
	result, err := r.run(t, h)
	if err != nil || !result.Finished || result.Old.ID != old.ID || result.New.ID == old.ID {
		t.Fatalf("finished %t, %s to %s: %v", result.Finished, result.Old.ID, result.New.ID, err)
	}
	left := h.hooks(t)
	if len(left) != 1 || left[0].ID != result.New.ID || !left[0].Delivers() || r.remembered != result.New.ID || r.done != result.New.ID {
		t.Errorf("%d hooks left, remembered %s, done %s, want %s", len(left), r.remembered, r.done, result.New.ID)
	}
	h.sound(t)
}

// No event comes for a while: both hooks stay, and the next call goes on from there.
func TestRotateHookGoesOn(t *testing.T) {
	t.Parallel()
	h := newHookRig(t)
	old := must2(h.ensure(t))(t).Hook
	quiet := newRotation(h, old.ID)
	quiet.arrives, quiet.Patience = 0, time.Nanosecond
	result, err := quiet.run(t, h)
	if err != nil || result.Finished || quiet.done != "" || quiet.remembered == "" {
		t.Fatalf("finished %t, done %q, remembered %q: %v", result.Finished, quiet.done, quiet.remembered, err)
	}
	both := h.hooks(t)
	if len(both) != 2 || !both[0].Delivers() || !both[1].Delivers() {
		t.Fatalf("%d hooks", len(both))
	}
	review := ReviewHook(HookSpec{ID: old.ID, NextID: result.New.ID, Name: h.spec.Name, URI: h.spec.URI, Header: h.spec.Header, Events: h.spec.Events, Here: h.spec.Here}, both)
	if review.State() != HookSound || review.Hook.ID != old.ID || len(review.Notes) != 1 || !strings.Contains(review.Notes[0], "run oktasync hook rotate") {
		t.Errorf("meanwhile: %s, %q", review.State(), review.Notes)
	}
	again := newRotation(h, old.ID)
	again.Next = result.New.ID
	second, err := again.run(t, h)
	if err != nil || !second.Finished || second.New.ID != result.New.ID || len(h.hooks(t)) != 1 {
		t.Errorf("the second call: finished %t with %s, want %s: %v", second.Finished, second.New.ID, result.New.ID, err)
	}
	// It died after the old hook was removed and before that was written down.
	late := newRotation(h, old.ID)
	late.Next = result.New.ID
	third, err := late.run(t, h)
	if err != nil || !third.Finished || late.done != result.New.ID || late.asked != 0 {
		t.Errorf("a call after the end: %+v, asked %d: %v", late.done, late.asked, err)
	}
}

func TestRotateHookStopsSafely(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(t *testing.T, h *hookRig, r *rotation)
		says   string
		hooks  int
	}{
		{"a process does not accept the secret", func(_ *testing.T, _ *hookRig, r *rotation) {
			r.Ready = func(context.Context) error { return errors.New("process b does not accept it") }
		}, "process b does not accept it", 1},
		{"the endpoint refuses the secret", func(_ *testing.T, _ *hookRig, r *rotation) {
			r.Secret = "a-secret-that-nobody-knows"
		}, "goes on with the old secret", 1},
		{"no right to register", func(t *testing.T, h *hookRig, _ *rotation) {
			fault(t, h, emulator.Fault{Kind: emulator.FaultForbidden, Endpoint: "POST /api/v1/eventHooks"})
		}, "okta.eventHooks.manage", 1},
		{"Okta fails at the removal", func(t *testing.T, h *hookRig, _ *rotation) {
			fault(t, h, emulator.Fault{Kind: emulator.FaultServerError, Endpoint: "DELETE /api/v1/eventHooks/{id}"})
		}, "run this again", 2},
		{"the database fails while waiting", func(_ *testing.T, _ *hookRig, r *rotation) {
			r.Arrived = func(context.Context, time.Time) (bool, error) { return false, errors.New("no database") }
		}, "no database", 2},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h := newHookRig(t)
			old := must2(h.ensure(t))(t).Hook
			r := newRotation(h, old.ID)
			tt.change(t, h, r)
			result, err := r.run(t, h)
			checkFailure(t, err, tt.says)
			if result.Finished || r.done != "" {
				t.Error("it claims to have finished")
			}
			left := h.hooks(t)
			delivering := 0
			for _, hook := range left {
				if hook.Delivers() {
					delivering++
				}
			}
			if len(left) != tt.hooks || delivering == 0 {
				t.Errorf("%d hooks left, %d deliver, want %d", len(left), delivering, tt.hooks)
			}
			// The next call comes to the end.
			h.org.ClearFaults()
			again := newRotation(h, old.ID)
			again.Next = r.remembered
			if result, err := again.run(t, h); err != nil || !result.Finished || len(h.hooks(t)) != 1 {
				t.Errorf("the next call: finished %t, %d hooks: %v", result.Finished, len(h.hooks(t)), err)
			}
			h.sound(t)
		})
	}
}

func fault(t *testing.T, h *hookRig, f emulator.Fault) {
	t.Helper()
	if _, err := h.org.AddFault(f); err != nil {
		t.Fatal(err)
	}
}

// A hook that was made and never verified, because the process died, is taken up again.
func TestRotateHookTakesUpTheOrphan(t *testing.T) {
	t.Parallel()
	h := newHookRig(t)
	old := must2(h.ensure(t))(t).Hook
	orphan := must2(h.reader.RegisterHook(t.Context(), NewHook{Name: "oktasync" + rotated + "yesterday)", URI: h.spec.URI, AuthHeader: "X-Hook", Secret: "lost-secret-0123", Events: h.spec.Events}))(t)
	result, err := newRotation(h, old.ID).run(t, h)
	if err != nil || result.New.ID != orphan.ID || len(h.hooks(t)) != 1 {
		t.Errorf("%s took over, want the orphan %s; %d hooks: %v", result.New.ID, orphan.ID, len(h.hooks(t)), err)
	}
}

func TestRotateHookNeedsOneThatDelivers(t *testing.T) {
	t.Parallel()
	h := newHookRig(t)
	_, err := newRotation(h, "").run(t, h)
	checkFailure(t, err, "there is no hook")
	old := must2(h.ensure(t))(t).Hook
	must2(h.reader.DeactivateHook(t.Context(), old.ID))(t)
	_, err = newRotation(h, old.ID).run(t, h)
	checkFailure(t, err, "mend it with oktasync hook ensure first")
}

// Filters, description and custom headers go with the hook.
func TestCopyHook(t *testing.T) {
	t.Parallel()
	h := newHookRig(t)
	made := must2(h.reader.RegisterHook(t.Context(), NewHook{Name: "a", URI: h.spec.URI, AuthHeader: "X-Hook", Secret: ensureSecret, Events: h.spec.Events, Headers: []Header{{"X-Env", "p"}}}))(t)
	twin := must2(h.reader.copyHook(t.Context(), made, "b", HookChange{URI: h.spec.URI, AuthHeader: "X-Hook", Secret: "other", Events: h.spec.Events}))(t)
	if twin.ID == made.ID || twin.Name != "b" || len(twin.Channel.Config.Headers) != 1 || twin.Channel.Config.Headers[0] != (Header{"X-Env", "p"}) {
		t.Errorf("%+v", twin.Channel)
	}
}

func TestDoubtSecret(t *testing.T) {
	t.Parallel()
	at := func(minute int) time.Time { return time.Date(2026, 8, 20, 3, minute, 0, 0, time.UTC) }
	hook := EventHook{LastUpdated: "2026-08-20T03:10:00.000Z"}
	tests := []struct {
		name string
		hook EventHook
		uses []directory.HookUse
		want string // empty: no doubt
	}{
		{"nothing came", hook, nil, ""},
		{"all accepted", hook, []directory.HookUse{{Secret: "aa", Last: at(20)}}, ""},
		{"refused before the last good one", hook, []directory.HookUse{{Secret: "aa", Last: at(20)}, {Last: at(19), Uses: 3}}, ""},
		{"refused before the hook was changed", hook, []directory.HookUse{{Secret: "aa", Last: at(1)}, {Last: at(9), Uses: 3}}, ""},
		{"refused since", hook, []directory.HookUse{{Secret: "aa", Last: at(15)}, {Secret: "bb", Last: at(16)}, {Last: at(20), Uses: 3}}, "the last one accepted came at 2026-08-20T03:16:00Z"},
		{"refused from the first", hook, []directory.HookUse{{Last: at(20), Uses: 3}}, "none was ever accepted"},
		{"Okta does not say when it changed", EventHook{}, []directory.HookUse{{Last: at(1), Uses: 3}}, "(3 in all)"},
	}
	for _, tt := range tests {
		says, doubt := DoubtSecret(tt.hook, tt.uses)
		if doubt != (tt.want != "") || !strings.Contains(says, tt.want) {
			t.Errorf("%s: %t, %q; want %q", tt.name, doubt, says, tt.want)
		}
	}
}
