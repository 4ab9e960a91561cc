package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const (
	day = 24 * time.Hour
	// hookPatience is how long after the reading of the log began hooks may still come whose
	// events are older than that, and are therefore not read from the log. What comes later
	// and says so is not believed. Okta: delays of over an hour are a case for its support.
	hookPatience = time.Hour
)

// CountEvents counts how the tenant's events of the last hour and day came. Whose other way has been silent
// for less than grace is not judged yet. It reads all events of the day.
func (d *DB) CountEvents(ctx context.Context, tenant string, grace time.Duration) (directory.EventHealth, error) {
	m, err := d.meter(ctx, tenant, grace)
	if err == nil {
		err = m.count(ctx)
	}
	if err != nil {
		return directory.EventHealth{}, fmt.Errorf("count how the events of tenant %s came: %w", tenant, err)
	}
	return m.health, nil
}

// StrayEvents returns the newest events of the last day that did not come as they should.
func (d *DB) StrayEvents(ctx context.Context, tenant string, grace time.Duration, limit int) ([]directory.StrayEvent, error) {
	m, err := d.meter(ctx, tenant, grace)
	if err != nil {
		return nil, fmt.Errorf("look for stray events of tenant %s: %w", tenant, err)
	}
	query, values := m.query(`
		select uuid, type, published, hook_at, log_at,
			case when lost then 'lost' when unknown then 'unknown' else 'late' end
		from judged where lost or unknown or late order by received desc, uuid limit $12`)
	scan := func(s scanner) (e directory.StrayEvent, err error) {
		return e, s.Scan(&e.UUID, &e.Type, moment{&e.Published}, maybe{&e.ByHook}, maybe{&e.ByLog}, &e.Kind)
	}
	strays, err := list(ctx, d, d.read, scan, query, append(values, limit)...)
	if err != nil {
		return nil, fmt.Errorf("look for stray events of tenant %s: %w", tenant, err)
	}
	return strays, nil
}

// meter is one measurement.
type meter struct {
	db     *DB
	health directory.EventHealth
	logged []string // the types that are read from the log
}

// meter reads what is needed to judge events. The log's place is read before the events: what it has passed
// is then noted with them.
func (d *DB) meter(ctx context.Context, tenant string, grace time.Duration) (*meter, error) {
	now, err := d.Now(ctx)
	if err != nil {
		return nil, err
	}
	m := &meter{db: d, health: directory.EventHealth{Tenant: tenant, Counted: now, Grace: grace}}
	h := &m.health
	cursor, found, err := d.LogCursor(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if found {
		m.logged, h.LogSince = cursor.Types, known(cursor.Since)
		h.LogRead = known(cursor.CaughtUp)
	}
	const stored = `select hooks_since, last_hook, last_log from event_health where tenant = $1`
	err = d.row(ctx, d.read, stored, tenant).Scan(maybe{&h.HooksSince}, maybe{&h.LastHook}, maybe{&h.LastLog})
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return nil, err
	}
	if h.HooksSince == nil {
		const first = `
			select min(case when via = 'hook' then received else other_at end) from inbox
			where tenant = $1 and received > {at $2}`
		if err := d.row(ctx, d.read, first, tenant, now.Add(-day)).Scan(maybe{&h.HooksSince}); err != nil {
			return nil, err
		}
	}
	return m, nil
}

// count counts the judged events.
func (m *meter) count(ctx context.Context) error {
	// within counts what one window holds.
	within := func(condition string) string {
		where := " filter (where " + condition + " and "
		return `
			count(*)` + where + `log_at is null), count(*)` + where + `hook_at is null), count(*)` + where + `hook_at is not null and log_at is not null),
			count(*)` + where + `lost), count(*)` + where + `unknown), count(*)` + where + `late), count(*)` + where + `triggering),
			coalesce(avg({seconds hook_at - published})` + where + `true), 0), coalesce(max({seconds hook_at - published})` + where + `true), 0),
			coalesce(avg({seconds log_at - published})` + where + `true), 0), coalesce(max({seconds log_at - published})` + where + `true), 0)`
	}
	query, values := m.query(`
		select` + within("received > {at $12}") + `,` + within("true") + `, max(hook_at), max(log_at) from judged`)
	h := &m.health
	var hookAt, logAt *time.Time
	targets := append(m.targets(&h.Hour), m.targets(&h.Day)...)
	err := m.db.row(ctx, m.db.read, query, append(values, h.Counted.Add(-time.Hour))...).Scan(append(targets, maybe{&hookAt}, maybe{&logAt})...)
	if err != nil {
		return err
	}
	h.LastHook, h.LastLog = later(h.LastHook, hookAt), later(h.LastLog, logAt)
	m.forget(&h.Hour, time.Hour)
	m.forget(&h.Day, day)
	return nil
}

// targets is where a window's counts go.
func (m *meter) targets(c *directory.EventCounts) []any {
	c.Lost, c.Unknown = new(int), new(int)
	return []any{&c.HookOnly, &c.LogOnly, &c.Both, c.Lost, c.Unknown, &c.Late, &c.Triggering,
		seconds{&c.Hook.Mean}, seconds{&c.Hook.Most}, seconds{&c.Log.Mean}, seconds{&c.Log.Most}}
}

// forget takes out what cannot be told: the log was not read to its end within the window.
func (m *meter) forget(c *directory.EventCounts, window time.Duration) {
	h := m.health
	if h.LogRead == nil || h.LogRead.Before(h.Counted.Add(-window)) {
		c.Lost, c.Unknown = nil, nil
	}
	if h.HooksSince == nil {
		c.Lost = nil
	}
}

func later(a, b *time.Time) *time.Time {
	if a == nil || b != nil && b.After(*a) {
		return b
	}
	return a
}

// query returns a query over the judged events of the last day with its values, eleven.
func (m *meter) query(text string) (string, []any) {
	// judged says of each event what is odd about it. Lost: a hook is subscribed to the type, and came
	// neither before the log nor within the grace after it. Unknown: the log is read for the
	// type, and had been read to its end once the grace was over.
	const judged = `
		with seen as (
			select uuid, type, published, received,
				case when via = 'hook' then received else other_at end as hook_at,
				case when via = 'hook' then other_at else received end as log_at,
				type {in $2} as triggering
			from inbox where tenant = $1 and received > {at $4}),
		judged as (
			select seen.*,
				hook_at is null and triggering and received >= {at $5} and received <= {at $6} as lost,
				log_at is null and received >= {at $7} and received <= {at $8}
					and (published >= {at $11} or received >= {at $9}) and type {in $3} as unknown,
				hook_at is not null and hook_at > published + {micros $10} as late
			from seen)`
	h := m.health
	// What is not known judges nobody: it lies after all events, or before them.
	never, after := time.Unix(0, 0), h.Counted.Add(day)
	hooksSince, logSince, logRead := after, after, never
	if h.HooksSince != nil {
		hooksSince = *h.HooksSince
	}
	if h.LogSince != nil {
		logSince = *h.LogSince
	}
	if h.LogRead != nil {
		logRead = h.LogRead.Add(-h.Grace)
	}
	return judged + text, []any{h.Tenant, directory.SubscribedEvents(), m.logged, h.Counted.Add(-day), hooksSince, h.Counted.Add(-h.Grace),
		logSince, logRead, logSince.Add(hookPatience), directory.HookLate, logSince.Add(-directory.LogMargin)}
}

// SaveEventHealth keeps a measurement, for those who may not count themselves.
func (d *DB) SaveEventHealth(ctx context.Context, h directory.EventHealth) error {
	hourly, err := json.Marshal(h.Hour)
	if err != nil {
		return fmt.Errorf("write the counts of tenant %s: %w", h.Tenant, err)
	}
	daily, err := json.Marshal(h.Day)
	if err != nil {
		return fmt.Errorf("write the counts of tenant %s: %w", h.Tenant, err)
	}
	const query = `
		insert into event_health (tenant, counted_at, grace, hooks_since, last_hook, last_log, log_since, log_read, last_hour, last_day)
		select slug, {at $2}, $3, {at $4}, {at $5}, {at $6}, {at $7}, {at $8}, $9, $10 from tenants where slug = $1
		on conflict (tenant) do update set counted_at = excluded.counted_at, grace = excluded.grace, hooks_since = excluded.hooks_since,
			last_hook = excluded.last_hook, last_log = excluded.last_log, log_since = excluded.log_since, log_read = excluded.log_read,
			last_hour = excluded.last_hour, last_day = excluded.last_day`
	_, err = d.exec(ctx, d.write, query, h.Tenant, h.Counted, h.Grace, h.HooksSince, h.LastHook, h.LastLog, h.LogSince, h.LogRead,
		string(hourly), string(daily))
	if err != nil {
		return fmt.Errorf("keep how the events of tenant %s came: %w", h.Tenant, err)
	}
	return nil
}

// EventHealths returns the last measurement of each of the tenants, in order of slug. Those that have none
// are left out.
func (d *DB) EventHealths(ctx context.Context, tenants []string) ([]directory.EventHealth, error) {
	const query = `
		select tenant, counted_at, grace, hooks_since, last_hook, last_log, log_since, log_read, last_hour, last_day
		from event_health where tenant {in $1} order by tenant`
	scan := func(s scanner) (h directory.EventHealth, err error) {
		var grace int64
		err = s.Scan(&h.Tenant, moment{&h.Counted}, &grace, maybe{&h.HooksSince}, maybe{&h.LastHook}, maybe{&h.LastLog},
			maybe{&h.LogSince}, maybe{&h.LogRead}, jsonText{&h.Hour}, jsonText{&h.Day})
		h.Grace = time.Duration(grace) * time.Microsecond
		return h, err
	}
	found, err := list(ctx, d, d.read, scan, query, tenants)
	if err != nil {
		return nil, fmt.Errorf("read how the events of %d tenants came: %w", len(tenants), err)
	}
	return found, nil
}
