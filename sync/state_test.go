package sync_test

import (
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/oktasync/oktasync/directory"
)

// album remembers what everybody was like at some places of the history.
type album struct {
	*fixture
	seen map[int64]map[string]directory.Person // by the number of the last change
}

func (a *album) picture() {
	a.t.Helper()
	ctx := a.t.Context()
	page, err := a.db.Feed(ctx, a.tenant, directory.ChangeQuery{Newest: true, Limit: 1})
	if err != nil {
		a.t.Fatal(err)
	}
	rows, err := a.db.ListPeople(ctx, a.tenant, directory.PeopleQuery{Limit: 1000})
	if err != nil {
		a.t.Fatal(err)
	}
	people := map[string]directory.Person{}
	for _, p := range rows {
		people[p.ID] = p
	}
	a.seen[page.Last] = people
}

// compare checks that the feed shows the people as they were at each of these places, in numbers of their own
// without gaps, and that making the changes one after the other comes to the same.
func (a *album) compare() {
	a.t.Helper()
	page, err := a.db.Feed(a.t.Context(), a.tenant, directory.ChangeQuery{Limit: 100_000, States: true})
	if err != nil {
		a.t.Fatal(err)
	}
	same := cmp.Options{
		cmpopts.IgnoreFields(directory.Person{}, "Hash", "ObservedAt", "GroupsObservedAt", "LeftAt", "CreatedAt", "UpdatedAt", "ManagerWanted", "Seen"),
		cmpopts.EquateEmpty(),
	}
	shown, made, numbers := map[string]*directory.Person{}, map[string]*directory.Person{}, map[string]int64{}
	for _, c := range page.Changes {
		if c.PersonID != "" {
			if numbers[c.PersonID]++; c.PersonSeq != numbers[c.PersonID] {
				a.t.Errorf("change %d has number %d of person %s, want %d", c.Seq, c.PersonSeq, c.PersonID, numbers[c.PersonID])
			}
		}
		if c.Subject == directory.SubjectPerson {
			shown[c.PersonID], made[c.PersonID] = c.State.Person, made[c.PersonID].After(c)
			if diff := cmp.Diff(made[c.PersonID], shown[c.PersonID], same); diff != "" {
				a.t.Errorf("person %s after change %d, %s (-made of the changes +shown):\n%s", c.PersonID, c.Seq, c.Type, diff)
			}
		}
		rows, remembered := a.seen[c.Seq]
		if !remembered {
			continue
		}
		for id, p := range shown {
			if row, exists := rows[id]; exists {
				if diff := cmp.Diff(&row, p, same); diff != "" {
					a.t.Errorf("person %s at change %d (-row +shown):\n%s", id, c.Seq, diff)
				}
			}
		}
	}
}
