package client

import (
	"context"
	"net/http"
	"net/url"

	"github.com/oktasync/oktasync/api/v1"
)

// Endpoints returns the tenant's endpoints, in order of name.
func (c *Client) Endpoints(ctx context.Context, tenant string) (v1.Page[v1.Endpoint], error) {
	return get[v1.Page[v1.Endpoint]](ctx, c, of(tenant, "endpoints"), nil)
}

// Endpoint returns one endpoint by id or name, without its secrets.
func (c *Client) Endpoint(ctx context.Context, tenant, which string) (v1.Endpoint, error) {
	return get[v1.Endpoint](ctx, c, of(tenant, "endpoints", which), nil)
}

// AddEndpoint has every change from now on posted to an address. The answer holds the secret, this once.
func (c *Client) AddEndpoint(ctx context.Context, tenant string, request v1.EndpointRequest) (v1.Endpoint, error) {
	return call[v1.Endpoint](ctx, c, http.MethodPost, of(tenant, "endpoints"), nil, request)
}

// ChangeEndpoint changes name, address or filter.
func (c *Client) ChangeEndpoint(ctx context.Context, tenant, which string, change v1.EndpointChange) (v1.Endpoint, error) {
	return call[v1.Endpoint](ctx, c, http.MethodPatch, of(tenant, "endpoints", which), nil, change)
}

// RemoveEndpoint removes an endpoint.
func (c *Client) RemoveEndpoint(ctx context.Context, tenant, which string) (v1.Endpoint, error) {
	return call[v1.Endpoint](ctx, c, http.MethodDelete, of(tenant, "endpoints", which), nil, nil)
}

// RotateEndpoint gives an endpoint another secret, which the answer holds.
func (c *Client) RotateEndpoint(ctx context.Context, tenant, which string, request v1.EndpointRotation) (v1.Endpoint, error) {
	return call[v1.Endpoint](ctx, c, http.MethodPost, of(tenant, "endpoints", which, "rotate"), nil, request)
}

// RetireEndpoint ends all secrets of an endpoint but the newest.
func (c *Client) RetireEndpoint(ctx context.Context, tenant, which string) (v1.Endpoint, error) {
	return call[v1.Endpoint](ctx, c, http.MethodPost, of(tenant, "endpoints", which, "retire"), nil, nil)
}

// EnableEndpoint lets deliveries go on.
func (c *Client) EnableEndpoint(ctx context.Context, tenant, which string) (v1.Endpoint, error) {
	return call[v1.Endpoint](ctx, c, http.MethodPost, of(tenant, "endpoints", which, "enable"), nil, nil)
}

// DisableEndpoint lets deliveries rest.
func (c *Client) DisableEndpoint(ctx context.Context, tenant, which, reason string) (v1.Endpoint, error) {
	return call[v1.Endpoint](ctx, c, http.MethodPost, of(tenant, "endpoints", which, "disable"), nil, v1.EndpointReason{Reason: reason})
}

// TestEndpoint posts a test event. It takes as long as the receiver does.
func (c *Client) TestEndpoint(ctx context.Context, tenant, which string) (v1.EndpointTest, error) {
	return call[v1.EndpointTest](ctx, c, http.MethodPost, of(tenant, "endpoints", which, "test"), nil, nil)
}

// Deliveries returns a page of what waits for an endpoint, or of what was given up.
func (c *Client) Deliveries(ctx context.Context, tenant, which, state string, p Paging) (v1.Page[v1.Delivery], error) {
	query := p.values()
	if state != "" {
		query.Set("state", state)
	}
	return get[v1.Page[v1.Delivery]](ctx, c, of(tenant, "endpoints", which, "deliveries"), query)
}

// Attempts returns a page of requests to an endpoint, newest first.
func (c *Client) Attempts(ctx context.Context, tenant, which string, p Paging) (v1.Page[v1.DeliveryAttempt], error) {
	return get[v1.Page[v1.DeliveryAttempt]](ctx, c, of(tenant, "endpoints", which, "attempts"), p.values())
}

// Delivery returns one delivery with its attempts, by webhook-id.
func (c *Client) Delivery(ctx context.Context, tenant, which, message string) (v1.Delivery, error) {
	return get[v1.Delivery](ctx, c, of(tenant, "endpoints", which, "deliveries", message), url.Values{})
}

// RetryDeliveries has what waits tried at once: one, by webhook-id, or all.
func (c *Client) RetryDeliveries(ctx context.Context, tenant, which, message string) (v1.DeliveriesTaken, error) {
	return call[v1.DeliveriesTaken](ctx, c, http.MethodPost, of(tenant, "endpoints", which, "retry"), nil, v1.DeliveriesRequest{ID: message})
}

// RedriveDeliveries takes up again what was given up: one, by webhook-id, or all.
func (c *Client) RedriveDeliveries(ctx context.Context, tenant, which, message string) (v1.DeliveriesTaken, error) {
	return call[v1.DeliveriesTaken](ctx, c, http.MethodPost, of(tenant, "endpoints", which, "redrive"), nil, v1.DeliveriesRequest{ID: message})
}

// Replay has changes that are kept sent to an endpoint once more, marked as replay.
func (c *Client) Replay(ctx context.Context, tenant, which string, request v1.ReplayRequest) (v1.DeliveriesTaken, error) {
	return call[v1.DeliveriesTaken](ctx, c, http.MethodPost, of(tenant, "endpoints", which, "replay"), nil, request)
}
