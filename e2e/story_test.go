package e2e

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/oktasync/oktasync/emulator"
)

// story does what people do in an org all day long, at random.
type story struct {
	w      *world
	rand   *rand.Rand
	people []string // ids of everybody but the heads of the company and who was deleted
	heads  []string
	groups []string // groups made by the story, which are small
	n      int
}

func newStory(w *world, seed uint64) *story {
	ids := w.org.PersonIDs()
	heads := min(10, len(ids)/2)
	return &story{w: w, rand: rand.New(rand.NewPCG(seed, 7)), heads: ids[:heads], people: slices.Clone(ids[heads:])}
}

// tell lets n things happen.
func (s *story) tell(n int) {
	s.w.t.Helper()
	for range n {
		s.n++
		s.step()
	}
}

func (s *story) one(from []string) string { return from[s.rand.IntN(len(from))] }

func (s *story) department() string { return fmt.Sprintf("Department %c", 'A'+rune(s.rand.IntN(8))) }

// step lets one thing happen. What does not fit the person's state becomes
// another thing.
func (s *story) step() {
	w, org := s.w, s.w.org
	w.t.Helper()
	who := s.one(s.people)
	p, _ := org.Person(who)
	assigned := p.AssignedTo(org.AppID())
	switch kind := s.rand.IntN(20); {
	case kind < 3:
		s.join()
	case p.Status == emulator.Deprovisioned:
		s.after(who)
	case kind < 5:
		w.act(org.Move(who, s.department(), s.one(s.heads)))
	case kind < 8:
		s.edit(who)
	case kind == 8 && p.Status == emulator.Active:
		w.act(org.Suspend(who))
	case kind == 9 && p.Status == emulator.Active:
		w.act(org.Lock(who))
	case kind <= 10 && p.Status == emulator.Suspended:
		w.act(org.Unsuspend(who))
	case kind <= 10 && p.Status == emulator.LockedOut:
		w.act(org.Unlock(who))
	case kind <= 10 && p.Status == emulator.Staged:
		w.act(org.Activate(who))
	case kind == 11:
		w.loose[who] = w.loose[who] || !assigned
		w.act(org.Deactivate(who))
	case kind == 12 && direct(p, org.AppID()):
		w.loose[who] = true
		w.act(org.Unassign("", who))
	case kind <= 13 && !assigned:
		w.loose[who] = true
		w.act(org.Assign("", who))
	case kind == 14 && s.rand.IntN(3) == 0:
		s.delete(who)
	case kind < 17:
		s.group(who)
	default:
		g := s.one(s.allGroups())
		if slices.Contains(p.Groups, g) {
			w.act(org.RemoveFromGroup(g, who))
			return
		}
		w.act(org.AddToGroup(g, who))
	}
}

func direct(p emulator.Person, app string) bool {
	return slices.ContainsFunc(p.Apps, func(g emulator.Grant) bool { return g.AppID == app && g.Scope == "USER" })
}

func (s *story) allGroups() []string {
	var ids []string
	for _, g := range s.w.org.Groups() {
		if g.Type == "OKTA_GROUP" {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

func (s *story) join() {
	n := emulator.NewPerson{Department: s.department(), Manager: s.one(s.heads), Groups: []string{s.one(s.allGroups())}}
	n.Status = []emulator.Status{emulator.Active, emulator.Provisioned, emulator.Staged}[s.rand.IntN(3)]
	n.Unassigned = s.rand.IntN(4) == 0
	id := s.w.act(s.w.org.Join(n)).ID
	s.w.loose[id] = true
	s.people = append(s.people, id)
}

// after is what becomes of somebody who was deactivated: back again, or deleted.
func (s *story) after(who string) {
	s.w.loose[who] = true
	if s.rand.IntN(2) == 0 {
		s.delete(who)
		return
	}
	s.w.act(s.w.org.Activate(who))
	s.w.act(s.w.org.Assign("", who))
}

func (s *story) delete(who string) {
	s.w.act(s.w.org.Delete(who))
	s.people = slices.DeleteFunc(s.people, func(id string) bool { return id == who })
}

func (s *story) edit(who string) {
	values := []map[string]any{
		{"title": fmt.Sprintf("Title %d", s.n)},
		{"city": "Łódź", "preferredLanguage": "pl"},
		{"email": fmt.Sprintf("renamed.%d@acme.example", s.n), "login": fmt.Sprintf("renamed.%d@acme.example", s.n)},
		{"employeeNumber": fmt.Sprintf("N%05d", s.n)},
		{"department": nil}, {"title": nil, "city": nil},
		{"managerId": nil, "manager": nil}, {"managerId": "nobody-at-all", "manager": nil},
		{"lastName": fmt.Sprintf("Wed-%d", s.n), "profileUrl": "https://pictures.example/" + who},
	}
	s.w.act(s.w.org.Update(who, values[s.rand.IntN(len(values))]))
}

// group is about the story's own groups: made, renamed, deleted, given the app.
func (s *story) group(who string) {
	w, org := s.w, s.w.org
	if len(s.groups) < 3 {
		id := w.act(org.CreateGroup(fmt.Sprintf("Project %d", s.n), "")).ID
		s.groups = append(s.groups, id)
		w.act(org.AddToGroup(id, who))
		return
	}
	id := s.one(s.groups)
	g, _ := org.Group(id)
	switch s.rand.IntN(5) {
	case 0:
		w.act(org.RenameGroup(id, fmt.Sprintf("Renamed %d", s.n)))
	case 1:
		s.looseMembers(g)
		w.act(org.DeleteGroup(id))
		s.groups = slices.DeleteFunc(s.groups, func(other string) bool { return other == id })
	case 2:
		s.looseMembers(g)
		if slices.Contains(g.Apps, org.AppID()) {
			w.act(org.UnassignGroup("", id))
			return
		}
		w.act(org.AssignGroup("", id))
	default:
		if slices.Contains(g.Apps, org.AppID()) {
			w.loose[who] = true
		}
		if len(g.Members) < 8 { // the guard's floor lets such a group go at once
			w.act(org.AddToGroup(id, who))
		}
	}
}

func (s *story) looseMembers(g emulator.Group) {
	for _, id := range g.Members {
		s.w.loose[id] = true
	}
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
