package main

import (
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/oktasync/oktasync/"

// TestImportRules keeps the star in shape: cmd imports everyone, everyone may
// import directory, and nobody else imports anybody. See docs/design.md.
func TestImportRules(t *testing.T) {
	t.Parallel()
	out, err := exec.Command("go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "../../...").CombinedOutput()
	if err != nil {
		t.Fatalf("go list: %v\n%s", err, out)
	}
	forbidden := map[string][]string{
		"directory": {"net/http", "database/sql", "os", "net"},
		"webhook":   {"github.com/hibiken/asynq", "github.com/okta/"},
		"jobs":      {"github.com/labstack/echo", "github.com/okta/", "github.com/jackc/pgx", "modernc.org/sqlite", "database/sql"},
		"okta":      {"github.com/hibiken/asynq", "github.com/labstack/echo", "database/sql", "github.com/jackc/pgx"},
		"sync":      {"net", "net/http", "os", "database/sql", "sync", "log/slog"},
		"store":     {"github.com/okta/", "github.com/hibiken/asynq", "github.com/labstack/echo", "net/http"},
		"deliver":   {"github.com/hibiken/asynq", "github.com/okta/", "github.com/jackc/pgx", "modernc.org/sqlite", "database/sql"},
		"api":       {"github.com/hibiken/asynq", "github.com/okta/", "github.com/jackc/pgx", "database/sql"},
	}
	seen := 0
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		pkg, found := strings.CutPrefix(fields[0], module)
		if !found || strings.HasPrefix(pkg, "cmd/") {
			continue
		}
		seen++
		folder, _, _ := strings.Cut(pkg, "/")
		for _, imported := range fields[1:] {
			if ours, isOurs := strings.CutPrefix(imported, module); isOurs {
				target, _, _ := strings.Cut(ours, "/")
				// Benchmarks, the chaos kit, what end-to-end tests share, and the store's
				// conformance suite are test code.
				testCode := slices.Contains([]string{"bench", "chaos", "e2e"}, folder) || path.Base(pkg) == "storetest"
				// Products import client, which may not drag the service along; examples are products.
				forProducts := map[string][]string{"client": {"api/client", "api/v1"}, "examples": {"client"}}[folder]
				if forProducts != nil {
					if target != folder && !slices.Contains(forProducts, ours) {
						t.Errorf("%s imports %s; it is for products, which must not import more than %v", pkg, ours, forProducts)
					}
				} else if target != "directory" && target != folder && !testCode {
					t.Errorf("%s imports %s; only cmd may", pkg, ours)
				}
				if folder == "config" || folder == "directory" && ours != "directory" {
					t.Errorf("%s imports %s; it may import nothing of ours", pkg, ours)
				}
			}
			if slices.ContainsFunc(forbidden[folder], func(f string) bool {
				return imported == f || strings.HasSuffix(f, "/") && strings.HasPrefix(imported, f) ||
					strings.Contains(f, ".") && strings.HasPrefix(imported, f+"/")
			}) {
				t.Errorf("%s imports %s, which it must not know", pkg, imported)
			}
		}
	}
	if seen < 8 {
		t.Errorf("looked at %d packages; the list is broken", seen)
	}
}
