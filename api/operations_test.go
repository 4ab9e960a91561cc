package api

import (
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

const personAda = `{"id":"00u1ada0000000000001","status":"active","okta_status":"ACTIVE","assignment":"USER",
	"profile":{"first_name":"Ada","last_name":"Lovelace","email":"ada+x@acme.example","login":"ada+x@acme.example","picture":"","title":"","language":"","location":"","department":"","employee_number":"","custom":{"badge":7}},
	"team":{"id":"TEAM","name":"Sales"},"manager":{"id":"00u1grace00000000002","text":"grace@acme.example"%s},
	"observed_at":"2026-08-20T08:00:00Z","created_at":"2026-08-20T08:00:00Z","updated_at":"2026-08-20T08:00:00Z"%s}`

const personGrace = `{"id":"00u1grace00000000002","status":"active","okta_status":"ACTIVE","assignment":"USER",
	"profile":{"first_name":"Grace","last_name":"Hopper","email":"grace@acme.example","login":"grace@acme.example","picture":"","title":"","language":"","location":"","department":"","employee_number":""},
	"manager":{},"observed_at":"2026-08-20T08:00:00Z","created_at":"2026-08-20T08:00:00Z","updated_at":"2026-08-20T08:00:00Z"}`

const runNightly = `{"id":"run-1","tenant":"acme","scope":"full","cause":"nightly","date":"2026-08-20","state":"succeeded",
	"created_at":"2026-08-20T08:00:00Z","started_at":"2026-08-20T08:00:00Z","finished_at":"2026-08-20T08:00:00Z",
	"progress":{"pages":3,"people":3,"groups":0,"members":0,"calls":0,"calls_left":-1,"planned":2,"applied":2},
	"counts":{"changes":{"person.created":2},"superseded":0,"quarantined":0,"confirmed":1}}`

const tenantAcme = `{"tenant":"acme","source":"file","last_full_sync":"2026-08-20T08:00:00Z","waiting":1,"oldest_waiting":"2026-08-20T08:00:00Z","parked":0,"people":3,"quarantined":0}`
const tenantGlobex = `{"tenant":"globex","source":"file","blocked":"the token is dead; make a new one","blocked_since":"2026-08-20T08:00:00Z","waiting":0,"parked":0,"people":0,"quarantined":0,
	"hook":{"id":"who1","url":"https://sync.example/webhooks/okta","state":"inactive","problem":"activate it","since":"2026-08-20T08:00:00Z","checked_at":"2026-08-20T08:00:00Z","last_delivery":"2026-08-20T08:00:00Z","last_refused":"2026-08-20T08:00:00Z"}}`

// change writes the change of that number about that person.
func change(seq int, person string) string {
	return fmt.Sprintf(`{"id":"evt_%[1]d","tenant":"acme","seq":%[1]d,"person_seq":1,"replay":false,"timestamp":"2026-08-20T08:00:00Z","type":"person.updated","subject":"person","subject_id":%[2]q,"person_id":%[2]q,
		"fields":[{"field":"title","before":null,"after":"%[1]d"}],
		"cause":{"kind":"hook","events":["u1"],"event_types":["user.account.update_profile"],"published":"2026-08-20T08:00:00Z"}}`, seq, person)
}

func changesOf(person string, numbers ...int) string {
	var list []string
	for _, n := range numbers {
		list = append(list, change(n, person))
	}
	return "[" + strings.Join(list, ",") + "]"
}

// every other change, going down from the one given
func down(from, n int) []int {
	var numbers []int
	for i := range n {
		numbers = append(numbers, from-2*i)
	}
	return numbers
}

const noCounts = `{"hook_only":0,"log_only":0,"both":0,"lost":null,"unknown":null,"late":0}`

const eventsGlobex = `{"counted_at":"2026-08-20T09:15:05Z","grace":"10m0s","hour":` + noCounts + `,"day":` + noCounts + `,
	"limit":{"events":0,"limit":400000,"left":400000},"warnings":[],"strays":[],
	"unknowable":"the System Log is not read, so neither lost nor forged hooks can be told: set okta.log.interval, and see what oktasync doctor says of the System Log"}`

func TestReading(t *testing.T) {
	t.Parallel()
	group := func(id, name string) string {
		return fmt.Sprintf(`{"id":%q,"name":%q,"description":"","type":"OKTA_GROUP","members":2,"observed_at":"2026-08-20T08:00:00Z"}`, id, name)
	}
	page := func(next string, items ...string) string {
		if next != "" {
			next = fmt.Sprintf(`,"next":%q`, next)
		}
		return `{"items":[` + strings.Join(items, ",") + `]` + next + `}`
	}
	cursor := func(seq int64) string { return cursorAt("acme", directory.Feed{ID: "feed of acme"}, seq) }
	feed := func(items string) string {
		return fmt.Sprintf(`{"items":[%s],"cursor":%q}`, items, cursor(30))
	}
	ada := fmt.Sprintf(personAda, "", "")
	detail := fmt.Sprintf(personAda, `,"name":"Grace Hopper"`,
		`,"groups":[{"id":"00g1sales00000000001","name":"Sales / EMEA"}],
			"roles":[{"set":"access","role":"admin","rule":"admins","via":"group 00g1sales00000000001","since":"2026-08-20T08:00:00Z"}],
			"licenses":[{"pool":"seat","held":false,"place":7,"rule":"sales","via":"group 00g1sales00000000001","entitled_since":"2026-08-20T08:00:00Z"}],
			"changes":`+changesOf(adaID, down(30, 15)...))
	r := start(t, nil)
	team := company().teams[0].ID

	for name, test := range map[string]struct{ path, want string }{
		"tenants":                        {"/tenants", page("", tenantAcme, tenantGlobex)},
		"tenants, first page":            {"/tenants?limit=1", page("acme", tenantAcme)},
		"tenants, second page":           {"/tenants?limit=1&after=acme", page("", tenantGlobex)},
		"tenant":                         {"/tenants/globex", tenantGlobex},
		"people, first page":             {"/tenants/acme/people?limit=2", page(graceID, ada, personGrace)},
		"people by status":               {"/tenants/acme/people?status=active&after=" + adaID, page("", personGrace)},
		"people by team":                 {"/tenants/acme/people?team=" + team, page("", ada)},
		"people, none":                   {"/tenants/acme/people?status=removed", page("")},
		"person by id":                   {"/tenants/acme/people/" + adaID, detail},
		"person by login":                {"/tenants/acme/people/ada+x@acme.example", detail},
		"person by login, escaped":       {"/tenants/acme/people/ada%2Bx%40acme.example", detail},
		"person by login, another case":  {"/tenants/acme/people/ADA+X@acme.example", detail},
		"changes of a person":            {"/tenants/acme/people/" + adaID + "/changes?limit=2", `{"items":` + changesOf(adaID, 2, 4) + `,"next":"` + cursor(4) + `"}`},
		"changes of a person, next page": {"/tenants/acme/people/" + adaID + "/changes?limit=2&after=" + cursor(4), `{"items":` + changesOf(adaID, 6, 8) + `,"next":"` + cursor(8) + `"}`},
		"changes, last page":             {"/tenants/acme/changes?after=29", feed(change(30, adaID))},
		"changes, past the end":          {"/tenants/acme/changes?after=30", feed("")},
		"changes, newest":                {"/tenants/acme/changes?newest=true&limit=1", feed(change(30, adaID))},
		"teams":                          {"/tenants/acme/teams", page("", `{"id":"TEAM","name":"Sales","source":"department","people":1,"created_at":"2026-08-20T08:00:00Z"}`)},
		"groups, first page":             {"/tenants/acme/groups?limit=1", page(salesID, group(salesID, "Sales / EMEA"))},
		"groups, second page":            {"/tenants/acme/groups?limit=1&after=" + salesID, page(firstID, group(firstID, "Twin"))},
		"members, first page":            {"/tenants/acme/groups/" + salesID + "/members?limit=1", page(adaID, `{"person_id":"`+adaID+`"}`)},
		"members, second page":           {"/tenants/acme/groups/" + salesID + "/members?limit=1&after=" + adaID, page("", `{"person_id":"`+linusID+`"}`)},
		"members, none":                  {"/tenants/acme/groups/" + firstID + "/members", page("")},
		"roles":                          {"/tenants/acme/roles", page("", `{"set":"access","role":"reader","people":0,"keep_last":false,"kept":0}`, `{"set":"access","role":"admin","people":2,"keep_last":true,"kept":1}`, `{"set":"old","role":"owner","people":1,"keep_last":false,"kept":0}`)},
		"licenses":                       {"/tenants/acme/licenses", page("", `{"pool":"seat","cap":50,"held":50,"waiting":7,"on_cap_decrease":"keep_oldest"}`, `{"pool":"free","held":0,"waiting":0,"on_cap_decrease":"stop"}`, `{"pool":"old","held":1,"waiting":0}`)},
		"runs":                           {"/tenants/acme/runs", page("", runNightly)},
		"run":                            {"/tenants/acme/runs/run-1", runNightly},
		"quarantine":                     {"/tenants/acme/quarantine", page("", `{"person_id":"00u1q000000000000001","reason":"has no e-mail","fields":["email"],"since":"2026-08-20T08:00:00Z","last_seen":"2026-08-20T08:00:00Z"}`)},
		"ignored attributes":             {"/tenants/acme/ignored-attributes", page("", `"costCenter"`, `"nickName"`)},
		"events, where little is known":  {"/tenants/globex/events/health", eventsGlobex},
		"archive":                        {"/tenants/acme/archive?limit=1", page("", `{"scope":"person:ada+x@acme.example","events":2,"reason":"it failed","parked_at":"2026-08-20T08:00:00Z"}`)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := r.do(http.MethodGet, test.path, "")
			if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/json" {
				t.Fatalf("answer %d %q %s", a.status, a.header.Get("Content-Type"), a.body)
			}
			want := strings.ReplaceAll(test.want, "TEAM", team)
			if diff := cmp.Diff(decoded(t, want), decoded(t, a.body)); diff != "" {
				t.Errorf("answer (-want +got):\n%s", diff)
			}
		})
	}
}

// A login may hold a slash; it finds its person when it is escaped.
func TestPersonWithSlash(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	a := r.do(http.MethodGet, "/tenants/acme/people/li%2Fnus@acme.example", "")
	if a.status != http.StatusOK || !strings.Contains(a.body, `"id":"`+linusID+`"`) || !strings.Contains(a.body, `"problem":"unresolved"`) {
		t.Errorf("answer %d %s", a.status, a.body)
	}
}

func TestResync(t *testing.T) {
	t.Parallel()
	uuid7 := regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`)
	for name, test := range map[string]struct {
		body   string
		status int
		want   string // the scope, or a part of the sentence
	}{
		"full":                     {`{"scope":"full"}`, 202, "full"},
		"full with an id":          {`{"scope":"full","id":"x"}`, 422, "takes no id"},
		"person by id":             {`{"scope":"person","id":"` + adaID + `"}`, 202, "person:" + adaID},
		"person by login":          {`{"scope":"person","id":" Ada+X@acme.example "}`, 202, "person:" + adaID},
		"person new in Okta":       {`{"scope":"person","id":"new@acme.example"}`, 202, "person:new@acme.example"},
		"person without id":        {`{"scope":"person"}`, 422, "needs its id"},
		"group by id":              {`{"scope":"group","id":"` + salesID + `"}`, 202, "group:" + salesID},
		"group by name":            {`{"scope":"group","id":"Sales / EMEA"}`, 202, "group:" + salesID},
		"group by ambiguous name":  {`{"scope":"group","id":"Twin"}`, 409, "2 groups have this name; choose one by id: " + firstID + ", " + otherID},
		"group new in Okta":        {`{"scope":"group","id":"00g1new0000000000009"}`, 202, "group:00g1new0000000000009"},
		"group that nobody knows":  {`{"scope":"group","id":"sales / emea"}`, 404, "no group has this id or name"},
		"group without id":         {`{"scope":"group","id":"  "}`, 422, "needs its id"},
		"a scope that is none":     {`{"scope":"team","id":"x"}`, 422, "validation failed"},
		"no scope":                 {`{}`, 422, "validation failed"},
		"a member that is unknown": {`{"scope":"full","dry":true}`, 422, "validation failed"},
		"not JSON":                 {`{"scope":`, 400, ""},
		"no body":                  {``, 400, "request body is required"},
		"a body without end":       {`{"scope":"full","id":"` + strings.Repeat("x", maxBody) + `"}`, 413, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := start(t, nil)
			a := r.do(http.MethodPost, "/tenants/acme/resyncs", test.body, "Authorization", "bearer "+tokenBob)
			if a.status != test.status {
				t.Fatalf("answer %d %s, want %d", a.status, a.body, test.status)
			}
			answer := decoded(t, a.body).(map[string]any)
			if test.status != http.StatusAccepted {
				if detail, _ := answer["detail"].(string); !strings.Contains(detail, test.want) {
					t.Errorf("sentence %q, want %q in it", detail, test.want)
				}
				if r.memory.runsNow() != 1 {
					t.Error("a run was made all the same")
				}
				return
			}
			id, _ := answer["id"].(string)
			if answer["scope"] != test.want || answer["by"] != "bob" || answer["cause"] != "manual" || answer["state"] != "queued" || answer["tenant"] != "acme" || !uuid7.MatchString(id) {
				t.Errorf("run %s", a.body)
			}
			if answer["created_at"] != "2026-08-20T09:15:05Z" || answer["joined"] != nil {
				t.Errorf("run %s", a.body)
			}
			location := a.header.Get("Location")
			if location != Path+"/tenants/acme/runs/"+id {
				t.Errorf("location %q", location)
			}
			if got := r.do(http.MethodGet, strings.TrimPrefix(location, Path), ""); got.status != http.StatusOK {
				t.Errorf("the run is not there: %d %s", got.status, got.body)
			}
			if log := r.log.String(); !strings.Contains(log, "resync requested") || !strings.Contains(log, "by=bob") || strings.Contains(log, "@acme.example") {
				t.Errorf("log:\n%s", log)
			}
			again := decoded(t, r.do(http.MethodPost, "/tenants/acme/resyncs", test.body).body).(map[string]any)
			if again["id"] != id || again["joined"] != true {
				t.Errorf("asked again: %v, want the same run", again)
			}
		})
	}
}

func TestPlan(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	at := cet(10)
	row := func(v any) json.RawMessage { return json.RawMessage(marshal(t, v)) }
	left := r.memory.people[0]
	newcomer := directory.Person{ID: "00u1new", Profile: directory.Profile{FirstName: "Nina", LastName: "New", Login: "nina@acme.example"}}
	r.memory.runs = append(r.memory.runs, directory.Run{ID: "dry-1", Tenant: "acme", Scope: directory.FullScope(), State: directory.RunPlanned, DryRun: true, CreatedAt: at,
		PlannedAt: &at, WaitsUntil: &at, Progress: directory.Progress{Planned: 5}, Plan: &directory.PlanSummary{Joiners: 1, Leavers: 1,
			Changes: map[directory.ChangeType]int{directory.PersonCreated: 1}, Effects: []directory.PlanEffect{{Kind: directory.SubjectTeam, ID: "t", Name: "Sales", Lost: 1}}}})
	r.memory.plans = map[string][]directory.PlannedChange{"dry-1": {
		{Seq: 1, Type: directory.PersonRemoved, Subject: directory.SubjectPerson, SubjectID: adaID, PersonID: adaID, ObservedAt: at, After: row(left),
			Fields: []directory.FieldChange{{Field: "status", Before: "active", After: "removed"}}},
		{Seq: 2, Type: directory.PersonCreated, Subject: directory.SubjectPerson, SubjectID: "00u1new", PersonID: "00u1new", ObservedAt: at, After: row(newcomer)},
		{Seq: 3, Type: directory.GroupUpdated, Subject: directory.SubjectGroup, SubjectID: salesID, ObservedAt: at, After: row(directory.Group{ID: salesID, Name: "Sales"})},
		{Seq: 4, Type: directory.MembershipRemoved, Subject: directory.SubjectMembership, SubjectID: salesID, PersonID: linusID, ObservedAt: at},
		{Seq: 5, Type: "person.quarantined", Subject: directory.SubjectPerson, SubjectID: graceID, PersonID: graceID, ObservedAt: at, After: row(directory.Quarantined{PersonID: graceID})},
	}}
	change := func(seq int, kind, subject, id, person, name, fields string) string {
		if person != "" {
			person = `,"person_id":"` + person + `"`
		}
		if name != "" {
			name = `,"name":"` + name + `"`
		}
		return fmt.Sprintf(`{"seq":%d,"type":%q,"subject":%q,"subject_id":%q%s%s,"observed_at":"2026-08-20T08:00:00Z","fields":[%s]}`, seq, kind, subject, id, person, name, fields)
	}
	first := change(1, "person.removed", "person", adaID, adaID, "Ada Lovelace <ada+x@acme.example>", `{"field":"status","before":"active","after":"removed"}`) + "," +
		change(2, "person.created", "person", "00u1new", "00u1new", "Nina New <nina@acme.example>", "")
	rest := change(3, "group.updated", "group", salesID, "", "Sales", "") + "," +
		change(4, "membership.removed", "membership", salesID, linusID, "Linus <li/nus@acme.example> in Sales / EMEA", "") + "," +
		change(5, "person.quarantined", "person", graceID, graceID, "", "")
	for path, want := range map[string]string{
		"/plan?limit=2":         `{"items":[` + first + `],"next":"2"}`,
		"/plan?after=2&limit=3": `{"items":[` + rest + `]}`,
		"/plan?after=5":         `{"items":[]}`,
		"": `{"id":"dry-1","tenant":"acme","scope":"full","cause":"","state":"planned","dry_run":true,"created_at":"2026-08-20T08:00:00Z","planned_at":"2026-08-20T08:00:00Z","approve_until":"2026-08-20T08:00:00Z",
			"progress":{"pages":0,"people":0,"groups":0,"members":0,"calls":0,"calls_left":0,"planned":5,"applied":0},"counts":{"superseded":0,"quarantined":0,"confirmed":0},
			"plan":{"joiners":1,"leavers":1,"suspended":0,"returning":0,"moves":0,"managers":{"gained":0,"lost":0,"changed":0},"changes":{"person.created":1},"teams":[],"effects":[{"kind":"team","id":"t","name":"Sales","gained":0,"lost":1}]}}`,
	} {
		a := r.do(http.MethodGet, "/tenants/acme/runs/dry-1"+path, "", "Authorization", "Bearer "+tokenCarol)
		if a.status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, a.status, a.body)
		}
		if diff := cmp.Diff(decoded(t, want), decoded(t, a.body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", path, diff)
		}
	}
	// Asked for, a dry run is one, and does not join a real one that waits.
	r.do(http.MethodPost, "/tenants/acme/resyncs", `{"scope":"full"}`)
	a := r.do(http.MethodPost, "/tenants/acme/resyncs", `{"scope":"full","dry_run":true}`)
	if a.status != http.StatusAccepted || !strings.Contains(a.body, `"dry_run":true`) || strings.Contains(a.body, "joined") {
		t.Errorf("a dry run: %d %s", a.status, a.body)
	}
	if acts := r.memory.actsNow(); len(acts) != 2 || acts[1].Kind != directory.ActDryRun {
		t.Errorf("acts %+v", acts)
	}
}

func TestDecisions(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	at, until := cet(10), cet(20)
	waiting := directory.Run{ID: "0199-a", Tenant: "acme", Scope: directory.FullScope(), Cause: directory.CauseNightly, State: directory.RunHeld,
		CreatedAt: at, StartedAt: &at, PlannedAt: &at, WaitsUntil: &until, Error: "too many would leave"}
	other, blind, foreign := waiting, waiting, waiting
	other.ID, blind.ID, blind.PlannedAt, foreign.ID, foreign.Tenant = "0199-b", "0200-c", nil, "0300-d", "globex"
	r.memory.runs = append(r.memory.runs, waiting, other, blind, foreign)
	run := func(id, state, more string) string {
		return `{"id":"` + id + `","tenant":"acme","scope":"full","cause":"nightly","state":"` + state + `","created_at":"2026-08-20T08:00:00Z","started_at":"2026-08-20T08:00:00Z",
			"progress":{"pages":0,"people":0,"groups":0,"members":0,"calls":0,"calls_left":0,"planned":0,"applied":0},
			"counts":{"superseded":0,"quarantined":0,"confirmed":0},"error":"too many would leave"` + more + `}`
	}
	decided := func(verdict string) string {
		return `,"planned_at":"2026-08-20T08:00:00Z","decision":{"verdict":"` + verdict + `","by":"alice","at":"2026-08-20T09:00:00Z","reason":"the site was closed"}`
	}
	because := `{"reason":" the site was closed "}`
	for _, step := range []struct {
		name, method, path, body string
		status                   int
		want                     string // whole for 200 and 202, a part else
	}{
		{"a run that waits", "GET", "0199-a", "", 200, run("0199-a", "held", `,"planned_at":"2026-08-20T08:00:00Z","approve_until":"2026-08-20T18:00:00Z"`)},
		{"a run without a plan", "GET", "0200", "", 200, run("0200-c", "held", "")},
		{"no reason", "POST", "0199-a/approve", `{}`, 422, "reason"},
		{"a blank reason", "POST", "0199-a/approve", `{"reason":"  "}`, 422, "say why"},
		{"a long reason", "POST", "0199-a/approve", `{"reason":"` + strings.Repeat("x", 301) + `"}`, 422, "reason"},
		{"two of these", "POST", "0199/approve", because, 409, "give more of it"},
		{"none of these", "POST", "0199-x/reject", because, 404, "there is no run of this id"},
		{"another tenant's", "POST", "0300-d/approve", because, 404, "there is no run of this id"},
		{"approved", "POST", "0199-a/approve", because, 202, run("0199-a", "applying", decided("approved"))},
		{"approved again", "POST", "0199-a/approve", because, 409, "run 0199-a is over"},
		{"rejected after that", "POST", "0199-a/reject", because, 409, "run 0199-a is over"},
		{"rejected, by its beginning", "POST", "0199-b/reject", because, 200, run("0199-b", "rejected", decided("rejected"))},
	} {
		a := r.do(step.method, "/tenants/acme/runs/"+step.path, step.body)
		if a.status != step.status {
			t.Fatalf("%s: answer %d %s, want %d", step.name, a.status, a.body, step.status)
		}
		if step.status > 299 {
			if !strings.Contains(a.body, step.want) {
				t.Errorf("%s: answer %s, want %q", step.name, a.body, step.want)
			}
			continue
		}
		if diff := cmp.Diff(decoded(t, step.want), decoded(t, a.body)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", step.name, diff)
		}
	}
	acts := r.memory.actsNow()
	want := []directory.Act{
		{ID: 1, Tenant: "acme", At: testNow(), Actor: "alice", Role: directory.RoleApprove, Kind: directory.ActApprove, Subject: "full", RunID: "0199-a", Reason: "the site was closed"},
		{ID: 2, Tenant: "acme", At: testNow(), Actor: "alice", Role: directory.RoleApprove, Kind: directory.ActReject, Subject: "full", RunID: "0199-b", Reason: "the site was closed"},
	}
	if diff := cmp.Diff(want, acts); diff != "" {
		t.Errorf("acts (-want +got):\n%s", diff)
	}
	for _, line := range []string{`msg="a run was decided about" tenant=acme run=0199-a act=run.approve by=alice state=applying`, `msg="a decision about a run was refused" tenant=acme run=0199-a act=run.reject`} {
		if !strings.Contains(r.log.String(), line) {
			t.Errorf("%q is not in the log:\n%s", line, r.log)
		}
	}
}

// TestActsAreRecorded: who did what, with which role, is listed, newest first.
func TestActsAreRecorded(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	bob := []string{"Authorization", "Bearer " + tokenBob}
	r.do(http.MethodPost, "/tenants/acme/resyncs", `{"scope":"full"}`, bob...)
	r.do(http.MethodPost, "/tenants/globex/resyncs", `{"scope":"full"}`, bob...)
	r.do(http.MethodPost, "/tenants/acme/archive/retry", `{"scope":"group:`+salesID+`"}`, bob...)
	r.do(http.MethodPost, "/tenants/acme/archive/discard", `{"scope":"person:ada+x@acme.example"}`)
	r.do(http.MethodPost, "/tenants/acme/archive/discard", `{"scope":"person:ada+x@acme.example"}`) // nothing is parked any more
	run := r.memory.runs[1].ID
	act := func(id int, actor, role, act, subject, more string) string {
		return fmt.Sprintf(`{"id":%d,"at":"2026-08-20T09:15:05Z","actor":%q,"role":%q,"act":%q,"subject":%q%s}`, id, actor, role, act, subject, more)
	}
	discard := act(4, "alice", "approve", "archive.discard", "person:ada+x@acme.example", "")
	retry := act(3, "bob", "operate", "archive.retry", "group:"+salesID, "")
	resync := act(1, "bob", "operate", "resync", "full", `,"run_id":"`+run+`"`)
	for path, want := range map[string]string{
		"/tenants/acme/acts":                 `{"items":[` + discard + "," + retry + "," + resync + `]}`,
		"/tenants/acme/acts?limit=2":         `{"items":[` + discard + "," + retry + `],"next":"3"}`,
		"/tenants/acme/acts?limit=2&after=3": `{"items":[` + resync + `]}`,
	} {
		a := r.do(http.MethodGet, path, "", "Authorization", "Bearer "+tokenCarol)
		if diff := cmp.Diff(decoded(t, want), decoded(t, a.body)); a.status != http.StatusOK || diff != "" {
			t.Errorf("%s: %d (-want +got):\n%s", path, a.status, diff)
		}
	}
}

func TestArchiveActs(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	a := r.do(http.MethodPost, "/tenants/acme/archive/retry", `{"scope":"person:ada+x@acme.example"}`)
	if a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"scope":"person:ada+x@acme.example","result":"retried"}` {
		t.Errorf("retry: %d %s", a.status, a.body)
	}
	want := []directory.ScopeHint{{Tenant: "acme", Scope: directory.PersonScope("ada+x@acme.example"), Urgent: true}}
	if diff := cmp.Diff(want, r.memory.hintsNow()); diff != "" {
		t.Errorf("hints (-want +got):\n%s", diff)
	}
	a = r.do(http.MethodPost, "/tenants/acme/archive/discard", `{"scope":"group:`+salesID+`"}`)
	if a.status != http.StatusOK || strings.TrimSpace(a.body) != `{"scope":"group:`+salesID+`","result":"discarded"}` {
		t.Errorf("discard: %d %s", a.status, a.body)
	}
	for path, want := range map[string]string{"retry": "nothing is parked for this scope", "discard": "nothing is parked for this scope"} {
		a := r.do(http.MethodPost, "/tenants/acme/archive/"+path, `{"scope":"group:`+salesID+`"}`)
		if a.status != http.StatusNotFound || !strings.Contains(a.body, want) {
			t.Errorf("%s again: %d %s", path, a.status, a.body)
		}
		a = r.do(http.MethodPost, "/tenants/acme/archive/"+path, `{"scope":"everything"}`)
		if a.status != http.StatusUnprocessableEntity || !strings.Contains(a.body, "person:\u003cid\u003e") && !strings.Contains(a.body, "person:<id>") {
			t.Errorf("%s of no scope: %d %s", path, a.status, a.body)
		}
	}
	log := r.log.String()
	for _, want := range []string{
		`msg="parked scope retried" tenant=acme scope="person:(not an id)" by=alice`,
		`msg="parked scope discarded" tenant=acme scope=group:` + salesID + ` by=alice`,
	} {
		if !strings.Contains(log, want) {
			t.Errorf("%q is not in the log:\n%s", want, log)
		}
	}
	if strings.Contains(log, "ada+x") {
		t.Errorf("a login is in the log:\n%s", log)
	}
}
