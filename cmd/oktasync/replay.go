package main

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

type replayCommand struct {
	remote
	To     string   `required:"" placeholder:"ENDPOINT" help:"The endpoint, by name or id."`
	Since  moment   `placeholder:"TIME" help:"Only changes committed since then: 2026-11-22T03:00:00Z, or in UTC 2026-11-22 03:00 or 2026-11-22; all that are kept when left out."`
	Person string   `help:"Only changes about this person: Okta id, login or e-mail."`
	Types  []string `help:"Only changes of these types, separated by commas; person.* stands for all that begin so."`
}

func (c replayCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	request := v1.ReplayRequest{Person: c.Person, Types: c.Types}
	if !c.Since.IsZero() {
		request.Since = &c.Since.Time
	}
	taken, err := service.Replay(e.ctx, c.remote.Tenant, c.To, request)
	if err != nil {
		return err
	}
	if taken.Deliveries == 0 {
		fmt.Fprintf(e.out, "No change is sent to %s: of those that are kept, none is what was asked for here and what the endpoint takes.\n", c.To)
		return nil
	}
	changes := fmt.Sprint(taken.Deliveries, " changes are")
	if taken.AtMost {
		changes = fmt.Sprint("Of ", taken.Deliveries, " changes those about its teams are")
	}
	fmt.Fprintf(e.out, "%s sent to %s once more, marked as replay; see how far they are with: oktasync deliveries list %s\n", changes, c.To, c.To)
	return nil
}

// Replay implements api.EndpointAdmin.
func (a *endpointAdmin) Replay(ctx context.Context, tenant, which string, since *time.Time, q directory.ChangeQuery, act directory.Act) (n int, atMost bool, err error) {
	e, err := a.Endpoint(ctx, tenant, which)
	if err != nil {
		return 0, false, err
	}
	var some bool
	if q.Types, some = e.Wanted(q.Types); !some {
		return 0, false, nil
	}
	if since != nil {
		if q.After, err = a.LastBefore(ctx, tenant, *since); err != nil {
			return 0, false, err
		}
	}
	n, err = a.DB.Replay(ctx, tenant, e.ID, randomID(4), q, act)
	a.wake()
	return n, len(e.Teams) > 0, err
}
