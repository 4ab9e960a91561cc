package storetest

import (
	"context"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

func testJoiners(f *fixture) {
	f.run("r1", directory.FullScope())
	f.run("r2", directory.GroupScope("g1"))
	f.plan("r1",
		ofPerson(directory.PersonCreated, "u1"), ofPerson(directory.PersonReactivated, "u2"), ofPerson(directory.PersonUpdated, "u3"),
		directory.PlannedChange{Type: directory.GroupCreated, Subject: directory.SubjectGroup, SubjectID: "u4", ObservedAt: at(3)})
	f.plan("r2", ofPerson(directory.PersonCreated, "u3"))
	f.update(func(ctx context.Context, tx *store.Tx) error {
		joiners := must(tx.Joiners(ctx, "r1", []string{"u1", "u2", "u3", "u4", "u5"}))(f)
		f.same("joiners", joiners, map[string]bool{"u1": true, "u2": true})
		f.same("of nobody", must(tx.Joiners(ctx, "r1", nil))(f), map[string]bool{})
		return nil
	})
}
