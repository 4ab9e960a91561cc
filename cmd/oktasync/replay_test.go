package main

import (
	"context"
	"testing"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
)

// TestReplayCounts: a replay says how many changes are sent, and adds none that the endpoint did not ask for.
func TestReplayCounts(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: storetest.SQLiteFile(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(db.EnsureTenants(t.Context(), []string{"acme"}))
	must(db.Update(t.Context(), "acme", func(ctx context.Context, tx *store.Tx) error {
		_, err := tx.Append(ctx, []directory.Change{
			{Type: directory.PersonCreated, Subject: directory.SubjectPerson, SubjectID: "u1", PersonID: "u1"},
			{Type: directory.PersonUpdated, Subject: directory.SubjectPerson, SubjectID: "u1", PersonID: "u1"},
			{Type: directory.GroupCreated, Subject: directory.SubjectGroup, SubjectID: "g1"},
		})
		return err
	}))
	admin := &endpointAdmin{DB: db, wake: func() {}}
	for name, test := range map[string]struct {
		filter, teams []string
		types         []directory.ChangeType
		want          int
		atMost        bool
	}{
		"everything":               {want: 3},
		"types of the replay":      {types: []directory.ChangeType{directory.GroupCreated}, want: 1},
		"types of the endpoint":    {filter: []string{"person.*"}, want: 2},
		"types of both":            {filter: []string{"person.*"}, types: []directory.ChangeType{directory.PersonUpdated, directory.GroupCreated}, want: 1},
		"types that do not meet":   {filter: []string{"person.*"}, types: []directory.ChangeType{directory.GroupCreated}},
		"types of a later version": {filter: []string{"planet.*"}},
		"teams":                    {teams: []string{"t1"}, want: 3, atMost: true},
	} {
		e := directory.Endpoint{Tenant: "acme", ID: "ep", Name: "crm", URL: "https://example.com", Types: test.filter, Teams: test.teams}
		must(db.AddEndpoint(t.Context(), e, directory.Act{Kind: directory.ActEndpointAdd}))
		n, atMost, err := admin.Replay(t.Context(), "acme", "crm", nil, directory.ChangeQuery{Types: test.types}, directory.Act{Kind: directory.ActReplay})
		rows, readErr := db.Deliveries(t.Context(), "acme", "ep", directory.DeliveryWaiting, 0, 10)
		if err != nil || readErr != nil || n != test.want || atMost != test.atMost || len(rows) != n {
			t.Errorf("%s: %d, at most %t, %v; %d wait, %v", name, n, atMost, err, len(rows), readErr)
		}
		if _, err := db.RemoveEndpoint(t.Context(), "acme", "ep", directory.Act{Kind: directory.ActEndpointRemove}); err != nil {
			t.Fatal(err)
		}
	}
}
