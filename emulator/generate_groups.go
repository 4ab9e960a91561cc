package emulator

import "slices"

// makeGroups makes Everyone and the groups asked for, with members spread over
// the whole company.
func (g *generator) makeGroups() {
	s, n := g.s, len(g.s.people)
	s.all = g.newGroup("Everyone", "All users in your organization")
	s.all.kind, s.all.everyone = kindBuiltIn, true
	names := groupNames()
	counts := make([]uint16, n)
	for i := range g.opt.Groups {
		gr := g.newGroup(groupName(names, i), "")
		gr.noDescription = i%3 == 0
		if !gr.noDescription {
			gr.description = "Members of " + gr.name
		}
		for _, at := range g.pick(i, n) {
			gr.members = append(gr.members, s.people[at])
			counts[at]++
		}
	}
	var portal *group
	if g.opt.AssignThroughGroup {
		portal = g.newGroup(g.opt.AppLabel+" users", "Everyone who may use "+g.opt.AppLabel)
		portal.members = slices.Clone(s.people)
		for i := range counts {
			counts[i]++
		}
	}
	g.linkGroups(counts)
}

func (g *generator) newGroup(name, description string) *group {
	s := g.s
	gr := &group{id: makeID(prefixGroup, g.opt.Seed, s.nextGroup), name: name, description: description,
		kind: kindOktaGroup, created: s.founded, updated: s.founded, membersUpdated: s.founded}
	s.nextGroup++
	s.groups = append(s.groups, gr)
	return gr
}

// pick gives the places of the members of group i, in order.
func (g *generator) pick(i, n int) []int {
	size := min(g.opt.GroupSize, n)
	if size == 0 {
		return nil
	}
	start := int(mix(g.opt.Seed+uint64(i)*31) % uint64(n))
	stride := coprime(n, max(n/size, 1))
	out := make([]int, size)
	for k := range out {
		out[k] = (start + k*stride) % n
	}
	slices.Sort(out)
	return out
}

// linkGroups gives each person the list of its groups, all lists cut from one
// array.
func (g *generator) linkGroups(counts []uint16) {
	s := g.s
	total := 0
	for _, c := range counts {
		total += int(c)
	}
	array := make([]*group, total)
	at := 0
	for i, p := range s.people {
		p.groups = array[at : at : at+int(counts[i])]
		at += int(counts[i])
	}
	for _, gr := range s.groups { // in the order of ids, so the lists are sorted
		for _, p := range gr.members {
			p.groups = append(p.groups, gr)
		}
	}
}

// makeApp makes the SSO app and assigns everyone to it.
func (g *generator) makeApp() {
	s := g.s
	a := &app{id: makeID(prefixApp, g.opt.Seed, s.nextApp), label: g.opt.AppLabel, name: appName(g.opt.AppLabel),
		active: true, created: s.founded, updated: s.founded}
	s.nextApp++
	s.apps = append(s.apps, a)
	n := len(s.people)
	rows := make([]appUser, n)
	links := make([]*appUser, n)
	a.users = make([]*appUser, n)
	for i, p := range s.people {
		rows[i] = appUser{person: p, app: a, number: uint64(i), direct: !g.opt.AssignThroughGroup,
			created: p.created + 10_000, updated: p.created + 10_000}
		a.users[i] = &rows[i]
		links[i] = &rows[i]
		p.grants = links[i : i+1 : i+1]
	}
	s.nextAppUser = uint64(n)
	if !g.opt.AssignThroughGroup {
		return
	}
	portal := s.groups[len(s.groups)-1]
	ag := &appGroup{app: a, group: portal, id: makeID(prefixAppGroup, g.opt.Seed, 0), updated: s.founded}
	s.nextAppGroup = 1
	a.groups = []*appGroup{ag}
	portal.apps = []*appGroup{ag}
}

// appName makes an app's technical name from its label, the way Okta names
// custom SAML apps.
func appName(label string) string {
	out := []byte("acme_")
	for _, r := range []byte(label) {
		switch {
		case r >= 'A' && r <= 'Z':
			out = append(out, r+'a'-'A')
		case r >= 'a' && r <= 'z', r >= '0' && r <= '9':
			out = append(out, r)
		}
	}
	return string(append(out, "_1"...))
}
