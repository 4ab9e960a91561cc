package emulator

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Act is what a change did: the id of its subject and the System Log events
// that it wrote, in order. The first event is the change itself.
type Act struct {
	ID     string     `json:"id"`
	Events []EventRef `json:"events"`
}

// NewPerson describes who joins. What is empty is filled with a realistic,
// unique value.
type NewPerson struct {
	FirstName  string `json:"firstName,omitempty"`
	LastName   string `json:"lastName,omitempty"`
	Email      string `json:"email,omitempty"`
	Login      string `json:"login,omitempty"` // empty = the e-mail
	Department string `json:"department,omitempty"`
	Title      string `json:"title,omitempty"`
	// Manager is a person's id or login; it is stored as that person's id and
	// name.
	Manager string `json:"manager,omitempty"`
	// Profile holds further attributes and wins over the fields above; a null
	// leaves an attribute out.
	Profile map[string]any `json:"profile,omitempty"`
	// Groups are ids or names.
	Groups []string `json:"groups,omitempty"`
	// Status is ACTIVE when empty; STAGED and PROVISIONED are possible too.
	Status Status `json:"status,omitempty"`
	// Unassigned leaves the person without the SSO app.
	Unassigned bool `json:"unassigned,omitempty"`
}

// controlOrigin is the client that changes by method appear to come from: the
// service account, working in the admin console.
func (o *Org) controlOrigin(path string) *origin {
	return &origin{actor: userEntity(o.admin), ip: "203.0.113.10", userAgent: "Mozilla/5.0 (emulator control)",
		requestID: randomText(o.rand, 27), uri: path}
}

// act runs one change under the lock. f gives the id of the subject.
func (o *Org) act(path string, f func(t *tx) (string, error)) (Act, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.begin(o.controlOrigin(path))
	id, err := f(t)
	if err != nil {
		return Act{}, err
	}
	return Act{ID: id, Events: t.refs}, nil
}

func (o *Org) actOn(who, path string, f func(t *tx, p *person) error) (Act, error) {
	return o.act(path, func(t *tx) (string, error) {
		p := o.findUser(who)
		if p == nil {
			return "", errNotFound(who, "User")
		}
		return p.id, f(t, p)
	})
}

// groupRef finds a group by id or name.
func (o *Org) groupRef(ref string) (*group, error) {
	if i, ok := findGroup(o.groups, ref); ok {
		return o.groups[i], nil
	}
	for _, g := range o.groups {
		if g.name == ref {
			return g, nil
		}
	}
	return nil, errNotFound(ref, "UserGroup")
}

// appRef finds an app by id or label; empty is the first, the SSO app.
func (o *Org) appRef(ref string) (*app, error) {
	if ref == "" && len(o.apps) > 0 {
		return o.apps[0], nil
	}
	for _, a := range o.apps {
		if a.id == ref || a.label == ref {
			return a, nil
		}
	}
	return nil, errNotFound(ref, "AppInstance")
}

// AppID is the id of the SSO app, or empty once it is deleted.
func (o *Org) AppID() string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if len(o.apps) == 0 {
		return ""
	}
	return o.apps[0].id
}

// Join makes a person, puts them into their groups and assigns the SSO app:
// directly, or through its group when the org works that way.
func (o *Org) Join(n NewPerson) (Act, error) {
	switch n.Status {
	case "", Active, Provisioned, Staged:
	default:
		return Act{}, errValidation("status", "status: a new person is ACTIVE, PROVISIONED or STAGED")
	}
	return o.act("/api/v1/users", func(t *tx) (string, error) {
		m, err := o.newcomer(n)
		if err != nil {
			return "", err
		}
		var groups []*group
		for _, ref := range n.Groups {
			g, err := o.groupRef(ref)
			if err != nil {
				return "", err
			}
			groups = append(groups, g)
		}
		p, err := t.createUser(m, n.Status != Staged, n.Status == "" || n.Status == Active)
		if err != nil {
			return "", err
		}
		for _, g := range groups {
			if err := t.addMember(g, p); err != nil {
				return "", err
			}
		}
		if n.Unassigned || len(o.apps) == 0 {
			return p.id, nil
		}
		return p.id, t.admit(p)
	})
}

// admit assigns the SSO app the way the org does it.
func (t *tx) admit(p *person) error {
	a := t.o.apps[0]
	if t.o.opt.AssignThroughGroup && len(a.groups) > 0 {
		return t.addMember(a.groups[0].group, p)
	}
	_, err := t.assign(a, p)
	return err
}

// newcomer makes the profile of a new person.
func (o *Org) newcomer(n NewPerson) (members, error) {
	g := &generator{opt: o.opt, first: firstNames(), last: lastNames(), titles: titles(), sites: sites()}
	g.pairs = len(g.first) * len(g.last)
	g.stride = coprime(g.pairs, 7919+int(o.opt.Seed%97))
	for i := range o.opt.Departments {
		g.depts = append(g.depts, departmentName(departmentNames(), i))
	}
	// nextUser grows with every person ever made, so identities never repeat.
	d := g.identityOf(int(o.nextUser) - 1)
	values := map[string]any{
		"firstName":  or(n.FirstName, d.first.text),
		"lastName":   or(n.LastName, d.last.text),
		"email":      or(n.Email, or(n.Login, d.email)),
		"department": or(n.Department, d.department), "employeeNumber": d.number,
		"title": or(n.Title, "New Starter"), "city": d.site.city, "countryCode": d.site.country,
		"preferredLanguage": d.site.language,
	}
	values["login"] = or(n.Login, fmt.Sprint(values["email"]))
	values["displayName"] = fmt.Sprint(values["firstName"], " ", values["lastName"])
	if n.Manager != "" {
		boss := o.findUser(n.Manager)
		if boss == nil {
			return nil, errNotFound(n.Manager, "User")
		}
		values["managerId"], values["manager"] = boss.id, boss.displayName()
	}
	maps.Copy(values, n.Profile)
	return membersOf(values)
}

func or(s, otherwise string) string {
	if s != "" {
		return s
	}
	return otherwise
}

// Update changes attributes of a person; nil clears one. who is an id or a
// login, here and below.
func (o *Org) Update(who string, profile map[string]any) (Act, error) {
	m, err := membersOf(profile)
	if err != nil {
		return Act{}, err
	}
	return o.actOn(who, "/api/v1/users/{id}", func(t *tx, p *person) error { return t.updateUser(p, m, false) })
}

// Move gives a person another department and manager (id or login); an empty
// one stays.
func (o *Org) Move(who, department, manager string) (Act, error) {
	return o.actOn(who, "/api/v1/users/{id}", func(t *tx, p *person) error {
		values := map[string]any{}
		if department != "" {
			values["department"] = department
		}
		if manager != "" {
			boss := o.findUser(manager)
			if boss == nil {
				return errNotFound(manager, "User")
			}
			values["managerId"], values["manager"] = boss.id, boss.displayName()
		}
		m, err := membersOf(values)
		if err != nil {
			return err
		}
		return t.updateUser(p, m, false)
	})
}

// Suspend blocks an ACTIVE person and keeps groups and apps.
func (o *Org) Suspend(who string) (Act, error) {
	return o.actOn(who, "/api/v1/users/{id}/lifecycle/suspend", (*tx).suspendUser)
}

// Unsuspend makes a SUSPENDED person ACTIVE again.
func (o *Org) Unsuspend(who string) (Act, error) {
	return o.actOn(who, "/api/v1/users/{id}/lifecycle/unsuspend", (*tx).unsuspendUser)
}

// Deactivate makes a person DEPROVISIONED and ends their assignments of active
// apps.
func (o *Org) Deactivate(who string) (Act, error) {
	return o.actOn(who, "/api/v1/users/{id}/lifecycle/deactivate", (*tx).deactivateUser)
}

// Activate brings a STAGED or DEPROVISIONED person back. Direct assignments do
// not come back by themselves; those through groups do.
func (o *Org) Activate(who string) (Act, error) {
	return o.actOn(who, "/api/v1/users/{id}/lifecycle/activate", (*tx).activateUser)
}

// Lock is what too many failed sign-ins do.
func (o *Org) Lock(who string) (Act, error) {
	return o.actOn(who, "/api/v1/authn", (*tx).lockUser)
}

// Unlock ends a lock.
func (o *Org) Unlock(who string) (Act, error) {
	return o.actOn(who, "/api/v1/users/{id}/lifecycle/unlock", (*tx).unlockUser)
}

// ExpirePassword makes an ACTIVE person PASSWORD_EXPIRED.
func (o *Org) ExpirePassword(who string) (Act, error) {
	return o.actOn(who, "/api/v1/users/{id}/lifecycle/expire_password", (*tx).expirePassword)
}

// ResetPassword puts a person into RECOVERY.
func (o *Org) ResetPassword(who string) (Act, error) {
	return o.actOn(who, "/api/v1/users/{id}/lifecycle/reset_password", (*tx).resetPassword)
}

// SignIn is the person's own act: it accepts an invitation or ends a recovery.
func (o *Org) SignIn(who string) (Act, error) {
	return o.actOn(who, "/api/v1/authn", (*tx).signIn)
}

// Delete ends a person for good, deactivating first when needed.
func (o *Org) Delete(who string) (Act, error) {
	return o.actOn(who, "/api/v1/users/{id}", func(t *tx, p *person) error {
		if p.status != Deprovisioned {
			if err := t.deactivateUser(p); err != nil {
				return err
			}
		}
		return t.deleteUser(p)
	})
}

// CreateGroup makes a group; Act.ID is its id.
func (o *Org) CreateGroup(name, description string) (Act, error) {
	return o.act("/api/v1/groups", func(t *tx) (string, error) {
		g, err := t.createGroup(name, description, description == "")
		if err != nil {
			return "", err
		}
		return g.id, nil
	})
}

func (o *Org) actOnGroup(ref, path string, f func(t *tx, g *group) error) (Act, error) {
	return o.act(path, func(t *tx) (string, error) {
		g, err := o.groupRef(ref)
		if err != nil {
			return "", err
		}
		return g.id, f(t, g)
	})
}

// RenameGroup changes a group's name. A group is named by id or name, here and
// below.
func (o *Org) RenameGroup(ref, name string) (Act, error) {
	return o.actOnGroup(ref, "/api/v1/groups/{id}", func(t *tx, g *group) error {
		return t.updateGroup(g, name, g.description, g.noDescription)
	})
}

// DeleteGroup ends a group, its memberships, and what it granted.
func (o *Org) DeleteGroup(ref string) (Act, error) {
	return o.actOnGroup(ref, "/api/v1/groups/{id}", (*tx).deleteGroup)
}

// AddToGroup makes a person a member. A member already: no event.
func (o *Org) AddToGroup(ref, who string) (Act, error) { return o.member(ref, who, (*tx).addMember) }

// RemoveFromGroup ends a membership. Not a member: no event.
func (o *Org) RemoveFromGroup(ref, who string) (Act, error) {
	return o.member(ref, who, (*tx).removeMember)
}

func (o *Org) member(ref, who string, f func(*tx, *group, *person) error) (Act, error) {
	return o.actOnGroup(ref, "/api/v1/groups/{id}/users/{userId}", func(t *tx, g *group) error {
		p := o.findUser(who)
		if p == nil {
			return errNotFound(who, "User")
		}
		return f(t, g, p)
	})
}

func (o *Org) actOnApp(ref, path string, f func(t *tx, a *app) error) (Act, error) {
	return o.act(path, func(t *tx) (string, error) {
		a, err := o.appRef(ref)
		if err != nil {
			return "", err
		}
		return a.id, f(t, a)
	})
}

// Assign gives a person an app directly. An app is named by id or label, or
// empty for the SSO app, here and below.
func (o *Org) Assign(appRef, who string) (Act, error) {
	return o.actOnApp(appRef, "/api/v1/apps/{appId}/users", func(t *tx, a *app) error {
		p := o.findUser(who)
		if p == nil {
			return errNotFound(who, "User")
		}
		_, err := t.assign(a, p)
		return err
	})
}

// Unassign ends a direct assignment.
func (o *Org) Unassign(appRef, who string) (Act, error) {
	return o.actOnApp(appRef, "/api/v1/apps/{appId}/users/{userId}", func(t *tx, a *app) error {
		p := o.findUser(who)
		if p == nil {
			return errNotFound(who, "User")
		}
		u := p.grantOf(a)
		if u == nil {
			return errNotFound(who, "AppUser")
		}
		return t.unassign(u)
	})
}

// AssignGroup assigns a group to an app, and thereby its members.
func (o *Org) AssignGroup(appRef, ref string) (Act, error) {
	return o.actOnApp(appRef, "/api/v1/apps/{appId}/groups/{groupId}", func(t *tx, a *app) error {
		g, err := o.groupRef(ref)
		if err != nil {
			return err
		}
		t.assignGroup(a, g, nil)
		return nil
	})
}

// UnassignGroup ends a group's assignment, and the members' that rest on it.
func (o *Org) UnassignGroup(appRef, ref string) (Act, error) {
	return o.actOnApp(appRef, "/api/v1/apps/{appId}/groups/{groupId}", func(t *tx, a *app) error {
		g, err := o.groupRef(ref)
		if err != nil {
			return err
		}
		i, ok := findAppGroup(a.groups, g.id)
		if !ok {
			return errNotFound(ref, "ApplicationGroupAssignment")
		}
		t.unassignGroup(a.groups[i])
		return nil
	})
}

// CreateApp makes another app; Act.ID is its id.
func (o *Org) CreateApp(label string) (Act, error) {
	return o.act("/api/v1/apps", func(t *tx) (string, error) {
		a, err := t.createApp(label, appName(label), true)
		if err != nil {
			return "", err
		}
		return a.id, nil
	})
}

// SetAppActive switches an app on or off; assignments stay.
func (o *Org) SetAppActive(appRef string, active bool) (Act, error) {
	return o.actOnApp(appRef, "/api/v1/apps/{appId}/lifecycle", func(t *tx, a *app) error {
		t.setAppActive(a, active)
		return nil
	})
}

// DeleteApp ends an app for good, deactivating it first when needed.
func (o *Org) DeleteApp(appRef string) (Act, error) {
	return o.actOnApp(appRef, "/api/v1/apps/{appId}", func(t *tx, a *app) error {
		t.setAppActive(a, false)
		return t.deleteApp(a)
	})
}

// NewHook describes an event hook to register.
type NewHook struct {
	Name   string            `json:"name,omitempty"` // empty = "emulator hook"
	URL    string            `json:"url"`
	Header string            `json:"header,omitempty"` // empty = Authorization
	Secret string            `json:"secret,omitempty"` // empty = no secret is sent
	Events []string          `json:"events,omitempty"` // empty = AdvisedEvents
	Extra  map[string]string `json:"headers,omitempty"`
	// Unverified leaves the hook unverified: it receives nothing.
	Unverified bool `json:"unverified,omitempty"`
}

// AdvisedEvents are the hook-eligible event types that change people, groups
// and assignments and that the emulator writes.
func AdvisedEvents() []string {
	var out []string
	for _, k := range eventKinds() {
		if k.hooked && !strings.Contains(k.name, "password") {
			out = append(out, k.name)
		}
	}
	slices.Sort(out)
	return out
}

// RegisterHook registers an event hook and verifies it with the real
// challenge; Act.ID is its id.
func (o *Org) RegisterHook(n NewHook) (Act, error) {
	if len(n.Events) == 0 {
		n.Events = AdvisedEvents()
	}
	var body hookBody
	body.Name = or(n.Name, "emulator hook")
	body.Events = &hookEvents{Type: "EVENT_TYPE", Items: n.Events}
	body.Channel = &hookChannel{Type: "HTTP", Version: "1.0.0", Config: hookConfig{URI: n.URL}}
	for _, k := range slices.Sorted(maps.Keys(n.Extra)) {
		body.Channel.Config.Headers = append(body.Channel.Config.Headers, hookHeader{k, n.Extra[k]})
	}
	if n.Secret != "" {
		body.Channel.Config.AuthScheme = &hookAuth{Type: "HEADER", Key: or(n.Header, "Authorization"), Value: n.Secret}
	}
	act, err := o.act("/api/v1/eventHooks", func(t *tx) (string, error) {
		h, err := t.createHook(body, "")
		if err != nil {
			return "", err
		}
		return h.id, nil
	})
	if err != nil || n.Unverified {
		return act, err
	}
	o.mu.Lock()
	from := o.controlOrigin("/api/v1/eventHooks/" + act.ID + "/lifecycle/verify")
	o.mu.Unlock()
	return act, o.verify(act.ID, from)
}
