package sync

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// grantRules are a tenant's rules about roles and licenses, made ready to be evaluated.
type grantRules struct {
	rules    directory.GrantRules
	lists    []ruleList // of the sets, then of the pools
	byGroup  groupRules
	named    []ruleAt // rules with name patterns
	groups   []string // ids that the rules name, sorted
	keepLast map[string]bool
	pools    map[string]directory.LicensePool
	shielded map[string]bool
}

// ruleList is what gives the roles of one set, or the licenses of one pool.
type ruleList struct {
	set   *directory.RoleSet // nil: a pool
	pool  string
	rules []directory.GrantRule
	via   []string       // of the rules that read an attribute, what they say that they found
	rank  map[string]int // of the set's roles
}

// ruleAt names a rule by its place.
type ruleAt struct{ list, rule int }

func newGrantRules(rules directory.GrantRules) *grantRules {
	r := &grantRules{
		rules: rules, byGroup: groupRules{}, keepLast: map[string]bool{}, pools: map[string]directory.LicensePool{}, shielded: map[string]bool{},
	}
	for i := range rules.Sets {
		set := &rules.Sets[i]
		list := ruleList{set: set, rules: set.Rules, rank: map[string]int{}}
		for n, kind := range set.Roles {
			list.rank[kind.Name] = n
			r.keepLast[kind.Name] = kind.KeepLast
		}
		r.lists = append(r.lists, list)
	}
	for _, pool := range rules.Pools {
		r.lists = append(r.lists, ruleList{pool: pool.Name, rules: pool.Rules})
		r.pools[pool.Name] = pool
	}
	for l := range r.lists {
		list := &r.lists[l]
		list.via = make([]string, len(list.rules))
		for i, rule := range list.rules {
			list.via[i] = "attribute " + rule.Attribute
			at := ruleAt{l, i}
			for _, id := range rule.Groups {
				r.byGroup[id] = groupFit{via: "group " + id, rules: append(r.byGroup[id].rules, at)}
			}
			if len(rule.GroupNames) > 0 {
				r.named = append(r.named, at)
			}
		}
	}
	for _, who := range rules.Protected {
		r.shielded[directory.Fold(who)] = true
	}
	r.groups, _ = rules.GroupsNamed()
	return r
}

// basis tells the rules from others; empty when there are none.
func (r *grantRules) basis() (string, error) {
	if r.rules.None() {
		return "", nil
	}
	text, err := json.Marshal(r.rules)
	if err != nil {
		return "", fmt.Errorf("encode the rules about roles and licenses: %w", err)
	}
	digest := sha256.Sum256(text)
	return hex.EncodeToString(digest[:16]), nil
}

// lookedFor are the groups of which the memberships are needed; nil: of all, because a name may fit.
func (r *grantRules) lookedFor() []string {
	if len(r.named) > 0 {
		return nil
	}
	return r.groups
}

// protects says whether no rule may take anything from the person.
func (r *grantRules) protects(p directory.Person) bool {
	if len(r.shielded) == 0 || !p.Present() {
		return false
	}
	return r.shielded[directory.Fold(p.ID)] || r.shielded[directory.Fold(p.Profile.Login)]
}

// groupRules says which rules a group fits, by its id. A rule that names groups by pattern is resolved by the
// names that they have now; an id fits whatever the group is called.
type groupRules map[string]groupFit

// groupFit is what a group gives.
type groupFit struct {
	via   string // what the rules say that they found
	rules []ruleAt
}

// resolve returns the rules that the groups fit. Rules that name groups are asked about each group once, however many
// people are in it: known has those that were asked about before, at the same moment.
func (r *grantRules) resolve(groups []directory.GroupOfPerson, known groupRules) groupRules {
	if len(r.named) == 0 {
		return r.byGroup
	}
	for _, g := range groups {
		if _, done := known[g.GroupID]; done {
			continue
		}
		fits := slices.Clone(r.byGroup[g.GroupID].rules)
		for _, at := range r.named {
			names := directory.GroupSelection{Names: r.lists[at.list].rules[at.rule].GroupNames}
			if !slices.Contains(fits, at) && names.Selects(directory.GroupSeen{ID: g.GroupID, Name: g.Name}) {
				fits = append(fits, at)
			}
		}
		known[g.GroupID] = groupFit{via: "group " + g.GroupID, rules: fits}
	}
	return known
}

// facts are what the rules look at in one person.
type facts struct {
	groups     []directory.GroupOfPerson
	attributes map[string][]string
	team       string
}

// award is one thing that a rule gives.
type award struct {
	rule *directory.GrantRule
	list int
	rank int // of the rule in its list
	role string
	team string
	via  string
}

// entitlements are what the rules give one person: roles in order of set, role and team, pools in the
// order of the configuration.
type entitlements struct {
	roles    []award
	licenses []award
}

// evaluate says what the rules give, and which rule gives it. It is pure: the same facts give the
// same, in whatever order they stand.
//
//	rule says          fits
//	groups             who is in one of them, by id
//	group_names        who is in a group that is called so now
//	attribute          who has one of the values; the value may name the role
//	everyone           everybody
//	default            everybody to whom no other rule of the list gave anything
//
//	several roles, in the tenant or in one team
//	union              all
//	highest            the last of them in the set's list of roles
//	single             that of the first rule in the configuration
//
// Where several rules give the same, the first of the configuration is told, and of several groups that with
// the least id.
func (r *grantRules) evaluate(f facts, fits groupRules) entitlements {
	hits := make([]award, 0, 32)
	for _, g := range f.groups {
		fit := fits[g.GroupID]
		for _, at := range fit.rules {
			rule := &r.lists[at.list].rules[at.rule]
			a := award{rule: rule, list: at.list, rank: at.rule, role: rule.Role, team: rule.Team, via: fit.via}
			if rule.TeamFrom == directory.TeamOfGroup {
				a.team = g.GroupID
			}
			hits = append(hits, a)
		}
	}
	for l := range r.lists {
		list := &r.lists[l]
		for i := range list.rules {
			rule := &list.rules[i]
			if !rule.Everyone && rule.Attribute == "" {
				continue
			}
			a := award{rule: rule, list: l, rank: i, role: rule.Role, team: rule.Team, via: "everyone"}
			if rule.Everyone {
				hits = append(hits, a)
				continue // a rule has one source
			}
			a.via = list.via[i]
			for _, value := range f.attributes[rule.Attribute] {
				if role, counts := rule.Values[directory.Fold(value)]; counts {
					a.role = cmp.Or(rule.Role, role)
					hits = append(hits, a)
				}
			}
		}
	}
	for i := range hits {
		if hits[i].rule.TeamFrom == directory.TeamOfPerson {
			hits[i].team = f.team
		}
	}
	// Who has no team cannot have a role in it.
	hits = slices.DeleteFunc(hits, func(a award) bool { return a.rule.TeamFrom == directory.TeamOfPerson && a.team == "" })
	hits = r.addDefaults(hits, f)
	slices.SortFunc(hits, compareAwards)
	return r.combine(hits)
}

// compareAwards orders awards by list, team and rule, and then by what the rule found.
func compareAwards(a, b award) int {
	if c := cmp.Compare(a.list, b.list); c != 0 {
		return c
	}
	if c := cmp.Compare(a.team, b.team); c != 0 {
		return c
	}
	if c := cmp.Compare(a.rank, b.rank); c != 0 {
		return c
	}
	if c := cmp.Compare(a.via, b.via); c != 0 {
		return c
	}
	return cmp.Compare(a.role, b.role)
}

// addDefaults adds what the defaults of those lists give that gave nothing else.
func (r *grantRules) addDefaults(hits []award, f facts) []award {
	for l := range r.lists {
		if slices.ContainsFunc(hits, func(a award) bool { return a.list == l && !a.rule.Default }) {
			continue
		}
		for i := range r.lists[l].rules {
			rule := &r.lists[l].rules[i]
			if !rule.Default {
				continue
			}
			a := award{rule: rule, list: l, rank: i, role: rule.Role, team: rule.Team, via: "default"}
			if rule.TeamFrom == directory.TeamOfPerson {
				if a.team = f.team; a.team == "" {
					continue
				}
			}
			hits = append(hits, a)
		}
	}
	return hits
}

// combine takes awards in order of list, team and rule.
func (r *grantRules) combine(hits []award) entitlements {
	if len(hits) == 0 {
		return entitlements{}
	}
	licenses := slices.IndexFunc(hits, func(a award) bool { return r.lists[a.list].set == nil }) // they come last
	if licenses < 0 {
		licenses = len(hits)
	}
	room := make([]award, 0, licenses+min(len(r.pools), len(hits)-licenses)) // for both
	out := entitlements{roles: room[:0:licenses], licenses: room[licenses:licenses]}
	for len(hits) > 0 {
		n := 1
		for n < len(hits) && hits[n].list == hits[0].list && hits[n].team == hits[0].team {
			n++
		}
		some := hits[:n]
		hits = hits[n:]
		list := &r.lists[some[0].list]
		switch {
		case list.set == nil:
			out.licenses = append(out.licenses, some[0])
		case list.set.Combine == directory.CombineSingle:
			out.roles = append(out.roles, some[0])
		case list.set.Combine == directory.CombineHighest:
			best := some[0]
			for _, a := range some[1:] {
				if list.rank[a.role] > list.rank[best.role] {
					best = a
				}
			}
			out.roles = append(out.roles, best)
		default:
			from := len(out.roles)
			for _, a := range some {
				if !slices.ContainsFunc(out.roles[from:], func(b award) bool { return b.role == a.role }) {
					out.roles = append(out.roles, a)
				}
			}
		}
	}
	return out
}
