package storetest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// Full checks what happens while a database's disk is full. open returns the database with or without
// room, each time the same one.
func Full(t *testing.T, open func(room bool) *store.DB) {
	db := open(true)
	if err := db.EnsureTenants(t.Context(), []string{tenant}); err != nil {
		t.Fatal(err)
	}
	join := func(n int) error {
		return db.Update(t.Context(), tenant, func(ctx context.Context, tx *store.Tx) error {
			var changes []directory.Change
			rows := people(fmt.Sprintf("u%d", n), fmt.Sprintf("v%d", n))
			if err := tx.PutPeople(ctx, rows); err != nil {
				return err
			}
			for _, p := range rows {
				changes = append(changes, directory.Change{Type: directory.PersonCreated, Subject: directory.SubjectPerson, SubjectID: p.ID, PersonID: p.ID})
			}
			_, err := tx.Append(ctx, changes)
			return err
		})
	}
	receive := func(n int) error {
		e := event(fmt.Sprintf("e%d", n), directory.PersonScope(fmt.Sprintf("u%d", n)), directory.GroupScope(fmt.Sprintf("g%d", n)))
		return db.AddEvents(t.Context(), tenant, []directory.Event{e})
	}
	db = open(false)
	until := func(what string, do func(int) error) (done int) {
		for n := range 100_000 {
			err := do(n)
			if err == nil {
				continue
			}
			var full *directory.StorageFullError
			if !errors.As(err, &full) || !strings.Contains(err.Error(), "make room on that disk") {
				t.Fatalf("%s without room: %v", what, err)
			}
			if db.Full() == nil {
				t.Errorf("nobody is told that there is no room for %s", what)
			}
			return n
		}
		t.Fatalf("there is room for %s for ever", what)
		return 0
	}
	joined := until("a commit", join)
	received := until("events", receive)
	whole := func(joined, received int) {
		t.Helper()
		state, err := db.TenantState(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		changes, err := db.Changes(t.Context(), tenant, directory.ChangeQuery{Limit: 1_000_000})
		if err != nil {
			t.Fatal(err)
		}
		if state.People != 2*joined || len(changes) != 2*joined || state.Waiting != 2*received {
			t.Errorf("%d people, %d changes and %d waiting scopes; want two for each of %d commits, and of %d events",
				state.People, len(changes), state.Waiting, joined, received)
		}
		for i, c := range changes {
			if c.Seq != int64(i+1) {
				t.Fatalf("change %d has the number %d", i+1, c.Seq)
			}
		}
	}
	whole(joined, received)
	db = open(true)
	if err := errors.Join(join(joined), receive(received)); err != nil {
		t.Fatalf("with room again: %v", err)
	}
	whole(joined+1, received+1)
}
