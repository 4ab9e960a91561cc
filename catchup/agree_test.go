package catchup

import (
	"context"
	"log/slog"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/labstack/echo/v4"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/webhook"
)

const hookSecret = "a-long-hook-secret-for-tests"

// byUUID is an inbox in memory.
type byUUID struct {
	mu     sync.Mutex
	events map[string]directory.Event
}

func (b *byUUID) AddEvents(_ context.Context, _ string, events []directory.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range events {
		b.events[e.UUID] = e
	}
	return nil
}

// An event must mean the same by whichever way it comes: the gaps of the one are filled
// from the other.
func TestHookAndLogAgree(t *testing.T) {
	t.Parallel()
	r := newRig(t)
	hooked := &byUUID{events: map[string]directory.Event{}}
	tenants, err := webhook.NewTenantList([]webhook.Tenant{{Slug: tenant, AppID: r.org.AppID(), Secrets: []string{hookSecret}}})
	r.check(err)
	handler, err := webhook.New(webhook.Options{Tenants: tenants, Inbox: hooked, Enqueuer: r, Logger: slog.New(slog.DiscardHandler)})
	r.check(err)
	e := echo.New()
	handler.Register(e)
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	r.act(r.org.RegisterHook(emulator.NewHook{URL: server.URL + webhook.Path, Secret: hookSecret, Events: directory.SubscribedEvents()}))

	place := r.reader.LogSince(time.Now().Add(-time.Minute), directory.SubscribedEvents())
	everything(r)
	r.check(r.org.WaitHooks(t.Context()))
	page, err := r.reader.Log(t.Context(), place)
	r.check(err)

	logged, types := map[string]directory.Event{}, map[string]bool{}
	for _, e := range page.Events {
		logged[e.UUID] = e
		types[e.Type] = true
	}
	ways := cmpopts.IgnoreFields(directory.Event{}, "Via", "DeliveryID", "Received")
	if diff := cmp.Diff(hooked.events, logged, ways); diff != "" {
		t.Errorf("events (-hook +log):\n%s", diff)
	}
	if len(types) < 20 {
		t.Errorf("only %d types were compared: %v", len(types), types)
	}
}

// everything does all that an admin can do and that writes an event for hooks.
func everything(r *rig) {
	org, p := r.org, r.people
	group, err := org.CreateGroup("Sales", "")
	r.act(group, err)
	other, err := org.CreateApp("Wiki")
	r.act(other, err)
	created, err := org.Join(emulator.NewPerson{FirstName: "Ada", LastName: "L", Login: "ada.l@example.com"})
	r.act(created, err)
	for _, app := range []string{org.AppID(), other.ID} {
		r.act(org.Assign(app, created.ID))
		r.act(org.Unassign(app, created.ID))
		r.act(org.AssignGroup(app, group.ID))
		r.act(org.UnassignGroup(app, group.ID))
		r.act(org.SetAppActive(app, false))
		r.act(org.SetAppActive(app, true))
	}
	r.act(org.AddToGroup(group.ID, p[0]))
	r.act(org.RemoveFromGroup(group.ID, p[0]))
	r.act(org.RenameGroup(group.ID, "Selling"))
	r.act(org.DeleteGroup(group.ID))
	r.act(org.Update(p[1], title("Pilot")))
	r.act(org.Suspend(p[2]))
	r.act(org.Unsuspend(p[2]))
	r.act(org.Lock(p[3]))
	r.act(org.Unlock(p[3]))
	r.act(org.Deactivate(p[4]))
	r.act(org.Activate(p[4]))
	r.act(org.Deactivate(p[5]))
	r.act(org.Delete(p[5]))
}
