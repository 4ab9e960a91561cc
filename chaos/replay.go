package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/e2e/installation"
)

// replay is a directory that is built from a history alone.
type replay struct {
	people  map[string]map[string]any // fields with a value
	groups  map[string]map[string]any
	teams   map[string]map[string]any
	members map[string]map[string]bool // by group
	lines   []string                   // what does not fit
}

// replayed applies a history from the first change on. A change that was applied twice
// does not fit what the first one left.
func replayed(changes []v1.Change) *replay {
	r := &replay{people: map[string]map[string]any{}, groups: map[string]map[string]any{},
		teams: map[string]map[string]any{}, members: map[string]map[string]bool{}}
	for i, c := range changes {
		if c.Seq != int64(i)+1 {
			r.add(c, "has number %d in the history and is the %d. of it", c.Seq, i+1)
			return r
		}
		r.apply(c)
	}
	return r
}

func (r *replay) add(c v1.Change, format string, args ...any) {
	r.lines = append(r.lines, fmt.Sprintf("change %d, %s of %s %s: ", c.Seq, c.Type, c.SubjectID, c.PersonID)+fmt.Sprintf(format, args...))
}

func (r *replay) apply(c v1.Change) {
	switch c.Type {
	case "person.created":
		r.create(c, r.people)
	case "person.updated", "person.suspended", "person.reactivated", "person.deactivated", "person.removed", "person.manager_changed":
		r.update(c, r.people)
	case "group.created":
		r.create(c, r.groups)
	case "group.updated":
		r.update(c, r.groups)
	case "group.removed":
		if r.groups[c.SubjectID] == nil {
			r.add(c, "there is no such group")
		}
		if n := len(r.members[c.SubjectID]); n > 0 {
			r.add(c, "it still has %d members", n)
		}
		delete(r.groups, c.SubjectID)
	case "team.created":
		r.create(c, r.teams)
	case "team.updated":
		r.update(c, r.teams)
	case "membership.added", "membership.removed":
		r.membership(c)
	case "sync.completed", "sync.held", "sync.failed": // nothing in the directory
	default:
		r.add(c, "this type of change is not known here")
	}
}

func (r *replay) create(c v1.Change, in map[string]map[string]any) {
	if in[c.SubjectID] != nil {
		r.add(c, "it is there already")
	}
	in[c.SubjectID] = map[string]any{}
	r.update(c, in)
}

func (r *replay) update(c v1.Change, in map[string]map[string]any) {
	have := in[c.SubjectID]
	if have == nil {
		r.add(c, "it is not there")
		return
	}
	if len(c.Fields) == 0 {
		r.add(c, "it changes nothing")
	}
	for _, f := range c.Fields {
		if !same(have[f.Field], f.Before) {
			r.add(c, "%s was %v before it by what the history says, and %v by what the change says", f.Field, have[f.Field], f.Before)
		}
		if same(f.Before, f.After) {
			r.add(c, "%s is %v before and after", f.Field, f.After)
		}
		if have[f.Field] = f.After; f.After == nil {
			delete(have, f.Field)
		}
	}
}

func (r *replay) membership(c v1.Change) {
	group := r.members[c.SubjectID]
	if group == nil {
		group = map[string]bool{}
		r.members[c.SubjectID] = group
	}
	if c.Type == "membership.removed" {
		if !group[c.PersonID] {
			r.add(c, "the person is not in it")
		}
		delete(group, c.PersonID)
		return
	}
	if group[c.PersonID] {
		r.add(c, "the person is in it already")
	}
	if r.groups[c.SubjectID] == nil {
		r.add(c, "the group is not there")
	}
	if p := r.people[c.PersonID]; p == nil || p["status"] == "removed" {
		r.add(c, "the person is not there")
	}
	group[c.PersonID] = true
}

func same(a, b any) bool {
	x, errX := json.Marshal(a)
	y, errY := json.Marshal(b)
	return errX == nil && errY == nil && string(x) == string(y)
}

// differences compares the replay with the directory as the API shows it.
func (r *replay) differences(have installation.Copy) []string {
	lines := slices.Clone(r.lines)
	add := func(format string, args ...any) { lines = append(lines, fmt.Sprintf(format, args...)) }
	rows := map[string]map[string]any{}
	for id, p := range have.People {
		rows[id] = fieldsOfPerson(p)
	}
	compareRows(add, "person", r.people, rows)
	rows = map[string]map[string]any{}
	for id, g := range have.Groups {
		rows[id] = valued(map[string]string{"name": g.Name, "description": g.Description, "type": g.Type})
	}
	compareRows(add, "group", r.groups, rows)
	rows = map[string]map[string]any{}
	for id, t := range have.Teams {
		rows[id] = valued(map[string]string{"name": t.Name, "source": t.Source})
	}
	compareRows(add, "team", r.teams, rows)
	for id := range have.Groups {
		if got := slices.Sorted(maps.Keys(r.members[id])); !slices.Equal(got, have.Members[id]) {
			add("the history puts %v into group %s, the directory %v", got, id, have.Members[id])
		}
	}
	return lines
}

func compareRows(add func(string, ...any), kind string, history, rows map[string]map[string]any) {
	ids := slices.Sorted(maps.Keys(history))
	for id := range rows {
		if history[id] == nil {
			ids = append(ids, id)
		}
	}
	for _, id := range ids {
		if !same(history[id], rows[id]) {
			add("%s %s is %v by the history and %v in the directory", kind, id, history[id], rows[id])
		}
	}
}

func fieldsOfPerson(p v1.Person) map[string]any {
	team := ""
	if p.Team != nil {
		team = p.Team.ID
	}
	return valued(map[string]string{
		"status": p.Status, "okta_status": p.OktaStatus, "assignment": p.Assignment, "team": team,
		"first_name": p.Profile.FirstName, "last_name": p.Profile.LastName, "email": p.Profile.Email, "login": p.Profile.Login,
		"picture": p.Profile.Picture, "title": p.Profile.Title, "language": p.Profile.Language, "location": p.Profile.Location,
		"department": p.Profile.Department, "employee_number": p.Profile.EmployeeNumber,
		"manager_id_text": p.Manager.IDText, "manager_text": p.Manager.Text, "manager_link": p.Manager.Link,
		"manager": p.Manager.ID, "manager_source": p.Manager.Source, "manager_problem": p.Manager.Problem,
	})
}

// valued leaves out what is empty: the history says nothing of it either.
func valued(fields map[string]string) map[string]any {
	out := map[string]any{}
	for name, value := range fields {
		if value != "" {
			out[name] = value
		}
	}
	return out
}
