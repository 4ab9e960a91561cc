package installation

import (
	"fmt"
	"os"
	"strings"

	"github.com/goccy/go-yaml"
)

// WriteConfig writes a configuration file. The keys of settings have dots:
// "okta.url". Whoever reads the file at that moment, as a service that was told to reload does, finds the old one or the
// new one, never half of it.
func WriteConfig(file string, settings map[string]any) error {
	root := map[string]any{}
	for key, value := range settings {
		section := root
		parts := strings.Split(key, ".")
		for _, part := range parts[:len(parts)-1] {
			inner, exists := section[part].(map[string]any)
			if !exists {
				inner = map[string]any{}
				section[part] = inner
			}
			section = inner
		}
		section[parts[len(parts)-1]] = value
	}
	text, err := yaml.Marshal(root)
	if err != nil {
		return fmt.Errorf("encode the configuration: %w", err)
	}
	if err := os.WriteFile(file+".new", text, 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	if err := os.Rename(file+".new", file); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}
