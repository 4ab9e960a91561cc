package sync

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// outcome is what a comparison decided about one person.
type outcome struct {
	change      *directory.PlannedChange // nil: the row is right, or the sight is too old
	quarantined *directory.Quarantined   // nil: the record can be applied
	stale       bool                     // the row was observed later than this
	out         bool                     // the row has, or gets, no place in groups
	seen        directory.LastSeen       // to be kept, whatever the comparison says; zero: the sight tells too little
}

// diffPerson compares one person's row with what Okta was seen to say. It is
// pure: the same arguments give the same outcome.
//
//	row                     seen                                 outcome
//	any                     before the row's own observation     nothing (stale)
//	none or removed         not assigned, deactivated or gone    nothing (an event leaves a tombstone
//	                                                             where there is no row)
//	none                    assigned, required fields present    person.created
//	none                    assigned, a required field missing   quarantined, no row
//	removed, deactivated    assigned                             person.reactivated
//	suspended               assigned and active                  person.reactivated
//	active                  assigned and suspended               person.suspended
//	active, suspended       deactivated in Okta                  person.deactivated
//	active, suspended,      not assigned, or gone                person.removed
//	deactivated
//	active, suspended       left in one of these three ways,     person.detached: the account stays,
//	                        and the policy is remove_from_team   without team, groups and manager
//	detached                still away                           nothing, or Okta's word for it
//	detached                assigned                             person.reactivated
//	detached                still away, under another policy     person.deactivated, person.removed
//	active, suspended,      same status, other fields            person.updated
//	deactivated
//	active, suspended       a required field missing             quarantined; the profile stays as it
//	                                                             is, a change of status goes through
//	any                     the same                             nothing
//	active, suspended       partial: only that the user is       person.suspended; the rest of the row
//	                        suspended                            stays
//	any other               partial                              nothing
//
// Who leaves keeps the profile last seen. Deletion (404 E0000007) removes,
// whether the person was deactivated first or not.
func (m *mapper) diffPerson(have *directory.Person, seen directory.PersonSeen) (outcome, error) {
	if have != nil && have.ObservedAt.After(seen.At) {
		return outcome{stale: true}, nil
	}
	status, raw := statusOf(seen)
	known := have != nil && have.Status != directory.StatusRemoved
	detached := known && have.Status.Present() && !status.Present() && m.rules.Deprovision.Policy == directory.DeprovisionFromTeam
	if !known && !status.Present() {
		return outcome{}, nil
	}
	if seen.Partial {
		return m.diffPartial(have, seen)
	}

	next := directory.Person{ID: seen.ID, Status: status, OktaStatus: raw, Assignment: seen.AssignmentScope, AssignedAt: seen.AssignedAt}
	if have != nil {
		next.Profile, next.TeamID, next.FurtherTeams, next.GroupsObservedAt = have.Profile, have.TeamID, have.FurtherTeams, have.GroupsObservedAt
		if next.AssignedAt.IsZero() { // Okta tells it of those alone who are assigned
			next.AssignedAt = have.AssignedAt
		}
	}
	if !status.Present() {
		next.Assignment, next.LeftAt = "", seen.At
		if have != nil && !have.LeftAt.IsZero() {
			next.LeftAt = have.LeftAt
		}
	}
	var out outcome
	switch {
	case detached:
		next.Status = accountStatus(*have, seen)
		place(&next, nil)
	case status != directory.StatusRemoved:
		profile := m.profile(seen, next.Profile)
		if fault, bad := m.fault(seen.ID, profile); bad && status.Present() {
			out.quarantined = &fault
			if !known || !have.Present() {
				return out, nil // nobody gets access on an incomplete record
			}
		} else if !bad {
			next.Profile = profile
		}
		m.placeByProfile(&next)
	}
	next.ObservedAt = seen.At
	if seen.GroupsRead {
		next.GroupsObservedAt = seen.At
	}
	var err error
	if next.Present() || next.Status == directory.StatusDeactivated {
		if out.seen, err = m.lastSeen(seen); err != nil {
			return outcome{}, err
		}
		next.Seen = out.seen
	}
	out.out = !inDirectory(next)
	out.change, err = m.personChange(have, next)
	return out, err
}

// diffPartial takes the user's status over where it takes access away, or where only Okta's word
// for it differs. More than that cannot be told without the assignment.
func (m *mapper) diffPartial(have *directory.Person, seen directory.PersonSeen) (outcome, error) {
	status := directory.StatusOf(seen.OktaStatus)
	if have == nil || !have.Present() || status == directory.StatusActive {
		return outcome{}, nil
	}
	next := *have
	next.Status, next.OktaStatus, next.ObservedAt = status, seen.OktaStatus, seen.At
	change, err := m.personChange(have, next)
	if change != nil {
		change.StatusOnly = true
	}
	return outcome{change: change}, err
}

// personChange plans to write next over have; nil when nothing differs.
func (m *mapper) personChange(have *directory.Person, next directory.Person) (*directory.PlannedChange, error) {
	next.Hash = m.personHash(next)
	if have != nil && have.Hash == next.Hash {
		return nil, nil
	}
	after, err := json.Marshal(next)
	if err != nil {
		return nil, fmt.Errorf("encode planned row of person %s: %w", next.ID, err)
	}
	change := &directory.PlannedChange{
		Type: personChangeType(have, next), Subject: directory.SubjectPerson, SubjectID: next.ID,
		PersonID: next.ID, ObservedAt: next.ObservedAt, After: after,
	}
	before := directory.Person{}
	if have != nil {
		change.BeforeHash = have.Hash
		before = *have
	}
	if change.Type == directory.PersonCreated {
		before = directory.Person{} // the history has no word of a tombstone that was there
	}
	change.Fields = personFields(before, next)
	return change, nil
}

// statusOf says what a sighting means for us, with the raw status to record.
func statusOf(seen directory.PersonSeen) (directory.Status, string) {
	switch {
	case !seen.Exists:
		return directory.StatusRemoved, directory.OktaDeleted
	case seen.OktaStatus == "DEPROVISIONED":
		return directory.StatusDeactivated, seen.OktaStatus
	case !seen.Assigned && !seen.Partial:
		return directory.StatusRemoved, seen.OktaStatus
	case seen.AssignmentStatus == "SUSPENDED":
		return directory.StatusSuspended, seen.OktaStatus
	default:
		return directory.StatusOf(seen.OktaStatus), seen.OktaStatus
	}
}

// accountStatus is the status of an account that stays when its person leaves: as it was. Nobody
// gains access by leaving, so one that was suspended, or is in Okta at that moment, stays suspended.
func accountStatus(have directory.Person, seen directory.PersonSeen) directory.Status {
	if !have.Detached() && seen.Exists && directory.StatusOf(seen.OktaStatus) == directory.StatusSuspended {
		return directory.StatusSuspended
	}
	return have.Status
}

func personChangeType(have *directory.Person, next directory.Person) directory.ChangeType {
	switch {
	case have == nil, have.IsTombstone():
		return directory.PersonCreated
	case next.Detached() && !have.Detached():
		return directory.PersonDetached
	case have.Detached() && next.Present():
		return directory.PersonReactivated
	case have.Status == next.Status:
		return directory.PersonUpdated
	case next.Status == directory.StatusRemoved:
		return directory.PersonRemoved
	case next.Status == directory.StatusDeactivated:
		return directory.PersonDeactivated
	case next.Status == directory.StatusSuspended && have.Status == directory.StatusActive:
		return directory.PersonSuspended
	default:
		return directory.PersonReactivated
	}
}

// personFields lists what differs, in the order of directory.Fields.
func personFields(before, after directory.Person) []directory.FieldChange {
	var fields []directory.FieldChange
	add := func(name string, b, a any) {
		if !reflect.DeepEqual(b, a) {
			fields = append(fields, directory.FieldChange{Field: name, Before: b, After: a})
		}
	}
	add("status", orNil(string(before.Status)), orNil(string(after.Status)))
	add("okta_status", orNil(before.OktaStatus), orNil(after.OktaStatus))
	add("assignment", orNil(before.Assignment), orNil(after.Assignment))
	for _, f := range directory.Fields() {
		add(string(f), orNil(*before.Profile.Field(f)), orNil(*after.Profile.Field(f)))
	}
	fields = append(fields, teamFields(before, after)...)
	names := append(sortedKeys(before.Profile.Custom), sortedKeys(after.Profile.Custom)...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		add("custom."+name, before.Profile.Custom[name], after.Profile.Custom[name])
	}
	unfit := append(sortedKeys(before.Profile.Unfit), sortedKeys(after.Profile.Unfit)...)
	slices.Sort(unfit)
	for _, f := range slices.Compact(unfit) {
		add(directory.UnfitField+string(f), orNil(string(before.Profile.Unfit[f])), orNil(string(after.Profile.Unfit[f])))
	}
	emptied := slices.Concat(before.Profile.Emptied, after.Profile.Emptied)
	slices.Sort(emptied)
	was := func(p directory.Profile, f directory.Field) any {
		if slices.Contains(p.Emptied, f) {
			return true
		}
		return nil
	}
	for _, f := range slices.Compact(emptied) {
		add(directory.EmptiedField+string(f), was(before.Profile, f), was(after.Profile, f))
	}
	names = append(sortedKeys(before.Profile.Attributes), sortedKeys(after.Profile.Attributes)...)
	slices.Sort(names)
	for _, name := range slices.Compact(names) {
		add("attribute."+name, orNone(before.Profile.Attributes[name]), orNone(after.Profile.Attributes[name]))
	}
	return fields
}

// teamFields lists what differs in the teams of a person.
func teamFields(before, after directory.Person) []directory.FieldChange {
	fields := textFields("team", before.TeamID, after.TeamID)
	if !slices.Equal(before.FurtherTeams, after.FurtherTeams) {
		fields = append(fields, directory.FieldChange{Field: directory.FurtherTeamsField, Before: orNone(before.FurtherTeams), After: orNone(after.FurtherTeams)})
	}
	return fields
}

// orNil tells "no value" from text, as consumers of the history expect.
func orNil(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// orNone is orNil for several texts.
func orNone(texts []string) any {
	if len(texts) == 0 {
		return nil
	}
	values := make([]any, len(texts))
	for i, t := range texts {
		values[i] = t
	}
	return values
}

// diffGroup compares one group's row with what Okta was seen to say.
//
//	row              seen                            outcome
//	any              before the row's observation    nothing
//	none or removed  exists and selected             group.created
//	present          exists, selected, other name,   group.updated
//	                 assigned to the app or not…
//	present          gone, or no longer selected     group.removed
//	any              the same                        nothing
func diffGroup(have *directory.Group, seen directory.GroupSeen, rules directory.Rules) (*directory.PlannedChange, error) {
	if have != nil && have.ObservedAt.After(seen.At) {
		return nil, nil
	}
	known := have != nil && !have.Removed
	wanted := seen.Exists && rules.Groups.Selects(seen)
	if !known && !wanted {
		return nil, nil
	}
	next := directory.Group{ID: seen.ID, Removed: !wanted, ObservedAt: seen.At, Assigned: seen.Assigned}
	before := directory.Group{}
	if have != nil {
		before = *have
		next.Name, next.Description, next.Type = have.Name, have.Description, have.Type
	}
	if wanted {
		next.Name, next.Description, next.Type = asText(seen.Name), asText(seen.Description), seen.Type
	}
	hash := groupHash(have)
	if hash == groupHash(&next) {
		return nil, nil
	}
	change := directory.PlannedChange{
		Subject: directory.SubjectGroup, SubjectID: seen.ID, BeforeHash: hash, ObservedAt: seen.At,
	}
	switch {
	case !wanted:
		change.Type = directory.GroupRemoved
	case !known:
		change.Type, before = directory.GroupCreated, directory.Group{}
	default:
		change.Type = directory.GroupUpdated
	}
	for _, f := range []struct{ name, before, after string }{
		{"name", before.Name, next.Name},
		{"description", before.Description, next.Description},
		{"type", before.Type, next.Type},
	} {
		if f.before != f.after {
			change.Fields = append(change.Fields, directory.FieldChange{Field: f.name, Before: orNil(f.before), After: orNil(f.after)})
		}
	}
	if before.Assigned != next.Assigned {
		change.Fields = append(change.Fields, directory.FieldChange{Field: assignedField, Before: before.Assigned, After: next.Assigned})
	}
	after, err := json.Marshal(next)
	if err != nil {
		return nil, fmt.Errorf("encode planned row of group %s: %w", seen.ID, err)
	}
	change.After = after
	return &change, nil
}

// groupHash tells two states of a group apart; empty when there is no row.
func groupHash(g *directory.Group) string {
	if g == nil {
		return ""
	}
	hash := fmt.Sprintf("%q %q %q %t", g.Name, g.Description, g.Type, g.Removed)
	if g.Assigned { // of the others it is what it always was, for plans that wait
		hash += " assigned"
	}
	return hash
}

// membershipChange plans that a person is in a group, or no longer is.
func membershipChange(m directory.Membership) directory.PlannedChange {
	change := directory.PlannedChange{
		Type: directory.MembershipAdded, Subject: directory.SubjectMembership,
		SubjectID: m.GroupID, PersonID: m.PersonID, ObservedAt: m.ObservedAt,
	}
	if !m.Present {
		change.Type = directory.MembershipRemoved
	}
	return change
}

// diffMemberships compares one person's memberships with the groups in which
// they were seen. Rows that were observed later than that are left alone.
func diffMemberships(personID string, have []directory.Membership, seen directory.PersonSeen, rules directory.Rules) []directory.PlannedChange {
	wanted := map[string]bool{}
	for _, g := range seen.Groups {
		if rules.Groups.Selects(g) {
			wanted[g.ID] = true
		}
	}
	var changes []directory.PlannedChange
	for _, m := range have {
		isIn := wanted[m.GroupID]
		delete(wanted, m.GroupID)
		if m.Present == isIn || m.ObservedAt.After(seen.At) {
			continue
		}
		changes = append(changes, membershipChange(directory.Membership{GroupID: m.GroupID, PersonID: personID, Present: isIn, ObservedAt: seen.At}))
	}
	for _, id := range sortedKeys(wanted) {
		changes = append(changes, membershipChange(directory.Membership{GroupID: id, PersonID: personID, Present: true, ObservedAt: seen.At}))
	}
	slices.SortStableFunc(changes, func(a, b directory.PlannedChange) int {
		switch {
		case a.Type == b.Type:
			return 0
		case a.Type == directory.MembershipAdded: // additions before removals
			return -1
		default:
			return 1
		}
	})
	return changes
}
