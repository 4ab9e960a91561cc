package sync_test

import (
	"errors"
	"maps"
	"slices"
	"testing"

	"github.com/oktasync/oktasync/directory"
)

// The end of an assignment may be told of a login alone, which at that time is nobody's any more.
func TestLeaverKnownByLoginOnly(t *testing.T) {
	t.Parallel()
	const login, event = "ada@acme.example", "application.user_membership.remove"
	for name, test := range map[string]struct {
		happens func(f *fixture)
		want    []string // who is there in the end, beside the others
		reads   int
	}{
		"deleted": {func(f *fixture) { f.people["ada"].status = "" }, nil, 2},
		"unassigned, and renamed": {func(f *fixture) {
			f.people["ada"].assigned, f.people["ada"].profile["login"] = false, "ada.l@acme.example"
		}, nil, 2},
		"deleted, and the login given to somebody else": {func(f *fixture) {
			f.people["ada"].status = ""
			f.join("ada2", map[string]any{"login": login})
		}, []string{"ada2"}, 2},
		"unassigned, with the login": {func(f *fixture) { f.people["ada"].assigned = false }, nil, 2},
		"still there":                {func(*fixture) {}, []string{"ada"}, 1},
		"renamed":                    {func(f *fixture) { f.people["ada"].profile["login"] = "ada.l@acme.example" }, []string{"ada"}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := company(t, nil)
			f.mustFull()
			test.happens(f)
			f.reads = 0
			result := f.event(directory.PersonScope(login), event)
			got := slices.Sorted(maps.Keys(f.stored()))
			if want := append(test.want, "bob", "boss", "cyd", "dan"); !slices.Equal(got, want) {
				t.Errorf("the directory has %v, want %v", got, want)
			}
			if f.reads != test.reads || result.Events != 1 {
				t.Errorf("%d reads and %d events, want %d and 1", f.reads, result.Events, test.reads)
			}
			if ticket, err := f.db.Ticket(t.Context(), f.tenant, directory.PersonScope(login)); err != nil || !ticket.Idle() {
				t.Errorf("the event still waits: %v, %v", ticket, err)
			}
			f.compare(nil)
		})
	}
}

// What could not be read waits, although the login itself is nobody's.
func TestLeaverKnownByLoginWaits(t *testing.T) {
	t.Parallel()
	f := company(t, nil)
	f.mustFull()
	f.people["ada"].status, f.confirmErr = "", errors.New("okta answered 500")
	scope := directory.PersonScope("ADA@acme.example")
	f.hint(scope, "application.user_membership.remove")
	if _, err := f.engine.Scope(t.Context(), scope); err == nil {
		t.Error("the reading failed, and nobody heard of it")
	}
	f.confirmErr = nil
	if _, err := f.engine.Scope(t.Context(), scope); err != nil {
		t.Error(err)
	}
	f.compare(nil)
}
