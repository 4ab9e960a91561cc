package api

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// desk holds the endpoints of tenant acme in memory. They are known by name alone.
type desk struct {
	mu        sync.Mutex
	endpoints map[string]*directory.Endpoint
	acts      []directory.Act
}

func newDesk() *desk {
	at := cet(10)
	d := &desk{endpoints: map[string]*directory.Endpoint{}}
	for _, name := range []string{"crm", "old"} {
		d.endpoints[name] = &directory.Endpoint{
			Tenant: "acme", ID: "ep_" + name, Name: name, URL: "https://" + name + ".example/in", CreatedAt: at, CreatedBy: "alice",
			Secrets: []directory.EndpointSecret{
				{ID: "s2", Kind: directory.SecretKeyPair, Sealed: "sealed", Public: "whpk_x", CreatedAt: at},
				{ID: "s1", Kind: directory.SecretShared, Sealed: "sealed", CreatedAt: at, Until: &at},
			},
			Health: directory.EndpointHealth{Cursor: 7, Behind: 2, Waiting: 1, Oldest: &at, FailingSince: &at, LastProblem: "the receiver answered 500"},
		}
	}
	return d
}

func (d *desk) Endpoints(_ context.Context, _ string) (all []directory.Endpoint, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, name := range []string{"crm", "mail", "old"} {
		if e, there := d.endpoints[name]; there {
			all = append(all, *e)
		}
	}
	return all, nil
}

func (d *desk) Endpoint(_ context.Context, tenant, which string) (directory.Endpoint, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if e, there := d.endpoints[which]; there && tenant == e.Tenant {
		return *e, nil
	}
	return directory.Endpoint{}, directory.Refuse(directory.ErrNotFound, "there is no endpoint %s", which)
}

func (d *desk) Add(_ context.Context, e directory.Endpoint, kind directory.SecretKind, act directory.Act) (directory.Endpoint, string, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if _, there := d.endpoints[e.Name]; there {
		return e, "", directory.Refuse(directory.ErrConflict, "endpoint %s exists already", e.Name)
	}
	e.ID, e.CreatedAt, e.CreatedBy = "ep_"+e.Name, testNow(), act.Actor
	e.Secrets = []directory.EndpointSecret{{ID: "s1", Kind: kind, Sealed: "sealed", CreatedAt: testNow()}}
	d.endpoints[e.Name], d.acts = &e, append(d.acts, act)
	return e, "whsec_shown-once", nil
}

func (d *desk) Rotate(ctx context.Context, tenant, which string, kind directory.SecretKind, overlap time.Duration, act directory.Act) (directory.Endpoint, string, error) {
	act.Reason = fmt.Sprint(kind, " ", overlap)
	e, err := d.Change(ctx, tenant, which, act, func(*directory.Endpoint) {})
	return e, "whsec_shown-once", err
}

func (d *desk) Retire(ctx context.Context, tenant, which string, act directory.Act) (directory.Endpoint, error) {
	return d.Change(ctx, tenant, which, act, func(e *directory.Endpoint) { e.Secrets = e.Secrets[:1] })
}

func (d *desk) Change(ctx context.Context, tenant, which string, act directory.Act, change func(*directory.Endpoint)) (directory.Endpoint, error) {
	if _, err := d.Endpoint(ctx, tenant, which); err != nil {
		return directory.Endpoint{}, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	e := d.endpoints[which]
	change(e)
	d.acts = append(d.acts, act)
	return *e, nil
}

func (d *desk) Remove(ctx context.Context, tenant, which string, act directory.Act) (directory.Endpoint, error) {
	e, err := d.Change(ctx, tenant, which, act, func(*directory.Endpoint) {})
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.endpoints, which)
	return e, err
}

func (d *desk) Test(ctx context.Context, tenant, which string, act directory.Act) (directory.Attempt, error) {
	_, err := d.Change(ctx, tenant, which, act, func(*directory.Endpoint) {})
	return directory.Attempt{OK: true, Status: 200, Took: 12 * time.Millisecond, Answer: "thanks"}, err
}

func (d *desk) Deliveries(ctx context.Context, tenant, which string, state directory.DeliveryState, after int64, limit int) (string, []directory.Delivery, error) {
	_, err := d.Endpoint(ctx, tenant, which)
	at := cet(11)
	all := []directory.Delivery{
		{Pos: 3, Seq: 1, About: adaID, State: state, Attempts: 2, DueAt: &at, Status: 500, Problem: "the receiver answered 500"}, {Pos: 9, Seq: 2, About: adaID, State: state},
	}
	for len(all) > 0 && all[0].Pos <= after {
		all = all[1:]
	}
	return "feed", all[:min(limit, len(all))], err
}

func (d *desk) Attempts(ctx context.Context, tenant, which string, _ int64, _ int) (string, []directory.Attempt, error) {
	_, err := d.Endpoint(ctx, tenant, which)
	return "feed", []directory.Attempt{{No: 2, Attempt: 1, At: cet(10), OK: true, Status: 204}, {No: 1, Seq: 1, Attempt: 1, At: cet(10), Problem: "the receiver does not answer"}}, err
}

func (d *desk) Delivery(ctx context.Context, tenant, which, message string) (string, directory.Delivery, []directory.Attempt, error) {
	_, rows, err := d.Deliveries(ctx, tenant, which, directory.DeliveryWaiting, 0, 1)
	_, attempts, _ := d.Attempts(ctx, tenant, which, 0, 2)
	if err == nil && message != "msg_feed_1" {
		err = directory.Refuse(directory.ErrNotFound, "there is no delivery %s", message)
	}
	return "feed", rows[0], attempts, err
}

func (d *desk) Retry(ctx context.Context, tenant, which, message string, act directory.Act) (int, error) {
	act.Reason = message
	_, err := d.Change(ctx, tenant, which, act, func(*directory.Endpoint) {})
	return 2, err
}

func (d *desk) Redrive(ctx context.Context, tenant, which, message string, act directory.Act) (int, error) {
	return d.Retry(ctx, tenant, which, message, act)
}

func (d *desk) Replay(ctx context.Context, tenant, which string, since *time.Time, q directory.ChangeQuery, act directory.Act) (int, bool, error) {
	n, err := d.Retry(ctx, tenant, which, fmt.Sprint(since != nil, q.PersonID, q.Types), act)
	return n, true, err
}
