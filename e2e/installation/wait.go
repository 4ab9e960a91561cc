package installation

import (
	"context"
	"fmt"
	"time"
)

// Eventually asks until the answer is empty, and returns the last one when the time is
// over.
func Eventually(ctx context.Context, limit time.Duration, what string, ask func() string) error {
	over := time.NewTimer(limit)
	defer over.Stop()
	again := time.NewTicker(30 * time.Millisecond)
	defer again.Stop()
	for {
		answer := ask()
		if answer == "" {
			return nil
		}
		select {
		case <-over.C:
			return fmt.Errorf("%s: not within %s: %s", what, limit, answer)
		case <-ctx.Done():
			return fmt.Errorf("%s: stopped by the caller: %s", what, answer)
		case <-again.C:
		}
	}
}

// Reason is an answer for Eventually.
func Reason(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
