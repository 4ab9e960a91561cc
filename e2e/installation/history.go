package installation

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/emulator"
)

// History does at random what people do in an org all day long: they join, move, are
// renamed, suspended, leave, come back, swap logins; groups are made, filled, renamed
// and deleted. The same seed does the same to the same org.
type History struct {
	// Loose has everybody whose assignment came or went; the caller may empty it.
	Loose map[string]bool
	// Did, when set, hears of each act right after it happened.
	Did func(what string)

	org    *emulator.Org
	rand   *rand.Rand
	people []string // ids of everybody but the heads of the company and who was deleted
	heads  []string
	groups []string // groups made by the history, which are small
	n      int
}

// NewHistory begins a history with the people who are there.
func NewHistory(org *emulator.Org, seed uint64) *History {
	ids := org.PersonIDs()
	heads := min(10, len(ids)/2)
	return &History{
		Loose: map[string]bool{}, org: org, rand: rand.New(rand.NewPCG(seed, 7)),
		heads: ids[:heads], people: slices.Clone(ids[heads:]),
	}
}

// Step lets one thing happen. What does not fit the person's state becomes
// another thing.
func (h *History) Step() error {
	h.n++
	who := h.one(h.people)
	p, _ := h.org.Person(who)
	assigned := p.AssignedTo(h.org.AppID())
	switch kind := h.rand.IntN(24); {
	case kind < 3:
		return h.join()
	case p.Status == emulator.Deprovisioned:
		return h.after(who)
	case kind < 5:
		department, boss := h.department(), h.one(h.heads)
		return h.act(h.org.Move(who, department, boss))("move %s to %s under %s", who, department, boss)
	case kind < 8:
		return h.edit(who)
	case kind == 8 && p.Status == emulator.Active:
		return h.act(h.org.Suspend(who))("suspend %s", who)
	case kind == 9 && p.Status == emulator.Active:
		return h.act(h.org.Lock(who))("lock %s", who)
	case kind <= 11 && p.Status == emulator.Suspended:
		return h.act(h.org.Unsuspend(who))("unsuspend %s", who)
	case kind <= 11 && p.Status == emulator.LockedOut:
		return h.act(h.org.Unlock(who))("unlock %s", who)
	case kind <= 11 && p.Status == emulator.Staged:
		return h.act(h.org.Activate(who))("activate %s, who was staged", who)
	case kind == 12:
		h.Loose[who] = h.Loose[who] || !assigned
		return h.act(h.org.Deactivate(who))("deactivate %s", who)
	case kind == 13 && h.direct(p):
		h.Loose[who] = true
		return h.act(h.org.Unassign("", who))("unassign %s", who)
	case kind <= 14 && !assigned:
		h.Loose[who] = true
		return h.act(h.org.Assign("", who))("assign %s", who)
	case kind == 15 && h.rand.IntN(3) == 0:
		return h.delete(who)
	case kind == 16:
		return h.swap(who)
	case kind < 20:
		return h.group(who)
	default:
		return h.membership(who, h.one(h.allGroups()))
	}
}

// act wraps what was done: an error ends the history, else Did hears of it.
func (h *History) act(_ emulator.Act, err error) func(format string, args ...any) error {
	return func(format string, args ...any) error {
		what := fmt.Sprintf(format, args...)
		if err != nil {
			return fmt.Errorf("step %d, %s: %w", h.n, what, err)
		}
		if h.Did != nil {
			h.Did(what)
		}
		return nil
	}
}

func (h *History) one(from []string) string { return from[h.rand.IntN(len(from))] }

func (h *History) department() string { return fmt.Sprintf("Department %c", 'A'+rune(h.rand.IntN(8))) }

func (h *History) direct(p emulator.Person) bool {
	return slices.ContainsFunc(p.Apps, func(g emulator.Grant) bool { return g.AppID == h.org.AppID() && g.Scope == "USER" })
}

func (h *History) allGroups() []string {
	var ids []string
	for _, g := range h.org.Groups() {
		if g.Type == "OKTA_GROUP" {
			ids = append(ids, g.ID)
		}
	}
	return ids
}

func (h *History) join() error {
	n := emulator.NewPerson{Department: h.department(), Manager: h.one(h.heads), Groups: []string{h.one(h.allGroups())}}
	n.Status = []emulator.Status{emulator.Active, emulator.Provisioned, emulator.Staged}[h.rand.IntN(3)]
	n.Unassigned = h.rand.IntN(4) == 0
	act, err := h.org.Join(n)
	h.Loose[act.ID] = true
	h.people = append(h.people, act.ID)
	return h.act(act, err)("join %s, %s, assigned %t, in group %s", act.ID, n.Status, !n.Unassigned, n.Groups[0])
}

// after is what becomes of somebody who was deactivated: back again, or deleted.
func (h *History) after(who string) error {
	h.Loose[who] = true
	if h.rand.IntN(2) == 0 {
		return h.delete(who)
	}
	if err := h.act(h.org.Activate(who))("rehire %s", who); err != nil {
		return err
	}
	return h.act(h.org.Assign("", who))("assign %s, who was rehired", who)
}

// delete ends somebody; now and then somebody else joins with the same login.
func (h *History) delete(who string) error {
	p, _ := h.org.Person(who)
	h.people = slices.DeleteFunc(h.people, func(id string) bool { return id == who })
	if err := h.act(h.org.Delete(who))("delete %s", who); err != nil || h.rand.IntN(4) > 0 {
		return err
	}
	act, err := h.org.Join(emulator.NewPerson{Login: p.Login, Email: p.Text("email"), Department: h.department()})
	h.Loose[act.ID] = true
	h.people = append(h.people, act.ID)
	return h.act(act, err)("join %s with the login of %s", act.ID, who)
}

func (h *History) edit(who string) error {
	values := []map[string]any{
		{"title": fmt.Sprintf("Title %d", h.n)},
		{"city": "Łódź", "preferredLanguage": "pl"},
		{"email": fmt.Sprintf("renamed.%d@acme.example", h.n), "login": fmt.Sprintf("renamed.%d@acme.example", h.n)},
		{"employeeNumber": fmt.Sprintf("N%05d", h.n)},
		{"department": nil}, {"title": nil, "city": nil},
		{"managerId": nil, "manager": nil}, {"managerId": "nobody-at-all", "manager": nil},
		{"lastName": fmt.Sprintf("Wed-%d", h.n), "profileUrl": "https://pictures.example/" + who},
		{"managerId": h.one(h.people)}, // loops may come of it
	}
	value := values[h.rand.IntN(len(values))]
	return h.act(h.org.Update(who, value))("edit %s: %v", who, value)
}

// swap gives two people each other's login and e-mail, as Okta allows it: by way of
// a third.
func (h *History) swap(who string) error {
	other := h.one(h.people)
	a, _ := h.org.Person(who)
	b, _ := h.org.Person(other)
	if who == other || b.Status == emulator.Deprovisioned {
		return h.edit(who)
	}
	parked := fmt.Sprintf("parked.%d@acme.example", h.n)
	for _, m := range []struct {
		id, login string
		email     any
	}{{who, parked, a.Profile["email"]}, {other, a.Login, a.Profile["email"]}, {who, b.Login, b.Profile["email"]}} {
		err := h.act(h.org.Update(m.id, map[string]any{"login": m.login, "email": m.email}))("login of %s becomes %s", m.id, m.login)
		if err != nil {
			return err
		}
	}
	return nil
}

// group is about the history's own groups: made, renamed, deleted, given the app.
func (h *History) group(who string) error {
	if len(h.groups) < 3 {
		name := fmt.Sprintf("Project %d", h.n)
		act, err := h.org.CreateGroup(name, "")
		h.groups = append(h.groups, act.ID)
		if err := h.act(act, err)("make group %s %q", act.ID, name); err != nil {
			return err
		}
		return h.act(h.org.AddToGroup(act.ID, who))("add %s to the new group %s", who, act.ID)
	}
	id := h.one(h.groups)
	g, _ := h.org.Group(id)
	hasApp := slices.Contains(g.Apps, h.org.AppID())
	switch h.rand.IntN(5) {
	case 0:
		name := fmt.Sprintf("Renamed %d", h.n)
		return h.act(h.org.RenameGroup(id, name))("rename group %s to %q", id, name)
	case 1:
		h.looseMembers(g)
		h.groups = slices.DeleteFunc(h.groups, func(other string) bool { return other == id })
		return h.act(h.org.DeleteGroup(id))("delete group %s with %s", id, strings.Join(g.Members, ", "))
	case 2:
		h.looseMembers(g)
		if hasApp {
			return h.act(h.org.UnassignGroup("", id))("unassign group %s with %s", id, strings.Join(g.Members, ", "))
		}
		return h.act(h.org.AssignGroup("", id))("assign group %s with %s", id, strings.Join(g.Members, ", "))
	default:
		if len(g.Members) >= 8 { // the guard's floor lets such a group go at once
			return h.membership(who, id)
		}
		h.Loose[who] = h.Loose[who] || hasApp
		return h.act(h.org.AddToGroup(id, who))("add %s to group %s", who, id)
	}
}

func (h *History) looseMembers(g emulator.Group) {
	for _, id := range g.Members {
		h.Loose[id] = true
	}
}

// membership turns a membership round.
func (h *History) membership(who, group string) error {
	g, _ := h.org.Group(group)
	h.Loose[who] = h.Loose[who] || slices.Contains(g.Apps, h.org.AppID())
	if slices.Contains(g.Members, who) {
		return h.act(h.org.RemoveFromGroup(group, who))("remove %s from group %s", who, group)
	}
	return h.act(h.org.AddToGroup(group, who))("add %s to group %s", who, group)
}
