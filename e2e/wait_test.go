package e2e

import (
	"testing"
	"time"
)

// eventually asks until the answer is empty, and fails with the last one when the
// time is over. A race detector gets more of it.
func eventually(t *testing.T, limit time.Duration, what string, ask func() string) {
	t.Helper()
	limit *= slower
	over := time.NewTimer(limit)
	defer over.Stop()
	again := time.NewTicker(30 * time.Millisecond)
	defer again.Stop()
	for {
		answer := ask()
		if answer == "" {
			return
		}
		select {
		case <-over.C:
			t.Fatalf("%s: not within %s: %s", what, limit, answer)
		case <-t.Context().Done():
			t.Fatalf("%s: the test was stopped: %s", what, answer)
		case <-again.C:
		}
	}
}

// reason is an answer for eventually.
func reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
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
