package main

import (
	"context"

	"github.com/oktasync/oktasync/api"
	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/jobs"
	"github.com/oktasync/oktasync/seal"
)

// constructDeliveries makes what posts changes to the endpoints of products.
func (s *service) constructDeliveries(keys *seal.Keys, m *metrics) {
	s.poster = deliver.NewPoster(deliver.PosterOptions{Allow: receivers(s.cfg.Deliver), Idle: s.cfg.Deliver.Parallel, Now: utcNow})
	s.postman = jobs.NewPostman(jobs.PostmanOptions{Client: s.queue, Calendar: s.db, Tenants: s.tenants.working, Log: s.log})
	s.db.OnCommit(s.postman.Wake)
	s.endpoints = &endpointAdmin{DB: s.db, keys: keys, poster: s.poster, wake: s.postman.Wake}
	s.courier = &courier{wake: s.postman.Wake, Courier: deliver.NewCourier(deliver.CourierOptions{
		Box: s.db, Signers: s.endpoints.signers, Post: s.poster.Post, Bodies: webhookBodies, Parallel: s.cfg.Deliver.Parallel,
		Told: m.attempted, Now: utcNow, Log: s.log,
	})}
}

// courier has it looked for more work as soon as a turn ends.
type courier struct {
	*deliver.Courier
	wake func()
}

// Turn implements jobs.Courier.
func (c *courier) Turn(ctx context.Context, hint directory.LaneHint) error {
	defer c.wake()
	return c.Courier.Turn(ctx, hint)
}

// webhookBodies writes changes as receivers get them: as the feed shows them.
func webhookBodies(_ context.Context, _ string, messages []deliver.Outgoing) ([][]byte, error) {
	bodies := make([][]byte, len(messages))
	for i, m := range messages {
		body, err := api.EventBody(m.Change, m.Replay)
		if err != nil {
			return nil, err
		}
		bodies[i] = body
	}
	return bodies, nil
}

func receivers(d config.Deliver) []deliver.Receiver {
	allowed := make([]deliver.Receiver, len(d.Allow))
	for i, r := range d.Allow {
		allowed[i] = deliver.Receiver(r)
	}
	return allowed
}
