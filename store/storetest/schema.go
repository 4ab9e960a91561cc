package storetest

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// Empty is an empty database without schema.
type Empty struct {
	DB     *store.DB
	Second *store.DB              // the same database, as another process sees it
	SQL    func(statement string) // runs a statement beside the store
	Hour   string                 // an hour, as an expression that moments of the tables are moved by
}

// Schema tests the migrations. open returns an empty database that belongs to the
// test.
func Schema(t *testing.T, open func(t *testing.T) Empty) {
	tests := map[string]func(*testing.T, Empty){
		"from zero, and again": testMigrate,
		"two at once":          testMigrateAtOnce,
		"a newer schema":       testNewerSchema,
		"lost staging":         testLostStaging,
		"changes of another":   testWatch,
		"purge of changes":     testPurgeChanges,
		"windows of events":    testEventWindows,
		"two sweepers":         testTwoSweepers,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, open(t))
		})
	}
}

func checkVersion(t *testing.T, db *store.DB, want int64) {
	t.Helper()
	have, newest, err := db.SchemaVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if have != want || newest < 1 {
		t.Fatalf("the schema has version %d of %d, want %d", have, newest, want)
	}
}

func testMigrate(t *testing.T, e Empty) {
	checkVersion(t, e.DB, 0)
	err := e.DB.CheckSchema(t.Context())
	if err == nil || !strings.Contains(err.Error(), "run oktasync migrate") {
		t.Fatalf("an empty database: %v", err)
	}
	// Looking must not have changed anything.
	checkVersion(t, e.Second, 0)
	_, newest, err := e.DB.SchemaVersion(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := e.DB.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		checkVersion(t, e.DB, newest)
		if err := e.DB.CheckSchema(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := e.DB.EnsureTenants(t.Context(), []string{tenant}); err != nil {
			t.Fatal(err)
		}
	}
	e.SQL("delete from goose_db_version where version_id > 0")
	err = e.DB.CheckSchema(t.Context())
	if err == nil || !strings.Contains(err.Error(), "run oktasync migrate") {
		t.Fatalf("an older schema: %v", err)
	}
}

func testMigrateAtOnce(t *testing.T, e Empty) {
	failures := make(chan error)
	for _, db := range []*store.DB{e.DB, e.Second} {
		go func() { failures <- db.Migrate(t.Context()) }()
	}
	for range 2 {
		if err := <-failures; err != nil {
			t.Error(err)
		}
	}
	if err := e.DB.CheckSchema(t.Context()); err != nil {
		t.Error(err)
	}
}

func testNewerSchema(t *testing.T, e Empty) {
	if err := e.DB.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	e.SQL("insert into goose_db_version (version_id, is_applied) values (99999, true)")
	for name, check := range map[string]func(context.Context) error{"check": e.DB.CheckSchema, "migrate": e.DB.Migrate} {
		err := check(t.Context())
		if err == nil || !strings.Contains(err.Error(), "this binary is older than the database") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// testLostStaging empties the tables that Postgres empties when it crashes.
func testLostStaging(t *testing.T, e Empty) {
	if err := e.DB.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	f := newFixture(t, e.DB)
	f.putPeople(people("u1", "u2")...)
	f.putMembers(member("g1", "u2"))
	f.run("r1", directory.GroupScope("g1"))
	applying := f.run("r2", directory.GroupScope("g2"))
	applying.State = directory.RunApplying
	for _, run := range []string{"r1", "r2"} {
		f.stage(run, seen("u1"), members(1, false, "g1", "u1"))
		f.plan(run, ofPerson(directory.PersonUpdated, "u1"))
	}
	f.must(f.db.SaveRun(f.ctx, applying, "w1", 0))
	for _, table := range []string{"staged_runs", "staged", "staged_members", "staged_groups", "staged_lists"} {
		e.SQL("delete from " + table + " where tenant = '" + tenant + "'")
	}

	lost := func(what string, err error) {
		f.Helper()
		if err == nil || !strings.Contains(err.Error(), "is lost") {
			f.Errorf("%s after the crash: %v", what, err)
		}
	}
	none := directory.Membership{}
	lost("a page of people", f.tryStage("r1", seen("u2")))
	lost("the last page of a group", f.tryStage("r1", members(1, true, "g1", "u3")))
	lost("a page of nothing but a position", f.tryStage("r1", directory.Page{Positions: []directory.Position{{List: "people"}}}))
	_, err := f.db.UnseenPeople(f.ctx, tenant, "r1", directory.StatusActive, "", 10)
	lost("unseen people", err)
	_, err = f.db.CountUnseenPeople(f.ctx, tenant, "r1", directory.StatusActive)
	lost("the number of unseen people", err)
	_, err = f.db.UnseenGroups(f.ctx, tenant, "r1")
	lost("unseen groups", err)
	_, err = f.db.MissingMembers(f.ctx, tenant, "r1", none, 10)
	lost("missing members", err)
	_, err = f.db.UnseenMembers(f.ctx, tenant, "r1", none, 10)
	lost("unseen members", err)

	// Claimed again, a run that was reading has nothing to go on with and starts over,
	// plan and all; one that was applying goes on with its plan.
	must(f.db.ClaimRun(f.ctx, tenant, "r1", "w1", directory.AnyClaim, time.Minute))(f)
	_, found, err := f.db.Reading(f.ctx, tenant, "r1", "w1")
	f.must(err)
	f.same("there is something to go on with", found, false)
	f.must(f.db.ResetRun(f.ctx, tenant, "r1", "w1"))
	f.same("the plan of the one", must(f.db.Plan(f.ctx, tenant, "r1", 0, 10))(f), nil)
	f.stage("r1", seen("u2"))
	f.same("unseen", must(f.db.UnseenPeople(f.ctx, tenant, "r1", directory.StatusActive, "", 10))(f), []string{"u1"})
	must(f.db.ClaimRun(f.ctx, tenant, "r2", "w1", directory.AnyClaim, 0))(f)
	f.same("the plan of the other", len(must(f.db.Plan(f.ctx, tenant, "r2", 0, 10))(f)), 1)
}
