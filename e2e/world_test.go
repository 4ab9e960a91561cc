package e2e

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/e2e/installation"
	"github.com/oktasync/oktasync/emulator"
)

const (
	tenant       = "default"
	hookSecret   = "e2e-first-secret-4f1c0a77d2"
	secondSecret = "e2e-second-secret-9b03c5e1aa"
	adminToken   = "oks_e2e-admin-token-1d5e0c"
	oktaToken    = "00e2eToken-for-the-emulated-org-00000000"
)

// world is one Okta org with one installation of the service.
type world struct {
	t        *testing.T
	dir      string
	org      *emulator.Org
	orgURL   string
	hookID   string
	listen   string // address of the service that start starts
	database string // URL
	redis    string // URL, or embedded
	settings map[string]any
	relay    *installation.Relay
	api      *client.Client
	service  *process

	before map[string]string // status of everybody at the last compare
	loose  map[string]bool   // people whose assignment came or went since
}

// setup says what a world is made of. Zero values mean the embedded default
// with 60 people in 8 groups, without rate limits.
type setup struct {
	org      emulator.Options
	postgres bool // a database of its own on the tests' PostgreSQL
	database string
	redis    *redisServer
	// settings are keys with dots and replace those of the harness.
	settings map[string]any
}

func newWorld(t *testing.T, s setup) *world {
	t.Helper()
	w := &world{t: t, dir: t.TempDir(), database: s.database, redis: "embedded", loose: map[string]bool{}}
	s.org.Tokens = []string{oktaToken}
	if s.org.People == 0 {
		s.org.People = 60
	}
	if s.org.Groups == 0 {
		s.org.Groups = 8
	}
	if s.org.Departments == 0 {
		s.org.Departments = 12
	}
	if s.org.Limits.Plan == "" {
		s.org.Limits = emulator.Unlimited()
	}
	if s.org.Hooks.Timeout == 0 {
		s.org.Hooks.Timeout = 3 * time.Second * slower // Okta's own time, and the race detector's
	}
	org, err := emulator.Start(t.Context(), "127.0.0.1:0", s.org)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		defer cancel()
		if err := org.Close(ctx); err != nil {
			t.Errorf("stop the org: %v", err)
		}
	})
	w.org, w.orgURL = org.Org, org.URL
	switch {
	case s.postgres:
		w.database = newDatabase(t)
	case w.database == "":
		w.database = "sqlite:" + filepath.Join(w.dir, "oktasync.db")
	}
	if s.redis != nil {
		w.redis = s.redis.server.URL()
	}
	if err := os.WriteFile(w.tokenFile(), []byte(oktaToken+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.listen = freeAddress(t)
	w.relay = installation.NewRelay("http://" + w.listen)
	t.Cleanup(w.relay.Close)
	w.settings = w.defaults()
	for key, value := range s.settings {
		w.settings[key] = value
	}
	w.api = must[*client.Client](t)(client.New("http://"+w.listen, adminToken, nil))
	return w
}

func (w *world) defaults() map[string]any {
	sum := sha256.Sum256([]byte(adminToken))
	return map[string]any{
		"okta.url": w.orgURL, "okta.allow_http": true, "okta.app_id": w.org.AppID(),
		"hook.secrets": []string{hookSecret, secondSecret},
		// Whatever the hour of the test, no other night falls into it. A tenant that
		// never had a full sync gets one at the first start all the same.
		"nightly.at": "never",
		// The System Log would make up for what hooks are to bring. The tests of it turn it on.
		"okta.log.interval": "off", "hook.check": "off",
		"redis.url": w.redis, "log.level": "info",
		"api.tokens": []map[string]string{{"name": "e2e", "sha256": hex.EncodeToString(sum[:]), "role": "approve"}},
	}
}

// tokenFile is where the Okta token is. It is written once: the running service may be reading it.
func (w *world) tokenFile() string { return filepath.Join(w.dir, "okta-token") }

// configure writes the configuration file.
func (w *world) configure(settings map[string]any) string {
	w.t.Helper()
	file := filepath.Join(w.dir, "config.yml")
	if err := installation.WriteConfig(file, settings); err != nil {
		w.t.Fatal(err)
	}
	return file
}

// command makes a command line of the binary: the configuration partly in the
// file, partly in the environment, one secret in a file of its own.
func (w *world) command(listen string, args ...string) *exec.Cmd {
	w.t.Helper()
	file := w.configure(w.settings)
	cmd := exec.Command(binary, args...)
	cmd.Dir = w.dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + w.dir, "OKTASYNC_CONFIG=" + file,
		"OKTASYNC_DATABASE_URL=" + w.database, "OKTASYNC_SERVER_LISTEN=" + listen,
		"OKTASYNC_API_URL=http://" + listen, "OKTASYNC_API_TOKEN=" + adminToken,
	}
	if _, replaced := w.settings["okta.token"]; !replaced {
		cmd.Env = append(cmd.Env, "OKTASYNC_OKTA_TOKEN_FILE="+w.tokenFile())
	}
	return cmd
}

// start runs the service and waits until it is ready.
func (w *world) start() *process {
	w.t.Helper()
	w.service = w.launch(w.listen)
	w.ready(w.service, w.listen)
	return w.service
}

func (w *world) launch(listen string) *process {
	w.t.Helper()
	return begin(w.t, "oktasync "+listen, w.command(listen, "serve", "--migrate"))
}

func (w *world) ready(p *process, listen string) {
	w.t.Helper()
	eventually(w.t, 30*time.Second, "the service is ready", func() string {
		p.running()
		status, text := w.get(listen, "/readyz")
		if status == http.StatusOK {
			return ""
		}
		return fmt.Sprintf("status %d: %s", status, text)
	})
}

// get asks the service without a token. Status 0 is no answer.
func (w *world) get(listen, path string) (int, string) {
	c := http.Client{Timeout: 5 * time.Second}
	response, err := c.Get("http://" + listen + path)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// readiness is what /readyz says.
type readiness struct {
	Ready              bool
	Problems, Warnings []string
}

func (w *world) readiness() (int, readiness) {
	status, text := w.get(w.listen, "/readyz")
	var r readiness
	if status != 0 {
		if err := json.Unmarshal([]byte(text), &r); err != nil {
			w.t.Fatalf("/readyz is no JSON: %v: %s", err, text)
		}
	}
	return status, r
}

// cli runs a command to its end and returns what it printed and its status.
func (w *world) cli(args ...string) (string, int) {
	w.t.Helper()
	cmd := w.command(w.listen, args...)
	out, err := cmd.CombinedOutput()
	if err != nil && cmd.ProcessState == nil {
		w.t.Fatalf("oktasync %s: %v", strings.Join(args, " "), err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

// hook registers the relay at Okta, which verifies it, for the events that the guide
// advises.
func (w *world) hook() {
	w.t.Helper()
	act, err := w.org.RegisterHook(emulator.NewHook{URL: w.relay.URL + "/webhooks/okta", Secret: hookSecret, Events: directory.SubscribedEvents()})
	if err != nil {
		w.t.Fatalf("register the event hook: %v", err)
	}
	w.hookID = act.ID
}

// synced waits for the full sync that a new tenant gets by itself.
func (w *world) synced(limit time.Duration) v1.Run {
	w.t.Helper()
	run := w.firstRun(limit)
	if run.State != "succeeded" {
		w.t.Fatalf("the first full sync is %s: %s", run.State, run.Error)
	}
	return run
}

// firstRun waits until the oldest full run is over, however it ends.
func (w *world) firstRun(limit time.Duration) v1.Run {
	w.t.Helper()
	var first v1.Run
	eventually(w.t, limit, "the first full sync is over", func() string {
		page, err := w.api.Runs(w.t.Context(), tenant, 1000)
		if err != nil {
			return err.Error()
		}
		for i := len(page.Items) - 1; i >= 0; i-- {
			if page.Items[i].Scope == "full" {
				first = page.Items[i]
				break
			}
		}
		if first.ID == "" || !first.Final() {
			return fmt.Sprintf("it is %q, %+v", first.State, first.Progress)
		}
		return ""
	})
	return first
}

// resync asks for a full sync and waits until it is over.
func (w *world) resync(limit time.Duration) v1.Run {
	w.t.Helper()
	return w.ended(w.asked().ID, limit)
}

// asked asks for a full sync.
func (w *world) asked() v1.Run {
	w.t.Helper()
	run, err := w.api.Resync(w.t.Context(), tenant, "full", "")
	if err != nil {
		w.t.Fatal(err)
	}
	return run
}

// stuck waits until a run says what keeps it from its end, and is not over.
func (w *world) stuck(id string, limit time.Duration) v1.Run {
	w.t.Helper()
	var run v1.Run
	eventually(w.t, limit, "run "+id+" says what is wrong", func() string {
		var err error
		if run, err = w.api.Run(w.t.Context(), tenant, id); err != nil {
			return err.Error()
		}
		if run.Final() {
			w.t.Fatalf("run %s is over, it is %s: %s", id, run.State, run.Error)
		}
		if run.Error == "" {
			return fmt.Sprintf("it is %s, %+v", run.State, run.Progress)
		}
		return ""
	})
	return run
}

func (w *world) ended(id string, limit time.Duration) v1.Run {
	w.t.Helper()
	var run v1.Run
	eventually(w.t, limit, "run "+id+" is over", func() string {
		var err error
		if run, err = w.api.Run(w.t.Context(), tenant, id); err != nil {
			return err.Error()
		}
		if !run.Final() {
			return fmt.Sprintf("it is %s, %+v", run.State, run.Progress)
		}
		return ""
	})
	return run
}

// settled waits until Okta has delivered its hooks and all events are worked off.
func (w *world) settled(limit time.Duration) {
	w.t.Helper()
	ctx, cancel := context.WithTimeout(w.t.Context(), limit*slower)
	defer cancel()
	if err := w.org.WaitHooks(ctx); err != nil {
		w.t.Fatal(err)
	}
	if stats := w.org.HookStats(); stats.Failed > 0 || stats.Dropped > 0 {
		w.t.Fatalf("Okta gave deliveries up, because the service did not answer in time: %+v", stats)
	}
	eventually(w.t, limit, "all events are worked off", func() string {
		state, err := w.api.Tenant(w.t.Context(), tenant)
		if err != nil {
			return err.Error()
		}
		if state.Parked > 0 {
			w.t.Fatalf("work failed for good: %s", w.parked())
		}
		if state.Waiting > 0 {
			return fmt.Sprintf("%d scopes wait, blocked: %q", state.Waiting, state.Blocked)
		}
		return ""
	})
}

func (w *world) parked() string {
	page, err := w.api.Archive(w.t.Context(), tenant, 100)
	if err != nil {
		return err.Error()
	}
	var text strings.Builder
	for _, p := range page.Items {
		fmt.Fprintf(&text, "\n%s: %s", p.Scope, p.Reason)
	}
	return text.String()
}

// waiting is how many scopes have events that are not worked off.
func (w *world) waiting() int {
	w.t.Helper()
	state, err := w.api.Tenant(w.t.Context(), tenant)
	if err != nil {
		w.t.Fatal(err)
	}
	return state.Waiting
}

// everyEventStored checks that the inbox has each event that Okta sent, once.
func (w *world) everyEventStored() {
	w.t.Helper()
	stats := w.org.HookStats()
	if stats.Failed > 0 || stats.Dropped > 0 {
		w.t.Fatalf("Okta lost deliveries: %+v", stats)
	}
	if got := w.number("select count(*) from inbox"); got != stats.Events {
		w.t.Errorf("the inbox has %d events, Okta sent %d", got, stats.Events)
	}
	if got := w.number("select count(*) from inbox_scopes where done_at is null"); got != 0 {
		w.t.Errorf("%d events are not marked", got)
	}
}

// sql opens the service's database beside it.
func (w *world) sql() *sql.DB { return open(w.t, w.database) }

// number asks the database for one number.
func (w *world) number(query string) int {
	w.t.Helper()
	var n int
	if err := w.sql().QueryRowContext(w.t.Context(), query).Scan(&n); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return n
}

// text asks the database for one text.
func (w *world) text(query string) string {
	w.t.Helper()
	var text string
	if err := w.sql().QueryRowContext(w.t.Context(), query).Scan(&text); err != nil {
		w.t.Fatalf("%s: %v", query, err)
	}
	return text
}

// act is what somebody does in Okta, and must succeed.
func (w *world) act(act emulator.Act, err error) emulator.Act {
	w.t.Helper()
	if err != nil {
		w.t.Fatalf("change the org: %v", err)
	}
	return act
}

// calls counts the calls to Okta that match a pattern; empty means all.
func (w *world) calls(pattern string) int { return w.org.CallsTo(pattern) }
