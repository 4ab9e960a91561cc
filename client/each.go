package client

import (
	"context"
	"iter"
	"sync"
)

// Copy is where a consumer made by Each keeps its place, and takes over snapshots. Cursor and Replace are those of
// Consumer.
type Copy interface {
	Cursor(ctx context.Context) (string, error)
	Replace(ctx context.Context, lines iter.Seq2[Line, error]) error
	// SetCursor stores the cursor: everything before it was handled.
	SetCursor(ctx context.Context, cursor string) error
}

// Each returns a consumer that handles one event at a time, for products whose handling is slow, or is not one
// transaction. Up to parallel events are handled at once, of different people; those of one person come in order, and
// those of nobody (teams, groups, runs) alone, between the others. The place is stored when a whole page was handled:
// after a failure, or a crash, events of that page come again.
//
// handle must be safe for concurrent use. Its error ends the page, and Follow tries it again after a pause.
func Each(to Copy, parallel int, handle func(context.Context, Event) error) Consumer {
	return &each{Copy: to, parallel: max(parallel, 1), handle: handle}
}

type each struct {
	Copy
	parallel int
	handle   func(context.Context, Event) error
}

func (e *each) Apply(ctx context.Context, events []Event, cursor string) error {
	for len(events) > 0 {
		if events[0].PersonID == "" {
			if err := e.handle(ctx, events[0]); err != nil {
				return err
			}
			events = events[1:]
			continue
		}
		n := 1
		for n < len(events) && events[n].PersonID != "" {
			n++
		}
		if err := e.people(ctx, events[:n]); err != nil {
			return err
		}
		events = events[n:]
	}
	return e.SetCursor(ctx, cursor)
}

// people handles events that are about people, those of one in their order.
func (e *each) people(ctx context.Context, events []Event) error {
	var order []string
	of := map[string][]Event{}
	for _, event := range events {
		if of[event.PersonID] == nil {
			order = append(order, event.PersonID)
		}
		of[event.PersonID] = append(of[event.PersonID], event)
	}
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	people := make(chan string)
	var group sync.WaitGroup
	for range min(e.parallel, len(order)) {
		group.Go(func() {
			for id := range people {
				for _, event := range of[id] {
					if ctx.Err() != nil {
						break
					}
					if err := e.handle(ctx, event); err != nil {
						stop(err)
					}
				}
			}
		})
	}
	for _, id := range order {
		select {
		case people <- id:
			continue
		case <-ctx.Done():
		}
		break
	}
	close(people)
	group.Wait()
	if cause := context.Cause(ctx); cause != nil {
		return cause
	}
	return nil
}
