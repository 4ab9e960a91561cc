package client

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/oktasync/oktasync/api/client"
)

// Consumer keeps a copy of a tenant's directory. Each method is one transaction of its own
// store, which also stores the cursor: then every change is applied at least once, and
// what the copy shows is never ahead of the cursor or behind it.
type Consumer interface {
	// Cursor returns the stored cursor, empty when there is none yet.
	Cursor(ctx context.Context) (string, error)
	// Replace replaces the whole copy by a snapshot. Its first line has the cursor. When the lines
	// yield an error, the snapshot is not whole and nothing of it may be kept: return the error.
	Replace(ctx context.Context, lines iter.Seq2[Line, error]) error
	// Apply applies changes in their order and stores the cursor. There may be no changes. Some
	// may have been applied before, or be in the snapshot already.
	Apply(ctx context.Context, changes []Event, cursor string) error
}

// FollowOptions say how to follow a tenant's changes. Zero values mean the usual.
type FollowOptions struct {
	Types []string      // only changes of these types; all
	Limit int           // changes in one Apply; 500
	Wait  time.Duration // how long one request waits for a change; 25 s, which passes most proxies
	// Failed is told of each failure and when Follow tries again; nil: nobody.
	Failed func(err error, again time.Duration)
	// FirstPause is the pause after a failure, which doubles with each up to a minute; 1 s.
	FirstPause time.Duration
}

const longestPause = time.Minute

// Follow keeps the consumer's copy equal to the directory until ctx ends, and returns ctx's
// error. It starts with a snapshot where no cursor is stored, and takes another one when the
// service no longer has the changes after the cursor (410). Failures that may pass, the consumer's
// own among them, are tried again. What only a person can mend is returned: a token without the
// right, a tenant that does not exist, a cursor of another tenant or from the future.
func (c *Client) Follow(ctx context.Context, o FollowOptions, to Consumer) error {
	if o.Limit == 0 {
		o.Limit = 500
	}
	if o.Wait == 0 {
		o.Wait = 25 * time.Second
	}
	if o.FirstPause == 0 {
		o.FirstPause = time.Second
	}
	pause, startOver := o.FirstPause, false
	for {
		err := c.followOnce(ctx, o, to, &startOver)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err == nil {
			pause = o.FirstPause
			continue
		}
		var answer *client.Error
		again := pause/2 + rand.N(pause/2+1) // so that many consumers do not come back at once
		if errors.As(err, &answer) {
			switch answer.Status {
			case http.StatusGone:
				startOver = true
			case http.StatusBadRequest, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusUnprocessableEntity:
				return fmt.Errorf("follow the changes of tenant %s: %w", c.tenant, err)
			}
			again = max(again, answer.RetryAfter)
		}
		if o.Failed != nil {
			o.Failed(err, again)
		}
		pause = min(2*pause, longestPause)
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(again):
		}
	}
}

// followOnce takes one step: a snapshot, or one page of changes.
func (c *Client) followOnce(ctx context.Context, o FollowOptions, to Consumer, startOver *bool) error {
	cursor, err := to.Cursor(ctx)
	if err != nil {
		return fmt.Errorf("read the stored cursor: %w", err)
	}
	if cursor == "" || *startOver {
		if err := to.Replace(ctx, c.Snapshot(ctx)); err != nil {
			return fmt.Errorf("take over a snapshot of tenant %s: %w", c.tenant, err)
		}
		*startOver = false
		return nil
	}
	page, err := c.api.Changes(ctx, c.tenant, client.ChangeFilter{After: cursor, Types: o.Types, Limit: o.Limit, Wait: o.Wait})
	if err != nil {
		return err
	}
	if page.Cursor == cursor {
		return nil // nothing happened
	}
	if err := to.Apply(ctx, page.Items, page.Cursor); err != nil {
		return fmt.Errorf("apply %d changes of tenant %s: %w", len(page.Items), c.tenant, err)
	}
	return nil
}
