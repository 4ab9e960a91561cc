package client

import (
	"context"
	"net/http"
	"strconv"
	"strings"

	"github.com/oktasync/oktasync/api/v1"
)

// Invites lists invites in order of the person's id; state may be empty for all.
func (c *Client) Invites(ctx context.Context, tenant, state string, p Paging) (v1.Page[v1.Invite], error) {
	query := p.values()
	if state != "" {
		query.Set("state", state)
	}
	return get[v1.Page[v1.Invite]](ctx, c, of(tenant, "invites"), query)
}

// InviteCounts counts the invites of a tenant by state.
func (c *Client) InviteCounts(ctx context.Context, tenant string) (v1.InviteCounts, error) {
	return get[v1.InviteCounts](ctx, c, of(tenant, "invites", "counts"), nil)
}

// PreviewInvites returns a page of those whom a release would invite, and of why others of the selection stay as they are. Without states it is of held invites.
func (c *Client) PreviewInvites(ctx context.Context, tenant string, sel v1.InviteSelection, p Paging) (v1.Page[v1.InvitePreview], error) {
	query := p.values()
	set := func(name, value string) {
		if value != "" {
			query.Set(name, value)
		}
	}
	set("people", strings.Join(sel.People, ","))
	set("team", sel.Team)
	set("group", sel.Group)
	set("states", strings.Join(sel.States, ","))
	if sel.Percent > 0 {
		set("percent", strconv.Itoa(sel.Percent))
	}
	return get[v1.Page[v1.InvitePreview]](ctx, c, of(tenant, "invites", "preview"), query)
}

// MoveInvites does something with invites: release, hold, resend, revoke, sent or accepted.
func (c *Client) MoveInvites(ctx context.Context, tenant, move string, request v1.InviteRequest) (v1.InviteTally, error) {
	return call[v1.InviteTally](ctx, c, http.MethodPost, of(tenant, "invites", move), nil, request)
}

// AcceptInvite accepts the invite that a link's token is for.
func (c *Client) AcceptInvite(ctx context.Context, tenant, token string) (v1.InviteAccepted, error) {
	return call[v1.InviteAccepted](ctx, c, http.MethodPost, of(tenant, "invites", "accept-link"), nil, v1.InviteLink{Token: token})
}

// RecoverInvites goes on after the ledger of invites was lost; database is current or restored.
func (c *Client) RecoverInvites(ctx context.Context, tenant, database, reason string) (v1.InviteTally, error) {
	return call[v1.InviteTally](ctx, c, http.MethodPost, of(tenant, "invites", "recover"), nil, v1.InviteRecovery{Database: database, Reason: reason})
}
