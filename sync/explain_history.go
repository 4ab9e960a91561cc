package sync

import (
	"reflect"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// history is the newest word of a person's changes on each thing.
type history struct {
	newest  map[string]word
	revoked []directory.Change // roles that were taken
	erased  *directory.Change  // the person's data was erased, and they did not come back
	whole   bool               // back to when the person came
}

// word is what one change says of one thing.
type word struct {
	change        directory.Change
	before, after any
}

// What things are called in a history.
func ofField(name string) string      { return "field " + name }
func ofGroup(id string) string        { return "group " + id }
func ofFurtherTeam(id string) string  { return "further team " + id }
func ofRole(role, team string) string { return "role " + role + " in " + team }
func ofLicense(pool string) string    { return "license " + pool }

const ofInvite = "invite"

// add takes the person's changes, the newest first. What was before they came, or were erased, belongs to nobody.
func (h *history) add(c directory.Change) {
	if h.whole {
		return
	}
	if h.newest == nil {
		h.newest = map[string]word{}
	}
	put := func(thing string, before, after any) {
		if _, newer := h.newest[thing]; !newer {
			h.newest[thing] = word{c, before, after}
		}
	}
	switch c.Subject {
	case directory.SubjectPerson:
		for _, f := range c.Fields {
			put(ofField(f.Field), f.Before, f.After)
			if f.Field == directory.FurtherTeamsField {
				h.addTeams(f, put)
			}
		}
		if c.Type == directory.PersonErased {
			h.erased = &c
		}
		h.whole = c.Type == directory.PersonErased || c.Type == directory.PersonCreated
	case directory.SubjectMembership:
		put(ofGroup(c.SubjectID), c.Type == directory.MembershipRemoved, c.Type == directory.MembershipAdded)
	case directory.SubjectRole:
		team := valueOf(c, "team")
		text, _ := team.After.(string)
		if c.Type == directory.RoleRevoked {
			text, _ = team.Before.(string)
			h.revoked = append(h.revoked, c)
		}
		put(ofRole(c.SubjectID, text), nil, c.Type == directory.RoleGranted)
	case directory.SubjectLicense:
		f := valueOf(c, "license")
		put(ofLicense(c.SubjectID), f.Before, f.After)
	case directory.SubjectInvite:
		f := valueOf(c, "state")
		put(ofInvite, f.Before, f.After)
	}
}

// addTeams notes which teams a change of all further ones begins and ends.
func (h *history) addTeams(f directory.FieldChange, put func(thing string, before, after any)) {
	before, _ := f.Before.([]any)
	after, _ := f.After.([]any)
	for _, id := range asList(after) {
		if !slices.Contains(asList(before), id) {
			put(ofFurtherTeam(id), nil, true)
		}
	}
	for _, id := range asList(before) {
		if !slices.Contains(asList(after), id) {
			put(ofFurtherTeam(id), true, nil)
		}
	}
}

// origin returns since when a thing is as it is now; nil when the history does not tell.
func (h *history) origin(thing string, now any) *directory.Origin {
	w, told := h.newest[thing]
	if !told || !reflect.DeepEqual(w.after, now) {
		return nil
	}
	return w.origin()
}

func (w word) origin() *directory.Origin {
	before := w.before
	if b, is := before.(bool); is && !b {
		before = nil
	}
	return &directory.Origin{Seq: w.change.Seq, At: w.change.At, Type: w.change.Type, Before: before, Cause: w.change.Cause}
}

// role is the origin of a role. What it was before is the role of the same set that went with the same commit.
func (h *history) role(r directory.RoleGrant) *directory.Origin {
	o := h.origin(ofRole(r.Role, r.Team), true)
	if o == nil {
		return nil
	}
	for _, c := range h.revoked {
		team, _ := valueOf(c, "team").Before.(string)
		if c.At.Equal(o.At) && valueOf(c, "set").Before == r.Set && team == r.Team {
			o.Before = c.SubjectID
		}
	}
	return o
}

// lostRole is the origin of having no role of a set: when the last one went, and which it was. Nil when there never was one.
func (h *history) lostRole(set string) *directory.Origin {
	for _, c := range h.revoked { // the newest first
		if valueOf(c, "set").Before == set {
			return word{change: c, before: c.SubjectID}.origin()
		}
	}
	return nil
}

// valueOf returns what a change says of one of its fields.
func valueOf(c directory.Change, name string) directory.FieldChange {
	for _, f := range c.Fields {
		if f.Field == name {
			return f
		}
	}
	return directory.FieldChange{}
}
