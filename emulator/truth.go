package emulator

import (
	"slices"
	"strings"
	"time"
)

// Person is a person as the org has them, for comparing with a directory.
type Person struct {
	ID      string         `json:"id"`
	Login   string         `json:"login"`
	Status  Status         `json:"status"`
	Profile map[string]any `json:"profile"` // unset attributes are absent
	// ManagerID is the Okta id of the person that managerId and manager lead
	// to: as id, login, unique e-mail or employee number; then manager as
	// login, unique e-mail or unique display name. Empty when they lead nowhere.
	ManagerID string `json:"managerId"`
	// Groups are ids in order, without Everyone.
	Groups      []string  `json:"groups"`
	Apps        []Grant   `json:"apps"`
	Created     time.Time `json:"created"`
	LastUpdated time.Time `json:"lastUpdated"`
}

// Grant is an assignment of an app.
type Grant struct {
	AppID string `json:"appId"`
	Scope string `json:"scope"` // USER or GROUP
	// GroupID is the group that grants it, for scope GROUP.
	GroupID string `json:"groupId,omitempty"`
}

// Text gives an attribute of the profile as text, empty when unset or not a
// text.
func (p Person) Text(attribute string) string {
	s, _ := p.Profile[attribute].(string)
	return s
}

// AssignedTo tells whether the person has the app.
func (p Person) AssignedTo(appID string) bool {
	return slices.ContainsFunc(p.Apps, func(g Grant) bool { return g.AppID == appID })
}

// Group is a group with the ids of its members in order. Everyone lists none.
type Group struct {
	ID          string   `json:"id"`
	Name        string   `json:"name"`
	Description string   `json:"description"`
	Type        string   `json:"type"`
	Members     []string `json:"members"`
	Apps        []string `json:"apps"`
}

// App is an app with the ids of the groups assigned to it.
type App struct {
	ID     string   `json:"id"`
	Label  string   `json:"label"`
	Active bool     `json:"active"`
	Users  int      `json:"users"`
	Groups []string `json:"groups"`
}

// Snapshot is the whole truth at one moment, each list in the order of ids.
type Snapshot struct {
	People []Person `json:"people"`
	Groups []Group  `json:"groups"`
	Apps   []App    `json:"apps"`
	// LastEvent is the newest event of the System Log, nil when there is none.
	LastEvent *EventRef `json:"lastEvent"`
}

// Truth copies the whole state. For a very large org use EachPerson, which
// copies one person at a time.
func (o *Org) Truth() Snapshot {
	o.mu.RLock()
	defer o.mu.RUnlock()
	s := Snapshot{People: make([]Person, 0, len(o.people))}
	r := newResolver(o)
	for _, p := range o.people {
		s.People = append(s.People, o.personTruth(p, r))
	}
	for _, g := range o.groups {
		s.Groups = append(s.Groups, groupTruth(g))
	}
	for _, a := range o.apps {
		s.Apps = append(s.Apps, appTruth(a))
	}
	if n := len(o.log.events); n > 0 {
		e := o.log.events[n-1]
		s.LastEvent = &EventRef{UUID: e.uuid, Type: e.kind.name, Published: e.published.time()}
	}
	return s
}

// EachPerson calls f for each person in the order of ids until f says no. The
// org cannot change meanwhile, so f must not call its methods.
func (o *Org) EachPerson(f func(Person) bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	r := newResolver(o)
	for _, p := range o.people {
		if !f(o.personTruth(p, r)) {
			return
		}
	}
}

// Person gives one person by id or login.
func (o *Org) Person(who string) (Person, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	p := o.findUser(who)
	if p == nil {
		return Person{}, false
	}
	return o.personTruth(p, newResolver(o)), true
}

// Group gives one group by id or name.
func (o *Org) Group(ref string) (Group, bool) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	g, err := o.groupRef(ref)
	if err != nil {
		return Group{}, false
	}
	return groupTruth(g), true
}

// Groups gives all groups in the order of ids, Everyone among them.
func (o *Org) Groups() []Group {
	o.mu.RLock()
	defer o.mu.RUnlock()
	out := make([]Group, 0, len(o.groups))
	for _, g := range o.groups {
		out = append(out, groupTruth(g))
	}
	return out
}

// PersonIDs gives the ids of all people in order.
func (o *Org) PersonIDs() []string {
	o.mu.RLock()
	defer o.mu.RUnlock()
	out := make([]string, 0, len(o.people))
	for _, p := range o.people {
		out = append(out, p.id)
	}
	return out
}

// People is the number of people.
func (o *Org) People() int {
	o.mu.RLock()
	defer o.mu.RUnlock()
	return len(o.people)
}

func (o *Org) personTruth(p *person, r *resolver) Person {
	out := Person{ID: p.id, Login: p.login, Status: p.status, Profile: map[string]any{},
		Created: p.created.timeOrZero(), LastUpdated: p.lastUpdated.timeOrZero(), ManagerID: r.managerOf(p),
		Groups: make([]string, 0, len(p.groups)), Apps: make([]Grant, 0, len(p.grants))}
	eachMember(p.profile, func(name, raw string) bool {
		if raw != "null" {
			out.Profile[name] = valueOf(raw)
		}
		return true
	})
	for _, g := range p.groups {
		out.Groups = append(out.Groups, g.id)
	}
	for _, u := range p.grants {
		g := Grant{AppID: u.app.id, Scope: u.scope()}
		if via := u.via(); !u.direct && via != nil {
			g.GroupID = via.group.id
		}
		out.Apps = append(out.Apps, g)
	}
	return out
}

func groupTruth(g *group) Group {
	out := Group{ID: g.id, Name: g.name, Description: g.description, Type: g.kind,
		Members: make([]string, 0, len(g.members)), Apps: make([]string, 0, len(g.apps))}
	for _, p := range g.members {
		out.Members = append(out.Members, p.id)
	}
	for _, ag := range g.apps {
		out.Apps = append(out.Apps, ag.app.id)
	}
	slices.Sort(out.Apps)
	return out
}

func appTruth(a *app) App {
	out := App{ID: a.id, Label: a.label, Active: a.active, Users: len(a.users), Groups: make([]string, 0, len(a.groups))}
	for _, ag := range a.groups {
		out.Groups = append(out.Groups, ag.group.id)
	}
	return out
}

// resolver finds managers. Its tables are made when first needed; nil in a
// table marks a value that two people share.
type resolver struct {
	o       *Org
	ready   bool
	email   map[string]*person
	number  map[string]*person
	display map[string]*person
}

func newResolver(o *Org) *resolver { return &resolver{o: o} }

func (r *resolver) prepare() {
	if r.ready {
		return
	}
	r.ready = true
	r.email, r.number, r.display = map[string]*person{}, map[string]*person{}, map[string]*person{}
	put := func(m map[string]*person, key string, p *person) {
		if key == "" {
			return
		}
		if _, taken := m[key]; taken {
			p = nil
		}
		m[key] = p
	}
	for _, p := range r.o.people {
		email, _ := profileText(p.profile, "email")
		put(r.email, strings.ToLower(email), p)
		number, _ := profileText(p.profile, "employeeNumber")
		put(r.number, number, p)
		name, _ := profileText(p.profile, "displayName")
		put(r.display, name, p)
	}
}

func (r *resolver) managerOf(p *person) string {
	if text, ok := profileText(p.profile, "managerId"); ok {
		if i, found := findPerson(r.o.people, text); found {
			return r.o.people[i].id
		}
		if q := r.byText(text); q != nil {
			return q.id
		}
		if q := r.number[text]; q != nil {
			return q.id
		}
	}
	text, ok := profileText(p.profile, "manager")
	if !ok {
		return ""
	}
	if q := r.byText(text); q != nil {
		return q.id
	}
	if q := r.display[text]; q != nil {
		return q.id
	}
	return ""
}

// byText finds a person by login or unique e-mail.
func (r *resolver) byText(text string) *person {
	if p := r.o.byLogin[foldLogin(text)]; p != nil && p != r.o.admin {
		return p
	}
	r.prepare()
	return r.email[strings.ToLower(text)]
}
