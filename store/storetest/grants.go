package storetest

import (
	"context"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// testGrants writes roles and claims, reads them in their orders, and takes them away again.
func testGrants(f *fixture) {
	role := func(person, role, team string, kept directory.KeptBecause) directory.RoleGrant {
		return directory.RoleGrant{PersonID: person, Set: "access", Role: role, Team: team, Rule: "r", Via: "everyone", Kept: kept, Since: at(1)}
	}
	claim := func(person string, held bool, since int, rank int) directory.LicenseClaim {
		c := directory.LicenseClaim{PersonID: person, Pool: "seat", Held: held, Since: at(since), Rank: rank, Rule: "r", Via: "everyone"}
		if held {
			c.HeldAt = at(9)
		}
		return c
	}
	suspended := person("u2")
	suspended.Status = directory.StatusSuspended
	f.putMembers(member("g1", "u1"), member("g2", "u1"), member("g1", "u2"))
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutGroups(ctx, []directory.Group{group("g1"), group("g2")}))
		f.same("groups that count", must(tx.GroupsOfPeople(ctx, []string{"u1", "u2"}, []string{"g2"}, false))(f), []directory.GroupOfPerson{{PersonID: "u1", GroupID: "g2"}})
		f.same("groups by name", must(tx.GroupsOfPeople(ctx, []string{"u2"}, nil, true))(f), []directory.GroupOfPerson{{PersonID: "u2", GroupID: "g1", Name: "Group g1", Type: "OKTA_GROUP"}})

		assigned := group("g1")
		assigned.Assigned = true
		f.must(tx.PutGroups(ctx, []directory.Group{assigned}))
		f.same("a group that is assigned to the app", must(tx.GroupsOfPeople(ctx, []string{"u2"}, nil, true))(f), []directory.GroupOfPerson{{PersonID: "u2", GroupID: "g1", Name: "Group g1", Type: "OKTA_GROUP", Assigned: true}})
		rows := must(tx.Groups(ctx, []string{"g1", "g2"}))(f)
		f.same("written", []bool{rows[0].Assigned, rows[1].Assigned}, []bool{true, false})
		f.must(tx.PutGroups(ctx, []directory.Group{group("g1")}))
		f.same("taken from the app", must(tx.Groups(ctx, []string{"g1"}))(f)[0].Assigned, false)

		grants := []directory.RoleGrant{role("u1", "admin", "", ""), role("u1", "editor", "t1", ""), role("u2", "admin", "", directory.KeptLast)}
		f.must(tx.PutRoleGrants(ctx, grants))
		f.must(tx.PutRoleGrants(ctx, grants[:1])) // again: changes nothing
		f.same("roles", must(tx.RoleGrants(ctx, []string{"u2", "u1"}))(f), grants)
		f.same("somebody else is admin", must(tx.RoleHeldBeside(ctx, "admin", []string{"u1"}, false))(f), true)
		f.same("nobody else is editor", must(tx.RoleHeldBeside(ctx, "editor", []string{"u1"}, false))(f), false)
		f.must(tx.PutPeople(ctx, []directory.Person{person("u1"), suspended}))
		f.same("nobody who may sign in is admin beside", must(tx.RoleHeldBeside(ctx, "admin", []string{"u1"}, true))(f), false)
		f.same("somebody who may sign in is", must(tx.RoleHeldBeside(ctx, "admin", []string{"u2"}, true))(f), true)
		f.same("kept as last", must(tx.KeptAsLast(ctx, []string{"admin", "editor"}))(f), []string{"u2"})
		f.must(tx.DropRoleGrants(ctx, grants[:1]))
		f.same("roles after one is gone", must(tx.RoleGrants(ctx, []string{"u1"}))(f), grants[1:2])

		claims := []directory.LicenseClaim{claim("u1", true, 1, 0), claim("u2", true, 2, 1), claim("u3", false, 4, 0), claim("u4", false, 3, 0)}
		f.must(tx.PutLicenseClaims(ctx, claims))
		f.same("claims", must(tx.LicenseClaims(ctx, []string{"u3", "u1"}))(f), []directory.LicenseClaim{claims[0], claims[2]})
		f.same("held", must(tx.LicensesHeld(ctx, "seat"))(f), 2)
		f.same("waiting", must(tx.LicensesWaiting(ctx, "seat"))(f), 2)
		f.same("the line", must(tx.FirstInLine(ctx, "seat", "", directory.LicenseClaim{}, 10))(f), []directory.LicenseClaim{claims[3], claims[2]})
		f.same("the line behind the first", must(tx.FirstInLine(ctx, "seat", "", claims[3], 10))(f), claims[2:3])
		first := directory.LicenseClaim{}
		f.same("the last entitled", must(tx.LastInPool(ctx, "seat", "", false, nil, first, 1))(f), claims[1:2])
		f.same("the last but one", must(tx.LastInPool(ctx, "seat", "", true, []string{"u2"}, first, 5))(f), claims[:1])
		f.same("behind the last", must(tx.LastInPool(ctx, "seat", "", false, nil, claims[1], 5))(f), claims[:1])
		f.same("by rank, behind the last", must(tx.LastInPool(ctx, "seat", "", true, nil, claims[1], 5))(f), claims[:1])
		f.same("by rank, behind all", must(tx.LastInPool(ctx, "seat", "", true, nil, claims[0], 5))(f), nil)
		f.must(tx.DropLicenseClaims(ctx, claims[1:2]))
		f.same("held by one", must(tx.LicensesHeld(ctx, "seat"))(f), 1)

		f.must(tx.MarkGrantsDirty(ctx, []string{"u9"}, []string{"g1"}))
		f.same("queued", must(tx.DirtyGrants(ctx, 2))(f), []string{"u1", "u2"})
		f.must(tx.DropGrantsDirty(ctx, []string{"u1"}))
		f.same("still queued", must(tx.DirtyGrants(ctx, 9))(f), []string{"u2", "u9"})
		f.same("affected", must(tx.AffectedPeople(ctx, "none", false, true, "u2", 9))(f), []string{"u9"})
		f.must(tx.DropGrantsDirty(ctx, []string{"u2", "u9"}))

		before := tx.Seq()
		must(tx.Append(ctx, []directory.Change{
			{Type: directory.MembershipAdded, Subject: directory.SubjectMembership, SubjectID: "g1", PersonID: "u3"},
			{Type: directory.GroupUpdated, Subject: directory.SubjectGroup, SubjectID: "g2"},
			{Type: directory.MembershipAdded, Subject: directory.SubjectMembership, SubjectID: "g1", PersonID: "u4"},
		}))(f)
		f.same("changes", tx.Seq(), before+3)
		f.must(tx.MarkMovedGrants(ctx, before, before+2, false))
		f.same("moved", must(tx.DirtyGrants(ctx, 9))(f), []string{"u3"})
		f.must(tx.MarkMovedGrants(ctx, before, before+2, true))
		f.same("moved, with a group's members", must(tx.DirtyGrants(ctx, 9))(f), []string{"u1", "u3"})
		return tx.SetGrantBasis(ctx, "basis")
	})
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.UnsettleGrants(ctx, "basis") })
	f.same("settled by the same", must(f.db.GrantBasis(f.ctx, tenant))(f), "basis")
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.UnsettleGrants(ctx, "other") })
	if basis := must(f.db.GrantBasis(f.ctx, tenant))(f); basis == "basis" || basis == "other" {
		f.Errorf("while it is settled by others the basis is %q", basis)
	}
	f.same("basis of the neighbour, untouched", must(f.db.GrantBasis(f.ctx, neighbour))(f), "")
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.SetGrantBasis(ctx, "basis") })
	f.same("all roles", must(f.db.ListRoleGrants(f.ctx, tenant, directory.RoleGrant{}, 9))(f), []directory.RoleGrant{role("u1", "editor", "t1", ""), role("u2", "admin", "", directory.KeptLast)})
	f.same("a page of roles", must(f.db.ListRoleGrants(f.ctx, tenant, role("u1", "editor", "t1", ""), 1))(f), []directory.RoleGrant{role("u2", "admin", "", directory.KeptLast)})
	line := []directory.LicenseClaim{claim("u4", false, 3, 0), claim("u3", false, 4, 0), claim("u1", true, 1, 0)}
	f.same("all claims in line", must(f.db.ListLicenseClaims(f.ctx, tenant, directory.LicenseClaim{}, 9))(f), line)
	f.same("a page of claims", must(f.db.ListLicenseClaims(f.ctx, tenant, line[0], 1))(f), line[1:2])
	f.same("those who hold", must(f.db.ListLicenseClaims(f.ctx, tenant, line[1], 9))(f), line[2:])
	f.same("basis", must(f.db.GrantBasis(f.ctx, tenant))(f), "basis")
	f.same("basis of the neighbour", must(f.db.GrantBasis(f.ctx, neighbour))(f), "")
	f.same("roles counted", must(f.db.RoleCounts(f.ctx, tenant))(f), []directory.RoleCount{{Set: "access", Role: "admin", People: 1, Kept: 1}, {Set: "access", Role: "editor", People: 1}})
	f.same("pools counted", must(f.db.PoolCounts(f.ctx, tenant))(f), []directory.PoolCount{{Pool: "seat", Held: 1, Waiting: 2}})
	_, inLine, err := f.db.GrantsOfPerson(f.ctx, tenant, "u3")
	f.must(err)
	f.same("the place in line", inLine[0].Place, 2)
}

// testLastToLose: whom a plan leaves a role that somebody has to have.
func testLastToLose(f *fixture) {
	owner := func(person string, since int) directory.RoleGrant {
		return directory.RoleGrant{PersonID: person, Set: "access", Role: "owner", Rule: "r", Via: "everyone", Since: at(since)}
	}
	loses := func(person string) directory.PlannedChange {
		return directory.PlannedChange{Type: directory.RoleRevoked, Subject: directory.SubjectRole, SubjectID: "owner", PersonID: person, ObservedAt: at(3)}
	}
	suspended := person("u1")
	suspended.Status = directory.StatusSuspended
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutPeople(ctx, []directory.Person{suspended, person("u2"), person("u3"), person("u4")}))
		return tx.PutRoleGrants(ctx, []directory.RoleGrant{owner("u1", 1), owner("u2", 3), owner("u3", 2), owner("u4", 4)})
	})
	last := func(run string) (kept string) {
		f.update(func(ctx context.Context, tx *store.Tx) error {
			c, err := tx.LastToLose(ctx, run, "owner")
			kept = c.PersonID
			return err
		})
		return kept
	}
	f.run("r1", directory.FullScope())
	f.plan("r1", loses("u1"), loses("u2"), loses("u3"))
	f.same("somebody has it still", last("r1"), "")
	f.plan("r1", ofPerson(directory.PersonDeactivated, "u4"))
	f.same("who may sign in, and had it first", last("r1"), "u3")
	f.plan("r1", directory.PlannedChange{Type: directory.RoleGranted, Subject: directory.SubjectRole, SubjectID: "owner", PersonID: "u9", ObservedAt: at(3)})
	f.same("somebody is given it", last("r1"), "")
	f.run("r2", directory.GroupScope("g1"))
	f.same("another plan", last("r2"), "")
}

// testRoleToCome: whether the plan that is being applied gives a role, and who has it still in the end.
func testRoleToCome(f *fixture) {
	grant := func(person string, kept directory.KeptBecause) directory.RoleGrant {
		return directory.RoleGrant{PersonID: person, Set: "access", Role: "owner", Rule: "r", Via: "everyone", Kept: kept, Since: at(1)}
	}
	f.update(func(ctx context.Context, tx *store.Tx) error {
		return tx.PutRoleGrants(ctx, []directory.RoleGrant{grant("u1", directory.KeptLast), grant("u2", "")})
	})
	look := func(run, role string) (comes bool, kept []directory.RoleGrant) {
		f.update(func(ctx context.Context, tx *store.Tx) error {
			comes = must(tx.RoleToCome(ctx, run, role))(f)
			kept = must(tx.KeptThough(ctx, run, []string{role}))(f)
			return nil
		})
		return comes, kept
	}
	f.run("r1", directory.FullScope())
	f.plan("r1", directory.PlannedChange{Type: directory.RoleGranted, Subject: directory.SubjectRole, SubjectID: "owner", PersonID: "u3", ObservedAt: at(3)})
	comes, kept := look("r1", "owner")
	f.same("of a plan that is not being applied", comes, false)
	f.same("kept all the same", kept, []directory.RoleGrant{grant("u1", directory.KeptLast)})
	run := must(f.db.Run(f.ctx, tenant, "r1"))(f)
	run.State = directory.RunApplying
	f.must(f.db.SaveRun(f.ctx, run, "w1", time.Minute))
	comes, _ = look("r1", "owner")
	f.same("of one that is", comes, true)
	comes, kept = look("r1", "admin")
	f.same("another role", []any{comes, kept}, []any{false, []directory.RoleGrant(nil)})
	comes, _ = look("r2", "owner")
	f.same("another run", comes, false)
}

// testLicensesHeld: the count that is kept is that of the rows, whatever is written.
func testLicensesHeld(f *fixture) {
	claim := func(person, pool string, held bool) directory.LicenseClaim {
		c := directory.LicenseClaim{PersonID: person, Pool: pool, Held: held, Since: at(1), Rule: "r", Via: "everyone"}
		if held {
			c.HeldAt = at(2)
		}
		return c
	}
	put := func(claims ...directory.LicenseClaim) func(context.Context, *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error { return tx.PutLicenseClaims(ctx, claims) }
	}
	drop := func(claims ...directory.LicenseClaim) func(context.Context, *store.Tx) error {
		return func(ctx context.Context, tx *store.Tx) error { return tx.DropLicenseClaims(ctx, claims) }
	}
	f.putPeople(person("u1"))
	steps := []struct {
		name string
		do   func(context.Context, *store.Tx) error
		want map[string]int
	}{
		{"given", put(claim("u1", "seat", true), claim("u2", "seat", true), claim("u2", "desk", true), claim("u3", "seat", false)), map[string]int{"seat": 2, "desk": 1}},
		{"given once more", put(claim("u1", "seat", true)), map[string]int{"seat": 2, "desk": 1}},
		{"taken, and handed on", put(claim("u1", "seat", false), claim("u3", "seat", true)), map[string]int{"seat": 2, "desk": 1}},
		{"taken", put(claim("u3", "seat", false)), map[string]int{"seat": 1, "desk": 1}},
		{"ended, of which one was waited for", drop(claim("u2", "seat", true), claim("u3", "seat", true)), map[string]int{"desk": 1}},
		{"ended before", drop(claim("u2", "seat", true)), map[string]int{"desk": 1}},
		{"given again", put(claim("u1", "seat", true)), map[string]int{"seat": 1, "desk": 1}},
		{"erased", func(ctx context.Context, tx *store.Tx) error {
			_, err := tx.Erase(ctx, []directory.Person{person("u1")})
			return err
		}, map[string]int{"desk": 1}},
	}
	for _, step := range steps {
		f.update(step.do)
		f.update(func(ctx context.Context, tx *store.Tx) error {
			for _, pool := range []string{"seat", "desk", "none"} {
				f.same(step.name+": held of "+pool, must(tx.LicensesHeld(ctx, pool))(f), step.want[pool])
			}
			return nil
		})
		rows := map[string]int{}
		for _, c := range must(f.db.PoolCounts(f.ctx, tenant))(f) {
			if c.Held > 0 {
				rows[c.Pool] = c.Held
			}
		}
		f.same(step.name+": by the rows", rows, step.want)
		_, all, err := f.db.CountGrants(f.ctx, tenant)
		f.must(err)
		f.same(step.name+": in all", all, step.want["seat"]+step.want["desk"])
	}
	f.update(func(ctx context.Context, tx *store.Tx) error {
		return tx.DropLicenseClaims(ctx, []directory.LicenseClaim{claim("u2", "desk", true)})
	})
	err := f.db.Update(f.ctx, neighbour, func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutLicenseClaims(ctx, []directory.LicenseClaim{claim("u1", "seat", true)}))
		f.same("the neighbour's", must(tx.LicensesHeld(ctx, "seat"))(f), 1)
		return nil
	})
	f.must(err)
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.same("apart from the neighbour's", must(tx.LicensesHeld(ctx, "seat"))(f), 0)
		return nil
	})
}
