package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// turn is one turn of a courier at an endpoint. One goroutine decides; the requests have goroutines of their own and
// come back through results.
//
// The changes after the cursor are in a window, in their order. One is sent as soon as none about the same person,
// team or group is under way before it. One that fails becomes a row, which has a schedule of its own, and so do
// those behind it: they leave the window, and the others pass. The cursor follows the first one of the window
// that is not done with.
type turn struct {
	*Courier
	lane    directory.Lane
	signers []*Signer
	types   []directory.ChangeType
	log     *slog.Logger
	begun   time.Time

	window  []*item // from the feed, in its order
	retries []*item // from the table, not begun
	read    int64   // the feed was read up to here
	atEnd   bool    // and has no more
	asked   bool    // for what is due in the table, since the last step

	busy    map[string]bool // what is under way, by what it is about
	inHand  map[int64]bool  // rows of the table, by position
	flying  int
	results chan *item

	step    directory.LaneStep
	saved   time.Time
	fails   int           // in a row
	good    bool          // something arrived in this turn
	slow    bool          // an answer took long
	rest    time.Duration // what the receiver asked for
	changed bool          // the endpoint is not what it was
	stopped bool          // the service stops
}

// item is one delivery.
type item struct {
	directory.Delivery
	change   directory.Change
	body     []byte
	fresh    bool // from the feed
	begun    bool
	done     bool
	outgoing Result
	at       time.Time
}

// over says that nothing more is begun.
func (t *turn) over() bool {
	probing := t.lane.Rests > 0 && !t.good
	return t.stopped || t.changed || t.rest > 0 || t.fails >= breakAfter || probing && t.fails > 0 ||
		t.slow && !t.lane.Slow || t.o.Now().Sub(t.begun) > t.o.TurnTime
}

// parallel is how many requests there may be at a time: while nothing is known to arrive, one new change and one that
// failed before.
func (t *turn) parallel() int {
	if t.lane.Rests > 0 && !t.good {
		return min(2, t.o.Parallel)
	}
	return t.o.Parallel
}

func (t *turn) run(ctx context.Context) error {
	t.saved = t.o.Now()
	tick := time.NewTicker(saveEvery)
	defer tick.Stop()
	stopping := ctx.Done()
	for {
		if !t.over() {
			if err := t.fill(ctx); err != nil {
				return t.giveUp(ctx, err)
			}
			t.dispatch(ctx)
		}
		if t.flying == 0 {
			if !t.over() && len(t.step.Done)+len(t.step.Again) > 0 {
				if err := t.save(ctx, false); err != nil { // it may be the turn of what was behind them
					return t.giveUp(ctx, err)
				}
				continue
			}
			return t.end(ctx)
		}
		select {
		case i := <-t.results:
			t.settle(ctx, i)
		case <-stopping:
			t.stopped, stopping = true, nil // the requests end with it, and say nothing about the receiver
		case <-tick.C:
			t.atEnd, t.asked = false, false // look for what came meanwhile
		}
		if err := t.saveSometimes(ctx); err != nil {
			return t.giveUp(ctx, err)
		}
	}
}

// giveUp waits for the requests, so that none goes on when somebody else begins, and lets the endpoint go.
func (t *turn) giveUp(ctx context.Context, err error) error {
	for ; t.flying > 0; t.flying-- {
		<-t.results
	}
	if errors.Is(err, directory.ErrBusy) {
		t.log.InfoContext(ctx, "an endpoint is gone, or somebody else delivers to it")
		return nil
	}
	return err
}

// fill reads what there is to deliver.
func (t *turn) fill(ctx context.Context) error {
	if !t.asked {
		if err := t.fillRetries(ctx); err != nil {
			return err
		}
		t.asked = true
	}
	t.slide()
	for !t.atEnd && len(t.window) <= windowSize-pageSize {
		if err := t.fillWindow(ctx); err != nil {
			return err
		}
	}
	return nil
}

// slide moves the window past what is done with, so that more is read while the last of it is still on its way.
func (t *turn) slide() {
	for len(t.window) > 0 && t.window[0].done {
		t.window = t.window[1:]
	}
}

// fillRetries takes up what failed before and is due.
func (t *turn) fillRetries(ctx context.Context) error {
	if len(t.step.Done)+len(t.step.Again) > 0 { // or what was just tried would be due once more
		if err := t.save(ctx, false); err != nil {
			return err
		}
	}
	rows, err := t.o.Box.DueDeliveries(ctx, t.lane.Tenant, t.lane.ID, pageSize)
	if err != nil {
		return err
	}
	var fresh []directory.Delivery
	var seqs []int64
	for _, r := range rows {
		if !t.inHand[r.Pos] {
			fresh, seqs = append(fresh, r), append(seqs, r.Seq)
		}
	}
	if len(fresh) == 0 {
		return nil
	}
	changes, err := t.o.Box.ChangesBySeq(ctx, t.lane.Tenant, seqs)
	if err != nil {
		return err
	}
	wanted, err := t.wanted(ctx, changes)
	if err != nil {
		return err
	}
	kept := bySeq(changes)
	var items []*item
	for _, r := range fresh {
		change, there := kept[r.Seq]
		if !there {
			t.step.Done, t.step.Missed = append(t.step.Done, r), t.step.Missed+1
			continue
		}
		if _, asked := wanted[r.Seq]; !asked && r.Replay != "" { // a replay takes all changes of a time
			t.step.Done = append(t.step.Done, r)
			continue
		}
		t.inHand[r.Pos] = true
		items = append(items, &item{Delivery: r, change: change})
		t.parkBehind(r.About) // an admin has sent something once more, and it goes first
	}
	if err := t.write(ctx, items); err != nil {
		return err
	}
	t.retries = append(t.retries, items...)
	return nil
}

// fillWindow reads a page of the feed.
func (t *turn) fillWindow(ctx context.Context) error {
	if len(t.step.Add) > 0 { // or it would not be seen what the page is behind of
		if err := t.save(ctx, false); err != nil {
			return err
		}
	}
	page, err := t.o.Box.Feed(ctx, t.lane.Tenant, directory.ChangeQuery{After: t.read, Types: t.types, Limit: pageSize, States: true})
	if err != nil {
		return err
	}
	if page.Purged > t.read {
		t.step.Missed += page.Purged - t.read
	}
	through := max(page.Last, t.read)
	if n := len(page.Changes); n == pageSize || page.Cut {
		through = page.Changes[n-1].Seq
	}
	t.atEnd, t.read = through == page.Last, through
	wanted, err := t.filtered(ctx, page.Changes)
	if err != nil || len(wanted) == 0 {
		return err
	}
	abouts := make([]string, len(wanted))
	for i, c := range wanted {
		abouts[i] = c.About()
	}
	waiting, err := t.o.Box.WaitingAbouts(ctx, t.lane.Tenant, t.lane.ID, abouts)
	if err != nil {
		return err
	}
	behind := make(map[string]bool, len(waiting))
	for _, about := range waiting {
		behind[about] = true
	}
	var items []*item
	for _, c := range wanted {
		i := &item{fresh: true, change: c, Delivery: directory.Delivery{Seq: c.Seq, About: c.About(), CreatedAt: c.At}}
		if behind[i.About] {
			t.park(i)
			continue
		}
		items = append(items, i)
	}
	if err := t.write(ctx, items); err != nil {
		return err
	}
	t.window = append(t.window, items...)
	return nil
}

// write gives items their bodies.
func (t *turn) write(ctx context.Context, items []*item) error {
	if len(items) == 0 {
		return nil
	}
	messages := make([]Outgoing, len(items))
	for n, i := range items {
		messages[n] = Outgoing{Change: i.change, Replay: i.Replay}
	}
	bodies, err := t.o.Bodies(ctx, t.lane.Tenant, messages)
	if err != nil {
		return err
	}
	if len(bodies) != len(items) {
		return fmt.Errorf("write %d messages of tenant %s: there are %d", len(items), t.lane.Tenant, len(bodies))
	}
	for n, i := range items {
		i.body = bodies[n]
	}
	return nil
}

// park makes a row of a change that is behind another one.
func (t *turn) park(i *item) {
	i.done, i.State, i.Wait = true, directory.DeliveryWaiting, -1
	t.step.Add = append(t.step.Add, i.Delivery)
}

// parkBehind makes rows of what is in the window about the same as a row, and not begun.
func (t *turn) parkBehind(about string) {
	for _, i := range t.window {
		if i.About == about && !i.begun && !i.done {
			t.park(i)
		}
	}
}

// dispatch begins what may be sent. What failed before leaves half of the places to new changes.
func (t *turn) dispatch(ctx context.Context) {
	places := t.parallel()
	for t.flying < max(1, places/2) && t.retry(ctx) {
	}
	for _, i := range t.window {
		if t.flying >= places {
			return
		}
		if !i.begun && !i.done && !t.busy[i.About] {
			t.begin(ctx, i)
		}
		if places < t.o.Parallel && i.begun {
			break // one will tell
		}
	}
	for t.flying < places && places == t.o.Parallel && t.retry(ctx) {
	}
}

// retry begins the first of what failed before of which nothing else about the same is under way, and says whether
// there was one. What an admin has sent once more may be about somebody of whom a new change is under way.
func (t *turn) retry(ctx context.Context) bool {
	n := slices.IndexFunc(t.retries, func(i *item) bool { return !t.busy[i.About] })
	if n < 0 {
		return false
	}
	i := t.retries[n]
	t.retries = slices.Delete(t.retries, n, n+1)
	t.begin(ctx, i)
	return true
}

func (t *turn) begin(ctx context.Context, i *item) {
	i.begun, i.at = true, t.o.Now()
	t.busy[i.About] = true
	t.flying++
	message := Message{URL: t.lane.URL, Signers: t.signers, ID: directory.MessageID(t.lane.Feed, i.Seq, i.Replay), Body: i.body}
	go func() {
		i.outgoing = t.o.Post(ctx, message)
		t.results <- i
	}()
}

// settle takes what came of an attempt.
func (t *turn) settle(ctx context.Context, i *item) {
	t.flying--
	delete(t.busy, i.About)
	r := i.outgoing
	if !r.Delivered && ctx.Err() != nil {
		t.stopped, i.begun = true, false
		return
	}
	i.Attempts++
	attempt := directory.Attempt{
		Seq: i.Seq, Replay: i.Replay, About: i.About, Attempt: i.Attempts, At: i.at,
		OK: r.Delivered, Status: r.Status, Took: r.Took, Problem: r.Problem, Answer: r.Answer,
	}
	t.step.Attempts = append(t.step.Attempts, attempt)
	t.o.Told(t.lane.Tenant, t.lane.ID, attempt)
	t.slow = t.slow || r.Took > slowAfter
	if r.Delivered {
		t.good, t.fails, i.done = true, 0, true
		if !i.fresh {
			t.step.Done = append(t.step.Done, i.Delivery)
			delete(t.inHand, i.Pos)
		}
		return
	}
	t.failed(i)
}

func (t *turn) failed(i *item) {
	r := i.outgoing
	t.fails++
	t.rest = max(t.rest, r.Wait)
	wait, again := Backoff(i.Attempts)
	i.State, i.Wait, i.Status, i.Problem = directory.DeliveryWaiting, max(jittered(wait), r.Wait), r.Status, r.Problem
	if !again {
		i.State, i.Wait = directory.DeliveryDead, -1
	}
	if r.Gone {
		t.step.Gone, t.changed = true, true
	}
	i.done = true
	if !i.fresh {
		t.step.Again = append(t.step.Again, i.Delivery)
		delete(t.inHand, i.Pos)
		return
	}
	t.step.Add = append(t.step.Add, i.Delivery)
	t.parkBehind(i.About)
}

// saveSometimes saves when it is time to.
func (t *turn) saveSometimes(ctx context.Context) error {
	age := t.o.Now().Sub(t.saved)
	written := len(t.step.Attempts)
	if written >= saveAt || written > 0 && age >= saveEvery || age >= laneRenew {
		return t.save(ctx, false)
	}
	return nil
}

// save writes a step down. It goes on where the service stops: what arrived is not to arrive again.
func (t *turn) save(ctx context.Context, end bool) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	t.slide()
	step := t.step
	step.Cursor, step.Slow, step.Rests, step.End = t.read, t.slow, t.lane.Rests, end
	if len(t.window) > 0 {
		step.Cursor = t.window[0].Seq - 1
	}
	if t.good {
		step.Rests = 0
	}
	broken := t.fails >= breakAfter || t.lane.Rests > 0 && !t.good && t.fails > 0
	if end && broken {
		step.Rests, step.Slow = t.lane.Rests+1, true
		step.Rest = restFor(step.Rests)
	}
	if end {
		step.Rest = max(step.Rest, t.rest)
		step.Slow = step.Slow || t.lane.Slow && !t.good // nothing was learned
	}
	version, err := t.o.Box.SaveLane(ctx, t.lane, step, laneLease)
	if err != nil {
		return err
	}
	if t.good {
		t.lane.Rests = 0
	}
	if version != t.lane.Version {
		t.changed = true
	}
	t.tell(step)
	t.step, t.saved, t.asked = directory.LaneStep{}, t.o.Now(), false
	return nil
}

// tell says what an operator should know, once for each rest.
func (t *turn) tell(step directory.LaneStep) {
	switch {
	case step.Gone:
		t.log.Error("an endpoint is disabled: the receiver answered 410, it wants no more; enable it when that was a mistake")
	case step.End && step.Rest > 0 && step.Rests == 1:
		t.log.Warn("an endpoint takes nothing; what it misses is kept, and it is tried again with growing pauses, of which nothing more is said", "in", step.Rest, "reason", t.problem(step))
	case step.Missed > 0:
		t.log.Error("an endpoint missed changes that are no longer kept", "changes", step.Missed)
	}
	for _, r := range step.Again {
		if r.State == directory.DeliveryDead {
			t.log.Error("a delivery was given up after its last attempt; oktasync deliveries redrive takes it up again", "change", r.Seq, "attempts", r.Attempts, "reason", r.Problem)
		}
	}
}

func (t *turn) problem(step directory.LaneStep) string {
	for n := len(step.Attempts) - 1; n >= 0; n-- {
		if !step.Attempts[n].OK {
			return step.Attempts[n].Problem
		}
	}
	return "too many requests, it says"
}

// end gives the endpoint back.
func (t *turn) end(ctx context.Context) error {
	if err := t.save(ctx, true); err != nil {
		return t.giveUp(ctx, err)
	}
	return nil
}
