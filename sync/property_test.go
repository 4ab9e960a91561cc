package sync_test

import (
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// quiet lets a fixture fail a property instead of the test around it.
type quiet struct {
	testing.TB
	rt *rapid.T
}

func (q quiet) Helper()                      {}
func (q quiet) Error(args ...any)            { q.rt.Error(args...) }
func (q quiet) Errorf(f string, args ...any) { q.rt.Errorf(f, args...) }
func (q quiet) Fatal(args ...any)            { q.rt.Fatal(args...) }
func (q quiet) Fatalf(f string, args ...any) { q.rt.Fatalf(f, args...) }

// onBoth runs a property on both databases.
func onBoth(t *testing.T, property func(*testing.T, *store.DB)) {
	t.Run("SQLite", func(t *testing.T) { t.Parallel(); property(t, openDatabase(t)) })
	t.Run("Postgres", func(t *testing.T) { t.Parallel(); property(t, openPostgres(t)) })
}

// mutate changes something about one person or group and says which scope an event would name, and
// its type.
func (f *fixture) mutate(rt *rapid.T) (directory.Scope, string) {
	id := fmt.Sprintf("p%d", rapid.IntRange(0, 6).Draw(rt, "person"))
	group := fmt.Sprintf("g%d", rapid.IntRange(0, 2).Draw(rt, "group"))
	h := f.people[id]
	if h == nil || h.status == "" {
		if h == nil { // an id is never used again after a deletion
			f.join(id, nil)
		}
		return directory.PersonScope(id), "user.lifecycle.create"
	}
	eventType := "user.account.update_profile"
	ref := func() string {
		return rapid.SampledFrom([]string{"", "p0", "p1", "p2", "P3@acme.example", "p4@acme.example", "77", "nobody"}).Draw(rt, "ref")
	}
	switch rapid.SampledFrom([]string{
		"status", "assigned", "department", "manager", "managerId", "number", "email", "join", "part", "group", "rename", "delete",
	}).Draw(rt, "what") {
	case "status":
		h.status = rapid.SampledFrom([]string{"ACTIVE", "SUSPENDED", "DEPROVISIONED", "STAGED", "LOCKED_OUT"}).Draw(rt, "status")
		eventType = map[string]string{
			"ACTIVE": "user.lifecycle.unsuspend", "SUSPENDED": "user.lifecycle.suspend", "DEPROVISIONED": "user.lifecycle.deactivate",
			"STAGED": "user.lifecycle.create", "LOCKED_OUT": "user.account.lock",
		}[h.status]
	case "assigned":
		h.assigned = !h.assigned
		eventType = "application.user_membership.add"
		if !h.assigned {
			eventType = "application.user_membership.remove"
		}
	case "department":
		h.profile["department"] = rapid.SampledFrom([]string{"", "R&D", "Sales"}).Draw(rt, "department")
	case "manager":
		h.profile["manager"] = ref()
	case "managerId":
		h.profile["managerId"] = ref()
	case "number":
		h.profile["employeeNumber"] = rapid.SampledFrom([]string{"", "77", "78"}).Draw(rt, "number")
	case "email":
		h.profile["email"] = rapid.SampledFrom([]string{id, "p4"}).Draw(rt, "email") + "@acme.example"
	case "join":
		if f.groups[group] != "" {
			h.groups[group] = true
		}
	case "part":
		delete(h.groups, group)
		eventType = "group.user_membership.remove"
	case "group":
		if f.groups[group] == "" {
			f.groups[group] = "Group " + group
		} else {
			delete(f.groups, group)
			for _, member := range f.people {
				delete(member.groups, group)
			}
		}
		return directory.GroupScope(group), "group.lifecycle.create"
	case "rename":
		if f.groups[group] == "" {
			break
		}
		f.groups[group] = rapid.SampledFrom([]string{"Group ", "Crew "}).Draw(rt, "name") + group
		return directory.GroupScope(group), "group.profile.update"
	case "delete":
		h.status, eventType = "", "user.lifecycle.delete.initiated"
	}
	return directory.PersonScope(id), eventType
}

// TestRandomHistories: some changes are followed by an event, some events come
// late, twice or never, full syncs come in between. After a full sync the
// directory equals Okta, and another one changes nothing.
func TestRandomHistories(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *store.DB) {
		tenants := 0
		rapid.Check(t, func(rt *rapid.T) {
			tenants++
			f := teamed(quiet{t, rt}, db, fmt.Sprintf("t%d", tenants), rapid.IntRange(0, 2).Draw(rt, "teams"))
			f.join("anchor", nil) // a list of nobody would be refused
			f.groups = map[string]string{"g0": "Group g0", "g1": "Group g1"}
			// known holds who is in the directory: of people who are deactivated in
			// Okta only those stay who were in it before.
			known := map[string]bool{}
			album := &album{fixture: f, seen: map[int64]map[string]directory.Person{}}
			for range rapid.IntRange(1, 40).Draw(rt, "steps") {
				scope, eventType := f.mutate(rt)
				switch rapid.SampledFrom([]string{"event", "event", "event", "twice", "lost", "lost", "full"}).Draw(rt, "then") {
				case "event":
					f.eventOrDoubt(scope, eventType)
				case "twice":
					f.eventOrDoubt(scope, eventType)
					f.eventOrDoubt(scope, eventType)
				case "full":
					f.mustFull()
				case "lost":
				}
				clear(known)
				for id := range f.stored() {
					known[id] = true
				}
				album.picture()
			}
			f.mustFull()
			album.compare()
			album.explained()
			f.compare(known)
			if again := f.mustFull(); len(again.Counts.Changes) != 0 {
				rt.Errorf("a full sync right after a full sync changed %v", again.Counts.Changes)
			}
		})
	})
}

// TestAnyOrder: the same facts, met one person at a time in any order, end in the same directory.
func TestAnyOrder(t *testing.T) {
	t.Parallel()
	onBoth(t, func(t *testing.T, db *store.DB) {
		tenants := 0
		rapid.Check(t, func(rt *rapid.T) {
			tenants++
			f := teamed(quiet{t, rt}, db, fmt.Sprintf("t%d", tenants), rapid.IntRange(0, 2).Draw(rt, "teams"))
			f.join("anchor", nil) // a list of nobody would be refused
			f.groups = map[string]string{"g0": "Group g0", "g1": "Group g1"}
			for range rapid.IntRange(5, 60).Draw(rt, "facts") {
				f.mutate(rt)
			}
			order := rapid.Permutation(sorted(f.people)).Draw(rt, "order")
			for _, id := range order {
				f.event(directory.PersonScope(id))
			}
			f.compare(nil)
		})
	})
}
