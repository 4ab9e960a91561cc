package sync_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

const testOrders = "OKTASYNC_TEST_ORDERS"

// TestChartInAnyOrder: an org of 500 people, with wrong, ambiguous and circular managers in it, ends in the
// same chart of teams and managers in whatever order it is delivered: in every mode, with teams of groups, of paths and of a
// field, as primary and as further ones, and with managers that an admin has set on teams at some moment.
// OKTASYNC_TEST_ORDERS says how many orders are tried, the first 24 in every mode with each list of sources.
func TestChartInAnyOrder(t *testing.T) {
	t.Parallel()
	orders := 8
	if text := os.Getenv(testOrders); text != "" {
		var err error
		if orders, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	db := openDatabase(t)
	modes := []directory.ManagerMode{directory.ManagersFirstMember, directory.ManagersOverride, directory.ManagersIndividual}
	sources := [][]directory.TeamRule{
		{fromGroups("Crew *"), fromPath("user.division", "department"), fromPath("department")},
		{fromPath("department")},
		{fromPath("user.division", "department"), fromGroups("Crew *")},
		{fromGroups("Crew *")},
	}
	charts, places := map[string]map[string]string{}, map[int]map[string]string{}
	for n := range orders {
		// Two orders of each kind, one behind the other.
		mode, from := modes[n/2%len(modes)], n/2/len(modes)%len(sources)
		f := newTenant(t, db, fmt.Sprintf("t%d", n), func(r *directory.Rules) {
			r.Teams = sources[from]
			r.Managers.Mode = mode
			r.Managers.Resolve = append(directory.DefaultManagerRefs(), directory.ManagerByName)
		})
		f.deliver(org500(), rand.New(rand.NewPCG(7, uint64(n))))
		teams, managers := f.chart()
		kind := fmt.Sprintf("mode %s with teams of list %d", mode, from)
		if charts[kind] == nil {
			charts[kind] = managers
			f.wantInChart(mode)
		}
		if places[from] == nil {
			places[from] = teams
		}
		if diff := cmp.Diff(places[from], teams); diff != "" {
			t.Fatalf("order %d, %s, ends in other teams (-first +this):\n%s", n, kind, diff)
		}
		if diff := cmp.Diff(charts[kind], managers); diff != "" {
			t.Fatalf("order %d, %s, ends in another chart (-first +this):\n%s", n, kind, diff)
		}
	}
}

// chart is in which teams everybody is, and who their managers are.
func (f *fixture) chart() (teams, managers map[string]string) {
	f.t.Helper()
	teams = map[string]string{}
	for _, p := range f.everybody() {
		teams[p.ID] = strings.Join(append([]string{p.TeamID}, p.FurtherTeams...), " ")
	}
	return teams, f.managers(sorted(f.people)...)
}

func (f *fixture) everybody() []directory.Person {
	f.t.Helper()
	people, err := f.db.People(f.t.Context(), f.tenant, sorted(f.people))
	if err != nil || len(people) != 500 {
		f.t.Fatalf("%d people: %v", len(people), err)
	}
	return people
}

// wantInChart says what a chart must have, or the orders would prove little.
func (f *fixture) wantInChart(mode directory.ManagerMode) {
	f.t.Helper()
	list, err := f.db.ListTeams(f.t.Context(), f.tenant, "", 1000)
	if err != nil {
		f.t.Fatal(err)
	}
	source := map[string]string{}
	for _, team := range list {
		source[team.ID] = team.Source
	}
	has := map[string]bool{}
	for _, p := range f.everybody() {
		has["primary team of "+source[p.TeamID]] = true
		for _, team := range p.FurtherTeams {
			has["further team of "+source[team]] = true
		}
		if p.ManagerID != "" {
			has["manager by "+string(p.ManagerSource)] = true
		}
		has["manager who is "+string(p.ManagerProblem)] = true
	}
	want := []string{"manager by okta", "manager who is unresolved", "manager who is ambiguous"}
	switch mode {
	case directory.ManagersFirstMember:
		want = append(want, "manager by first_member", "manager by team")
	case directory.ManagersOverride:
		want = append(want, "manager by team", "manager who is loop")
	case directory.ManagersIndividual:
		want = append(want, "manager who is loop")
	}
	for i, rule := range f.rules.Teams {
		if want = append(want, "primary team of "+rule.Source()); i > 0 {
			want = append(want, "further team of "+rule.Source())
		}
	}
	for _, kind := range want {
		if !has[kind] {
			f.t.Errorf("mode %s: nobody has a %s: %v", mode, kind, sorted(has))
		}
	}
}

// org500 is the same org each time.
func org500() map[string]*human {
	random := rand.New(rand.NewPCG(1, 2))
	people := map[string]*human{}
	for n := range 500 {
		id := fmt.Sprintf("p%03d", n)
		profile := map[string]any{
			"firstName": "First" + id, "lastName": fmt.Sprint("Last", n/2*2), "email": id + "@acme.example", "login": id + "@acme.example",
			"employeeNumber": fmt.Sprint(1000 + n), "department": fmt.Sprint("Team ", random.IntN(25)),
		}
		if n%100 > 1 && n%2 == 1 { // pairs of a name
			profile["firstName"] = fmt.Sprintf("Firstp%03d", n-1)
		}
		boss := random.IntN(n/5 + 1)
		if n < 6 { // a loop
			boss = (n + 1) % 6
		}
		id = fmt.Sprintf("p%03d", boss)
		way := random.IntN(9)
		if n < 6 {
			way = 0
		}
		switch way {
		case 0:
			profile["managerId"] = id
		case 1, 2:
			profile["managerId"] = strings.ToUpper(id) + "@Acme.example "
		case 3:
			profile["manager"] = fmt.Sprint(1000 + boss)
		case 4:
			profile["managerId"], profile["manager"] = "nobody", id+"@acme.example"
		case 5:
			profile["manager"] = fmt.Sprintf("Firstp%03d Last%d", boss, boss/2*2) // some have a namesake
		case 6:
			profile["manager"] = "somebody who is not here"
		}
		if random.IntN(3) > 0 {
			profile["division"] = fmt.Sprint("Division ", random.IntN(3))
		}
		h := &human{status: "ACTIVE", assigned: true, groups: map[string]bool{}, profile: profile}
		h.since = time.Date(2026, 1, 1, 0, random.IntN(60), 0, 0, time.UTC) // several at once, as a group brings them
		if n%3 == 0 {
			h.groups[fmt.Sprint("g", random.IntN(6))], h.groups[fmt.Sprint("g", random.IntN(6))] = true, true
		}
		people[fmt.Sprintf("p%03d", n)] = h
	}
	return people
}

// deliver brings people in by random steps: by full syncs that show some of them, in pages of any
// order, and by events about them and about groups. As soon as an admin can, they set the managers of three teams.
func (f *fixture) deliver(people map[string]*human, random *rand.Rand) {
	f.t.Helper()
	for n := range 6 {
		f.groups[fmt.Sprint("g", n)] = fmt.Sprint("Crew ", n)
	}
	order := sorted(people)
	random.Shuffle(len(order), func(i, j int) { order[i], order[j] = order[j], order[i] })
	f.edit = func(pages []directory.Page) []directory.Page {
		page := directory.Page{At: pages[0].At, Positions: []directory.Position{{List: "people"}}}
		var lists []directory.Page
		for _, p := range pages {
			if p.People == nil {
				lists = append(lists, p)
				continue
			}
			page.People = append(page.People, p.People...)
		}
		if page.People == nil { // of one group
			return pages
		}
		random.Shuffle(len(page.People), func(i, j int) { page.People[i], page.People[j] = page.People[j], page.People[i] })
		return slices.Insert(lists, random.IntN(len(lists)+1), page)
	}
	leads := map[string]string{}
	for i, rule := range f.rules.Teams { // teams that are somebody's primary one
		manager := fmt.Sprintf("p%03d", 10+i)
		switch {
		case rule.Groups != nil:
			leads[directory.TeamOfOktaGroup("g2", "").ID] = manager
		case len(rule.Path) == 1:
			leads[directory.TeamsFor(rule.Path, []string{"Team 3"})[0].ID] = manager
		default:
			leads[directory.TeamsFor(rule.Path, []string{"Division 1", "Team 4"})[1].ID] = manager
		}
	}
	lead := func(last bool) {
		for _, team := range sorted(leads) {
			_, err := f.engine.SetTeamManager(f.t.Context(), team, leads[team], directory.Act{Actor: "anna", Kind: directory.ActTeamManager})
			switch {
			case err == nil:
				delete(leads, team)
			case last || !errors.Is(err, directory.ErrNotFound) && !errors.Is(err, directory.ErrConflict): // one of them is not here yet
				f.t.Fatal(err)
			}
		}
	}
	for len(order) > 0 {
		n := min(len(order), 1+random.IntN(250))
		for _, id := range order[:n] {
			f.people[id] = people[id]
		}
		if n > 20 {
			f.mustFull()
		} else {
			for _, id := range order[:n] {
				f.event(directory.PersonScope(id))
			}
		}
		order = order[n:]
		if random.IntN(4) == 0 {
			f.event(directory.GroupScope(fmt.Sprint("g", random.IntN(6))))
		}
		lead(len(order) == 0)
	}
}
