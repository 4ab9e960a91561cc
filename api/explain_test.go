package api

import (
	"context"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/directory"
)

// Explain says something of each kind about Ada, and that somebody is erased.
func (m *memory) Explain(ctx context.Context, tenant, who string) (directory.Explanation, error) {
	if who == "erased" {
		return directory.Explanation{PersonID: who, Missing: []directory.Explained{{Topic: directory.TopicStatus, Name: "erased", Reason: "nothing is kept"}}}, nil
	}
	p, err := m.FindPerson(ctx, tenant, who)
	if err != nil {
		return directory.Explanation{}, err
	}
	oldest := cet(9)
	return directory.Explanation{
		PersonID: p.ID, Known: true, Ignored: []string{"user.shoeSize"}, Purged: true, OldestKept: &oldest,
		Values: []directory.Explained{
			{Topic: directory.TopicField, Name: "title", Value: "Chief", Reason: "from user.title", Origin: &directory.Origin{
				Seq: 7, At: cet(11), Type: directory.PersonUpdated, Before: "Boss", Cause: directory.Cause{Kind: directory.CauseHook, EventTypes: []string{"user.account.update_profile"}},
			}},
			{Topic: directory.TopicTeam, Name: "team", Value: p.TeamID, Called: "Sales"},
		},
		Missing: []directory.Explained{{Topic: directory.TopicManager, Name: "manager", Reason: "no manager: Okta names none"}},
	}, nil
}

func TestExplain(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	title := `{"topic":"field","name":"title","value":"Chief","reason":"from user.title","origin":{"since":"2026-08-20T09:00:00Z","change":7,"type":"person.updated","before":"Boss",` +
		`"cause":{"kind":"hook","event_types":["user.account.update_profile"]}}}`
	manager := `{"topic":"manager","name":"manager","reason":"no manager: Okta names none"}`
	tail := `"ignored_attributes":["user.shoeSize"],"history_kept_since":"2026-08-20T07:00:00Z"}`
	for _, step := range []struct {
		name, path string
		status     int
		want       string
	}{
		{"one topic", adaID + "/explain?about=field", 200, `{"person_id":"` + adaID + `","in_directory":true,"values":[` + title + `],"missing":[],` + tail},
		{"what is not there", "ada%2Bx@acme.example/explain?about=manager", 200, `"values":[],"missing":[` + manager + `],` + tail},
		{"everything", adaID + "/explain", 200, title + `,{"topic":"team","name":"team","value":"team_`},
		{"of who is not there any topic says so", "erased/explain?about=license", 200, `"missing":[{"topic":"status","name":"erased","reason":"nothing is kept"}]`},
		{"an unknown topic", adaID + "/explain?about=shoes", 422, "about"},
		{"nobody", "nobody@acme.example/explain", 404, "nothing is known of anybody with this id, login or e-mail; only people assigned to the app are in the directory, and who was never let in (oktasync quarantine)"},
	} {
		a := r.do("GET", "/tenants/acme/people/"+step.path, "", "Authorization", "Bearer "+tokenCarol)
		if a.status != step.status || !strings.Contains(a.body, step.want) {
			t.Errorf("%s: answer %d %s, want %d %s", step.name, a.status, a.body, step.status, step.want)
		}
	}
	if strings.Contains(r.log.String(), "Chief") {
		t.Error("a value is in the log")
	}
}
