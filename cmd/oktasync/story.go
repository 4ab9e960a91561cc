package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/oktasync/oktasync/emulator"
)

// storyStep is one thing that happens in Okta and the change that must follow.
type storyStep struct {
	title string
	who   string   // whose history shows it; empty: whoever the act names
	want  []string // types of the changes
	shows map[string]bool
	act   func() (emulator.Act, error)
}

// story is what happens in one round of the demo. Each round is about other people,
// and the same round always does the same.
func story(org *emulator.Org, round int) []storyStep {
	people := org.PersonIDs()
	groups := slices.DeleteFunc(org.Groups(), func(g emulator.Group) bool { return g.Type != "OKTA_GROUP" })
	// The first people are the heads of the company: leave them in peace.
	pick := func(n int) string { return people[(100+round*7+n)%len(people)] }
	mover, suspended, leaver := pick(0), pick(1), pick(2)
	group := groups[round%len(groups)]
	member, boss := pick(3), people[20]
	for n := 4; isMember(org, member, group.ID); n++ {
		member = pick(n)
	}
	for n := 21; managerOf(org, mover) == boss; n++ {
		boss = people[n]
	}
	return []storyStep{
		{
			title: "a joiner, assigned to the app", want: []string{"person.created"}, shows: map[string]bool{"status": true, "department": true},
			act: func() (emulator.Act, error) {
				return org.Join(emulator.NewPerson{FirstName: "Nova", LastName: fmt.Sprintf("Joiner %d", round+1), Department: "Customer Success", Manager: boss})
			},
		},
		{
			title: "a mover: new department and manager", who: mover, want: []string{"person.updated", "person.manager_changed"}, shows: map[string]bool{"department": true, "manager": true},
			act: func() (emulator.Act, error) {
				return org.Move(mover, fmt.Sprintf("Special Projects %d", round+1), boss)
			},
		},
		{
			title: "a suspension", who: suspended, want: []string{"person.suspended"}, shows: map[string]bool{"status": true},
			act: func() (emulator.Act, error) { return org.Suspend(suspended) },
		},
		{
			title: "a leaver: deactivated in Okta", who: leaver, want: []string{"person.deactivated"}, shows: map[string]bool{"status": true, "okta_status": true},
			act: func() (emulator.Act, error) { return org.Deactivate(leaver) },
		},
		{
			title: fmt.Sprintf("somebody joins the group %q", group.Name), who: member, want: []string{"membership.added"},
			act: func() (emulator.Act, error) { return org.AddToGroup(group.ID, member) },
		},
	}
}

func isMember(org *emulator.Org, id, group string) bool {
	p, _ := org.Person(id)
	return slices.Contains(p.Groups, group)
}

func managerOf(org *emulator.Org, id string) string {
	p, _ := org.Person(id)
	return p.ManagerID
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
