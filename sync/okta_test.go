package sync_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/directory/logevent"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// realOrg is an engine whose source is the real reader, on an emulated org.
type realOrg struct {
	*testing.T
	server *emulator.Server
	org    *emulator.Org
	db     *store.DB
	reader *okta.Reader
	engine *dirsync.Engine
	rules  directory.Rules
	runs   int
	burst  int
	since  string // next link of the System Log
}

const realTenant = "acme"

// newRealOrg makes an org and an empty directory. edit may change the options and the rules first.
func newRealOrg(t *testing.T, db *store.DB, options emulator.Options, edit func(*directory.Rules)) *realOrg {
	t.Helper()
	server, err := emulator.Start(t.Context(), "127.0.0.1:0", options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	if err := db.EnsureTenants(t.Context(), []string{realTenant}); err != nil {
		t.Fatal(err)
	}
	r := &realOrg{T: t, server: server, org: server.Org, db: db, rules: directory.DefaultRules(), since: server.URL + "/api/v1/logs?limit=1000"}
	r.rules.Limits.People = directory.Limit{Absolute: 1000, Fraction: 1, Floor: 1000}
	if edit != nil {
		edit(&r.rules)
	}
	r.reader, err = okta.New(okta.Options{
		Tenant: realTenant, OrgURL: server.URL, AllowHTTP: true, Credentials: okta.Credentials{Token: emulator.DefaultToken},
		AppID: server.Org.AppID(), Groups: r.rules.Groups, Clock: db.Now,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.reader.Close)
	r.lookAgainLater(0)
	return r
}

// lookAgainLater makes the engine anew, with second looks after the time given.
func (r *realOrg) lookAgainLater(after time.Duration) {
	r.engine = dirsync.New(dirsync.Options{
		Tenant: realTenant, Rules: r.rules, Source: r.reader, Store: engineStore{r.db}, Owner: "test", Now: time.Now, NewID: r.runID,
		SecondLook: after, Burst: r.burst,
	})
}

// deprovision makes the engine anew, with the policy.
func (r *realOrg) deprovision(policy directory.DeprovisionPolicy, grace time.Duration) {
	r.rules.Deprovision = directory.Deprovision{Policy: policy, Grace: grace}
	r.lookAgainLater(0)
}

func (r *realOrg) runID() string {
	r.runs++
	return fmt.Sprintf("00000000-0000-7000-8000-%012d", r.runs)
}

// news reads what the System Log has that is new, as hooks would bring it.
func (r *realOrg) news() []directory.Event {
	r.Helper()
	list := logevent.List{Via: directory.ViaHook, AppID: r.org.AppID(), Now: time.Now()}
	for more := true; more; {
		request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, r.since, nil)
		if err != nil {
			r.Fatal(err)
		}
		request.Header.Set("Authorization", "SSWS "+emulator.DefaultToken)
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			r.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		_ = response.Body.Close()
		if err != nil || response.StatusCode != http.StatusOK {
			r.Fatalf("the System Log answered %d: %s, %v", response.StatusCode, body, err)
		}
		cursor, valid := logevent.NewCursor(body)
		if !valid {
			r.Fatalf("the System Log answered %s", body)
		}
		before := len(list.Events)
		cursor.Array(func() { list.Take(cursor) })
		for _, link := range response.Header.Values("Link") {
			if _, err := fmt.Sscanf(link, `<%s rel="next"`, &r.since); err == nil {
				r.since = r.since[:len(r.since)-2]
			}
		}
		more = len(list.Events) > before
	}
	// Only what hooks are subscribed to.
	return slices.DeleteFunc(list.Events, func(e directory.Event) bool { return !slices.Contains(directory.SubscribedEvents(), e.Type) })
}

// listen stores the news, and returns what to work off: leavers first.
func (r *realOrg) listen() []directory.Scope {
	r.Helper()
	events := r.news()
	if err := r.db.AddEvents(r.Context(), realTenant, events); err != nil {
		r.Fatal(err)
	}
	var urgent, other []directory.Scope
	for _, e := range events {
		for _, s := range e.Scopes {
			if e.Urgent {
				urgent = append(urgent, s)
			} else {
				other = append(other, s)
			}
		}
	}
	var once []directory.Scope
	for _, s := range append(urgent, other...) {
		if !slices.Contains(once, s) {
			once = append(once, s)
		}
	}
	return once
}

// follow works off all that has happened in the org since the last time.
func (r *realOrg) follow() {
	r.Helper()
	for _, scope := range r.listen() {
		_, err := r.engine.Scope(r.Context(), scope)
		var terminal *directory.TerminalError
		if scope.Kind == directory.ScopeFull && errors.As(err, &terminal) {
			// The app is inactive: a worker parks what its own event asks for.
			err = r.db.Park(r.Context(), realTenant, scope, err.Error())
		}
		if err != nil {
			r.Fatal(err)
		}
	}
	state, err := r.db.TenantState(r.Context(), realTenant)
	if err != nil || state.Waiting > 0 {
		r.Fatalf("%d scopes wait in the end, %v", state.Waiting, err)
	}
}

func (r *realOrg) full() (directory.Run, error) {
	r.Helper()
	run := directory.Run{ID: r.runID(), Tenant: realTenant, Scope: directory.FullScope(), Cause: directory.CauseManual, State: directory.RunQueued}
	if _, _, err := r.db.CreateRun(r.Context(), run); err != nil {
		r.Fatal(err)
	}
	_, err := r.engine.Run(okta.WithPriority(r.Context(), okta.Bulk), run.ID, directory.AnyClaim)
	stored, readErr := r.db.Run(r.Context(), realTenant, run.ID)
	if readErr != nil {
		r.Fatal(readErr)
	}
	return stored, err
}

func (r *realOrg) mustFull() directory.Run {
	r.Helper()
	run, err := r.full()
	if err != nil {
		r.Fatal(err)
	}
	return run
}

// must is for what the org does.
func (r *realOrg) must(act emulator.Act, err error) emulator.Act {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
	return act
}

// entry is a person's place in the directory in comparable form.
type entry struct {
	Status  directory.Status
	Title   string
	Team    string
	Manager string
	Custom  map[string]any
	Groups  []string
	Left    bool
}

func (r *realOrg) entry(id string) entry {
	r.Helper()
	rows, err := r.db.People(r.Context(), realTenant, []string{id})
	if err != nil {
		r.Fatal(err)
	}
	if len(rows) == 0 {
		return entry{}
	}
	groups, err := r.db.GroupsOfPerson(r.Context(), realTenant, id)
	if err != nil {
		r.Fatal(err)
	}
	p := rows[0]
	e := entry{Status: p.Status, Title: p.Profile.Title, Team: p.TeamID, Manager: p.ManagerID, Custom: maps.Clone(p.Profile.Custom), Left: !p.LeftAt.IsZero()}
	for _, g := range groups {
		e.Groups = append(e.Groups, g.Name)
	}
	slices.Sort(e.Groups)
	return e
}

var errNoWay = errors.New("there is no way back")

// lookAgain works off the second looks that are due and says how many there were.
func (r *realOrg) lookAgain() int {
	r.Helper()
	due, err := r.db.DueSecondLooks(r.Context(), 0, 1000)
	if err != nil {
		r.Fatal(err)
	}
	for _, hint := range due {
		if _, err := r.engine.Scope(r.Context(), hint.Scope); err != nil {
			r.Fatal(err)
		}
	}
	return len(due)
}
