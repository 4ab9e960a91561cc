package emulator

import "slices"

// Changes of apps and assignments; the rules of change_user.go apply.

func (t *tx) createApp(label, name string, active bool) (*app, error) {
	o := t.o
	if label == "" {
		return nil, errValidation("label", "label: The field cannot be left blank")
	}
	a := &app{id: makeID(prefixApp, o.opt.Seed, o.nextApp), label: label, name: name, active: active,
		created: t.at(), updated: t.at()}
	o.nextApp++
	o.apps = append(o.apps, a)
	t.emit(evAppCreate, []entity{appEntity(a)})
	if active {
		t.emit(evAppActivate, []entity{appEntity(a)})
	}
	return a, nil
}

func (t *tx) updateApp(a *app, label string) error {
	if label == "" {
		return errValidation("label", "label: The field cannot be left blank")
	}
	a.label = label
	a.updated = t.at()
	t.emit(evAppUpdate, []entity{appEntity(a)})
	return nil
}

// setAppActive switches an app on or off. Its assignments stay either way.
func (t *tx) setAppActive(a *app, active bool) {
	if a.active == active {
		return
	}
	a.active = active
	a.updated = t.at()
	kind := evAppDeactivate
	if active {
		kind = evAppActivate
	}
	t.emit(kind, []entity{appEntity(a)})
	if !active {
		return
	}
	// Who joined an assigned group in the meantime gets the app now.
	for _, ag := range a.groups {
		t.grantAll(ag)
	}
}

// deleteApp needs an inactive app; its assignments vanish with it.
func (t *tx) deleteApp(a *app) error {
	if a.active {
		return errDeleteApp()
	}
	for _, u := range a.users {
		u.person.grants = slices.DeleteFunc(u.person.grants, func(x *appUser) bool { return x == u })
	}
	for _, ag := range a.groups {
		ag.group.apps = slices.DeleteFunc(ag.group.apps, func(x *appGroup) bool { return x == ag })
	}
	if i, ok := findApp(t.o.apps, a.id); ok {
		t.o.apps = slices.Delete(t.o.apps, i, i+1)
	}
	t.emit(evAppDelete, []entity{appEntity(a)})
	return nil
}

// newGrant makes a row in an app.
func (t *tx) newGrant(a *app, p *person, direct bool) *appUser {
	u := &appUser{person: p, app: a, number: t.o.nextAppUser, direct: direct, created: t.at(), updated: t.at()}
	t.o.nextAppUser++
	i, _ := findAppUser(a.users, p.id)
	a.users = slices.Insert(a.users, i, u)
	t.linkGrant(p, u)
	return u
}

// linkGrant keeps a person's rows in the order of app ids.
func (t *tx) linkGrant(p *person, u *appUser) {
	grown := make([]*appUser, 0, len(p.grants)+1)
	i := 0
	for i < len(p.grants) && p.grants[i].app.id < u.app.id {
		i++
	}
	grown = append(grown, p.grants[:i]...)
	grown = append(grown, u)
	p.grants = append(grown, p.grants[i:]...)
}

// assign gives a person the app directly. A row that came from a group becomes
// the person's own.
func (t *tx) assign(a *app, p *person) (*appUser, error) {
	if p.status == Deprovisioned {
		return nil, errStatus()
	}
	u := p.grantOf(a)
	if u == nil {
		u = t.newGrant(a, p, true)
		t.emit(evAppUserAdd, t.appUserTargets(u))
		return u, nil
	}
	if !u.direct {
		u.direct = true
		u.updated = t.at()
		t.emit(evAppUserUpdate, t.appUserTargets(u))
	}
	return u, nil
}

// unassign ends a direct assignment. Where a group grants the app as well the
// row stays, derived; a row that is only derived cannot be ended here.
func (t *tx) unassign(u *appUser) error {
	if !u.direct {
		return errValidation("scope", "the user is assigned through a group; remove the user from the group or the group from the app")
	}
	if u.via() != nil {
		u.direct = false
		u.updated = t.at()
		t.emit(evAppUserUpdate, t.appUserTargets(u))
		return nil
	}
	t.removeGrant(u, false)
	return nil
}

// removeGrant ends a row and writes the event.
func (t *tx) removeGrant(u *appUser, job bool) {
	targets := t.appUserTargets(u)
	t.dropGrant(u)
	if job {
		t.emitJob(evAppUserRemove, targets)
		return
	}
	t.emit(evAppUserRemove, targets)
}

func (t *tx) dropGrant(u *appUser) {
	if i, ok := findAppUser(u.app.users, u.person.id); ok {
		u.app.users = slices.Delete(u.app.users, i, i+1)
	}
	u.person.grants = slices.DeleteFunc(slices.Clone(u.person.grants), func(x *appUser) bool { return x == u })
}

// grantThrough gives a person what a group's assignment grants, unless the
// person has it or is deactivated.
func (t *tx) grantThrough(p *person, ag *appGroup, job bool) {
	if !ag.app.active || p.status == Deprovisioned || p.grantOf(ag.app) != nil {
		return
	}
	u := t.newGrant(ag.app, p, false)
	if job {
		t.emitJob(evAppUserAdd, t.appUserTargets(u))
		return
	}
	t.emit(evAppUserAdd, t.appUserTargets(u))
}

// assignGroup assigns a group to an app: one group event, then one event for
// each member from a background job (Okta: recorded logs).
func (t *tx) assignGroup(a *app, g *group, priority *int) *appGroup {
	i, found := findAppGroup(a.groups, g.id)
	if found {
		ag := a.groups[i]
		if priority != nil && *priority != ag.priority {
			ag.priority = *priority
			ag.updated = t.at()
			t.emit(evGroupAppUpdate, []entity{groupEntity(g), appEntity(a)}, pair{"groupAppAssignmentId", ag.id})
		}
		return ag
	}
	ag := &appGroup{app: a, group: g, id: makeID(prefixAppGroup, t.o.opt.Seed, t.o.nextAppGroup),
		priority: len(a.groups), updated: t.at()}
	t.o.nextAppGroup++
	if priority != nil {
		ag.priority = *priority
	}
	a.groups = slices.Insert(a.groups, i, ag)
	g.apps = append(g.apps, ag)
	t.emit(evGroupAppAdd, []entity{groupEntity(g), appEntity(a)}, pair{"groupAppAssignmentId", ag.id})
	t.grantAll(ag)
	return ag
}

// grantAll gives the app to all members at once: the new rows are merged into
// the sorted list in one pass, because inserting them one by one would be
// quadratic.
func (t *tx) grantAll(ag *appGroup) {
	a := ag.app
	if !a.active {
		return
	}
	var fresh []*appUser
	for _, p := range t.o.membersOf(ag.group) {
		if p.status == Deprovisioned || p.grantOf(a) != nil {
			continue
		}
		u := &appUser{person: p, app: a, number: t.o.nextAppUser, created: t.at(), updated: t.at()}
		t.o.nextAppUser++
		t.linkGrant(p, u)
		fresh = append(fresh, u)
	}
	a.users = mergeAppUsers(a.users, fresh)
	for _, u := range fresh {
		t.emitJob(evAppUserAdd, t.appUserTargets(u))
	}
}

func mergeAppUsers(x, y []*appUser) []*appUser {
	out := make([]*appUser, 0, len(x)+len(y))
	for len(x) > 0 && len(y) > 0 {
		if x[0].person.id < y[0].person.id {
			out = append(out, x[0])
			x = x[1:]
			continue
		}
		out = append(out, y[0])
		y = y[1:]
	}
	out = append(out, x...)
	return append(out, y...)
}

func (t *tx) unassignGroup(ag *appGroup) {
	t.unlinkGroup(ag)
	t.dropGroupGrants(ag, t.o.membersOf(ag.group))
}

func (t *tx) unlinkGroup(ag *appGroup) {
	a, g := ag.app, ag.group
	if i, ok := findAppGroup(a.groups, g.id); ok {
		a.groups = slices.Delete(a.groups, i, i+1)
	}
	g.apps = slices.DeleteFunc(slices.Clone(g.apps), func(x *appGroup) bool { return x == ag })
	t.emit(evGroupAppRemove, []entity{groupEntity(g), appEntity(a)}, pair{"groupAppAssignmentId", ag.id})
}

// dropGroupGrants ends the rows of these people that nothing grants any more.
func (t *tx) dropGroupGrants(ag *appGroup, people []*person) {
	var gone []*appUser
	for _, p := range people {
		u := p.grantOf(ag.app)
		if u == nil || u.direct || u.via() != nil {
			continue
		}
		gone = append(gone, u)
	}
	if len(gone) == 0 {
		return
	}
	dead := make(map[*appUser]bool, len(gone))
	for _, u := range gone {
		dead[u] = true
		u.person.grants = slices.DeleteFunc(slices.Clone(u.person.grants), func(x *appUser) bool { return x == u })
	}
	ag.app.users = slices.DeleteFunc(ag.app.users, func(x *appUser) bool { return dead[x] })
	for _, u := range gone {
		t.emitJob(evAppUserRemove, t.appUserTargets(u))
	}
}
