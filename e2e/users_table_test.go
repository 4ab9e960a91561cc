package e2e

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/client"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/examples/users-table/users"
	"github.com/oktasync/oktasync/seal"
)

var (
	breaks    = flag.Int("breaks", 4, "how many things TestUsersTable breaks")
	breakFor  = flag.Duration("breaks.for", 0, "how long it goes on breaking things at least")
	breakSeed = flag.Uint64("breaks.seed", 1, "in which order")
)

// product is a product that follows the directory with the code of examples/users-table.
type product struct {
	w     *world
	name  string
	table *users.Table
	begin func() (stop func())
	// ask has the service do at once what it would do in time; nil: nothing waits for a time.
	ask  func() error
	stop func()
}

// newTable makes a product's database on the server.
func newTable(w *world, server *postgresServer, name string) *users.Table {
	w.t.Helper()
	if _, err := open(w.t, server.URL()).ExecContext(w.t.Context(), "create database "+name); err != nil {
		w.t.Fatal(err)
	}
	before, after, _ := strings.Cut(server.URL(), "?")
	table := &users.Table{DB: open(w.t, before[:strings.LastIndex(before, "/")+1]+name+"?"+after)}
	if err := table.Create(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	return table
}

// departments returns those of some people in Okta.
func (w *world) departments(people int) []string {
	w.t.Helper()
	var names []string
	for _, id := range w.org.PersonIDs()[:people] {
		person, _ := w.org.Person(id)
		if name := person.Text("department"); name != "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func (w *world) directoryClient() *client.Client {
	w.t.Helper()
	return must[*client.Client](w.t)(client.New(client.Options{URL: "http://" + w.listen, Token: adminToken, Tenant: tenant}))
}

// fromFeed begins a product that follows the feed, from a cursor; empty: with a snapshot.
func fromFeed(w *world, server *postgresServer, name, cursor string) *product {
	w.t.Helper()
	p := &product{w: w, name: name, table: newTable(w, server, name)}
	if cursor != "" {
		if err := p.table.SetCursor(w.t.Context(), cursor); err != nil {
			w.t.Fatal(err)
		}
	}
	service := w.directoryClient()
	p.begin = func() func() {
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan error, 1)
		go func() {
			ended <- service.Follow(ctx, client.FollowOptions{Limit: 20, Wait: 2 * time.Second, FirstPause: 50 * time.Millisecond}, p.table)
		}()
		return func() {
			cancel()
			if err := <-ended; !errors.Is(err, context.Canceled) {
				w.t.Errorf("product %s gave up: %v", name, err)
			}
		}
	}
	p.run()
	return p
}

// fromWebhooks begins a product that lives from webhooks. Its endpoint is made first, then it takes over a snapshot, and
// only then it takes webhooks: what happens meanwhile waits.
func fromWebhooks(w *world, server *postgresServer, name string, meanwhile func()) *product {
	w.t.Helper()
	p := &product{w: w, name: name, table: newTable(w, server, name)}
	address := freeAddress(w.t)
	endpoint := must[v1.Endpoint](w.t)(w.api.AddEndpoint(w.t.Context(), tenant, v1.EndpointRequest{Name: "product", URL: "http://" + address + "/in"}))
	verifier := must[*client.Verifier](w.t)(client.NewVerifier(nil, endpoint.Secret))
	meanwhile()
	if err := p.table.Replace(w.t.Context(), w.directoryClient().Snapshot(w.t.Context())); err != nil {
		w.t.Fatal(err)
	}
	p.begin = func() func() {
		var listener net.Listener
		eventually(w.t, time.Minute, "the address of product "+name+" is free", func() string {
			var err error
			if listener, err = net.Listen("tcp", address); err != nil {
				return err.Error()
			}
			return ""
		})
		server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: verifier.Handler(p.table.Handle, func(err error) {
			if errors.Is(err, client.ErrNotGenuine) {
				w.t.Errorf("product %s: %v", name, err)
			}
		})}
		ended := make(chan error, 1)
		go func() { ended <- server.Serve(listener) }()
		return func() {
			_ = server.Close() // requests are cut off, as when a process dies
			<-ended
		}
	}
	p.ask = func() error {
		_, err := w.api.RetryDeliveries(w.t.Context(), tenant, endpoint.ID, "")
		return err
	}
	p.run()
	return p
}

func (p *product) run() {
	p.stop = sync.OnceFunc(p.begin())
	p.w.t.Cleanup(p.stop)
}

// follows waits until the product's tables show the directory.
func (p *product) follows(limit time.Duration) {
	p.w.t.Helper()
	directory := open(p.w.t, p.w.database)
	eventually(p.w.t, limit, "the tables of product "+p.name+" are the directory", func() string {
		if p.ask != nil {
			if err := p.ask(); err != nil {
				return err.Error()
			}
		}
		for _, pair := range [][2]string{
			{"select id, email, trim(first_name || ' ' || last_name), status, title, team_id, manager_id from directory_people",
				"select id, email, name, status, title, team_id, manager_id from users where not gone"},
			{"select person_id, group_id, '', '', '', '', '' from directory_members", "select user_id, group_id, '', '', '', '', '' from user_groups where member"},
			{"select person_id, role, team, '', '', '', '' from directory_roles", "select user_id, role, team_id, '', '', '', '' from user_roles where present"},
		} {
			want, err := rowsOf(p.w.t.Context(), directory, pair[0])
			if err != nil {
				return err.Error()
			}
			have, err := rowsOf(p.w.t.Context(), p.table.DB, pair[1])
			if err != nil {
				return err.Error()
			}
			if len(want) == 0 {
				return "the directory is empty"
			}
			for row := range want {
				if !have[row] {
					return fmt.Sprintf("%d rows are there of %d; %s is missing", len(have), len(want), row)
				}
			}
			if len(have) != len(want) {
				return fmt.Sprintf("%d rows are there, want %d", len(have), len(want))
			}
		}
		return ""
	})
}

func rowsOf(ctx context.Context, db *sql.DB, query string) (map[string]bool, error) {
	rows, err := db.QueryContext(ctx, query)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]bool{}
	for rows.Next() {
		var c [7]string
		if err := rows.Scan(&c[0], &c[1], &c[2], &c[3], &c[4], &c[5], &c[6]); err != nil {
			return nil, err
		}
		all[fmt.Sprintf("%q", c)] = true
	}
	return all, rows.Err()
}

// TestUsersTable breaks the service, Redis, the database under both sides and the products themselves in an order
// drawn from a seed, while things happen in Okta. The tables of all products end as the directory: of one that read
// the history from its beginning, of one that began with a snapshot, of one that lives from webhooks, and of one that
// takes its snapshot last.
//
//	go test ./e2e -run TestUsersTable -timeout 30m -breaks.for 10m -breaks.seed 7
func TestUsersTable(t *testing.T) {
	t.Parallel()
	server, redis := startPostgres(t), startRedis(t)
	w := newWorld(t, setup{
		database: server.URL(), redis: redis, org: emulator.Options{Hooks: emulator.HookOptions{Timeout: 5 * time.Minute}},
		settings: map[string]any{"deliver.allow": []string{"127.0.0.1"}, "encryption.keys": []string{seal.NewKey()}},
	})
	w.settings["role_sets"] = []map[string]any{{"set": "access", "roles": []string{"viewer", "editor"}, "rules": []map[string]any{
		{"name": "all", "role": "viewer", "everyone": true},
		{"name": "departments", "role": "editor", "attribute": "user.department", "equals": w.departments(4), "team_from": "primary_team"},
	}}}
	w.start()
	w.synced(2 * time.Minute)
	w.compare()
	w.hook()
	w.relay.SetPatient(true)
	tell := newStory(w, *breakSeed)
	products := []*product{
		fromFeed(w, server, "from_zero", "0"), fromFeed(w, server, "from_snapshot", ""),
		fromWebhooks(w, server, "from_webhooks", func() { tell.tell(5) }),
	}
	random, queue := rand.New(rand.NewPCG(*breakSeed, 5)), redis.client(t)
	deaths := []func(){
		func() { // in the middle of deliveries, and of what was under way the queue remembers nothing
			w.service.kill()
			if err := queue.FlushAll(t.Context()).Err(); err != nil {
				t.Fatal(err)
			}
			tell.tell(3)
			w.start()
		},
		func() { // it keeps nothing, so it comes back empty
			redis.kill()
			tell.tell(3)
			redis.start(t)
		},
		func() {
			server.stop()
			tell.tell(3)
			server.start()
			w.ready(w.service, w.listen)
		},
		func() {
			for _, p := range products {
				p.stop()
			}
			tell.tell(3)
			for _, p := range products {
				p.run()
			}
		},
	}
	var order []int // each once before any comes again
	until, broken := time.Now().Add(*breakFor), 0
	for ; broken < *breaks || time.Now().Before(until); broken++ {
		if len(order) == 0 {
			order = random.Perm(len(deaths))
		}
		tell.tell(5 + random.IntN(10))
		deaths[order[0]]()
		order = order[1:]
	}
	t.Logf("broken %d times", broken)
	w.settled(2*time.Minute + *breakFor/2)
	w.compare()
	for _, p := range append(products, fromFeed(w, server, "from_the_end", "")) {
		p.follows(2*time.Minute + *breakFor/2)
	}
}
