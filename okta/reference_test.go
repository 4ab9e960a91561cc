//go:build reference

package okta

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestReferenceBodies decodes recorded answers of real orgs, which are not part of this
// repository, with the reader's own structs. Its folder is OKTASYNC_REFERENCE_DATA.
func TestReferenceBodies(t *testing.T) {
	folder := os.Getenv("OKTASYNC_REFERENCE_DATA")
	if folder == "" {
		t.Fatal("OKTASYNC_REFERENCE_DATA is not set; it names the folder with the recorded answers")
	}
	text, err := os.ReadFile(filepath.Join(folder, "okta-recorded-sample.json"))
	if err != nil {
		t.Fatal(err)
	}
	var sample struct {
		Records []struct {
			ID      string
			Kind    string
			Request struct{ Method, Path string }
			// Headers have lists of lines.
			Response struct {
				Status  int
				Headers map[string][]string
				Body    json.RawMessage
			}
		}
	}
	if err := json.Unmarshal(text, &sample); err != nil {
		t.Fatal(err)
	}
	checked := map[string]int{}
	for _, rec := range sample.Records {
		kind := kindOf(rec.Request.Path)
		if kind == "" || rec.Response.Status != 200 {
			continue
		}
		t.Run(rec.ID+" "+rec.Kind, func(t *testing.T) {
			body := rec.Response.Body
			var want []map[string]any
			if body[0] == '{' { // one object, or the answer to a creation on a list's path
				body = append(append([]byte{'['}, body...), ']')
			}
			if err := json.Unmarshal(body, &want); err != nil {
				t.Fatal(err)
			}
			got, err := decodeRecorded(kind, body)
			if err != nil {
				t.Fatal(err)
			}
			if len(got) != len(want) {
				t.Fatalf("%d items decoded, %d there", len(got), len(want))
			}
			for i := range want {
				checked[kind]++
				compareRecorded(t, kind, want[i], got[i])
			}
			if _, err := nextLink(rec.Response.Headers["link"]); err != nil {
				t.Errorf("links %q: %v", rec.Response.Headers["link"], err)
			}
		})
	}
	for _, kind := range []string{"user", "group", "appUser", "app", "hook"} {
		if checked[kind] == 0 {
			t.Errorf("no recorded %s was checked", kind)
		}
	}
	t.Logf("checked %v", checked)
}

// kindOf tells what objects a path answers with.
func kindOf(path string) string {
	kinds := []struct{ kind, path string }{
		{"user", `^/api/v1/users(/[^/?]+)?(\?.*)?$`},
		{"user", `^/api/v1/groups/00g[^/?]+/users(\?.*)?$`},
		{"group", `^/api/v1/groups(/00g[^/?]+)?(\?.*)?$`},
		{"group", `^/api/v1/users/[^/?]+/groups(\?.*)?$`},
		{"appUser", `^/api/v1/apps/[^/?]+/users(/[^/?]+)?(\?.*)?$`},
		{"app", `^/api/v1/apps(/[^/?]+)?(\?.*)?$`},
		{"app", `^/api/v1/groups/00g[^/?]+/apps(\?.*)?$`},
		{"hook", `^/api/v1/eventHooks(/[^/?]+)?(\?.*)?$`},
	}
	for _, k := range kinds {
		if regexp.MustCompile(k.path).MatchString(path) {
			return k.kind
		}
	}
	return ""
}

func decodeRecorded(kind string, body []byte) ([]any, error) {
	switch kind {
	case "user":
		return anyOf[user](body)
	case "group":
		return anyOf[group](body)
	case "appUser":
		return anyOf[appUser](body)
	case "app":
		return anyOf[application](body)
	default:
		return anyOf[EventHook](body)
	}
}

func anyOf[T any](body []byte) ([]any, error) {
	items, err := decodeList[T](body)
	var all []any
	for _, item := range items {
		all = append(all, item)
	}
	return all, err
}

func compareRecorded(t *testing.T, kind string, want map[string]any, got any) {
	t.Helper()
	var id, status string
	var profile any
	switch g := got.(type) {
	case user:
		id, status, profile = g.ID, g.Status, g.Profile
		if !g.whole() {
			t.Errorf("user %s is not whole", g.ID)
		}
	case group:
		id, profile = g.ID, g.Profile
		status, _ = want["status"].(string) // groups have none
		seen := g.seen(startOfTime())
		wanted, _ := want["profile"].(map[string]any)
		if seen.Name != wanted["name"] || seen.Type != want["type"] || seen.Name == "" {
			t.Errorf("group %s: %+v", id, seen)
		}
	case appUser:
		id, status, profile = g.ID, g.Status, g.Profile
		if credentials, ok := want["credentials"].(map[string]any); ok && credentials["userName"] != g.Credentials.UserName {
			t.Errorf("user name %q, want %v", g.Credentials.UserName, credentials["userName"])
		}
		if g.Scope != want["scope"] {
			t.Errorf("scope %q, want %v", g.Scope, want["scope"])
		}
	case application:
		id, status, profile = g.ID, g.Status, want["profile"]
		if g.Label != want["label"] {
			t.Errorf("label %q, want %v", g.Label, want["label"])
		}
	case EventHook:
		id, status, profile = g.ID, g.Status, want["profile"]
		if len(g.Events.Items) == 0 || g.Channel.Config.URI == "" {
			t.Errorf("hook %+v", g)
		}
	}
	if id == "" || id != want["id"] {
		t.Errorf("%s: id %q, want %v", kind, id, want["id"])
	}
	if wanted, _ := want["status"].(string); status != wanted {
		t.Errorf("%s %s: status %q, want %q", kind, id, status, wanted)
	}
	if m, ok := profile.(map[string]any); ok && m == nil {
		profile = nil
	}
	if diff := cmp.Diff(want["profile"], profile); diff != "" {
		t.Errorf("%s %s: profile differs:\n%s", kind, id, diff)
	}
}
