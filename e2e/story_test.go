package e2e

import (
	"testing"

	"github.com/oktasync/oktasync/e2e/installation"
	"github.com/oktasync/oktasync/emulator"
)

// story is what happens in the org of a world.
type story struct {
	*installation.History
	w *world
}

func newStory(w *world, seed uint64) *story {
	return &story{History: installation.NewHistory(w.org, seed), w: w}
}

// tell lets n things happen.
func (s *story) tell(n int) {
	s.w.t.Helper()
	for range n {
		if err := s.Step(); err != nil {
			s.w.t.Fatal(err)
		}
	}
	for id := range s.Loose {
		s.w.loose[id] = true
	}
	clear(s.Loose)
}

// joinGroupOfStrangers makes a group of people without the app, and gives it the app.
func (s *story) joinGroupOfStrangers(t *testing.T) {
	t.Helper()
	id := s.w.act(s.w.org.CreateGroup("Contractors", "people who get the app through this group")).ID
	for range 6 {
		person := s.w.act(s.w.org.Join(emulator.NewPerson{Unassigned: true, Groups: []string{id}, Department: "Outside"})).ID
		s.w.loose[person] = true
	}
	s.w.act(s.w.org.AssignGroup("", id))
}
