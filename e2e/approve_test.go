package e2e

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/oktasync/oktasync/api/client"
)

// inbox receives alerts and believes only those that are signed.
type inbox struct {
	key    []byte
	alerts chan string
}

func (i *inbox) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	id, stamp := q.Header.Get("webhook-id"), q.Header.Get("webhook-timestamp")
	mac := hmac.New(sha256.New, i.key)
	mac.Write([]byte(id + "." + stamp + "." + string(body)))
	if err != nil || id == "" || q.Header.Get("webhook-signature") != "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)) {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	i.alerts <- string(body)
}

// TestMassLeave has a third of the company leave without an event: the full sync is held, the operator hears of
// it, safety does not wait, and an admin approves, or rejects, by command line.
func TestMassLeave(t *testing.T) {
	t.Parallel()
	in := &inbox{key: []byte("a key of twenty-four bytes, and more"), alerts: make(chan string, 10)}
	receiver := httptest.NewServer(in)
	t.Cleanup(receiver.Close)
	const readToken = "oks_e2e-read-token-7a0c51"
	hash := func(token string) string { sum := sha256.Sum256([]byte(token)); return hex.EncodeToString(sum[:]) }
	w := newWorld(t, setup{settings: map[string]any{
		"alerts.webhook.url": receiver.URL, "alerts.webhook.secret": "whsec_" + base64.StdEncoding.EncodeToString(in.key),
		"api.tokens": []map[string]string{
			{"name": "e2e", "sha256": hash(adminToken), "role": "approve"}, {"name": "viewer", "sha256": hash(readToken), "role": "read"},
		},
	}})
	w.start()
	w.synced(2 * time.Minute)
	w.compare()

	people := w.org.PersonIDs()
	for _, id := range people[10:15] {
		w.act(w.org.Deactivate(id))
	}
	var unassigned []string
	for _, id := range people[15:] {
		if _, err := w.org.Unassign("", id); err == nil && len(unassigned) < 12 {
			unassigned = append(unassigned, id)
			w.loose[id] = true
		}
		if len(unassigned) == 12 {
			break
		}
	}

	// What a sync would do, first.
	file := filepath.Join(w.dir, "plan.json")
	if out, status := w.cli("plan", "--full", "--json", "--out", file); status != 0 || !contains(out, "Nothing was changed") {
		t.Fatalf("plan: status %d: %s", status, out)
	}
	var plan struct {
		Run struct {
			ID, State string
			Plan      struct{ Leavers int }
		}
		Changes []struct{ Type string }
	}
	text, err := os.ReadFile(file)
	if err != nil || json.Unmarshal(text, &plan) != nil || plan.Run.State != "planned" || plan.Run.Plan.Leavers != 5+len(unassigned) || len(plan.Changes) < plan.Run.Plan.Leavers {
		t.Fatalf("the plan: %v %.300s", err, text)
	}

	run := w.resync(time.Minute)
	if run.State != "held" || run.ApproveUntil == nil || run.Counts.Changes["person.deactivated"] != 5 || run.Counts.Changes["person.removed"] != 0 {
		t.Fatalf("the full sync is %s with %v: %s", run.State, run.Counts.Changes, run.Error)
	}
	select {
	case alert := <-in.alerts:
		if !contains(alert, `"type":"run.held"`) || !contains(alert, run.ID) || contains(alert, "@") {
			t.Errorf("alert %s", alert)
		}
	case <-time.After(20 * time.Second * slower):
		t.Error("no alert came")
	}
	if _, r := w.readiness(); !mentions(r.Warnings, "waits for an admin: oktasync runs show "+run.ID) {
		t.Errorf("/readyz warns of: %s", joined(r.Warnings))
	}
	if _, text := w.get(w.listen, "/metrics"); !contains(text, `oktasync_runs_waiting{tenant="default"} 1`) {
		t.Error("the metrics do not count the run that waits")
	}
	for i, id := range append(people[10:15:15], unassigned...) {
		row, err := w.api.Person(t.Context(), tenant, id)
		if want := map[bool]string{true: "deactivated", false: "active"}[i < 5]; err != nil || row.Status != want && row.Status != "suspended" {
			t.Errorf("while the plan waits %s is %q, %v; want %s", id, row.Status, err, want)
		}
	}

	// The token that may only look.
	viewer := must[*client.Client](t)(client.New("http://"+w.listen, readToken, nil))
	if _, err := viewer.Run(t.Context(), tenant, run.ID); err != nil {
		t.Errorf("the viewer sees: %v", err)
	}
	refused := func(status int, what string, err error) {
		t.Helper()
		var e *client.Error
		if !errors.As(err, &e) || e.Status != status {
			t.Errorf("%s: %v, want %d", what, err, status)
		}
	}
	_, err = viewer.Approve(t.Context(), tenant, run.ID, "please")
	refused(http.StatusForbidden, "approved by a viewer", err)

	out, status := w.cli("runs", "show", run.ID)
	if status != 0 || !contains(out, "held") || !contains(out, "12 person.removed") || !contains(out, "Largest effects:") {
		t.Errorf("runs show: status %d: %s", status, out)
	}
	out, status = w.cli("runs", "approve", run.ID, "--reason", "the site was closed", "--wait")
	if status != 0 || !contains(out, "succeeded") || !contains(out, "5 superseded") {
		t.Errorf("runs approve: status %d: %s", status, out)
	}
	w.compare()
	_, err = w.api.Approve(t.Context(), tenant, run.ID, "again")
	refused(http.StatusConflict, "approved twice", err)
	if out, status := w.cli("acts"); status != 0 || !contains(out, "run.approve") || !contains(out, "the site was closed") || !contains(out, "dry_run") {
		t.Errorf("acts: status %d: %s", status, out)
	}
	if out, _ := w.cli("people", "show", unassigned[0]); !contains(out, "approved by e2e (the site was closed)") {
		t.Errorf("the history does not tell who approved:\n%s", out)
	}
	_, err = w.api.Approve(t.Context(), tenant, plan.Run.ID, "the older plan")
	refused(http.StatusConflict, "approved an older plan", err)

	// Another time it is a mistake.
	var back []string
	for _, id := range w.org.PersonIDs()[30:] {
		if _, err := w.org.Unassign("", id); err == nil {
			back = append(back, id)
			w.loose[id] = true
		}
		if len(back) == 10 {
			break
		}
	}
	run = w.resync(time.Minute)
	if run.State != "held" {
		t.Fatalf("the second full sync is %s: %s", run.State, run.Error)
	}
	if out, status := w.cli("runs", "reject", run.ID, "--reason", "a mistake"); status != 0 || !contains(out, "rejected") {
		t.Errorf("runs reject: status %d: %s", status, out)
	}
	_, err = w.api.Approve(t.Context(), tenant, run.ID, "after all")
	refused(http.StatusConflict, "approved what was rejected", err)
	if row, err := w.api.Person(t.Context(), tenant, back[0]); err != nil || row.Status == "removed" {
		t.Errorf("after the rejection %s is %q, %v", back[0], row.Status, err)
	}
}
