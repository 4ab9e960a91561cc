package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/oktasync/oktasync/e2e/installation"
	"github.com/oktasync/oktasync/emulator"
)

// TestSeedsRepeat has one seed twice, and another: only the same gives the same acts,
// times and troubles.
func TestSeedsRepeat(t *testing.T) {
	t.Parallel()
	told := func(seed uint64) (acts, plans []string) {
		org, err := emulator.New(emulator.Options{People: 40, Groups: 6, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = org.Close() })
		h := installation.NewHistory(org, seed)
		h.Did = func(what string) { acts = append(acts, what) }
		for range 200 {
			if err := h.Step(); err != nil {
				t.Fatal(err)
			}
		}
		waits := pauses(seed, 200)
		plans = []string{fmt.Sprint(waits), fmt.Sprint(hookTroubles(seed, true)), fmt.Sprint(oktaTroubles(seed, total(waits)))}
		for _, mode := range []string{modeEmbedded, modePostgres} {
			plans = append(plans, fmt.Sprint(installationTroubles(seed, mode, 2, total(waits))))
		}
		return acts, plans
	}
	acts, plans := told(7)
	if again, planned := told(7); !slices.Equal(acts, again) || !slices.Equal(plans, planned) {
		t.Error("the same seed gave another history or plan")
	}
	others, otherPlans := told(8)
	if slices.Equal(acts, others) {
		t.Error("another seed gave the same history")
	}
	for i, plan := range plans {
		if plan == otherPlans[i] {
			t.Errorf("another seed gave the same plan: %s", plan)
		}
	}
}
