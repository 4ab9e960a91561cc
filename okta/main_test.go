package okta

import (
	"testing"

	"go.uber.org/goleak"
)

// Readers, pulls and governors leave no goroutine behind, whatever the tests do to them.
func TestMain(m *testing.M) {
	// The SDK starts one goroutine per client for a token cache that is not used here; the
	// garbage collector ends it with the client.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/patrickmn/go-cache.(*janitor).Run"))
}
