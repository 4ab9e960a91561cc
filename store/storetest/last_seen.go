package storetest

import (
	"context"
	"encoding/json"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

func lastSeen(basis, title string) directory.LastSeen {
	return directory.LastSeen{Basis: basis, Hash: "h " + title, Values: json.RawMessage(`{"user.title":"` + title + `"}`)}
}

// testLastSeen: what was last seen is written with the row or beside it, never over a later look, and
// stays when a row is written that does not have it.
func testLastSeen(f *fixture) {
	rows := people("u1", "u2", "u3", "u4")
	rows[0].Seen, rows[1].Seen = lastSeen("b1", "Cook"), lastSeen("b1", "Smith")
	rows[2].Status = directory.StatusSuspended
	rows[3].Status = directory.StatusRemoved
	f.putPeople(rows...)
	values := func() (all []string) {
		for _, p := range must(f.db.SeenPeople(f.ctx, tenant, "", 10))(f) {
			all = append(all, p.ID+" "+p.Seen.Basis+" "+p.Seen.Hash+" "+string(p.Seen.Values))
		}
		return all
	}
	f.same("with the row", values(), []string{`u1 b1 h Cook {"user.title":"Cook"}`, `u2 b1 h Smith {"user.title":"Smith"}`, `u3   `})
	f.same("one page", len(must(f.db.SeenPeople(f.ctx, tenant, "u1", 1))(f)), 1)

	loaded := must(f.db.People(f.ctx, tenant, []string{"u1"}))(f)[0]
	f.same("a row comes with the hashes alone", loaded.Seen, directory.LastSeen{Basis: "b1", Hash: "h Cook"})
	loaded.Profile.Title = "Chef"
	f.putPeople(loaded) // as it was loaded
	f.update(func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.NoteSeen(ctx, nil, at(1)))
		f.must(tx.NoteSeen(ctx, map[string]directory.LastSeen{"u2": lastSeen("b2", "late")}, at(-5)))
		return tx.NoteSeen(ctx, map[string]directory.LastSeen{"u3": lastSeen("b2", "Miller"), "zz": lastSeen("b2", "nobody")}, at(1))
	})
	f.same("beside the row", values(), []string{`u1 b1 h Cook {"user.title":"Cook"}`, `u2 b1 h Smith {"user.title":"Smith"}`, `u3 b2 h Miller {"user.title":"Miller"}`})
	f.must(f.db.PutRuleset(f.ctx, tenant, directory.Ruleset{Hash: "r1", Body: json.RawMessage(`{}`), Basis: "b2", Attributes: []string{"user.title"}}))
	f.same("the sets", must(f.db.SeenSets(f.ctx, tenant))(f), []directory.SeenSet{{Basis: "b1", People: 2}, {Basis: "b2", Attributes: []string{"user.title"}, People: 1}})
	f.same("hashes", must(f.db.Hashes(f.ctx, tenant, []string{"u3"}))(f), map[string]directory.RowHashes{"u3": {Row: "hash u3", Seen: "h Miller"}})
}
