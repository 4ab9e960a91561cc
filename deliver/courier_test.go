package deliver_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
)

// product is a tenant with its feed and a courier, and receivers on this machine.
type product struct {
	t       *testing.T
	db      *store.DB
	courier *deliver.Courier
	poster  *deliver.Poster
}

func newProduct(t *testing.T, change func(*deliver.CourierOptions)) *product {
	t.Helper()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: storetest.SQLiteFile(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	if err := db.EnsureTenants(t.Context(), []string{"acme"}); err != nil {
		t.Fatal(err)
	}
	poster := deliver.NewPoster(deliver.PosterOptions{Allow: []deliver.Receiver{{Network: netip.MustParsePrefix("127.0.0.1/32")}}})
	t.Cleanup(poster.Close)
	o := deliver.CourierOptions{
		Box: db, Post: poster.Post, Log: slog.New(slog.DiscardHandler),
		Signers: func(e directory.Endpoint) (all []*deliver.Signer, err error) {
			for _, s := range e.Secrets {
				signer, err := deliver.NewSigner(s.Sealed)
				if err != nil {
					return nil, err
				}
				all = append(all, signer)
			}
			return all, nil
		},
		Bodies: func(_ context.Context, _ string, messages []deliver.Outgoing) ([][]byte, error) {
			var bodies [][]byte
			for _, m := range messages {
				body, err := json.Marshal(m)
				if err != nil {
					return nil, err
				}
				bodies = append(bodies, body)
			}
			return bodies, nil
		},
	}
	if change != nil {
		change(&o)
	}
	return &product{t: t, db: db, courier: deliver.NewCourier(o), poster: poster}
}

func (o *product) endpoint(id, url string, secrets ...string) {
	o.t.Helper()
	if secrets == nil {
		secrets = []string{deliver.NewSharedSecret()}
	}
	e := directory.Endpoint{Tenant: "acme", ID: id, Name: "name-" + id, URL: url}
	for _, s := range secrets {
		e.Secrets = append(e.Secrets, directory.EndpointSecret{ID: "s", Sealed: s})
	}
	if err := o.db.AddEndpoint(o.t.Context(), e, directory.Act{Tenant: "acme", Kind: directory.ActEndpointAdd}); err != nil {
		o.t.Fatal(err)
	}
}

func (o *product) alter(id string, change func(*directory.Endpoint)) {
	o.t.Helper()
	_, err := o.db.ChangeEndpoint(o.t.Context(), "acme", id, directory.Act{Kind: directory.ActEndpointChange}, func(e *directory.Endpoint) error { change(e); return nil })
	if err != nil {
		o.t.Fatal(err)
	}
}

// happen adds a change for each of the people.
func (o *product) happen(people ...string) {
	o.t.Helper()
	var changes []directory.Change
	for _, id := range people {
		changes = append(changes, directory.Change{Type: directory.PersonUpdated, Subject: directory.SubjectPerson, SubjectID: id, PersonID: id})
	}
	o.append(changes)
}

func (o *product) append(changes []directory.Change) {
	o.t.Helper()
	err := o.db.Update(o.t.Context(), "acme", func(ctx context.Context, tx *store.Tx) error { _, err := tx.Append(ctx, changes); return err })
	if err != nil {
		o.t.Fatal(err)
	}
}

func (o *product) turn(id string) {
	o.t.Helper()
	if err := o.courier.Turn(o.t.Context(), directory.LaneHint{Tenant: "acme", Endpoint: id}); err != nil {
		o.t.Fatal(err)
	}
}

func (o *product) health(id string) directory.EndpointHealth {
	o.t.Helper()
	e, err := o.db.Endpoint(o.t.Context(), "acme", id)
	if err != nil {
		o.t.Fatal(err)
	}
	return e.Health
}

// due makes what waits, and the endpoint, due.
func (o *product) due(id string) {
	o.t.Helper()
	if _, err := o.db.RetryDeliveries(o.t.Context(), "acme", id, 0, "", directory.Act{Kind: directory.ActDeliveryRetry}); err != nil {
		o.t.Fatal(err)
	}
}

// receiver is a product's server. It answers what answer says, by the change.
type receiver struct {
	*httptest.Server
	mu     sync.Mutex
	got    []directory.Change
	header []http.Header
	answer func(w http.ResponseWriter, c directory.Change)
}

func newReceiver(t *testing.T, answer func(w http.ResponseWriter, c directory.Change)) *receiver {
	r := &receiver{answer: answer}
	r.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		var c directory.Change
		body, _ := io.ReadAll(q.Body)
		if err := json.Unmarshal(body, &c); err != nil {
			t.Errorf("body %s: %v", body, err)
		}
		r.mu.Lock()
		r.got, r.header = append(r.got, c), append(r.header, q.Header)
		answer := r.answer
		r.mu.Unlock()
		if answer != nil {
			answer(w, c)
		}
	}))
	t.Cleanup(r.Close)
	return r
}

func (r *receiver) answers(answer func(w http.ResponseWriter, c directory.Change)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// seqs are the numbers of the changes that arrived, as they came; of one person alone when one is named.
func (r *receiver) seqs(person string) (all []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.got {
		if person == "" || c.PersonID == person {
			all = append(all, c.Seq)
		}
	}
	return all
}

func status(code int) func(http.ResponseWriter, directory.Change) {
	return func(w http.ResponseWriter, _ directory.Change) { w.WriteHeader(code) }
}

// TestTurn: everything arrives once, of one person in order, and a second turn has nothing to do.
func TestTurn(t *testing.T) {
	t.Parallel()
	o := newProduct(t, nil)
	r := newReceiver(t, nil)
	o.happen("before")
	o.endpoint("a", r.URL)
	var people []string
	for n := range 500 {
		people = append(people, fmt.Sprintf("p%d", n%7))
	}
	o.happen(people...)
	o.turn("a")
	o.turn("a")
	all := r.seqs("")
	slices.Sort(all)
	if len(all) != 500 || all[0] != 2 || all[499] != 501 {
		t.Errorf("%d changes arrived, %v", len(all), all)
	}
	for n := range 7 {
		if got := r.seqs(fmt.Sprintf("p%d", n)); !slices.IsSorted(got) {
			t.Errorf("of p%d: %v", n, got)
		}
	}
	if h := o.health("a"); h.Cursor != 501 || h.Attempts != 500 || h.Waiting != 0 || h.LastSuccess == nil {
		t.Errorf("health %+v", h)
	}
}

// TestOrder: a person whose change is refused keeps the place, and the others pass.
func TestOrder(t *testing.T) {
	t.Parallel()
	o := newProduct(t, nil)
	refuse := func(w http.ResponseWriter, c directory.Change) {
		if c.PersonID == "bad" {
			w.WriteHeader(400)
		}
	}
	r := newReceiver(t, refuse)
	o.endpoint("a", r.URL)
	o.happen("bad", "u1", "bad", "u2", "bad", "u1")
	o.turn("a")
	if got := r.seqs("bad"); !slices.Equal(got, []int64{1}) {
		t.Errorf("of the one who is refused: %v", got)
	}
	if got := r.seqs("u1"); !slices.Equal(got, []int64{2, 6}) {
		t.Errorf("of another: %v", got)
	}
	o.happen("bad", "u2")
	o.turn("a")
	if h := o.health("a"); h.Waiting != 4 || h.Cursor != 8 {
		t.Errorf("health %+v", h)
	}
	r.answers(nil)
	o.due("a")
	o.turn("a")
	if got := r.seqs("bad"); !slices.Equal(got, []int64{1, 1, 3, 5, 7}) {
		t.Errorf("of the one who was refused: %v", got)
	}
	if h := o.health("a"); h.Waiting != 0 || h.FailingSince != nil {
		t.Errorf("health %+v", h)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var ids []string
	for n, c := range r.got {
		if c.Seq == 1 {
			ids = append(ids, r.header[n].Get("webhook-id"))
		}
	}
	if len(ids) != 2 || ids[0] != ids[1] {
		t.Errorf("ids of the attempts at one change: %v", ids)
	}
}

// TestDeadReceiver: nothing but a few rows is kept for one that takes nothing, and all of it arrives when it does.
func TestDeadReceiver(t *testing.T) {
	t.Parallel()
	o := newProduct(t, nil)
	r := newReceiver(t, status(503))
	o.endpoint("a", r.URL)
	var people []string
	for n := range 300 {
		people = append(people, fmt.Sprintf("p%d", n))
	}
	o.happen(people...)
	for range 4 {
		o.turn("a")
		if h := o.health("a"); h.RestUntil == nil || h.FailingSince == nil {
			t.Fatalf("health %+v", h)
		}
		o.turn("a") // it rests
		o.alter("a", func(*directory.Endpoint) {})
	}
	if n := len(r.seqs("")); n > 30 {
		t.Errorf("%d requests to a receiver that takes nothing", n)
	}
	r.answers(nil)
	o.alter("a", func(*directory.Endpoint) {})
	o.turn("a")
	all := slices.Compact(slices.Sorted(slices.Values(r.seqs(""))))
	if h := o.health("a"); len(all) != 300 || h.Waiting != 0 || h.Cursor != 300 || h.FailingSince != nil {
		t.Errorf("%d changes arrived, health %+v", len(all), h)
	}
}

// TestGone: 410 disables the endpoint, and nothing is lost when it is enabled.
func TestGone(t *testing.T) {
	t.Parallel()
	o := newProduct(t, nil)
	r := newReceiver(t, status(410))
	o.endpoint("a", r.URL)
	o.happen("u1", "u1")
	o.turn("a")
	o.turn("a")
	e, err := o.db.Endpoint(t.Context(), "acme", "a")
	if err != nil || e.Disabled == nil || e.Health.Waiting != 2 || len(r.seqs("")) != 1 {
		t.Fatalf("endpoint %+v, %v", e, err)
	}
	alerts, err := o.db.DueAlerts(t.Context(), directory.AlertMail, time.Hour, time.Hour, 9)
	if err != nil || len(alerts) != 1 || alerts[0].Kind != directory.AlertEndpointGone {
		t.Errorf("alerts %+v, %v", alerts, err)
	}
	r.answers(nil)
	o.alter("a", func(e *directory.Endpoint) { e.Disabled = nil })
	o.due("a")
	o.turn("a")
	if got := r.seqs(""); !slices.Equal(got, []int64{1, 1, 2}) {
		t.Errorf("arrived %v", got)
	}
}

// TestGivenUp: after the last attempt others about the same go on, and it comes back when somebody takes it up.
func TestGivenUp(t *testing.T) {
	t.Parallel()
	o := newProduct(t, nil)
	r := newReceiver(t, func(w http.ResponseWriter, c directory.Change) {
		if c.Seq == 1 {
			w.WriteHeader(422)
		}
	})
	o.endpoint("a", r.URL)
	o.happen("u1", "u1")
	for range 10 {
		o.turn("a")
		o.due("a")
	}
	o.turn("a")
	if h := o.health("a"); h.Dead != 1 || h.Waiting != 0 || !slices.Equal(r.seqs("")[10:], []int64{2}) {
		t.Fatalf("health %+v, arrived %v", h, r.seqs(""))
	}
	r.answers(nil)
	if n, err := o.db.RedriveDeliveries(t.Context(), "acme", "a", 0, "", directory.Act{Kind: directory.ActDeliveryRedrive}); n != 1 || err != nil {
		t.Fatalf("redriven %d, %v", n, err)
	}
	o.turn("a")
	if h := o.health("a"); h.Dead != 0 || len(r.seqs("")) != 12 {
		t.Errorf("health %+v", h)
	}
}

// TestRetryAfter: a receiver that asks for time gets it, as a whole.
func TestRetryAfter(t *testing.T) {
	t.Parallel()
	o := newProduct(t, nil)
	r := newReceiver(t, func(w http.ResponseWriter, _ directory.Change) {
		w.Header().Set("Retry-After", "7200")
		w.WriteHeader(429)
	})
	o.endpoint("a", r.URL)
	o.happen("u1", "u2")
	o.turn("a")
	h := o.health("a")
	now, err := o.db.Now(t.Context())
	if err != nil || h.RestUntil == nil {
		t.Fatalf("health %+v, %v", h, err)
	}
	if rest := h.RestUntil.Sub(now); rest < 50*time.Minute || rest > time.Hour {
		t.Errorf("it rests for %s, want an hour at most", rest)
	}
}

// TestFilter: types and teams.
func TestFilter(t *testing.T) {
	t.Parallel()
	o := newProduct(t, nil)
	r := newReceiver(t, nil)
	o.endpoint("a", r.URL)
	o.alter("a", func(e *directory.Endpoint) { e.Types, e.Teams = []string{"person.*"}, []string{"team_a"} })
	err := o.db.Update(t.Context(), "acme", func(ctx context.Context, tx *store.Tx) error {
		return tx.PutPeople(ctx, []directory.Person{
			{ID: "in", Status: directory.StatusActive, TeamID: "team_a"}, {ID: "out", Status: directory.StatusActive, TeamID: "team_b"},
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	move := func(before, after any) []directory.FieldChange {
		return []directory.FieldChange{{Field: "team", Before: before, After: after}}
	}
	person := func(kind directory.ChangeType, id string, fields []directory.FieldChange) directory.Change {
		return directory.Change{Type: kind, Subject: directory.SubjectPerson, SubjectID: id, PersonID: id, Fields: fields}
	}
	o.append([]directory.Change{
		person(directory.PersonUpdated, "in", nil),
		person(directory.PersonUpdated, "out", nil),
		person(directory.PersonUpdated, "out", move("team_a", "team_b")),
		person(directory.PersonRemoved, "out", nil),
		person(directory.PersonRemoved, "gone", nil),
		person(directory.PersonRemoved, "gone", move("team_b", nil)),
		{Type: directory.MembershipAdded, Subject: directory.SubjectMembership, SubjectID: "g1", PersonID: "in"},
		{Type: directory.GroupCreated, Subject: directory.SubjectGroup, SubjectID: "g1"},
	})
	o.turn("a")
	got := r.seqs("")
	slices.Sort(got)
	if h := o.health("a"); !slices.Equal(got, []int64{1, 3, 5}) || h.Cursor != 8 {
		t.Errorf("arrived %v, health %+v", got, h)
	}
}
