package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/oktasync/oktasync/e2e/installation"
)

// buildSkewed builds a service whose process is wrong about the time by so much, in all that it does: the
// standard library's time.Now is another one there. Everything is compiled anew for it, which takes
// minutes the first time.
func buildSkewed(ctx context.Context, dir, path string, by time.Duration) error {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return fmt.Errorf("find Go's own source: %w", err)
	}
	original := filepath.Join(strings.TrimSpace(string(root)), "src", "time", "time.go")
	source, err := os.ReadFile(original)
	if err != nil {
		return fmt.Errorf("read Go's clock: %w", err)
	}
	const clock = "func Now() Time {\n\tsec, nsec, mono := runtimeNow()\n"
	if strings.Count(string(source), clock) != 1 {
		return fmt.Errorf("set Go's clock wrong: %s is not as expected; -skew knows Go 1.26", original)
	}
	changed := strings.Replace(string(source), clock, fmt.Sprintf("%s\tsec += %d\n", clock, int64(by.Seconds())), 1)
	replaced, overlay := filepath.Join(dir, "time.go"), filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(replaced, []byte(changed), 0o600); err != nil {
		return fmt.Errorf("write another clock: %w", err)
	}
	text, err := json.Marshal(map[string]map[string]string{"Replace": {original: replaced}})
	if err != nil {
		return fmt.Errorf("write the overlay: %w", err)
	}
	if err := os.WriteFile(overlay, text, 0o600); err != nil {
		return fmt.Errorf("write the overlay: %w", err)
	}
	return installation.Build(ctx, path, "-overlay", overlay)
}
