package sync_test

import (
	"slices"
	"testing"

	"github.com/oktasync/oktasync/directory"
	dirsync "github.com/oktasync/oktasync/sync"
)

// linked is a fixture whose managers are found in these ways, with the linked object manager among what is read.
func linked(t *testing.T, refs ...directory.ManagerRef) *fixture {
	t.Helper()
	f := newFixture(t, func(r *directory.Rules) {
		r.Managers.Mode, r.Managers.Resolve = directory.ManagersIndividual, refs
		r.Mapping[directory.FieldManagerLink] = directory.Source{From: []string{"link.manager"}}
	})
	for _, id := range []string{"adam", "zoe"} {
		f.arrive(id, nil)
	}
	return f
}

// report has somebody arrive with a linked manager and Okta's own text.
func (f *fixture) report(id, link, text string) {
	f.t.Helper()
	h := f.join(id, map[string]any{"managerId": text})
	h.links = map[string]string{"manager": link, "mentor": "zoe"}
	f.event(directory.PersonScope(id))
}

func TestLinkedManagers(t *testing.T) {
	t.Parallel()
	f := linked(t, directory.ManagerByLink, directory.ManagerByLogin)
	f.report("eve", "adam", "zoe@acme.example") // the link goes first
	f.report("ivo", "nora", "zoe@acme.example") // who is not here, so the text counts
	f.report("ann", "nora", "")
	f.report("own", "own", "")
	f.report("none", "", "")
	f.wantManagers("at first", map[string]string{"eve": "adam okta", "ivo": "zoe okta", "ann": "okta unresolved", "own": "okta self", "none": ""})
	for _, request := range f.asked {
		if !request.StatusOnly && !slices.Equal(request.Links, []string{"manager"}) {
			t.Errorf("asked for the links %v", request.Links)
		}
	}
	for who, says := range map[string]string{"eve": "Okta's linked object names them", "ivo": `Okta says "zoe@acme.example" and by linked object "nora"`} {
		why, err := dirsync.Explain(t.Context(), dirsync.ExplainOptions{Tenant: f.tenant, Rules: f.rules, Rows: f.db}, who)
		if err != nil || !slices.ContainsFunc(why.Values, func(v directory.Explained) bool { return v.Topic == directory.TopicManager && v.Reason == says }) {
			t.Errorf("%s: it is not explained as %s: %+v, %v", who, says, why.Values, err)
		}
	}
	why, err := dirsync.Explain(t.Context(), dirsync.ExplainOptions{Tenant: f.tenant, Rules: f.rules, Rows: f.db}, "ann")
	const says = `no manager: Okta says by linked object "nora", nobody in the directory matches by linked_object, login (managers.resolve)`
	if err != nil || !slices.ContainsFunc(why.Missing, func(g directory.Explained) bool { return g.Reason == says }) {
		t.Errorf("it is not explained as %s: %+v, %v", says, why.Missing, err)
	}

	f.arrive("nora", nil)
	f.wantManagers("the manager arrives", map[string]string{"ivo": "nora okta", "ann": "nora okta"})

	// No event tells of a link.
	f.people["eve"].links["manager"] = "nora"
	f.people["ann"].links["manager"] = ""
	if _, err := f.full(); err != nil {
		t.Fatal(err)
	}
	f.wantManagers("the next night", map[string]string{"eve": "nora okta", "ivo": "nora okta", "ann": ""})

	f.people["nora"].assigned = false
	f.event(directory.PersonScope("nora"))
	f.wantManagers("the manager leaves", map[string]string{"eve": "zoe okta", "ivo": "zoe okta", "ann": ""})
}

func TestLinkedManagersAsALastResort(t *testing.T) {
	t.Parallel()
	f := linked(t, directory.ManagerByLogin, directory.ManagerByLink)
	f.report("eve", "adam", "zoe@acme.example")
	f.report("ivo", "adam", "somebody unknown")
	f.wantManagers("", map[string]string{"eve": "zoe okta", "ivo": "adam okta"})
	f.people["adam"].assigned = false
	f.event(directory.PersonScope("adam"))
	f.wantManagers("the manager leaves", map[string]string{"eve": "zoe okta", "ivo": "okta left"})
	f.people["adam"].assigned = true
	f.event(directory.PersonScope("adam"))
	f.wantManagers("and comes back", map[string]string{"eve": "zoe okta", "ivo": "adam okta"})
}

// A link that was read is not used where the rules do not name this way, and is kept when its person leaves.
func TestALinkIsAFieldLikeOthers(t *testing.T) {
	t.Parallel()
	f := linked(t, directory.ManagerByLogin)
	f.report("eve", "adam", "")
	f.wantManagers("the way is not named", map[string]string{"eve": ""})
	link := func() string {
		rows, err := f.db.People(t.Context(), f.tenant, []string{"eve"})
		if err != nil || len(rows) != 1 {
			t.Fatalf("%v, %v", rows, err)
		}
		return rows[0].Profile.ManagerLink
	}
	if got := link(); got != "adam" {
		t.Errorf("the link is %q", got)
	}
	f.people["eve"].assigned = false
	f.event(directory.PersonScope("eve"))
	if got := link(); got != "adam" {
		t.Errorf("somebody who left is linked to %q", got)
	}
}
