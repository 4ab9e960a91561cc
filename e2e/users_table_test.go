package e2e

import (
	"context"
	"database/sql"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/client"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/examples/users-table/users"
)

var (
	breaks    = flag.Int("breaks", 4, "how many things TestUsersTable breaks")
	breakSeed = flag.Uint64("breaks.seed", 1, "in which order")
)

// product is a product that follows the directory with the code of examples/users-table.
type product struct {
	w      *world
	name   string
	table  *users.Table
	cancel context.CancelFunc
	ended  chan error
}

// newProduct makes its database on the server, and lets it begin at a cursor; empty: with a snapshot.
func newProduct(w *world, server *postgresServer, name, cursor string) *product {
	w.t.Helper()
	if _, err := open(w.t, server.URL()).ExecContext(w.t.Context(), "create database "+name); err != nil {
		w.t.Fatal(err)
	}
	before, after, _ := strings.Cut(server.URL(), "?")
	p := &product{w: w, name: name, table: &users.Table{DB: open(w.t, before[:strings.LastIndex(before, "/")+1]+name+"?"+after)}}
	if err := p.table.Create(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	if cursor != "" {
		if err := p.table.SetCursor(w.t.Context(), cursor); err != nil {
			w.t.Fatal(err)
		}
	}
	p.start()
	w.t.Cleanup(p.stop)
	return p
}

func (p *product) start() {
	p.w.t.Helper()
	service, err := client.New(client.Options{URL: "http://" + p.w.listen, Token: adminToken, Tenant: tenant})
	if err != nil {
		p.w.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	p.cancel, p.ended = cancel, make(chan error, 1)
	go func() {
		p.ended <- service.Follow(ctx, client.FollowOptions{Limit: 20, Wait: 2 * time.Second, FirstPause: 50 * time.Millisecond}, p.table)
	}()
}

// stop ends it wherever it is, and fails the test when it had given up before.
func (p *product) stop() {
	p.cancel()
	if err := <-p.ended; !errors.Is(err, context.Canceled) {
		p.w.t.Errorf("product %s gave up: %v", p.name, err)
	}
	p.ended <- context.Canceled // for another stop
}

// follows waits until the product's tables show the directory.
func (p *product) follows(limit time.Duration) {
	p.w.t.Helper()
	directory := open(p.w.t, p.w.database)
	eventually(p.w.t, limit, "the tables of product "+p.name+" are the directory", func() string {
		for _, pair := range [][2]string{
			{"select id, email, trim(first_name || ' ' || last_name), status, title, team_id, manager_id from directory_people",
				"select id, email, name, status, title, team_id, manager_id from users where not gone"},
			{"select person_id, group_id, '', '', '', '', '' from directory_members", "select user_id, group_id, '', '', '', '', '' from user_groups where member"},
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
// the history from its beginning, of one that began with a snapshot, and of one that takes its snapshot last.
//
//	go test ./e2e -run TestUsersTable -breaks 200 -breaks.seed 7
func TestUsersTable(t *testing.T) {
	t.Parallel()
	server, redis := startPostgres(t), startRedis(t)
	w := newWorld(t, setup{database: server.URL(), redis: redis, org: emulator.Options{Hooks: emulator.HookOptions{Timeout: 5 * time.Minute}}})
	w.start()
	w.synced(2 * time.Minute)
	w.compare()
	w.hook()
	w.relay.SetPatient(true)
	products := []*product{newProduct(w, server, "from_zero", "0"), newProduct(w, server, "from_snapshot", "")}
	tell := newStory(w, *breakSeed)
	random := rand.New(rand.NewPCG(*breakSeed, 5))
	for range *breaks {
		tell.tell(5 + random.IntN(10))
		switch what := random.IntN(4); what {
		case 0:
			w.service.kill()
			tell.tell(3)
			w.start()
		case 1:
			redis.kill()
			tell.tell(3)
			redis.start(t)
		case 2:
			server.stop()
			tell.tell(3)
			server.start()
			w.ready(w.service, w.listen)
		default:
			p := products[random.IntN(len(products))]
			p.stop()
			tell.tell(3)
			p.start()
		}
	}
	w.settled(2 * time.Minute)
	w.compare()
	for _, p := range append(products, newProduct(w, server, "from_the_end", "")) {
		p.follows(time.Minute)
	}
}
