package store

import (
	"io/fs"
	"path"
	"regexp"
	"slices"
	"testing"

	"github.com/oktasync/oktasync/store/migrations"
)

// A table that belongs to tenants and is not in the list would keep the rows of a tenant that was
// erased.
func TestEveryTenantTableIsErased(t *testing.T) {
	t.Parallel()
	var listed []string
	for _, table := range tenantTables() {
		listed = append(listed, table.name)
	}
	slices.Sort(listed)
	created := regexp.MustCompile(`(?s)create (?:unlogged )?table (\w+) \((.*?)\n\)`)
	owned := regexp.MustCompile(`(?m)^\s*tenant\s`)
	for _, open := range []func() (fs.FS, error){migrations.Postgres, migrations.SQLite} {
		files, err := open()
		if err != nil {
			t.Fatal(err)
		}
		names, err := fs.Glob(files, "*.sql")
		if err != nil || len(names) == 0 {
			t.Fatalf("migrations %v, error %v", names, err)
		}
		var there []string
		for _, name := range names {
			text, err := fs.ReadFile(files, path.Clean(name))
			if err != nil {
				t.Fatal(err)
			}
			for _, table := range created.FindAllStringSubmatch(string(text), -1) {
				if owned.MatchString(table[2]) {
					there = append(there, table[1])
				}
			}
		}
		slices.Sort(there)
		if !slices.Equal(there, listed) {
			t.Errorf("tables with a tenant:\n%v\nlisted in tenantTables:\n%v", there, listed)
		}
	}
}
