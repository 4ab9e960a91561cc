package main

import (
	"bytes"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/webhook"
)

// checkScene is a service without workers, whose chore the test calls by hand.
type checkScene struct {
	*hookScene
	service *service
	log     *bytes.Buffer
	hook    string
}

func newCheckScene(t *testing.T, check string) *checkScene {
	t.Helper()
	s := &checkScene{hookScene: newHookScene(t), log: &bytes.Buffer{}}
	front := httptest.NewUnstartedServer(nil)
	s.environ = append(s.environ, "OKTASYNC_HOOK_CHECK="+check, "OKTASYNC_SERVER_PUBLIC_URL=http://"+front.Listener.Addr().String())
	cfg, err := config.Load(config.Options{Environ: s.environ})
	if err != nil {
		t.Fatal(err)
	}
	if s.service, err = newService(t.Context(), cfg, true, slog.New(slog.NewTextHandler(s.log, nil))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.service.close)
	front.Config.Handler = s.service.http.Handler
	front.Start()
	t.Cleanup(front.Close)
	s.endpoint = front.URL
	s.check(t, string(okta.HookUnregistered))
	if strings.Contains(s.log.String(), "ERROR") {
		t.Errorf("a hook that never was is no alarm:\n%s", s.log)
	}
	s.run(t, 0, "is active and verified", "hook", "ensure")
	s.hook = s.only(t)
	s.check(t, string(okta.HookSound))
	return s
}

// only is the id of the org's one hook.
func (s *checkScene) only(t *testing.T) string {
	t.Helper()
	hooks := s.hooks(t)
	if len(hooks) != 1 {
		t.Fatalf("%d hooks", len(hooks))
	}
	return hooks[0].ID
}

func (s *checkScene) hooks(t *testing.T) []okta.EventHook {
	t.Helper()
	parts, done, err := s.service.tenants.use(config.DefaultSlug)
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	hooks, err := parts.reader.EventHooks(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return hooks
}

// check makes a turn and compares the state that it leaves.
func (s *checkScene) check(t *testing.T, want string) directory.HookRecord {
	t.Helper()
	if err := s.service.checkHook(t.Context(), config.DefaultSlug); err != nil {
		t.Fatal(err)
	}
	record, err := s.service.db.Hook(t.Context(), config.DefaultSlug)
	if err != nil {
		t.Fatal(err)
	}
	if record.State != want || (record.Problem == "") != (want == string(okta.HookSound)) {
		t.Errorf("the hook is %s: %q; want %s", record.State, record.Problem, want)
	}
	return record
}

// alerts takes the alerts that are to be sent, by kind.
func (s *checkScene) alerts(t *testing.T) (kinds []string) {
	t.Helper()
	due, err := s.service.db.DueAlerts(t.Context(), directory.AlertWebhook, time.Hour, time.Hour, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, alert := range due {
		kinds = append(kinds, string(alert.Kind))
	}
	return kinds
}

func (s *checkScene) admin(t *testing.T, method, path, body string) {
	t.Helper()
	oktaAdmin(t, s.org, method, path, body)
}

// edit replaces the hook by hand, as somebody in the console would.
func (s *checkScene) edit(t *testing.T, uri string, events []string) {
	t.Helper()
	s.admin(t, http.MethodPut, "/api/v1/eventHooks/"+s.hook, `{"name":"oktasync","events":{"type":"EVENT_TYPE","items":["`+strings.Join(events, `","`)+`"]},
		"channel":{"type":"HTTP","version":"1.0.0","config":{"uri":"`+uri+`","headers":[],"authScheme":{"type":"HEADER","key":"Authorization","value":"`+testHookSecret+`"}}}}`)
}

// meddling is what somebody does to the hook in Okta.
func meddling() map[okta.HookState]func(t *testing.T, s *checkScene) {
	return map[okta.HookState]func(t *testing.T, s *checkScene){
		okta.HookInactive: func(t *testing.T, s *checkScene) {
			s.admin(t, http.MethodPost, "/api/v1/eventHooks/"+s.hook+"/lifecycle/deactivate", "")
		},
		okta.HookMissing: func(t *testing.T, s *checkScene) {
			s.admin(t, http.MethodPost, "/api/v1/eventHooks/"+s.hook+"/lifecycle/deactivate", "")
			s.admin(t, http.MethodDelete, "/api/v1/eventHooks/"+s.hook, "")
		},
		okta.HookElsewhere: func(t *testing.T, s *checkScene) {
			s.edit(t, "https://elsewhere.example/hook", directory.SubscribedEvents())
		},
		okta.HookEvents: func(t *testing.T, s *checkScene) {
			s.edit(t, s.endpoint+webhook.Path, directory.SubscribedEvents()[2:])
		},
		okta.HookExtra: func(t *testing.T, s *checkScene) {
			s.edit(t, s.endpoint+webhook.Path, append(directory.SubscribedEvents(), "user.session.start"))
		},
	}
}

func TestHookCheckAlarms(t *testing.T) {
	t.Parallel()
	for state, meddle := range meddling() {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			s := newCheckScene(t, config.HookAlarm)
			meddle(t, s)
			before := s.org.Org.CallsTo("/api/v1/eventHooks/{id}")
			for range 3 {
				s.check(t, string(state))
			}
			if s.org.Org.CallsTo("/api/v1/eventHooks/{id}") != before || len(s.hooks(t)) > 1 {
				t.Error("it was written to")
			}
			alarms := strings.Count(s.log.String(), "level=ERROR")
			if want := map[bool]int{true: 1, false: 0}[state.Alarming()]; alarms != want {
				t.Errorf("%d alarms for three looks, want %d:\n%s", alarms, want, s.log)
			}
			if warned := strings.Contains(strings.Join(s.service.health.tenantWarnings(t.Context()), "\n"), "tenant default has an event hook that does not do its work"); warned != state.Alarming() {
				t.Errorf("/readyz warns: %t", warned)
			}
			tenant, err := s.service.db.TenantState(t.Context(), config.DefaultSlug)
			if err != nil || tenant.Hook.State != string(state) || tenant.Hook.Since == nil {
				t.Errorf("the tenant's state: %+v, %v", tenant.Hook, err)
			}
			if want := map[bool][]string{true: {"event_hook.broken"}}[state.Alarming()]; !slices.Equal(s.alerts(t), want) {
				t.Errorf("the alerts are not %v", want)
			}
			s.run(t, 0, "is active and verified", "hook", "ensure")
			s.check(t, string(okta.HookSound))
			if want := map[bool][]string{true: {"event_hook.broken.resolved"}}[state.Alarming()]; !slices.Equal(s.alerts(t), want) {
				t.Errorf("the alerts in the end are not %v", want)
			}
			if state.Alarming() && !strings.Contains(s.log.String(), "does its work again") {
				t.Errorf("the end is not told:\n%s", s.log)
			}
		})
	}
}

func TestHookCheckRepairs(t *testing.T) {
	t.Parallel()
	for state, meddle := range meddling() {
		t.Run(string(state), func(t *testing.T) {
			t.Parallel()
			s := newCheckScene(t, config.HookRepair)
			meddle(t, s)
			s.check(t, string(okta.HookSound))
			if hooks := s.hooks(t); len(hooks) != 1 || !hooks[0].Delivers() || len(hooks[0].Events.Items) != len(directory.SubscribedEvents()) {
				t.Errorf("the hook is not repaired: %d hooks", len(hooks))
			}
			if !strings.Contains(s.log.String(), "is repaired") || !strings.Contains(s.log.String(), "was="+string(state)) {
				t.Errorf("it is not told:\n%s", s.log)
			}
			if alerts := s.alerts(t); !slices.Equal(alerts, []string{"event_hook.repaired"}) {
				t.Errorf("alerts: %v", alerts)
			}
			calls := s.org.Org.CallsTo("/api/v1/eventHooks/{id}")
			s.check(t, string(okta.HookSound))
			if s.org.Org.CallsTo("/api/v1/eventHooks/{id}") != calls {
				t.Error("the next turn wrote again")
			}
		})
	}
}

// What the credentials may not do is told, and does not make the tenant rest.
func TestHookCheckWithoutRights(t *testing.T) {
	t.Parallel()
	s := newCheckScene(t, config.HookRepair)
	meddling()[okta.HookInactive](t, s)
	if _, err := s.org.Org.AddFault(emulator.Fault{Kind: emulator.FaultForbidden, Endpoint: "POST /api/v1/eventHooks/**"}); err != nil {
		t.Fatal(err)
	}
	if record := s.check(t, string(okta.HookInactive)); !strings.Contains(record.Problem, "could not be repaired") || !strings.Contains(record.Problem, "okta.eventHooks.manage") {
		t.Errorf("the problem: %s", record.Problem)
	}
	if _, err := s.org.Org.AddFault(emulator.Fault{Kind: emulator.FaultForbidden, Endpoint: "GET /api/v1/eventHooks"}); err != nil {
		t.Fatal(err)
	}
	s.check(t, string(okta.HookUnreadable))
	if reason, err := s.service.db.Blocked(t.Context(), config.DefaultSlug); err != nil || reason != "" {
		t.Errorf("the tenant rests: %s, %v", reason, err)
	}
}

// Whoever finds the address is refused. Where the System Log shows that no hook of Okta's is missing, that
// is no reason to wake anybody.
func TestStrangersRaiseNoAlarm(t *testing.T) {
	t.Parallel()
	s := newCheckScene(t, config.HookAlarm)
	s.arrive(t, directory.ViaHook, time.Second, "e0")
	if err := s.service.db.NoteHookUses(t.Context(), []directory.HookUse{{Tenant: config.DefaultSlug, Uses: 3}}); err != nil {
		t.Fatal(err)
	}
	s.check(t, string(okta.HookRefused)) // without the log nobody can tell
	s.arrive(t, directory.ViaLog, time.Second, "e0")
	s.check(t, string(okta.HookSound))
	if alerts := s.alerts(t); !slices.Equal(alerts, []string{"event_hook.broken", "event_hook.broken.resolved"}) {
		t.Errorf("alerts: %v", alerts)
	}
}
