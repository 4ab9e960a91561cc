package catchup

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

func title(text string) map[string]any { return map[string]any{"title": text} }

func TestLostEventsAreMadeUpFor(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.want("more at first", r.turn(), false)
	r.want("brought at first", r.brought(), []string(nil))

	r.act(r.org.Update(r.people[0], title("Pilot")))
	suspended, err := r.org.Suspend(r.people[1])
	r.act(suspended, err)
	// The hook has brought the one.
	r.check(r.db.AddEvents(t.Context(), tenant, []directory.Event{{
		UUID: suspended.Events[0].UUID, Type: suspended.Events[0].Type, Published: suspended.Events[0].Published,
		Via: directory.ViaHook, Scopes: []directory.Scope{directory.PersonScope(r.people[1])},
	}}))
	r.act(r.org.Deactivate(r.people[2]))
	r.turn()
	r.want("brought", r.brought(), []string{"person:" + r.people[0], "person:" + r.people[2] + " urgent"})
	r.turn()
	r.want("brought again", r.brought(), []string(nil))

	waiting, err := r.db.Ticket(t.Context(), tenant, directory.PersonScope(r.people[2]))
	r.check(err)
	if len(waiting.Events) != 2 || waiting.Events[0].Via != directory.ViaLog {
		t.Errorf("waiting: %+v, want the deactivation and the end of the assignment, by log", waiting.Events)
	}
	r.want("full syncs", r.full, 0)
}

// A tenant that has a full sync behind it, or under way, needs what came since.
func TestTheFirstTurnGoesBackToTheLastFullSync(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	began, err := r.db.Now(t.Context())
	r.check(err)
	began = began.Add(-time.Hour)
	_, _, err = r.db.CreateRun(t.Context(), directory.Run{ID: "run", Tenant: tenant, Scope: directory.FullScope(), Cause: directory.CauseNightly})
	r.check(err)
	run, err := r.db.ClaimRun(t.Context(), tenant, "run", "w", directory.AnyClaim, time.Minute)
	r.check(err)
	run.StartedAt, run.State = &began, directory.RunSucceeded
	r.check(r.db.SaveRun(t.Context(), run, "w", 0))
	r.act(r.org.Update(r.people[0], title("Pilot"))) // before the first turn
	r.turn()
	r.want("brought", r.brought(), []string{"person:" + r.people[0]})
	if got := r.cursor().Since; !got.Equal(began) {
		t.Errorf("the log was begun at %s, want %s", got, began)
	}
}

// One whose last full sync is older than the log starts another: what was lost in between is in no log.
func TestTheFirstTurnAfterALongTime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	began, err := r.db.Now(t.Context())
	r.check(err)
	_, _, err = r.db.CreateRun(t.Context(), directory.Run{ID: "run", Tenant: tenant, Scope: directory.FullScope(), Cause: directory.CauseNightly})
	r.check(err)
	run, err := r.db.ClaimRun(t.Context(), tenant, "run", "w", directory.AnyClaim, time.Minute)
	r.check(err)
	run.StartedAt, run.State = &began, directory.RunSucceeded
	r.check(r.db.SaveRun(t.Context(), run, "w", 0))
	r.later = 90 * 24 * time.Hour
	r.turn()
	r.want("full syncs", r.full, 1)
	r.turn()
	r.want("full syncs after another turn", r.full, 1)
}

func TestDowntime(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.turn()
	r.later = 89 * 24 * time.Hour
	for i := range 5 {
		r.act(r.org.Update(r.people[i], title("After a while")))
	}
	r.later = 88 * 24 * time.Hour
	r.turn()
	r.want("scopes brought", len(r.brought()), 5)
	r.want("full syncs", r.full, 0)
}

func TestBeyondRetentionAFullSyncMakesUp(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.turn()
	r.later = 90 * 24 * time.Hour
	r.turn()
	r.want("full syncs", r.full, 1)
	r.said("nobody has read the System Log for longer than Okta keeps it", 1)
	r.turn()
	r.want("full syncs after another turn", r.full, 1)
}

func TestARefusedPlace(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.act(r.org.Update(r.people[0], title("Before")))
	r.turn()
	r.brought()
	r.act(r.org.Update(r.people[1], title("After")))
	r.fault(emulator.Fault{Kind: emulator.FaultCursorRefused, Endpoint: "GET /api/v1/logs", Count: 1})
	r.turn()
	r.want("brought", r.brought(), []string{"person:" + r.people[1]})
	r.want("full syncs", r.full, 0)
	r.said("an hour before the newest event is tried", 1)
}

func TestARefusedLog(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.turn()
	before := r.cursor()
	r.act(r.org.Update(r.people[1], title("After")))
	r.fault(emulator.Fault{Kind: emulator.FaultBadRequest, Endpoint: "GET /api/v1/logs", Count: 3})
	_, err := r.catchUp.Turn(t.Context(), tenant, r.reader)
	if !errors.Is(err, directory.ErrLogPlace) || !strings.Contains(err.Error(), "events come by hook only") {
		t.Errorf("when everything is refused: %v", err)
	}
	r.want("full syncs", r.full, 1)
	if c := r.cursor(); !c.Polled.IsZero() || !c.Since.After(before.Since) {
		t.Errorf("the log was not begun anew: %+v", c)
	}
	// As long as it is refused there is one full sync, not one a minute.
	r.fault(emulator.Fault{Kind: emulator.FaultBadRequest, Endpoint: "GET /api/v1/logs", Count: 1})
	if _, err := r.catchUp.Turn(t.Context(), tenant, r.reader); err == nil {
		t.Error("a refused turn went well")
	}
	r.turn()
	r.want("full syncs when it goes well again", r.full, 1)
	r.want("brought", r.brought(), []string{"person:" + r.people[1]})
}

// A full sync that could not be asked for must not leave a cursor without one.
func TestNoCursorWithoutItsFullSync(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.turn()
	before := r.cursor()
	r.later = 90 * 24 * time.Hour
	down := errors.New("the database is down")
	r.catchUp.fullSync = func(context.Context, string) error { return down }
	if _, err := r.catchUp.Turn(t.Context(), tenant, r.reader); !errors.Is(err, down) {
		t.Errorf("error %v", err)
	}
	r.want("the cursor is where it was", r.cursor().Next == before.Next, true)
}

func TestOtherEventTypes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.turn()
	c := r.cursor()
	narrow := c
	narrow.Types = []string{"user.lifecycle.create"}
	narrow.Next = r.reader.LogSince(c.Since, narrow.Types)
	r.check(r.db.MoveLog(t.Context(), tenant, c.Next, narrow))
	r.act(r.org.Update(r.people[0], title("Unseen")))
	r.turn()
	r.want("brought", r.brought(), []string{"person:" + r.people[0]})
	r.want("types", r.cursor().Types, directory.LogEvents())
	r.want("full syncs", r.full, 0)
}

// scripted is a log that answers as the test says.
type scripted func(place string) (directory.LogPage, error)

func (s scripted) Log(_ context.Context, place string) (directory.LogPage, error) { return s(place) }

func (scripted) LogSince(time.Time, []string) string { return "place 0" }

func TestPagesOfATurn(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name  string
		log   func(place int) directory.LogPage
		calls int
		more  bool
	}{
		{"one that is not full", func(int) directory.LogPage { return directory.LogPage{Next: "place 1"} }, 1, false},
		{"three full ones", func(p int) directory.LogPage {
			return directory.LogPage{Next: fmt.Sprint("place ", p+1), Full: p < 3}
		}, 4, false},
		{"more than a turn reads", func(p int) directory.LogPage {
			return directory.LogPage{Next: fmt.Sprint("place ", p+1), Full: true}
		}, pagesAtOnce, true},
		{"a full one that leads to itself", func(p int) directory.LogPage {
			return directory.LogPage{Next: fmt.Sprint("place ", p), Full: true}
		}, 1, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := newRig(t)
			calls := 0
			r.reader = scripted(func(place string) (directory.LogPage, error) {
				calls++
				p := 0
				_, err := fmt.Sscanf(place, "place %d", &p)
				return tt.log(p), err
			})
			r.want("more", r.turn(), tt.more)
			r.want("calls", calls, tt.calls)
			if caught := !r.cursor().CaughtUp.IsZero(); caught == (tt.more || strings.Contains(tt.name, "itself")) {
				t.Errorf("caught up: %t", caught)
			}
		})
	}
}

// A worker that hung went on while another had its turn: the other's counts.
func TestATurnThatWasLost(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.turn()
	slow := r.reader
	r.reader = scripted(func(place string) (directory.LogPage, error) {
		page, err := slow.Log(t.Context(), place)
		if err != nil {
			return page, err
		}
		r.act(r.org.Update(r.people[0], title("Meanwhile")))
		_, err = r.catchUp.Turn(t.Context(), tenant, slow)
		r.check(err)
		return page, nil
	})
	r.want("more", r.turn(), false)
	r.reader = slow
	r.turn()
	r.want("brought once", r.brought(), []string{"person:" + r.people[0]})
}

// Whatever an event says about its time, nothing after it is missed.
func TestOddTimes(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.turn()
	began := r.cursor()
	now, err := r.db.Now(t.Context())
	r.check(err)
	real := r.reader
	r.reader = scripted(func(string) (directory.LogPage, error) {
		event := func(uuid string, published time.Time) directory.Event {
			return directory.Event{UUID: uuid, Type: "user.lifecycle.suspend", Published: published, Via: directory.ViaLog,
				Scopes: []directory.Scope{directory.PersonScope(r.people[0])}}
		}
		return directory.LogPage{Next: began.Next, Events: []directory.Event{
			event("future", now.Add(20*time.Hour)), event("old", now.AddDate(0, 0, -100)),
		}}, nil
	})
	r.turn()
	r.want("both are taken", r.brought(), []string{"person:" + r.people[0]})
	if c := r.cursor(); !c.Published.Equal(began.Published) {
		t.Errorf("the newest event is said to be of %s, before of %s", c.Published, began.Published)
	}
	r.reader = real
	r.act(r.org.Update(r.people[1], title("After")))
	r.fault(emulator.Fault{Kind: emulator.FaultCursorRefused, Endpoint: "GET /api/v1/logs", Count: 1})
	r.turn()
	r.want("what came after", r.brought(), []string{"person:" + r.people[1]})
}

// Late arrivals are read where they arrive, with times that step back.
func TestLateArrivals(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.turn()
	r.fault(emulator.Fault{Kind: emulator.FaultLogLate, Endpoint: "user.lifecycle.suspend", Delay: emulator.Duration(150 * time.Millisecond)})
	r.act(r.org.Suspend(r.people[0]))
	r.act(r.org.Update(r.people[1], title("Prompt")))
	r.turn()
	r.want("before it arrives", r.brought(), []string{"person:" + r.people[1]})
	deadline := time.Now().Add(10 * time.Second)
	var got []string
	for got == nil && time.Now().Before(deadline) {
		r.turn()
		got = r.brought()
	}
	r.want("after it has", got, []string{"person:" + r.people[0] + " urgent"})
}

func TestNothingIsTakenFromARefusal(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	r.turn()
	before := r.cursor()
	r.act(r.org.Update(r.people[0], title("Waits")))
	for _, kind := range []emulator.FaultKind{
		emulator.FaultForbidden, emulator.FaultRevokedToken, emulator.FaultServerError,
		emulator.FaultEOF, emulator.FaultTruncated, emulator.FaultCutJSON, emulator.FaultHTML, emulator.FaultEmptyBody, emulator.FaultEmptyList, emulator.FaultCutPage,
	} {
		r.fault(emulator.Fault{Kind: kind, Endpoint: "GET /api/v1/logs"})
		if _, err := r.catchUp.Turn(t.Context(), tenant, r.reader); err == nil {
			t.Errorf("%s: the turn went well", kind)
		}
		if r.cursor().Next != before.Next {
			t.Errorf("%s: the cursor was moved", kind)
		}
		r.org.ClearFaults()
	}
	r.turn()
	r.want("brought in the end", r.brought(), []string{"person:" + r.people[0]})
	r.want("full syncs", r.full, 0)
}
