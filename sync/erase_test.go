package sync_test

import (
	"database/sql"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/postgres"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
)

// canary stands in every value of somebody's profile, and nowhere else. Ids never have it.
const canary = "kanarienvogel"

// naked is a database with a second way in, past the store.
type naked struct {
	db     *store.DB
	sql    *sql.DB
	tables string // a query that lists all tables and views

	postgres bool
}

func nakedDatabases(t *testing.T) map[string]func(t *testing.T) naked {
	t.Helper()
	opened := func(t *testing.T, db *store.DB, err error) *store.DB {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { db.Close() })
		return db
	}
	return map[string]func(t *testing.T) naked{
		"SQLite": func(t *testing.T) naked {
			path := storetest.SQLiteFile(t)
			db, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
			n := naked{db: opened(t, db, err), tables: `select name from sqlite_master where type in ('table', 'view')`}
			if n.sql, err = sql.Open("sqlite", path+"?_busy_timeout=10000"); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { n.sql.Close() })
			return n
		},
		"Postgres": func(t *testing.T) naked {
			address := storetest.PostgresDatabase(t)
			db, err := postgres.Open(t.Context(), postgres.Options{URL: address})
			n := naked{postgres: true, db: opened(t, db, err), tables: `select relname from pg_class where relkind in ('r', 'v', 'm') and relnamespace = 'public'::regnamespace`}
			config, err := pgx.ParseConfig(address)
			if err != nil {
				t.Fatal(err)
			}
			n.sql = stdlib.OpenDB(*config)
			t.Cleanup(func() { n.sql.Close() })
			return n
		},
	}
}

// holding lists every column of every table and view in which a value has the text, whatever its case.
func (n naked) holding(t *testing.T, text string) []string {
	t.Helper()
	var tables []string
	n.each(t, n.tables, func(_ []string, values []any) { tables = append(tables, fmt.Sprint(values[0])) })
	if !slices.Contains(tables, "people") {
		t.Fatalf("the tables are %v, and people should be one of them", tables)
	}
	var found []string
	for _, table := range tables {
		n.each(t, `select * from "`+table+`"`, func(columns []string, values []any) {
			for i, value := range values {
				if raw, isBytes := value.([]byte); isBytes {
					value = string(raw)
				}
				if place := table + "." + columns[i]; strings.Contains(strings.ToLower(fmt.Sprint(value)), text) && !slices.Contains(found, place) {
					found = append(found, place)
				}
			}
		})
	}
	slices.Sort(found)
	return found
}

func (n naked) each(t *testing.T, query string, row func(columns []string, values []any)) {
	t.Helper()
	rows, err := n.sql.QueryContext(t.Context(), query)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	for rows.Next() {
		values, targets := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			targets[i] = &values[i]
		}
		if err := rows.Scan(targets...); err != nil {
			t.Fatal(err)
		}
		row(columns, values)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
}

// TestErasureLeavesNothing: whatever happened to somebody, after the erasure no column of any table holds
// a value of theirs; and the search would find one in a table that is added tomorrow.
func TestErasureLeavesNothing(t *testing.T) {
	t.Parallel()
	for name, open := range nakedDatabases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			testErasure(t, open(t), "", func(*realOrg) {})
		})
	}
	t.Run("empty teams end", func(t *testing.T) {
		t.Parallel()
		testErasure(t, nakedDatabases(t)["SQLite"](t), directory.EmptyTeamsRemove, func(*realOrg) {})
	})
	t.Run("merged team", func(t *testing.T) {
		t.Parallel()
		testErasure(t, nakedDatabases(t)["SQLite"](t), directory.EmptyTeamsKeep, func(r *realOrg) {
			team, _ := directory.TeamFor("department", canary)
			teams, err := r.db.ListTeams(r.Context(), realTenant, "", 100)
			if err != nil {
				r.Fatal(err)
			}
			into := teams[slices.IndexFunc(teams, func(other directory.TeamSize) bool { return other.ID != team.ID })].ID
			act := directory.Act{Tenant: realTenant, Actor: "ops", Role: directory.RoleApprove, Kind: directory.ActTeamMerge, Subject: team.ID}
			if _, err := r.engine.MergeTeam(r.Context(), team.ID, into, act); err != nil {
				r.Fatal(err)
			}
		})
	})
}

// testErasure erases somebody to whom much happened, and at last before that what lately does.
func testErasure(t *testing.T, n naked, empty directory.EmptyTeams, lately func(r *realOrg)) {
	r := newRealOrg(t, n.db, emulator.Options{
		People: 12, Groups: 1, Limits: emulator.Unlimited(), CustomAttributes: []emulator.Attribute{{Name: "badgeColor", Type: "string"}},
	}, func(rules *directory.Rules) {
		rules.Custom = []directory.CustomField{{Name: "badge", Type: directory.CustomText, Source: directory.Source{From: []string{"user.badgeColor"}}}}
		rules.Mapping[directory.FieldManagerLink] = directory.Source{From: []string{"user.managerId"}} // ids have no canary
		rules.Unique = []directory.Field{directory.CustomOf("badge")}
		rules.Grants = directory.GrantRules{
			Sets: []directory.RoleSet{{Name: "access", Roles: []directory.RoleKind{{Name: "reader"}, {Name: "local", KeepLast: true}}, Rules: []directory.GrantRule{
				{Name: "everybody", Role: "reader", Everyone: true},
				{Name: "by-city", Role: "local", Attribute: "user.city", Values: map[string]string{canary: ""}},
			}}},
			Pools: []directory.LicensePool{{Name: "seat", Cap: -1, Rules: []directory.GrantRule{{Name: "all", Everyone: true}}}},
		}
		rules.Invites = directory.InviteRules{Mode: directory.InvitesAutomatic}
		rules.EmptyTeams = empty
	})
	r.mustFull()
	r.follow()
	who := r.liveAsCanary()
	r.deliverAbout(who)
	lately(r)

	before := n.holding(t, canary)
	for _, place := range []string{
		"people.email_key", "people.custom", "changes.fields", "plan.fields", "plan.after", "runs.plan_summary", "runs.scope_id",
		"people.attributes", "people.seen", "delivery_attempts.answer", "acts.subject", "teams.name", "directory_people.login", "inbox_scopes.reason",
	} {
		if !slices.Contains(before, place) {
			t.Errorf("before the erasure %s does not have the canary: the test has lost its object", place)
		}
	}
	for _, field := range directory.Fields() {
		if !slices.Contains(before, "people."+string(field)) {
			t.Errorf("before the erasure people.%s does not have the canary", field)
		}
	}
	for _, column := range []string{"role_grants.person_id", "license_claims.person_id", "unique_values.person_id", "invites.person_id", "deliveries.about", "delivery_attempts.about"} {
		if !slices.Contains(n.holding(t, strings.ToLower(who)), column) {
			t.Errorf("before the erasure %s does not have the person: the test has lost its object", column)
		}
	}
	history, teams := r.chain(who), r.teamsMade(canary)

	r.deprovision(directory.DeprovisionDelete, 0)
	r.must(r.org.Deactivate(who))
	r.follow()
	if result, _, err := r.engine.EraseDue(t.Context()); err != nil || result.Changes[directory.PersonErased] != 1 {
		t.Fatalf("erasing led to %v, %v", result.Changes, err)
	}
	if after := n.holding(t, canary); len(after) > 0 {
		t.Errorf("after the erasure the canary is in %v", after)
	}
	kept := n.holding(t, strings.ToLower(who))
	for _, column := range []string{"role_grants.person_id", "license_claims.person_id", "unique_values.person_id"} {
		if slices.Contains(kept, column) {
			t.Errorf("after the erasure the person still stands in %s", column)
		}
	}
	chain := r.chain(who)
	if len(chain) <= len(history) || !slices.Equal(chain[:len(history)], history) || chain[len(chain)-1] != string(directory.PersonErased) {
		t.Errorf("the chain of changes was %v and is %v", history, chain)
	}
	// Nor is an answer kept that comes after the erasure.
	r.answerAbout(teams)
	if after := n.holding(t, canary); len(after) > 0 {
		t.Errorf("after a late answer the canary is in %v", after)
	}
	// The plan that waits is not spoilt: what it says of the person is left alone.
	r.mustFull()
	if after := n.holding(t, canary); len(after) > 0 {
		t.Errorf("after a full sync the canary is in %v", after)
	}

	for _, statement := range []string{`create table tomorrow (note text)`, `insert into tomorrow values ('a ` + strings.ToUpper(canary) + ` sings')`} {
		if _, err := n.sql.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if after := n.holding(t, canary); !slices.Equal(after, []string{"tomorrow.note"}) {
		t.Errorf("with the canary in a new table, it is found in %v", after)
	}
}

// liveAsCanary lets somebody with the canary in all fields come, change, be asked for, wait in plans, fall
// into quarantine and out of it, and returns who it is.
func (r *realOrg) liveAsCanary() string {
	r.Helper()
	login := canary + "@acme.example"
	// Asked for by login before anybody knows them, and found.
	ask := func() {
		r.Helper()
		scope := directory.PersonScope(login)
		run, _, err := r.db.RequestRun(r.Context(), directory.Run{ID: r.runID(), Tenant: realTenant, Scope: scope, Cause: directory.CauseManual, By: "ops"},
			directory.Act{Tenant: realTenant, Actor: "ops", Role: directory.RoleOperate, Kind: directory.ActResync, Subject: scope.String()})
		if err != nil {
			r.Fatal(err)
		}
		if _, err := r.engine.Run(r.Context(), run.ID, directory.AnyClaim); err != nil {
			r.Fatal(err)
		}
	}
	who := r.must(r.org.Join(emulator.NewPerson{FirstName: canary + " One", LastName: canary, Title: canary, Department: canary, Profile: map[string]any{
		"email": login, "login": login, "profileUrl": "https://" + canary + ".example/me.png", "preferredLanguage": canary, "city": canary,
		"employeeNumber": canary + "-7", "managerId": canary + "-boss", "manager": "Boss " + canary, "badgeColor": canary,
	}})).ID
	ask()
	// An event that knows the login alone, and one that fails for good.
	byLogin := directory.Event{UUID: "by-login", Type: "application.user_membership.add", Published: time.Now(), Via: directory.ViaHook, Scopes: []directory.Scope{directory.PersonScope(login)}}
	if err := r.db.AddEvents(r.Context(), realTenant, []directory.Event{byLogin}); err != nil {
		r.Fatal(err)
	}
	if _, err := r.engine.Scope(r.Context(), directory.PersonScope(login)); err != nil {
		r.Fatal(err)
	}
	r.follow()
	r.must(r.org.Update(who, map[string]any{"title": canary + " Senior", "department": canary + " South", "badgeColor": canary + " red"}))
	r.follow()
	r.must(r.org.Suspend(who))
	r.follow()
	r.must(r.org.Unsuspend(who))
	r.follow()
	// A plan that waits has them, too.
	r.must(r.org.Update(who, map[string]any{"title": canary + " Head", "department": canary + " North"}))
	dry := directory.Run{ID: r.runID(), Tenant: realTenant, Scope: directory.FullScope(), Cause: directory.CauseManual, State: directory.RunQueued, DryRun: true}
	if _, _, err := r.db.CreateRun(r.Context(), dry); err != nil {
		r.Fatal(err)
	}
	if _, err := r.engine.Run(r.Context(), dry.ID, 0); err != nil {
		r.Fatal(err)
	}
	r.follow()
	failing := directory.Event{UUID: "failing", Type: "user.account.update_profile", Published: time.Now(), Via: directory.ViaHook, Scopes: []directory.Scope{directory.PersonScope(who)}}
	if err := r.db.AddEvents(r.Context(), realTenant, []directory.Event{failing}); err != nil {
		r.Fatal(err)
	}
	if err := r.db.Park(r.Context(), realTenant, directory.PersonScope(who), "Okta says: not found: "+login); err != nil {
		r.Fatal(err)
	}
	return who
}

// deliverAbout notes a delivery about somebody that was refused with an answer which repeats a value, and one that waits behind.
func (r *realOrg) deliverAbout(who string) {
	r.Helper()
	act := directory.Act{Tenant: realTenant, Actor: "ops", Role: directory.RoleApprove, Kind: directory.ActEndpointAdd}
	if err := r.db.AddEndpoint(r.Context(), directory.Endpoint{Tenant: realTenant, ID: "e1", Name: "crm", URL: "https://example.com"}, act); err != nil {
		r.Fatal(err)
	}
	lane, ours, err := r.db.BeginTurn(r.Context(), directory.LaneHint{Tenant: realTenant, Endpoint: "e1"}, time.Minute)
	if err != nil || !ours {
		r.Fatalf("begin to deliver: %v, %v", ours, err)
	}
	step := directory.LaneStep{
		Cursor: lane.Health.Cursor, End: true,
		Add:      []directory.Delivery{{Seq: 1, About: who, State: directory.DeliveryWaiting, Attempts: 1, Wait: time.Hour, Problem: "the receiver answered 422"}, {Seq: 2, About: who, State: directory.DeliveryWaiting, Wait: -1}},
		Attempts: []directory.Attempt{{Seq: 1, About: who, Attempt: 1, At: time.Now(), Status: 422, Problem: "the receiver answered 422", Answer: "no seat for " + canary}},
	}
	if _, err := r.db.SaveLane(r.Context(), lane, step, time.Minute); err != nil {
		r.Fatal(err)
	}
	r.answerAbout(r.teamsMade(canary))
}

// answerAbout notes deliveries of changes of which the receiver repeats a value.
func (r *realOrg) answerAbout(changes []directory.Change) {
	r.Helper()
	lane, ours, err := r.db.BeginTurn(r.Context(), directory.LaneHint{Tenant: realTenant, Endpoint: "e1"}, time.Minute)
	if err != nil || !ours {
		r.Fatalf("begin to deliver: %v, %v", ours, err)
	}
	step := directory.LaneStep{Cursor: lane.Health.Cursor, End: true}
	for _, c := range changes {
		step.Attempts = append(step.Attempts, directory.Attempt{Seq: c.Seq, About: c.About(), Attempt: 1, At: time.Now(), OK: true, Status: 200, Answer: "thanks for " + canary})
	}
	if _, err := r.db.SaveLane(r.Context(), lane, step, time.Minute); err != nil {
		r.Fatal(err)
	}
}

// teamsMade returns the changes that made teams with this in their names.
func (r *realOrg) teamsMade(name string) []directory.Change {
	r.Helper()
	changes, err := r.db.Changes(r.Context(), realTenant, directory.ChangeQuery{Types: []directory.ChangeType{directory.TeamCreated}, Limit: 1000})
	if err != nil {
		r.Fatal(err)
	}
	named := slices.DeleteFunc(changes, func(c directory.Change) bool { return !strings.Contains(fmt.Sprint(c.Fields), name) })
	if len(named) == 0 {
		r.Fatalf("no team is called %s", name)
	}
	return named
}

// chain lists the types of the changes about somebody.
func (r *realOrg) chain(who string) []string {
	r.Helper()
	changes, err := r.db.Changes(r.Context(), realTenant, directory.ChangeQuery{PersonID: who, Limit: 1000})
	if err != nil {
		r.Fatal(err)
	}
	var types []string
	for _, c := range changes {
		types = append(types, string(c.Type))
	}
	return types
}
