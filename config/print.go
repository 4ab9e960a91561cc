package config

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/tabwriter"
)

// Print writes every setting, its value without secrets, and where it came from:
// "default", "file oktasync.yml:12", "environment OKTASYNC_LOG_LEVEL" or "secret file
// /run/secrets/token".
func (c Config) Print(w io.Writer) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(t target, s setting, key string) {
		fmt.Fprintf(table, "%s\t%s\t%s\n", key, printable(s.show(t)), printable(c.origin(key)))
	}
	for _, s := range settings() {
		line(target{config: &c}, s, s.key)
	}
	for i := range c.Tenants {
		t := &c.Tenants[i]
		fmt.Fprintf(table, "\ntenant %s\n", t.Slug)
		for _, s := range tenantSettings() {
			if strings.HasPrefix(s.key, "mapping.") && !strings.HasSuffix(s.key, ".from") && c.origin(t.prefix+s.key) == "not set" {
				continue // steps that a mapping does without
			}
			line(target{config: &c, tenant: t}, s, t.prefix+s.key)
		}
	}
	if err := table.Flush(); err != nil {
		return fmt.Errorf("print the configuration: %w", err)
	}
	return nil
}

func (c Config) origin(key string) string {
	if origin := c.origins[key]; origin != "" {
		return origin
	}
	return "not set"
}

// printable keeps a value on its line and away from the terminal's controls.
func printable(value string) string {
	if value == "" {
		return "-"
	}
	quoted := strconv.Quote(value)
	if quoted == `"`+value+`"` || strings.ReplaceAll(quoted, `\"`, `"`) == `"`+value+`"` {
		return value
	}
	return quoted
}
