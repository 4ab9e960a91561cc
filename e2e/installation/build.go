package installation

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"strings"
)

// Build builds the service to path, from any folder of the module.
func Build(ctx context.Context, path string, flags ...string) error {
	text, err := exec.CommandContext(ctx, "go", "env", "GOMOD").Output()
	if err != nil {
		return fmt.Errorf("find the module: %w", err)
	}
	build := exec.CommandContext(ctx, "go", append(append([]string{"build", "-o", path}, flags...), "./cmd/oktasync")...)
	build.Dir = filepath.Dir(strings.TrimSpace(string(text)))
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the service: %w\n%s", err, out)
	}
	return nil
}
