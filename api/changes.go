package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

const (
	// maxWait is how long a request may wait for a change: proxies commonly give up after 60 s.
	maxWait = 55 * time.Second
	// feedReaders is how many requests read changes or snapshots at the same time. A fleet of consumers
	// that all wake up at once must not take the connections that the workers need.
	feedReaders = 4
	// searchedAtOnce is how many changes one query goes through in search of certain types,
	// and searchFor how long a request goes on so without having found any.
	searchedAtOnce = 5_000
	searchFor      = 2 * time.Second
)

// ChangeQuery selects changes. It goes on by cursor, so that a reader can come back later.
type ChangeQuery struct {
	LimitQuery
	After  string `query:"after" maxLength:"320" doc:"Only changes after this cursor, or after this sequence number: 0 is before the first change that ever was. When left out, the oldest that is kept comes first"`
	Newest bool   `query:"newest" doc:"The newest ones, newest first, instead of the oldest ones; this is one page only"`
}

type changesInput struct {
	TenantPath
	ChangeQuery
	Types []string `query:"types" maxItems:"50" doc:"Only changes of these types, separated by commas; person.* stands for all that begin so" example:"person.created,membership.*"`
	Wait  string   `query:"wait" maxLength:"20" doc:"How long to wait for a change when there is none yet, at most 55s. Let the client's own limit, and that of every proxy between, be longer" example:"25s"`
}

type personChangesInput struct {
	PersonInput
	ChangeQuery
}

type changesOut = body[v1.ChangePage]

func (s *Server) addChanges(to huma.API) {
	addFor(s, to, maxWait+s.timeout, directory.RoleRead, huma.Operation{
		OperationID: "list-changes", Method: http.MethodGet, Path: "/tenants/{tenant}/changes", Tags: []string{"history"},
		Summary: "Read changes with their causes, in order of sequence, or wait for the next ones",
		Errors:  []int{http.StatusBadRequest, http.StatusGone},
	}, s.listChanges)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-person-changes", Method: http.MethodGet, Path: "/tenants/{tenant}/people/{who}/changes", Tags: []string{"history"},
		Summary: "List the changes of one person with their causes, in order of sequence",
		Errors:  []int{http.StatusBadRequest, http.StatusConflict},
	}, s.listPersonChanges)
}

func (s *Server) listChanges(ctx context.Context, in *changesInput) (*changesOut, error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	q, from, err := in.query()
	if err != nil {
		return nil, err
	}
	wait, err := in.wait()
	if err != nil {
		return nil, err
	}
	if err := from.foreign(in.Tenant); err != nil {
		return nil, err
	}
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	for {
		found, err := s.readFeed(ctx, in.Tenant, from, q)
		if err != nil {
			return nil, err
		}
		// A replica that stops sends its readers away with what they know, and so does the end of the wait.
		if wait == 0 || len(found.changes) > 0 || found.reached < found.Last || !s.reader.AwaitChange(waiting, in.Tenant, found.Feed) {
			return found.answer(in.Tenant), ctx.Err()
		}
		from.seq = found.reached
	}
}

// query turns the parameters into what the store takes, and the place to read from.
func (in *changesInput) query() (directory.ChangeQuery, position, error) {
	from, err := in.position()
	if err != nil {
		return directory.ChangeQuery{}, position{}, err
	}
	types, err := parseTypes(in.Types)
	return directory.ChangeQuery{Types: types, Limit: in.Limit, Newest: in.Newest, States: true}, from, err
}

func (q *ChangeQuery) position() (position, error) {
	from, err := parsePosition(q.After)
	if err != nil {
		return position{}, huma.Error400BadRequest("'after' is neither a cursor that this service gave out, nor the number of a change; pass 'cursor' or 'next' of an answer as it stands")
	}
	return from, nil
}

func (in *changesInput) wait() (time.Duration, error) {
	if in.Wait == "" {
		return 0, nil
	}
	wait, err := time.ParseDuration(in.Wait)
	if err != nil || wait < 0 || wait > maxWait {
		return 0, huma.Error422UnprocessableEntity("'wait' is a length of time from 0s to " + maxWait.String() + ", such as 25s")
	}
	if in.Newest {
		return 0, huma.Error422UnprocessableEntity("'newest' shows what there is; it cannot be combined with 'wait'")
	}
	return wait, nil
}

func parseTypes(names []string) ([]directory.ChangeType, error) {
	types, unknown := directory.MatchTypes(names)
	if unknown != "" {
		return nil, huma.Error422UnprocessableEntity("there is no type of change called " + unknown + "; there are " + joined(directory.ChangeTypes()) + ", and patterns such as person.*")
	}
	return types, nil
}

func joined(types []directory.ChangeType) string {
	names := make([]string, len(types))
	for i, t := range types {
		names[i] = string(t)
	}
	return strings.Join(names, ", ")
}

// reading is what was read of a feed.
type reading struct {
	directory.Feed
	changes []directory.Change
	reached int64 // everything asked for up to this number is in it
}

// readFeed reads a page. With types it may come back with less than there is, even nothing,
// and say how far it got.
func (s *Server) readFeed(ctx context.Context, tenant string, from position, q directory.ChangeQuery) (reading, error) {
	return slotted(ctx, s, func() (reading, error) { return s.search(ctx, tenant, from, q) })
}

// slotted reads as soon as fewer than feedReaders do.
func slotted[T any](ctx context.Context, s *Server, read func() (T, error)) (T, error) {
	select {
	case s.feedSlots <- struct{}{}:
		defer func() { <-s.feedSlots }()
		return read()
	case <-ctx.Done():
		var nothing T
		return nothing, ctx.Err()
	}
}

func (s *Server) search(ctx context.Context, tenant string, from position, q directory.ChangeQuery) (reading, error) {
	until := s.now().Add(searchFor)
	for {
		q.After = from.seq
		if len(q.Types) > 0 && !q.Newest {
			q.Through = from.seq + searchedAtOnce
		}
		page, err := s.reader.Feed(ctx, tenant, q)
		if err != nil {
			return reading{}, err
		}
		if q.Newest {
			return reading{Feed: page.Feed, changes: page.Changes, reached: page.Last}, nil
		}
		if err := from.reachable(page.Feed); err != nil {
			return reading{}, err
		}
		is := reading{Feed: page.Feed, changes: page.Changes, reached: page.Last}
		if n := len(page.Changes); n == q.Limit || page.Cut {
			is.reached = page.Changes[n-1].Seq
		} else if q.Through > 0 {
			is.reached = min(q.Through, page.Last)
		}
		if len(is.changes) > 0 || is.reached == is.Last || s.now().After(until) {
			return is, nil
		}
		from.seq = max(is.reached, is.Purged)
	}
}

func (r reading) answer(tenant string) *changesOut {
	answer := &changesOut{Body: v1.ChangePage{Items: convert(r.changes, changeOf)}}
	answer.Body.Cursor = cursorAt(tenant, r.Feed, r.reached)
	if r.reached < r.Last {
		answer.Body.Next = answer.Body.Cursor
	}
	return answer
}

func (s *Server) listPersonChanges(ctx context.Context, in *personChangesInput) (*pageOut[v1.Change], error) {
	p, err := s.findPerson(ctx, &in.PersonInput)
	if err != nil {
		return nil, err
	}
	from, err := in.position()
	if err != nil {
		return nil, err
	}
	if err := from.foreign(in.Tenant); err != nil {
		return nil, err
	}
	changes, err := s.reader.Feed(ctx, in.Tenant, directory.ChangeQuery{PersonID: p.ID, After: from.seq, Limit: in.Limit + 1, Newest: in.Newest, States: true})
	if err != nil {
		return nil, err
	}
	if err := from.reachable(changes.Feed); err != nil {
		return nil, err
	}
	answer := page(changes.Changes, in.Limit, changeOf, func(c directory.Change) string { return cursorAt(in.Tenant, changes.Feed, c.Seq) })
	if in.Newest {
		answer.Body.Next = ""
	}
	return answer, nil
}
