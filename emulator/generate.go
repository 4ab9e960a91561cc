package emulator

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"
)

// generate makes the state from the options. It is written for a million
// people: profiles are cut from large blocks, people, rows and group lists from
// one array each, so that a person costs a few hundred bytes and the garbage
// collector sees few objects.
func generate(opt Options) (state, error) {
	s := state{rand: rand.New(rand.NewPCG(opt.Seed, mix(opt.Seed)))}
	var err error
	if s.schema, err = newSchema(opt.CustomAttributes); err != nil {
		return s, fmt.Errorf("declare the custom attributes of the org: %w", err)
	}
	s.log.cap = opt.LogCap
	s.orgID = makeID(prefixOrg, opt.Seed, 0)
	s.typeID = makeID(prefixUserType, opt.Seed, 0)
	s.schemaID = prefixSchema + s.typeID[len(prefixUserType):]
	// The org is three years old; its people joined since.
	s.founded = toSecond(opt.Now().UTC().AddDate(-3, 0, 0).Truncate(24 * time.Hour))

	g := &generator{opt: opt, s: &s, first: firstNames(), last: lastNames(), titles: titles(), sites: sites()}
	g.pairs = len(g.first) * len(g.last)
	g.stride = coprime(g.pairs, 7919+int(opt.Seed%97))
	g.serviceAccount()
	g.makePeople()
	if err := g.makeFlaws(); err != nil {
		return s, err
	}
	g.makeGroups()
	g.makeApp()
	g.deactivateSome()
	return s, nil
}

type generator struct {
	opt    Options
	s      *state
	first  []name
	last   []name
	titles []string
	sites  []site
	depts  []string
	block  *strings.Builder // where profile texts are cut from
	pairs  int              // combinations of first and last names
	stride int              // shares no factor with pairs, so it visits all
}

const blockSize = 1 << 20

// keep copies b into a block and gives it as a string. A block is never grown,
// so the strings cut from it stay valid.
func (g *generator) keep(b []byte) string {
	if g.block == nil || g.block.Len()+len(b) > g.block.Cap() {
		g.block = &strings.Builder{}
		g.block.Grow(max(blockSize, len(b)))
	}
	start := g.block.Len()
	g.block.Write(b)
	return g.block.String()[start:]
}

// serviceAccount makes the admin whose API tokens clients use. It stands in no
// list, so that the number of people is the number asked for.
func (g *generator) serviceAccount() {
	s := g.s
	p := &person{id: prefixTokenOwner + makeID(prefixUser, g.opt.Seed, 0)[4:], status: Active, created: s.founded, activated: s.founded,
		statusChanged: s.founded, lastUpdated: s.founded, passwordChanged: s.founded, lastLogin: s.founded}
	m, err := membersOf(map[string]any{"firstName": "Sync", "lastName": "Service Account",
		"login": "svc-sync@" + g.opt.EmailDomain, "email": "svc-sync@" + g.opt.EmailDomain})
	if err != nil {
		return // texts always convert
	}
	p.profile = string(appendProfile(nil, m))
	p.login, _ = profileText(p.profile, "login")
	s.admin = p
	s.byLogin = make(map[string]*person, g.opt.People+1)
	s.byLogin[foldLogin(p.login)] = p
}

func (g *generator) makePeople() {
	n, s := g.opt.People, g.s
	g.depts = make([]string, g.opt.Departments)
	for i := range g.depts {
		g.depts[i] = departmentName(departmentNames(), i)
	}
	s.nextUser = 1 // 0 is the service account
	s.people = make([]*person, n)
	all := make([]person, n)
	var ids strings.Builder
	ids.Grow(n * idLength)
	for i := range n {
		ids.WriteString(makeID(prefixUser, g.opt.Seed, s.nextUser+uint64(i)))
	}
	idText := ids.String()
	var buf []byte
	for i := range n {
		p := &all[i]
		p.id = idText[i*idLength : (i+1)*idLength]
		s.people[i] = p
	}
	for i := range n {
		buf = g.appendPerson(buf[:0], i)
		g.finish(s.people[i], buf, i)
	}
	s.nextUser += uint64(n)
}

// finish sets what does not depend on the profile's content.
func (g *generator) finish(p *person, profile []byte, i int) {
	s := g.s
	p.profile = g.keep(profile)
	p.login, _ = profileText(p.profile, "login")
	s.byLogin[foldLogin(p.login)] = p
	age := millis(mix(g.opt.Seed^uint64(i)) % (900 * 24 * 3600) * 1000)
	p.created = s.founded + age
	p.activated = p.created + 5_000
	p.passwordChanged = p.created + 3_600_000
	p.statusChanged = p.passwordChanged
	p.lastUpdated = p.passwordChanged + 86_400_000
	if mix(uint64(i))%4 != 0 {
		p.lastLogin = p.lastUpdated + 3_600_000
	}
	p.status = Active
}

// identity is what others refer to a person by.
type identity struct {
	first, last             name
	email, login, number    string
	department, displayName string
	site                    site
}

// identityOf is computed, never looked up, so that a person's manager is known
// before the manager is made.
func (g *generator) identityOf(i int) identity {
	pair := (i % g.pairs) * g.stride % g.pairs
	d := identity{first: g.first[pair%len(g.first)], last: g.last[pair/len(g.first)%len(g.last)]}
	local := d.first.ascii + "." + d.last.ascii
	if i >= g.pairs {
		local += strconv.Itoa(i/g.pairs + 1)
	}
	d.email = local + "@" + g.opt.EmailDomain
	d.login = d.email
	if i%10 == 9 { // some sign in with another address than they read mail at
		d.login = "u" + strconv.Itoa(100000+i) + "@login." + g.opt.EmailDomain
	}
	d.number = strconv.Itoa(1_000_000 + i)
	d.department = g.depts[i%len(g.depts)]
	d.displayName = d.first.text + " " + d.last.text
	d.site = g.sites[i/3%len(g.sites)]
	return d
}

func coprime(n, from int) int {
	for gcd(n, from) != 1 {
		from++
	}
	return from
}

func gcd(a, b int) int {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}

// bossOf gives the manager of person i, or -1 for the head of the company. In
// each department the first person reports to the head of the company and the
// others form a tree of eight reports each, so there are no loops.
func (g *generator) bossOf(i int) int {
	d := len(g.depts)
	if i == 0 {
		return -1
	}
	if i < d {
		return 0
	}
	place := i / d // place in the department; 0 is its head
	return (place-1)/8*d + i%d
}

func (g *generator) appendPerson(b []byte, i int) []byte {
	d := g.identityOf(i)
	b = append(b, '{')
	put := func(name, value string) {
		if len(b) > 1 {
			b = append(b, ',')
		}
		b = append(b, '"')
		b = append(b, name...)
		b = append(b, '"', ':')
		b = appendTextOrNull(b, value)
	}
	put("firstName", d.first.text)
	put("lastName", d.last.text)
	put("mobilePhone", "")
	put("secondEmail", "")
	put("login", d.login)
	put("email", d.email)
	put("city", d.site.city)
	put("countryCode", d.site.country)
	put("department", d.department)
	put("displayName", d.displayName)
	put("employeeNumber", d.number)
	if boss := g.bossOf(i); boss >= 0 {
		m := g.identityOf(boss)
		put("manager", m.displayName)
		put("managerId", g.managerText(i, boss, m))
	}
	put("preferredLanguage", d.site.language)
	if i%5 == 0 {
		put("profileUrl", "https://pictures."+g.opt.EmailDomain+"/"+d.number+".png")
	}
	put("title", g.titleOf(i))
	return append(b, '}')
}

func (g *generator) titleOf(i int) string {
	switch {
	case i == 0:
		return "Chief Executive Officer"
	case i < len(g.depts):
		return "Head of " + g.depts[i]
	default:
		return g.titles[mix(uint64(i))%uint64(len(g.titles))]
	}
}

// managerText fills managerId the way real orgs do: mostly with the Okta id,
// else with the login, the e-mail or the employee number.
func (g *generator) managerText(i, boss int, m identity) string {
	switch mix(g.opt.Seed+uint64(i)) % 10 {
	case 0, 1, 2, 3:
		return g.s.people[boss].id
	case 4, 5:
		return m.login
	case 6, 7:
		return m.email
	default:
		return m.number
	}
}

// makeFlaws rewrites the last people of the list and changes statuses; the
// people before them stay as they are.
func (g *generator) makeFlaws() error {
	f, people := g.opt.Flaws, g.s.people
	total := f.NoEmail + f.NoName + f.SharedEmail + f.UnknownManager + f.ManagerLoop + f.SuspendedPeople + f.DeactivatedUsers
	if total > len(people) {
		return fmt.Errorf("make the org: %d flawed people asked for among %d people", total, len(people))
	}
	next := len(people) - 1
	take := func(n int) []*person {
		out := people[next+1-n : next+1]
		next -= n
		return out
	}
	for _, p := range take(f.NoEmail) {
		g.rewrite(p, func(m members) { delete(m, "email") })
	}
	for _, p := range take(f.NoName) {
		g.rewrite(p, func(m members) { delete(m, "firstName"); delete(m, "lastName"); delete(m, "displayName") })
	}
	for i, p := range take(f.SharedEmail) {
		email, _ := profileRaw(people[i].profile, "email")
		g.rewrite(p, func(m members) { m["email"] = []byte(email) })
	}
	for i, p := range take(f.UnknownManager) {
		g.rewrite(p, func(m members) {
			m["managerId"] = appendText(nil, "nobody-"+strconv.Itoa(i))
			delete(m, "manager")
		})
	}
	loop := take(f.ManagerLoop)
	for i, p := range loop {
		g.rewrite(p, func(m members) {
			m["managerId"] = appendText(nil, loop[(i+1)%len(loop)].id)
			delete(m, "manager")
		})
	}
	for _, p := range take(f.SuspendedPeople) {
		p.status = Suspended
	}
	return nil
}

func (g *generator) rewrite(p *person, change func(members)) {
	m := decodeProfile(p.profile)
	change(m)
	delete(g.s.byLogin, foldLogin(p.login))
	p.profile = string(appendProfile(nil, m))
	p.login, _ = profileText(p.profile, "login")
	g.s.byLogin[foldLogin(p.login)] = p
}

// deactivateSome runs last: deactivated people keep groups and lose the app.
func (g *generator) deactivateSome() {
	f := g.opt.Flaws
	end := len(g.s.people) - f.NoEmail - f.NoName - f.SharedEmail - f.UnknownManager - f.ManagerLoop - f.SuspendedPeople
	for _, p := range g.s.people[max(end-f.DeactivatedUsers, 0):end] {
		p.status = Deprovisioned
		for _, u := range p.grants {
			if i, ok := findAppUser(u.app.users, p.id); ok {
				u.app.users = slices.Delete(u.app.users, i, i+1)
			}
		}
		p.grants = nil
	}
}
