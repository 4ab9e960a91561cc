package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

const (
	// maxGrace is the longest grace: older events are not looked at.
	maxGrace = 24 * time.Hour
	// straysShown is how many events are shown as examples.
	straysShown = 20
)

type eventHealthInput struct {
	TenantPath
	Grace string `query:"grace" default:"10m" doc:"How long the other way of an event may be silent before the event counts as lost or unknown, 0s to 24h"`
}

func (s *Server) addEvents(to huma.API) {
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "get-event-health", Method: http.MethodGet, Path: "/tenants/{tenant}/events/health", Tags: []string{"events"},
		Summary:     "Show how events came: by hook, by System Log or by both, and which were lost, late or are not known to Okta",
		Description: "Counted anew for each call, over all events of the last 24 hours; for monitoring, take the metrics.",
	}, s.eventHealth)
}

func (s *Server) eventHealth(ctx context.Context, in *eventHealthInput) (*body[v1.EventHealth], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	grace, err := time.ParseDuration(in.Grace)
	if err != nil || grace < 0 || grace > maxGrace {
		return nil, huma.Error422UnprocessableEntity("'grace' is a length of time from 0s to " + maxGrace.String() + ", such as 10m")
	}
	h, err := s.reader.CountEvents(ctx, in.Tenant, grace)
	if err != nil {
		return nil, err
	}
	strays, err := s.reader.StrayEvents(ctx, in.Tenant, grace, straysShown)
	if err != nil {
		return nil, err
	}
	return &body[v1.EventHealth]{v1.EventHealth{
		CountedAt: h.Counted, Grace: h.Grace.String(), HooksSince: h.HooksSince, LastHook: h.LastHook, LastLog: h.LastLog,
		LogSince: h.LogSince, LogRead: h.LogRead, Hour: eventCountOf(h.Hour), Day: eventCountOf(h.Day),
		Limit:      v1.HookLimit{Events: h.Day.Triggering, Limit: directory.HookLimit, Left: max(directory.HookLimit-h.Day.Triggering, 0)},
		Unknowable: h.Unknowable(), Warnings: append([]string{}, h.Warnings()...), Strays: convert(strays, strayOf),
	}}, nil
}

func eventCountOf(c directory.EventCounts) v1.EventCount {
	return v1.EventCount{
		HookOnly: c.HookOnly, LogOnly: c.LogOnly, Both: c.Both, Lost: c.Lost, Unknown: c.Unknown, Late: c.Late,
		HookDelay: delayOf(c.Hook, c.ByHook()), LogDelay: delayOf(c.Log, c.ByLog()),
	}
}

// delayOf is nothing when no event came by that way.
func delayOf(d directory.Delay, events int) *v1.Delay {
	if events == 0 {
		return nil
	}
	return &v1.Delay{Mean: d.Mean.Seconds(), Most: d.Most.Seconds()}
}

func strayOf(e directory.StrayEvent) v1.Stray {
	return v1.Stray{UUID: e.UUID, Type: e.Type, Kind: string(e.Kind), PublishedAt: e.Published, HookAt: e.ByHook, LogAt: e.ByLog}
}
