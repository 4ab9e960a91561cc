package e2e

import (
	"slices"
	"strings"
	"time"
)

// groupsAsTeams are sources of teams: the groups called Crew, then the department, then the groups that are assigned to the
// app.
func groupsAsTeams() []any {
	return []any{
		map[string]any{"groups": map[string]any{"names": []string{"Crew *"}}}, "department",
		map[string]any{"groups": map[string]any{"assigned": true}},
	}
}

// followGroupsAsTeams lets somebody into such groups and out of them, by hooks alone. In the end nobody is in any.
func (w *world) followGroupsAsTeams() {
	w.t.Helper()
	who := w.org.PersonIDs()[2]
	truth, _ := w.org.Person(who)
	department, _ := truth.Profile["department"].(string)
	crew, squad := w.act(w.org.CreateGroup("Crew One", "")).ID, w.act(w.org.CreateGroup("Squad", "")).ID
	id := ""
	teams := func(when, want string) {
		w.t.Helper()
		w.settled(30 * time.Second)
		row, err := w.api.Person(w.t.Context(), tenant, who)
		if err != nil || row.Team == nil {
			w.t.Fatalf("%s the person is %+v: %v", when, row, err)
		}
		var further []string
		for _, team := range row.FurtherTeams {
			further = append(further, team.Name)
		}
		slices.Sort(further)
		if got := strings.Join(append([]string{row.Team.Name}, further...), "; "); got != want {
			w.t.Fatalf("%s the teams are %q, want %q", when, got, want)
		}
		id = row.Team.ID
	}
	sorted := func(names ...string) string {
		slices.Sort(names)
		return strings.Join(names, "; ")
	}
	w.act(w.org.AddToGroup(crew, who))
	w.act(w.org.AddToGroup(squad, who))
	teams("in a group that is a team", "Crew One; "+department)
	before := id
	w.act(w.org.AssignGroup("", squad))
	teams("with the assignment of the other", "Crew One; "+sorted(department, "Squad"))
	w.act(w.org.RenameGroup(crew, "Crew Two"))
	teams("after a rename", "Crew Two; "+sorted(department, "Squad"))
	if id != before {
		w.t.Errorf("the renamed team is another one: %s, and was %s", id, before)
	}
	w.act(w.org.RemoveFromGroup(crew, who))
	teams("out of the first", department+"; Squad")
	w.act(w.org.UnassignGroup("", squad))
	teams("when the other is not assigned any more", department)
}
