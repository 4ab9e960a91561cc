package webhook

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

func TestDeliver(t *testing.T) {
	t.Parallel()
	userTarget := target("User", person(1), "p1@acme.example")
	groupTarget := target("UserGroup", group(1), "unknown")
	published := time.Date(2026, 8, 20, 9, 15, 2, 104e6, time.UTC)
	stored := func(uuid, kind string, scopes ...directory.Scope) directory.Event {
		return directory.Event{
			UUID: uuid, Type: kind, Published: published, Via: directory.ViaHook, DeliveryID: "d1", Outcome: "SUCCESS",
			Scopes: scopes, Urgent: directory.UrgentEvent(kind),
		}
	}
	with := func(e directory.Event, change func(*directory.Event)) directory.Event {
		change(&e)
		return e
	}
	hint := func(s directory.Scope, urgent bool) directory.ScopeHint {
		return directory.ScopeHint{Tenant: "acme", Scope: s, Urgent: urgent}
	}
	one := directory.PersonScope(person(1))
	two := directory.PersonScope(person(2))
	edit := func(text string, oldNew ...string) string { return strings.NewReplacer(oldNew...).Replace(text) }

	for name, test := range map[string]struct {
		body  string
		want  []directory.Event
		hints []directory.ScopeHint
	}{
		"a person joins a group": {
			body:  string(deliveryBody("d1", event("u1", "group.user_membership.add", userTarget, groupTarget))),
			want:  []directory.Event{stored("u1", "group.user_membership.add", one)},
			hints: []directory.ScopeHint{hint(one, false)},
		},
		"targets in another order, nulls among them": {
			body:  string(deliveryBody("d1", event("u1", "group.user_membership.add", "null", groupTarget, "null", userTarget))),
			want:  []directory.Event{stored("u1", "group.user_membership.add", one)},
			hints: []directory.ScopeHint{hint(one, false)},
		},
		"a leaver is urgent": {
			body:  string(deliveryBody("d1", event("u1", "user.lifecycle.deactivate", userTarget))),
			want:  []directory.Event{stored("u1", "user.lifecycle.deactivate", one)},
			hints: []directory.ScopeHint{hint(one, true)},
		},
		"our app": {
			body:  string(deliveryBody("d1", event("u1", "application.user_membership.add", target("AppUser", "0ua1", "p1@acme.example"), target("AppInstance", ourApp, "Product"), userTarget))),
			want:  []directory.Event{stored("u1", "application.user_membership.add", one)},
			hints: []directory.ScopeHint{hint(one, false)},
		},
		"our app, the person known by login only": {
			body:  string(deliveryBody("d1", event("u1", "application.user_membership.add", target("AppUser", "0ua1", "p1@acme.example"), target("AppInstance", ourApp, "Product")))),
			want:  []directory.Event{stored("u1", "application.user_membership.add", directory.PersonScope("p1@acme.example"))},
			hints: []directory.ScopeHint{hint(directory.PersonScope("p1@acme.example"), false)},
		},
		"another app: kept, nothing to do": {
			body: string(deliveryBody("d1", event("u1", "application.user_membership.add", target("AppInstance", otherApp, "Else"), userTarget))),
			want: []directory.Event{stored("u1", "application.user_membership.add")},
		},
		"an unknown event type: kept, nothing to do": {
			body: string(deliveryBody("d1", event("u1", "device.lifecycle.teleport", userTarget))),
			want: []directory.Event{stored("u1", "device.lifecycle.teleport")},
		},
		"a failed outcome still names its scope": {
			body:  edit(string(deliveryBody("d1", event("u1", "user.lifecycle.suspend", userTarget))), "SUCCESS", "FAILURE"),
			want:  []directory.Event{with(stored("u1", "user.lifecycle.suspend", one), func(e *directory.Event) { e.Outcome = "FAILURE" })},
			hints: []directory.ScopeHint{hint(one, true)},
		},
		"outcome null": {
			body:  edit(string(deliveryBody("d1", event("u1", "user.lifecycle.create", userTarget))), `{"result": "SUCCESS", "reason": null}`, "null"),
			want:  []directory.Event{with(stored("u1", "user.lifecycle.create", one), func(e *directory.Event) { e.Outcome = "" })},
			hints: []directory.ScopeHint{hint(one, false)},
		},
		"target null": {
			body: edit(string(deliveryBody("d1", event("u1", "user.lifecycle.create"))), `"target": []`, `"target": null`),
			want: []directory.Event{stored("u1", "user.lifecycle.create")},
		},
		"target missing, as in a preview": {
			body: edit(string(deliveryBody("d1", event("u1", "user.lifecycle.create"))), `"target": [],`, ""),
			want: []directory.Event{stored("u1", "user.lifecycle.create")},
		},
		"target an object": {
			body: edit(string(deliveryBody("d1", event("u1", "user.lifecycle.create"))), `"target": []`, `"target": {"id":"x"}`),
			want: []directory.Event{stored("u1", "user.lifecycle.create")},
		},
		"members of other types than documented": {
			body: edit(string(deliveryBody("d1", event("u1", "user.lifecycle.create", userTarget))),
				`"2026-08-20T09:15:02.104Z"`, `1755680102104`, `{"result": "SUCCESS", "reason": null}`, `"SUCCESS"`, `"eventId":"d1"`, `"eventId":5`),
			want: []directory.Event{with(stored("u1", "user.lifecycle.create", one), func(e *directory.Event) {
				e.Published, e.Outcome, e.DeliveryID = testNow(), "", ""
			})},
			hints: []directory.ScopeHint{hint(one, false)},
		},
		"an old date": {
			body:  edit(string(deliveryBody("d1", event("u1", "user.lifecycle.create", userTarget))), "2026-08-20T09:15:02.104Z", "2017-11-30T21:15:16.838Z"),
			want:  []directory.Event{with(stored("u1", "user.lifecycle.create", one), func(e *directory.Event) { e.Published = time.Date(2017, 11, 30, 21, 15, 16, 838e6, time.UTC) })},
			hints: []directory.ScopeHint{hint(one, false)},
		},
		"a date with an offset": {
			body:  edit(string(deliveryBody("d1", event("u1", "user.lifecycle.create", userTarget))), "2026-08-20T09:15:02.104Z", "2026-08-20T11:15:02.104+0200"),
			want:  []directory.Event{stored("u1", "user.lifecycle.create", one)},
			hints: []directory.ScopeHint{hint(one, false)},
		},
		"a date in the future, a date that is none": {
			body: edit(string(deliveryBody("d1", event("u1", "user.lifecycle.create"), edit(event("u2", "user.lifecycle.create"), "2026-08-20T09:15:02.104Z", "soon"))),
				"2026-08-20T09:15:02.104Z", "9999-12-31T23:59:59.000Z"),
			want: []directory.Event{
				with(stored("u1", "user.lifecycle.create"), func(e *directory.Event) { e.Published = testNow() }),
				with(stored("u2", "user.lifecycle.create"), func(e *directory.Event) { e.Published = testNow() }),
			},
		},
		"the other spelling of eventId": {
			body: edit(string(deliveryBody("d1", event("u1", "user.session.start"))), "eventId", "eventID"),
			want: []directory.Event{stored("u1", "user.session.start")},
		},
		"scopes of a burst are asked for once, urgent if any event is": {
			body: string(deliveryBody("d1",
				event("u1", "user.account.update_profile", userTarget),
				event("u2", "user.lifecycle.create", target("User", person(2), "p2@acme.example")),
				event("u3", "user.lifecycle.deactivate", userTarget),
				event("u4", "group.profile.update", groupTarget))),
			want: []directory.Event{
				stored("u1", "user.account.update_profile", one),
				stored("u2", "user.lifecycle.create", two),
				stored("u3", "user.lifecycle.deactivate", one),
				stored("u4", "group.profile.update", directory.GroupScope(group(1))),
			},
			hints: []directory.ScopeHint{hint(one, true), hint(two, false), hint(directory.GroupScope(group(1)), false)},
		},
		"one uuid twice in a body": {
			body: string(deliveryBody("d1", event("u1", "user.lifecycle.create", userTarget),
				event("u1", "user.lifecycle.create", userTarget), event("u1", "user.lifecycle.suspend", target("User", person(2), "p2")))),
			want:  []directory.Event{with(stored("u1", "user.lifecycle.create", one, two), func(e *directory.Event) { e.Urgent = true })},
			hints: []directory.ScopeHint{hint(one, true), hint(two, true)},
		},
		"elements that are no events": {
			body: string(deliveryBody("d1", "null", "7", `"x"`, "[]", event("u1", "user.session.start"))),
			want: []directory.Event{stored("u1", "user.session.start")},
		},
		"escapes in names and values": {
			body:  edit(string(deliveryBody("d1", event("u1", "user.lifecycle.create", userTarget))), `"uuid"`, `"uu\u0069d"`, `"user.lifecycle.create"`, `"user\u002elifecycle.create"`),
			want:  []directory.Event{stored("u1", "user.lifecycle.create", one)},
			hints: []directory.ScopeHint{hint(one, false)},
		},
		"ids that no database would take": {
			body: string(deliveryBody("d1", event("u1", "user.lifecycle.create", `{"id":"00u\u0000x","type":"User"}`, target("User", strings.Repeat("x", 5000), "")))),
			want: []directory.Event{stored("u1", "user.lifecycle.create")},
		},
		"a byte order mark":  {body: "\xef\xbb\xbf" + string(deliveryBody("d1", event("u1", "user.session.start"))), want: []directory.Event{stored("u1", "user.session.start")}},
		"no events":          {body: string(deliveryBody("d1"))},
		"events null":        {body: `{"eventId":"d1","data":{"events":null}}`},
		"events an object":   {body: `{"eventId":"d1","data":{"events":{"uuid":"u1"}}}`},
		"data missing":       {body: `{"eventId":"d1"}`},
		"data a string":      {body: `{"data":"none"}`},
		"an empty object":    {body: ` {} `},
		"unknown and nested": {body: `{"x":` + strings.Repeat(`[{"y":`, 2000) + "1" + strings.Repeat(`}]`, 2000) + `,"data":{"events":[` + event("u1", "user.session.start") + `]},"eventId":"d1"}`, want: []directory.Event{stored("u1", "user.session.start")}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, defaultTenants(), nil)
			a := r.post(test.body)
			if a.status != http.StatusNoContent || a.body != "" {
				t.Fatalf("answer %d %q, want 204 without a body", a.status, a.body)
			}
			if diff := cmp.Diff(test.want, r.inbox.stored("acme")); diff != "" {
				t.Errorf("stored events (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.hints, r.queue.enqueued()); diff != "" {
				t.Errorf("hints (-want +got):\n%s", diff)
			}
			if r.inbox.called() > 1 || r.queue.called() > 1 {
				t.Errorf("%d calls of the inbox and %d of the queue, want at most one of each", r.inbox.called(), r.queue.called())
			}
		})
	}
}

func TestDeliverThousandEvents(t *testing.T) {
	t.Parallel()
	r := start(t, defaultTenants(), nil)
	for round := range 2 {
		a := r.do(http.MethodPost, Path+"/acme", chunked(string(deliveryBody("d1", groupAdds(1000)...))), "Authorization", secretOld)
		if a.status != http.StatusNoContent {
			t.Fatalf("round %d: answer %d %s", round, a.status, a.body)
		}
	}
	if n := len(r.inbox.stored("acme")); n != 2000 || r.inbox.called() != 2 {
		t.Errorf("%d events in %d calls, want 2000 in 2", n, r.inbox.called())
	}
	if n := len(r.queue.enqueued()); n != 2000 || r.queue.called() != 2 {
		t.Errorf("%d hints in %d calls, want 2000 in 2", n, r.queue.called())
	}
}

func TestDeliverMissingUUID(t *testing.T) {
	t.Parallel()
	r := start(t, defaultTenants(), nil)
	without := func(e string) string { return strings.Replace(e, `"uuid": "x",`, "", 1) }
	first := without(event("x", "user.lifecycle.create", target("User", person(1), "p1")))
	respaced := strings.Join(strings.Fields(first), " ")
	other := without(event("x", "user.lifecycle.create", target("User", person(2), "p2")))
	null := strings.Replace(first, `{`, `{"uuid": null,`, 1)
	for _, e := range []string{first, respaced, other, null} {
		if a := r.post(string(deliveryBody("d1", e))); a.status != http.StatusNoContent {
			t.Fatalf("answer %d %s", a.status, a.body)
		}
	}
	var keys []string
	for _, e := range r.inbox.stored("acme") {
		if len(e.UUID) != len("sha256-")+32 || !strings.HasPrefix(e.UUID, "sha256-") {
			t.Errorf("key %q is no content hash", e.UUID)
		}
		keys = append(keys, e.UUID)
	}
	if keys[0] != keys[1] {
		t.Errorf("the same event has keys %s and %s", keys[0], keys[1])
	}
	if keys[0] == keys[2] {
		t.Errorf("two events share the key %s", keys[0])
	}
}

func TestDeliverRefused(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		body string
		want int
	}{
		"empty":                {"", http.StatusBadRequest},
		"not JSON":             {"events=1", http.StatusBadRequest},
		"cut off":              {`{"data":{"events":[{"uuid":"u1"`, http.StatusBadRequest},
		"trailing comma":       {`{"data":{"events":[{"uuid":"u1",}]}}`, http.StatusBadRequest},
		"trailing garbage":     {string(deliveryBody("d1", event("u1", "user.session.start"))) + "x", http.StatusBadRequest},
		"two documents":        {`{}{}`, http.StatusBadRequest},
		"an array":             {`[]`, http.StatusBadRequest},
		"null":                 {`null`, http.StatusBadRequest},
		"a string":             {`"x"`, http.StatusBadRequest},
		"depth beyond reason":  {`{"x":` + strings.Repeat("[", 1<<20), http.StatusBadRequest},
		"closed depth":         {`{"x":` + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + `}`, http.StatusBadRequest},
		"millions of crumbs":   {`{"data":{"events":[{}` + strings.Repeat(`,{}`, 1<<20) + `]}}`, http.StatusRequestEntityTooLarge},
		"too many events":      {string(deliveryBody("d1", tinyEvents(maxEvents+1)...)), http.StatusRequestEntityTooLarge},
		"as many events as go": {string(deliveryBody("d1", tinyEvents(maxEvents)...)), http.StatusNoContent},
		"too large":            {`{"x":"` + strings.Repeat("x", maxBody) + `"}`, http.StatusRequestEntityTooLarge},
		"just small enough":    {`{"x":"` + strings.Repeat("x", maxBody-8) + `"}`, http.StatusNoContent},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, defaultTenants(), nil)
			for _, a := range []answer{
				r.post(test.body),
				r.do(http.MethodPost, Path+"/acme", chunked(test.body), "Authorization", secretNew),
			} {
				if a.status != test.want {
					t.Fatalf("answer %d %s, want %d", a.status, a.body, test.want)
				}
				if test.want != http.StatusNoContent && a.header.Get("Content-Type") != "application/json" {
					t.Errorf("content type %q", a.header.Get("Content-Type"))
				}
			}
			if test.want != http.StatusNoContent && (r.inbox.called() != 0 || r.queue.called() != 0) {
				t.Error("something was stored or enqueued all the same")
			}
		})
	}
}

func tinyEvents(n int) []string {
	events := make([]string, n)
	for i := range events {
		events[i] = fmt.Sprintf(`{"uuid":"%d"}`, i)
	}
	return events
}

func TestDeliverStoreDown(t *testing.T) {
	t.Parallel()
	r := start(t, defaultTenants(), nil)
	r.inbox.fail = errors.New("connection to 10.0.0.5 refused")
	a := r.post(string(deliveryBody("d1", groupAdds(1)...)))
	if a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "could not be stored") || strings.Contains(a.body, "10.0.0.5") {
		t.Errorf("answer %d %s, want 503 and a sentence without internals", a.status, a.body)
	}
	if r.queue.called() != 0 {
		t.Error("scopes of events that are not stored were enqueued")
	}
}

func TestDeliverQueueDown(t *testing.T) {
	t.Parallel()
	failed := make(chan string, 1)
	r := start(t, defaultTenants(), func(o *Options) { o.Metrics.EnqueueFailed = func(tenant string) { failed <- tenant } })
	r.queue.fail = errors.New("connection refused")
	if a := r.post(string(deliveryBody("d1", groupAdds(1)...))); a.status != http.StatusNoContent {
		t.Errorf("answer %d %s, want 204", a.status, a.body)
	}
	if len(r.inbox.stored("acme")) != 1 {
		t.Error("the event was not stored")
	}
	if tenant := <-failed; tenant != "acme" {
		t.Errorf("failure counted for %q", tenant)
	}
	if !strings.Contains(r.log.String(), "the sweeper will do it") {
		t.Error("no warning in the log")
	}
}

// A queue client may ignore its context. The answer does not wait for it, and when
// so many calls hang no more are made.
func TestDeliverQueueHangs(t *testing.T) {
	hang := make(chan struct{})
	queue := &memoryQueue{hang: hang}
	r := start(t, defaultTenants(), func(o *Options) { o.Enqueuer = queue })
	r.handler.time = patience{whole: budget, store: storeBudget, enqueue: enqueueBudget}
	if a := r.post(string(deliveryBody("d1", groupAdds(1)...))); a.status != http.StatusNoContent {
		t.Errorf("answer %d, want 204", a.status)
	}

	r.handler.time.enqueue = time.Millisecond
	for i := 1; i < maxEnqueues; i++ {
		if a := r.post(string(deliveryBody("d2", groupAdds(1)...))); a.status != http.StatusNoContent {
			t.Fatalf("delivery %d: answer %d %s", i, a.status, a.body)
		}
	}
	r.handler.time.enqueue = time.Hour
	if a := r.post(string(deliveryBody("one more", groupAdds(1)...))); a.status != http.StatusNoContent {
		t.Errorf("one more: answer %d %s", a.status, a.body)
	}
	if n := len(r.inbox.stored("acme")); n != maxEnqueues+1 {
		t.Errorf("%d events stored, want %d", n, maxEnqueues+1)
	}
	close(hang)
	if err := r.handler.Wait(t.Context()); err != nil {
		t.Error(err)
	}
	if n := queue.called(); n != maxEnqueues {
		t.Errorf("%d enqueues were tried, want %d", n, maxEnqueues)
	}
}

// An inbox that hangs is given up, with a status that makes Okta try again.
func TestDeliverStoreHangs(t *testing.T) {
	t.Parallel()
	r := start(t, defaultTenants(), func(o *Options) { o.Inbox = hangingInbox{} })
	r.handler.time.store = 10 * time.Millisecond
	if a := r.post(string(deliveryBody("d1", groupAdds(1)...))); a.status != http.StatusServiceUnavailable {
		t.Errorf("answer %d %s, want 503", a.status, a.body)
	}
}

// hangingInbox waits for its context to end.
type hangingInbox struct{}

func (hangingInbox) AddEvents(ctx context.Context, _ string, _ []directory.Event) error {
	<-ctx.Done()
	return ctx.Err()
}

// A caller that hangs up after its body has arrived loses nothing.
func TestDeliverCallerGone(t *testing.T) {
	t.Parallel()
	arrived, gone, seen := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	r := start(t, defaultTenants(), func(o *Options) {
		o.Inbox = inboxFunc(func(ctx context.Context) error {
			close(arrived)
			<-gone
			seen <- ctx.Err()
			return nil
		})
	})
	conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	body := deliveryBody("d1", groupAdds(1)...)
	fmt.Fprintf(conn, "POST %s/acme HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: %d\r\n\r\n%s", Path, secretNew, len(body), body)
	<-arrived
	if err := conn.Close(); err != nil {
		t.Fatal(err)
	}
	close(gone)
	if err := <-seen; err != nil {
		t.Errorf("the inbox was told to stop: %v", err)
	}
}

type inboxFunc func(ctx context.Context) error

func (f inboxFunc) AddEvents(ctx context.Context, _ string, _ []directory.Event) error { return f(ctx) }

// A body that trickles in is given up before Okta gives up, with a status that
// makes Okta try again. Strangers cannot hold a connection for longer either.
func TestDeliverSlowBody(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		secret string
		want   int
	}{
		"right secret": {secretNew, http.StatusServiceUnavailable},
		"wrong secret": {"guess", http.StatusUnauthorized},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, defaultTenants(), nil)
			r.handler.time.whole = 100 * time.Millisecond
			conn, err := net.Dial("tcp", strings.TrimPrefix(r.url, "http://"))
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			fmt.Fprintf(conn, "POST %s/acme HTTP/1.1\r\nHost: x\r\nAuthorization: %s\r\nContent-Length: 1000\r\n\r\n{", Path, test.secret)
			if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
				t.Fatal(err)
			}
			response, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			if response.StatusCode != test.want {
				t.Errorf("answer %d, want %d", response.StatusCode, test.want)
			}
		})
	}
}

func TestDeliverLogsNoProfileData(t *testing.T) {
	t.Parallel()
	r := start(t, defaultTenants(), nil)
	r.post(string(deliveryBody("delivery-7", event("u1", "application.user_membership.add", target("AppUser", "0ua1", "ada@acme.example")))))
	r.post(`{"broken": "ada@acme.example"`)
	r.do(http.MethodPost, Path+"/acme", strings.NewReader("{}"), "Authorization", "wrong-secret")
	log := r.log.String()
	if !strings.Contains(log, "tenant=acme delivery=delivery-7 events=1") {
		t.Errorf("the delivery is not in the log:\n%s", log)
	}
	for _, secret := range []string{"ada@", secretNew, secretOld, "wrong-secret", "broken"} {
		if strings.Contains(log, secret) {
			t.Errorf("%q is in the log:\n%s", secret, log)
		}
	}
}
