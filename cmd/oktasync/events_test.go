package main

import (
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
)

// arrive adds events to the inbox, published an age ago.
func (s *checkScene) arrive(t *testing.T, via directory.Via, age time.Duration, uuids ...string) {
	t.Helper()
	db := s.service.db
	now, err := db.Now(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var events []directory.Event
	for _, uuid := range uuids {
		events = append(events, directory.Event{UUID: uuid, Type: "user.lifecycle.suspend", Published: now.Add(-age), Via: via})
	}
	if via == directory.ViaHook {
		err = db.AddEvents(t.Context(), config.DefaultSlug, events)
	} else {
		cursor, found, readErr := db.LogCursor(t.Context(), config.DefaultSlug)
		if readErr != nil {
			t.Fatal(readErr)
		}
		if !found {
			cursor = directory.LogCursor{Next: "p", Types: directory.LogEvents(), Since: now.Add(-2 * time.Hour), Published: now}
			if err := db.MoveLog(t.Context(), config.DefaultSlug, "", cursor); err != nil {
				t.Fatal(err)
			}
		}
		page := directory.LogPage{Events: events, Next: "p"}
		_, err = db.TakeLogPage(t.Context(), config.DefaultSlug, page, "p", cursor.After(page, now))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// meter makes a turn of the chore, with no grace.
func (s *checkScene) meter(t *testing.T) {
	t.Helper()
	if err := s.service.meterEvents(t.Context(), config.DefaultSlug, 0); err != nil {
		t.Fatal(err)
	}
}

// shows waits until a page holds all of the texts, and returns it: a slow machine leaves things out at first.
func (s *checkScene) shows(t *testing.T, path string, texts ...string) string {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; {
		page, missing := s.page(t, path), ""
		for _, text := range texts {
			if !strings.Contains(page, text) {
				missing = text
			}
		}
		if missing == "" {
			return page
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s lacks %s:\n%s", path, missing, page)
		}
		time.Sleep(50 * time.Millisecond)
	}
}

func (s *checkScene) page(t *testing.T, path string) string {
	t.Helper()
	answer, err := http.Get(s.endpoint + path)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	return string(body)
}

func TestLostAndForgedHooksAreTold(t *testing.T) {
	t.Parallel()
	s := newCheckScene(t, config.HookAlarm)
	s.arrive(t, directory.ViaHook, time.Second, "e0", "forged")
	s.meter(t)
	if page := s.shows(t, "/metrics", `oktasync_events_seen{by="hook",tenant="default",window="1h"} 2`); strings.Contains(page, "oktasync_hooks_lost") {
		t.Errorf("without the log, lost hooks cannot be counted:\n%s", page)
	}

	s.arrive(t, directory.ViaLog, time.Second, "e0")
	var lost []string
	for i := range 10 {
		lost = append(lost, fmt.Sprint("lost", i))
	}
	s.arrive(t, directory.ViaLog, time.Second, lost...)
	for range 2 {
		s.meter(t)
	}
	if alerts := s.alerts(t); !slices.Equal(alerts, []string{"hooks.lost"}) {
		t.Errorf("alerts: %v", alerts)
	}
	s.shows(t, "/metrics",
		`oktasync_hooks_lost{tenant="default",window="1h"} 10`, `oktasync_hooks_unknown{tenant="default",window="24h"} 1`,
		`oktasync_hooks_late{tenant="default",window="1h"} 0`, `oktasync_events_seen{by="both",tenant="default",window="24h"} 1`,
		`oktasync_hook_limit_events{tenant="default"} 12`, `oktasync_last_event_timestamp_seconds{by="log",tenant="default"} `)
	s.shows(t, "/readyz", `"ready":true`, "tenant default lost 10 hooks within an hour, while 2 came",
		"got 1 events by hook within a day that Okta's System Log does not know")
	s.run(t, 0, "default: events", "doctor")

	s.arrive(t, directory.ViaHook, time.Second, lost...) // they come after all
	for range 2 {
		s.meter(t)
	}
	if alerts := s.alerts(t); !slices.Equal(alerts, []string{"hooks.lost.resolved"}) {
		t.Errorf("alerts in the end: %v", alerts)
	}
}

// An app that is switched off stops everything of the tenant, so the operator hears of it.
func TestAnUnusableAppIsTold(t *testing.T) {
	t.Parallel()
	s := newCheckScene(t, config.HookAlarm)
	worker := &reconciler{tenants: s.service.tenants, refresh: s.service.book.refresh, db: s.service.db, metrics: newMetrics(), log: s.service.log}
	sync := func() error {
		t.Helper()
		run, _, err := s.service.db.CreateRun(t.Context(), directory.Run{ID: newRunID(), Tenant: config.DefaultSlug, Scope: directory.FullScope(), Cause: directory.CauseManual})
		if err != nil {
			t.Fatal(err)
		}
		return worker.ReconcileRun(t.Context(), config.DefaultSlug, run.ID, directory.AnyClaim)
	}
	switchApp := func(active bool) {
		t.Helper()
		if _, err := s.org.Org.SetAppActive(s.org.Org.AppID(), active); err != nil {
			t.Fatal(err)
		}
	}
	switchApp(false)
	for range 2 {
		if err := sync(); err == nil || !strings.Contains(err.Error(), "activate the app in Okta") {
			t.Errorf("a sync of an inactive app: %v", err)
		}
	}
	if alerts := s.alerts(t); !slices.Equal(alerts, []string{"app.unusable"}) {
		t.Errorf("alerts: %v", alerts)
	}
	switchApp(true)
	for range 2 {
		if err := sync(); err != nil {
			t.Error(err)
		}
	}
	if alerts := s.alerts(t); !slices.Equal(alerts, []string{"app.unusable.resolved"}) {
		t.Errorf("alerts in the end: %v", alerts)
	}
}
