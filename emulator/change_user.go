package emulator

import (
	"maps"
	"slices"
	"strings"
)

// The functions of this file alter people. They are the only ones that do, for
// the API, the control interface and the methods of Org alike. All of them run
// under the org's write lock, and either change nothing and return an *Error,
// or change everything and write the events.

// createUser makes a person. Without a password an activated person waits in
// PROVISIONED for the first sign-in, as at Okta.
func (t *tx) createUser(m members, activate, password bool) (*person, error) {
	o := t.o
	m.tidy()
	if causes := o.schema.check(m, o.opt.OptionalNames); len(causes) > 0 {
		return nil, errValidation(fieldOf(causes[0]), causes...)
	}
	login := rawText(string(m["login"]))
	if _, taken := o.byLogin[foldLogin(login)]; taken {
		return nil, errLoginTaken()
	}
	p := &person{id: makeID(prefixUser, o.opt.Seed, o.nextUser), status: Staged,
		created: t.at(), statusChanged: t.at(), lastUpdated: t.at()}
	o.nextUser++
	if password {
		p.passwordChanged = t.at()
	}
	o.setProfile(p, m)
	o.people = append(o.people, p)
	o.all.membersUpdated = t.at()
	t.emit(evUserCreate, []entity{userEntity(p)})
	if activate {
		t.activate(p)
	}
	for _, ag := range o.all.apps {
		t.grantThrough(p, ag, false)
	}
	return p, nil
}

func fieldOf(cause string) string {
	field, _, _ := strings.Cut(cause, ":")
	return field
}

func errLoginTaken() *Error {
	return errValidation("login", "login: An object with this field already exists in the current organization")
}

// setProfile stores a profile and keeps the login index right.
func (o *Org) setProfile(p *person, m members) {
	if p.login != "" {
		delete(o.byLogin, foldLogin(p.login))
	}
	p.profile = string(appendProfile(nil, m))
	p.login, _ = profileText(p.profile, "login")
	o.byLogin[foldLogin(p.login)] = p
}

// updateUser changes a profile. With strict set, attributes that are left out
// are erased (PUT); otherwise they stay (POST). An update that changes nothing
// writes no event.
func (t *tx) updateUser(p *person, change members, strict bool) error {
	o := t.o
	change.tidy()
	before := decodeProfile(p.profile)
	after := members{}
	if !strict {
		maps.Copy(after, before)
	}
	maps.Copy(after, change)
	for name, raw := range after {
		if isNull(raw) {
			delete(after, name)
		}
	}
	if causes := o.schema.check(after, o.opt.OptionalNames); len(causes) > 0 {
		return errValidation(fieldOf(causes[0]), causes...)
	}
	login := rawText(string(after["login"]))
	if other := o.byLogin[foldLogin(login)]; other != nil && other != p {
		return errLoginTaken()
	}
	changed := changedNames(before, after)
	if len(changed) == 0 {
		return nil
	}
	o.setProfile(p, after)
	p.lastUpdated = t.at()
	t.emit(evUserProfile, []entity{userEntity(p)}, pair{"changedAttributes", strings.Join(changed, ",")})
	return nil
}

func changedNames(before, after members) []string {
	var names []string
	for name, raw := range after {
		if string(before[name]) != string(raw) {
			names = append(names, name)
		}
	}
	for name := range before {
		if _, ok := after[name]; !ok {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

func (t *tx) setStatus(p *person, s Status) {
	p.status = s
	p.statusChanged = t.at()
	p.lastUpdated = t.at()
}

// activate invites or re-admits a person: from STAGED and DEPROVISIONED.
func (t *tx) activateUser(p *person) error {
	switch p.status {
	case Staged, Deprovisioned:
		t.activate(p)
		return nil
	case Active:
		return errAlreadyActive()
	default:
		return errStatus()
	}
}

func (t *tx) activate(p *person) {
	comesBack := p.status == Deprovisioned
	next := Provisioned
	if p.passwordChanged != 0 {
		next = Active
	}
	if p.activated == 0 || comesBack {
		p.activated = t.at()
	}
	t.setStatus(p, next)
	t.emit(evUserActivate, []entity{userEntity(p)})
	if !comesBack {
		return
	}
	// Groups were kept, so what they grant comes back; direct assignments of
	// active apps do not.
	for _, g := range append(slices.Clone(p.groups), t.o.all) {
		for _, ag := range g.apps {
			t.grantThrough(p, ag, false)
		}
	}
}

// reactivateUser sends the invitation again: from PROVISIONED and RECOVERY.
func (t *tx) reactivateUser(p *person) error {
	if p.status != Provisioned && p.status != Recovery {
		return errStatus()
	}
	t.setStatus(p, Provisioned)
	t.emit(evUserActivate, []entity{userEntity(p)})
	return nil
}

// deactivateUser works from every status but DEPROVISIONED. Assignments of
// active apps go, those of inactive apps and all group memberships stay (Okta:
// users API, deactivation).
func (t *tx) deactivateUser(p *person) error {
	if p.status == Deprovisioned {
		return errStatus()
	}
	t.setStatus(p, Deprovisioned)
	t.emit(evUserDeactivate, []entity{userEntity(p)})
	for _, u := range slices.Clone(p.grants) {
		if u.app.active {
			t.removeGrant(u, false)
		}
	}
	return nil
}

// suspendUser works from ACTIVE only and keeps everything.
func (t *tx) suspendUser(p *person) error {
	if p.status != Active {
		return errValidation("suspendUser", "Cannot suspend a user that is not active")
	}
	t.setStatus(p, Suspended)
	t.emit(evUserSuspend, []entity{userEntity(p)})
	return nil
}

func (t *tx) unsuspendUser(p *person) error {
	if p.status != Suspended {
		return errValidation("unsuspendUser", "Cannot unsuspend a user that is not suspended")
	}
	t.setStatus(p, Active)
	t.emit(evUserUnsuspend, []entity{userEntity(p)})
	return nil
}

// lockUser is what too many failed sign-ins do; the API has no such call.
func (t *tx) lockUser(p *person) error {
	if p.status != Active && p.status != PasswordExpired {
		return errStatus()
	}
	t.setStatus(p, LockedOut)
	t.emit(evUserLock, []entity{userEntity(p)})
	return nil
}

func (t *tx) unlockUser(p *person) error {
	if p.status != LockedOut {
		return errUnlock()
	}
	t.setStatus(p, Active)
	t.emit(evUserUnlock, []entity{userEntity(p)})
	return nil
}

func (t *tx) expirePassword(p *person) error {
	switch p.status {
	case Active, PasswordExpired, Recovery:
	default:
		return errStatus()
	}
	t.setStatus(p, PasswordExpired)
	t.emit(evUserExpirePassword, []entity{userEntity(p)})
	return nil
}

func (t *tx) resetPassword(p *person) error {
	switch p.status {
	case Active, PasswordExpired, Recovery, LockedOut, Provisioned:
	default:
		return errStatus()
	}
	t.setStatus(p, Recovery)
	t.emit(evUserResetPassword, []entity{userEntity(p)})
	return nil
}

// signIn is the person's own doing: it accepts an invitation, ends a recovery,
// and moves lastLogin.
func (t *tx) signIn(p *person) error {
	switch p.status {
	case Active:
	case Provisioned, Recovery, PasswordExpired:
		p.passwordChanged = t.at()
		t.setStatus(p, Active)
		t.emit(evUserUpdatePassword, []entity{userEntity(p)})
	default:
		return errStatus()
	}
	p.lastLogin = t.at()
	return nil
}

// setPassword records that a password was set; its text is not kept.
func (t *tx) setPassword(p *person) {
	p.passwordChanged = t.at()
	t.emit(evUserUpdatePassword, []entity{userEntity(p)})
}

// deleteUser ends a DEPROVISIONED person for good; the first call on any other
// status deactivates only (Okta: users API).
func (t *tx) deleteUser(p *person) error {
	if p.status != Deprovisioned {
		return t.deactivateUser(p)
	}
	o := t.o
	who := []entity{userEntity(p)}
	t.emit(evUserDeleteInitiated, who)
	for _, u := range slices.Clone(p.grants) {
		t.dropGrant(u)
	}
	for _, g := range p.groups {
		if i, ok := findPerson(g.members, p.id); ok {
			g.members = slices.Delete(g.members, i, i+1)
			g.membersUpdated = t.at()
		}
	}
	p.groups = nil
	if i, ok := findPerson(o.people, p.id); ok {
		o.people = slices.Delete(o.people, i, i+1)
	}
	o.unlink(p)
	delete(o.byLogin, foldLogin(p.login))
	o.all.membersUpdated = t.at()
	t.emit(evUserDeleteCompleted, who)
	return nil
}
