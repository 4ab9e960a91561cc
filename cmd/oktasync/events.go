package main

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
)

const (
	// meterEvery is how often the events of each tenant are counted for metrics, /readyz and alerts.
	meterEvery = 5 * time.Minute
	// staleMeter is when a count says nothing about today any more.
	staleMeter = time.Hour
)

// meterEvents counts how a tenant's events came, keeps it, and has the operator told of many lost hooks.
func (s *service) meterEvents(ctx context.Context, tenant string, grace time.Duration) error {
	h, err := s.db.CountEvents(ctx, tenant, grace)
	if err != nil {
		return err
	}
	if err := s.db.SaveEventHealth(ctx, h); err != nil {
		return err
	}
	if many := h.ManyLost(); many != "" {
		raised, err := s.db.RaiseAlarm(ctx, tenant, directory.AlertHooksLost, "tenant "+tenant+" "+many)
		if raised {
			s.log.Error("many hooks were lost; nothing more is said until that changes", "tenant", tenant, "lost", *h.Hour.Lost, "came", h.Hour.ByHook())
		}
		return err
	}
	if h.Hour.Lost == nil {
		return nil // it cannot be told whether that is over
	}
	settled, err := s.db.SettleAlarm(ctx, tenant, directory.AlertHooksLost, fmt.Sprintf("tenant %s: few hooks or none were lost within the last hour", tenant))
	if settled {
		s.log.Info("few hooks are lost again, or none", "tenant", tenant, "lost", *h.Hour.Lost, "came", h.Hour.ByHook())
	}
	return err
}

// collectEvents sets the gauges of one tenant's last count. What cannot be told has none.
func collectEvents(h directory.EventHealth, set gaugeSetter) {
	windows := []struct {
		name   string
		counts directory.EventCounts
	}{{"1h", h.Hour}, {"24h", h.Day}}
	for _, w := range windows {
		seen := gauge("events_seen", "Events first seen within the window, by the ways that brought them.", "tenant", "by", "window")
		set(seen, float64(w.counts.HookOnly), h.Tenant, "hook", w.name)
		set(seen, float64(w.counts.LogOnly), h.Tenant, "log", w.name)
		set(seen, float64(w.counts.Both), h.Tenant, "both", w.name)
		set(gauge("hooks_late", "Events whose hook came later than 60 s.", "tenant", "window"), float64(w.counts.Late), h.Tenant, w.name)
		if w.counts.Lost != nil {
			set(gauge("hooks_lost", "Events that only the System Log brought although a hook should have.", "tenant", "window"), float64(*w.counts.Lost), h.Tenant, w.name)
		}
		if w.counts.Unknown != nil {
			set(gauge("hooks_unknown", "Events by hook that the System Log does not know.", "tenant", "window"), float64(*w.counts.Unknown), h.Tenant, w.name)
		}
	}
	last := gauge("last_event_timestamp_seconds", "When an event last came by each way.", "tenant", "by")
	if h.LastHook != nil {
		set(last, float64(h.LastHook.Unix()), h.Tenant, "hook")
	}
	if h.LastLog != nil {
		set(last, float64(h.LastLog.Unix()), h.Tenant, "log")
	}
	set(gauge("hook_limit_events", "Events within 24 hours that count against Okta's daily limit of hooks.", "tenant"), float64(h.Day.Triggering), h.Tenant)
	set(gauge("events_counted_timestamp_seconds", "When the events were last counted.", "tenant"), float64(h.Counted.Unix()), h.Tenant)
}

// checkEvents tells how the events of the last day came.
func (d *doctor) checkEvents(ctx context.Context, name func(string) string, t config.Tenant) {
	db, err := openStore(ctx, d.cfg)
	if err != nil {
		d.note(name("events"), "how they came could not be read: %v", err)
		return
	}
	defer db.Close()
	h, err := db.CountEvents(ctx, t.Slug, directory.EventGrace)
	if err != nil {
		d.note(name("events"), "how they came could not be read: %v", err)
		return
	}
	warnings := h.Warnings()
	for _, warning := range warnings {
		d.note(name("events"), "this tenant %s", warning)
	}
	if len(warnings) > 0 {
		return
	}
	came := fmt.Sprintf("within a day %d came by hook and %d by System Log, %d of them by both", h.Day.ByHook(), h.Day.ByLog(), h.Day.Both)
	if why := h.Unknowable(); why != "" {
		d.note(name("events"), "%s; %s", came, why)
		return
	}
	d.well(name("events"), "%s; %d lost", came, *h.Day.Lost)
}

type eventsCommand struct {
	Health eventsHealthCommand `cmd:"" help:"Count lost, late and unknown hooks, and say how long events took."`
}

type eventsHealthCommand struct {
	remote
	Grace span `default:"10m" help:"How long the other way of an event may be silent before it counts as lost or unknown."`
	JSON  bool `help:"As JSON."`
}

func (c eventsHealthCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	h, err := service.EventHealth(e.ctx, c.remote.Tenant, c.Grace.Duration)
	if err != nil {
		return err
	}
	if c.JSON {
		encoder := json.NewEncoder(e.out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(h)
	}
	row := func(name string, value func(v1.EventCount) string) []string {
		return []string{name, value(h.Hour), value(h.Day)}
	}
	number := func(of func(v1.EventCount) int) func(v1.EventCount) string {
		return func(c v1.EventCount) string { return fmt.Sprint(of(c)) }
	}
	if err := table(e.out, "EVENTS\tLAST HOUR\tLAST DAY", [][]string{
		row("by hook and log", number(func(c v1.EventCount) int { return c.Both })),
		row("by hook only", number(func(c v1.EventCount) int { return c.HookOnly })),
		row("by log only", number(func(c v1.EventCount) int { return c.LogOnly })),
		row("lost hooks", func(c v1.EventCount) string { return known(c.Lost) }),
		row("unknown to the log", func(c v1.EventCount) string { return known(c.Unknown) }),
		row("late hooks (over 60 s)", number(func(c v1.EventCount) int { return c.Late })),
		row("hooks took (mean, most)", func(c v1.EventCount) string { return delayWords(c.HookDelay) }),
		row("the log took (mean, most)", func(c v1.EventCount) string { return delayWords(c.LogDelay) }),
	}); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "\nLast event by hook %s, by System Log %s; the log was read to its end at %s (UTC).\n", stamp(h.LastHook), stamp(h.LastLog), stamp(h.LogRead))
	fmt.Fprintf(e.out, "Towards Okta's daily limit of hooks: %d of %d.\n", h.Limit.Events, h.Limit.Limit)
	if h.Unknowable != "" {
		fmt.Fprintf(e.out, "Not known: %s.\n", h.Unknowable)
	}
	for _, warning := range h.Warnings {
		fmt.Fprintf(e.out, "Look at this: tenant %s %s.\n", c.remote.Tenant, warning)
	}
	if len(h.Strays) == 0 {
		return nil
	}
	fmt.Fprintln(e.out)
	var rows [][]string
	for _, s := range h.Strays {
		rows = append(rows, []string{s.Kind, stamp(&s.PublishedAt), stamp(s.HookAt), stamp(s.LogAt), s.Type, s.UUID})
	}
	return table(e.out, "STRAY\tPUBLISHED (UTC)\tBY HOOK\tBY LOG\tTYPE\tEVENT", rows)
}

func known(n *int) string {
	if n == nil {
		return "not known"
	}
	return fmt.Sprint(*n)
}

func delayWords(d *v1.Delay) string {
	if d == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f s, %.1f s", d.Mean, d.Most)
}
