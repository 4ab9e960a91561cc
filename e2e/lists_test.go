package e2e

import (
	"cmp"
	"slices"
	"testing"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

// The calls of a full reading.
const (
	listAppUsers  = "GET /api/v1/apps/{appId}/users"
	listGroups    = "GET /api/v1/groups"
	listMembers   = "GET /api/v1/groups/{groupId}/users"
	readUserByID  = "GET /api/v1/users/{id}"
	everythingIn  = "/api/v1/**"
	appUserByID   = "GET /api/v1/apps/{appId}/users/{userId}"
	groupsOfAUser = "GET /api/v1/users/{id}/groups"
)

// TestBadLists makes Okta's lists go wrong under a full sync, one way at a time.
// The directory must not change at all; afterwards all must be as if nothing had been.
func TestBadLists(t *testing.T) {
	t.Parallel()
	// again: what may pass leaves the run as it is, with a sentence, and it is tried again.
	const failed, held, succeeded, again = "failed", "held", "succeeded", "again"
	tests := []struct {
		name   string
		size   int // of groups, 41 when zero
		people int // 60 when zero; more than 500 make several pages
		kind   emulator.FaultKind
		at     string
		fault  emulator.Fault // the rest of it
		state  string
		says   string // part of the run's sentence
	}{
		{name: "nobody is listed", kind: emulator.FaultEmptyList, at: listAppUsers, state: held, says: "Okta listed nobody"},
		{name: "cut list beyond the limit", kind: emulator.FaultCutPage, at: listAppUsers, state: held, says: "Okta's list lacks 30 of the 60 people"},
		{name: "cut list within the limit", people: 10, kind: emulator.FaultCutPage, at: listAppUsers, state: succeeded},
		{name: "pages with holes", people: 1100, kind: emulator.FaultPartialPage, at: listAppUsers, state: held, says: "Okta's list lacks"},
		{name: "cut list of groups", kind: emulator.FaultCutPage, at: listGroups, state: held, says: "exists when it is read by id"},
		{name: "no groups listed", kind: emulator.FaultEmptyList, at: listGroups, state: held, says: "was narrowed"},
		{name: "cut lists of members", kind: emulator.FaultCutPage, at: listMembers, state: succeeded},
		{name: "no members listed", kind: emulator.FaultEmptyList, at: listMembers, state: succeeded},
		{name: "no members listed of groups too large to ask one by one", people: 130, size: 120, kind: emulator.FaultEmptyList, at: listMembers, state: succeeded},
		{name: "repeated cursor", people: 1100, kind: emulator.FaultRepeatCursor, at: listAppUsers, fault: emulator.Fault{Skip: 1}, state: again, says: "cursor came a second time"},
		{name: "next link back to the first page", people: 1100, kind: emulator.FaultRepeatCursor, at: listAppUsers, state: again, says: "the next link has no cursor"},
		{name: "joined Link headers", people: 1100, kind: emulator.FaultFoldedLinks, at: everythingIn, state: succeeded},
		{name: "unquoted rel=next", people: 1100, kind: emulator.FaultUnquotedNext, at: everythingIn, state: succeeded},
		{name: "expand lost", people: 1100, kind: emulator.FaultDropExpand, at: listAppUsers, state: succeeded},
		{name: "a web page with status 200", kind: emulator.FaultHTML, at: listAppUsers, state: again, says: "nothing was changed"},
		{name: "half of the JSON", people: 1100, kind: emulator.FaultCutJSON, at: listAppUsers, state: again, says: "nothing was changed"},
		{name: "connection ends within the body", kind: emulator.FaultTruncated, at: listMembers, state: again, says: "nothing was changed"},
		{name: "empty body", kind: emulator.FaultEmptyBody, at: listAppUsers, state: again, says: "nothing was changed"},
		{name: "connection closed", kind: emulator.FaultEOF, at: listGroups, state: again, says: "nothing was changed"},
		{name: "second page fails", people: 1100, kind: emulator.FaultServerError, at: listAppUsers, fault: emulator.Fault{Skip: 1}, state: again, says: "nothing was changed"},
		{name: "a few failures, then well", people: 1100, kind: emulator.FaultServerError, at: listAppUsers, fault: emulator.Fault{Count: 2, Status: 503}, state: succeeded},
		{name: "a few refusals for the rate, then well", people: 1100, kind: emulator.FaultRateLimited, at: everythingIn, fault: emulator.Fault{Count: 3}, state: succeeded},
		{name: "404 for the list", kind: emulator.FaultNotFound, at: listAppUsers, state: failed, says: "the app went away while it was read"},
		{name: "404 for the members of groups that exist", kind: emulator.FaultNotFound, at: listMembers, state: again, says: "nothing was changed"},
		{name: "feature that is not licensed", kind: emulator.FaultFeatureMissing, at: listMembers, state: failed, says: "credentials are fine"},
		{name: "service app without a role", kind: emulator.FaultMissingRole, at: everythingIn, state: failed, says: "nothing was changed"},
	}
	for i, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			n := tt.people
			if n == 0 {
				n = 60
			}
			w := newWorld(t, setup{org: emulator.Options{People: n, GroupSize: min(cmp.Or(tt.size, 41), n)}})
			w.start()
			w.synced(2 * time.Minute)
			w.compare()
			fault := tt.fault
			fault.Kind, fault.Endpoint = tt.kind, tt.at
			must[string](t)(w.org.AddFault(fault))
			changes := w.number("select count(*) from changes where subject <> 'run'")

			run := w.asked()
			if tt.state == again {
				run = w.stuck(run.ID, 90*time.Second)
			} else {
				run = w.ended(run.ID, 90*time.Second)
			}
			hits := 0
			for _, f := range w.org.Faults() {
				hits += f.Hits
			}
			if hits == 0 {
				t.Fatal("the fault did not strike")
			}
			if tt.state != again && run.State != tt.state || !contains(run.Error, tt.says) {
				t.Errorf("the run is %s, want %s with %q: %s", run.State, tt.state, tt.says, run.Error)
			}
			if run.State != succeeded && run.Error == "" {
				t.Error("nothing says why the run did not succeed")
			}
			if after := w.number("select count(*) from changes where subject <> 'run'"); after != changes {
				t.Errorf("the run wrote %d changes: %+v", after-changes, run.Counts)
			}
			w.compare()

			w.org.ClearFaults()
			w.hook()
			newStory(w, uint64(i)+100).tell(5)
			w.settled(90 * time.Second)
			w.compare()
			if tt.state == again {
				if run = w.ended(run.ID, 3*time.Minute); run.State != succeeded || run.Error != "" {
					t.Errorf("when Okta was well again the run ended as %s: %s", run.State, run.Error)
				}
			}
			if run := w.resync(time.Minute); run.State != succeeded || len(run.Counts.Changes) > 0 {
				t.Errorf("the run after the fault is %s with changes %v: %s", run.State, run.Counts.Changes, run.Error)
			}
			w.compare()
		})
	}
}

// TestStorm lets Okta fail in many ways at once, at random, while hooks arrive and
// a full sync runs.
func TestStorm(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	w := newWorld(t, setup{postgres: true, redis: server, org: emulator.Options{People: 150}})
	w.start()
	w.synced(2 * time.Minute)
	w.compare()
	w.hook()
	for i, f := range []emulator.Fault{
		{Kind: emulator.FaultServerError, Probability: 0.04},
		{Kind: emulator.FaultServerError, Probability: 0.02, Status: 503},
		{Kind: emulator.FaultEOF, Probability: 0.03},
		{Kind: emulator.FaultRateLimited, Probability: 0.05},
		{Kind: emulator.FaultRateNoReset, Probability: 0.01},
		{Kind: emulator.FaultConcurrency, Probability: 0.02},
		{Kind: emulator.FaultTruncated, Probability: 0.02},
		{Kind: emulator.FaultCutJSON, Probability: 0.02},
		{Kind: emulator.FaultHTML, Probability: 0.02},
		{Kind: emulator.FaultSlow, Probability: 0.2, Delay: emulator.Duration(200 * time.Millisecond)},
	} {
		f.Endpoint, f.Seed = everythingIn, uint64(i)+1
		must[string](t)(w.org.AddFault(f))
	}
	before := w.org.Truth()
	tell := newStory(w, 81)
	tell.tell(60)
	run, err := w.api.Resync(t.Context(), tenant, "full", "")
	if err != nil {
		t.Fatal(err)
	}
	tell.tell(40)
	if err := w.org.WaitHooks(t.Context()); err != nil {
		t.Fatal(err)
	}
	// Nobody who is still assigned may have lost anything, whatever Okta answered.
	for _, p := range before.People {
		now, exists := w.org.Person(p.ID)
		if !exists || w.loose[p.ID] || now.Status == emulator.Deprovisioned || !slices.Equal(p.Apps, now.Apps) || !p.AssignedTo(w.org.AppID()) {
			continue
		}
		row, err := w.api.Person(t.Context(), tenant, p.ID)
		if err != nil || row.Status == "removed" || row.Status == "deactivated" {
			t.Errorf("person %s is assigned and was lost in the storm: %q %v", p.ID, row.Status, err)
		}
	}
	w.org.ClearFaults()
	calm := time.Now()
	w.settled(3 * time.Minute)
	t.Logf("all was worked off %s after the storm", time.Since(calm).Round(100*time.Millisecond))
	w.compare()
	w.everyEventStored()
	if run = w.ended(run.ID, 3*time.Minute); run.State != "succeeded" {
		t.Errorf("the run that began in the storm is %s: %s", run.State, run.Error)
	}
	if run := w.resync(time.Minute); run.State != "succeeded" || len(run.Counts.Changes) > 0 {
		t.Errorf("the run after the storm is %s with changes %v: %s", run.State, run.Counts.Changes, run.Error)
	}
	w.compare()
}
