package e2e

import (
	"encoding/json"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"
)

// eventsAreDescribed reads the tenant's whole history over the API and checks each event against the schema of its type in
// docs/events. All of a story's common types must be among them.
func (w *world) eventsAreDescribed() {
	w.t.Helper()
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	schemas := map[string]*jsonschema.Schema{}
	for after := "0"; after != ""; {
		status, text := w.send(http.MethodGet, "/api/v1/tenants/default/changes?limit=1000&after="+url.QueryEscape(after), "", nil,
			http.Header{"Authorization": {"Bearer " + adminToken}})
		var page struct {
			Items []json.RawMessage
			Next  string
		}
		if err := json.Unmarshal([]byte(text), &page); err != nil || status != http.StatusOK {
			w.t.Fatalf("reading changes after %s was answered %d, %v: %s", after, status, err, text)
		}
		for _, item := range page.Items {
			event, err := jsonschema.UnmarshalJSON(strings.NewReader(string(item)))
			if err != nil {
				w.t.Fatal(err)
			}
			kind, _ := event.(map[string]any)["type"].(string)
			if schemas[kind] == nil {
				if schemas[kind], err = compiler.Compile(filepath.Join("..", "docs", "events", kind+".json")); err != nil {
					w.t.Fatal(err)
				}
			}
			if err := schemas[kind].Validate(event); err != nil {
				w.t.Errorf("%s\n%v", item, err)
			}
			if event.(map[string]any)["state"] == nil { // nobody is erased in a story
				w.t.Errorf("without state: %s", item)
			}
		}
		after = page.Next
	}
	for _, kind := range []string{"person.created", "person.updated", "person.suspended", "person.deactivated", "person.manager_changed",
		"team.created", "group.created", "membership.added", "membership.removed", "sync.completed"} {
		if schemas[kind] == nil {
			w.t.Errorf("the history has no %s", kind)
		}
	}
}
