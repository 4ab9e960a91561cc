package api

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

// TestClient calls every method of the client against the real server.
func TestClient(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c, err := client.New(r.url, tokenAlice, http.DefaultClient)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	see := func(what string, got any, err error, want string) {
		t.Helper()
		if err != nil {
			t.Errorf("%s: %v", what, err)
			return
		}
		if diff := cmp.Diff(want, fmt.Sprint(got)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", what, diff)
		}
	}

	tenants, err := c.Tenants(ctx, client.Paging{Limit: 1})
	see("tenants", []any{len(tenants.Items), tenants.Next}, err, "[1 acme]")
	tenant, err := c.Tenant(ctx, "globex")
	see("tenant", tenant.Blocked, err, "the token is dead; make a new one")

	added, err := c.AddTenant(ctx, v1.TenantRequest{Tenant: "coal", Settings: map[string]any{"secret": "x"}, Paused: "first"})
	see("added tenant", []any{added.Source, added.Paused.Reason, added.Secrets}, err, "[api first [secret]]")
	added, err = c.ChangeTenant(ctx, "coal", map[string]any{"teams": map[string]any{"from": "none"}})
	see("changed tenant", added.Settings, err, "map[teams:map[from:none]]")
	added, err = c.ResumeTenant(ctx, "coal")
	see("resumed tenant", added.Paused == nil, err, "true")
	added, err = c.PauseTenant(ctx, "coal", "again")
	see("paused tenant", added.Paused.Reason, err, "again")
	test, err := c.TestTenant(ctx, "coal")
	see("test of a tenant", test, err, "{false [{read ok [{ok credentials fine} {note rights look}]} {hook fail [{fail event hook is gone} {ok address fine}]} {log not checked []}]}")
	added, err = c.DropSettings(ctx, "coal")
	see("dropped settings", len(added.Settings), err, "0")
	added, err = c.RemoveTenant(ctx, "coal", "left us")
	see("removed tenant", added.RemovedAt != nil, err, "true")

	people, err := c.People(ctx, "acme", client.PeopleFilter{Status: "active", Paging: client.Paging{Limit: 1}})
	see("people", []any{people.Items[0].Profile.FirstName, people.Next}, err, "[Ada "+adaID+"]")
	people, err = c.People(ctx, "acme", client.PeopleFilter{Status: "active", Paging: client.Paging{After: people.Next}})
	see("more people", []any{people.Items[0].Profile.FirstName, people.Next}, err, "[Grace ]")
	people, err = c.People(ctx, "acme", client.PeopleFilter{Team: company().teams[0].ID})
	see("people of a team", []any{len(people.Items), people.Items[0].Team.Name}, err, "[1 Sales]")
	person, err := c.Person(ctx, "acme", "li/nus@acme.example")
	see("person", []any{person.ID, person.Groups[0].Name, person.Manager.Problem}, err, "["+linusID+" Sales / EMEA unresolved]")
	changes, err := c.PersonChanges(ctx, "acme", "ada+x@acme.example", client.ChangeFilter{Newest: true, Limit: 2})
	see("changes of a person", []any{changes.Items[0].Seq, changes.Items[1].Seq, changes.Items[0].Cause.Kind}, err, "[30 28 hook]")
	all, err := c.Changes(ctx, "acme", client.ChangeFilter{After: "3", Limit: 1})
	see("changes", []any{all.Items[0].Seq, all.Next == all.Cursor}, err, "[4 true]")
	all, err = c.Changes(ctx, "acme", client.ChangeFilter{After: all.Cursor, Limit: 27})
	see("more changes", []any{all.Items[0].Seq, len(all.Items), all.Next}, err, "[5 26 ]")
	all, err = c.Changes(ctx, "acme", client.ChangeFilter{After: all.Cursor, Wait: time.Millisecond, Types: []string{"person.*", "team.created"}})
	see("no more changes", []any{len(all.Items), all.Cursor != ""}, err, "[0 true]")

	teams, err := c.Teams(ctx, "acme", client.Paging{})
	see("teams", teams.Items[0].People, err, "1")
	groups, err := c.Groups(ctx, "acme", client.Paging{After: salesID, Limit: 1})
	see("groups", []any{groups.Items[0].ID, groups.Next}, err, "["+firstID+" "+firstID+"]")
	members, err := c.Members(ctx, "acme", salesID, client.Paging{})
	see("members", members.Items, err, "[{"+adaID+"} {"+linusID+"}]")
	held, err := c.Quarantine(ctx, "acme", client.Paging{})
	see("quarantine", []any{held.Items[0].Reason, held.Items[0].Fields}, err, "[has no e-mail [email]]")
	ignored, err := c.IgnoredAttributes(ctx, "acme")
	see("ignored attributes", ignored.Items, err, "[costCenter nickName]")

	run, err := c.Resync(ctx, "acme", "person", "ada+x@acme.example")
	see("resync", []any{run.Scope, run.By, run.Final()}, err, "[person:"+adaID+" alice false]")
	run, err = c.Run(ctx, "acme", run.ID)
	see("run", run.State, err, "queued")
	runs, err := c.Runs(ctx, "acme", 10)
	see("runs", []any{len(runs.Items), runs.Items[0].ID == run.ID, runs.Items[1].Final()}, err, "[2 true true]")

	dry, err := c.DryRun(ctx, "acme", "full", "")
	see("dry run", []any{dry.DryRun, dry.State}, err, "[true queued]")
	plan, err := c.Plan(ctx, "acme", dry.ID, client.Paging{Limit: 5})
	see("plan", plan.Items, err, "[]")
	r.memory.runs = append(r.memory.runs, directory.Run{ID: "0199-a", Tenant: "acme", State: directory.RunHeld}, directory.Run{ID: "0200-b", Tenant: "acme", State: directory.RunHeld})
	run, err = c.Approve(ctx, "acme", "0199", "it is right")
	see("approve", []any{run.State, *run.Decision, run.Final()}, err, "[applying {approved alice 2026-08-20 09:00:00 +0000 UTC it is right} false]")
	run, err = c.Reject(ctx, "acme", "0200", "it is wrong")
	see("reject", []any{run.State, run.Decision.Verdict, run.Final()}, err, "[rejected rejected true]")

	parked, err := c.Archive(ctx, "acme", 10)
	see("archive", len(parked.Items), err, "2")
	result, err := c.Retry(ctx, "acme", parked.Items[0].Scope)
	see("retry", result.Result, err, "retried")
	result, err = c.Discard(ctx, "acme", parked.Items[1].Scope)
	see("discard", result.Result, err, "discarded")
	events, err := c.EventHealth(ctx, "acme", 0)
	see("events", []any{*events.Hour.Lost, *events.Day.Unknown, events.Hour.HookDelay.Most, events.Hour.LogDelay == nil, events.Day.LogDelay == nil,
		events.Limit.Left, len(events.Warnings), events.Unknowable, events.Strays[0].Kind, events.Strays[0].HookAt == nil}, err, "[3 1 1.5 false true 1 2  lost true]")
	events, err = c.EventHealth(ctx, "acme", -1)
	see("events, the usual grace", []any{events.Grace, len(events.Strays)}, err, "[10m0s 0]")

	acts, err := c.Acts(ctx, "acme", client.Paging{Limit: 1})
	see("acts", []any{acts.Items[0].Act, acts.Items[0].Actor, acts.Next}, err, "[archive.discard alice 6]")
	acts, err = c.Acts(ctx, "acme", client.Paging{After: acts.Next})
	see("older acts", []any{len(acts.Items), acts.Items[1].RunID}, err, "[5 0200-b]")
}

func TestClientErrors(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	c, err := client.New(r.url, tokenAlice, nil)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := client.New(r.url, "guess", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, notFound := c.Run(t.Context(), "acme", "none")
	_, ambiguous := c.Resync(t.Context(), "acme", "group", "Twin")
	_, invalid := c.Resync(t.Context(), "acme", "all", "")
	_, refused := stranger.Tenants(t.Context(), client.Paging{})
	for name, test := range map[string]struct {
		err    error
		status int
		want   string
	}{
		"not found": {notFound, 404, "there is no run of this id"},
		"ambiguous": {ambiguous, 409, "2 groups have this name; choose one by id: " + firstID + ", " + otherID},
		"invalid":   {invalid, 422, "validation failed: body.scope expected value to be one of"},
		"refused":   {refused, 401, "a bearer token of an admin is needed; this one is missing or wrong"},
	} {
		var e *client.Error
		if !errors.As(test.err, &e) || e.Status != test.status || !strings.HasPrefix(e.Sentence, test.want) || e.RequestID == "" {
			t.Errorf("%s: %+v, want %d %q", name, test.err, test.status, test.want)
		}
	}
}
