package okta

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// restFrom is how long nothing must have gone on in a full pull, and nothing be about to, before
// it ends for now. Shorter waits are waited out.
const restFrom = 5 * time.Second

// stillness notices when nothing goes on in a pull any more. The pull's lock guards it.
type stillness struct {
	gains   int                   // calls that succeeded, and pages that were taken
	flying  int                   // calls that are under way
	waiting map[int]time.Duration // how long each list still waits
	waits   int
}

// wait waits for a rate limit. Lists have buckets of their own, so while one waits another may go
// on. When all of them wait, a full pull ends, so that whoever pulls can give its place to
// others meanwhile: with a directory.RetryAfterError for the list that may go on first. It
// adds up what it slept instead of asking a clock, which may be set.
func (p *pull) wait(ctx context.Context, left time.Duration, cause error) error {
	p.mu.Lock()
	p.still.waits++
	me, seen, quiet := p.still.waits, p.still.gains, time.Duration(0)
	p.still.waiting[me] = left
	p.mu.Unlock()
	defer func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		delete(p.still.waiting, me)
	}()
	for left > 0 {
		slice := min(left, restFrom)
		if err := p.reader.sleep(ctx, slice); err != nil {
			return err
		}
		left -= slice
		p.mu.Lock()
		p.still.waiting[me] = left
		quiet += slice
		if p.still.gains != seen || p.still.flying > 0 {
			seen, quiet = p.still.gains, 0
		}
		first := left
		for _, other := range p.still.waiting {
			first = min(first, other)
		}
		p.mu.Unlock()
		if p.rests && quiet >= restFrom && first >= restFrom {
			return &directory.RetryAfterError{Wait: first, Err: fmt.Errorf("all lists that are left wait for Okta's rate limit: %w", cause)}
		}
	}
	return nil
}
