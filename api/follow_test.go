package api

import (
	"context"
	"errors"
	"iter"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	product "github.com/oktasync/oktasync/client"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/storetest"
)

// consumer keeps ids, and fails now and then after it has done half of its work.
type consumer struct {
	mu        sync.Mutex
	copy      copied
	cursor    string
	snapshots int
	applied   int
	random    *rand.Rand // nil: it never fails
}

var errOutOfLuck = errors.New("the consumer's own database went away")

func (c *consumer) fails() bool { return c.random != nil && c.random.IntN(4) == 0 }

func (c *consumer) Cursor(context.Context) (string, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fails() {
		return "", errOutOfLuck
	}
	return c.cursor, nil
}

func (c *consumer) Replace(_ context.Context, lines iter.Seq2[v1.SnapshotLine, error]) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	next, cursor := copied{map[string]bool{}, map[string]bool{}}, ""
	for line, err := range lines {
		if err != nil {
			return err
		}
		switch {
		case line.Start != nil:
			cursor = line.Start.Cursor
		case line.Person != nil:
			next.people[line.Person.ID] = true
		case line.Membership != nil:
			next.members[line.Membership.GroupID+" "+line.Membership.PersonID] = true
		case line.Role != nil:
			next.members[line.Role.Role.Role+" "+line.Role.PersonID] = true
		case line.License != nil:
			next.members[line.License.Pool+" "+line.License.PersonID] = true
		}
		if line.Kind == "start" && c.fails() {
			return errOutOfLuck // in the middle of the lines
		}
	}
	c.copy, c.cursor, c.snapshots = next, cursor, c.snapshots+1
	return nil
}

func (c *consumer) Apply(_ context.Context, changes []v1.Change, cursor string) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i, change := range changes {
		if i == len(changes)/2 && c.fails() {
			return errOutOfLuck // what was applied so far comes again
		}
		c.copy.apply(change)
	}
	c.cursor, c.applied = cursor, c.applied+len(changes)
	return nil
}

func (c *consumer) now() [2][]string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.copy.sorted()
}

// following is the client that products use.
func (r *feedRig) following(tenant string) *product.Client {
	r.t.Helper()
	c, err := product.New(product.Options{URL: r.url, Token: tokenAlice, Tenant: tenant})
	if err != nil {
		r.t.Fatal(err)
	}
	return c
}

// A consumer that fails a quarter of the time, and whose cursor expires once, ends with what is there.
func TestFollow(t *testing.T) {
	t.Parallel()
	r := serveFeed(t, openPostgres(t, storetest.PostgresDatabase(t)))
	const size = 700
	turn(t, r.db, someIDs(0, size), true)
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	follower := &consumer{random: rand.New(rand.NewPCG(3, 9))}
	options := product.FollowOptions{Limit: 25, Wait: 5 * time.Second, FirstPause: time.Millisecond}
	ended := make(chan error, 1)
	follow := func() { ended <- r.following("acme").Follow(ctx, options, follower) }
	go follow()
	random := rand.New(rand.NewPCG(8, 8))
	scramble := func() {
		for range 40 {
			turn(t, r.db, someIDs(random.IntN(size), 1+random.IntN(5)), random.IntN(2) == 0)
		}
	}
	same := func(what string) {
		t.Helper()
		is, _, _ := r.snapshot()
		deadline := time.Now().Add(3 * time.Minute)
		for cmp.Diff(is.sorted(), follower.now()) != "" {
			if time.Now().After(deadline) {
				t.Fatalf("%s: directory and copy:\n%s", what, cmp.Diff(is.sorted(), follower.now()))
			}
			r.changes(client.ChangeFilter{Newest: true, Limit: 1}) // takes a moment
		}
	}
	scramble()
	same("while it follows")
	scramble() // the first ones may all have been in the snapshot that it began with
	same("while it still follows")

	stop()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Fatalf("after its end: %v", err)
	}
	scramble()
	if _, err := r.db.Purge(t.Context(), store.Retention{Changes: time.Microsecond}); err != nil {
		t.Fatal(err)
	}
	before := follower.snapshots
	ctx, stop = context.WithCancel(t.Context())
	defer stop()
	go follow()
	same("after it came too late")
	stop()
	<-ended
	if follower.snapshots != before+1 || follower.applied == 0 {
		t.Errorf("%d snapshots, after %d; %d changes applied", follower.snapshots, before, follower.applied)
	}
}

func TestFollowGivesUp(t *testing.T) {
	t.Parallel()
	r := startFeed(t)
	r.happened(directory.PersonCreated)
	for name, test := range map[string]struct {
		tenant, cursor string
	}{
		"no such tenant":          {"nobody", ""},
		"another tenant's cursor": {"globex", r.changes(client.ChangeFilter{}).Cursor},
		"from the future":         {"acme", "7"},
	} {
		var answer *client.Error
		err := r.following(test.tenant).Follow(t.Context(), product.FollowOptions{}, &consumer{cursor: test.cursor})
		if !errors.As(err, &answer) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
