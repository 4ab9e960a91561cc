//go:build reference

package webhook

import (
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

// TestReferenceDeliveries posts every published hook body of the reference data to the
// endpoint. OKTASYNC_REFERENCE_DATA names the folder that holds it.
func TestReferenceDeliveries(t *testing.T) {
	t.Parallel()
	folder := os.Getenv("OKTASYNC_REFERENCE_DATA")
	if folder == "" {
		t.Fatal("OKTASYNC_REFERENCE_DATA is not set: name the folder that holds eventhook-samples.json")
	}
	text, err := os.ReadFile(filepath.Join(folder, "eventhook-samples.json"))
	if err != nil {
		t.Fatal(err)
	}
	var samples struct {
		Deliveries []struct {
			ID     string          `json:"id"`
			Events []string        `json:"events"`
			Body   json.RawMessage `json:"body"`
		} `json:"deliveries"`
	}
	if err := json.Unmarshal(text, &samples); err != nil {
		t.Fatal(err)
	}
	if len(samples.Deliveries) == 0 {
		t.Fatal("the reference data holds no deliveries")
	}
	for _, sample := range samples.Deliveries {
		t.Run(sample.ID, func(t *testing.T) {
			t.Parallel()
			appID, wantEvents, wantScopes := expected(t, sample.Body)
			r := start(t, []Tenant{{Slug: "acme", AppID: appID, Secrets: []string{secretNew}}}, nil)
			if a := r.post(string(sample.Body)); a.status != http.StatusNoContent || a.body != "" {
				t.Fatalf("answer %d %s, want 204 without a body", a.status, a.body)
			}
			var uuids, types []string
			for _, e := range r.inbox.stored("acme") {
				uuids = append(uuids, e.UUID)
				types = append(types, e.Type)
				if e.DeliveryID == "" || e.Published.After(testNow()) {
					t.Errorf("event %s: delivery %q, published %s", e.UUID, e.DeliveryID, e.Published)
				}
			}
			if diff := cmp.Diff(wantEvents, uuids); diff != "" {
				t.Errorf("stored uuids (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(sample.Events, types); diff != "" {
				t.Errorf("stored types (-want +got):\n%s", diff)
			}
			var scopes []string
			for _, h := range r.queue.enqueued() {
				scopes = append(scopes, h.Scope.String())
			}
			if diff := cmp.Diff(wantScopes, scopes); diff != "" {
				t.Errorf("enqueued scopes (-want +got):\n%s", diff)
			}
		})
	}
}

// expected reads a body with the standard library's decoder: the app that it names,
// its uuids, and its scopes without repeats.
func expected(t *testing.T, body []byte) (string, []string, []string) {
	t.Helper()
	var d struct {
		Data struct {
			Events []struct {
				UUID      string             `json:"uuid"`
				EventType string             `json:"eventType"`
				Target    []directory.Target `json:"target"`
			} `json:"events"`
		} `json:"data"`
	}
	if err := json.Unmarshal(body, &d); err != nil {
		t.Fatal(err)
	}
	appID := ourApp
	for _, e := range d.Data.Events {
		for _, target := range e.Target {
			if target.Type == "AppInstance" {
				appID = target.ID
			}
		}
	}
	var uuids, scopes []string
	for _, e := range d.Data.Events {
		uuids = append(uuids, e.UUID)
		for _, s := range directory.ScopesOf(e.EventType, e.Target, appID) {
			if !slices.Contains(scopes, s.String()) {
				scopes = append(scopes, s.String())
			}
		}
	}
	return appID, uuids, scopes
}
