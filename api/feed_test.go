package api

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
)

// feedRig is the API on a database, behind an HTTP server whose limit for answers is
// shorter than the waits of the tests.
type feedRig struct {
	*rig
	db   *store.DB
	api  *client.Client
	stop context.CancelFunc // ends Watch, as the stop of the process does
}

func startFeed(t *testing.T) *feedRig {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: storetest.SQLiteFile(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return serveFeed(t, db)
}

// serveFeed serves an empty database.
func serveFeed(t *testing.T, db *store.DB) *feedRig {
	t.Helper()
	r := &feedRig{rig: newRig(t), db: db}
	if err := db.EnsureTenants(t.Context(), []string{"acme", "globex"}); err != nil {
		t.Fatal(err)
	}
	o := r.options()
	o.Reader, o.Now = db, nil
	e := r.serve(o)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: e, ReadHeaderTimeout: 10 * time.Second, WriteTimeout: time.Second}
	watching, stop := context.WithCancel(context.Background())
	r.stop = stop
	var group sync.WaitGroup
	group.Go(func() { _ = server.Serve(listener) })
	group.Go(func() { db.Watch(watching, 50*time.Millisecond, o.Logger) })
	t.Cleanup(func() {
		stop()
		_ = server.Close()
		group.Wait()
	})
	r.url = "http://" + listener.Addr().String()
	if r.api, err = client.New(r.url, tokenAlice, nil); err != nil {
		t.Fatal(err)
	}
	return r
}

// happened adds changes of these types.
func (r *feedRig) happened(types ...directory.ChangeType) {
	r.t.Helper()
	changes := make([]directory.Change, len(types))
	for i, kind := range types {
		changes[i] = directory.Change{Type: kind, Subject: directory.SubjectPerson, SubjectID: adaID, PersonID: adaID}
	}
	err := r.db.Update(r.t.Context(), "acme", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Append(ctx, changes)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

func (r *feedRig) changes(f client.ChangeFilter) v1.ChangePage {
	r.t.Helper()
	page, err := r.api.Changes(r.t.Context(), "acme", f)
	if err != nil {
		r.t.Fatal(err)
	}
	return page
}

func numbers(page v1.ChangePage) string {
	var all []string
	for _, c := range page.Items {
		all = append(all, fmt.Sprint(c.Seq))
	}
	return strings.Join(all, " ")
}

func TestFeedPages(t *testing.T) {
	t.Parallel()
	r := startFeed(t)
	empty := r.changes(client.ChangeFilter{})
	if numbers(empty) != "" || empty.Next != "" || empty.Cursor == "" {
		t.Fatalf("an empty feed: %+v", empty)
	}
	r.happened(directory.PersonCreated, directory.PersonUpdated, directory.PersonUpdated, directory.MembershipAdded, directory.PersonRemoved)
	for _, test := range []struct {
		name   string
		filter client.ChangeFilter
		want   string
		more   bool
	}{
		{"from the empty feed's cursor", client.ChangeFilter{After: empty.Cursor}, "1 2 3 4 5", false},
		{"a page", client.ChangeFilter{Limit: 2}, "1 2", true},
		{"after a number", client.ChangeFilter{After: "3"}, "4 5", false},
		{"a full page at the end", client.ChangeFilter{After: "3", Limit: 2}, "4 5", false},
		{"types", client.ChangeFilter{Types: []string{"person.created", "person.removed"}}, "1 5", false},
		{"types, a page", client.ChangeFilter{Types: []string{"person.*"}, Limit: 3}, "1 2 3", true},
		{"types that did not happen", client.ChangeFilter{Types: []string{"group.*", "team.created"}}, "", false},
		{"newest", client.ChangeFilter{Newest: true, Limit: 2}, "5 4", false},
	} {
		page := r.changes(test.filter)
		if numbers(page) != test.want || (page.Next != "") != test.more || test.more && page.Next != page.Cursor {
			t.Errorf("%s: %q, next %q, cursor %q, want %q", test.name, numbers(page), page.Next, page.Cursor, test.want)
		}
		// Whoever goes on reads the rest, whatever there was on the page.
		rest, want := r.changes(client.ChangeFilter{After: page.Cursor}), "4 5"
		if !test.more {
			want = ""
		} else if test.want == "1 2" {
			want = "3 4 5"
		}
		if numbers(rest) != want {
			t.Errorf("%s: after its cursor come %q, want %q", test.name, numbers(rest), want)
		}
	}
}

// More changes of other types lie between than one query goes through.
func TestFeedSearchesFar(t *testing.T) {
	t.Parallel()
	r := serveFeed(t, openPostgres(t, storetest.PostgresDatabase(t)))
	r.happened(directory.PersonCreated)
	many := make([]directory.ChangeType, searchedAtOnce)
	for i := range many {
		many[i] = directory.PersonUpdated
	}
	r.happened(many...)
	r.happened(directory.PersonRemoved, directory.PersonUpdated)
	filter := client.ChangeFilter{Types: []string{"person.created", "person.removed"}}
	got := ""
	for {
		page := r.changes(filter)
		got += numbers(page) + ";"
		if filter.After = page.Next; page.Next == "" {
			break
		}
	}
	if want := fmt.Sprintf("1;%d;", searchedAtOnce+2); got != want {
		t.Errorf("read %q, want %q", got, want)
	}
}

func TestFeedBadPositions(t *testing.T) {
	t.Parallel()
	r := startFeed(t)
	r.happened(directory.PersonCreated, directory.PersonUpdated)
	page := r.changes(client.ChangeFilter{})
	other, err := r.api.Changes(t.Context(), "globex", client.ChangeFilter{})
	if err != nil {
		t.Fatal(err)
	}
	feed := directory.Feed{ID: "an earlier life of this tenant"}
	for name, test := range map[string]struct {
		query  string
		status int
		says   string
	}{
		"garbage":                    {"after=garbage", 400, "neither a cursor"},
		"a cursor that was cut":      {"after=" + page.Cursor[:20], 400, "neither a cursor"},
		"another tenant's":           {"after=" + other.Cursor, 400, "another tenant's"},
		"a number from the future":   {"after=3", 400, "the history ends at change 2"},
		"of a history that is gone":  {"after=" + cursorAt("acme", feed, 1), 410, "take a snapshot (GET /api/v1/tenants/{tenant}/snapshot)"},
		"a type that does not exist": {"types=person.*,person.vanished", 422, "no type of change called person.vanished; there are person.created,"},
		"a star alone":               {"types=*", 422, "no type of change called *"},
		"a wait that is too long":    {"wait=56s", 422, "from 0s to 55s"},
		"a wait without unit":        {"wait=5", 422, "from 0s to 55s"},
		"a wait into the past":       {"wait=-1s", 422, "from 0s to 55s"},
		"newest with a wait":         {"newest=true&wait=1s", 422, "cannot be combined"},
	} {
		a := r.do(http.MethodGet, "/tenants/acme/changes?"+test.query, "")
		if a.status != test.status || !strings.Contains(a.body, test.says) {
			t.Errorf("%s: answer %d %s, want %d %q", name, a.status, a.body, test.status, test.says)
		}
	}
	if a := r.do(http.MethodGet, "/tenants/globex/changes?after="+page.Cursor, ""); a.status != 400 {
		t.Errorf("acme's cursor at globex: answer %d %s", a.status, a.body)
	}
}

func TestFeedPurged(t *testing.T) {
	t.Parallel()
	r := startFeed(t)
	start := r.changes(client.ChangeFilter{})
	r.happened(directory.PersonCreated, directory.PersonUpdated)
	last := r.changes(client.ChangeFilter{})
	before, err := r.db.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for now := before; !now.After(before.Add(time.Millisecond)); { // the database's clock moves by itself
		if now, err = r.db.Now(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if n, err := r.db.Purge(t.Context(), store.Retention{Changes: time.Microsecond}); err != nil || n != 2 {
		t.Fatalf("purged %d, %v", n, err)
	}
	r.happened(directory.PersonRemoved)
	for _, query := range []string{"?after=0", "?after=1", "?after=" + start.Cursor, "?after=0&wait=5s", "?after=0&types=person.*"} {
		a := r.do(http.MethodGet, "/tenants/acme/changes"+query, "")
		if a.status != http.StatusGone || !strings.Contains(a.body, "changes up to number 2 are no longer kept") || !strings.Contains(a.body, "take a snapshot (GET /api/v1/tenants/{tenant}/snapshot)") {
			t.Errorf("%s: answer %d %s", query, a.status, a.body)
		}
	}
	if got := numbers(r.changes(client.ChangeFilter{After: last.Cursor})); got != "3" {
		t.Errorf("from the end of what is gone: %q", got)
	}
	for _, filter := range []client.ChangeFilter{{}, {Newest: true}, {Types: []string{"person.*"}}} {
		if got := numbers(r.changes(filter)); got != "3" {
			t.Errorf("what is kept, by %+v: %q", filter, got)
		}
	}
}

// waiting asks for changes in the background.
func (r *feedRig) waiting(group *sync.WaitGroup, f client.ChangeFilter, done func(v1.ChangePage, time.Time)) {
	group.Go(func() {
		page, err := r.api.Changes(r.t.Context(), "acme", f)
		if err != nil {
			r.t.Error(err)
			return
		}
		done(page, time.Now())
	})
}

// A wait may be longer than the server's own limit for answers, and a commit ends it.
func TestFeedWait(t *testing.T) {
	t.Parallel()
	r := startFeed(t)
	r.happened(directory.PersonCreated)
	at := r.changes(client.ChangeFilter{}).Cursor
	started := time.Now()
	quiet := r.changes(client.ChangeFilter{After: at, Wait: 1500 * time.Millisecond})
	if took := time.Since(started); took < 1400*time.Millisecond || numbers(quiet) != "" || quiet.Cursor != at {
		t.Fatalf("after %s: %+v", took, quiet)
	}
	if page := r.changes(client.ChangeFilter{Wait: 50 * time.Second}); numbers(page) != "1" {
		t.Fatalf("what is there is not waited for: %+v", page)
	}

	var group sync.WaitGroup
	const readers = 200
	arrived := make(chan time.Time, readers)
	for range readers {
		r.waiting(&group, client.ChangeFilter{After: at, Wait: 50 * time.Second, Types: []string{"person.removed"}}, func(page v1.ChangePage, when time.Time) {
			if numbers(page) != "3" {
				t.Errorf("woken with %+v", page)
			}
			arrived <- when
		})
	}
	r.happened(directory.PersonUpdated) // not what they wait for
	r.happened(directory.PersonRemoved)
	committed := time.Now()
	group.Wait()
	close(arrived)
	var slowest time.Duration
	for when := range arrived {
		slowest = max(slowest, when.Sub(committed))
	}
	t.Logf("%d readers were woken within %s of the commit", readers, slowest)
	if slowest > 40*time.Second {
		t.Errorf("the slowest of %d readers was woken %s after the commit", readers, slowest)
	}
}

// When the process stops, readers get an answer that they can go on from.
func TestFeedWaitEndsAtStop(t *testing.T) {
	t.Parallel()
	r := startFeed(t)
	at := r.changes(client.ChangeFilter{}).Cursor
	var group sync.WaitGroup
	for range 20 {
		r.waiting(&group, client.ChangeFilter{After: at, Wait: 55 * time.Second}, func(page v1.ChangePage, _ time.Time) {
			if page.Cursor != at || len(page.Items) > 0 {
				t.Errorf("got %+v", page)
			}
		})
	}
	started := time.Now()
	r.stop()
	group.Wait()
	if took := time.Since(started); took > 45*time.Second {
		t.Errorf("the waits ended %s after the stop", took)
	}
}
