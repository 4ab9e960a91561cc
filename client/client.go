package client

import (
	"context"
	"errors"
	"iter"
	"net/http"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
)

// Event is what happened: docs/events describes each type.
type Event = v1.Change

// Line is a line of a snapshot.
type Line = v1.SnapshotLine

// Ref names a team or a group.
type Ref = v1.Ref

// Options say which directory to follow.
type Options struct {
	URL    string       // of the service, such as "https://sync.example.org"
	Token  string       // with the role read
	Tenant string       // slug; "default" when empty
	HTTP   *http.Client // nil: one that waits 30 s for an answer, and longer by what is asked for
}

// Client reads one tenant's directory. It is safe for concurrent use.
type Client struct {
	api    *client.Client
	tenant string
}

// New returns a client. It fails when the address or the token cannot be right; nothing is called.
func New(o Options) (*Client, error) {
	api, err := client.New(o.URL, o.Token, o.HTTP)
	if err != nil {
		return nil, err
	}
	if o.Tenant == "" {
		o.Tenant = "default"
	}
	return &Client{api: api, tenant: o.Tenant}, nil
}

var errEnough = errors.New("the consumer reads no further")

// Snapshot reads the whole directory. The first line has the cursor to go on from. Where the last thing that comes is an
// error, the snapshot is not whole: then what was read of it is to be thrown away.
func (c *Client) Snapshot(ctx context.Context) iter.Seq2[Line, error] {
	return func(yield func(Line, error) bool) {
		err := c.api.Snapshot(ctx, c.tenant, func(line Line) error {
			if !yield(line, nil) {
				return errEnough
			}
			return nil
		})
		if err != nil && !errors.Is(err, errEnough) {
			yield(Line{}, err)
		}
	}
}
