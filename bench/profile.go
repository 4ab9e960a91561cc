package main

import (
	_ "embed"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// profileSource goes into the binary that is profiled, and into no other: the
// compiler reads it as one more file of the service's package main.
//
//go:embed testdata/profile.go.txt
var profileSource []byte

// profileVariable tells that file where to write.
const profileVariable = "BENCH_PROFILE"

// overlay writes the file that makes go build add the profiling.
func overlay(dir, module string) (string, error) {
	source := filepath.Join(dir, "profile.go")
	if err := os.WriteFile(source, profileSource, 0o600); err != nil {
		return "", fmt.Errorf("write the profiling source: %w", err)
	}
	text, err := json.Marshal(map[string]map[string]string{
		"Replace": {filepath.Join(module, "cmd", "oktasync", "profile_for_bench.go"): source},
	})
	if err != nil {
		return "", fmt.Errorf("encode the overlay: %w", err)
	}
	path := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(path, text, 0o600); err != nil {
		return "", fmt.Errorf("write the overlay: %w", err)
	}
	return path, nil
}
