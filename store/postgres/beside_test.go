package postgres_test

import (
	"context"
	"database/sql"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/postgres"
	"github.com/oktasync/oktasync/store/storetest"
)

// beside is a tenant with one endpoint, and what happens beside a transaction of it.
type beside struct {
	*store.DB
	t   *testing.T
	raw *sql.DB
}

func newBeside(t *testing.T) *beside {
	t.Helper()
	address := storetest.PostgresDatabase(t)
	db, err := postgres.Open(t.Context(), postgres.Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	raw, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	b := &beside{db, t, raw}
	b.must(db.EnsureTenants(t.Context(), []string{"acme"}))
	b.must(db.AddEndpoint(t.Context(), directory.Endpoint{Tenant: "acme", ID: "a", Name: "crm", URL: "https://example.com"}, directory.Act{Kind: directory.ActEndpointAdd}))
	return b
}

func (b *beside) must(err error) {
	b.t.Helper()
	if err != nil {
		b.t.Fatal(err)
	}
}

// during runs other beside a transaction of the tenant that has done do, and commits it when other has ended or waits for
// a lock. It returns when both have ended.
func (b *beside) during(do func(context.Context, *store.Tx) error, other func() error) {
	b.t.Helper()
	ended := make(chan error, 1)
	b.must(b.Update(b.t.Context(), "acme", func(ctx context.Context, tx *store.Tx) error {
		if err := do(ctx, tx); err != nil {
			return err
		}
		go func() { ended <- other() }()
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline) && len(ended) == 0; {
			var waiting bool
			const query = `select exists (select 1 from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock')`
			if err := b.raw.QueryRowContext(ctx, query).Scan(&waiting); err != nil || waiting {
				return err
			}
		}
		return nil
	}))
	b.must(<-ended)
}

func updated(id string) directory.Change {
	return directory.Change{Type: directory.PersonUpdated, Subject: directory.SubjectPerson, SubjectID: id, PersonID: id}
}

// A replay has the changes that are being committed while it is asked for: they could be delivered before it is seen, and
// what it sends afterwards is older.
func TestReplayBesideAChange(t *testing.T) {
	t.Parallel()
	b := newBeside(t)
	b.must(b.Update(t.Context(), "acme", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Append(ctx, []directory.Change{updated("u1")})
		return err
	}))
	replayed := 0
	b.during(func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Append(ctx, []directory.Change{updated("u1"), updated("u2")})
		return err
	}, func() (err error) {
		replayed, err = b.Replay(t.Context(), "acme", "a", "r1", directory.ChangeQuery{}, directory.Act{Kind: directory.ActReplay})
		return err
	})
	due, err := b.DueDeliveries(t.Context(), "acme", "a", 10)
	if err != nil || replayed != 3 || len(due) != 2 || due[0].Seq != 1 || due[1].Seq != 3 {
		t.Errorf("%d changes are replayed, due is %+v, %v", replayed, due, err)
	}
}

// An answer about somebody who is being erased while it is written down is not kept.
func TestAnswerBesideAnErasure(t *testing.T) {
	t.Parallel()
	b := newBeside(t)
	ada := directory.Person{ID: "u1", Status: directory.StatusActive, OktaStatus: "ACTIVE", Profile: directory.Profile{FirstName: "Ada"}}
	b.must(b.Update(t.Context(), "acme", func(ctx context.Context, tx *store.Tx) error { return tx.PutPeople(ctx, []directory.Person{ada}) }))
	lane, ours, err := b.BeginTurn(t.Context(), directory.LaneHint{Tenant: "acme", Endpoint: "a"}, time.Minute)
	if err != nil || !ours {
		t.Fatalf("the turn is not ours: %v", err)
	}
	b.during(func(ctx context.Context, tx *store.Tx) error {
		if err := tx.PutPeople(ctx, []directory.Person{{ID: "u1", Status: directory.StatusRemoved}}); err != nil {
			return err
		}
		_, err := tx.Erase(ctx, []directory.Person{ada})
		return err
	}, func() error {
		step := directory.LaneStep{Attempts: []directory.Attempt{{Seq: 1, About: "u1", Attempt: 1, At: time.Now(), OK: true, Status: 200, Answer: "Hello Ada"}}}
		_, err := b.SaveLane(t.Context(), lane, step, time.Minute)
		return err
	})
	kept, err := b.Attempts(t.Context(), "acme", "a", 0, 10)
	if err != nil || len(kept) != 1 || kept[0].Answer != "" {
		t.Errorf("kept: %+v, %v", kept, err)
	}
}
