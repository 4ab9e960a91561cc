package webhook

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

// memoryLedger keeps uses and the one door.
type memoryLedger struct {
	mu     sync.Mutex
	fail   error
	uses   map[string]int64
	door   map[string][]string // nil: closed
	opened int                 // how often the secrets were written
	beats  chan struct{}       // one for each beat, if there is room
}

func newMemoryLedger() *memoryLedger {
	return &memoryLedger{uses: map[string]int64{}, beats: make(chan struct{}, 1)}
}

func (m *memoryLedger) NoteHookUses(_ context.Context, uses []directory.HookUse) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	for _, u := range uses {
		m.uses[u.Tenant+" "+u.Secret] += u.Uses
	}
	return nil
}

func (m *memoryLedger) OpenHookDoor(_ context.Context, _ string, secrets map[string][]string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	defer func() {
		select {
		case m.beats <- struct{}{}:
		default:
		}
	}()
	if secrets == nil && m.door == nil {
		return fmt.Errorf("the row: %w", directory.ErrNotFound)
	}
	if secrets != nil {
		m.door = maps.Clone(secrets)
		m.opened++
	}
	return m.fail
}

func (m *memoryLedger) CloseHookDoor(context.Context, string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.door = nil
	return m.fail
}

func (m *memoryLedger) set(change func(*memoryLedger)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	change(m)
}

func TestUses(t *testing.T) {
	t.Parallel()
	ledger := newMemoryLedger()
	secrets := map[string][]string{"acme": {"aa"}}
	uses := NewUses(UsesOptions{Ledger: ledger, Owner: "me", Secrets: func() map[string][]string { return secrets }, Log: slog.New(slog.DiscardHandler)})
	r := start(t, defaultTenants(), func(o *Options) { o.Uses = uses })
	post := func(path string, headers ...string) {
		r.do(http.MethodPost, Path+path, strings.NewReader(`{"data":{"events":[]}}`), headers...)
	}
	post("/acme", "Authorization", secretOld)
	post("/acme", "Authorization", secretNew)
	post("/acme", "Authorization", secretNew)
	post("/acme", "Authorization", "guess")
	post("/acme")
	post("/nobody", "Authorization", "guess")
	post("/globex", "X-Hook-Secret", "globex-secret")
	// Neither is a delivery.
	r.do(http.MethodGet, Path+"/acme", nil, "Authorization", secretOld, challengeHeader, "abc")
	if err := Check(t.Context(), r.url+Path+"/acme", secretOld, nil); err != nil {
		t.Fatal(err)
	}

	ledger.fail = errors.New("no database")
	if err := uses.beat(t.Context()); err == nil || len(ledger.uses) != 0 {
		t.Errorf("a write that fails: %v", err)
	}
	post("/acme", "Authorization", secretNew)
	ledger.fail = nil
	if err := uses.beat(t.Context()); err != nil {
		t.Fatal(err)
	}
	want := map[string]int64{
		"acme " + Fingerprint("acme", secretOld): 1, "acme " + Fingerprint("acme", secretNew): 3, "acme ": 2,
		"globex " + Fingerprint("globex", "globex-secret"): 1,
	}
	if diff := cmp.Diff(want, ledger.uses); diff != "" {
		t.Error(diff)
	}
	opened := ledger.opened
	for range 3 {
		if err := uses.beat(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(want, ledger.uses); diff != "" || ledger.opened != opened {
		t.Errorf("beats without anything new wrote: %s, %d times the secrets", diff, ledger.opened-opened)
	}
	secrets = map[string][]string{"acme": {"aa", "bb"}}
	if err := uses.beat(t.Context()); err != nil || ledger.opened != opened+1 || len(ledger.door["acme"]) != 2 {
		t.Errorf("new secrets are not told: %v, %v", err, ledger.door)
	}
	ledger.door = nil // somebody took this process for dead
	if err := uses.beat(t.Context()); err != nil || len(ledger.door["acme"]) != 2 {
		t.Errorf("the door is not opened again: %v, %v", err, ledger.door)
	}
}

func TestUsesRun(t *testing.T) {
	t.Parallel()
	ledger := newMemoryLedger()
	log := &safeBuffer{}
	uses := NewUses(UsesOptions{Ledger: ledger, Owner: "me", Every: time.Millisecond, Log: slog.New(slog.NewTextHandler(log, nil)),
		Secrets: func() map[string][]string { return map[string][]string{"acme": {"aa"}} }})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { uses.Run(ctx); close(done) }()
	<-ledger.beats
	ledger.set(func(m *memoryLedger) { m.fail = errors.New("no database") })
	for range 20 {
		<-ledger.beats
	}
	ledger.set(func(m *memoryLedger) { m.fail = nil })
	for range 3 {
		<-ledger.beats
	}
	uses.refused("acme")
	stop()
	<-done
	if ledger.door != nil || ledger.uses["acme "] != 1 {
		t.Errorf("after the end: door %v, uses %v", ledger.door, ledger.uses)
	}
	if n := strings.Count(log.String(), "no database"); n != 1 {
		t.Errorf("the failure was told %d times:\n%s", n, log.String())
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	one := Fingerprint("acme", secretOld)
	if len(one) != 12 || one != Fingerprint("acme", secretOld) || one == Fingerprint("acme", secretNew) || one == Fingerprint("globex", secretOld) {
		t.Errorf("fingerprint %q", one)
	}
}
