package storetest

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/oktasync/oktasync/directory"
)

// came is an event that Okta published a while ago, of a type that hooks are subscribed to.
func (f *fixture) came(uuid string, ago time.Duration) directory.Event {
	f.Helper()
	e := event(uuid)
	e.Published = f.now().Add(-ago)
	return e
}

// byLog is the same event in the System Log.
func byLog(e directory.Event) directory.Event {
	e.Via, e.DeliveryID = directory.ViaLog, ""
	return e
}

// readLog takes events in from the log, whose reading began at since, and notes that it was read to its end now.
func (f *fixture) readLog(since time.Time, events ...directory.Event) {
	f.Helper()
	cursor, found, err := f.db.LogCursor(f.ctx, tenant)
	f.must(err)
	if !found {
		cursor = directory.LogCursor{Next: "p", Types: directory.LogEvents(), Since: since, Published: since}
		f.must(f.db.MoveLog(f.ctx, tenant, "", cursor))
	}
	cursor = cursor.After(directory.LogPage{Next: "p", Events: events}, f.now())
	must(f.db.TakeLogPage(f.ctx, tenant, directory.LogPage{Next: "p", Events: events}, "p", cursor))(f)
}

func (f *fixture) counts(grace time.Duration) directory.EventHealth {
	f.Helper()
	h := must(f.db.CountEvents(f.ctx, tenant, grace))(f)
	f.same("both windows hold the same", h.Day, h.Hour)
	return h
}

func (f *fixture) strays() (found []string) {
	f.Helper()
	for _, e := range must(f.db.StrayEvents(f.ctx, tenant, 0, 100))(f) {
		found = append(found, e.UUID+" "+string(e.Kind))
	}
	return found
}

func testEventCounts(f *fixture) {
	// What other tenants got counts for nothing.
	f.must(f.db.AddEvents(f.ctx, neighbour, []directory.Event{event("theirs")}))

	hooked, late, both, first := f.came("hooked", time.Second), f.came("late", 2*time.Minute), f.came("both", 3*time.Second), f.came("first", 9*time.Second)
	since := f.now().Add(-2 * time.Hour)
	f.add(hooked, late, both)
	early := f.counts(0)
	f.same("without a log", early.Hour.Lost, (*int)(nil))
	f.same("without a log", early.Hour.Unknown, (*int)(nil))
	f.same("hooks", []int{early.Hour.HookOnly, early.Hour.LogOnly, early.Hour.Both, early.Hour.Late, early.Hour.Triggering}, []int{3, 0, 0, 1, 3})

	lost, unhookable, theirs := f.came("lost", time.Second), f.came("unhookable", time.Second), f.came("theirs", time.Second)
	unhookable.Type = "user.lifecycle.delete.completed"
	f.readLog(since, byLog(both), byLog(late), byLog(first), byLog(lost), byLog(unhookable), byLog(theirs))
	f.add(first, theirs) // the log was faster

	h := f.counts(0)
	want := directory.EventCounts{HookOnly: 1, LogOnly: 2, Both: 4, Lost: new(1), Unknown: new(1), Late: 1, Triggering: 6}
	f.same("counts", h.Hour, want, cmpopts.IgnoreFields(directory.EventCounts{}, "Hook", "Log"))
	f.same("strays", f.strays(), []string{"lost lost", "hooked unknown", "late late"}, cmpopts.SortSlices(func(a, b string) bool { return a < b }))
	if d := h.Hour.Hook; d.Most < 2*time.Minute || d.Most > 4*time.Minute || d.Mean <= 0 || d.Mean >= d.Most {
		f.Errorf("delays of hooks: %+v", d)
	}
	if d := h.Hour.Log; d.Most < 2*time.Minute || d.Mean <= 0 || d.Mean >= d.Most {
		f.Errorf("delays of the log: %+v", d)
	}
	if h.LastHook == nil || h.LastLog == nil || !h.LastHook.After(*h.LastLog) || h.HooksSince == nil || h.HooksSince.After(*h.LastLog) {
		f.Errorf("times: last hook %v, last by log %v, hooks since %v", h.LastHook, h.LastLog, h.HooksSince)
	}

	patient := f.counts(time.Hour)
	f.same("whose other way has time is not judged", []int{*patient.Hour.Lost, *patient.Hour.Unknown, patient.Hour.LogOnly}, []int{0, 0, 2})

	// A hook that comes after all is not lost, and what the log brings after all not unknown.
	f.readLog(since, byLog(hooked))
	f.add(lost)
	h = f.counts(0)
	f.same("later", []int{*h.Hour.Lost, *h.Hour.Unknown, h.Hour.Both}, []int{0, 0, 6})
}

// testUnjudgedEvents has events of which the log could not know.
func testUnjudgedEvents(f *fixture) {
	since := f.now()
	old, older, fresh, strange := f.came("old", time.Hour), f.came("older clock", directory.LogMargin/2), f.came("fresh", 0), f.came("strange", 0)
	strange.Type = "made.up"
	f.readLog(since, byLog(f.came("before hooks", 0)))
	f.add(old, older, fresh, strange)
	f.same("the log was read before they came", *f.counts(0).Hour.Unknown, 0)
	f.readLog(since)
	f.same("strays", f.strays(), []string{"fresh unknown", "old late", "older clock unknown"}, cmpopts.SortSlices(func(a, b string) bool { return a < b }))
	f.same("lost before the first hook", *f.counts(0).Hour.Lost, 0)
}

// testEventWindows has events of different ages.
func testEventWindows(t *testing.T, e Empty) {
	if err := e.DB.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, e.DB)
	f.readLog(f.now().Add(-48*time.Hour), byLog(f.came("lost today", 0)), byLog(f.came("lost long ago", 0)))
	f.add(f.came("forged today", 0), f.came("forged now", 0), f.came("first", 0))
	f.readLog(time.Time{})
	for uuid, hours := range map[string]string{"lost today": "2", "forged today": "2", "first": "3", "lost long ago": "25"} {
		e.SQL("update inbox set received = received - " + hours + " * " + e.Hour + " where uuid = '" + uuid + "' and tenant = '" + tenant + "'")
	}
	h := must(f.db.CountEvents(f.ctx, tenant, 0))(f)
	f.same("the hour", []int{*h.Hour.Lost, *h.Hour.Unknown, h.Hour.HookOnly, h.Hour.LogOnly, h.Hour.Triggering}, []int{0, 1, 1, 0, 1})
	f.same("the day", []int{*h.Day.Lost, *h.Day.Unknown, h.Day.HookOnly, h.Day.LogOnly, h.Day.Triggering}, []int{1, 3, 3, 1, 4})

	// A log that nobody has read to its end for a while says nothing about the time since.
	e.SQL("update log_cursors set caught_up_at = caught_up_at - " + e.Hour)
	h = must(f.db.CountEvents(f.ctx, tenant, 0))(f)
	f.same("of the hour nothing is known", []*int{h.Hour.Lost, h.Hour.Unknown}, []*int{nil, nil})
	f.same("of the day, what the log has passed", []int{*h.Day.Lost, *h.Day.Unknown}, []int{1, 2})
}

func testKeptEventHealth(f *fixture) {
	f.same("nothing", must(f.db.EventHealths(f.ctx, []string{tenant, neighbour}))(f), nil)
	f.add(f.came("hooked", 0))
	h := f.counts(time.Minute)
	f.must(f.db.SaveEventHealth(f.ctx, h))
	f.same("kept", must(f.db.EventHealths(f.ctx, []string{tenant, neighbour}))(f), []directory.EventHealth{h})

	h.LogSince, h.LogRead, h.LastLog = new(at(1)), new(at(2)), new(at(3))
	h.HooksSince, h.LastHook = new(at(0)), new(f.now().Add(time.Hour))
	h.Day.Lost, h.Day.Unknown = new(3), new(0)
	f.must(f.db.SaveEventHealth(f.ctx, h))
	f.same("kept", must(f.db.EventHealths(f.ctx, []string{tenant}))(f), []directory.EventHealth{h})
	again := f.counts(0)
	f.same("what is older than a day is still known", []*time.Time{again.HooksSince, again.LastHook, again.LastLog},
		[]*time.Time{h.HooksSince, h.LastHook, h.LastLog})
	f.must(f.db.SaveEventHealth(f.ctx, directory.EventHealth{Tenant: "nobody", Counted: at(0)}))
	f.same("of nobody", must(f.db.EventHealths(f.ctx, []string{"nobody"}))(f), nil)
}

func testAlarms(f *fixture) {
	sent := func() (found []string) {
		f.Helper()
		for _, a := range must(f.db.DueAlerts(f.ctx, directory.AlertWebhook, time.Hour, time.Hour, 100))(f) {
			found = append(found, a.Tenant+" "+string(a.Kind)+": "+a.Sentence)
		}
		slices.Sort(found)
		return found
	}
	raise := func(kind directory.AlertKind, sentence string, want bool) {
		f.Helper()
		f.same("raised", must(f.db.RaiseAlarm(f.ctx, tenant, kind, sentence))(f), want)
	}
	settle := func(kind directory.AlertKind, sentence string, want bool) {
		f.Helper()
		f.same("settled", must(f.db.SettleAlarm(f.ctx, tenant, kind, sentence))(f), want)
	}
	settle(directory.AlertHooksLost, "never was", false)
	raise(directory.AlertHooksLost, "ten", true)
	raise(directory.AlertHooksLost, "twenty", false)
	raise(directory.AlertHookBroken, "gone", true)
	f.same("the neighbour's", must(f.db.SettleAlarm(f.ctx, neighbour, directory.AlertHooksLost, "x"))(f), false)
	f.same("alerts", sent(), []string{"acme event_hook.broken: gone", "acme hooks.lost: ten"})
	settle(directory.AlertHooksLost, "mended", true)
	settle(directory.AlertHooksLost, "mended", false)
	raise(directory.AlertHooksLost, "again", true)
	f.same("alerts", sent(), []string{"acme hooks.lost.resolved: mended", "acme hooks.lost: again"})
	f.same("of nobody", must(f.db.RaiseAlarm(f.ctx, "nobody", directory.AlertHooksLost, "x"))(f), false)

	f.must(f.db.Unblock(f.ctx, tenant))
	f.same("nothing was blocked", sent(), nil)
	f.must(f.db.Block(f.ctx, tenant, "the token is dead"))
	f.must(f.db.Block(f.ctx, tenant, "the role is missing"))
	f.same("blocked", len(sent()), 1)
	f.must(f.db.Unblock(f.ctx, tenant))
	f.must(f.db.Unblock(f.ctx, tenant))
	f.same("unblocked", len(sent()), 1)
}

// BenchmarkEventHealth counts the events of a tenant that has 1,000,000 in its inbox, 400,000 of them
// of the last day: as many as Okta sends hooks for.
func BenchmarkEventHealth(b *testing.B, e Empty) {
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	ctx := b.Context()
	must(e.DB.Migrate(ctx))
	must(e.DB.EnsureTenants(ctx, []string{tenant}))
	now, err := e.DB.Now(ctx)
	must(err)
	must(e.DB.AddEvents(ctx, tenant, []directory.Event{{UUID: "first", Type: "user.lifecycle.suspend", Published: now, Via: directory.ViaHook}}))
	cursor := directory.LogCursor{Next: "p", Types: directory.LogEvents(), Since: now.Add(-100 * time.Hour), Published: now, CaughtUp: now}
	must(e.DB.MoveLog(ctx, tenant, "", cursor))
	// One of a thousand came by one way only.
	e.SQL(`with recursive numbers(n) as (select 1 union all select n + 1 from numbers where n < 1000000)
		insert into inbox (tenant, uuid, type, published, received, via, delivery_id, outcome, other_at)
		select tenant, 'event-0123456789-0123456789-' || n, type, received - n * (` + e.Hour + ` / 16667), received - n * (` + e.Hour + ` / 16667), case when n % 3 = 0 then 'log' else 'hook' end,
			'delivery-0123456789-0123456789', 'SUCCESS', case when n % 1000 = 0 then null else received - n * (` + e.Hour + ` / 16667) end
		from inbox cross join numbers where uuid = 'first'`)
	e.SQL("analyze")
	for name, read := range map[string]func() error{
		"count": func() error {
			h, err := e.DB.CountEvents(ctx, tenant, directory.EventGrace)
			if err == nil && (h.Day.Triggering < 399_000 || h.Day.Triggering > 401_000 || h.Day.Lost == nil || *h.Day.Lost < 100) {
				b.Fatalf("counted %+v", h.Day)
			}
			return err
		},
		"strays": func() error {
			_, err := e.DB.StrayEvents(ctx, tenant, directory.EventGrace, 20)
			return err
		},
		"kept": func() error {
			_, err := e.DB.EventHealths(ctx, []string{tenant})
			return err
		},
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				must(read())
			}
		})
	}
}
