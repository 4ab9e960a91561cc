package main

import (
	"cmp"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"time"
)

// report says how a round went, and everything about its seeds that failed. It returns their
// number.
func (r *round) report(out io.Writer, took time.Duration) int {
	byCalm := slices.SortedFunc(slices.Values(r.tenants), func(a, b *tenant) int { return cmp.Compare(a.calm, b.calm) })
	steps, changes, lost, forged, failed := 0, 0, 0, 0, 0
	for _, t := range r.tenants {
		if t.truth != nil {
			steps += len(t.truth.steps) - 1
		}
		changes, lost, forged = changes+t.changes, lost+t.lost, forged+t.forged
		if len(t.wrong) > 0 {
			failed++
			r.failure(out, t)
		}
	}
	last := byCalm[len(byCalm)-1]
	fmt.Fprintf(out, "seeds %d to %d, %s: %d failed; %d acts, %d changes, %d lost and %d forged hooks, right %.1f s after the trouble (median; seed %d: %.1f s), %.0f s in all\n",
		r.first, r.first+uint64(len(r.tenants))-1, r.o.mode, failed, steps, changes, lost, forged,
		byCalm[len(byCalm)/2].calm.Seconds(), last.seed, last.calm.Seconds(), took.Seconds())
	if r.o.logs != "" {
		r.keepLogs(out)
	}
	return failed
}

// failure prints a seed that failed: what happened, what went wrong and when, what is not
// as it must be, and how to do it again.
func (r *round) failure(out io.Writer, t *tenant) {
	fmt.Fprintf(out, "\n=== seed %d failed (%s, tenant %s) ===\n\nWhat happened in Okta:\n", t.seed, r.o.mode, t.slug)
	print := func(lines []string) {
		for _, line := range lines {
			fmt.Fprintf(out, "  %s\n", line)
		}
	}
	print(t.acts.entries(r.start))
	fmt.Fprint(out, "\nWhat went wrong between Okta and the service:\n")
	print(t.troubles.entries(r.start))
	fmt.Fprint(out, "\nWhat went wrong with the installation:\n")
	print(r.notes.entries(r.start))
	fmt.Fprint(out, "\nWhat is not as it must be:\n")
	print(t.wrong)
	fmt.Fprintf(out, "\nAgain, with the same acts and troubles at the same times (what the scheduler makes of them may differ):\n"+
		"  go run ./chaos -mode %s -seed %d -seeds %d -tenants %d -steps %d -people %d -drops=%t -skew %s\n\n",
		r.o.mode, r.first, len(r.tenants), len(r.tenants), r.o.steps, r.o.people, r.o.drops, r.o.skew)
}

// keepLogs writes what the service said.
func (r *round) keepLogs(out io.Writer) {
	for n, replica := range r.site.replicas {
		file := filepath.Join(r.o.logs, fmt.Sprintf("chaos-%s-%d-replica-%d.log", r.o.mode, r.first, n))
		if err := os.WriteFile(file, []byte(replica.log()), 0o600); err != nil {
			fmt.Fprintf(out, "the log could not be kept: %v\n", err)
			continue
		}
		fmt.Fprintf(out, "log: %s\n", file)
	}
}
