package storetest

import (
	"context"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

func testPeople(f *fixture) {
	rows := people("B2", "a1", "u1") // capitals sort first, as in Go
	rows[1].Status, rows[1].OktaStatus = directory.StatusRemoved, directory.OktaDeleted
	rows[2].Profile.Custom = nil
	rows[2].ManagerID, rows[2].ManagerWanted, rows[2].ManagerProblem = "x", "y", directory.ManagerLoop // not written
	var made time.Time
	f.update(func(ctx context.Context, tx *store.Tx) error {
		made = tx.Now()
		f.must(tx.PutPeople(ctx, nil))
		return tx.PutPeople(ctx, rows)
	})
	for i := range rows {
		rows[i].CreatedAt, rows[i].UpdatedAt = made, made
		rows[i].ManagerID, rows[i].ManagerWanted, rows[i].ManagerProblem = "", "", ""
	}
	all := []string{"u1", "nobody", "a1", "B2", "a1"}
	f.same("new rows", must(f.db.People(f.ctx, tenant, all))(f), rows)
	f.same("no ids", must(f.db.People(f.ctx, tenant, nil))(f), nil)

	f.update(func(ctx context.Context, tx *store.Tx) error {
		return tx.PutManagers(ctx, []directory.ManagerEdge{{PersonID: "u1", Wanted: "B2", ManagerID: "B2", Problem: directory.ManagerSelf}})
	})
	changed := rows[2]
	changed.Profile.Title, changed.Profile.Custom, changed.Hash = "New", map[string]any{"a": "b"}, "other"
	changed.Profile.Unfit = map[directory.Field]directory.Unfit{directory.FieldPicture: directory.UnfitPicture}
	changed.Profile.Emptied = []directory.Field{directory.FieldTitle, directory.CustomOf("nickname")}
	changed.GroupsObservedAt = at(8)
	changed.ObservedAt, changed.TeamID, changed.Status = at(9), "", directory.StatusSuspended
	var updated time.Time
	f.update(func(ctx context.Context, tx *store.Tx) error {
		updated = tx.Now()
		f.must(tx.PutPeople(ctx, []directory.Person{changed}))
		changed.UpdatedAt = updated
		changed.ManagerID, changed.ManagerWanted, changed.ManagerProblem = "B2", "B2", directory.ManagerSelf // kept
		f.same("inside", must(tx.People(ctx, all))(f), []directory.Person{rows[0], rows[1], changed})
		return nil
	})
	f.same("after", must(f.db.People(f.ctx, tenant, all))(f), []directory.Person{rows[0], rows[1], changed})
}

func testOddTexts(f *fixture) {
	p := person("u1")
	p.Profile.FirstName = `quote " and ' and \ and {now} and $1 and ?`
	p.Profile.LastName = "Ünï 日本 \u2028 😀\n\t\x01"
	p.Profile.Title = "nul\x00byte"
	p.Profile.Location = "broken \xff byte"
	p.Profile.Custom = map[string]any{"k": "nul\x00 \" \\ <&> 😀", "null": nil, "big": 12345678901.0}
	p.ObservedAt = time.Time{}
	var made time.Time
	f.update(func(ctx context.Context, tx *store.Tx) error {
		made = tx.Now()
		return tx.PutPeople(ctx, []directory.Person{p})
	})
	// Neither NUL nor broken UTF-8 can be stored everywhere; the rest can.
	p.Profile.Title, p.Profile.Location = "nulbyte", "broken \uFFFD byte"
	p.CreatedAt, p.UpdatedAt = made, made
	f.same("the row", must(f.db.People(f.ctx, tenant, []string{"u1"}))(f), []directory.Person{p})
	f.same("a search for a NUL", must(f.db.People(f.ctx, tenant, []string{"\x00", "\xff"}))(f), nil)
}

func testTouch(f *fixture) {
	f.putPeople(people("u1", "u2")...)
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.Touch(ctx, "u1", at(5), at(5)))
		f.must(tx.Touch(ctx, "u1", at(3), at(3))) // never back
		return tx.Touch(ctx, "nobody", at(5), at(5))
	})
	seen := func() (times []time.Time) {
		for _, p := range must(f.db.People(f.ctx, tenant, []string{"u1", "u2"}))(f) {
			times = append(times, p.ObservedAt, p.GroupsObservedAt)
		}
		return times
	}
	f.same("observed at", seen(), []time.Time{at(5), at(5), at(0), at(-1)})

	// One of the two times may be ahead.
	p := person("u2")
	p.ObservedAt, p.GroupsObservedAt = at(9), at(1)
	f.putPeople(p)
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.Touch(ctx, "u2", at(7), at(7)) })
	f.same("each moves on its own", seen(), []time.Time{at(5), at(5), at(9), at(7)})
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.Touch(ctx, "u2", at(11), time.Time{}) })
	f.same("the row alone", seen(), []time.Time{at(5), at(5), at(11), at(7)})
}

func testHashes(f *fixture) {
	rows := people("u1", "u2", "u3", "u4", "u5")
	rows[1].Status = directory.StatusRemoved
	rows[2].Status = directory.StatusDeactivated
	rows[3].Status = directory.StatusSuspended
	f.putPeople(rows...)
	f.same("hashes", must(f.db.Hashes(f.ctx, tenant, []string{"u1", "u2", "u3", "zz"}))(f),
		map[string]directory.RowHashes{"u1": {Row: "hash u1"}, "u3": {Row: "hash u3"}})
	f.same("no hashes", must(f.db.Hashes(f.ctx, tenant, nil))(f), map[string]directory.RowHashes{})
	for status, want := range map[directory.Status]int{
		directory.StatusActive: 2, directory.StatusSuspended: 1, directory.StatusDeactivated: 1, directory.StatusRemoved: 1,
	} {
		f.same(string(status), must(f.db.CountPeople(f.ctx, tenant, status))(f), want)
	}
	f.same("the neighbour's", must(f.db.CountPeople(f.ctx, neighbour, directory.StatusActive))(f), 6)
}

func testIdentify(f *fixture) {
	rows := people("u1", "u2", "u3", "u4", "u5")
	rows[1].Profile.Email = "Shared@Mail.example"
	rows[2].Profile.Email = " shared@mail.EXAMPLE "
	rows[3].Status = directory.StatusDeactivated
	rows[4].Profile.Email, rows[4].Profile.EmployeeNumber = rows[4].Profile.Login, ""
	rows[0].Status = directory.StatusSuspended
	f.putPeople(rows...)
	identity := func(i int) directory.Identity {
		p := rows[i]
		return directory.Identity{PersonID: p.ID, Login: p.Profile.Login, Email: p.Profile.Email, EmployeeNumber: p.Profile.EmployeeNumber, Name: p.Profile.Name()}
	}
	tests := []struct {
		name string
		refs []string
		want []directory.Identity
	}{
		{"nothing", nil, nil},
		{"blank", []string{"", "  "}, nil},
		{"by id", []string{"u2"}, []directory.Identity{identity(1)}},
		{"an id keeps its case", []string{"U2"}, nil},
		{"by login, folded", []string{" U1@LOGIN.example"}, []directory.Identity{identity(0)}},
		{"by e-mail of two", []string{"SHARED@mail.example"}, []directory.Identity{identity(1), identity(2)}},
		{"by e-mail that is the login", []string{"u5@login.example"}, []directory.Identity{identity(4)}},
		{"by name, folded", []string{"first u3 LAST u3 "}, []directory.Identity{identity(2)}},
		{"by employee number", []string{"n-u3"}, []directory.Identity{identity(2)}},
		{"who left is not found", []string{"u4", "u4@login.example", "N-u4"}, nil},
		{"several ways to one", []string{"u1", "u1@login.example", "N-u1"}, []directory.Identity{identity(0)}},
		{"many", append(ids("x", 3000), "u3", "u1"), []directory.Identity{identity(0), identity(2)}},
	}
	for _, test := range tests {
		f.update(func(ctx context.Context, tx *store.Tx) error {
			f.same(test.name, must(tx.Identify(ctx, test.refs))(f), test.want)
			return nil
		})
	}
	for _, test := range []struct {
		way  directory.ManagerRef
		text string
		want int
	}{
		{directory.ManagerByID, "u2", 1},
		{directory.ManagerByID, "U2", 0},
		{directory.ManagerByLogin, " U1@LOGIN.example", 1},
		{directory.ManagerByEmail, "SHARED@mail.example", 2},
		{directory.ManagerByEmail, " ", 0},
		{directory.ManagerByNumber, "n-u3", 1},
		{directory.ManagerByNumber, "N-u4", 0}, // who left
		{directory.ManagerByName, "first u3 LAST u3 ", 1},
	} {
		f.same("called by "+string(test.way), must(f.db.CountCalled(f.ctx, tenant, test.way, test.text, 9))(f), test.want)
	}
	f.same("not counted further", must(f.db.CountCalled(f.ctx, tenant, directory.ManagerByEmail, "SHARED@mail.example", 1))(f), 1)
}

func testManagerEdges(f *fixture) {
	rows := people("u1", "u2", "u3")
	rows[0].Profile.ManagerIDText, rows[0].Profile.ManagerText, rows[0].Profile.ManagerLink = "u2", "Boss", "u3"
	rows[1].TeamID = "nowhere"
	rows[2].Status = directory.StatusRemoved
	f.putPeople(rows...)
	all := []string{"u3", "u1", "nobody", "u2"}
	team := directory.Team{ID: "team1", ManagerID: "lead", FirstPerson: "u1", FirstManagerID: "first"}
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutTeams(ctx, []directory.Team{team}))
		f.must(tx.ChooseManager(ctx, "u2", "once"))
		f.must(tx.ChooseManager(ctx, "u2", "chosen"))
		f.must(tx.ChooseManager(ctx, "u1", "once"))
		f.must(tx.ChooseManager(ctx, "u1", ""))
		want := []directory.ManagerEdge{
			{PersonID: "u1", Present: true, IDText: "u2", Text: "Boss", Link: "u3", Team: team},
			{PersonID: "u2", Present: true, Chosen: "chosen"},
			{PersonID: "u3", Team: team},
		}
		f.same("at first", must(tx.ManagerEdges(ctx, all))(f), want)
		want[0].Wanted, want[0].ManagerID, want[0].Source, want[0].Problem = "u2", "", directory.ManagerFromOkta, directory.ManagerLoop
		want[1].Wanted, want[1].ManagerID, want[1].Source = "u3", "u3", directory.ManagerFromAdmin
		f.must(tx.PutManagers(ctx, nil))
		f.must(tx.PutManagers(ctx, append(slices.Clone(want[:2]), directory.ManagerEdge{PersonID: "zz", Wanted: "u1"})))
		f.same("written", must(tx.ManagerEdges(ctx, all))(f), want)
		f.same("none", must(tx.ManagerEdges(ctx, nil))(f), nil)
		return nil
	})
	stored := must(f.db.People(f.ctx, tenant, []string{"u1"}))(f)[0]
	f.same("in the row", []string{stored.ManagerWanted, stored.ManagerID, string(stored.ManagerSource), string(stored.ManagerProblem)}, []string{"u2", "", "okta", "loop"})

	loop := directory.ManagerCase{PersonID: "u1", IDText: "u2", Text: "Boss", Link: "u3", Wanted: "u2", Source: directory.ManagerFromOkta, Problem: directory.ManagerLoop}
	f.same("the case", must(f.db.ManagerCases(f.ctx, tenant, "", "", 10))(f), []directory.ManagerCase{loop})
	f.same("of the kind", must(f.db.ManagerCases(f.ctx, tenant, directory.ManagerLoop, "", 10))(f), []directory.ManagerCase{loop})
	f.same("of another kind", must(f.db.ManagerCases(f.ctx, tenant, directory.ManagerSelf, "", 10))(f), nil)
	f.same("behind it", must(f.db.ManagerCases(f.ctx, tenant, "", "u1", 10))(f), nil)
}

func testManagerQueue(f *fixture) {
	rows := people("u1", "u2", "u3", "u4", "u5", "u6")
	rows[0].Profile.ManagerIDText = " BOSS@login.example"
	rows[1].Profile.ManagerText = "boss@Login.example "
	rows[2].Profile.ManagerIDText = "00uBoss"
	rows[3].Profile.ManagerText, rows[3].Profile.ManagerLink = "somebody else", "00uBoss"
	rows[4].Status, rows[4].Profile.ManagerText = directory.StatusDeactivated, "boss@login.example"
	f.putPeople(rows...)
	take := func(limit int) (taken []string) {
		f.update(func(ctx context.Context, tx *store.Tx) error {
			taken = must(tx.TakeDirtyManagers(ctx, limit))(f)
			return nil
		})
		return taken
	}
	mark := func(people, refs []string) {
		f.update(func(ctx context.Context, tx *store.Tx) error { return tx.MarkManagersDirty(ctx, people, refs) })
	}
	f.same("at first", take(10), nil)
	mark(nil, nil)
	f.same("nobody", take(10), nil)
	mark([]string{"u6", "u6"}, []string{"Boss@login.example", "00uBoss", ""})
	mark([]string{"u1"}, nil)
	f.same("the first ones", take(2), []string{"u1", "u2"})
	f.same("the rest", take(10), []string{"u3", "u4", "u5", "u6"})
	mark(nil, []string{"00UBOSS"})
	f.same("links are ids and not texts", take(10), []string{"u3"})
	f.same("at last", take(10), nil)
	mark(nil, []string{"", "  "})
	f.same("blank texts name nobody", take(10), nil)

	rows[1].TeamID, rows[3].TeamID, rows[5].TeamID = "led", "first", ""
	f.putPeople(rows...)
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutTeams(ctx, []directory.Team{{ID: "led", ManagerID: "00uBoss"}, {ID: "first", FirstManagerID: "00uBoss"}, {ID: "team1", ManagerID: "00uboss"}}))
		return tx.ChooseManager(ctx, "u6", "00uBoss")
	})
	mark(nil, []string{"00uBoss"})
	f.same("whom teams and admins give them", take(10), []string{"u2", "u3", "u4", "u6"})
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.MarkTeamsDirty(ctx, nil))
		return tx.MarkTeamsDirty(ctx, []string{"led", "team1"})
	})
	f.same("the people of teams", take(10), []string{"u1", "u2", "u3", "u5"})
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.same("more", must(tx.MarkEverybodyDirty(ctx, "", 4))(f), "u4")
		f.same("no more", must(tx.MarkEverybodyDirty(ctx, "u4", 4))(f), "")
		f.same("never settled", must(tx.SettledBy(ctx, "managers"))(f), "")
		f.must(tx.SetSettledBy(ctx, "managers", "one"))
		f.must(tx.SetSettledBy(ctx, "managers", "two"))
		f.same("settled", must(tx.SettledBy(ctx, "managers"))(f), "two")
		return nil
	})
	f.same("everybody", take(10), []string{"u1", "u2", "u3", "u4", "u5", "u6"})
}
