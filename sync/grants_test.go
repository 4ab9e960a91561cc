package sync

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// gave renders what the rules give as "role[@team] by rule (via)".
func (e entitlements) gave(r *grantRules) []string {
	var all []string
	for _, a := range e.roles {
		text := a.role
		if a.team != "" {
			text += "@" + a.team
		}
		all = append(all, fmt.Sprintf("%s by %s (%s)", text, a.rule.Name, a.via))
	}
	for _, a := range e.licenses {
		all = append(all, fmt.Sprintf("license %s by %s (%s)", r.lists[a.list].pool, a.rule.Name, a.via))
	}
	return all
}

func kinds(names ...string) []directory.RoleKind {
	var all []directory.RoleKind
	for _, n := range names {
		all = append(all, directory.RoleKind{Name: n})
	}
	return all
}

func inGroups(ids ...string) []directory.GroupOfPerson {
	var all []directory.GroupOfPerson
	for _, id := range ids {
		all = append(all, directory.GroupOfPerson{PersonID: "p", GroupID: id, Name: "Name of " + id})
	}
	return all
}

// TestEvaluate is the decision table in the comment of evaluate.
func TestEvaluate(t *testing.T) {
	t.Parallel()
	byGroup := func(name, role string, groups ...string) directory.GrantRule {
		return directory.GrantRule{Name: name, Role: role, Groups: groups}
	}
	reader := directory.GrantRule{Name: "base", Role: "reader", Default: true}
	set := func(combine directory.Combination, rules ...directory.GrantRule) directory.GrantRules {
		return directory.GrantRules{Sets: []directory.RoleSet{{Name: "access", Combine: combine, Roles: kinds("reader", "editor", "admin"), Rules: rules}}}
	}
	values := directory.GrantRule{Name: "okta", Attribute: "app.role", Values: map[string]string{"readonly": "reader", "admin": "admin"}}
	tests := map[string]struct {
		rules directory.GrantRules
		facts facts
		want  []string
	}{
		"no rule fits":                      {set("", byGroup("e", "editor", "g1")), facts{groups: inGroups("g2")}, nil},
		"a group, by id":                    {set("", byGroup("e", "editor", "g1")), facts{groups: inGroups("g1")}, []string{"editor by e (group g1)"}},
		"two groups, the least is told":     {set("", byGroup("e", "editor", "g1", "g2")), facts{groups: inGroups("g2", "g1")}, []string{"editor by e (group g1)"}},
		"a group, by name":                  {set("", directory.GrantRule{Name: "n", Role: "editor", GroupNames: []string{"*of g1"}}), facts{groups: inGroups("g1", "g2")}, []string{"editor by n (group g1)"}},
		"an attribute names the role":       {set("", values), facts{attributes: map[string][]string{"app.role": {" Admin "}}}, []string{"admin by okta (attribute app.role)"}},
		"an attribute with several values":  {set("", values), facts{attributes: map[string][]string{"app.role": {"ReadOnly", "other", "ADMIN"}}}, []string{"admin by okta (attribute app.role)", "reader by okta (attribute app.role)"}},
		"an unknown value":                  {set("", values), facts{attributes: map[string][]string{"app.role": {"Owner"}}}, nil},
		"the default, when nothing else":    {set("", reader, byGroup("e", "editor", "g1")), facts{}, []string{"reader by base (default)"}},
		"the default steps back":            {set("", reader, byGroup("e", "editor", "g1")), facts{groups: inGroups("g1")}, []string{"editor by e (group g1)"}},
		"everyone does not step back":       {set("", directory.GrantRule{Name: "all", Role: "reader", Everyone: true}, byGroup("e", "editor", "g1")), facts{groups: inGroups("g1")}, []string{"reader by all (everyone)", "editor by e (group g1)"}},
		"union":                             {set(directory.CombineUnion, byGroup("e", "editor", "g1"), byGroup("a", "admin", "g2")), facts{groups: inGroups("g1", "g2")}, []string{"editor by e (group g1)", "admin by a (group g2)"}},
		"union, twice the same":             {set(directory.CombineUnion, byGroup("e", "editor", "g1"), byGroup("e2", "editor", "g2")), facts{groups: inGroups("g2", "g1")}, []string{"editor by e (group g1)"}},
		"highest":                           {set(directory.CombineHighest, byGroup("a", "admin", "g2"), byGroup("e", "editor", "g1")), facts{groups: inGroups("g1", "g2")}, []string{"admin by a (group g2)"}},
		"single, the first rule":            {set(directory.CombineSingle, byGroup("e", "editor", "g1"), byGroup("a", "admin", "g2")), facts{groups: inGroups("g2", "g1")}, []string{"editor by e (group g1)"}},
		"a team that the rule names":        {set("", directory.GrantRule{Name: "w", Role: "editor", Groups: []string{"g1"}, Team: "sales"}), facts{groups: inGroups("g1")}, []string{"editor@sales by w (group g1)"}},
		"the person's primary team":         {set("", directory.GrantRule{Name: "w", Role: "editor", Everyone: true, TeamFrom: directory.TeamOfPerson}), facts{team: "t1"}, []string{"editor@t1 by w (everyone)"}},
		"no primary team":                   {set("", directory.GrantRule{Name: "w", Role: "editor", Everyone: true, TeamFrom: directory.TeamOfPerson}), facts{}, nil},
		"the group as team, each by itself": {set(directory.CombineHighest, directory.GrantRule{Name: "w", Role: "editor", Groups: []string{"g1", "g2"}, TeamFrom: directory.TeamOfGroup}, byGroup("a", "admin", "g3")), facts{groups: inGroups("g3", "g2", "g1")}, []string{"admin by a (group g3)", "editor@g1 by w (group g1)", "editor@g2 by w (group g2)"}},
		"a pool, the first rule":            {directory.GrantRules{Pools: []directory.LicensePool{{Name: "seat", Rules: []directory.GrantRule{byGroup("one", "", "g1"), byGroup("two", "", "g2")}}}}, facts{groups: inGroups("g2", "g1")}, []string{"license seat by one (group g1)"}},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := newGrantRules(test.rules)
			got := r.evaluate(test.facts, r.resolve(test.facts.groups, groupRules{})).gave(r)
			if !slices.Equal(got, test.want) {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestEvaluateIsOfOneMind: the order in which groups and values stand changes nothing.
func TestEvaluateIsOfOneMind(t *testing.T) {
	t.Parallel()
	r := newGrantRules(manyRules())
	random := rand.New(rand.NewPCG(1, 2))
	f := somebody()
	want := strings.Join(r.evaluate(f, r.resolve(f.groups, groupRules{})).gave(r), "\n")
	if want == "" {
		t.Fatal("the rules give nothing")
	}
	for range 200 {
		random.Shuffle(len(f.groups), func(i, j int) { f.groups[i], f.groups[j] = f.groups[j], f.groups[i] })
		values := f.attributes["user.kind"]
		random.Shuffle(len(values), func(i, j int) { values[i], values[j] = values[j], values[i] })
		if got := strings.Join(r.evaluate(f, r.resolve(f.groups, groupRules{})).gave(r), "\n"); got != want {
			t.Fatalf("in another order:\n%s\nwant:\n%s", got, want)
		}
	}
}

// manyRules are the rules of a demanding tenant: three sets, two pools, 40 rules.
func manyRules() directory.GrantRules {
	var rules directory.GrantRules
	for s, combine := range []directory.Combination{directory.CombineUnion, directory.CombineHighest, directory.CombineSingle} {
		set := directory.RoleSet{Name: fmt.Sprintf("set%d", s), Combine: combine}
		for i := range 10 {
			role := fmt.Sprintf("role%d-%d", s, i)
			set.Roles = append(set.Roles, directory.RoleKind{Name: role})
			set.Rules = append(set.Rules, directory.GrantRule{Name: "by " + role, Role: role, Groups: []string{fmt.Sprintf("g%d", i*50+s), fmt.Sprintf("g%d", i*50+20+s)}})
		}
		set.Rules = append(set.Rules, directory.GrantRule{Name: fmt.Sprintf("kind%d", s), Attribute: "user.kind", Values: map[string]string{"a": set.Roles[0].Name, "b": set.Roles[1].Name}})
		rules.Sets = append(rules.Sets, set)
	}
	for p := range 2 {
		rules.Pools = append(rules.Pools, directory.LicensePool{Name: fmt.Sprintf("pool%d", p), Cap: 50, Rules: []directory.GrantRule{
			{Name: fmt.Sprintf("buyers%d", p), Groups: []string{"g3"}}, {Name: fmt.Sprintf("kinds%d", p), Attribute: "user.kind", Values: map[string]string{"b": ""}},
		}})
	}
	return rules
}

// somebody is in 500 groups, a few of which count.
func somebody() facts {
	f := facts{attributes: map[string][]string{"user.kind": {"a", "c", "b"}}, team: "team"}
	for i := range 500 {
		f.groups = append(f.groups, directory.GroupOfPerson{PersonID: "p", GroupID: fmt.Sprintf("g%d", i*3), Name: fmt.Sprintf("Group %d", i)})
	}
	return f
}

// BenchmarkEvaluate is one person with groups that count, as the database hands them out, and one in 500
// groups of whom all are looked at; then the comparison with what they have already, as a plan does it for each.
func BenchmarkEvaluate(b *testing.B) {
	r := newGrantRules(manyRules())
	few := somebody()
	few.groups = slices.DeleteFunc(slices.Clone(few.groups), func(g directory.GroupOfPerson) bool { return !slices.Contains(r.groups, g.GroupID) })
	for name, f := range map[string]facts{"groups that count": few, "500 groups": somebody()} {
		b.Run(name, func(b *testing.B) {
			fits := r.resolve(f.groups, groupRules{})
			b.ReportAllocs()
			for b.Loop() {
				r.evaluate(f, fits)
			}
		})
	}
	b.Run("compared", func(b *testing.B) {
		g := granteeOf(r, few)
		b.ReportAllocs()
		for b.Loop() {
			r.diff(g, r.resolve(g.groups, groupRules{}), time.Time{})
		}
	})
}

// granteeOf is somebody who has what the rules give.
func granteeOf(r *grantRules, f facts) grantee {
	g := grantee{groups: f.groups, person: directory.Person{ID: "p", Status: directory.StatusActive, TeamID: f.team, Profile: directory.Profile{Attributes: f.attributes}}}
	d := r.diff(g, r.resolve(g.groups, groupRules{}), time.Time{})
	g.roles, g.licenses = d.grant, d.claim
	return g
}

// TestEvaluatingAllocatesLittle: as many groups, rules and values as there may be, the memory that is asked for stays that of the result.
func TestEvaluatingAllocatesLittle(t *testing.T) {
	r := newGrantRules(manyRules())
	f := somebody()
	fits := r.resolve(f.groups, groupRules{})
	if n := testing.AllocsPerRun(100, func() { r.evaluate(f, fits) }); n > 3 {
		t.Errorf("evaluating the rules for one person in 500 groups allocates %.0f times", n)
	}
	g := granteeOf(r, f)
	if n := testing.AllocsPerRun(100, func() { r.diff(g, fits, time.Time{}) }); n > 12 {
		t.Errorf("comparing what the rules give with what is there allocates %.0f times", n)
	}
	if d := r.diff(g, fits, time.Time{}); len(d.grant)+len(d.revoke)+len(d.amend)+len(d.claim)+len(d.drop)+len(d.adjust) != 0 || len(g.roles) == 0 || len(g.licenses) == 0 {
		t.Errorf("who has what the rules give is given %+v", d)
	}
}
