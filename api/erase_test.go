package api

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

func TestErase(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	because := `{"reason":" they asked "}`
	for _, step := range []struct {
		name, who, body string
		status          int
		want            string
	}{
		{"no reason", adaID, `{}`, 422, "reason"},
		{"a blank reason", adaID, `{"reason":" "}`, 422, "say why"},
		{"has not left", graceID, because, 409, "has not left"},
		{"nobody", "nobody@acme.example", because, 404, "nobody in the directory has this id, login or e-mail"},
		{"by e-mail", "ada%2Bx@acme.example", because, 200, `{"person_id":"` + adaID + `"}`},
	} {
		a := r.do("POST", "/tenants/acme/people/"+step.who+"/erase", step.body)
		if a.status != step.status || !strings.Contains(a.body, step.want) {
			t.Errorf("%s: answer %d %s, want %d %s", step.name, a.status, a.body, step.status, step.want)
		}
	}
	want := []directory.Act{{
		ID: 1, Tenant: "acme", At: testNow(), Actor: "alice", Role: directory.RoleApprove, Kind: directory.ActErase,
		Subject: "person:" + adaID, Reason: "they asked",
	}}
	if diff := cmp.Diff(want, r.memory.actsNow()); diff != "" {
		t.Errorf("acts (-want +got):\n%s", diff)
	}
	for _, line := range []string{
		`msg="a person was erased because an admin asked" tenant=acme person=` + adaID + ` by=alice`,
		`msg="a person was not erased" tenant=acme person=` + graceID,
	} {
		if !strings.Contains(r.log.String(), line) {
			t.Errorf("%q is not in the log:\n%s", line, r.log)
		}
	}
}
