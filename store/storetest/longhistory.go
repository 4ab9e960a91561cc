package storetest

import (
	"context"
	"fmt"
	"testing"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// BenchmarkLongHistory reads the history of people who changed 10,000 times each from its beginning, with states, in pages of
// 500. What the first page costs is reported beside the whole.
func BenchmarkLongHistory(b *testing.B, open func(b *testing.B) *store.DB) {
	for _, people := range []int{1, 5} {
		b.Run(fmt.Sprintf("people=%d", people), func(b *testing.B) { longHistory(b, open(b), people) })
	}
}

func longHistory(b *testing.B, db *store.DB, people int) {
	const each, batch = 10_000, 500
	must := func(err error) {
		b.Helper()
		if err != nil {
			b.Fatal(err)
		}
	}
	must(db.EnsureTenants(b.Context(), []string{tenant}))
	for first := 0; first < each; first += batch / people {
		must(db.Update(b.Context(), tenant, func(ctx context.Context, tx *store.Tx) error {
			var changes []directory.Change
			var rows []directory.Person
			for n := first; n < first+batch/people; n++ {
				for p := range people {
					id := fmt.Sprintf("u%d", p)
					changes = append(changes, directory.Change{Type: directory.PersonUpdated, Subject: directory.SubjectPerson, SubjectID: id, PersonID: id,
						Fields: []directory.FieldChange{{Field: "title", Before: fmt.Sprint("Title ", n), After: fmt.Sprint("Title ", n+1)}}})
					if n == first {
						rows = append(rows, directory.Person{ID: id, Status: directory.StatusActive, Profile: directory.Profile{Title: fmt.Sprint("Title ", first+batch/people)}})
					}
				}
			}
			if err := tx.PutPeople(ctx, rows); err != nil {
				return err
			}
			_, err := tx.Append(ctx, changes)
			return err
		}))
	}
	page := func(after int64) directory.FeedPage {
		got, err := db.Feed(b.Context(), tenant, directory.ChangeQuery{After: after, Limit: batch, States: true})
		must(err)
		return got
	}
	b.Run("first page", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			page(0)
		}
	})
	b.Run("all pages", func(b *testing.B) {
		for b.Loop() {
			for after := int64(0); ; {
				got := page(after)
				if len(got.Changes) == 0 {
					break
				}
				after = got.Changes[len(got.Changes)-1].Seq
			}
		}
	})
}
