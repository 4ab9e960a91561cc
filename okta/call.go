package okta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// call is one request to Okta.
type call struct {
	what   string // for sentences: "read user 00u…"
	method string
	path   string // escaped, with query
	body   any    // encoded as JSON; nil for none
	header http.Header
}

func get(what, path string) call { return call{what: what, method: http.MethodGet, path: path} }

// outcome tells what a call without a usable answer means.
func (c call) outcome() string {
	if c.method == http.MethodGet {
		return "the reading is incomplete and nothing was changed"
	}
	return "Okta may have done it all the same, so look before trying again"
}

// answer is a success. Its body lives until the decode function returns.
type answer struct {
	header http.Header
	body   []byte
	date   time.Time // local clock when it came
}

// do makes the call, with decode reading the answer. A token that Okta refuses is
// renewed once.
func (r *Reader) do(ctx context.Context, c call, decode func(answer) error) error {
	err := r.once(ctx, c, decode)
	var refused *refusedTokenError
	if errors.As(err, &refused) {
		r.tokens.drop(ctx, refused.token)
		err = r.once(ctx, c, decode)
	}
	// Back in the queue a short wait becomes one of several seconds, which a leaver should not wait.
	var later *directory.RetryAfterError
	if priorityOf(ctx) == Urgent && errors.As(err, &later) && later.Wait <= urgentPatience {
		if err := r.sleep(ctx, later.Wait); err != nil {
			return fmt.Errorf("%s: wait before asking Okta again: %w", c.what, err)
		}
		err = r.once(ctx, c, decode)
	}
	return err
}

// urgentPatience is the longest wait that an urgent call waits out by itself, once.
const urgentPatience = 3 * time.Second

// refusedTokenError says that Okta refused an access token, which may only be old.
type refusedTokenError struct {
	token string
	err   error
}

func (e *refusedTokenError) Error() string { return e.err.Error() }
func (e *refusedTokenError) Unwrap() error { return e.err }

func (r *Reader) once(ctx context.Context, c call, decode func(answer) error) error {
	bucket := bucketOf(c.method, c.path)
	started := r.now()
	if err := r.governor.admit(ctx, r.tenant, bucket); err != nil {
		return fmt.Errorf("%s: %w", c.what, err)
	}
	give, err := r.slots.take(ctx)
	if err != nil {
		return fmt.Errorf("%s: %w", c.what, err)
	}
	defer give()
	waited := r.now().Sub(started)
	x := &exchange{}
	defer func() { r.transport.release(x.body) }()
	token, err := r.authorize(ctx, x)
	if err != nil {
		return fmt.Errorf("%s: %w", c.what, err)
	}

	sent := r.now()
	bounded, cancel := context.WithTimeout(ctx, r.timeout)
	defer cancel()
	err = r.sdk.do(withExchange(bounded, x), c.method, c.path, c.body, c.header)
	r.observe(bucket, x.status, waited, r.now().Sub(sent))
	if x.status == 0 {
		return r.unanswered(ctx, bounded, c, err)
	}
	r.governor.learn(ctx, r.tenant, bucket, x.status, x.header)

	if x.status < 200 || x.status > 299 {
		err := classify(c, x.status, x.header, x.body.Bytes())
		if x.status == http.StatusUnauthorized && token != "" && errors.As(err, new(*directory.CredentialsError)) {
			return &refusedTokenError{token: token, err: err}
		}
		return err
	}
	if err := decode(answer{header: x.header, body: x.body.Bytes(), date: x.date}); err != nil {
		return &passingError{err: fmt.Errorf("%s: okta request id %s: %w; %s",
			c.what, clip(x.header.Get("X-Okta-Request-Id"), 80), err, c.outcome())}
	}
	return nil
}

// authorize gives the exchange an access token; nothing to do with an API token.
func (r *Reader) authorize(ctx context.Context, x *exchange) (string, error) {
	if r.tokens == nil {
		return "", nil
	}
	t, err := r.tokens.get(ctx)
	if err != nil {
		return "", err
	}
	x.authorize = func(request *http.Request) error { return r.tokens.sign(request, t) }
	return t.value, nil
}

// unanswered sorts a call that brought no answer.
func (r *Reader) unanswered(ctx, bounded context.Context, c call, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("%s: %w", c.what, context.Cause(ctx))
	}
	if bounded.Err() != nil {
		return &passingError{smaller: true, err: fmt.Errorf("%s: okta did not answer within %s; %s", c.what, r.timeout, c.outcome())}
	}
	if err == nil {
		err = errors.New("no answer came")
	}
	return &passingError{err: fmt.Errorf("%s: okta could not be reached: %w; %s", c.what, cause(err), c.outcome())}
}

// object reads one object.
func object[T any](ctx context.Context, r *Reader, what, path string) (T, error) {
	var value T
	err := r.do(ctx, get(what, path), func(a answer) error {
		var err error
		value, err = decodeObject[T](a.body)
		return err
	})
	return value, err
}
