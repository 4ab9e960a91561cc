package sync_test

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/postgres"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
	dirsync "github.com/oktasync/oktasync/sync"
)

// engineStore lets the engine use a real database.
type engineStore struct{ *store.DB }

func (s engineStore) Update(ctx context.Context, tenant string, fn func(context.Context, dirsync.Tx) error) error {
	return s.DB.Update(ctx, tenant, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}

// human is somebody in the world.
type human struct {
	status   string // Okta's; empty: deleted
	assigned bool
	since    time.Time // of the assignment
	profile  map[string]any
	groups   map[string]bool
	links    map[string]string // linked objects
}

// world is a small Okta org: the truth that the directory has to follow.
type world struct {
	db     *store.DB
	people map[string]*human
	groups map[string]string // id to name

	granted      map[string]bool // groups that are assigned to the app
	grantedOmits map[string]bool // of these, what the list of them lacks
	grantLooks   int             // how often Okta was asked about that
	selection    directory.GroupSelection

	name string // of the org, when it is another one

	// Faults.
	listOmits  map[string]bool               // left out of the list, though assigned
	ownOmits   map[string]bool               // groups left out of people's own lists
	failAfter  int                           // pages until the pull breaks; 0: never, -1: before the first
	failWith   func() error                  // what breaks the pull then
	onPage     func(i int, p directory.Page) // called after each page was taken
	after      func(id string)               // called when a read by id is done, before its commit
	edit       func([]directory.Page) []directory.Page
	between    func()       // called between the reading of the pages and their arrival
	confirmErr error        // what a read by id answers
	checkErr   error        // what the source says of itself
	checks     atomic.Int32 // how often it was asked
	reads      int          // by id
	lists      int          // of one person's groups
	asked      []directory.PersonRequest

	served int                  // pages
	from   []directory.Position // of the last pull
}

func (w *world) clock(ctx context.Context) time.Time {
	at, err := w.db.Now(ctx)
	if err != nil {
		panic(err)
	}
	return at
}

func (w *world) see(id string, at time.Time, links []string) directory.PersonSeen {
	h := w.people[id]
	if h == nil || h.status == "" {
		return directory.PersonSeen{ID: id, At: at}
	}
	seen := directory.PersonSeen{ID: id, At: at, Exists: true, OktaStatus: h.status, Profile: maps.Clone(h.profile)}
	if h.assigned && h.status != "DEPROVISIONED" {
		seen.Assigned, seen.AssignmentScope, seen.AssignmentStatus, seen.AssignedAt = true, "USER", "ACTIVE", h.since
		seen.Links = maps.Clone(h.links)
		maps.DeleteFunc(seen.Links, func(name, _ string) bool { return !slices.Contains(links, name) })
	}
	return seen
}

func (w *world) Person(ctx context.Context, request directory.PersonRequest) (directory.PersonSeen, error) {
	id := request.Ref
	w.asked = append(w.asked, request)
	if strings.Contains(id, "@") {
		if id = w.holder(id); id == "" {
			w.reads++
			return directory.PersonSeen{At: w.clock(ctx)}, w.confirmErr
		}
	}
	if request.StatusOnly {
		seen := w.see(id, w.clock(ctx), nil)
		seen.Assigned, seen.AssignmentScope, seen.AssignmentStatus = false, "", ""
		seen.Partial = seen.Exists && seen.OktaStatus != "DEPROVISIONED"
		if w.after != nil {
			w.after(id)
		}
		return seen, nil
	}
	w.reads++
	if w.confirmErr != nil {
		return directory.PersonSeen{}, w.confirmErr
	}
	seen := w.see(id, w.clock(ctx), request.Links)
	if seen.Exists {
		seen.GroupsRead = true
		for _, g := range sorted(w.people[id].groups) {
			if name, exists := w.groups[g]; exists && !w.ownOmits[g] {
				seen.Groups = append(seen.Groups, directory.GroupSeen{ID: g, Exists: true, Name: name, Type: "OKTA_GROUP"})
			}
		}
	}
	if w.after != nil {
		w.after(id)
	}
	return seen, nil
}

func (w *world) GroupsOf(_ context.Context, id string) ([]directory.GroupSeen, bool, error) {
	w.lists++
	h := w.people[id]
	if h == nil || h.status == "" {
		return nil, false, nil
	}
	var groups []directory.GroupSeen
	for _, g := range sorted(h.groups) {
		if _, exists := w.groups[g]; exists && !w.ownOmits[g] {
			groups = append(groups, directory.GroupSeen{ID: g})
		}
	}
	return groups, true, nil
}

// holder is who has the login now.
func (w *world) holder(login string) string {
	for _, id := range slices.Sorted(maps.Keys(w.people)) {
		if h := w.people[id]; h.status != "" && h.profile["login"] == login {
			return id
		}
	}
	return ""
}

func (w *world) Group(ctx context.Context, id string, assigned bool) (directory.GroupSeen, error) {
	name, exists := w.groups[id]
	seen := directory.GroupSeen{ID: id, At: w.clock(ctx), Exists: exists, Name: name, Type: "OKTA_GROUP"}
	if assigned {
		w.grantLooks++
		seen.Assigned = exists && w.granted[id]
	}
	return seen, nil
}

func (w *world) AssignedGroups(context.Context) (map[string]bool, error) {
	w.grantLooks++
	listed := maps.Clone(w.granted)
	maps.DeleteFunc(listed, func(id string, is bool) bool { return !is || w.grantedOmits[id] })
	return listed, nil
}

func (w *world) Name() string { return "the org" + w.name }

func (w *world) Check(context.Context) error {
	w.checks.Add(1)
	return w.checkErr
}

func (w *world) Pull(ctx context.Context, request directory.PullRequest) iter.Seq2[directory.Page, error] {
	pages := w.pages(ctx, request)
	w.from = request.From
	if w.edit != nil {
		pages = w.edit(pages)
	}
	return func(yield func(directory.Page, error) bool) {
		if w.between != nil {
			w.between()
		}
		for i, page := range pages {
			if w.failAfter != 0 && i >= w.failAfter {
				if w.failWith != nil {
					yield(directory.Page{}, w.failWith())
					return
				}
				yield(directory.Page{}, errors.New("the connection was cut"))
				return
			}
			if w.onPage != nil {
				w.onPage(i, page)
			}
			w.served++
			if !yield(page, nil) {
				return
			}
		}
	}
}

// pages are the pages of a pull, those that are still to be read when it goes on. Lists go on
// behind the last id, as Okta's do.
func (w *world) pages(ctx context.Context, request directory.PullRequest) []directory.Page {
	at := w.clock(ctx)
	from := map[string]string{}
	for _, p := range request.From {
		from[p.List] = p.Next
	}
	full := request.Scope.Kind == directory.ScopeFull
	var pages []directory.Page
	var groups []directory.GroupSeen
	selection := w.selection
	if request.Groups != nil {
		selection = *request.Groups
	}
	if selection.Assigned {
		w.grantLooks++
	}
	for _, id := range sorted(w.groups) {
		if full || request.Scope.ID == id {
			seen := directory.GroupSeen{ID: id, At: at, Exists: true, Name: w.groups[id], Type: "OKTA_GROUP"}
			seen.Assigned = selection.Assigned && w.granted[id] && (!full || !w.grantedOmits[id])
			if full && !selection.Selects(seen) {
				continue // as the reader does
			}
			groups = append(groups, seen)
		}
	}
	if !full && len(groups) == 0 {
		groups = []directory.GroupSeen{{ID: request.Scope.ID, At: at}}
	}
	var members []string
	if _, read := from["groups"]; read {
		for _, list := range sorted(from) {
			if g, of := strings.CutPrefix(list, "members of "); of && from[list] != "" {
				members = append(members, g)
			}
		}
	} else if len(groups) > 0 {
		page := directory.Page{At: at, Groups: groups, Positions: []directory.Position{{List: "groups"}}}
		for _, g := range groups {
			if g.Exists && selection.Selects(g) {
				members = append(members, g.ID)
				page.Positions = append(page.Positions, directory.Position{List: "members of " + g.ID, Next: "the beginning"})
			}
		}
		pages = append(pages, page)
	}
	for _, g := range members {
		pages = append(pages, w.memberPages(g, from["members of "+g], at)...)
	}
	if full {
		pages = append(pages, w.peoplePages(from, at, request)...)
	}
	return pages
}

func (w *world) memberPages(group, from string, at time.Time) []directory.Page {
	list := "members of " + group
	if w.groups[group] == "" { // gone since it was listed
		return []directory.Page{{At: at, Groups: []directory.GroupSeen{{ID: group, At: at}}, Positions: []directory.Position{{List: list}}}}
	}
	var ids []string
	after, half := strings.CutPrefix(from, "after ")
	for _, id := range sorted(w.people) {
		if h := w.people[id]; h.status != "" && h.groups[group] && (!half || id > after) {
			ids = append(ids, id)
		}
	}
	if half || len(ids) < 2 {
		return []directory.Page{{At: at, Members: &directory.MemberPage{GroupID: group, IDs: ids, Last: true}, Positions: []directory.Position{{List: list}}}}
	}
	first, rest := ids[:len(ids)/2], ids[len(ids)/2:]
	return []directory.Page{
		{At: at, Members: &directory.MemberPage{GroupID: group, IDs: first}, Positions: []directory.Position{{List: list, Next: "after " + first[len(first)-1]}}},
		{At: at, Members: &directory.MemberPage{GroupID: group, IDs: rest, Last: true}, Positions: []directory.Position{{List: list}}},
	}
}

func (w *world) peoplePages(from map[string]string, at time.Time, request directory.PullRequest) []directory.Page {
	var pages []directory.Page
	var people, deactivated []directory.PersonSeen
	next, begun := from["people"]
	for _, id := range sorted(w.people) {
		seen := w.see(id, at, request.Links)
		if seen.Assigned && !w.listOmits[id] && (!begun || next != "" && id > next) {
			people = append(people, seen)
		}
		if seen.OktaStatus == "DEPROVISIONED" {
			deactivated = append(deactivated, seen)
		}
	}
	for chunk := range slices.Chunk(people, 3) {
		pages = append(pages, directory.Page{At: at, People: chunk, Positions: []directory.Position{{List: "people", Next: chunk[len(chunk)-1].ID}}})
	}
	if len(people) > 0 {
		pages[len(pages)-1].Positions[0].Next = ""
	}
	if _, read := from["deactivated"]; request.Deactivated && len(deactivated) > 0 && !read {
		pages = append(pages, directory.Page{At: at, Deactivated: deactivated, Positions: []directory.Position{{List: "deactivated"}}})
	}
	return pages
}

// fixture is a world, a directory, and the engine between them.
type fixture struct {
	*world
	t      testing.TB
	engine *dirsync.Engine
	tenant string
	rules  directory.Rules
	places func(*human) []string // names of somebody's teams, where they come from more than the department
	events int
	runs   int
}

func newFixture(t testing.TB, edit func(*directory.Rules)) *fixture {
	t.Helper()
	return newTenant(t, openDatabase(t), "acme", edit)
}

func openDatabase(t testing.TB) *store.DB {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: storetest.SQLiteFile(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

func openPostgres(t testing.TB) *store.DB {
	t.Helper()
	db, err := postgres.Open(t.Context(), postgres.Options{URL: storetest.PostgresDatabase(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	return db
}

// newTenant is an empty world with an empty directory beside others in one database.
func newTenant(t testing.TB, db *store.DB, tenant string, edit func(*directory.Rules)) *fixture {
	t.Helper()
	if err := db.EnsureTenants(t.Context(), []string{tenant}); err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, tenant: tenant, rules: directory.DefaultRules(),
		world: &world{db: db, people: map[string]*human{}, groups: map[string]string{}, granted: map[string]bool{}}}
	f.rules.Limits.People = directory.Limit{Absolute: 1000, Fraction: 1, Floor: 1000}
	f.rules.Limits.Members, f.rules.Limits.Groups = f.rules.Limits.People, f.rules.Limits.People
	if edit != nil {
		edit(&f.rules)
	}
	// The next attempt is due at once.
	f.engine = f.engineOf(dirsync.Options{Delay: func(int) time.Duration { return time.Microsecond }})
	return f
}

// engineOf makes an engine of the fixture's parts and the options given.
func (f *fixture) engineOf(o dirsync.Options) *dirsync.Engine {
	f.selection = f.rules.Groups
	o.Tenant, o.Rules, o.Source, o.Owner, o.NewID = f.tenant, f.rules, f.world, "test", f.runID
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Store == nil {
		o.Store = engineStore{f.db}
	}
	return dirsync.New(o)
}

// lookAgainLater makes the engine anew, with second looks after the time given.
func (f *fixture) lookAgainLater(after time.Duration) {
	f.engine = f.engineOf(dirsync.Options{SecondLook: after})
}

func (f *fixture) runID() string {
	f.runs++
	return fmt.Sprintf("00000000-0000-7000-8000-%012d", f.runs)
}

// join adds somebody who is assigned and complete.
func (f *fixture) join(id string, profile map[string]any) *human {
	h := &human{status: "ACTIVE", assigned: true, groups: map[string]bool{}, profile: map[string]any{
		"firstName": "First " + id, "lastName": "Last " + id, "email": id + "@acme.example", "login": id + "@acme.example",
	}}
	maps.Copy(h.profile, profile)
	f.people[id] = h
	return h
}

// hint stores events about the scope, of the types given, or about a profile.
func (f *fixture) hint(scope directory.Scope, types ...string) {
	f.t.Helper()
	if types == nil {
		types = []string{"user.account.update_profile"}
	}
	for _, eventType := range types {
		f.events++
		err := f.db.AddEvents(f.t.Context(), f.tenant, []directory.Event{{
			UUID: fmt.Sprintf("event-%d", f.events), Type: eventType, Published: time.Now(), Urgent: directory.UrgentEvent(eventType),
			Via: directory.ViaHook, Outcome: "SUCCESS", Scopes: []directory.Scope{scope},
		}})
		if err != nil {
			f.t.Fatal(err)
		}
	}
}

// event stores events about the scope and works them off.
func (f *fixture) event(scope directory.Scope, types ...string) dirsync.Result {
	f.t.Helper()
	f.hint(scope, types...)
	result, err := f.engine.Scope(f.t.Context(), scope)
	if err != nil {
		f.t.Fatal(err)
	}
	return result
}

// eventOrDoubt is event, and accepts that the events wait because the person's list lacks a
// group that no event took away.
func (f *fixture) eventOrDoubt(scope directory.Scope, eventType string) {
	f.t.Helper()
	f.hint(scope, eventType)
	var later *directory.RetryAfterError
	if _, err := f.engine.Scope(f.t.Context(), scope); err != nil && !errors.As(err, &later) {
		f.t.Fatal(err)
	}
}

func (f *fixture) full() (directory.Run, error) {
	f.t.Helper()
	run := directory.Run{ID: f.runID(), Tenant: f.tenant, Scope: directory.FullScope(), Cause: directory.CauseManual, State: directory.RunQueued}
	if _, _, err := f.db.CreateRun(f.t.Context(), run); err != nil {
		f.t.Fatal(err)
	}
	_, err := f.engine.Run(f.t.Context(), run.ID, directory.AnyClaim)
	stored, readErr := f.db.Run(f.t.Context(), f.tenant, run.ID)
	if readErr != nil {
		f.t.Fatal(readErr)
	}
	return stored, err
}

func (f *fixture) mustFull() directory.Run {
	f.t.Helper()
	run, err := f.full()
	if err != nil {
		f.t.Fatal(err)
	}
	return run
}

// person is a directory entry in comparable form.
type person struct {
	Status  directory.Status
	Email   string
	Team    string
	Further []string
	Manager string
	Problem directory.ManagerProblem
	Groups  []string
}

// stored reads the directory, without people who are removed.
func (f *fixture) stored() map[string]person {
	f.t.Helper()
	ctx := f.t.Context()
	rows, err := f.db.ListPeople(ctx, f.tenant, directory.PeopleQuery{Limit: 1000})
	if err != nil {
		f.t.Fatal(err)
	}
	teams := map[string]string{}
	list, err := f.db.ListTeams(ctx, f.tenant, "", 1000)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, t := range list {
		teams[t.ID] = t.Name
	}
	out := map[string]person{}
	for _, row := range rows {
		groups, err := f.db.GroupsOfPerson(ctx, f.tenant, row.ID)
		if err != nil {
			f.t.Fatal(err)
		}
		var ids []string
		for _, g := range groups {
			ids = append(ids, g.ID)
		}
		slices.Sort(ids)
		if row.Status == directory.StatusRemoved {
			if ids != nil {
				f.t.Errorf("person %s is removed and still in groups %v", row.ID, ids)
			}
			continue
		}
		if row.ManagerProblem == directory.ManagerLeft {
			row.ManagerProblem = directory.ManagerUnresolved // the truth does not know who was here
		}
		var further []string
		for _, id := range row.FurtherTeams {
			further = append(further, teams[id])
		}
		slices.Sort(further)
		out[row.ID] = person{
			Status: row.Status, Email: row.Profile.Email, Team: teams[row.TeamID], Further: further,
			Manager: row.ManagerID, Problem: row.ManagerProblem, Groups: ids,
		}
	}
	return out
}

// truth says what the directory should hold, worked out from the world alone and by other means than
// the engine's: every manager is looked up among all people, every loop is walked.
// everKnown holds who was in the directory before, for those who were deactivated since.
func (f *fixture) truth(everKnown map[string]bool) map[string]person {
	present := map[string]bool{}
	for id, h := range f.people {
		if h.assigned && h.status != "" && h.status != "DEPROVISIONED" {
			present[id] = true
		}
	}
	text := func(id, key string) string { s, _ := f.people[id].profile[key].(string); return s }
	resolve := func(id string) (string, directory.ManagerProblem) {
		problem := directory.ManagerProblem("")
		for _, ref := range []string{text(id, "managerId"), text(id, "manager")} {
			if ref == "" {
				continue
			}
			match, why := "", directory.ManagerUnresolved
			if present[ref] {
				match = ref
			}
			for _, key := range []string{"login", "email", "employeeNumber"} {
				if match != "" || why == directory.ManagerAmbiguous {
					break
				}
				n := 0
				for other := range present {
					if directory.Fold(text(other, key)) == directory.Fold(ref) {
						match = other
						n++
					}
				}
				if n > 1 {
					match, why = "", directory.ManagerAmbiguous
				}
			}
			if match == id {
				match, why = "", directory.ManagerSelf
			}
			if match != "" {
				return match, ""
			}
			if problem == "" || problem == directory.ManagerUnresolved {
				problem = why
			}
		}
		return "", problem
	}
	wanted := map[string]string{}
	problems := map[string]directory.ManagerProblem{}
	for id := range present {
		wanted[id], problems[id] = resolve(id)
	}
	out := map[string]person{}
	for id, h := range f.people {
		known := present[id] || h.status == "DEPROVISIONED" && everKnown[id]
		if !known {
			continue
		}
		p := person{Status: directory.StatusOf(h.status), Email: text(id, "email"), Team: text(id, "department")}
		if f.places != nil {
			if all := f.places(h); len(all) > 0 {
				p.Team, p.Further = all[0], append(p.Further, all[1:]...)
				slices.Sort(p.Further)
			}
		}
		if present[id] {
			p.Manager, p.Problem = wanted[id], problems[id]
			at := wanted[id]
			for range len(wanted) {
				if at == id {
					p.Manager, p.Problem = "", directory.ManagerLoop
					break
				}
				at = wanted[at]
			}
		}
		for _, g := range sorted(h.groups) {
			if f.groups[g] != "" {
				p.Groups = append(p.Groups, g)
			}
		}
		out[id] = p
	}
	return out
}

func (f *fixture) compare(everKnown map[string]bool) {
	f.t.Helper()
	if diff := cmp.Diff(f.truth(everKnown), f.stored()); diff != "" {
		f.t.Errorf("directory differs from Okta (-okta +directory):\n%s", diff)
	}
}

func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
