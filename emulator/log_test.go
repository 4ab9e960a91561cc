package emulator_test

import (
	"fmt"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/emulator"
)

func TestPollingTheLog(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	a := r.want(200, http.MethodGet, "/api/v1/logs?limit=3", nil)
	if string(a.body) != "[]" || a.next() == "" {
		t.Fatalf("an empty log must have a next link: %s %v", a.body, a.header)
	}
	// An unchanged log gives the same link again.
	if b := r.want(200, http.MethodGet, a.next(), nil); b.next() != a.next() {
		t.Errorf("next moved from %s to %s", a.next(), b.next())
	}
	var want []string
	for i := range 4 {
		for _, e := range must(t)(r.org.Update(r.org.PersonIDs()[i], map[string]any{"title": fmt.Sprint("T", i)})).Events {
			want = append(want, e.UUID)
		}
	}
	var got []string
	next := a.next()
	for {
		b := r.want(200, http.MethodGet, next, nil)
		page := decode[[]object](t, b)
		for _, e := range page {
			got = append(got, e["uuid"].(string))
		}
		if next = b.next(); next == "" {
			t.Fatal("a polling answer has no next link")
		}
		if len(page) == 0 {
			break
		}
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Error(d)
	}
	must(t)(r.org.Update(r.org.PersonIDs()[5], map[string]any{"title": "Later"}))
	if later := decode[[]object](t, r.want(200, http.MethodGet, next, nil)); len(later) != 1 {
		t.Errorf("%d events after the stored link, want 1", len(later))
	}
}

func TestBoundedLogEnds(t *testing.T) {
	t.Parallel()
	clock := newClock()
	opt := small()
	opt.Now = clock.now
	r := newRig(t, opt)
	for i := range 7 {
		clock.advance(60)
		must(t)(r.org.Update(r.org.PersonIDs()[i], map[string]any{"title": "T"}))
	}
	until := clock.now().Format("2006-01-02T15:04:05.000Z") // the last one lies outside
	tests := []struct {
		name, query   string
		events, pages int
	}{
		{"window", "until=" + until, 6, 1},
		{"pages", "limit=4&until=" + until, 6, 2},
		{"full last page", "limit=3&until=" + until, 6, 2},
		{"later start", "since=" + clock.now().Add(-150e9).Format("2006-01-02T15:04:05.000Z") + "&until=" + until, 2, 1},
		{"down", "sortOrder=DESCENDING&limit=5", 7, 2},
		{"nothing", "until=2026-08-20T09:00:00Z", 0, 1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			list, pages := r.all("/api/v1/logs?" + tt.query)
			if len(list) != tt.events || pages != tt.pages {
				t.Errorf("%d events on %d pages, want %d on %d", len(list), pages, tt.events, tt.pages)
			}
		})
	}
	down, _ := r.all("/api/v1/logs?sortOrder=DESCENDING")
	if down[0]["published"].(string) < down[6]["published"].(string) {
		t.Error("the descending log ascends")
	}
	a := r.want(400, http.MethodGet, "/api/v1/logs?since=2020-01-01T00:00:00Z", nil)
	if a.code(t) != "E0000053" {
		t.Errorf("since too old: %s", a.body)
	}
}

func TestLogFilters(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	people := r.org.PersonIDs()
	group := r.org.Groups()[1]
	must(t)(r.org.Suspend(people[0]))
	must(t)(r.org.Unsuspend(people[0]))
	must(t)(r.org.Update(people[1], map[string]any{"title": "Pilot"}))
	removed := must(t)(r.org.RemoveFromGroup(group.ID, group.Members[2]))
	must(t)(r.org.Deactivate(people[2]))
	tests := []struct {
		name, parameter, text string
		want                  int
	}{
		{"type", "filter", `eventType eq "user.lifecycle.suspend"`, 1},
		{"two types", "filter", `eventType eq "user.lifecycle.suspend" or eventType eq "user.lifecycle.unsuspend"`, 2},
		{"family", "filter", `eventType sw "user.lifecycle"`, 3},
		{"not equal", "filter", `eventType ne "user.lifecycle.suspend"`, 5},
		{"not", "filter", `not (eventType sw "user.lifecycle")`, 3},
		{"end", "filter", `eventType ew "remove"`, 2},
		{"target", "filter", `target.id eq "` + group.ID + `"`, 1},
		{"target type", "filter", `target.type eq "AppInstance"`, 1},
		{"actor", "filter", `actor.type eq "User"`, 6},
		{"uuid", "filter", `uuid eq "` + removed.Events[0].UUID + `"`, 1},
		{"outcome", "filter", `outcome.result eq "SUCCESS" and transaction.type eq "WEB"`, 6},
		{"failures", "filter", `outcome.result eq "FAILURE"`, 0},
		{"absent", "filter", `outcome.reason pr`, 0},
		{"attributes", "filter", `debugContext.debugData.changedAttributes co "title"`, 1},
		{"words", "q", `suspend okta`, 2},
		{"no such word", "q", `zebra`, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			q := url.Values{tt.parameter: {tt.text}, "limit": {"1000"}}
			list := decode[[]object](t, r.want(200, http.MethodGet, "/api/v1/logs?"+q.Encode(), nil))
			if len(list) != tt.want {
				t.Errorf("%d events, want %d", len(list), tt.want)
			}
		})
	}
	if a := r.want(200, http.MethodGet, "/api/v1/logs?limit=0", nil); string(a.body) != "[]" || a.next() == "" {
		t.Errorf("limit 0: %s", a.body)
	}
	r.want(400, http.MethodGet, "/api/v1/logs?q=a+b+c+d+e+f+g+h+i+j+k", nil)
}

func TestTargetsOfEvents(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	id := r.org.PersonIDs()[0]
	g := must(t)(r.org.CreateGroup("Sales", "")).ID
	app := must(t)(r.org.CreateApp("Wiki")).ID
	acts := map[string]emulator.Act{
		"User UserGroup":           must(t)(r.org.AddToGroup(g, id)),
		"AppUser AppInstance User": must(t)(r.org.Assign(app, id)),
		"UserGroup AppInstance":    must(t)(r.org.AssignGroup(app, g)),
		"User":                     must(t)(r.org.Suspend(id)),
		"UserGroup":                must(t)(r.org.RenameGroup(g, "Selling")),
		"AppInstance":              must(t)(r.org.SetAppActive(app, false)),
	}
	for want, act := range acts {
		q := url.Values{"filter": {`uuid eq "` + act.Events[0].UUID + `"`}}
		e := decode[[]object](t, r.want(200, http.MethodGet, "/api/v1/logs?"+q.Encode(), nil))[0]
		got := ""
		for _, target := range e["target"].([]any) {
			if got != "" {
				got += " "
			}
			got += dig(target, "type").(string)
			if dig(target, "type") == "UserGroup" && dig(target, "alternateId") != "unknown" {
				t.Errorf("alternateId of a group is %v", dig(target, "alternateId"))
			}
		}
		if got != want {
			t.Errorf("%v: targets %s, want %s", e["eventType"], got, want)
		}
	}
}

func TestLogKeepsItsCap(t *testing.T) {
	t.Parallel()
	opt := small()
	opt.LogCap = 20
	r := newRig(t, opt)
	var last emulator.Act
	for i := range 100 {
		last = must(t)(r.org.Update(r.org.PersonIDs()[0], map[string]any{"title": fmt.Sprint(i)}))
	}
	list := decode[[]object](t, r.want(200, http.MethodGet, "/api/v1/logs?limit=1000", nil))
	if len(list) > 20 || len(list) < 10 || list[len(list)-1]["uuid"] != last.Events[0].UUID {
		t.Errorf("%d events are kept", len(list))
	}
}

// Events that come late stand behind those that came before them, with their own time.
func TestLateArrivals(t *testing.T) {
	t.Parallel()
	clock, opt := newClock(), small()
	opt.Now = clock.now
	r := newRig(t, opt)
	next := r.want(200, http.MethodGet, "/api/v1/logs", nil).next()
	poll := func() (uuids []string) {
		a := r.want(200, http.MethodGet, next, nil)
		next = a.next()
		for _, e := range decode[[]object](t, a) {
			uuids = append(uuids, e["uuid"].(string))
		}
		return uuids
	}
	must(t)(emulator.Act{}, r.org.SetFaults([]emulator.Fault{
		{Kind: emulator.FaultLogLate, Endpoint: "user.lifecycle.suspend", Delay: emulator.Duration(90 * time.Second)},
	}))
	late := must(t)(r.org.Suspend(r.org.PersonIDs()[0])).Events[0]
	clock.advance(60)
	prompt := must(t)(r.org.Update(r.org.PersonIDs()[1], map[string]any{"title": "T"})).Events[0]
	if d := cmp.Diff([]string{prompt.UUID}, poll()); d != "" {
		t.Errorf("before the late one has arrived: %s", d)
	}
	clock.advance(60)
	if d := cmp.Diff([]string{late.UUID}, poll()); d != "" {
		t.Errorf("after it has: %s", d)
	}
	if !late.Published.Before(prompt.Published) {
		t.Error("the late one was not published before the other")
	}
	if got := poll(); got != nil {
		t.Errorf("nothing is new, and %v came", got)
	}
}

func TestLogRetention(t *testing.T) {
	t.Parallel()
	clock, opt := newClock(), small()
	opt.Now = clock.now
	r := newRig(t, opt)
	must(t)(r.org.Update(r.org.PersonIDs()[0], map[string]any{"title": "Old"}))
	since := clock.now().Add(-time.Hour).Format("2006-01-02T15:04:05.000Z")
	const day = 24 * 60 * 60
	for _, tt := range []struct{ days, events int }{{89, 1}, {2, 0}} {
		clock.advance(tt.days * day)
		list := decode[[]object](t, r.want(200, http.MethodGet, "/api/v1/logs?since="+since, nil))
		if len(list) != tt.events {
			t.Errorf("%d days later: %d events, want %d", tt.days, len(list), tt.events)
		}
	}
	clock.advance(90 * day)
	if a := r.want(400, http.MethodGet, "/api/v1/logs?since="+since, nil); a.code(t) != "E0000053" {
		t.Errorf("over 180 days back: %s", a.body)
	}
}

func TestLogCursorRefused(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	next := r.want(200, http.MethodGet, "/api/v1/logs", nil).next()
	must(t)(emulator.Act{}, r.org.SetFaults([]emulator.Fault{
		{Kind: emulator.FaultCursorRefused, Endpoint: "GET /api/v1/logs"}, {Kind: emulator.FaultBadRequest, Endpoint: "GET /api/v1/apps/**"},
	}))
	r.want(400, http.MethodGet, next, nil)
	r.want(200, http.MethodGet, "/api/v1/logs", nil)
	if a := r.want(400, http.MethodGet, "/api/v1/apps/"+r.org.AppID(), nil); a.code(t) != "E0000053" {
		t.Errorf("bad_request answers %s", a.body)
	}
}
