// Package presets holds the ready presets: rules for kinds of products, each in a file that explains
// itself. They are compiled into the program; a tenant takes one by its name (docs/presets.md).
//
// A file is written like the settings of one tenant, so that it can be copied into a configuration
// as it is, and changed there. A file that the configuration cannot read keeps the program from
// starting, which a test of the program finds.
package presets

import (
	"embed"
	"fmt"
	"strings"
)

//go:embed *.yml
var files embed.FS

// All returns the files by the names of the presets: livepreso for livepreso.yml.
func All() (map[string][]byte, error) {
	all := map[string][]byte{}
	entries, err := files.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("list the ready presets: %w", err)
	}
	for _, entry := range entries {
		content, err := files.ReadFile(entry.Name())
		if err != nil {
			return nil, fmt.Errorf("read the ready preset %s: %w", entry.Name(), err)
		}
		all[strings.TrimSuffix(entry.Name(), ".yml")] = content
	}
	return all, nil
}
