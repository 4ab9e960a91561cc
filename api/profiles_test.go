package api

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

func TestProfiles(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	r.memory.owned = []directory.Field{"title", "custom.nickname"}
	r.memory.people[0].Profile.Unfit = map[directory.Field]directory.Unfit{directory.FieldPicture: directory.UnfitPicture}
	r.memory.people[0].Profile.Emptied = []directory.Field{"title"}
	for _, step := range []struct {
		name, method, path, body string
		status                   int
		want                     string
	}{
		{"write", "PATCH", "/people/ada%2Bx@acme.example/profile", `{"fields":{"title":"Countess","custom.nickname":null}}`, 200, `"owned":["title","custom.nickname"]`},
		{"locked", "PATCH", "/people/" + adaID + "/profile", `{"fields":{"login":"x"}}`, 422, `"detail":"these fields cannot be written so, and nothing was written","errors":[{"message":"is locked: Okta owns it`},
		{"nothing", "PATCH", "/people/" + adaID + "/profile", `{"fields":{}}`, 422, "fields"},
		{"nobody", "PATCH", "/people/nobody/profile", `{"fields":{"title":"x"}}`, 404, "nobody in the directory"},
		{"what does not fit", "GET", "/people/" + adaID, "", 200, `"unfit":{"picture":"not_https"},"emptied":["title"]`},
		{"of whom something does not fit", "GET", "/people?unfit=true", "", 200, adaID},
		{"a test", "POST", "/rules/test", `{"person":"` + adaID + `"}`, 200, `"fields":[{"field":"title","okta":[{"attribute":"user.title","value":"Analyst"}],"rule":"from user.title","result":"Countess","owner":"product","kept":true}],"quarantine":["Okta has no email"],"ignored":["user.shoeSize"]`},
		{"a test of nobody", "POST", "/rules/test", `{"person":"x"}`, 404, "Okta has nobody"},
	} {
		a := r.do(step.method, "/tenants/acme"+step.path, step.body)
		if a.status != step.status || !strings.Contains(a.body, step.want) {
			t.Errorf("%s: answer %d %s, want %d %s", step.name, a.status, a.body, step.status, step.want)
		}
		if step.name == "of whom something does not fit" && strings.Contains(a.body, "Hopper") {
			t.Errorf("%s: others are listed: %s", step.name, a.body)
		}
	}
	if diff := cmp.Diff([]string{adaID + "map[custom.nickname:<nil> title:Countess]alice"}, r.memory.written); diff != "" {
		t.Errorf("written (-want +got):\n%s", diff)
	}
	if strings.Contains(r.log.String(), "Countess") || strings.Contains(r.log.String(), "Analyst") {
		t.Errorf("the log holds a value:\n%s", r.log)
	}
}
