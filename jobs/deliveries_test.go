package jobs

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// courier is a product's receivers: turn says how long one takes.
type courier struct {
	turn func(ctx context.Context, hint directory.LaneHint) error
}

func (c courier) Turn(ctx context.Context, hint directory.LaneHint) error { return c.turn(ctx, hint) }

// dueLanes is a calendar on which all of them stand once.
type dueLanes chan directory.LaneHint

func (d dueLanes) DueLanes(context.Context, []string, time.Duration) ([]directory.LaneHint, error) {
	var hints []directory.LaneHint
	for {
		select {
		case h := <-d:
			hints = append(hints, h)
		default:
			return hints, nil
		}
	}
}

// Endpoints that hold every slot of the slow ones stand before nobody else, and one that hangs before it is known to be
// slow takes one slot.
func TestSlowEndpointsHaveTheirOwnSlots(t *testing.T) {
	t.Parallel()
	r := realRedis(t)
	release := make(chan struct{})
	held, done := make(chan string, 10), make(chan string, 10)
	startServer(t, ServerOptions{
		Redis: r, Ledger: newTables(), Reconciler: &reconciler{tables: newTables()}, Deliveries: 2,
		Courier: courier{func(ctx context.Context, h directory.LaneHint) error {
			if h.Slow || h.Endpoint == "hangs" {
				held <- h.Endpoint
				select {
				case <-release:
				case <-ctx.Done():
				}
				return nil
			}
			done <- h.Endpoint
			return nil
		}},
	})
	calendar := make(dueLanes, 10)
	postman := NewPostman(PostmanOptions{Client: newClient(r), Calendar: calendar, Tenants: func() []string { return []string{"acme"} }, Log: discard()})
	due := func(hints ...directory.LaneHint) {
		t.Helper()
		for _, h := range hints {
			h.Tenant = "acme"
			calendar <- h
		}
		if err := postman.Look(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	due(directory.LaneHint{Endpoint: "hangs"})
	for n := range 5 {
		due(directory.LaneHint{Endpoint: fmt.Sprint("slow", n), Slow: true})
	}
	for range 3 { // all of the slow slots and one of the others
		receive(t, "the slots are held", held)
	}
	due(directory.LaneHint{Endpoint: "a"}, directory.LaneHint{Endpoint: "b"}, directory.LaneHint{Endpoint: "c"})
	for range 3 {
		receive(t, "the others have had their turns", done)
	}
	close(release)
	for range 3 {
		receive(t, "the slow ones have had theirs", held)
	}
}
