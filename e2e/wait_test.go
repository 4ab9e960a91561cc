package e2e

import (
	"testing"
	"time"

	"github.com/oktasync/oktasync/e2e/installation"
)

// eventually asks until the answer is empty, and fails with the last one when the
// time is over. A race detector gets more of it.
func eventually(t *testing.T, limit time.Duration, what string, ask func() string) {
	t.Helper()
	if err := installation.Eventually(t.Context(), limit*slower, what, ask); err != nil {
		t.Fatal(err)
	}
}

// must ends the test on an error.
func must[T any](t *testing.T) func(T, error) T {
	return func(value T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}
