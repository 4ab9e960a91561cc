package emulator

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// TestProfileTextKeepsValues writes profiles of any content and reads them back.
func TestProfileTextKeepsValues(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		values := map[string]any{}
		for name, v := range rapid.MapOf(rapid.StringMatching(`[a-z_]{1,8}`), rapid.String()).Draw(t, "texts") {
			values[name] = v
		}
		for name, v := range rapid.MapOf(rapid.StringMatching(`[A-Z]{1,8}`), rapid.SliceOf(rapid.String())).Draw(t, "lists") {
			values[name] = v
		}
		m, err := membersOf(values)
		if err != nil {
			t.Fatal(err)
		}
		text := string(appendProfile(nil, m))
		var read map[string]any
		if err := json.Unmarshal([]byte(text), &read); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		got := decodeProfile(text)
		if d := cmp.Diff(m, got); d != "" && len(m) > 0 {
			t.Fatalf("%s: %s", text, d)
		}
		for name := range values {
			if raw, ok := profileRaw(text, name); !ok || raw != string(m[name]) {
				t.Fatalf("%q reads %q (%v) from %s", name, raw, ok, text)
			}
		}
	})
}

// check compares every index with what it indexes.
func (o *Org) check(t *testing.T) {
	t.Helper()
	o.mu.RLock()
	defer o.mu.RUnlock()
	if !slices.IsSortedFunc(o.people, func(a, b *person) int { return compareText(a.id, b.id) }) {
		t.Error("people are not sorted")
	}
	if len(o.byLogin) != len(o.people)+1 {
		t.Errorf("%d logins of %d people and the service account", len(o.byLogin), len(o.people))
	}
	for _, p := range o.people {
		if o.byLogin[foldLogin(p.login)] != p {
			t.Errorf("the login of %s leads elsewhere", p.id)
		}
		for _, g := range p.groups {
			if _, ok := findPerson(g.members, p.id); !ok {
				t.Errorf("%s thinks it is in %s", p.id, g.id)
			}
			if _, ok := findGroup(o.groups, g.id); !ok {
				t.Errorf("%s is in the deleted group %s", p.id, g.id)
			}
		}
		for _, u := range p.grants {
			if i, ok := findAppUser(u.app.users, p.id); !ok || u.app.users[i] != u {
				t.Errorf("%s has a row that its app lacks", p.id)
			}
			if !u.direct && u.app.active && u.via() == nil {
				t.Errorf("%s has a derived row that nothing grants", p.id)
			}
		}
		for _, g := range p.groups {
			for _, ag := range g.apps {
				if ag.app.active && p.status != Deprovisioned && p.grantOf(ag.app) == nil {
					t.Errorf("%s is in %s and lacks its app", p.id, g.id)
				}
			}
		}
	}
	for _, g := range o.groups {
		for i, p := range g.members {
			if !p.inGroup(g) || i > 0 && g.members[i-1].id >= p.id {
				t.Errorf("members of %s are wrong at %d", g.id, i)
			}
		}
	}
	for _, a := range o.apps {
		for i, u := range a.users {
			if u.person.grantOf(a) != u || i > 0 && a.users[i-1].person.id >= u.person.id {
				t.Errorf("users of %s are wrong at %d", a.id, i)
			}
		}
	}
}

func compareText(a, b string) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// randomChange makes one change, allowed or not.
func (o *Org) randomChange(r *rand.Rand) {
	truth := o.PersonIDs()
	if len(truth) == 0 {
		truth = []string{"none"}
	}
	groups := o.Groups()
	who, g := truth[r.IntN(len(truth))], groups[r.IntN(len(groups))].ID
	app := []string{"Learning Portal", "Wiki", "Mail"}[r.IntN(3)]
	// Refusals are a part of the game, so the errors do not matter here.
	switch r.IntN(19) {
	case 0, 1:
		_, _ = o.Join(NewPerson{Unassigned: r.IntN(2) == 0})
	case 2:
		_, _ = o.Deactivate(who)
	case 3:
		_, _ = o.Activate(who)
	case 4:
		_, _ = o.Delete(who)
	case 5, 6, 7:
		_, _ = o.AddToGroup(g, who)
	case 8, 9:
		_, _ = o.RemoveFromGroup(g, who)
	case 10:
		_, _ = o.CreateGroup(fmt.Sprint("G", r.IntN(8)), "")
	case 11:
		_, _ = o.DeleteGroup(g)
	case 12, 13:
		_, _ = o.AssignGroup(app, g)
	case 14:
		_, _ = o.UnassignGroup(app, g)
	case 15:
		_, _ = o.Assign(app, who)
	case 16:
		_, _ = o.Unassign(app, who)
	case 17:
		_, _ = o.SetAppActive(app, r.IntN(3) > 0)
	case 18:
		_, _ = o.Update(who, map[string]any{"login": fmt.Sprintf("p%d@x.example", r.IntN(40))})
	}
}

func TestRandomHistoriesKeepTheOrgWhole(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			o, err := New(Options{People: 20, Groups: 3, Departments: 3, Seed: seed + 1, AssignThroughGroup: seed%2 == 0})
			if err != nil {
				t.Fatal(err)
			}
			for _, label := range []string{"Wiki", "Mail"} {
				if _, err := o.CreateApp(label); err != nil {
					t.Fatal(err)
				}
			}
			r := rand.New(rand.NewPCG(seed, seed))
			for i := range 300 {
				o.randomChange(r)
				if o.check(t); t.Failed() {
					t.Fatalf("after change %d", i)
				}
			}
		})
	}
}

func TestManyAtOnce(t *testing.T) {
	t.Parallel()
	o, err := New(Options{People: 100, Groups: 5})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.CreateApp("Wiki"); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for i := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(i, 1))
			for range 200 {
				o.randomChange(r)
			}
		})
		wg.Go(func() {
			for range 50 {
				o.Truth()
			}
		})
	}
	wg.Wait()
	o.check(t)
}
