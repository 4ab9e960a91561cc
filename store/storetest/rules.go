package storetest

import (
	"context"
	"encoding/json"
	"errors"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

func ruleset(hash string) directory.Ruleset {
	return directory.Ruleset{Hash: hash, Body: json.RawMessage(`{"of":"` + hash + `"}`), Basis: "basis " + hash, Attributes: []string{"app.a", "user.b"}}
}

// testRules: the first rules are in force at once, others come into force through what is next, and a tenant's neighbour
// hears of none of it.
func testRules(f *fixture) {
	for _, hash := range []string{"r1", "r2", "r3"} {
		f.must(f.db.PutRuleset(f.ctx, tenant, ruleset(hash)))
	}
	f.must(f.db.PutRuleset(f.ctx, tenant, directory.Ruleset{Hash: "r1", Basis: "another"})) // the first stays
	f.same("a version", must(f.db.Ruleset(f.ctx, tenant, "r1"))(f), ruleset("r1"))
	if _, err := f.db.Ruleset(f.ctx, neighbour, "r1"); !errors.Is(err, directory.ErrNotFound) {
		f.Errorf("the neighbour's version: %v", err)
	}
	hand := func(hash string, again bool, want directory.RulesVerdict, state directory.RulesState) {
		f.Helper()
		f.same("verdict on "+hash, must(f.db.ProposeRules(f.ctx, tenant, hash, again))(f), want)
		f.same("after "+hash, must(f.db.RulesState(f.ctx, tenant))(f), state)
	}
	adopt := func(hash string) (done bool) {
		f.update(func(ctx context.Context, tx *store.Tx) (err error) {
			done, err = tx.AdoptRules(ctx, hash)
			return err
		})
		return done
	}
	hand("r1", false, directory.RulesAdopted, directory.RulesState{InForce: "r1"})
	f.same("in force", must(f.db.RulesInForce(f.ctx))(f), map[string]directory.Ruleset{tenant: ruleset("r1")})
	version := must(f.db.TenantsVersion(f.ctx))(f)
	hand("r1", false, directory.RulesInForce, directory.RulesState{InForce: "r1"})
	f.same("what is the same is no news", must(f.db.TenantsVersion(f.ctx))(f), version)

	hand("r2", false, directory.RulesNext, directory.RulesState{InForce: "r1", Next: "r2"})
	f.same("adopted, though not next", adopt("r3"), false)
	f.same("adopted", adopt("r2"), true)
	f.same("adopted once more", adopt("r2"), true)
	if now := must(f.db.TenantsVersion(f.ctx))(f); now == version {
		f.Error("nobody hears that other rules are in force")
	}
	f.update(func(_ context.Context, tx *store.Tx) error {
		f.same("in the transaction", tx.Rules(), "r2")
		return nil
	})

	hand("r3", false, directory.RulesNext, directory.RulesState{InForce: "r2", Next: "r3"})
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.RefuseRules(ctx, "r1") }) // is not next
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.RefuseRules(ctx, "r3") })
	hand("r3", false, directory.RulesRefused, directory.RulesState{InForce: "r2", Refused: "r3"})
	hand("r3", true, directory.RulesNext, directory.RulesState{InForce: "r2", Next: "r3"})
	run, _ := f.create(directory.Run{ID: "h1", Scope: directory.RulesScope("r3"), Cause: directory.CauseRules, Rules: "r3"})
	f.same("its rules", run.Rules, "r3")
	f.same("its run", must(f.db.RunOfRules(f.ctx, tenant, "r3"))(f), true)
	f.same("no run", must(f.db.RunOfRules(f.ctx, tenant, "r1"))(f), false)
	hand("r2", false, directory.RulesInForce, directory.RulesState{InForce: "r2"})
	f.same("the neighbour's", must(f.db.RulesState(f.ctx, neighbour))(f), directory.RulesState{})
	if _, err := f.db.ProposeRules(f.ctx, "nobody", "r1", false); !errors.Is(err, directory.ErrNotFound) {
		f.Errorf("rules of nobody: %v", err)
	}
}

// testMovedPeople finds who was written, or seen otherwise, between two moments.
func testMovedPeople(f *fixture) {
	rows := people("u1", "u2", "u3")
	rows[2].Status = directory.StatusRemoved
	f.putPeople(rows...)
	from := must(f.db.Now(f.ctx))(f)
	f.putPeople(people("u4")...)
	f.update(func(ctx context.Context, tx *store.Tx) error {
		return tx.NoteSeen(ctx, map[string]directory.LastSeen{"u2": lastSeen("b1", "Cook")}, at(1))
	})
	to := must(f.db.Now(f.ctx))(f)
	f.putPeople(people("u5")...)
	f.same("moved", must(f.db.MovedPeople(f.ctx, tenant, from, to, "", 10))(f), []string{"u2", "u4"})
	f.same("the next page", must(f.db.MovedPeople(f.ctx, tenant, from, to, "u2", 10))(f), []string{"u4"})
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.Touch(ctx, "u1", to, to) })
	f.same("with whose groups were read", must(f.db.MovedPeople(f.ctx, tenant, from, to, "", 10))(f), []string{"u1", "u2", "u4"})
	f.update(func(ctx context.Context, tx *store.Tx) error {
		got := must(tx.SeenPeople(ctx, []string{"u2", "u3", "u4"}))(f)
		f.same("with what was seen", []string{got[0].ID, string(got[0].Seen.Values), got[1].ID}, []string{"u2", `{"user.title":"Cook"}`, "u4"})
		return nil
	})
}

// testLookAtStrangers has those in quarantine looked at who were never let in.
func testLookAtStrangers(f *fixture) {
	f.putPeople(people("u1")...)
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.PutQuarantined(ctx, []directory.Quarantined{{PersonID: "u1", Reason: "r"}, {PersonID: "u2", Reason: "r"}, {PersonID: "u3", Reason: "r"}}))
		return tx.LookAtStrangers(ctx, 1)
	})
	waits := func(id string) bool {
		return !must(f.db.Ticket(f.ctx, tenant, directory.PersonScope(id)))(f).SecondLook.IsZero()
	}
	f.same("looks", []bool{waits("u1"), waits("u2"), waits("u3")}, []bool{false, true, false})
}
