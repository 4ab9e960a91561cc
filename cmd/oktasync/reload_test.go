package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/api/v1"
)

// TestReload changes the rules of a tenant of the file while the service runs, then while it does not, and in between hands in
// a file with mistakes.
func TestReload(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.customer("acme")
	configured := func(more string) {
		h.file = fmt.Sprintf("okta: {url: '%s', allow_http: true, token: '%s', app_id: %s}\nhook: {secrets: [%s]}\nnightly: {at: never}\n%s",
			c.URL, c.token, c.Org.AppID(), c.secret, more)
	}
	configured("")
	p := h.open()
	p.synced("default")
	someone := c.Org.PersonIDs()[3]
	person := func() (title, department string) {
		found := done(p.api.Person(t.Context(), "default", someone))(t)
		return found.Profile.Title, found.Profile.Department
	}
	before, department := person()
	if before == department {
		t.Fatalf("title and department are both %q, so nothing can be told", before)
	}
	titled := func() bool { title, department := person(); return title == department }

	p.command(0, "are in force", "config", "reload") // nothing has changed

	// What changed files would do is shown before they are used.
	saved := func(name, more string) string {
		configured(more)
		h.environ()
		path := filepath.Join(h.folder, name)
		if err := os.WriteFile(path, done(os.ReadFile(filepath.Join(h.folder, "config.yml")))(t), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	worse := saved("worse.yml", "required: [clan]\n")
	more := saved("more.yml", "mapping: {title: user.nickName}\n")
	changed := saved("new.yml", "mapping: {title: user.department}\n")
	was := saved("old.yml", "")
	p.command(1, "clan", "rules", "diff", was, worse)
	p.command(1, "user.nickName, which was never read", "rules", "diff", was, more)
	p.command(0, "would make 0 changes", "rules", "diff", was, was)
	plan := p.command(0, "mapping.title.from: [user.title] -> [user.department]", "rules", "diff", was, changed)
	if !strings.Contains(plan, "Nothing was changed.") || !strings.Contains(plan, "person.updated") || !strings.Contains(plan, someone) {
		t.Errorf("the diff of two files:\n%s", plan)
	}
	p.command(0, `"cause":"manual"`, "rules", "diff", was, changed, "--json")
	if title, _ := person(); title != before {
		t.Errorf("the diff changed the title to %q", title)
	}

	configured("required: [clan]\nteams: {from: tribe}\n")
	for _, mistake := range []string{"required", "teams.from"} {
		p.command(1, mistake, "config", "reload")
	}
	if title, _ := person(); title != before {
		t.Errorf("a file with mistakes changed the title to %q", title)
	}

	calls := c.Org.CallsTo("/api/v1/users")
	configured("mapping: {title: user.department}\nserver: {listen: '127.0.0.1:1'}\nworkers: {bulk: 3}\n")
	said := p.command(0, "count only after a restart: server.listen, workers.bulk", "config", "reload")
	if !strings.Contains(said, "default: ") {
		t.Errorf("the reload said:\n%s", said)
	}
	p.until("the new rules are applied", titled)
	if now := c.Org.CallsTo("/api/v1/users"); now != calls {
		t.Errorf("Okta was asked %d times", now-calls)
	}
	runs := done(p.api.Runs(t.Context(), "default", 100))(t).Items
	byRules := 0
	for _, r := range runs {
		if r.Cause == "rule_change" && r.Rules != "" {
			byRules++
		}
	}
	if byRules != 1 {
		t.Errorf("%d runs by changed rules, want one", byRules)
	}

	// Two processes start with a file that was changed meanwhile; one run is enough for both.
	p.stop()
	configured("")
	p = h.open()
	h.open()
	p.until("the old rules are back", func() bool { title, _ := person(); return title == before })
	p.until("their run is over", func() bool {
		runs = done(p.api.Runs(t.Context(), "default", 100))(t).Items
		byRules = 0
		for _, r := range runs {
			if r.Cause == "rule_change" {
				byRules++
			}
		}
		return !slices.ContainsFunc(runs, func(r v1.Run) bool { return !r.Final() })
	})
	if byRules != 2 {
		t.Errorf("%d runs by changed rules, want two", byRules)
	}
}

// TestChangedTenantTakesTheSamePath: the rules of a tenant of the database come into force by a run as well.
func TestChangedTenantTakesTheSamePath(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	c := h.customer("coal")
	p := h.open()
	p.command(0, "coal", "tenants", "add", "coal", "--settings", h.settings(c))
	p.synced("coal")
	someone := c.Org.PersonIDs()[3]
	p.command(0, "mapping", "tenants", "change", "coal", "--set", "mapping.title.from=user.department")
	p.until("the new rules are applied", func() bool {
		found := done(p.api.Person(t.Context(), "coal", someone))(t)
		return found.Profile.Title != "" && found.Profile.Title == found.Profile.Department
	})
	runs := done(p.api.Runs(t.Context(), "coal", 100))(t).Items
	if !slices.ContainsFunc(runs, func(r v1.Run) bool { return r.Cause == "rule_change" }) {
		t.Errorf("no run by changed rules: %+v", runs)
	}
}
