package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

// worstRise is how much longer the 99th percentile of a healthy receiver's delay may be while others are ill.
const worstRise = time.Second

type isolationCommand struct {
	People int           `default:"20000" help:"People in the org, whose titles all change: as many changes wait for the ill receivers."`
	Events int           `default:"400" help:"Single events after that, which change one person each."`
	Every  time.Duration `default:"50ms" help:"Between two of these."`
	Dead   string        `default:"hang" enum:"hang,refuse" help:"What the dead receiver does with a request."`
	DB     string        `name:"db" default:"both" enum:"postgres,sqlite,both" help:"Where the directory is kept."`
	Check  bool          `help:"Fail when the 99th percentile of the others' delay rises by a second."`
}

// ward is five receivers, of which the last two fall ill.
type ward struct {
	*installation
	receivers []*receiver
	endpoints []string
	people    []string // of whom something will happen
}

const healthy = 3

// delays are those of the healthy receivers, from the commit to the arrival.
type delays struct{ burst, single []time.Duration }

// Run measures one database after the other.
func (c isolationCommand) Run(e *env) (err error) {
	path, remove, err := e.build(false)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	t := table{head: []string{"From the commit to the arrival at three healthy receivers", "Deliveries", "p50", "p99", "longest"}}
	var problems []error
	for _, kind := range databases(c.DB) {
		s := setup{kind: kind, binary: path, org: emulator.Options{People: c.People, Groups: 10, Hooks: emulator.HookOptions{Window: -1, DailyCap: -1}}}
		well, ill, err := c.measure(e, s)
		if err != nil {
			return fmt.Errorf("on %s: %w", databaseName(kind), err)
		}
		for _, part := range []struct {
			name      string
			well, ill []time.Duration
		}{{"all at once", well.burst, ill.burst}, {"one by one", well.single, ill.single}} {
			for _, row := range []struct {
				name  string
				waits []time.Duration
			}{{"five healthy", part.well}, {"one dead, one slow", part.ill}} {
				w := row.waits
				t.add(databaseName(kind)+", "+part.name+", "+row.name, count(len(w)), ms(quantile(w, 0.5)), ms(quantile(w, 0.99)), ms(quantile(w, 1)))
			}
			if rise := quantile(part.ill, 0.99) - quantile(part.well, 0.99); rise >= worstRise {
				problems = append(problems, fmt.Errorf("on %s, %s: p99 of the healthy receivers rises by %s", databaseName(kind), part.name, ms(rise)))
			}
		}
	}
	t.print(e.out)
	if c.Check {
		return errors.Join(problems...)
	}
	return nil
}

// measure lets the same happen twice: to five healthy receivers, and to three beside one that is dead and one that is
// slow.
func (c isolationCommand) measure(e *env, s setup) (well, ill delays, err error) {
	w := &ward{}
	defer func() {
		for _, r := range w.receivers { // or the service would wait for the slow one when it stops
			err = errors.Join(err, r.server.Close())
		}
		if w.installation != nil {
			err = errors.Join(err, w.remove())
		}
	}()
	s.settings = append(s.settings, deliverySettings()...)
	if w.installation, err = install(e.ctx, s); err != nil {
		return well, ill, err
	}
	if _, err := w.firstSync(e.ctx, time.Hour); err != nil {
		return well, ill, err
	}
	if _, err := w.org.Org.RegisterHook(emulator.NewHook{URL: w.address + "/webhooks/okta", Secret: hookSecret, Events: directory.SubscribedEvents()}); err != nil {
		return well, ill, fmt.Errorf("register the hook: %w", err)
	}
	w.people = w.org.Org.PersonIDs()
	for n := range 5 {
		r, err := newReceiver(e.ctx)
		if err != nil {
			return well, ill, err
		}
		w.receivers = append(w.receivers, r)
		endpoint, err := w.api.AddEndpoint(e.ctx, tenant, v1.EndpointRequest{Name: fmt.Sprint("receiver-", n), URL: r.url, Types: []string{"person.updated"}})
		if err != nil {
			return well, ill, fmt.Errorf("add an endpoint: %w", err)
		}
		w.endpoints = append(w.endpoints, endpoint.ID)
	}
	if well, err = c.round(e, w, "user.department", w.receivers); err != nil {
		return well, ill, fmt.Errorf("with five healthy receivers: %w", err)
	}
	e.note("isolation: %s, five healthy receivers are measured", databaseName(s.kind))
	dead := map[string]conduct{"hang": hanging, "refuse": refusing}[c.Dead]
	w.receivers[healthy].conduct.Store(int32(dead))
	w.receivers[healthy+1].conduct.Store(int32(slow))
	if ill, err = c.round(e, w, "user.title", w.receivers[:healthy]); err != nil {
		return well, ill, fmt.Errorf("with a dead and a slow receiver: %w", err)
	}
	for _, id := range w.endpoints[healthy:] {
		endpoint, err := w.api.Endpoint(e.ctx, tenant, id)
		if err != nil {
			return well, ill, fmt.Errorf("look what waits: %w", err)
		}
		waiting := int(endpoint.Health.Behind) + endpoint.Health.Waiting
		e.note("isolation: %s, %s changes wait for %s after %d attempts", databaseName(s.kind), count(waiting), endpoint.Name, endpoint.Health.Attempts)
		if waiting < c.People*9/10 {
			return well, ill, fmt.Errorf("%d changes wait for %s, so nothing was shown", waiting, endpoint.Name)
		}
	}
	return well, ill, nil
}

// round changes all titles at once, then one person after the other, and waits each time until everything came to those
// who are well.
func (c isolationCommand) round(e *env, w *ward, title string, well []*receiver) (d delays, err error) {
	from, err := w.lastChange(e.ctx)
	if err != nil {
		return d, err
	}
	if _, err := w.changeTitles(e.ctx, title); err != nil {
		return d, err
	}
	if d.burst, err = w.arrived(e.ctx, from, well); err != nil {
		return d, err
	}
	if from, err = w.lastChange(e.ctx); err != nil {
		return d, err
	}
	for n := range c.Events {
		if _, err := w.org.Org.Update(w.people[n%len(w.people)], map[string]any{"lastName": title + fmt.Sprint(n)}); err != nil {
			return d, fmt.Errorf("change a person: %w", err)
		}
		if err := pause(e.ctx, c.Every); err != nil {
			return d, err
		}
	}
	err = eventually(e.ctx, time.Minute, 50*time.Millisecond, "all events have led to changes", func() (bool, error) {
		times, err := w.updates(e.ctx, from)
		return len(times) >= c.Events, err
	})
	if err != nil {
		return d, err
	}
	d.single, err = w.arrived(e.ctx, from, well)
	return d, err
}

// arrived waits until everything after a change has come to the receivers, and returns how long each took.
func (w *ward) arrived(ctx context.Context, from int64, well []*receiver) (all []time.Duration, err error) {
	committed, err := w.updates(ctx, from)
	if err != nil {
		return nil, err
	}
	for _, r := range well {
		for _, id := range slices.Sorted(maps.Keys(committed)) {
			at, err := r.cameAt(ctx, id)
			if err != nil {
				return nil, err
			}
			all = append(all, at.Sub(committed[id]))
		}
	}
	return all, nil
}

// updates returns when the updates after a change were committed, by webhook-id.
func (i *installation) updates(ctx context.Context, from int64) (map[string]time.Time, error) {
	var feed string
	if err := i.db.QueryRowContext(ctx, `select feed from tenants where slug = $1`, tenant).Scan(&feed); err != nil {
		return nil, fmt.Errorf("read the id of the feed: %w", err)
	}
	rows, err := i.db.QueryContext(ctx, `select seq, at from changes where tenant = $1 and seq > $2 and type = 'person.updated'`, tenant, from)
	if err != nil {
		return nil, fmt.Errorf("read the changes: %w", err)
	}
	defer rows.Close()
	times := map[string]time.Time{}
	for rows.Next() {
		var seq int64
		var at any
		if err := rows.Scan(&seq, &at); err != nil {
			return nil, fmt.Errorf("read the changes: %w", err)
		}
		when, err := moment(at)
		if err != nil {
			return nil, fmt.Errorf("read the time of change %d: %w", seq, err)
		}
		times[directory.MessageID(feed, seq, "")] = when
	}
	return times, rows.Err()
}
