package storetest

import (
	"context"
	"time"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

func tenantAct(kind directory.ActKind, of string) directory.Act {
	return directory.Act{Tenant: of, Actor: "ops", Role: directory.RoleApprove, Kind: kind, Reason: "because"}
}

func managed(of string) directory.TenantRecord {
	return directory.TenantRecord{
		Tenant: of, Settings: `{"okta":{"url":"https://coal.okta.com"}}`,
		Secrets: map[string][]string{"okta.token": {"s1.a.b.c"}, "hook.secrets": {"s1.a.d.e", "s1.a.f.g"}},
	}
}

func (f *fixture) addTenant(of string) directory.TenantRecord {
	f.Helper()
	f.must(f.db.AddTenant(f.ctx, managed(of), tenantAct(directory.ActTenantAdd, of)))
	return must(f.db.TenantRecord(f.ctx, of))(f)
}

func testTenantRecords(f *fixture) {
	start := must(f.db.TenantsVersion(f.ctx))(f)
	records := must(f.db.TenantRecords(f.ctx))(f)
	if len(records) != 2 || records[0].Tenant != tenant || records[0].Managed() || records[0].SeenAt == nil {
		f.Fatalf("records of the file's tenants: %+v", records)
	}
	coal := f.addTenant("coal")
	version := must(f.db.TenantsVersion(f.ctx))(f)
	if version <= start || coal.Version != version {
		f.Fatalf("version %d after %d, the record has %d", version, start, coal.Version)
	}
	want := managed("coal")
	want.Version = version
	f.same("the record", coal, want)
	records = must(f.db.TenantRecords(f.ctx))(f)
	f.same("all records", []int{len(records), len(records[1].Secrets)}, []int{3, 2})
	f.fails(f.db.AddTenant(f.ctx, managed("coal"), tenantAct(directory.ActTenantAdd, "coal")), directory.ErrConflict)
	// The file has it, here or in another process.
	f.fails(f.db.AddTenant(f.ctx, managed(tenant), tenantAct(directory.ActTenantAdd, tenant)), directory.ErrConflict)
	f.same("refused changes leave no version", must(f.db.TenantsVersion(f.ctx))(f), version)

	changed := coal
	changed.Settings, changed.Secrets = `{"okta":{}}`, map[string][]string{"okta.token": {"s1.x.y.z"}}
	f.must(f.db.ChangeTenant(f.ctx, changed, tenantAct(directory.ActTenantChange, "coal")))
	f.fails(f.db.ChangeTenant(f.ctx, changed, tenantAct(directory.ActTenantChange, "coal")), directory.ErrConflict) // the version is old
	f.fails(f.db.ReplaceSecrets(f.ctx, changed), directory.ErrConflict)
	now := must(f.db.TenantRecord(f.ctx, "coal"))(f)
	changed.Version = now.Version
	f.same("the changed record", now, changed)
	now.Secrets = map[string][]string{"okta.token": {"s1.new.y.z"}}
	f.must(f.db.ReplaceSecrets(f.ctx, now))
	f.same("rewrapped", must(f.db.TenantRecord(f.ctx, "coal"))(f), now)
	f.fails(f.db.ChangeTenant(f.ctx, managed(tenant), tenantAct(directory.ActTenantChange, tenant)), directory.ErrConflict)
	f.fails(f.db.ChangeTenant(f.ctx, managed("nobody"), tenantAct(directory.ActTenantChange, "nobody")), directory.ErrNotFound)

	f.must(f.db.DropSettings(f.ctx, tenantAct(directory.ActTenantChange, "coal")))
	if now = must(f.db.TenantRecord(f.ctx, "coal"))(f); now.Managed() || now.Secrets != nil {
		f.Fatalf("after its settings were dropped: %+v", now)
	}
	f.fails(f.db.DropSettings(f.ctx, tenantAct(directory.ActTenantChange, "coal")), directory.ErrNotFound)
	f.addTenant("coal") // takes over the rows that nobody has configured
	var kinds []directory.ActKind
	for _, a := range must(f.db.Acts(f.ctx, "coal", directory.ActQuery{Limit: 10}))(f) {
		kinds = append(kinds, a.Kind)
	}
	f.same("acts", kinds, []directory.ActKind{directory.ActTenantAdd, directory.ActTenantChange, directory.ActTenantChange, directory.ActTenantAdd})
	_, err := f.db.TenantRecord(f.ctx, "nobody")
	f.fails(err, directory.ErrNotFound)
}

func testPause(f *fixture) {
	f.add(event("e1", directory.PersonScope("u1")))
	run := f.run("r1", directory.FullScope())
	f.must(f.db.SaveRun(f.ctx, run, "w1", 0))
	f.must(f.db.PauseTenant(f.ctx, tenantAct(directory.ActTenantPause, tenant)))
	first := must(f.db.TenantRecord(f.ctx, tenant))(f).Pause
	if first == nil || first.By != "ops" || first.Reason != "because" {
		f.Fatalf("pause %+v", first)
	}
	again := tenantAct(directory.ActTenantPause, tenant)
	again.Actor, again.Reason = "night shift", "still"
	f.must(f.db.PauseTenant(f.ctx, again))
	f.same("paused again", must(f.db.TenantRecord(f.ctx, tenant))(f).Pause, &directory.TenantPause{At: first.At, By: "night shift", Reason: "still"})
	f.add(event("e2", directory.PersonScope("u2"))) // events are kept
	ours := func() (scopes []directory.Scope, runs []string) {
		f.Helper()
		for _, h := range must(f.db.StaleScopes(f.ctx, false, time.Minute, 100))(f) {
			if h.Tenant == tenant {
				scopes = append(scopes, h.Scope)
			}
		}
		for _, r := range must(f.db.StaleRuns(f.ctx, time.Minute))(f) {
			if r.Tenant == tenant {
				runs = append(runs, r.ID)
			}
		}
		return scopes, runs
	}
	f.must(f.db.ResumeTenant(f.ctx, tenantAct(directory.ActTenantResume, tenant)))
	f.must(f.db.PauseTenant(f.ctx, again))
	scopes, runs := ours()
	f.same("scopes of a paused tenant", scopes, nil)
	f.same("runs of a paused tenant", runs, nil)
	f.must(f.db.ResumeTenant(f.ctx, tenantAct(directory.ActTenantResume, tenant)))
	f.must(f.db.ResumeTenant(f.ctx, tenantAct(directory.ActTenantResume, tenant)))
	if r := must(f.db.TenantRecord(f.ctx, tenant))(f); r.Pause != nil {
		f.Fatalf("resumed: %+v", r.Pause)
	}
	scopes, runs = ours()
	f.same("scopes that are due at once", scopes, []directory.Scope{directory.PersonScope("u1"), directory.PersonScope("u2")}, cmpopts.SortSlices(func(a, b directory.Scope) bool { return a.ID < b.ID }))
	f.same("runs that are due at once", runs, []string{"r1"})

	paused := managed("coal")
	paused.Pause = &directory.TenantPause{By: "ops", Reason: "look first"}
	f.must(f.db.AddTenant(f.ctx, paused, tenantAct(directory.ActTenantAdd, "coal")))
	if p := must(f.db.TenantRecord(f.ctx, "coal"))(f).Pause; p == nil || p.Reason != "look first" {
		f.Fatalf("added paused: %+v", p)
	}
	f.fails(f.db.PauseTenant(f.ctx, tenantAct(directory.ActTenantPause, "nobody")), directory.ErrNotFound)
}

// fill gives a tenant rows in every table.
func (f *fixture) fill(of string) {
	f.Helper()
	f.must(f.db.Update(f.ctx, of, func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutPeople(ctx, people(ids("u", 30)...)))
		f.must(tx.PutTeams(ctx, []directory.Team{{ID: "team1", Source: "department", Name: "T"}}))
		f.must(tx.PutGroups(ctx, []directory.Group{group("g1")}))
		f.must(tx.PutMemberships(ctx, []directory.Membership{member("g1", "u0001")}))
		f.must(tx.MarkManagersDirty(ctx, []string{"u0001"}, nil))
		f.must(tx.PutQuarantined(ctx, []directory.Quarantined{{PersonID: "u1", Reason: "x"}}))
		_, err := tx.NoteIgnored(ctx, []string{"costCenter"})
		f.must(err)
		_, err = tx.Append(ctx, []directory.Change{{Type: directory.PersonCreated, Subject: directory.SubjectPerson, SubjectID: "u0001", PersonID: "u0001"}})
		return err
	}))
	f.must(f.db.AddEvents(f.ctx, of, []directory.Event{event("e1", directory.PersonScope("u1")), event("e2", directory.GroupScope("g1"))}))
	f.must(f.db.EnsureChores(f.ctx, []directory.ChorePlan{{Tenant: of, Chore: "tidy", Every: time.Hour}}))
	_, _, err := f.db.RequestRun(f.ctx, directory.Run{Tenant: of, ID: "r1", Scope: directory.FullScope(), Cause: directory.CauseManual}, tenantAct(directory.ActResync, of))
	f.must(err)
	run := must(f.db.ClaimRun(f.ctx, of, "r1", "w1", directory.AnyClaim, time.Minute))(f)
	f.must(f.db.ResetRun(f.ctx, of, "r1", "w1"))
	f.must(f.db.SaveStep(f.ctx, run, "w1", time.Minute, directory.Step{
		Pages: []directory.Page{
			{At: at(0), People: []directory.PersonSeen{{ID: "u2"}}, Positions: []directory.Position{{List: "people"}}},
			{At: at(0), Groups: []directory.GroupSeen{{ID: "g2"}}},
			{At: at(0), Members: &directory.MemberPage{GroupID: "g1", IDs: []string{"u1"}, Last: true}},
		},
		Planned: []directory.PlannedChange{{Type: directory.PersonRemoved, Subject: directory.SubjectPerson, SubjectID: "u4", PersonID: "u4", ObservedAt: at(0)}},
	}))
}

func testRemoveTenant(f *fixture) {
	f.fails(f.db.RemoveTenant(f.ctx, tenantAct(directory.ActTenantRemove, tenant)), directory.ErrConflict) // it is in the file
	f.addTenant("coal")
	f.fill("coal")
	if n, err := f.db.EraseTenant(f.ctx, "coal"); n != 0 || err != nil {
		f.Fatalf("erased %d rows of a tenant that was not removed, error %v", n, err)
	}
	f.must(f.db.RemoveTenant(f.ctx, tenantAct(directory.ActTenantRemove, "coal")))
	run := must(f.db.Run(f.ctx, "coal", "r1"))(f)
	f.same("the run", []string{string(run.State), run.Error}, []string{"cancelled", "cancelled: the tenant was removed by ops"})
	record := must(f.db.TenantRecord(f.ctx, "coal"))(f)
	if record.Removal == nil || record.Removal.By != "ops" || record.Managed() {
		f.Fatalf("record of a removed tenant: %+v", record)
	}
	f.same("removed tenants", must(f.db.RemovedTenants(f.ctx))(f), []directory.TenantRecord{record})

	// Whoever is still at work gets nowhere.
	f.fails(f.db.SaveRun(f.ctx, run, "w1", time.Minute), directory.ErrConflict)
	f.fails(f.db.Update(f.ctx, "coal", func(context.Context, *store.Tx) error { return nil }), directory.ErrNotFound)
	f.fails(f.db.AddEvents(f.ctx, "coal", []directory.Event{event("e3", directory.PersonScope("u1"))}), directory.ErrNotFound)
	_, _, err := f.db.CreateRun(f.ctx, directory.Run{Tenant: "coal", ID: "r2", Scope: directory.FullScope(), Cause: directory.CauseManual})
	f.fails(err, directory.ErrNotFound)
	for _, err := range []error{
		f.db.AddTenant(f.ctx, managed("coal"), tenantAct(directory.ActTenantAdd, "coal")),
		f.db.RemoveTenant(f.ctx, tenantAct(directory.ActTenantRemove, "coal")),
		f.db.ResumeTenant(f.ctx, tenantAct(directory.ActTenantResume, "coal")),
		f.db.EnsureTenants(f.ctx, []string{"coal"}),
	} {
		f.fails(err, directory.ErrConflict)
	}

	for erased := 1; erased > 0; {
		if erased, err = f.db.EraseTenant(f.ctx, "coal"); err != nil {
			f.Fatal(err)
		}
	}
	if gone, err := f.db.ForgetTenant(f.ctx, "coal", time.Hour); gone || err != nil {
		f.Fatalf("forgotten within the grace: %v, error %v", gone, err)
	}
	if gone, err := f.db.ForgetTenant(f.ctx, "coal", 0); !gone || err != nil {
		f.Fatalf("forgotten: %v, error %v", gone, err)
	}
	if gone, err := f.db.ForgetTenant(f.ctx, tenant, 0); gone || err != nil {
		f.Fatalf("forgot a tenant that was not removed: %v, error %v", gone, err)
	}
	f.fails(f.db.RemoveTenant(f.ctx, tenantAct(directory.ActTenantRemove, "coal")), directory.ErrNotFound)

	// One of the same name begins with nothing.
	f.must(f.db.EnsureTenants(f.ctx, []string{"coal"}))
	f.same("acts that stay", len(must(f.db.Acts(f.ctx, "coal", directory.ActQuery{Limit: 10}))(f)), 2)
	f.same("state", must(f.db.TenantState(f.ctx, "coal"))(f), directory.TenantState{Tenant: "coal"})
	f.same("changes", must(f.db.Changes(f.ctx, "coal", directory.ChangeQuery{Limit: 10}))(f), nil)
	f.same("runs", must(f.db.Runs(f.ctx, "coal", 10))(f), nil)
	f.same("plan", must(f.db.Plan(f.ctx, "coal", "r1", 0, 10))(f), nil)
	f.same("groups", must(f.db.ListGroups(f.ctx, "coal", "", 10))(f), nil)
	f.same("chores", must(f.db.Chores(f.ctx, "coal"))(f), nil)
	f.same("ignored", must(f.db.IgnoredAttributes(f.ctx, "coal"))(f), nil)
}

// What is in no configuration any more keeps its rows, gets no work, and its runs end.
func testForgottenTenant(f *fixture) {
	f.addTenant("coal")
	f.fill("coal")
	run := must(f.db.Run(f.ctx, "coal", "r1"))(f)
	f.same("runs of configured tenants", must(f.db.CancelForgotten(f.ctx))(f), nil)
	f.must(f.db.DropSettings(f.ctx, tenantAct(directory.ActTenantChange, "coal")))
	f.same("runs that somebody holds", must(f.db.CancelForgotten(f.ctx))(f), nil)
	f.must(f.db.SaveRun(f.ctx, run, "w1", -time.Second))
	for _, h := range must(f.db.StaleScopes(f.ctx, false, -time.Second, 100))(f) {
		if h.Tenant == "coal" {
			f.Errorf("work for %v", h)
		}
	}
	ended := must(f.db.CancelForgotten(f.ctx))(f)
	if len(ended) != 1 || ended[0].Tenant != "coal" || ended[0].State != directory.RunCancelled || ended[0].FinishedAt == nil || ended[0].Error == "" {
		f.Fatalf("cancelled %+v", ended)
	}
	f.same("people", must(f.db.TenantState(f.ctx, "coal"))(f).People, 30)
	f.must(f.db.RemoveTenant(f.ctx, tenantAct(directory.ActTenantRemove, "coal")))
}

func testTenantStates(f *fixture) {
	states := must(f.db.TenantStates(f.ctx, []string{neighbour, "nobody", tenant}))(f)
	f.same("states", states, []directory.TenantState{must(f.db.TenantState(f.ctx, tenant))(f), must(f.db.TenantState(f.ctx, neighbour))(f)})
	f.same("none", must(f.db.TenantStates(f.ctx, nil))(f), nil)
}
