package emulator

import "slices"

// Changes of groups and memberships; the rules of change_user.go apply.

func (t *tx) createGroup(name, description string, noDescription bool) (*group, error) {
	o := t.o
	if err := o.checkGroupName(name, nil); err != nil {
		return nil, err
	}
	g := &group{id: makeID(prefixGroup, o.opt.Seed, o.nextGroup), name: name, description: description,
		noDescription: noDescription, kind: kindOktaGroup,
		created: t.at(), updated: t.at(), membersUpdated: t.at()}
	o.nextGroup++
	o.groups = append(o.groups, g)
	t.emit(evGroupCreate, []entity{groupEntity(g)})
	return g, nil
}

// checkGroupName refuses an empty or long name, and one that another group of
// this kind has: Okta's own groups have unique names, imported ones may share
// them.
func (o *Org) checkGroupName(name string, except *group) error {
	if name == "" {
		return errValidation("name", "name: The field cannot be left blank")
	}
	if len([]rune(name)) > 255 {
		return errValidation("name", "name: must be at most 255 characters")
	}
	for _, g := range o.groups {
		if g != except && g.name == name && g.kind != kindAppGroup {
			return errValidation("name", "name: An object with this field already exists in the current organization")
		}
	}
	return nil
}

func (t *tx) updateGroup(g *group, name, description string, noDescription bool) error {
	if g.everyone {
		return errUnsupported()
	}
	if err := t.o.checkGroupName(name, g); err != nil {
		return err
	}
	changed := ""
	if g.name != name {
		changed = "name"
	}
	if g.description != description {
		if changed != "" {
			changed += ","
		}
		changed += "description"
	}
	g.name, g.description, g.noDescription = name, description, noDescription
	g.updated = t.at()
	if changed != "" {
		t.emit(evGroupProfile, []entity{groupEntity(g)}, pair{"changedAttributes", changed})
	}
	return nil
}

// deleteGroup removes a group with what it grants. Okta does not promise an
// event for each membership that ends so, and none is written; the app
// assignments that end have theirs.
func (t *tx) deleteGroup(g *group) error {
	if g.everyone {
		return errUnsupported()
	}
	assigned := slices.Clone(g.apps)
	for _, ag := range assigned {
		t.unlinkGroup(ag)
	}
	for _, p := range g.members {
		p.groups = withoutGroup(p.groups, g)
	}
	for _, ag := range assigned {
		t.dropGroupGrants(ag, g.members)
	}
	if i, ok := findGroup(t.o.groups, g.id); ok {
		t.o.groups = slices.Delete(t.o.groups, i, i+1)
	}
	t.emit(evGroupDelete, []entity{groupEntity(g)})
	return nil
}

func withoutGroup(list []*group, g *group) []*group {
	i, ok := findGroup(list, g.id)
	if !ok {
		return list
	}
	// A new slice: the generator's slices share one array.
	out := make([]*group, 0, len(list)-1)
	out = append(out, list[:i]...)
	return append(out, list[i+1:]...)
}

// addMember puts a person into a group; someone who is in it already stays and
// nothing is written.
func (t *tx) addMember(g *group, p *person) error {
	if g.everyone {
		return errUnsupported()
	}
	i, found := findPerson(g.members, p.id)
	if found {
		return nil
	}
	g.members = slices.Insert(g.members, i, p)
	j, _ := findGroup(p.groups, g.id)
	grown := make([]*group, 0, len(p.groups)+1)
	grown = append(grown, p.groups[:j]...)
	grown = append(grown, g)
	p.groups = append(grown, p.groups[j:]...)
	g.membersUpdated = t.at()
	t.emit(evMemberAdd, []entity{userEntity(p), groupEntity(g)})
	for _, ag := range g.apps {
		t.grantThrough(p, ag, true)
	}
	return nil
}

func (t *tx) removeMember(g *group, p *person) error {
	if g.everyone {
		return errUnsupported()
	}
	i, found := findPerson(g.members, p.id)
	if !found {
		return nil
	}
	g.members = slices.Delete(g.members, i, i+1)
	p.groups = withoutGroup(p.groups, g)
	g.membersUpdated = t.at()
	t.emit(evMemberRemove, []entity{userEntity(p), groupEntity(g)})
	for _, ag := range g.apps {
		t.dropGroupGrants(ag, []*person{p})
	}
	return nil
}
