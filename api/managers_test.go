package api

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

func TestManagers(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	grace := `{"manager":" grace@acme.example","reason":" a project "}`
	for _, step := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"whom nobody knows", "PUT", "/people/" + adaID + "/manager", `{"manager":"nobody@acme.example"}`, 404, "given as manager"},
		{"no manager", "PUT", "/people/" + adaID + "/manager", `{}`, 422, "manager"},
		{"nobody's", "PUT", "/people/nobody/manager", grace, 404, "nobody in the directory has this id"},
		{"their own", "PUT", "/people/" + graceID + "/manager", grace, 409, "cannot be their own manager"},
		{"chosen", "PUT", "/people/ada%2Bx@acme.example/manager", grace, 200, `"id":"` + adaID + `"`},
		{"taken back", "DELETE", "/people/" + adaID + "/manager", `{"reason":" the project ended "}`, 200, `"id":"` + adaID + `"`},
		{"of no team", "PUT", "/teams/nothing/manager", grace, 404, "there is no team nothing"},
		{"of a team", "PUT", "/teams/{team}/manager", grace, 200, `{"team_id":"{team}","manager_id":"` + graceID + `"}`},
		{"of a team, taken back", "DELETE", "/teams/{team}/manager", "", 200, `{"team_id":"{team}"}`},
		{"problems", "GET", "/manager-problems?limit=1", "", 200, `{"items":[{"person_id":"` + adaID + `","manager":{"source":"okta","problem":"left","text":"grace@acme.example"},"left":"` + graceID + `"}],"next":"` + adaID + `"}`},
		{"problems of one kind", "GET", "/manager-problems?problem=unresolved", "", 200, `"id_text":"nobody"`},
		{"problems of no kind", "GET", "/manager-problems?problem=bad", "", 422, "problem"},
	} {
		team := strings.NewReplacer("{team}", r.memory.teams[0].ID)
		a := r.do(step.method, "/tenants/acme"+team.Replace(step.path), step.body)
		if a.status != step.status || !strings.Contains(a.body, team.Replace(step.want)) {
			t.Errorf("%s: answer %d %s, want %d %s", step.name, a.status, a.body, step.status, step.want)
		}
	}
	for _, step := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"a name of spaces", "PUT", "/teams/{team}/name", `{"name":"  "}`, 422, "name"},
		{"of no team", "PUT", "/teams/nothing/name", `{"name":"Sales"}`, 404, "there is no team nothing"},
		{"renamed", "PUT", "/teams/{team}/name", `{"name":" Field  Sales ","reason":" as they say "}`, 200, `"name":"Field Sales","okta_name":"Sales"`},
		{"taken back", "DELETE", "/teams/{team}/name", `{"reason":" they say it no more "}`, 200, `"name":"Sales","source"`},
		{"two teams again", "DELETE", "/teams/{team}/merge", `{"reason":"two again"}`, 200, `"team_id":"{team}"`},
		{"a reason without end", "DELETE", "/teams/{team}/merge", `{"reason":"` + strings.Repeat("x", 1001) + `"}`, 422, "reason"},
	} {
		team := strings.NewReplacer("{team}", r.memory.teams[0].ID)
		a := r.do(step.method, "/tenants/acme"+team.Replace(step.path), step.body)
		if a.status != step.status || !strings.Contains(a.body, team.Replace(step.want)) {
			t.Errorf("%s: answer %d %s, want %d %s", step.name, a.status, a.body, step.status, step.want)
		}
	}
	act := directory.Act{ID: 1, Tenant: "acme", At: testNow(), Actor: "alice", Role: directory.RoleApprove, Kind: directory.ActPersonManager, Subject: "person:" + adaID, Reason: "a project"}
	lead := act
	lead.ID, lead.Kind, lead.Subject = 2, directory.ActTeamManager, "team:"+r.memory.teams[0].ID
	named, unnamed := lead, lead
	named.ID, named.Kind, named.Reason = 3, directory.ActTeamName, "as they say"
	unnamed.ID, unnamed.Kind, unnamed.Reason = 4, directory.ActTeamName, "they say it no more"
	parted := lead
	parted.ID, parted.Kind, parted.Reason = 5, directory.ActTeamUnmerge, "two again"
	if diff := cmp.Diff([]directory.Act{act, lead, named, unnamed, parted}, r.memory.actsNow()); diff != "" {
		t.Errorf("acts (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{adaID + " the project ended", r.memory.teams[0].ID + " "}, r.memory.unset); diff != "" {
		t.Errorf("taken back (-want +got):\n%s", diff)
	}
}
