package okta

import (
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/oktasync/oktasync/directory"
)

// The text is read by HashiCorp's own parser, and says what the hook has to be.
func TestHookTerraform(t *testing.T) {
	t.Parallel()
	spec := HookSpec{Name: `ours "${var.x}" %{if} \n`, URI: "https://sync.example.com/webhooks/okta", Header: "X-Hook", Events: directory.SubscribedEvents()}
	text := HookTerraform(spec, "who1")
	file, problems := hclsyntax.ParseConfig([]byte(text), "hook.tf", hcl.InitialPos)
	if problems.HasErrors() {
		t.Fatalf("%v\n%s", problems, text)
	}
	context := &hcl.EvalContext{Variables: map[string]cty.Value{
		"var":             cty.ObjectVal(map[string]cty.Value{"oktasync_hook_secret": cty.StringVal("the secret")}),
		"okta_event_hook": cty.ObjectVal(map[string]cty.Value{"oktasync": cty.ObjectVal(map[string]cty.Value{"id": cty.StringVal("who1")})}),
	}}
	blocks := map[string]*hclsyntax.Block{}
	for _, b := range file.Body.(*hclsyntax.Body).Blocks {
		blocks[strings.Join(append([]string{b.Type}, b.Labels...), " ")] = b
	}
	value := func(block, name string) cty.Value {
		t.Helper()
		b, found := blocks[block]
		if !found || b.Body.Attributes[name] == nil {
			t.Fatalf("there is no %s in %s:\n%s", name, block, text)
		}
		v, problems := b.Body.Attributes[name].Expr.Value(context)
		if problems.HasErrors() {
			t.Fatalf("%s of %s: %v", name, block, problems)
		}
		return v
	}
	const hook = "resource okta_event_hook oktasync"
	var events []string
	for _, e := range value(hook, "events").AsValueSlice() {
		events = append(events, e.AsString())
	}
	channel, auth := value(hook, "channel").AsValueMap(), value(hook, "auth").AsValueMap()
	if !slices.Equal(events, spec.Events) || value(hook, "name").AsString() != spec.Name || channel["uri"].AsString() != spec.URI ||
		channel["type"].AsString() != "HTTP" || auth["type"].AsString() != "HEADER" || auth["key"].AsString() != "X-Hook" || auth["value"].AsString() != "the secret" {
		t.Errorf("the hook differs:\n%s", text)
	}
	if !value("variable oktasync_hook_secret", "sensitive").True() {
		t.Error("the secret's variable is not sensitive")
	}
	if value("resource okta_event_hook_verification oktasync", "event_hook_id").AsString() != "who1" {
		t.Error("another hook is verified")
	}
	if !strings.Contains(text, "terraform import okta_event_hook.oktasync who1") || strings.Contains(HookTerraform(spec, ""), "terraform import") {
		t.Error("the import is missing, or there without an id")
	}
}
