package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/oktasync/oktasync/emulator"
)

// storyStep is one thing that happens in Okta and the change that must follow.
type storyStep struct {
	title string
	who   string // whose history shows it; empty: whoever the act names
	want  string // type of the change
	shows map[string]bool
	act   func() (emulator.Act, error)
}

// story is what happens in one round of the demo. Each round is about other people,
// and the same round always does the same.
func story(org *emulator.Org, round int) []storyStep {
	people, groups := org.PersonIDs(), org.Groups()
	// The first people are the heads of the company: leave them in peace.
	pick := func(n int) string { return people[(100+round*7+n)%len(people)] }
	mover, suspended, leaver, member := pick(0), pick(1), pick(2), pick(3)
	boss := people[(20+round)%len(people)]
	group := groups[1+round%(len(groups)-1)]
	return []storyStep{
		{
			title: "a joiner, assigned to the app", want: "person.created", shows: map[string]bool{"status": true, "department": true},
			act: func() (emulator.Act, error) {
				return org.Join(emulator.NewPerson{FirstName: "Nova", LastName: fmt.Sprintf("Joiner %d", round+1), Department: "Customer Success", Manager: boss})
			},
		},
		{
			title: "a mover: new department and manager", who: mover, want: "person.updated", shows: map[string]bool{"department": true},
			act: func() (emulator.Act, error) {
				return org.Move(mover, fmt.Sprintf("Special Projects %d", round+1), boss)
			},
		},
		{
			title: "a suspension", who: suspended, want: "person.suspended", shows: map[string]bool{"status": true},
			act: func() (emulator.Act, error) { return org.Suspend(suspended) },
		},
		{
			title: "a leaver: deactivated in Okta", who: leaver, want: "person.deactivated", shows: map[string]bool{"status": true, "okta_status": true},
			act: func() (emulator.Act, error) { return org.Deactivate(leaver) },
		},
		{
			title: fmt.Sprintf("somebody joins the group %q", group.Name), who: member, want: "membership.added",
			act: func() (emulator.Act, error) {
				if _, err := org.RemoveFromGroup(group.ID, member); err == nil {
					// Was a member already; the way back shows the same.
					return org.AddToGroup(group.ID, member)
				}
				return org.AddToGroup(group.ID, member)
			},
		},
	}
}

// demoRounds remembers how often the story was told with one directory.
type demoRounds struct{ path string }

func (r demoRounds) read() (int, error) {
	text, err := os.ReadFile(r.path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("read how far the demo was: %w", err)
	}
	n, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s does not hold a number of rounds; delete the demo's folder to start over", r.path)
	}
	return n, nil
}

func (r demoRounds) write(n int) error {
	if err := os.WriteFile(r.path, []byte(strconv.Itoa(n)+"\n"), 0o644); err != nil {
		return fmt.Errorf("remember how far the demo was: %w", err)
	}
	return nil
}
