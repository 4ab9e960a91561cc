package sync_test

import (
	"errors"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

// burstPeople take part in a burst, in an app that others are in.
const (
	burstPeople = 150
	burstOthers = 40
	// aMoment is for how long a burst is gathered, as long as second looks wait.
	aMoment = 200 * time.Millisecond
	// atFirst is how many people are read by id before a burst counts as one.
	atFirst = 50
)

// burstOrg is an org whose app has some people, who are known, and a group of others, who are not.
func burstOrg(t *testing.T) (r *realOrg, group string, people []string) {
	t.Helper()
	r = newRealOrg(t, openDatabase(t), emulator.Options{People: burstOthers + burstPeople, Seed: 11, Limits: emulator.Unlimited()}, nil)
	group = r.must(r.org.CreateGroup("Burst", "")).ID
	people = r.org.PersonIDs()[burstOthers:]
	for _, id := range people {
		r.must(r.org.Unassign("", id))
		r.must(r.org.AddToGroup(group, id))
	}
	r.burst = atFirst
	r.lookAgainLater(aMoment)
	r.mustFull()
	r.news() // which the full sync has read
	r.org.ResetCalls()
	return r, group, people
}

// try works on a scope; it may have to wait.
func (r *realOrg) try(scope directory.Scope) {
	r.Helper()
	var later *directory.RetryAfterError
	if _, err := r.engine.Scope(r.Context(), scope); err != nil && !errors.As(err, &later) && !errors.Is(err, directory.ErrBusy) {
		r.Fatal(err)
	}
}

// calm works on all that waits, as sweeper and workers do, until nothing does.
func (r *realOrg) calm() {
	r.Helper()
	for deadline := time.Now().Add(2 * time.Minute); ; {
		for _, urgent := range []bool{true, false} {
			hints, err := r.db.StaleScopes(r.Context(), urgent, 0, 1000)
			if err != nil {
				r.Fatal(err)
			}
			for _, h := range hints {
				r.try(h.Scope)
			}
		}
		due, err := r.db.DueSecondLooks(r.Context(), 0, 1000)
		if err != nil {
			r.Fatal(err)
		}
		for _, h := range due {
			r.try(h.Scope)
		}
		state, err := r.db.TenantState(r.Context(), realTenant)
		if err != nil {
			r.Fatal(err)
		}
		if state.Waiting == 0 && len(due) == 0 {
			return
		}
		if time.Now().After(deadline) {
			r.Fatalf("%d scopes still wait", state.Waiting)
		}
	}
}

// appCalls returns how many pages of the app's list and how many assignments were read.
func (r *realOrg) appCalls() (pages, byID int) {
	for _, c := range r.org.Calls() {
		switch c.Endpoint {
		case "GET /api/v1/apps/{appId}/users":
			pages += c.Calls
		case "GET /api/v1/apps/{appId}/users/{userId}":
			byID += c.Calls
		}
	}
	return pages, byID
}

func (r *realOrg) count(status directory.Status) int {
	r.Helper()
	n, err := r.db.CountPeople(r.Context(), realTenant, status)
	if err != nil {
		r.Fatal(err)
	}
	return n
}

func TestBurst(t *testing.T) {
	t.Parallel()
	// What a burst costs in the scarcest bucket: the pages of the app's list, and those who were read
	// by id before it counted as one. (Their second looks are not due here.)
	tests := map[string]struct {
		happens      func(r *realOrg, group string, people []string)
		oneByOne     bool // as hooks bring events; otherwise as the System Log does
		pages, byID  int  // at most
		fewest       int  // by id
		active, gone int
	}{
		"assigned, by log": {
			happens: func(r *realOrg, _ string, people []string) { each(people, r.assign) },
			pages:   1, byID: 0, active: burstOthers + burstPeople,
		},
		"assigned, by hook": {
			happens:  func(r *realOrg, _ string, people []string) { each(people, r.assign) },
			oneByOne: true, pages: 1, byID: atFirst, active: burstOthers + burstPeople,
		},
		"a group is assigned, by log": {
			happens: func(r *realOrg, group string, _ []string) { r.must(r.org.AssignGroup("", group)) },
			pages:   1, byID: 0, active: burstOthers + burstPeople,
		},
		"a group is assigned, by hook": {
			happens:  func(r *realOrg, group string, _ []string) { r.must(r.org.AssignGroup("", group)) },
			oneByOne: true, pages: 1, byID: atFirst, active: burstOthers + burstPeople,
		},
		// Absence is proved by id, so a list would save nothing. No second look finds them assigned.
		"unassigned": {
			happens: func(r *realOrg, _ string, _ []string) { each(r.org.PersonIDs()[:burstOthers], r.unassign) },
			pages:   0, byID: 2 * burstOthers, fewest: burstOthers, gone: burstOthers,
		},
		"few are assigned": {
			happens: func(r *realOrg, _ string, people []string) { each(people[:atFirst-1], r.assign) },
			pages:   0, byID: 2 * (atFirst - 1), fewest: atFirst - 1, active: burstOthers + atFirst - 1,
		},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r, group, people := burstOrg(t)
			test.happens(r, group, people)
			if test.oneByOne {
				r.oneByOne()
			} else {
				r.listen()
			}
			r.calm()
			if pages, byID := r.appCalls(); pages > test.pages || byID > test.byID || byID < test.fewest {
				t.Errorf("%d pages of the app's list and %d reads by id; want at most %d and %d, at least %d by id", pages, byID, test.pages, test.byID, test.fewest)
			}
			if active, gone := r.count(directory.StatusActive), r.count(directory.StatusRemoved); active != test.active && test.active > 0 || gone != test.gone {
				t.Errorf("%d active and %d removed people, want %d and %d", active, gone, test.active, test.gone)
			}
		})
	}
}

func each(people []string, act func(string)) {
	for _, id := range people {
		act(id)
	}
}

func (r *realOrg) assign(id string)   { r.must(r.org.Assign("", id)) }
func (r *realOrg) unassign(id string) { r.must(r.org.Unassign("", id)) }

// oneByOne stores and works off the news event by event. However slow the machine is, no event is late for the
// burst: it is gathered for a minute, and only what follows is as quick as elsewhere.
func (r *realOrg) oneByOne() {
	r.Helper()
	r.lookAgainLater(time.Minute)
	defer r.lookAgainLater(aMoment)
	for _, e := range r.news() {
		if err := r.db.AddEvents(r.Context(), realTenant, []directory.Event{e}); err != nil {
			r.Fatal(err)
		}
		for _, scope := range e.Scopes {
			r.try(scope)
		}
	}
}
