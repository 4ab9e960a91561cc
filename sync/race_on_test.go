//go:build race

package sync_test

import (
	"flag"
	"os"
)

// fewer gives random histories, and orders of a whole org, fewer tries under the race detector, which makes
// each of them several times as long: what it looks for shows in a few. -rapid.checks and OKTASYNC_TEST_ORDERS
// say otherwise.
func fewer() error {
	if checks := flag.Lookup("rapid.checks"); checks.Value.String() == checks.DefValue {
		if err := checks.Value.Set("15"); err != nil {
			return err
		}
	}
	if os.Getenv(testOrders) != "" {
		return nil
	}
	return os.Setenv(testOrders, "2")
}
