package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/seal"
)

const testAdminToken = "oks_the-token-of-the-tests-admin"

// house is an installation on one SQLite file, and the emulated orgs of its customers.
type house struct {
	t       *testing.T
	folder  string
	keys    []string // encryption.keys
	file    string   // further lines of the configuration
	log     *lockedBuffer
	secrets []string // must be nowhere
}

type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func newHouse(t *testing.T) *house {
	h := &house{t: t, folder: t.TempDir(), keys: []string{seal.NewKey()}, log: &lockedBuffer{}}
	t.Cleanup(func() {
		for _, secret := range append(slices.Clone(h.keys), h.secrets...) {
			if strings.Contains(h.log.String(), secret) {
				t.Errorf("the log holds a secret")
			}
		}
		if t.Failed() {
			t.Logf("log:\n%s", h.log)
		}
	})
	return h
}

// environ is the environment of the service and of commands that read its configuration.
func (h *house) environ() []string {
	sum := sha256.Sum256([]byte(testAdminToken))
	file := filepath.Join(h.folder, "config.yml")
	content := fmt.Sprintf("database: {url: 'sqlite:%s'}\nqueue: {check_interval: 10ms, sweep_interval: 1s}\napi: {tokens: [{name: ops, sha256: %s, role: approve}]}\n%s",
		filepath.Join(h.folder, "oktasync.db"), hex.EncodeToString(sum[:]), h.file)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		h.t.Fatal(err)
	}
	environ := []string{"OKTASYNC_CONFIG=" + file}
	if len(h.keys) > 0 {
		environ = append(environ, "OKTASYNC_ENCRYPTION_KEYS="+strings.Join(h.keys, ","))
	}
	return environ
}

// ago makes it look as if no process had the tenant in its file for a while.
func (h *house) ago(slug string, d time.Duration) {
	h.t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(h.folder, "oktasync.db"))
	if err != nil {
		h.t.Fatal(err)
	}
	defer db.Close()
	if _, err := db.ExecContext(h.t.Context(), `update tenants set seen_at = $1 where slug = $2`, time.Now().Add(-d).UnixMicro(), slug); err != nil {
		h.t.Fatal(err)
	}
}

// process is a running process of the installation.
type process struct {
	*house
	url  string
	api  *client.Client
	stop func()
}

// open starts a process of the installation.
func (h *house) open() *process {
	h.t.Helper()
	cfg, err := config.Load(config.Options{Environ: h.environ()})
	if err != nil {
		h.t.Fatalf("configuration:\n%v", err)
	}
	s, err := newService(h.t.Context(), cfg, true, slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug})))
	if err != nil {
		h.t.Fatal(err)
	}
	s.reloads.load = func() (config.Config, error) { return config.Load(config.Options{Environ: h.environ()}) }
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.run(ctx, listener) }()
	p := &process{house: h, url: "http://" + listener.Addr().String()}
	p.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			h.t.Errorf("the service ended with: %v", err)
		}
		s.close()
	})
	h.t.Cleanup(p.stop)
	if p.api, err = client.New(p.url, testAdminToken, nil); err != nil {
		h.t.Fatal(err)
	}
	return p
}

// customer is an emulated org.
type customer struct {
	*emulator.Server
	secret string // of its hook
	token  string
}

func (h *house) customer(slug string) *customer {
	h.t.Helper()
	token := "00-token-of-" + slug + "-canary"
	org, err := emulator.Start(h.t.Context(), "127.0.0.1:0", emulator.Options{
		People: 12, Groups: 2, Tokens: []string{token, token + "-new"},
		// More than Okta gives: a busy machine may stand still for seconds, and what is lost then is not what tests look for.
		Hooks: emulator.HookOptions{Timeout: time.Minute, RetryPause: 3 * time.Second},
	})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { org.Close(context.Background()) })
	c := &customer{Server: org, token: token, secret: "hook-secret-of-" + slug + "-canary"}
	h.secrets = append(h.secrets, c.token, c.secret)
	return c
}

// settings is a file with the customer's settings, as an admin would write it.
func (h *house) settings(c *customer) string {
	h.t.Helper()
	name := filepath.Join(h.folder, "settings-"+c.Org.AppID()+".yml")
	token := name + ".token"
	text := fmt.Sprintf("okta:\n  url: %s\n  allow_http: true\n  token_file: %s\n  app_id: %s\nhook:\n  secrets: [%s]\nnightly: {at: never}\n", c.URL, token, c.Org.AppID(), c.secret)
	for path, content := range map[string]string{name: text, token: c.token + "\n"} {
		if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
			h.t.Fatal(err)
		}
	}
	return name
}

// command runs a command line against a process and checks its status and what it says.
func (p *process) command(status int, says string, args ...string) string {
	p.t.Helper()
	var out strings.Builder
	got := run(p.t.Context(), args, append(p.environ(), apiURLVariable+"="+p.url, apiTokenVariable+"="+testAdminToken), &out, &out)
	if got != status || !strings.Contains(out.String(), says) {
		p.t.Fatalf("%s: status %d, want %d and %q in:\n%s", strings.Join(args, " "), got, status, says, out.String())
	}
	for _, secret := range p.secrets {
		if strings.Contains(out.String(), secret) {
			p.t.Errorf("%s: the output holds a secret:\n%s", strings.Join(args, " "), out.String())
		}
	}
	return out.String()
}

// until polls until the condition holds.
func (h *house) until(what string, holds func() bool) {
	h.t.Helper()
	// Longer than the minute after which the sweeper finds work that never got a task.
	deadline := time.Now().Add(3 * time.Minute)
	for !holds() {
		if time.Now().After(deadline) {
			h.t.Fatalf("not in time: %s", what)
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (p *process) tenant(slug string) v1.TenantDetail {
	p.t.Helper()
	t, err := p.api.Tenant(p.t.Context(), slug)
	if err != nil {
		p.t.Fatal(err)
	}
	return t
}

func (p *process) synced(slug string) {
	p.t.Helper()
	p.until("first sync of "+slug, func() bool { return p.tenant(slug).LastFullSync != nil })
}

// status is the person's status in the directory.
func (p *process) status(slug, id string) string {
	p.t.Helper()
	person, err := p.api.Person(p.t.Context(), slug, id)
	if err != nil {
		p.t.Fatal(err)
	}
	return person.Status
}

func hooked(t *testing.T, c *customer, address string) {
	t.Helper()
	if _, err := c.Org.RegisterHook(emulator.NewHook{URL: address, Secret: c.secret}); err != nil {
		t.Fatal(err)
	}
}

func done[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// TestTenantsComeAndGo follows one customer from the first command to the last row, with a second
// process that only hears of it through the database.
func TestTenantsComeAndGo(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.open()
	other := h.open()
	coal, dust := h.customer("coal"), h.customer("dust")

	p.command(1, "okta.app_id is missing", "tenants", "add", "coal", "--set", "okta.url="+coal.URL, "--set", "okta.allow_http=true")
	p.command(0, "secrets     hook.secrets, okta.token", "tenants", "add", "coal", "--settings", h.settings(coal))
	p.command(1, "tenant coal exists already", "tenants", "add", "coal", "--settings", h.settings(coal))
	p.command(0, "is paused since", "tenants", "add", "dust", "--settings", h.settings(dust), "--paused", "look first")
	p.command(0, "look first", "tenants", "list")
	p.command(1, "hook: fail", "tenants", "test", "dust")
	p.command(1, "there is no tenant", "tenants", "test", "nobody")
	p.synced("coal")
	other.until("the other process follows", func() bool {
		_, err := other.api.Tenant(t.Context(), "dust")
		return err == nil && other.tenant("coal").Source == "api" && other.tenant("coal").Problem == ""
	})
	if dustNow := p.tenant("dust"); dustNow.LastFullSync != nil || dustNow.People > 0 {
		t.Errorf("a paused tenant was synced: %+v", dustNow)
	}

	// Hooks arrive at either process.
	hooked(t, coal, other.url+"/webhooks/okta/coal")
	people := coal.Org.PersonIDs()
	done(coal.Org.Suspend(people[3]))(t)
	p.until("the suspension is there", func() bool { return p.status("coal", people[3]) == "suspended" })

	if says := p.command(0, "read: ok", "tenants", "test", "coal"); !strings.Contains(says, "hook: ok") || !strings.Contains(says, "log: ok") {
		t.Errorf("test of a sound tenant:\n%s", says)
	}

	// Paused: taken, kept, not worked off.
	p.command(0, "Tenant coal is paused", "tenants", "pause", "coal", "--reason", "the org is being moved")
	other.until("the other process pauses", func() bool { return other.tenant("coal").Paused != nil })
	done(coal.Org.Suspend(people[4]))(t)
	p.until("the event waits", func() bool { return p.tenant("coal").Waiting == 1 })
	if got := p.status("coal", people[4]); got != "active" {
		t.Errorf("a paused tenant was worked for: %s", got)
	}
	p.command(0, "Tenant coal goes on; 1 event scope(s) wait.", "tenants", "resume", "coal")
	p.until("what waited is worked off", func() bool { return p.status("coal", people[4]) == "suspended" })
	if waiting := p.tenant("coal").Waiting; waiting != 0 {
		t.Errorf("%d scopes wait", waiting)
	}

	// New credentials count at once, everywhere, and what was not named stays.
	h.secrets = append(h.secrets, coal.token+"-new")
	p.command(1, `settings.teams.from "clan" is not known`, "tenants", "change", "coal", "--set", "teams.from=clan")
	p.command(0, `"from": "location"`, "tenants", "change", "coal", "--set", "okta.token="+coal.token+"-new", "--set", "teams.from=location")
	if stored := p.tenant("coal"); !slices.Equal(stored.Secrets, []string{"hook.secrets", "okta.token"}) {
		t.Errorf("secrets %v", stored.Secrets)
	}
	done(coal.Org.Unsuspend(people[4]))(t)
	p.until("events go on", func() bool { return p.status("coal", people[4]) == "active" })

	// Gone for good, with a copy.
	p.command(1, "add --confirm coal", "tenants", "remove", "coal")
	copied := filepath.Join(h.folder, "coal.ndjson")
	p.command(0, "Tenant coal is removed", "tenants", "remove", "coal", "--confirm", "coal", "--export", copied, "--reason", "left us")
	kinds := map[string]int{}
	for line := range bytes.Lines(done(os.ReadFile(copied))(t)) {
		var one struct{ Kind string }
		if err := json.Unmarshal(line, &one); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		kinds[one.Kind]++
	}
	if got := slices.Sorted(maps.Keys(kinds)); !slices.Equal(got, []string{"act", "change", "group", "membership", "person", "team", "tenant"}) || kinds["person"] != 12 {
		t.Errorf("the copy holds %v", kinds)
	}
	p.command(1, "make the file for the export", "tenants", "export", "dust", "--out", copied)
	p.until("the rows are gone", func() bool { now := p.tenant("coal"); return now.RemovedAt != nil && now.People == 0 })
	p.command(1, "is being erased", "tenants", "add", "coal", "--settings", h.settings(coal))
	p.command(0, "being erased", "tenants", "list")
	p.command(0, "goes on", "tenants", "resume", "dust")
	p.synced("dust")
}

// TestStoredCredentialsStayWithTheirOrg: whoever has an admin token can't have the stored credentials sent to a
// server of their own.
func TestStoredCredentialsStayWithTheirOrg(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	p := h.open()
	coal := h.customer("coal")
	var stolen atomic.Value
	thief := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		stolen.Store(q.Header.Get("Authorization"))
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	t.Cleanup(thief.Close)
	p.command(0, "is paused since", "tenants", "add", "coal", "--settings", h.settings(coal), "--paused", "look first")
	p.command(1, "okta.url is another address than the stored credentials were entered for", "tenants", "change", "coal", "--set", "okta.url="+thief.URL)
	p.command(1, "", "tenants", "test", "coal")
	if got := stolen.Load(); got != nil {
		t.Errorf("the other address was sent %q", got)
	}
	p.command(0, "secrets     hook.secrets, okta.token", "tenants", "change", "coal", "--set", "okta.url="+coal.URL, "--set", "teams.from=location")
	p.command(0, "secrets     hook.secrets, okta.token", "tenants", "change", "coal", "--set", "okta.url="+thief.URL, "--set", "okta.token=another-token-for-it")
}

// TestEncryptionKeys: what is stored can't be read, keys are replaced, and the wrong ones close the
// tenants of the database alone.
func TestEncryptionKeysOfTenants(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	coal, filed := h.customer("coal"), h.customer("filed")
	h.file = fmt.Sprintf("tenants: {filed: {okta: {url: '%s', allow_http: true, token: %s, app_id: %s}, hook: {secrets: [%s]}}}\n", filed.URL, filed.token, filed.Org.AppID(), filed.secret)
	p := h.open()
	p.command(0, "in the database", "tenants", "add", "coal", "--settings", h.settings(coal))
	p.command(1, "stands in the configuration file", "tenants", "change", "filed", "--set", "teams.from=none")
	p.command(1, "stands in the configuration file", "tenants", "add", "filed", "--settings", h.settings(coal))
	p.synced("coal")
	p.synced("filed")
	p.stop()
	for _, file := range done(filepath.Glob(filepath.Join(h.folder, "oktasync.db*")))(t) {
		content := done(os.ReadFile(file))(t)
		for _, secret := range h.secrets {
			if bytes.Contains(content, []byte(secret)) {
				t.Errorf("%s holds a secret of a tenant", filepath.Base(file))
			}
		}
	}

	// A second key comes before the first; all is encrypted anew; the first one goes.
	first := h.keys[0]
	h.keys = []string{seal.NewKey(), first}
	ids := done(seal.NewKeys(h.keys))(t).IDs()
	p.command(0, ids[1]+"  decrypts               1", "keys", "list")
	p.command(0, "The credentials of 1 tenant(s) are encrypted with key "+ids[0], "keys", "rotate")
	p.command(0, "The credentials of 0 tenant(s)", "keys", "rotate")
	h.keys = h.keys[:1]
	p = h.open()
	if now := p.tenant("coal"); now.Problem != "" {
		t.Errorf("after the key was replaced: %s", now.Problem)
	}
	p.stop()

	// The old one is of no use any more, and the sentence says which is wanted.
	h.keys = []string{first}
	p.command(0, ids[0]+"  MISSING: add it to encryption.keys  1", "keys", "list")
	p.command(1, "encryption key "+ids[0]+" is needed and configured are "+ids[1], "keys", "rotate")
	p = h.open()
	p.command(0, "okta.token can't be decrypted: encryption key "+ids[0]+" is needed and configured are "+ids[1], "tenants", "list")
	request := done(http.NewRequestWithContext(t.Context(), http.MethodPost, p.url+"/webhooks/okta/coal", strings.NewReader(`{"data":{"events":[]}}`)))(t)
	request.Header.Set("Authorization", coal.secret)
	answer := done(http.DefaultClient.Do(request))(t)
	answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("a hook of the closed tenant was answered %s", answer.Status)
	}
	if now := p.tenant("filed"); now.Problem != "" || now.Source != "file" {
		t.Errorf("the tenant of the file: %+v", now)
	}
	if run := done(p.api.Resync(t.Context(), "filed", "full", ""))(t); run.ID == "" {
		t.Error("the tenant of the file gets no sync")
	}
	p.until("the file's tenant is worked for", func() bool {
		return done(p.api.Runs(t.Context(), "filed", 1))(t).Items[0].State == "succeeded"
	})

	// Whoever lost the key enters the credentials anew.
	p.command(1, "encryption key "+ids[0]+" is needed", "tenants", "change", "coal", "--set", "teams.from=none")
	p.command(0, "state       works", "tenants", "change", "coal", "--settings", h.settings(coal))
	p.until("it works again", func() bool { return p.tenant("coal").Problem == "" })
}

// A tenant that is taken out of the file while its run is going keeps its rows, its run ends with a
// sentence, and the list shows the ways out.
func TestTenantVanishesFromTheFile(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	coal := h.customer("coal")
	h.file = fmt.Sprintf("tenants: {coal: {okta: {url: '%s', allow_http: true, token: %s, app_id: %s}, hook: {secrets: [%s]}}}\n", coal.URL, coal.token, coal.Org.AppID(), coal.secret)
	p := h.open()
	p.synced("coal")
	p.command(1, "stands in the configuration file", "tenants", "remove", "coal", "--confirm", "coal")
	p.command(0, "is paused", "tenants", "pause", "coal", "--reason", "so that the run stays open")
	run := done(p.api.Resync(t.Context(), "coal", "full", ""))(t)
	p.stop()

	h.file = ""
	p = h.open()
	p.command(0, "is in the configuration of another process, or was a moment ago", "tenants", "list")
	p.command(1, "is in the configuration file of a process, or was until less than 15m0s ago", "tenants", "remove", "coal", "--confirm", "coal")
	p.stop()
	h.ago("coal", time.Hour)
	p = h.open()
	p.until("the run ends", func() bool { return done(p.api.Run(t.Context(), "coal", run.ID))(t).Final() })
	ended := done(p.api.Run(t.Context(), "coal", run.ID))(t)
	if ended.State != "cancelled" || !strings.Contains(ended.Error, "the tenant is in no configuration any more") {
		t.Errorf("the run is %s: %s", ended.State, ended.Error)
	}
	p.command(0, "not configured", "tenants", "list")
	p.command(0, "take it over with oktasync tenants add, or erase it with oktasync tenants remove", "tenants", "list")
	if now := p.tenant("coal"); now.People != 12 {
		t.Errorf("%d people are left", now.People)
	}
	p.command(0, "in the database", "tenants", "add", "coal", "--settings", h.settings(coal))
	p.until("it is worked for again", func() bool { return p.tenant("coal").Problem == "" })

	// Back in the file as well: the file counts, and nobody is left in the dark.
	p.stop()
	h.file = fmt.Sprintf("tenants: {coal: {okta: {url: '%s', allow_http: true, token: %s, app_id: %s}, hook: {secrets: [%s]}}}\n", coal.URL, coal.token, coal.Org.AppID(), coal.secret)
	p = h.open()
	p.command(0, "stands in the configuration file and in the database; the file counts", "tenants", "list")
	p.command(0, "those of the file count", "tenants", "remove", "coal", "--settings-only")
	p.until("the warning is gone", func() bool { return p.tenant("coal").Warning == "" && p.tenant("coal").Source == "file" })
}
