package api

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	product "github.com/oktasync/oktasync/client"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// eventSchemas is where the types of events are described.
const eventSchemas = "../docs/events"

// schemaOf returns the schema of a type of event, and its examples.
func schemaOf(t *testing.T, kind directory.ChangeType) (*jsonschema.Schema, []any) {
	t.Helper()
	path := filepath.Join(eventSchemas, string(kind)+".json")
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schema, err := compiler.Compile(path)
	if err != nil {
		t.Fatalf("each type of event is described in docs/events, with an example; see docs/events/README.md: %v", err)
	}
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	text, err := jsonschema.UnmarshalJSON(file)
	if err != nil {
		t.Fatal(err)
	}
	examples, _ := text.(map[string]any)["examples"].([]any)
	return schema, examples
}

// Whoever adds a type describes it, with an example that is one.
func TestEveryEventIsDescribed(t *testing.T) {
	t.Parallel()
	files := []string{"event.json", "endpoint.test.json"}
	for _, kind := range directory.ChangeTypes() {
		files = append(files, string(kind)+".json")
		schema, examples := schemaOf(t, kind)
		if len(examples) == 0 {
			t.Errorf("%s has no example", kind)
		}
		for _, example := range examples {
			if err := schema.Validate(example); err != nil {
				t.Errorf("the example of %s: %v", kind, err)
			}
			delete(example.(map[string]any), "id")
			if schema.Validate(example) == nil {
				t.Errorf("the schema of %s takes an event without id: it refers to no event.json", kind)
			}
		}
		for _, other := range directory.ChangeTypes() {
			_, examples := schemaOf(t, other)
			if other != kind && schema.Validate(examples[0]) == nil {
				t.Errorf("the schema of %s takes an example of %s", kind, other)
			}
		}
	}
	there, err := filepath.Glob(filepath.Join(eventSchemas, "*.json"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		if !slices.Contains(files, filepath.Base(path)) {
			t.Errorf("%s describes a type that does not exist", path)
		}
	}
	page, err := os.ReadFile(filepath.Join(eventSchemas, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range files {
		if !strings.Contains(string(page), "("+name+")") {
			t.Errorf("docs/events/README.md does not list %s", name)
		}
	}
}

// An endpoint is tried with what has a schema of its own, and is no event of the feed.
func TestTestEventFitsItsSchema(t *testing.T) {
	t.Parallel()
	schema, examples := schemaOf(t, "endpoint.test")
	text, err := json.Marshal(TestEvent("acme", "ep_1f0c5a7713b2d9e4", "msg_test_5b1d09b2c3a5f712", "alice", time.Date(2026, 8, 20, 8, 0, 1, 250_000_000, time.UTC)))
	if err != nil {
		t.Fatal(err)
	}
	sent, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range append(examples, sent) {
		if err := schema.Validate(event); err != nil {
			t.Errorf("%v: %v", event, err)
		}
	}
	if person, _ := schemaOf(t, directory.PersonUpdated); person.Validate(sent) == nil || len(examples) != 1 {
		t.Errorf("%s passes for a change; there are %d examples", text, len(examples))
	}
}

// lived writes a person, a team and a group, and a change of each type about them.
func (r *feedRig) lived() {
	r.t.Helper()
	at := time.Date(2026, 8, 20, 8, 0, 0, 0, time.UTC)
	ada := directory.Person{ID: adaID, Status: directory.StatusActive, OktaStatus: "ACTIVE", Hash: "h", ObservedAt: at, GroupsObservedAt: at, TeamID: "t1",
		Profile: directory.Profile{FirstName: "Ada", Custom: map[string]any{"floor": 3.0}}}
	err := r.db.Update(r.t.Context(), "acme", func(ctx context.Context, tx *store.Tx) error {
		if err := errors.Join(tx.PutPeople(ctx, []directory.Person{ada}), tx.PutTeams(ctx, []directory.Team{{ID: "t1", Source: "department", Name: "R&D"}}),
			tx.PutGroups(ctx, []directory.Group{{ID: "g1", Name: "Crew", ObservedAt: at}})); err != nil {
			return err
		}
		changes := []directory.Change{
			{Type: directory.PersonErased, Subject: directory.SubjectPerson, SubjectID: adaID, PersonID: adaID}, // and here anew
			{Type: directory.PersonCreated, Subject: directory.SubjectPerson, SubjectID: adaID, PersonID: adaID,
				Fields: []directory.FieldChange{{Field: "first_name", After: "Ada"}, {Field: "custom.floor", After: 3.0}}},
			{Type: directory.TeamCreated, Subject: directory.SubjectTeam, SubjectID: "t1"},
			{Type: directory.TeamRemoved, Subject: directory.SubjectTeam, SubjectID: "t2"},
		}
		for i := range changes {
			changes[i].Cause.Kind = directory.CausePolicy
		}
		for _, kind := range directory.ChangeTypes() {
			c := directory.Change{Type: kind, Cause: directory.Cause{Kind: directory.CauseHook, Events: []string{"e1"}, Published: &at}}
			switch prefix, _, _ := strings.Cut(string(kind), "."); {
			case kind == directory.PersonErased, kind == directory.PersonCreated, kind == directory.TeamCreated, kind == directory.TeamRemoved:
				continue
			case prefix == "person":
				c.Subject, c.SubjectID, c.PersonID = directory.SubjectPerson, adaID, adaID
			case prefix == "team":
				c.Subject, c.SubjectID = directory.SubjectTeam, "t1"
			case prefix == "group":
				c.Subject, c.SubjectID = directory.SubjectGroup, "g1"
			case prefix == "membership":
				c.Subject, c.SubjectID, c.PersonID = directory.SubjectMembership, "g1", adaID
			default:
				continue // runs below; other parts send theirs in tests of their own
			}
			changes = append(changes, c)
		}
		for _, state := range []directory.RunState{directory.RunSucceeded, directory.RunHeld, directory.RunFailed} {
			c, _ := directory.RunEnded(directory.Run{ID: "r1", Scope: directory.FullScope(), Cause: directory.CauseNightly, State: state, StartedAt: &at, Error: "a sentence",
				Counts: directory.RunCounts{Changes: map[directory.ChangeType]int{directory.PersonCreated: 2}}})
			changes = append(changes, c)
		}
		_, err := tx.Append(ctx, changes)
		return err
	})
	if err != nil {
		r.t.Fatal(err)
	}
}

// What the API sends fits the schema of its type, and webhooks send the same.
func TestSentEventsFitTheirSchemas(t *testing.T) {
	t.Parallel()
	r := startFeed(t)
	r.lived()
	a := r.do("GET", "/tenants/acme/changes?after=0", "")
	var page struct{ Items []json.RawMessage }
	if err := json.Unmarshal([]byte(a.body), &page); err != nil || len(page.Items) == 0 {
		t.Fatalf("%d events, %v, in %s", len(page.Items), err, a.body)
	}
	for _, item := range page.Items {
		event, err := jsonschema.UnmarshalJSON(strings.NewReader(string(item)))
		if err != nil {
			t.Fatal(err)
		}
		kind, _ := event.(map[string]any)["type"].(string)
		schema, _ := schemaOf(t, directory.ChangeType(kind))
		if event.(map[string]any)["state"] == nil {
			t.Errorf("%s has no state", item)
		}
		if err := schema.Validate(event); err != nil {
			t.Errorf("%s\n%v", item, err)
		}
	}
	kept, err := r.db.Feed(t.Context(), "acme", directory.ChangeQuery{Limit: 1000, States: true})
	if err != nil || len(kept.Changes) != len(page.Items) {
		t.Fatalf("%d changes are kept, %v", len(kept.Changes), err)
	}
	for n, change := range kept.Changes {
		body, err := EventBody(change, "")
		if err != nil || string(body) != string(page.Items[n]) {
			t.Errorf("the webhook's body is\n%s, %v\nand the feed has\n%s", body, err, page.Items[n])
		}
	}
	if again, err := EventBody(kept.Changes[0], "4f1d09b2"); err != nil || !strings.HasSuffix(string(again), `"replay":true}`) {
		t.Errorf("a replay does not say so: %s, %v", again, err)
	}
}

// A change of a MiB of custom fields goes through the feed, and as a webhook to a product that uses our client.
func TestBigEvent(t *testing.T) {
	t.Parallel()
	r := startFeed(t)
	before, after := strings.Repeat("<é\"", 1<<18), strings.Repeat(">é&", 1<<18)
	at := time.Date(2026, 8, 20, 8, 0, 0, 0, time.UTC)
	err := r.db.Update(t.Context(), "acme", func(ctx context.Context, tx *store.Tx) error {
		ada := directory.Person{ID: adaID, Status: directory.StatusActive, Hash: "h", ObservedAt: at, GroupsObservedAt: at,
			Profile: directory.Profile{Custom: map[string]any{"notes": after}}}
		if err := tx.PutPeople(ctx, []directory.Person{ada}); err != nil {
			return err
		}
		_, err := tx.Append(ctx, []directory.Change{{Type: directory.PersonUpdated, Subject: directory.SubjectPerson, SubjectID: adaID, PersonID: adaID,
			Fields: []directory.FieldChange{{Field: "custom.notes", Before: before, After: after}}}})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	page, err := r.db.Feed(t.Context(), "acme", directory.ChangeQuery{Limit: 1, States: true})
	if err != nil || len(page.Changes) != 1 {
		t.Fatalf("%d changes, %v", len(page.Changes), err)
	}
	body, err := EventBody(page.Changes[0], "")
	if err != nil {
		t.Fatal(err)
	}
	if a := r.do("GET", "/tenants/acme/changes?after=0", ""); a.status != http.StatusOK || !strings.Contains(a.body, string(body)) {
		t.Errorf("the feed answers %d with %d bytes, and the change has %d", a.status, len(a.body), len(body))
	}
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32)))
	signer, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	verifier, err := product.NewVerifier(func() time.Time { return at }, secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := signer.Sign("msg_1", at, body)
	if err != nil {
		t.Fatal(err)
	}
	request := httptest.NewRequest(http.MethodPost, "/", bytes.NewReader(body))
	request.Header = http.Header{"Webhook-Id": {"msg_1"}, "Webhook-Timestamp": {strconv.FormatInt(at.Unix(), 10)}, "Webhook-Signature": {signature}}
	answer, notes := httptest.NewRecorder(), ""
	verifier.Handler(func(_ context.Context, e product.Event) error {
		notes, _ = e.State.Person.Profile.Custom["notes"].(string)
		return nil
	}, func(err error) { t.Error(err) }).ServeHTTP(answer, request)
	if answer.Code != http.StatusNoContent || notes != after {
		t.Errorf("the product answers %d to %d bytes, and reads %d", answer.Code, len(body), len(notes))
	}
}
