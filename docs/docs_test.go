// Package docs_test keeps the pages of this folder true: what they list is compared with
// the code, and what they print is run.
package docs_test

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/presets"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/postgres"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
)

func read(t *testing.T, path string) string {
	t.Helper()
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// found returns the first group of each match, sorted, without repeats. None is a
// failure: then the expression no longer fits.
func found(t *testing.T, text, expression string) []string {
	t.Helper()
	var all []string
	for _, match := range regexp.MustCompile(expression).FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	if all == nil {
		t.Fatalf("nothing fits %s", expression)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// sameNames compares what a page lists with what there is.
func sameNames(t *testing.T, what string, listed, there []string) {
	t.Helper()
	for _, name := range there {
		if !slices.Contains(listed, name) {
			t.Errorf("%s: %s is not listed", what, name)
		}
	}
	for _, name := range listed {
		if !slices.Contains(there, name) {
			t.Errorf("%s: %s is listed and does not exist", what, name)
		}
	}
}

// section is the text from a heading to the next of its level.
func section(t *testing.T, text, heading string) string {
	t.Helper()
	_, after, ok := strings.Cut(text, heading+"\n")
	if !ok {
		t.Fatalf("there is no heading %q", heading)
	}
	level, _, _ := strings.Cut(heading, " ")
	body, _, _ := strings.Cut(after, "\n"+level+" ")
	return body
}

func blocks(text, language string) []string {
	var all []string
	for _, match := range regexp.MustCompile("(?s)```"+language+"\n(.*?)```").FindAllStringSubmatch(text, -1) {
		all = append(all, match[1])
	}
	return all
}

func TestMetrics(t *testing.T) {
	t.Parallel()
	code := read(t, "../cmd/oktasync/metrics.go") + read(t, "../cmd/oktasync/health.go") + read(t, "../cmd/oktasync/events.go")
	there := found(t, code, `(?:counter|histogram|gauge)\("([a-z_]+)"`)
	there = append(there, found(t, code, `"oktasync_([a-z_]+)"`)...)
	listed := found(t, section(t, read(t, "operations.md"), "## Metrics"), "(?m)^\\| `oktasync_([a-z_]+)` \\|")
	sameNames(t, "metrics", listed, there)
}

// Sentences that the page quotes must be those that the program says.
func TestQuotedSentences(t *testing.T) {
	t.Parallel()
	page := read(t, "operations.md")
	for _, quote := range []struct{ file, sentence string }{
		{"store/migrate.go", "and this binary needs"},
		{"store/migrate.go", "; run oktasync migrate"},
		{"store/migrate.go", "this binary is older than the database: the schema of"},
		{"store/migrate.go", "use the newer binary, nothing was changed"},
		{"cmd/oktasync/health.go", "has not had a full sync yet"},
		{"cmd/oktasync/health.go", "the database does not answer"},
		{"cmd/oktasync/health.go", "Redis does not answer"},
		{"cmd/oktasync/reconcile.go", "Okta sends attributes that no rule reads"},
		{"cmd/oktasync/reconcile.go", "since_event"},
		{"cmd/oktasync/reconcile.go", "superseded"},
		{"cmd/oktasync/client.go", "Nothing differed"},
		{"cmd/oktasync/client.go", "is queued."},
		{"cmd/oktasync/lookups.go", "Last changes:"},
		{"sync/guard.go", "people would lose access, over the limit of"},
		{"sync/absence.go", "Okta listed nobody as assigned to the app, while the"},
		{"sync/absence.go", "Okta's list lacks"},
		{"sync/absence.go", "are still assigned, so the list is not to be trusted"},
		{"sync/absence.go", "exists when it is read by id; their members were not read"},
		{"sync/absence.go", "service app was narrowed: run oktasync doctor, give the role back, and run the sync again"},
		{"sync/hold.go", "cannot be approved, because reading stopped before the plan was complete"},
		{"sync/approve.go", "is too old"},
		{"sync/approve.go", "Okta is not well"},
		{"sync/approve.go", "reading stopped before its plan was complete"},
		{"sync/mapping.go", "for this person, and the rules require it;"},
		{"directory/errors.go", "the plan was held back and nothing was applied"},
		{"jobs/worker.go", "Okta accepts the credentials again"},
		{"jobs/client.go", "Redis takes tasks again"},
		{"jobs/sweep.go", "enqueued scopes whose events had waited"},
		{"webhook/deliver.go", "hook taken in"},
		{"webhook/authenticate.go", "hook refused"},
		{"api/token.go", "admin API refused"},
	} {
		if !strings.Contains(page, quote.sentence) {
			t.Errorf("operations.md does not quote %q", quote.sentence)
		}
		if !strings.Contains(read(t, "../"+quote.file), quote.sentence) {
			t.Errorf("%s does not say %q any more", quote.file, quote.sentence)
		}
	}
}

// Figures that the page gives are the defaults.
func TestDefaults(t *testing.T) {
	t.Parallel()
	c, err := config.Load(config.Options{NoTenants: true, ReadFile: func(string) ([]byte, error) { return nil, fs.ErrNotExist }})
	if err != nil {
		t.Fatal(err)
	}
	page := read(t, "operations.md")
	for _, figure := range []struct {
		says string
		true bool
	}{
		{"`server.shutdown_grace` (20 s)", c.Server.ShutdownGrace.Seconds() == 20},
		{"(17 by default)", c.Workers.Leavers+c.Workers.People+c.Workers.Groups+c.Workers.Bulk == 17},
		{"`database.max_conns`, 25 by default", c.Database.MaxConns == 25},
		{"`retention.runs`, 90 days", c.Retention.Runs.Hours() == 90*24},
		{"`retention.inbox`, 30 days", c.Retention.Inbox.Hours() == 30*24},
	} {
		if !strings.Contains(page, figure.says) || !figure.true {
			t.Errorf("operations.md says (or should say) %q; is it the default? %t", figure.says, figure.true)
		}
	}
}

// Settings and variables that a page names are ones that there are.
func TestSettings(t *testing.T) {
	t.Parallel()
	list := read(t, "configuration.md")
	known := append(found(t, list, "(?m)^\\| `([a-z_.]+)` \\|"), found(t, list, "(?m)^\\| `[a-z_.]+` \\| `(OKTASYNC_[A-Z_]+)`")...)
	known = append(known, "OKTASYNC_CONFIG", "OKTASYNC_API_URL", "OKTASYNC_API_TOKEN", "OKTASYNC_SETUP_TOKEN")
	expression := regexp.MustCompile("`((?:database|redis|server|log|api|alerts|workers|queue|retention|deliver|encryption|okta|hook|nightly|limits|groups)\\.[a-z_.]+|OKTASYNC_[A-Z_]+)")
	for _, page := range []string{"operations.md", "api.md", "feed.md", "webhooks.md", "emulator.md", "dependencies.md"} {
		for _, match := range expression.FindAllStringSubmatch(read(t, page), -1) {
			if name := strings.TrimRight(match[1], "."); !slices.ContainsFunc(known, func(k string) bool { return k == name || strings.HasPrefix(k, name+".") }) {
				t.Errorf("%s names %s, which is no setting", page, name)
			}
		}
	}
}

// Each piece of configuration that a page prints is one, but for the files that it names.
func TestConfigurationExamples(t *testing.T) {
	t.Parallel()
	pages, err := filepath.Glob("*.md")
	if err != nil {
		t.Fatal(err)
	}
	ready, err := presets.All()
	if err != nil {
		t.Fatal(err)
	}
	read, base := 0, map[string]string{
		"okta": "{url: https://acme.okta.com, token: 00abcdefghijklmnopqrst, app_id: 0oa1appAPPAPPAPPx5d7}",
		"hook": "{secrets: [f00dcafe00112233445566778899aabb]}",
		// What tenants.md has its tenant take.
		"presets": "{standard: {nightly: {at: '03:00'}}}",
	}
	for _, page := range append(pages, "../README.md") {
		content, err := os.ReadFile(page)
		if err != nil {
			t.Fatal(err)
		}
		for _, example := range regexp.MustCompile("(?s)\n```yaml\n(.*?)\n```").FindAllStringSubmatch(string(content), -1) {
			text := example[1] + "\n"
			tenants := regexp.MustCompile(`(?m)^tenants:`).MatchString(text)
			for _, key := range []string{"okta", "hook", "presets"} {
				given := regexp.MustCompile(`(?m)^` + key + `:`).MatchString(text)
				if !given && !(tenants && key != "presets") {
					text += key + ": " + base[key] + "\n"
				}
			}
			file := filepath.Join(t.TempDir(), "example.yml")
			if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
			read++
			_, err := config.Load(config.Options{Path: file, Presets: ready})
			if err == nil {
				continue
			}
			for _, problem := range strings.Split(err.Error(), "\n") {
				if !strings.Contains(problem, "can't read the secret file") {
					t.Errorf("%s prints a configuration that is none: %s\n%s", page, problem, text)
				}
			}
		}
	}
	if read < 10 {
		t.Errorf("only %d examples were found: the expression no longer fits", read)
	}
}

// Each command line that a page prints begins with a command that there is.
func TestCommands(t *testing.T) {
	t.Parallel()
	code := section(t, read(t, "../cmd/oktasync/main.go"), "type commands struct {")
	fields, _, _ := strings.Cut(code, "\n}")
	known := found(t, fields, `name:"([a-z]+)"`)
	for _, name := range found(t, fields, `(?m)^\t([A-Z][A-Za-z]+) `) {
		known = append(known, strings.ToLower(name))
	}
	for _, page := range []string{"operations.md", "api.md", "feed.md", "webhooks.md", "emulator.md"} {
		for _, block := range append(blocks(read(t, page), "console"), blocks(read(t, page), "sh")...) {
			for _, match := range regexp.MustCompile(`(?m)(?:^|\$ |&& )oktasync ([a-z]+)`).FindAllStringSubmatch(block, -1) {
				if !slices.Contains(known, match[1]) {
					t.Errorf("%s prints oktasync %s, which does not exist", page, match[1])
				}
			}
		}
	}
}

func TestLinks(t *testing.T) {
	t.Parallel()
	anchor := func(heading string) string {
		return strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading), ""), " ", "-")
	}
	for _, page := range []string{"operations.md", "api.md", "feed.md", "webhooks.md", "emulator.md", "dependencies.md"} {
		for _, match := range regexp.MustCompile(`\]\(([^):]+)\)`).FindAllStringSubmatch(read(t, page), -1) {
			file, fragment, _ := strings.Cut(match[1], "#")
			if file == "" {
				file = page
			}
			if _, err := os.Stat(file); err != nil {
				t.Errorf("%s links to %s, which is not there", page, file)
				continue
			}
			if fragment == "" {
				continue
			}
			if !slices.ContainsFunc(found(t, read(t, file), `(?m)^#+ (.+)$`), func(h string) bool { return anchor(h) == fragment }) {
				t.Errorf("%s links to %s, which has no such heading", page, match[1])
			}
		}
	}
}

func TestDependencies(t *testing.T) {
	t.Parallel()
	page, module := read(t, "dependencies.md"), read(t, "../go.mod")
	there := found(t, module, `(?m)^\t(\S+) v\S+$`)
	row := "(?m)^\\| ([a-z.]+/[^ ]+) \\| .* \\| [A-Za-z0-9.-]+ \\| [0-9-]{10} \\|$"
	inBinary := found(t, section(t, page, "## In the binary"), row)
	inTests := found(t, section(t, page, "## In tests alone"), row)
	sameNames(t, "dependencies.md", append(slices.Clone(inBinary), inTests...), there)
	if !regexp.MustCompile(`(?m)^\tgithub.com/go-jose/go-jose/v3 v3\.0\.([5-9]|\d\d+)`).MatchString(module) {
		t.Error("go.mod no longer forces go-jose v3 to 3.0.5 or later; the Okta SDK would bring 3.0.0")
	}
	tool := "honnef.co/go/tools/cmd/staticcheck@"
	version := found(t, read(t, "../Makefile"), regexp.QuoteMeta(tool)+`(v[0-9.]+)`)
	if !strings.Contains(page, "honnef.co/go/tools "+version[0]+" (staticcheck)") {
		t.Errorf("dependencies.md names another staticcheck than the Makefile's %s", version[0])
	}

	output := func(args ...string) string {
		out, err := exec.Command("go", args...).CombinedOutput()
		if err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, out)
		}
		return string(out)
	}
	linked := strings.Fields(output("list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", "../cmd/oktasync"))
	for _, name := range inBinary {
		if !slices.Contains(linked, name) {
			t.Errorf("%s is listed as part of the binary and is not", name)
		}
	}
	for _, name := range inTests {
		if slices.Contains(linked, name) {
			t.Errorf("%s is listed as for tests alone and is in the binary", name)
		}
	}
	decoder := json.NewDecoder(strings.NewReader(output(append([]string{"list", "-m", "-json"}, there...)...)))
	for decoder.More() {
		var m struct{ Path, Time string }
		if err := decoder.Decode(&m); err != nil {
			t.Fatal(err)
		}
		if m.Time == "" {
			continue // a module cache that came without dates
		}
		if !regexp.MustCompile(`(?m)^\| ` + regexp.QuoteMeta(m.Path) + ` \|.*\| ` + m.Time[:10] + ` \|$`).MatchString(page) {
			t.Errorf("dependencies.md: the version of %s in use is of %s", m.Path, m.Time[:10])
		}
	}
}

func TestAPICalls(t *testing.T) {
	t.Parallel()
	sources, err := filepath.Glob("../api/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, source := range sources {
		for _, match := range regexp.MustCompile(`Method: http\.Method(\w+), Path: "([^"]+)"`).FindAllStringSubmatch(read(t, source), -1) {
			there = append(there, strings.ToUpper(match[1])+" "+match[2])
		}
	}
	page := read(t, "api.md")
	sameNames(t, "calls of the API", found(t, page, "(?m)^\\| `([A-Z]+ [^`]+)` \\|"), there)
	_, after, _ := strings.Cut(page, "\nTypes: ")
	types, _, _ := strings.Cut(after, "\n")
	sameNames(t, "types of changes", found(t, types, "`([a-z_]+\\.[a-z_]+)`"), found(t, read(t, "../directory/change.go"), `ChangeType = "([a-z_.]+)"`))
}

// Every query of the page runs on Postgres; those that are not marked as Postgres' own run on
// SQLite too. Every column that it names is there.
func TestSQL(t *testing.T) {
	t.Parallel()
	page := section(t, read(t, "api.md"), "## SQL")
	queries := regexp.MustCompile("(?s)([^\n]*)\n\n```sql\n(.*?)```").FindAllStringSubmatch(page, -1)
	if len(queries) < 5 {
		t.Fatalf("only %d queries were found", len(queries))
	}
	var selects [][2]string
	for _, row := range regexp.MustCompile("(?m)^\\| `([a-z_]+)` \\| (`tenant`[^|]*) \\|( `[^|]*)? \\|$").FindAllStringSubmatch(page, -1) {
		columns := strings.TrimSuffix(strings.ReplaceAll(row[2]+","+row[3], "`", ""), ",")
		selects = append(selects, [2]string{"", "select " + columns + " from " + row[1]})
	}
	if len(selects) != 8 {
		t.Fatalf("%d views are described, want 8", len(selects))
	}
	for _, q := range queries {
		selects = append(selects, [2]string{q[1], q[2]})
	}
	try := func(t *testing.T, db *sql.DB, own bool) {
		for _, q := range selects {
			if strings.Contains(q[0], "Postgres") && !own {
				continue
			}
			tx, err := db.BeginTx(t.Context(), nil)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := tx.ExecContext(t.Context(), q[1]); err != nil {
				t.Errorf("%v\n%s", err, q[1])
			}
			if err := tx.Rollback(); err != nil { // a role belongs to the whole server
				t.Fatal(err)
			}
		}
	}
	t.Run("postgres", func(t *testing.T) {
		t.Parallel()
		address := storetest.PostgresEmpty(t)
		store, err := postgres.Open(t.Context(), postgres.Options{URL: address})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		if err := store.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("pgx", address)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		try(t, db, true)
	})
	t.Run("sqlite", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "oktasync.db")
		store, err := sqlite.Open(t.Context(), sqlite.Options{Path: path})
		if err != nil {
			t.Fatal(err)
		}
		defer store.Close()
		if err := store.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		db, err := sql.Open("sqlite", path)
		if err != nil {
			t.Fatal(err)
		}
		defer db.Close()
		try(t, db, false)
	})
}

func TestEmulatorControl(t *testing.T) {
	t.Parallel()
	page, code := read(t, "emulator.md"), read(t, "../emulator/control_http.go")
	table, _, _ := strings.Cut(page, "\n## Faults")
	var listed []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`.*`) \\| (.*) \\|$").FindAllStringSubmatch(table, -1) {
		var bare, methods []string // "`GET`, `PUT /a`, `/b`": GET and PUT of both
		for _, quoted := range regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1) {
			method, path, whole := strings.Cut(quoted[1], " ")
			switch {
			case whole:
				methods, bare = append(bare, method), nil
			case strings.HasPrefix(method, "/"):
				path = method
			default:
				bare = append(bare, method)
				continue
			}
			path = strings.TrimPrefix(path, "/emulator/v1")
			for _, m := range methods {
				if !strings.HasSuffix(path, "{act}") {
					listed = append(listed, m+" "+path)
					continue
				}
				for _, act := range found(t, row[2], "`([a-z_]+)`") {
					if act != "department" && act != "manager" { // what move takes
						listed = append(listed, m+" "+strings.TrimSuffix(path, "{act}")+act)
					}
				}
			}
		}
	}
	var there []string
	for _, match := range regexp.MustCompile(`add\("([A-Z]+)", "([^"]*)"(\+name)?`).FindAllStringSubmatch(code, -1) {
		if match[3] == "" {
			there = append(there, match[1]+" "+match[2])
		}
	}
	acts, _, _ := strings.Cut(section(t, code, "\tfor name, do := range map[string]func(string) (Act, error){"), "} {")
	for _, act := range found(t, acts, `"([a-z_]+)": o\.`) {
		there = append(there, "POST /people/{who}/"+act)
	}
	sameNames(t, "control calls", listed, there)
	kinds := section(t, page, "## Faults")
	_, kinds, _ = strings.Cut(kinds, "| Kind |")
	var firstCells string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(kinds, -1) {
		firstCells += row[1]
	}
	sameNames(t, "faults", found(t, firstCells, "`([a-z_]+)`"), found(t, read(t, "../emulator/faults.go"), `FaultKind = "([a-z_]+)"`))
}

// yourHandler is an event hook endpoint at its simplest.
func yourHandler(received chan<- string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if challenge := r.Header.Get("X-Okta-Verification-Challenge"); challenge != "" {
			_ = json.NewEncoder(w).Encode(map[string]string{"verification": challenge})
			return
		}
		var body struct {
			Data struct {
				Events []struct {
					EventType string `json:"eventType"`
				} `json:"events"`
			} `json:"data"`
		}
		text, err := io.ReadAll(r.Body)
		if err != nil || json.Unmarshal(text, &body) != nil || r.Header.Get("Authorization") != "a-secret" {
			http.Error(w, "no", http.StatusUnauthorized)
			return
		}
		for _, e := range body.Data.Events {
			received <- e.EventType
		}
		w.WriteHeader(http.StatusNoContent)
	})
}

// The body of this test is the example of emulator.md.
func TestEmulatorExample(t *testing.T) {
	ctx := t.Context()
	org, err := emulator.Start(ctx, "127.0.0.1:0", emulator.Options{
		People: 50, Groups: 3, Limits: emulator.Unlimited(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = org.Close(context.Background()) })

	// Your service, pointed at org.URL, emulator.DefaultToken and org.Org.AppID().
	received := make(chan string, 10)
	service := httptest.NewServer(yourHandler(received))
	t.Cleanup(service.Close)
	if _, err := org.Org.RegisterHook(emulator.NewHook{URL: service.URL, Secret: "a-secret"}); err != nil {
		t.Fatal(err)
	}

	// Something happens in Okta, and the hook tells.
	who := org.Org.PersonIDs()[7]
	if _, err := org.Org.Suspend(who); err != nil {
		t.Fatal(err)
	}
	if err := org.Org.WaitHooks(ctx); err != nil {
		t.Fatal(err)
	}
	if got := <-received; got != "user.lifecycle.suspend" {
		t.Errorf("the hook told of %s", got)
	}

	// Okta fails twice: the truth stays the same.
	if _, err := org.Org.AddFault(emulator.Fault{Kind: emulator.FaultServerError, Count: 2}); err != nil {
		t.Fatal(err)
	}
	if person, _ := org.Org.Person(who); person.Status != emulator.Suspended {
		t.Errorf("%s is %s", who, person.Status)
	}
}

func TestEmulatorExampleIsTheOneThatRuns(t *testing.T) {
	t.Parallel()
	examples := blocks(read(t, "emulator.md"), "go")
	if len(examples) == 0 {
		t.Fatal("there is no example")
	}
	indented := regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(examples[0], "\t$1")
	if !strings.Contains(read(t, "docs_test.go"), indented) {
		t.Error("the example of emulator.md is not the body of TestEmulatorExample")
	}
}

// The role that the page makes can read what the page lists, and nothing else.
func TestReaderRole(t *testing.T) {
	t.Parallel()
	page := section(t, read(t, "api.md"), "## SQL")
	listed := found(t, page, "(?m)^\\| `([a-z_]+)` \\| `tenant`")
	i := slices.IndexFunc(blocks(page, "sql"), func(b string) bool { return strings.Contains(b, "create role product") })
	address := storetest.PostgresEmpty(t)
	opened, err := postgres.Open(t.Context(), postgres.Options{URL: address})
	if err != nil {
		t.Fatal(err)
	}
	defer opened.Close()
	if err := opened.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	fillWithGone(t, opened)
	db, err := sql.Open("pgx", address)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil) // never committed: a role belongs to the whole server
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = tx.Rollback() }()
	may := func(statement string) error {
		if _, err := tx.ExecContext(t.Context(), "savepoint before"); err != nil {
			t.Fatal(err)
		}
		_, failure := tx.ExecContext(t.Context(), statement)
		if _, err := tx.ExecContext(t.Context(), "rollback to before"); err != nil {
			t.Fatal(err)
		}
		return failure
	}
	var relations []string
	if err := tx.QueryRowContext(t.Context(), `select array_to_json(array_agg(relname)) from pg_class
		where relkind in ('r', 'v') and relnamespace = 'public'::regnamespace`).Scan(jsonTo{&relations}); err != nil {
		t.Fatal(err)
	}
	for _, statement := range []string{blocks(page, "sql")[i], "set local role product"} {
		if _, err := tx.ExecContext(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	if len(relations) < 20 || len(listed) != 8 {
		t.Fatalf("there are %v, listed are %v", relations, listed)
	}
	var seen string
	if err := tx.QueryRowContext(t.Context(), `select (select string_agg(id, ' ' order by id) from directory_people) || ', ' ||
		(select string_agg(id, ' ') from directory_groups) || ', ' || (select string_agg(group_id || ' ' || person_id, ' ') from directory_members)`).Scan(&seen); err != nil {
		t.Fatal(err)
	}
	if seen != "u1 u2, g1, g1 u1" {
		t.Errorf("the views show %q", seen)
	}
	for _, name := range relations {
		if err := may("select * from " + name); slices.Contains(listed, name) != (err == nil) {
			t.Errorf("select from %s: %v", name, err)
		}
		for _, write := range []string{"delete from " + name, "insert into " + name + " default values"} {
			// Nobody can write to a view of two tables, whatever their rights.
			if err := may(write); err == nil || !strings.Contains(err.Error(), "permission denied") && !strings.Contains(err.Error(), "from view") && !strings.Contains(err.Error(), "into view") {
				t.Errorf("%s: %v", write, err)
			}
		}
	}
}

// fillWithGone adds who is there, and whoever has left or was never there.
func fillWithGone(t *testing.T, db *store.DB) {
	t.Helper()
	if err := db.EnsureTenants(t.Context(), []string{"acme"}); err != nil {
		t.Fatal(err)
	}
	err := db.Update(t.Context(), "acme", func(ctx context.Context, tx *store.Tx) error {
		return errors.Join(
			tx.PutPeople(ctx, []directory.Person{
				{ID: "u1", Status: directory.StatusActive, OktaStatus: "ACTIVE"}, {ID: "u2", Status: directory.StatusDeactivated, OktaStatus: "DEPROVISIONED"},
				{ID: "u3", Status: directory.StatusRemoved, OktaStatus: "ACTIVE"}, {ID: "u4", Status: directory.StatusRemoved},
			}),
			tx.PutGroups(ctx, []directory.Group{{ID: "g1"}, {ID: "g2", Removed: true}}),
			tx.PutMemberships(ctx, []directory.Membership{{GroupID: "g1", PersonID: "u1", Present: true}, {GroupID: "g1", PersonID: "u3"}}))
	})
	if err != nil {
		t.Fatal(err)
	}
}

// jsonTo scans JSON.
type jsonTo struct{ to any }

func (j jsonTo) Scan(value any) error {
	if text, ok := value.([]byte); ok {
		return json.Unmarshal(text, j.to)
	}
	return json.Unmarshal([]byte(value.(string)), j.to)
}
