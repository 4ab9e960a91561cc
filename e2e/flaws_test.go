package e2e

import (
	"testing"
	"time"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/emulator"
)

// TestFlawedPeople has people whom the directory cannot take as they are. They are
// listed with the reason, and the rest goes on.
func TestFlawedPeople(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{org: emulator.Options{People: 80, Flaws: emulator.Flaws{
		NoEmail: 3, NoName: 2, SharedEmail: 2, UnknownManager: 2, ManagerLoop: 3, SuspendedPeople: 4, DeactivatedUsers: 5,
	}}})
	w.start()
	w.synced(2 * time.Minute)
	w.compare()
	page, err := w.api.Quarantine(t.Context(), tenant, client.Paging{})
	if err != nil {
		t.Fatal(err)
	}
	if len(page.Items) != 5 {
		t.Fatalf("%d people are in quarantine, want 5", len(page.Items))
	}
	out, status := w.cli("quarantine")
	if status != 0 {
		t.Fatalf("quarantine: status %d: %s", status, out)
	}
	for _, q := range page.Items {
		if !contains(out, q.PersonID) || !contains(out, q.Reason) || !contains(q.Reason, "fill it in in Okta") {
			t.Errorf("the command line does not list %s with %q:\n%s", q.PersonID, q.Reason, out)
		}
	}

	w.hook()
	mended, people := page.Items[0].PersonID, w.org.PersonIDs()
	w.act(w.org.Update(mended, map[string]any{"email": "found@acme.example", "firstName": "Fay", "lastName": "Found"}))
	// Who is in the directory already stays with the profile last seen, and yet is
	// suspended: a bad record never keeps access open.
	broken := people[12]
	w.act(w.org.Update(broken, map[string]any{"email": nil}))
	w.settled(20 * time.Second)
	w.act(w.org.Suspend(broken))
	w.settled(20 * time.Second)
	w.compare()
	row, err := w.api.Person(t.Context(), tenant, broken)
	if err != nil || row.Status != "suspended" || row.Profile.Email == "" {
		t.Errorf("a suspended person without e-mail: %+v, %v", row.Person, err)
	}

	// A login that moves from one person to another, and one that two swap.
	a, b, c := people[20], people[21], people[22]
	loginOf := func(id string) string {
		p, _ := w.org.Person(id)
		return p.Login
	}
	first, second := loginOf(a), loginOf(b)
	w.act(w.org.Update(a, map[string]any{"login": "parked@acme.example"}))
	w.act(w.org.Update(b, map[string]any{"login": first}))
	w.act(w.org.Update(c, map[string]any{"login": second, "email": second}))
	w.settled(20 * time.Second)
	w.compare()
	if found, err := w.api.Person(t.Context(), tenant, first); err != nil || found.ID != b {
		t.Errorf("the login that moved leads to %s, %v; want %s", found.ID, err, b)
	}
	// Gone and made anew with the same login: another person.
	w.act(w.org.Delete(b))
	again := w.act(w.org.Join(emulator.NewPerson{Login: first, Email: first})).ID
	w.settled(20 * time.Second)
	w.loose[again] = true
	w.compare()
	if found, err := w.api.Person(t.Context(), tenant, first); err != nil || found.ID != again {
		t.Errorf("the login of the newcomer leads to %s, %v; want %s", found.ID, err, again)
	}
	if run := w.resync(time.Minute); run.State != "succeeded" || len(run.Counts.Changes) != 0 {
		t.Errorf("a full sync found %v, %s", run.Counts.Changes, run.Error)
	}
	w.compare()
}

// TestUniqueEmail has two people with one e-mail where the rules allow one.
func TestUniqueEmail(t *testing.T) {
	t.Parallel()
	w := newWorld(t, setup{org: emulator.Options{People: 30}, settings: map[string]any{"unique": []string{"email"}}})
	w.start()
	w.synced(2 * time.Minute)
	w.compare()
	w.hook()
	holder, _ := w.org.Person(w.org.PersonIDs()[15])
	second := w.act(w.org.Join(emulator.NewPerson{Login: "second@acme.example", Email: holder.Text("email")})).ID
	w.settled(20 * time.Second)
	out, status := w.cli("quarantine")
	if status != 0 || !contains(out, second) || !contains(out, holder.ID) {
		t.Errorf("the second holder of an e-mail is not in quarantine with the first one's id: status %d: %s", status, out)
	}
	if _, err := w.api.Person(t.Context(), tenant, second); !client.NotFound(err) {
		t.Errorf("the second holder of an e-mail: %v, want not found", err)
	}
	// A full sync sees it the same way.
	if run := w.resync(time.Minute); run.State != "succeeded" || run.Counts.Quarantined != 1 || len(run.Counts.Changes) != 0 {
		t.Errorf("the full sync is %s with %v and %d quarantined: %s", run.State, run.Counts.Changes, run.Counts.Quarantined, run.Error)
	}
	w.act(w.org.Update(second, map[string]any{"email": "second@acme.example"}))
	w.settled(20 * time.Second)
	w.loose[second] = true
	w.compare()
}
