package sync_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	dirsync "github.com/oktasync/oktasync/sync"
)

// TestRefutedListsSettleNothing: a list of groups, or of members, that lacks what a read by id shows may lack as
// well what an event tells of. The events of the burst are worked off one by one then.
func TestRefutedListsSettleNothing(t *testing.T) {
	t.Parallel()
	for name, edit := range map[string]func([]directory.Page) []directory.Page{
		"the group is missing": func(pages []directory.Page) []directory.Page {
			return slices.DeleteFunc(pages, func(p directory.Page) bool { return p.Groups != nil || p.Members != nil })
		},
		"the members are missing": func(pages []directory.Page) []directory.Page {
			for _, p := range pages {
				if p.Members != nil {
					p.Members.IDs = nil
				}
			}
			return pages
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := crowded(t, nil)
			f.groups["g"] = "Mentors"
			f.people["p00"].groups["g"] = true
			f.hint(directory.PersonScope("p00"), "application.user_membership.remove") // which waits for no list
			if err := f.later("p00"); err != nil {
				t.Fatal(err)
			}
			f.people["p59"].groups["g"] = true
			f.hint(directory.PersonScope("p59"), "group.user_membership.add")
			f.edit = edit
			if _, err := f.engine.Scope(t.Context(), directory.FullScope()); err != nil {
				t.Fatal(err)
			}
			if err := f.later("p59"); err != nil {
				t.Fatal(err)
			}
			got := f.stored()
			for _, id := range []string{"p00", "p59"} {
				if !slices.Equal(got[id].Groups, []string{"g"}) {
					t.Errorf("%s is in %v", id, got[id].Groups)
				}
			}
		})
	}
}

// TestSlowOlderLook: somebody who looked before the run, and writes while it is under way, leaves the run's change
// superseded. What the list showed is not in the row then, and the event has to wait.
func TestSlowOlderLook(t *testing.T) {
	t.Parallel()
	f := crowded(t, nil)
	looked, released, written := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	f.after = func(string) { close(looked); <-released }
	slow := f.engineOf(dirsync.Options{})
	go func() {
		_, err := slow.Scope(t.Context(), directory.PersonScope("p00"))
		written <- err
	}()
	<-looked
	f.people["p00"].profile["title"] = "Head"
	f.hint(directory.PersonScope("p00"))
	f.onPage = func(i int, _ directory.Page) {
		if i == 1 { // p00 is on the page before
			close(released)
			if err := <-written; err != nil {
				t.Error(err)
			}
		}
	}
	if _, err := f.engine.Scope(t.Context(), directory.FullScope()); err != nil {
		t.Fatal(err)
	}
	f.after = nil
	if err := f.later("p00"); err != nil {
		t.Fatal(err)
	}
	if title := f.row("p00").Profile.Title; title != "Head" {
		t.Errorf("p00 has the title %q", title)
	}
}

// TestOmittedOnceIsNotLeftToTheNextList: whom a list did not show is read by id, although another full sync has begun.
func TestOmittedOnceIsNotLeftToTheNextList(t *testing.T) {
	t.Parallel()
	f := crowded(t, nil)
	f.listOmits = map[string]bool{"p59": true}
	f.mustFull()
	for i := range 59 {
		f.hint(directory.PersonScope(fmt.Sprintf("p%02d", i)))
	}
	var err error
	f.onPage = func(i int, _ directory.Page) {
		if i == 0 {
			err = f.later("p59")
		}
	}
	f.mustFull()
	if err != nil {
		t.Errorf("p59 waits for another list: %v", err)
	}
}

// TestNobodyWaitsForAFailingRun: a full run of which an attempt has failed is still to come to an end, and people
// are read by id meanwhile.
func TestNobodyWaitsForAFailingRun(t *testing.T) {
	t.Parallel()
	f := crowded(t, nil)
	f.engine = f.engineOf(dirsync.Options{SecondLook: time.Nanosecond, Burst: 50, Delay: func(int) time.Duration { return time.Hour }})
	f.failAfter = 2
	if run, err := f.full(); err == nil || !run.State.Open() {
		t.Fatalf("the run is %s, %v", run.State, err)
	}
	if err := f.later("p00"); err != nil {
		t.Errorf("p00 waits: %v", err)
	}
}

// brokenReset is a database that forgets no reading, as often as it is told to.
type brokenReset struct {
	engineStore
	left *int
}

func (s brokenReset) ResetRun(ctx context.Context, tenant, id, owner string) error {
	if *s.left > 0 {
		*s.left--
		return errors.New("the database was restarted")
	}
	return s.engineStore.ResetRun(ctx, tenant, id, owner)
}

// TestReadingThatCouldNotStartOver: pages from before an event do not settle it, although the reading was about to start over.
func TestReadingThatCouldNotStartOver(t *testing.T) {
	t.Parallel()
	f := crowded(t, nil)
	broken := 0
	f.engine = f.engineOf(dirsync.Options{
		SecondLook: time.Nanosecond, Burst: 50, Delay: func(int) time.Duration { return time.Microsecond }, Store: brokenReset{engineStore{f.db}, &broken},
	})
	f.failAfter = 2
	run, err := f.full()
	if err == nil {
		t.Fatal("the reading was not interrupted")
	}
	f.people["p00"].profile["title"] = "Head" // p00 was on the first page
	for i := range 60 {
		f.hint(directory.PersonScope(fmt.Sprintf("p%02d", i)))
	}
	f.failAfter, f.failWith, broken = -1, func() error { return &directory.CursorError{Err: errors.New("okta refuses the cursor")} }, 1
	if _, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim); err == nil || broken > 0 {
		t.Fatalf("the reading did not try to start over: %v", err)
	}
	f.failAfter = 0
	if _, err := f.engine.Run(t.Context(), run.ID, directory.AnyClaim); err != nil {
		t.Fatal(err)
	}
	if _, err := f.engineOf(dirsync.Options{}).Scope(t.Context(), directory.PersonScope("p00")); err != nil {
		t.Fatal(err)
	}
	if title := f.row("p00").Profile.Title; title != "Head" {
		t.Errorf("p00 has the title %q", title)
	}
}
