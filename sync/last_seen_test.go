package sync_test

import (
	"fmt"
	"testing"

	"github.com/oktasync/oktasync/directory"
)

// lastSeen is what is kept of a person, with the set of attributes that it belongs to.
func (f *fixture) lastSeen(id string) (basis, values string) {
	f.t.Helper()
	rows, err := f.db.SeenPeople(f.t.Context(), f.tenant, "", 100)
	if err != nil {
		f.t.Fatal(err)
	}
	for _, row := range rows {
		if row.ID == id {
			return row.Seen.Basis, string(row.Seen.Values)
		}
	}
	f.t.Fatalf("nobody has the id %s", id)
	return "", ""
}

// TestWhatWasSeenIsKept: the attributes that rules read, and no others, are kept with the row by every way of
// reading, also where the row itself stays as it is.
func TestWhatWasSeenIsKept(t *testing.T) {
	t.Parallel()
	for _, by := range []string{"event", "full sync"} {
		t.Run(by, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(rules *directory.Rules) {
				rules.Mapping[directory.FieldTitle] = directory.Source{From: []string{"user.title", "user.nickName"}}
			})
			f.join("ada", map[string]any{"title": "Cook", "nickName": "A", "shoeSize": 38})
			follow := func() {
				if by == "event" {
					f.event(directory.PersonScope("ada"))
					return
				}
				f.mustFull()
			}
			kept := func(title, nick string) string {
				return fmt.Sprintf(`{"user.email":"ada@acme.example","user.firstName":"First ada","user.lastName":"Last ada","user.login":"ada@acme.example","user.nickName":%q,"user.title":%q}`, nick, title)
			}
			follow()
			if _, values := f.lastSeen("ada"); values != kept("Cook", "A") {
				t.Errorf("after the first look: %s", values)
			}
			f.people["ada"].profile["nickName"] = "B" // no field shows it
			before := f.history()
			follow()
			if _, values := f.lastSeen("ada"); values != kept("Cook", "B") {
				t.Errorf("after a look that changed no field: %s", values)
			}
			if now := f.history(); now != before {
				t.Errorf("%d changes in the history, there were %d", now, before)
			}
			f.people["ada"].profile["title"] = "Chef"
			follow()
			if _, values := f.lastSeen("ada"); values != kept("Chef", "B") {
				t.Errorf("after a change: %s", values)
			}
		})
	}
}
