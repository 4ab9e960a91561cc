package okta

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// page is one page of a list.
type page[T any] struct {
	at    time.Time // database's clock before the request
	items []T
	next  string // path of the page that follows, empty after the last
}

// policy makes the attempts at one page.
type policy func(ctx context.Context, path string, attempt func(path string) error) error

// plainly tries once: the caller is a job that is tried again.
func plainly(_ context.Context, path string, attempt func(path string) error) error {
	return attempt(path)
}

// eachPage reads a list page by page. It returns nil only after the last page was
// read and used: the page without a next link. A short or empty page is not the end.
func eachPage[T any](ctx context.Context, r *Reader, p policy, what, first string, use func(page[T]) error) error {
	return eachPageFrom(ctx, r, p, what, first, first, use)
}

// eachPageFrom is eachPage that begins with the page at path from.
func eachPageFrom[T any](ctx context.Context, r *Reader, p policy, what, first, from string, use func(page[T]) error) error {
	trail := newTrail(r.maxPages)
	for path := from; path != ""; {
		var got page[T]
		next := ""
		err := p(ctx, path, func(path string) error {
			at, err := r.time(ctx)
			if err != nil {
				return err
			}
			got.at = at
			got.items, next, err = list[T](ctx, r, what, first, path)
			return err
		})
		if err != nil && path != first {
			return refusedCursor(err)
		}
		if err != nil {
			return err
		}
		// Before the page is used: a list that goes in a circle is not to be trusted.
		if err := trail.step(next); err != nil {
			return incomplete(what, err)
		}
		got.next = next
		if err := use(got); err != nil {
			return err
		}
		path = next
	}
	return nil
}

// refusedCursor makes a refusal of a page behind the first one a *directory.CursorError:
// the same list was taken a moment ago, so it is the cursor that Okta does not take. Rights,
// rates and what may pass are other matters.
func refusedCursor(err error) error {
	var refusal *Error
	if !errors.As(err, &refusal) || refusal.Code == "" || refusal.Status < 400 || refusal.Status >= 500 {
		return err
	}
	switch refusal.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusLocked, http.StatusTooManyRequests:
		return err
	}
	refused := fmt.Errorf("%w; Okta no longer takes the place in the list where the reading was, and nothing was changed", refusal)
	if isAbsent(err) { // of one group's members it may mean that the group is gone
		refused = &absentError{err: refused}
	}
	return &directory.CursorError{Err: refused}
}

// list reads one page: its items, and the path of the next page or "".
func list[T any](ctx context.Context, r *Reader, what, first, path string) ([]T, string, error) {
	var items []T
	next := ""
	c := get(what, path)
	c.header = listHeader(path)
	err := r.do(ctx, c, func(a answer) error {
		target, err := nextLink(a.header["Link"])
		if err != nil {
			return err
		}
		if items, err = decodeList[T](a.body); err != nil {
			return err
		}
		if target != "" {
			next, err = follow(first, target)
		}
		return err
	})
	return items, next, err
}

// listHeader asks for user lists without credentials, which is faster. Okta: Users
// API, "List all users"; all three words are needed for the gain.
func listHeader(path string) http.Header {
	if !strings.HasPrefix(path, "/api/v1/users?") {
		return nil
	}
	return http.Header{"Content-Type": {"application/json; okta-response=omitCredentials,omitCredentialsLinks,omitTransitioningToStatus"}}
}

const (
	longestPageWait = 10 * time.Minute // for rate limits, per page
	pageTries       = 5
	firstBackOff    = 500 * time.Millisecond
	smallestPage    = 20
)

// patiently makes the attempts of a pull, which has no job behind it that would
// come back soon: it waits for rate limits, and tries again what may pass, with a
// smaller page where Okta ran out of time. wait waits for a rate limit.
func (r *Reader) patiently(ctx context.Context, path string, wait func(ctx context.Context, d time.Duration, cause error) error, attempt func(path string) error) error {
	waited, tries := time.Duration(0), 0
	for {
		err := attempt(path)
		var later *directory.RetryAfterError
		var passing *passingError
		pause := time.Duration(0)
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case errors.As(err, &later):
			pause = later.Wait
			if waited += pause; waited > longestPageWait {
				return fmt.Errorf("gave up after waiting %s for one page: %w", longestPageWait, err)
			}
		case errors.As(err, &passing):
			if tries++; tries >= pageTries {
				return fmt.Errorf("gave up after %d tries: %w", tries, err)
			}
			if passing.smaller {
				path = halved(path)
			}
			pause = firstBackOff << (tries - 1)
			pause += rand.N(pause / 2)
		default:
			return err
		}
		r.log.InfoContext(ctx, "a pull waits before it asks Okta again", "wait", pause.Round(time.Millisecond), "error", err)
		if later != nil {
			err = wait(ctx, pause, later.Err)
		} else {
			err = r.sleep(ctx, pause)
		}
		if err != nil {
			return fmt.Errorf("wait before asking Okta again: %w", err)
		}
	}
}

// halved asks for half as many items. Okta: a 500 on a list often means that the query
// took too long.
func halved(path string) string {
	before, query, _ := strings.Cut(path, "?")
	values, err := url.ParseQuery(query)
	if err != nil {
		return path
	}
	limit, err := strconv.Atoi(values.Get("limit"))
	if err != nil || limit/2 < smallestPage {
		return path
	}
	values.Set("limit", strconv.Itoa(limit/2))
	return before + "?" + values.Encode()
}
