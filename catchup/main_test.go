package catchup

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
)

const tenant = "acme"

func TestMain(m *testing.M) {
	// The SDK's token cache has a goroutine that ends with a finalizer only.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/patrickmn/go-cache.(*janitor).Run"))
}

// rig is a catch-up between an emulated org and a database.
type rig struct {
	*testing.T
	org     *emulator.Org
	people  []string
	db      *store.DB
	reader  Log // the org's log, unless the test puts another one in its place
	catchUp *CatchUp
	lines   *bytes.Buffer

	mu     sync.Mutex
	later  time.Duration // by how much the database's clock is put forward
	queued []directory.ScopeHint
	full   int // full syncs asked for
}

func newRig(t *testing.T) *rig {
	t.Helper()
	server, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Options{People: 20, Groups: 3, Limits: emulator.Unlimited()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: storetest.SQLiteFile(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	r := &rig{T: t, org: server.Org, people: server.Org.PersonIDs(), db: db, lines: &bytes.Buffer{}}
	r.check(db.EnsureTenants(t.Context(), []string{tenant}))
	reader, err := okta.New(okta.Options{
		Tenant: tenant, OrgURL: server.URL, AllowHTTP: true, Credentials: okta.Credentials{Token: emulator.DefaultToken},
		AppID: server.Org.AppID(), Clock: db.Now,
	})
	r.check(err)
	t.Cleanup(reader.Close)
	r.reader = reader
	r.catchUp = New(Options{
		Store: &shifted{db, r}, Enqueuer: r, Logger: slog.New(slog.NewTextHandler(r.lines, nil)),
		FullSync: func(context.Context, string) error {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.full++
			return nil
		},
	})
	return r
}

// shifted is the database with another clock.
type shifted struct {
	*store.DB
	rig *rig
}

func (s *shifted) Now(ctx context.Context) (time.Time, error) {
	now, err := s.DB.Now(ctx)
	return now.Add(s.rig.later), err
}

// Enqueue notes what was enqueued.
func (r *rig) Enqueue(_ context.Context, hints []directory.ScopeHint) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.queued = append(r.queued, hints...)
	return nil
}

func (r *rig) check(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) act(_ emulator.Act, err error) {
	r.Helper()
	r.check(err)
}

func (r *rig) fault(f emulator.Fault) {
	r.Helper()
	_, err := r.org.AddFault(f)
	r.check(err)
}

// turn makes one turn that must go well.
func (r *rig) turn() (more bool) {
	r.Helper()
	more, err := r.catchUp.Turn(r.Context(), tenant, r.reader)
	r.check(err)
	return more
}

// brought returns the scopes that were enqueued since it was asked last, sorted.
func (r *rig) brought() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var scopes []string
	for _, h := range r.queued {
		text := h.Scope.String()
		if h.Urgent {
			text += " urgent"
		}
		scopes = append(scopes, text)
	}
	r.queued = nil
	slices.Sort(scopes)
	return scopes
}

func (r *rig) cursor() directory.LogCursor {
	r.Helper()
	c, found, err := r.db.LogCursor(r.Context(), tenant)
	r.check(err)
	if !found {
		r.Fatal("there is no cursor")
	}
	return c
}

func (r *rig) want(what string, got, want any) {
	r.Helper()
	if fmt.Sprint(got) != fmt.Sprint(want) {
		r.Errorf("%s: %v, want %v", what, got, want)
	}
}

// said expects a sentence in the log so many times.
func (r *rig) said(sentence string, times int) {
	r.Helper()
	if got := strings.Count(r.lines.String(), sentence); got != times {
		r.Errorf("the log says %q %d times, want %d:\n%s", sentence, got, times, r.lines)
	}
}
