package e2e

import (
	"bufio"
	"fmt"
	"maps"
	"net"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/e2e/installation"
	"github.com/oktasync/oktasync/emulator"
)

// canary is part of every personal value of the people of TestNothingPersonalLeaks.
const canary = "zquvax"

// TestNothingPersonalLeaks has people whose every value, and secrets, that can be
// recognised, lets them go through everything that may be logged, and then
// searches logs at debug level, all that ever went to Redis, and the metrics.
func TestNothingPersonalLeaks(t *testing.T) {
	t.Parallel()
	server := startRedis(t)
	written := monitor(t, server)
	database, err := url.Parse(newDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	database.User = url.UserPassword("postgres", "the-"+canary+"-password")
	later := &laterFlows{}
	settings := later.settings(t)
	maps.Copy(settings, map[string]any{
		"log.level": "debug", "unique": []string{"email"}, "hook.secrets": []string{hookSecret, "another-" + canary + "-secret"},
	})
	w := newWorld(t, setup{database: database.String(), redis: server, settings: settings, org: emulator.Options{OptionalNames: true}})
	w.settings["server.public_url"] = w.relay.URL

	person := func(n int, more map[string]any) emulator.NewPerson {
		profile := map[string]any{
			"title": "Title " + canary, "city": canary + "ville", "employeeNumber": fmt.Sprint(canary, "-", n),
			"displayName": "Display " + canary, "mobilePhone": "+1 " + canary, "secondEmail": canary + ".second@example.org",
			"managerId": canary + ".boss@example.org", "manager": "Boss " + canary, "profileUrl": "https://example.org/" + canary,
			"preferredLanguage": canary,
		}
		for name, value := range more {
			profile[name] = value
		}
		return emulator.NewPerson{FirstName: "First" + canary, LastName: "Last" + canary, Department: "Dept " + canary,
			Email: fmt.Sprintf("%s.%d@example.org", canary, n), Login: fmt.Sprintf("%s.login.%d@example.org", canary, n), Profile: profile}
	}
	group := w.act(w.org.CreateGroup("Group "+canary, "About "+canary)).ID
	var ids []string
	for n := range 12 {
		p := person(n, nil)
		p.Groups = []string{group}
		ids = append(ids, w.act(w.org.Join(p)).ID)
	}
	w.act(w.org.Join(person(50, map[string]any{"email": nil})))
	w.act(w.org.Join(person(51, map[string]any{"email": canary + ".1@example.org"}))) // somebody else's
	w.start()
	w.synced(2 * time.Minute)
	w.hook()

	must[string](t)(w.org.AddFault(emulator.Fault{Kind: emulator.FaultSlow, Delay: emulator.Duration(100 * time.Millisecond), Count: 60}))
	must[string](t)(w.org.AddFault(emulator.Fault{Kind: emulator.FaultHTML, Count: 2, Skip: 10}))
	must[string](t)(w.org.AddFault(emulator.Fault{Kind: emulator.FaultCutJSON, Count: 2, Skip: 14}))
	must[string](t)(w.org.AddFault(emulator.Fault{Kind: emulator.FaultEOF, Count: 1, Skip: 20}))
	for n, id := range ids[:8] {
		w.act(w.org.Update(id, map[string]any{"title": fmt.Sprint("New ", canary, n), "login": fmt.Sprintf("%s.new.%d@example.org", canary, n)}))
	}
	w.act(w.org.RenameGroup(group, "Renamed "+canary))
	w.act(w.org.Suspend(ids[8]))
	w.act(w.org.Deactivate(ids[9]))
	w.act(w.org.Unassign("", ids[10]))
	w.act(w.org.Delete(ids[11]))
	// Events that name people by login only, one of whom does not exist.
	for _, login := range []string{canary + ".new.1@example.org", canary + ".nobody@example.org", canary + " not/a?login"} {
		w.post("/webhooks/okta", hookSecret, event("application.user_membership.add", "AppUser", "0ua0000000000000x5d7", login))
		w.post("/webhooks/okta", hookSecret, event("user.lifecycle.suspend", "User", login, login))
	}
	// Strangers, and bodies that cannot be read.
	w.post("/webhooks/okta", canary+"-is-a-wrong-secret", event("user.lifecycle.suspend", "User", ids[0], canary))
	w.post("/webhooks/okta/"+canary, hookSecret, []byte(`{}`))
	w.post("/webhooks/okta", hookSecret, []byte(`{"login": "`+canary+`"`))
	w.post("/webhooks/okta", "another-"+canary+"-secret", []byte(`{"data":{"events":["`+canary+`",{"eventType":"`+canary+`"}]}}`))
	w.send(http.MethodGet, "/webhooks/okta", hookSecret, nil, http.Header{"X-Okta-Verification-Challenge": {canary}})
	w.send(http.MethodGet, "/api/v1/tenants/default/people/"+canary+".1@example.org", "", nil, http.Header{"Authorization": {"Bearer " + adminToken}})
	w.send(http.MethodGet, "/api/v1/tenants/default/people/"+canary, "", nil, http.Header{"Authorization": {"Bearer " + canary}})
	for _, args := range [][]string{
		{"people", "show", canary + ".1@example.org"}, {"people", "show", canary}, {"people", "list"}, {"quarantine"},
		{"resync", "--person", canary + ".new.2@example.org", "--wait"}, {"resync", "--group", "Renamed " + canary, "--wait"},
	} {
		w.cli(args...)
	}
	ctx, limit := t.Context(), time.Minute
	if err := w.org.WaitHooks(ctx); err != nil {
		t.Fatal(err)
	}
	eventually(t, limit, "the events are worked off or parked", func() string {
		if n := w.waiting(); n > 0 {
			return fmt.Sprintf("%d scopes wait", n)
		}
		return ""
	})
	w.resync(limit)
	later.run(w, ids[9], ids[7])
	w.org.RevokeToken(oktaToken)
	w.act(w.org.Update(ids[0], map[string]any{"lastName": "Once more " + canary}))
	eventually(t, limit, "the tenant rests", func() string {
		if state, err := w.api.Tenant(ctx, tenant); err != nil || state.Blocked == "" {
			return "it does not"
		}
		return ""
	})
	printed, status := w.cli("config", "print")
	if status != 0 || !contains(printed, "deliver") {
		t.Errorf("config print: status %d: %s", status, printed)
	}
	secrets := append([]string{hookSecret, secondSecret, adminToken, oktaToken, later.alertSecret, later.encryptionKey, linkKey,
		"the-" + canary + "-password", "another-" + canary}, later.endpointKeys...)
	for _, secret := range secrets {
		if contains(printed, strings.TrimPrefix(secret, "whsec_")) {
			t.Errorf("config print holds the secret %s", secret)
		}
	}
	_, metrics := w.get(w.listen, "/metrics")
	_, ready := w.get(w.listen, "/readyz")
	w.service.terminate(25 * time.Second)

	// That the search can find something at all.
	if tasks := written(); !contains(tasks, ids[0]) || !contains(w.service.Out.String(), ids[0]) {
		t.Fatal("neither Redis nor the log has the ids that they must have")
	}
	if !contains(w.service.Out.String(), `"level":"DEBUG"`) {
		t.Log("nothing was logged at debug level")
	}
	for name, text := range map[string]string{"the log": w.service.Out.String(), "Redis": written(), "/metrics": metrics, "/readyz": ready} {
		for _, secret := range append([]string{canary, "example.org", "product.test/welcome?invite", "whsec_", "whsk_"}, secrets...) {
			for line := range strings.Lines(text) {
				if strings.Contains(strings.ToLower(line), strings.ToLower(secret)) {
					t.Errorf("%s holds %q: %s", name, secret, line)
				}
			}
		}
	}
}

// monitor notes every command that Redis gets from now on.
func monitor(t *testing.T, server *redisServer) func() string {
	t.Helper()
	conn, err := net.Dial("tcp", server.server.Address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if _, err := conn.Write([]byte("MONITOR\r\n")); err != nil {
		t.Fatal(err)
	}
	var seen installation.Output
	lines := bufio.NewReader(conn)
	if line, err := lines.ReadString('\n'); err != nil || line != "+OK\r\n" {
		t.Fatalf("watch Redis: %q %v", line, err)
	}
	go func() { _, _ = lines.WriteTo(&seen) }() // ends with the connection
	return seen.String
}
