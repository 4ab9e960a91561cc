package main

import (
	"fmt"
	"slices"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/e2e/installation"
	"github.com/oktasync/oktasync/emulator"
)

// chronicle is the truth over time: after each act it notes what became different in the
// org. So it can tell whether something that the directory once said was ever true.
type chronicle struct {
	app     string
	moments []moment
	steps   []string // what was done, by number of moment
}

// moment is the truth from a time on.
type moment struct {
	from   time.Time
	people map[string]emulator.Person
	groups map[string]emulator.Group
}

func newChronicle(org *emulator.Org) *chronicle {
	c := &chronicle{app: org.AppID()}
	c.add(org, time.Time{}, "the beginning")
	return c
}

// add notes what is true after an act that began at from.
func (c *chronicle) add(org *emulator.Org, from time.Time, what string) {
	truth := org.Truth()
	m := moment{from: from, people: map[string]emulator.Person{}, groups: map[string]emulator.Group{}}
	for _, p := range truth.People {
		m.people[p.ID] = p
	}
	for _, g := range truth.Groups {
		m.groups[g.ID] = g
	}
	c.moments = append(c.moments, m)
	c.steps = append(c.steps, what)
}

// claim is something that the directory said at a time.
type claim struct {
	seq  int64
	at   time.Time
	text string
	true func(moment) bool
}

// thread is what the directory said of one thing, in order. Whatever it said must have
// been true at some moment before it was said, and these moments must be in order too:
// older sight never overwrites newer.
type thread struct {
	name   string
	claims []claim
}

// untrue returns what of a thread was never true, or not in this order.
func (c *chronicle) untrue(t thread) []string {
	var lines []string
	at := 0
	for _, claim := range t.claims {
		held := func(m moment) bool { return !m.from.After(claim.at) && claim.true(m) }
		next := slices.IndexFunc(c.moments[at:], held)
		if next >= 0 {
			at += next
			continue
		}
		why := "which it never was in Okta until then"
		if earlier := slices.IndexFunc(c.moments, held); earlier >= 0 {
			why = fmt.Sprintf("which goes back behind what it said before: in Okta that was over with step %d", c.over(earlier, claim))
		}
		lines = append(lines, fmt.Sprintf("change %d says that %s is %s, %s", claim.seq, t.name, claim.text, why))
	}
	return lines
}

// over is the moment when what had been true from earlier on was over.
func (c *chronicle) over(earlier int, claim claim) int {
	for i := earlier; i < len(c.moments); i++ {
		if !claim.true(c.moments[i]) {
			return i
		}
	}
	return len(c.moments)
}

// threads takes a history apart into what it says of each thing.
func (c *chronicle) threads(changes []v1.Change) []thread {
	var names []string
	all := map[string]*thread{}
	say := func(change v1.Change, name, text string, holds func(moment) bool) {
		t := all[name]
		if t == nil {
			t = &thread{name: name}
			all[name] = t
			names = append(names, name)
		}
		t.claims = append(t.claims, claim{change.Seq, change.At, text, holds})
	}
	for _, change := range changes {
		switch change.Subject {
		case "person":
			c.ofPerson(change, say)
		case "group":
			c.ofGroup(change, say)
		case "membership":
			c.ofMembership(change, say)
		}
	}
	out := make([]thread, len(names))
	for i, name := range names {
		out[i] = *all[name]
	}
	return out
}

type sayer func(change v1.Change, name, text string, holds func(moment) bool)

func (c *chronicle) ofPerson(change v1.Change, say sayer) {
	id := change.PersonID
	for _, f := range change.Fields {
		name := fmt.Sprintf("%s of person %s", f.Field, id)
		after, _ := f.After.(string)
		switch f.Field {
		case "status":
			say(change, "access of person "+id, after, func(m moment) bool { return c.mayHave(m, id, after) })
		case "okta_status":
			say(change, name, after, func(m moment) bool {
				p, exists := m.people[id]
				return exists && string(p.Status) == after || !exists && after == "DELETED"
			})
		case "assignment", "manager", "manager_source", "manager_problem", "team":
			// The first ends with every other end of access; the others follow from what
			// else is in the directory.
		default:
			say(change, name, fmt.Sprintf("%q", after), func(m moment) bool {
				p, exists := m.people[id]
				return exists && fieldOf(p, f.Field) == after
			})
		}
	}
}

// mayHave says whether a person's access could be this at a moment.
func (c *chronicle) mayHave(m moment, id, status string) bool {
	p, exists := m.people[id]
	switch status {
	case "removed":
		return !exists || !p.AssignedTo(c.app)
	case "deactivated":
		return exists && p.Status == emulator.Deprovisioned
	default:
		// The status and the assignment are two answers of Okta, which may be of two
		// moments; okta_status has a thread of its own.
		return exists && p.AssignedTo(c.app)
	}
}

func fieldOf(p emulator.Person, field string) string {
	profile := installation.ProfileOf(p)
	switch field {
	case "first_name":
		return profile.FirstName
	case "last_name":
		return profile.LastName
	case "email":
		return profile.Email
	case "login":
		return profile.Login
	case "picture":
		return profile.Picture
	case "title":
		return profile.Title
	case "language":
		return profile.Language
	case "location":
		return profile.Location
	case "department":
		return profile.Department
	case "employee_number":
		return profile.EmployeeNumber
	case "manager_id_text":
		return p.Text("managerId")
	case "manager_text":
		return p.Text("manager")
	default:
		return "no such field: " + field
	}
}

func (c *chronicle) ofGroup(change v1.Change, say sayer) {
	id := change.SubjectID
	if change.Type == "group.removed" {
		say(change, "group "+id, "gone", func(m moment) bool { _, exists := m.groups[id]; return !exists })
		return
	}
	say(change, "group "+id, "there", func(m moment) bool { _, exists := m.groups[id]; return exists })
	for _, f := range change.Fields {
		after, _ := f.After.(string)
		say(change, f.Field+" of group "+id, fmt.Sprintf("%q", after), func(m moment) bool {
			g, exists := m.groups[id]
			return exists && map[string]string{"name": g.Name, "description": g.Description, "type": g.Type}[f.Field] == after
		})
	}
}

func (c *chronicle) ofMembership(change v1.Change, say sayer) {
	group, id := change.SubjectID, change.PersonID
	name := fmt.Sprintf("person %s in group %s", id, group)
	if change.Type == "membership.added" {
		say(change, name, "in", func(m moment) bool { return slices.Contains(m.groups[group].Members, id) })
		return
	}
	// Who is removed from the directory loses all memberships with it.
	say(change, name, "out", func(m moment) bool {
		p, exists := m.people[id]
		return !slices.Contains(m.groups[group].Members, id) || !exists || !p.AssignedTo(c.app)
	})
}
