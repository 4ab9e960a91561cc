//go:build race

package sync_test

import (
	"flag"
	"fmt"
	"os"
	"testing"
)

// TestMain gives random histories, and orders of a whole org, fewer tries under the race detector, which makes
// each of them several times as long: what it looks for shows in a few. -rapid.checks and OKTASYNC_TEST_ORDERS
// say otherwise.
func TestMain(m *testing.M) {
	flag.Parse()
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("15"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	if os.Getenv(testOrders) == "" {
		if err := os.Setenv(testOrders, "2"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}
