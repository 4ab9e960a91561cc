package directory

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"time"
)

// EventID names a change for ever. It is made of what never changes: its feed, number and time. The time is in it
// because a database that was restored from a backup gives the same numbers again, to other changes.
func EventID(feed string, seq int64, at time.Time) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", feed, seq, at.UnixMicro()))
	return "evt_" + strconv.FormatInt(seq, 10) + "_" + hex.EncodeToString(sum[:8])
}

// State is what a subject was like at some moment: the one member that fits it.
type State struct {
	// Person has the id and all that changes tell of; not the times, the hash and ManagerWanted.
	Person     *Person
	Team       *Team          // id, name, source and managers
	Group      *Group         // id, name, description and type
	Membership *Membership    // both ids, and whether it is present
	Values     map[string]any // of any other subject: its fields, without those that have no value
}

// customField begins the names of fields of Profile.Custom.
const customField = "custom."

// attributeField begins the names of fields of Profile.Attributes.
const attributeField = "attribute."

// setAttribute gives an attribute its values, nil for none.
func (p *Person) setAttribute(name string, value any) bool {
	items, isList := value.([]any)
	if !isList && value != nil {
		return false
	}
	all := maps.Clone(p.Profile.Attributes) // other states may share it
	if all == nil {
		all = map[string][]string{}
	}
	delete(all, name)
	for _, item := range items {
		text, isText := item.(string)
		if !isText {
			return false
		}
		all[name] = append(all[name], text)
	}
	p.Profile.Attributes = all
	if len(all) == 0 {
		p.Profile.Attributes = nil
	}
	return true
}

// FurtherTeamsField names Person.FurtherTeams in changes.
const FurtherTeamsField = "further_teams"

func (p *Person) setFurtherTeams(value any) bool {
	items, isList := value.([]any)
	if !isList && value != nil {
		return false
	}
	p.FurtherTeams = nil // other states may share it
	for _, item := range items {
		id, isText := item.(string)
		if !isText {
			return false
		}
		p.FurtherTeams = append(p.FurtherTeams, id)
	}
	return true
}

// SetField gives a field that the changes of people name a value, nil for none. It returns false when
// there is no such field, or when the value is not of its kind.
func (p *Person) SetField(field string, value any) bool {
	if name, custom := strings.CutPrefix(field, customField); custom {
		p.Profile.Custom = maps.Clone(p.Profile.Custom) // other states may share it
		if value == nil {
			delete(p.Profile.Custom, name)
			return true
		}
		if p.Profile.Custom == nil {
			p.Profile.Custom = map[string]any{}
		}
		p.Profile.Custom[name] = value
		return true
	}
	if name, isAttribute := strings.CutPrefix(field, attributeField); isAttribute {
		return p.setAttribute(name, value)
	}
	if p.Profile.setNote(field, value) {
		return true
	}
	if field == FurtherTeamsField {
		return p.setFurtherTeams(value)
	}
	text, isText := value.(string)
	if !isText && value != nil {
		return false
	}
	switch field {
	case "status":
		p.Status = Status(text)
	case "okta_status":
		p.OktaStatus = text
	case "assignment":
		p.Assignment = text
	case "team":
		p.TeamID = text
	case "manager":
		p.ManagerID = text
	case "manager_source":
		p.ManagerSource = ManagerSource(text)
	case "manager_problem":
		p.ManagerProblem = ManagerProblem(text)
	default:
		to := p.Profile.Field(Field(field))
		if to == nil {
			return false
		}
		*to = text
	}
	return true
}

// Before returns what the person was like before the change, given what they were like after it.
// p stays as it is. Nobody was there before somebody was created, and of who was erased nothing is known: nil.
func (p *Person) Before(c Change) *Person {
	if p == nil || c.Type == PersonCreated || c.Type == PersonErased {
		return nil
	}
	before := *p
	for _, f := range c.Fields {
		before.SetField(f.Field, f.Before)
	}
	return &before
}

// After returns what the person was like after the change, given what they were like before it, or nil. p
// stays as it is. Without knowing what was before, only two changes tell the whole.
func (p *Person) After(c Change) *Person {
	switch {
	case c.Type == PersonErased:
		erased := Person{ID: c.PersonID}.Tombstone()
		return &erased
	case c.Type == PersonCreated:
		p = &Person{ID: c.PersonID}
	case p == nil:
		return nil
	}
	after := *p
	for _, f := range c.Fields {
		after.SetField(f.Field, f.After)
	}
	return &after
}

// Before is Person.Before for teams.
func (t *Team) Before(c Change) *Team {
	if t == nil || c.Type == TeamCreated || c.Type == TeamRemoved {
		return nil
	}
	before := *t
	for _, f := range c.Fields {
		before.setField(f.Field, f.Before)
	}
	return &before
}

// After is Person.After for teams. Of one that was removed only the id is known.
func (t *Team) After(c Change) *Team {
	switch {
	case c.Type == TeamCreated, c.Type == TeamRemoved:
		t = &Team{ID: c.SubjectID}
	case t == nil:
		return nil
	}
	after := *t
	for _, f := range c.Fields {
		after.setField(f.Field, f.After)
	}
	return &after
}

func (t *Team) setField(field string, value any) {
	text, _ := value.(string)
	switch field {
	case "name":
		t.Name = text
	case "source":
		t.Source = text
	case "okta_name":
		t.OktaName = text
	case "parent":
		t.ParentID = text
	case "okta_group":
		t.GroupID = text
	case "manager":
		t.ManagerID = text
	case "first_manager":
		t.FirstManagerID = text
	}
}

// Before is Person.Before for groups.
func (g *Group) Before(c Change) *Group {
	if g == nil || c.Type == GroupCreated {
		return nil
	}
	before := *g
	for _, f := range c.Fields {
		before.setField(f.Field, f.Before)
	}
	return &before
}

// After is Person.After for groups. One that was removed is as it was before.
func (g *Group) After(c Change) *Group {
	if c.Type == GroupCreated {
		g = &Group{ID: c.SubjectID}
	}
	if g == nil {
		return nil
	}
	after := *g
	for _, f := range c.Fields {
		after.setField(f.Field, f.After)
	}
	return &after
}

func (g *Group) setField(field string, value any) {
	text, _ := value.(string)
	switch field {
	case "name":
		g.Name = text
	case "description":
		g.Description = text
	case "type":
		g.Type = text
	case "assigned":
		g.Assigned, _ = value.(bool)
	}
}
