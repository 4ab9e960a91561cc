package sync_test

import (
	"path/filepath"
	"strings"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/oktasync/oktasync/api"
	"github.com/oktasync/oktasync/directory"
)

// described checks every change that was really made against the schema of its type in docs/events, in the form in which it
// is sent. Those of the types must be among them.
func (f *fixture) described(types ...directory.ChangeType) {
	f.t.Helper()
	page, err := f.db.Feed(f.t.Context(), f.tenant, directory.ChangeQuery{Limit: 100_000, States: true})
	if err != nil {
		f.t.Fatal(err)
	}
	compiler := jsonschema.NewCompiler()
	compiler.AssertFormat()
	made := map[directory.ChangeType]bool{}
	for _, change := range page.Changes {
		made[change.Type] = true
		schema, err := compiler.Compile(filepath.Join("..", "docs", "events", string(change.Type)+".json"))
		if err != nil {
			f.t.Fatal(err)
		}
		text, err := api.EventBody(change, "")
		if err != nil {
			f.t.Fatal(err)
		}
		sent, err := jsonschema.UnmarshalJSON(strings.NewReader(string(text)))
		if err != nil {
			f.t.Fatal(err)
		}
		if err := schema.Validate(sent); err != nil {
			f.t.Errorf("%s\n%v", text, err)
		}
	}
	for _, t := range types {
		if !made[t] {
			f.t.Errorf("no %s was made", t)
		}
	}
}
