package main

import (
	"strings"
	"testing"
)

// TestSeeds lets a few seeds go through the trouble, on both installations.
func TestSeeds(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"-mode embedded -seed 1 -seeds 4 -tenants 4 -steps 60",
		"-mode postgres -seed 101 -seeds 2 -tenants 2 -steps 60",
	} {
		t.Run(args, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			status := run(t.Context(), strings.Fields(args), &out, &out)
			t.Log(out.String())
			if status != 0 {
				t.Errorf("status %d", status)
			}
		})
	}
}

// TestUnderstood looks at the command line.
func TestUnderstood(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		args string
		want int
	}{
		{"-help", 0}, {"-mode sqlite", 2}, {"-seeds 0", 2}, {"-seed -1", 2}, {"seven", 2},
	} {
		var out strings.Builder
		if status := run(t.Context(), strings.Fields(tt.args), &out, &out); status != tt.want || out.Len() == 0 {
			t.Errorf("chaos %s: status %d, want %d: %s", tt.args, status, tt.want, &out)
		}
	}
}
