package storetest

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// endpoint makes an endpoint of the tenant and returns it as it is stored.
func (f *fixture) endpoint(id string) directory.Endpoint {
	f.Helper()
	e := directory.Endpoint{Tenant: tenant, ID: id, Name: "name of " + id, URL: "https://example.com/" + id,
		Secrets: []directory.EndpointSecret{{ID: "s1", Kind: directory.SecretShared, Sealed: "sealed", CreatedAt: at(0)}}}
	f.must(f.db.AddEndpoint(f.ctx, e, endpointAct(directory.ActEndpointAdd)))
	return must(f.db.Endpoint(f.ctx, tenant, id))(f)
}

func endpointAct(kind directory.ActKind) directory.Act {
	return directory.Act{Tenant: tenant, Actor: "ops", Role: directory.RoleApprove, Kind: kind}
}

// happen adds a change for each of the people.
func (f *fixture) happen(people ...string) {
	f.Helper()
	f.update(func(ctx context.Context, tx *store.Tx) error {
		var changes []directory.Change
		for _, id := range people {
			changes = append(changes, directory.Change{Type: directory.PersonUpdated, Subject: directory.SubjectPerson, SubjectID: id, PersonID: id})
		}
		_, err := tx.Append(ctx, changes)
		return err
	})
}

func (f *fixture) dueLanes(grace time.Duration) []directory.LaneHint {
	f.Helper()
	return must(f.db.DueLanes(f.ctx, []string{tenant, neighbour}, grace))(f)
}

func (f *fixture) lane(id string) directory.Lane {
	f.Helper()
	l, ours, err := f.db.BeginTurn(f.ctx, directory.LaneHint{Tenant: tenant, Endpoint: id}, time.Minute)
	f.must(err)
	if !ours {
		f.Fatalf("the turn at %s is not ours", id)
	}
	return l
}

func (f *fixture) saveLane(l directory.Lane, step directory.LaneStep) {
	f.Helper()
	must(f.db.SaveLane(f.ctx, l, step, time.Minute))(f)
}

func (f *fixture) deliveries(id string, state directory.DeliveryState) (abouts []string) {
	f.Helper()
	for _, d := range must(f.db.Deliveries(f.ctx, tenant, id, state, 0, 100))(f) {
		abouts = append(abouts, d.About)
	}
	return abouts
}

func (f *fixture) dueDeliveries(id string) (seqs []int64) {
	f.Helper()
	for _, d := range must(f.db.DueDeliveries(f.ctx, tenant, id, 100))(f) {
		seqs = append(seqs, d.Seq)
	}
	return seqs
}

func testEndpoints(f *fixture) {
	f.happen("u1")
	e := f.endpoint("ep_a")
	f.same("begins with what comes", e.Health.Cursor, int64(1))
	err := f.db.AddEndpoint(f.ctx, directory.Endpoint{Tenant: tenant, ID: "ep_z", Name: "name of ep_a"}, endpointAct(directory.ActEndpointAdd))
	f.fails(err, directory.ErrConflict)
	f.same("an id as a name", errors.Is(f.db.AddEndpoint(f.ctx, directory.Endpoint{Tenant: tenant, ID: "ep_z", Name: "ep_a"}, endpointAct(directory.ActEndpointAdd)), directory.ErrConflict), true)
	_, err = f.db.Endpoint(f.ctx, neighbour, "ep_a")
	f.fails(err, directory.ErrNotFound)
	changed := must(f.db.ChangeEndpoint(f.ctx, tenant, "name of ep_a", endpointAct(directory.ActEndpointDisable), func(e *directory.Endpoint) error {
		e.URL, e.Types, e.Teams = "https://example.com/other", []string{"person.*"}, []string{"team1"}
		e.Disabled = &directory.EndpointDisabled{By: "ops", Reason: "moved"}
		return nil
	}))(f)
	if changed.Version != 2 || changed.URL != "https://example.com/other" || changed.Disabled == nil || changed.Disabled.At.IsZero() || changed.Types[0] != "person.*" || changed.Teams[0] != "team1" {
		f.Errorf("changed: %+v", changed)
	}
	wrong := errors.New("no")
	_, err = f.db.ChangeEndpoint(f.ctx, tenant, "ep_a", endpointAct(directory.ActEndpointChange), func(*directory.Endpoint) error { return wrong })
	f.fails(err, wrong)
	f.same("of both tenants", len(must(f.db.AllEndpoints(f.ctx, []string{tenant, neighbour}, 10))(f)), 1)
	secrets := must(f.db.EndpointSecrets(f.ctx))(f)
	secrets[0].Secrets[0].Sealed = "other"
	f.must(f.db.ReplaceEndpointSecrets(f.ctx, secrets[0]))
	secrets[0].Version--
	f.fails(f.db.ReplaceEndpointSecrets(f.ctx, secrets[0]), directory.ErrConflict)
	f.happen("u1", "u2")
	f.same("nothing is due where it is disabled", f.dueLanes(0), nil)
	gone := must(f.db.RemoveEndpoint(f.ctx, tenant, "ep_a", endpointAct(directory.ActEndpointRemove)))(f)
	f.same("behind", gone.Health.Behind, int64(2))
	f.same("none is left", must(f.db.Endpoints(f.ctx, tenant))(f), nil)
	var acts []string
	for _, a := range must(f.db.Acts(f.ctx, tenant, directory.ActQuery{Limit: 9}))(f) {
		acts = append(acts, string(a.Kind)+" "+a.Subject)
	}
	f.same("acts", acts, []string{"endpoint.remove endpoint:ep_a", "endpoint.disable endpoint:ep_a", "endpoint.add "})
	for n := range directory.MaxEndpoints {
		f.endpoint("ep_" + strings.Repeat("x", n+1))
	}
	f.fails(f.db.AddEndpoint(f.ctx, directory.Endpoint{Tenant: tenant, ID: "ep_more", Name: "more"}, endpointAct(directory.ActEndpointAdd)), directory.ErrConflict)
}

// testLanes follows an endpoint through turns: what fails becomes a row, what is about the same waits behind it.
func testLanes(f *fixture) {
	f.endpoint("ep_a")
	f.same("nothing happened", f.dueLanes(0), nil)
	f.happen("u1", "u2", "u1", "u1", "u3")
	hint := []directory.LaneHint{{Tenant: tenant, Endpoint: "ep_a"}}
	f.same("due", f.dueLanes(time.Hour), hint)
	f.same("swept a moment ago", f.dueLanes(time.Hour), nil)
	f.same("its task was lost", f.dueLanes(0), hint)
	l := f.lane("ep_a")
	f.same("held", f.dueLanes(0), nil)
	_, ours, err := f.db.BeginTurn(f.ctx, hint[0], time.Minute)
	f.must(err)
	f.same("begun twice", ours, false)

	feed := must(f.db.Feed(f.ctx, tenant, directory.ChangeQuery{Limit: 9}))(f)
	f.same("feed", l.Feed, feed.ID)
	row := func(n int, wait time.Duration, attempts int) directory.Delivery {
		c := feed.Changes[n]
		return directory.Delivery{Seq: c.Seq, About: c.PersonID, State: directory.DeliveryWaiting, Attempts: attempts, Wait: wait, CreatedAt: c.At}
	}
	attempt := func(n int, ok bool) directory.Attempt {
		a := directory.Attempt{Seq: feed.Changes[n].Seq, About: feed.Changes[n].PersonID, Attempt: 1, At: at(n), OK: ok, Status: 200, Took: 1500 * time.Microsecond, Answer: "fine \x00"}
		if !ok {
			a.Status, a.Problem = 500, "the receiver answered 500"
		}
		return a
	}
	f.saveLane(l, directory.LaneStep{
		Cursor: 5, Add: []directory.Delivery{row(0, time.Hour, 1), row(2, -1, 0), row(3, -1, 0)},
		Attempts: []directory.Attempt{attempt(0, false), attempt(1, true), attempt(4, true)},
	})
	f.same("waits in order", f.deliveries("ep_a", directory.DeliveryWaiting), []string{"u1", "u1", "u1"})
	f.same("none is due", f.dueDeliveries("ep_a"), nil)
	f.same("behind", must(f.db.WaitingAbouts(f.ctx, tenant, "ep_a", []string{"u1", "u2"}))(f), []string{"u1"})
	tries := must(f.db.Attempts(f.ctx, tenant, "ep_a", 0, 2))(f)
	want := attempt(4, true)
	want.No, want.Answer = 3, "fine "
	f.same("the newest attempt", tries[0], want)
	f.same("older ones", len(must(f.db.Attempts(f.ctx, tenant, "ep_a", tries[1].No, 9))(f)), 1)

	n := must(f.db.RetryDeliveries(f.ctx, tenant, "ep_a", 0, "", endpointAct(directory.ActDeliveryRetry)))(f)
	f.same("tried at once", n, 1)
	f.same("the first of them", f.dueDeliveries("ep_a"), []int64{1})
	first := must(f.db.DueDeliveries(f.ctx, tenant, "ep_a", 9))(f)[0]
	dead := first
	dead.State, dead.Attempts, dead.Wait = directory.DeliveryDead, 10, -1
	f.saveLane(l, directory.LaneStep{Cursor: 5, Again: []directory.Delivery{dead}})
	f.same("the next goes on after one that was given up", f.dueDeliveries("ep_a"), []int64{3})
	alerts := must(f.db.DueAlerts(f.ctx, directory.AlertMail, time.Hour, time.Hour, 9))(f)
	if len(alerts) != 1 || alerts[0].Kind != directory.AlertDeliveryDead || strings.Contains(alerts[0].Sentence, "example.com") {
		f.Errorf("alerts %+v", alerts)
	}
	second := must(f.db.DueDeliveries(f.ctx, tenant, "ep_a", 9))(f)[0]
	f.saveLane(l, directory.LaneStep{Cursor: 5, Done: []directory.Delivery{second}})
	f.same("then the third", f.dueDeliveries("ep_a"), []int64{4})
	n = must(f.db.RedriveDeliveries(f.ctx, tenant, "ep_a", 1, "", endpointAct(directory.ActDeliveryRedrive)))(f)
	f.same("redriven", n, 1)
	f.same("one at a time", f.dueDeliveries("ep_a"), []int64{4})
	third := must(f.db.DueDeliveries(f.ctx, tenant, "ep_a", 9))(f)[0]
	f.saveLane(l, directory.LaneStep{Cursor: 5, Done: []directory.Delivery{third}, Slow: true, Rests: 2, Rest: time.Hour, End: true})
	f.same("the one that was taken up", f.dueDeliveries("ep_a"), []int64{1})
	f.same("it rests", f.dueLanes(0), nil)
	_, err = f.db.SaveLane(f.ctx, l, directory.LaneStep{Cursor: 5}, time.Minute)
	f.fails(err, directory.ErrBusy)

	must(f.db.RetryDeliveries(f.ctx, tenant, "ep_a", 0, "", endpointAct(directory.ActDeliveryRetry)))(f)
	f.same("somebody asked for it", f.dueLanes(0), []directory.LaneHint{{Tenant: tenant, Endpoint: "ep_a", Slow: true}})
	l = f.lane("ep_a")
	f.same("rests", l.Rests, 2)
	f.saveLane(l, directory.LaneStep{Cursor: 5, Add: []directory.Delivery{row(1, time.Hour, 1)}})
	f.saveLane(l, directory.LaneStep{Cursor: 5, Attempts: []directory.Attempt{attempt(4, true)}})
	f.same("all go when something arrives again", f.dueDeliveries("ep_a"), []int64{1, 2})
	f.putPeople(directory.Person{ID: "u3", ObservedAt: at(0)}.Tombstone()) // erased while the request was on its way
	f.saveLane(l, directory.LaneStep{Cursor: 5, Attempts: []directory.Attempt{attempt(4, true)}})
	f.same("what is kept of the answer", must(f.db.Attempts(f.ctx, tenant, "ep_a", 0, 1))(f)[0].Answer, "")
	f.saveLane(l, directory.LaneStep{Cursor: 5, Gone: true, Missed: 7, End: true})
	e := must(f.db.Endpoint(f.ctx, tenant, "ep_a"))(f)
	if e.Disabled == nil || e.Disabled.By != "oktasync" || e.Health.Missed != 7 || e.Health.Waiting != 2 || e.Health.Oldest == nil {
		f.Errorf("endpoint %+v", e)
	}
}

// testReplay: old changes are added once, in front of newer ones about the same.
func testReplay(f *fixture) {
	f.happen("u1", "u2", "u1")
	f.endpoint("ep_a")
	n := must(f.db.Replay(f.ctx, tenant, "ep_a", "r1", directory.ChangeQuery{PersonID: "u1"}, endpointAct(directory.ActReplay)))(f)
	f.same("of one person", n, 2)
	f.same("once", must(f.db.Replay(f.ctx, tenant, "ep_a", "r1", directory.ChangeQuery{Types: []directory.ChangeType{directory.PersonUpdated}}, endpointAct(directory.ActReplay)))(f), 1)
	f.same("in order", f.dueDeliveries("ep_a"), []int64{1, 2})
	row, attempts, err := f.db.Delivery(f.ctx, tenant, "ep_a", 3, "r1")
	f.must(err)
	f.same("attempts", attempts, nil)
	f.same("behind its first", row.DueAt == nil, true)
	f.same("due", len(f.dueLanes(0)), 1)
	changes := must(f.db.ChangesBySeq(f.ctx, tenant, []int64{3, 1, 99}))(f)
	f.same("changes", len(changes), 2)
	f.same("by number", changes[0].Seq, int64(1))
	inFeed := must(f.db.Feed(f.ctx, tenant, directory.ChangeQuery{Limit: 3, States: true}))(f).Changes
	f.same("as in the feed", changes, []directory.Change{inFeed[0], inFeed[2]})
	moment := inFeed[0].At
	f.same("since then", must(f.db.LastBefore(f.ctx, tenant, moment))(f), int64(0))
	f.same("since now", must(f.db.LastBefore(f.ctx, tenant, f.now().Add(time.Hour)))(f), int64(3))
	f.putPeople(people("u1")...)
	f.same("teams", must(f.db.TeamsOf(f.ctx, tenant, []string{"u1", "u9"}))(f), map[string][]string{"u1": {"team1"}})
	must(f.db.RemoveEndpoint(f.ctx, tenant, "ep_a", endpointAct(directory.ActEndpointRemove)))(f)
	f.same("gone with it", f.deliveries("ep_a", directory.DeliveryWaiting), nil)
}
