package storetest

import (
	"context"
	"errors"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

func testChanges(f *fixture) {
	published := at(1)
	changes := []directory.Change{
		{
			Seq: 99, At: at(9), // both are set by the store
			Type: directory.PersonUpdated, Subject: directory.SubjectPerson, SubjectID: "u1", PersonID: "u1",
			Fields: []directory.FieldChange{{Field: "title", Before: nil, After: "Boss"}, {Field: "cost", Before: 1.5, After: "nul\x00"}},
			Cause: directory.Cause{Kind: directory.CauseHook, RunID: "r1", Events: []string{"e1", "e2"}, EventTypes: []string{"a"},
				Actor: "admin", Published: &published},
		},
		{Type: directory.MembershipAdded, Subject: directory.SubjectMembership, SubjectID: "g1", PersonID: "u2", Fields: []directory.FieldChange{},
			Cause: directory.Cause{Kind: directory.CauseManual}},
		{Type: directory.TeamCreated, Subject: directory.SubjectTeam, SubjectID: "team1", Fields: []directory.FieldChange{}},
	}
	var want []directory.Change
	f.update(func(ctx context.Context, tx *store.Tx) error {
		done := must(tx.Append(ctx, nil))(f)
		f.same("nothing", done, nil)
		done = append(done, must(tx.Append(ctx, changes[:1]))(f)...)
		done = append(done, must(tx.Append(ctx, changes[1:]))(f)...)
		for i, c := range changes {
			c.Seq, c.At, c.ID, c.Tenant = int64(i+1), tx.Now(), done[i].ID, tenant
			if c.PersonID != "" {
				c.PersonSeq = 1
			}
			want = append(want, c)
		}
		f.same("returned", done, want)
		return nil
	})
	f.same("ids differ", len(map[string]bool{want[0].ID: true, want[1].ID: true, want[2].ID: true}), 3)
	f.same("the given ones are left alone", changes[0].Seq, int64(99))
	f.update(func(ctx context.Context, tx *store.Tx) error {
		c := directory.Change{Type: directory.PersonRemoved, Subject: directory.SubjectPerson, SubjectID: "u1", PersonID: "u1"}
		want = append(want, must(tx.Append(ctx, []directory.Change{c}))(f)...)
		f.same("the second change about the person", want[3].PersonSeq, int64(2))
		return nil
	})

	tests := []struct {
		name  string
		query directory.ChangeQuery
		want  []directory.Change
	}{
		{"all", directory.ChangeQuery{Limit: 10}, want},
		{"a page", directory.ChangeQuery{Limit: 2, After: 1}, want[1:3]},
		{"newest first", directory.ChangeQuery{Limit: 2, Newest: true}, []directory.Change{want[3], want[2]}},
		{"of a person", directory.ChangeQuery{Limit: 10, PersonID: "u1"}, []directory.Change{want[0], want[3]}},
		{"of a person, newest first", directory.ChangeQuery{Limit: 1, PersonID: "u1", Newest: true}, want[3:]},
		{"of a person, after", directory.ChangeQuery{Limit: 10, PersonID: "u1", After: 1}, want[3:]},
		{"of nobody", directory.ChangeQuery{Limit: 10, PersonID: "zz"}, nil},
		{"at the end", directory.ChangeQuery{Limit: 10, After: 4}, nil},
	}
	for _, test := range tests {
		got := must(f.db.Changes(f.ctx, tenant, test.query))(f)
		f.same(test.name, got, test.want)
		for _, c := range got {
			if c.Fields == nil {
				f.Errorf("%s: change %d has null fields", test.name, c.Seq)
			}
			if c.At.Location() != time.UTC {
				f.Errorf("%s: change %d is not in UTC", test.name, c.Seq)
			}
		}
	}
}

func testChangesUndone(f *fixture) {
	one := []directory.Change{{Type: directory.PersonCreated, PersonID: "u1"}}
	failure := errors.New("no")
	for range 3 {
		f.fails(f.db.Update(f.ctx, tenant, func(ctx context.Context, tx *store.Tx) error {
			f.same("number", must(tx.Append(ctx, one))(f)[0].Seq, int64(1))
			return failure
		}), failure)
	}
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.same("number", must(tx.Append(ctx, one))(f)[0].Seq, int64(1))
		return nil
	})
	f.same("changes", len(must(f.db.Changes(f.ctx, tenant, directory.ChangeQuery{Limit: 10}))(f)), 1)
}

func testQuarantine(f *fixture) {
	var first time.Time
	f.update(func(ctx context.Context, tx *store.Tx) error {
		first = tx.Now()
		f.must(tx.PutQuarantined(ctx, nil))
		f.must(tx.ReleaseQuarantined(ctx, nil))
		return tx.PutQuarantined(ctx, []directory.Quarantined{
			{PersonID: "u2", Reason: "no e-mail", Fields: []directory.Field{directory.FieldEmail, directory.FieldLogin}},
			{PersonID: "u1", Reason: "no name", Since: at(1), Seen: at(2), Holder: "u9"},
			{PersonID: "u3", Reason: "x"},
		})
	})
	var second time.Time
	f.update(func(ctx context.Context, tx *store.Tx) error {
		second = tx.Now()
		f.must(tx.ReleaseQuarantined(ctx, []string{"u3", "zz"}))
		return tx.PutQuarantined(ctx, []directory.Quarantined{{PersonID: "u2", Reason: "two with one e-mail"}})
	})
	want := []directory.Quarantined{
		{PersonID: "u1", Reason: "no name", Since: at(1), Seen: at(2), Holder: "u9"},
		{PersonID: "u2", Reason: "two with one e-mail", Since: first, Seen: second},
	}
	f.same("all", must(f.db.Quarantine(f.ctx, tenant, "", 10))(f), want)
	f.same("a page", must(f.db.Quarantine(f.ctx, tenant, "", 1))(f), want[:1])
	f.same("the next", must(f.db.Quarantine(f.ctx, tenant, "u1", 1))(f), want[1:])
	one, exists, err := f.db.QuarantineOf(f.ctx, tenant, "u2")
	f.must(err)
	f.same("one person's", []any{one, exists}, []any{want[1], true})
	none, exists, err := f.db.QuarantineOf(f.ctx, tenant, "u3")
	f.must(err)
	f.same("of who is not in it", []any{none, exists}, []any{directory.Quarantined{}, false})

	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.ReleaseQuarantinedBefore(ctx, at(2)) })
	f.same("none was last seen before", must(f.db.Quarantine(f.ctx, tenant, "", 10))(f), want)
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.ReleaseQuarantinedBefore(ctx, second) })
	f.same("one was", must(f.db.Quarantine(f.ctx, tenant, "", 10))(f), want[1:])
}

func testIgnored(f *fixture) {
	note := func(names ...string) (added []string) {
		f.update(func(ctx context.Context, tx *store.Tx) error {
			added = must(tx.NoteIgnored(ctx, names))(f)
			return nil
		})
		return added
	}
	f.same("none", note(), nil)
	f.same("new", note("division", "costCenter", "division"), []string{"costCenter", "division"})
	f.same("known", note("division", "age", "costCenter"), []string{"age"})
	f.same("all", must(f.db.IgnoredAttributes(f.ctx, tenant))(f), []string{"age", "costCenter", "division"})
}
