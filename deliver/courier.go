package deliver

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const (
	// laneLease is how long an endpoint is nobody else's. It is renewed every laneRenew, and outlasts an attempt.
	laneLease = 30 * time.Second
	laneRenew = 8 * time.Second
	// saveEvery is how often what was delivered is written down, and saveAt how many attempts are at once: what is not
	// written down when the process dies is delivered once more.
	saveEvery = 250 * time.Millisecond
	saveAt    = 256
	// windowSize is how many changes are in hand at a time, and pageSize how many are read at once.
	windowSize = 256
	pageSize   = 128
	// breakAfter is how many failures in a row mean that the receiver takes nothing.
	breakAfter = 5
	// slowAfter is how long an answer takes that is slow.
	slowAfter = 2 * time.Second
)

// LaneBox is where it stands what is to be delivered. Its methods are described where they are.
type LaneBox interface {
	BeginTurn(ctx context.Context, hint directory.LaneHint, lease time.Duration) (directory.Lane, bool, error)
	SaveLane(ctx context.Context, lane directory.Lane, step directory.LaneStep, lease time.Duration) (version int64, err error)
	Feed(ctx context.Context, tenant string, q directory.ChangeQuery) (directory.FeedPage, error)
	DueDeliveries(ctx context.Context, tenant, endpoint string, limit int) ([]directory.Delivery, error)
	WaitingAbouts(ctx context.Context, tenant, endpoint string, abouts []string) ([]string, error)
	ChangesBySeq(ctx context.Context, tenant string, seqs []int64) ([]directory.Change, error)
	TeamsOf(ctx context.Context, tenant string, people []string) (map[string][]string, error)
}

// Outgoing is a change that is about to be sent.
type Outgoing struct {
	directory.Change
	Replay string // id of the replay that it is part of
}

// CourierOptions configures a Courier.
type CourierOptions struct {
	Box LaneBox
	// Signers opens the secrets that an endpoint signs with at this moment.
	Signers func(directory.Endpoint) ([]*Signer, error)
	Post    func(context.Context, Message) Result
	// Bodies writes messages of a tenant as they are sent, one for each.
	Bodies func(ctx context.Context, tenant string, messages []Outgoing) ([][]byte, error)
	// Parallel is how many requests an endpoint gets at a time, 8 when zero.
	Parallel int
	// TurnTime is how long a turn takes up new work while others wait, 5 s when zero.
	TurnTime time.Duration
	Told     func(tenant, endpoint string, attempt directory.Attempt) // of each attempt; may be nil
	Now      func() time.Time
	Log      *slog.Logger
}

// Courier delivers changes to endpoints, one turn at one of them at a time. Several may, also in other processes: an
// endpoint is in the hands of one. It is safe for concurrent use.
type Courier struct{ o CourierOptions }

// NewCourier returns a courier.
func NewCourier(o CourierOptions) *Courier {
	if o.Parallel <= 0 {
		o.Parallel = 8
	}
	if o.TurnTime <= 0 {
		o.TurnTime = 5 * time.Second
	}
	if o.Told == nil {
		o.Told = func(string, string, directory.Attempt) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Courier{o}
}

// Turn delivers what is due at an endpoint: until nothing is left, others have waited long enough, everything
// fails, or somebody changes the endpoint. What is left is found due again. Nobody waits for an endpoint that is
// gone, disabled, or in other hands.
func (c *Courier) Turn(ctx context.Context, hint directory.LaneHint) error {
	lane, ours, err := c.o.Box.BeginTurn(ctx, hint, laneLease)
	if err != nil || !ours {
		return err
	}
	t := &turn{
		Courier: c, lane: lane, log: c.o.Log.With("tenant", lane.Tenant, "endpoint", lane.ID),
		begun: c.o.Now(), read: lane.Health.Cursor, busy: map[string]bool{}, inHand: map[int64]bool{}, results: make(chan *item, c.o.Parallel),
	}
	types, unknown := directory.MatchTypes(lane.Types)
	if unknown != "" {
		return t.refuse(ctx, fmt.Errorf("its filter names %s, which is no type of change in this version", unknown))
	}
	t.types = types
	if t.signers, err = c.o.Signers(lane.Endpoint); err != nil {
		return t.refuse(ctx, err)
	}
	return t.run(ctx)
}

// refuse gives an endpoint back to which nothing can be sent, for a while.
func (t *turn) refuse(ctx context.Context, reason error) error {
	rests := t.lane.Rests + 1
	problem := "nothing can be sent: " + reason.Error()
	step := directory.LaneStep{Cursor: t.lane.Health.Cursor, Slow: true, Rests: rests, Rest: restFor(rests), End: true, Problem: problem}
	if _, err := t.o.Box.SaveLane(ctx, t.lane, step, laneLease); err != nil {
		return err
	}
	return fmt.Errorf("deliver to endpoint %s of tenant %s: %s", t.lane.ID, t.lane.Tenant, problem)
}

// restFor says how long an endpoint that takes nothing is left alone, the longer the more often in a row: until
// somebody mends it, one request at times shows whether that was done.
func restFor(rests int) time.Duration {
	rest := 5 * time.Second << min(max(rests, 1)-1, 6)
	return jittered(min(rest, 5*time.Minute))
}

// jittered spreads a wait over 80 % to 120 %, so that what failed together does not come back together.
func jittered(d time.Duration) time.Duration { return d - d/5 + rand.N(2*d/5+1) }
