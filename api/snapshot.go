package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

const (
	// snapshotPage is how many rows of a snapshot are in memory.
	snapshotPage = 500
	// snapshotStall is how long a caller may take to accept one page.
	snapshotStall = 30 * time.Second
	ndjson        = "application/x-ndjson"
)

func (s *Server) addSnapshot(to huma.API) {
	line := to.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[v1.SnapshotLine](), true, "SnapshotLine")
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "get-snapshot", Method: http.MethodGet, Path: "/tenants/{tenant}/snapshot", Tags: []string{"history"},
		Summary:     "Read the whole directory, with the cursor to follow it from",
		Description: "One JSON object a line. Whatever changes while it is read comes again after the cursor of the first line. Only the last line says that nothing is missing.",
		Responses: map[string]*huma.Response{"200": {
			Description: "OK", Content: map[string]*huma.MediaType{ndjson: {Schema: line}},
		}},
	}, s.getSnapshot)
}

// snapshot writes the lines of one.
type snapshot struct {
	*Server
	tenant     string
	out        *json.Encoder
	connection *http.ResponseController
	counts     v1.SnapshotEnd
}

// getSnapshot streams. No transaction is held: the cursor is taken first and the rows are read
// after it, page by page in the order of their ids, which never change. What happens to a row that
// is read already, or not yet, is in the feed after the cursor. So a slow caller holds nothing up,
// and nothing is missed; some of it may be seen twice.
func (s *Server) getSnapshot(ctx context.Context, in *TenantPath) (*huma.StreamResponse, error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	page, err := s.reader.Feed(ctx, in.Tenant, directory.ChangeQuery{Newest: true, Limit: 1})
	if err != nil {
		return nil, err
	}
	start := &v1.SnapshotStart{Tenant: in.Tenant, Cursor: cursorAt(in.Tenant, page.Feed, page.Last)}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		ctx.SetHeader("Content-Type", ndjson)
		w := &snapshot{Server: s, tenant: in.Tenant, out: json.NewEncoder(ctx.BodyWriter()),
			connection: http.NewResponseController(humaecho.Unwrap(ctx).Response())}
		// The status is sent already: who reads sees that the last line is missing.
		if err := w.all(ctx.Context(), start); err != nil {
			s.log.WarnContext(ctx.Context(), "snapshot cut off; the caller has to ask again", "tenant", in.Tenant, "request", requestID(ctx.Context()), "error", err)
		}
	}}, nil
}

func (w *snapshot) all(ctx context.Context, start *v1.SnapshotStart) error {
	w.patience()
	if err := w.out.Encode(v1.SnapshotLine{Kind: "start", Start: start}); err != nil {
		return err
	}
	for _, part := range []func(context.Context) error{w.teams, w.groups, w.people, w.memberships, w.roles, w.licenses, w.invites} {
		if err := part(ctx); err != nil {
			return err
		}
	}
	return w.out.Encode(v1.SnapshotLine{Kind: "end", End: &w.counts})
}

// patience gives the caller a while for the next page.
func (w *snapshot) patience() {
	_ = w.connection.SetWriteDeadline(time.Now().Add(snapshotStall)) // a connection without deadlines has none that is in the way
}

// pages writes the rows of one kind, page by page. after is empty, or the last row's key.
func pages[T any](ctx context.Context, w *snapshot, key func(T) string, read func(after string) ([]T, error), write func(T) error) error {
	for after := ""; ; {
		rows, err := slotted(ctx, w.Server, func() ([]T, error) { return read(after) })
		if err != nil {
			return err
		}
		w.patience()
		for _, row := range rows {
			if err := write(row); err != nil {
				return fmt.Errorf("write to the caller: %w", err)
			}
		}
		if len(rows) < snapshotPage {
			return nil
		}
		after = key(rows[len(rows)-1])
	}
}

func (w *snapshot) teams(ctx context.Context) error {
	return pages(ctx, w, func(t directory.TeamSize) string { return t.ID },
		func(after string) ([]directory.TeamSize, error) {
			return w.reader.ListTeams(ctx, w.tenant, after, snapshotPage)
		},
		func(t directory.TeamSize) error {
			w.counts.Teams++
			team := teamOf(t)
			return w.out.Encode(v1.SnapshotLine{Kind: "team", Team: &team})
		})
}

func (w *snapshot) groups(ctx context.Context) error {
	return pages(ctx, w, func(g directory.GroupSize) string { return g.ID },
		func(after string) ([]directory.GroupSize, error) {
			return w.reader.ListGroups(ctx, w.tenant, after, snapshotPage)
		},
		func(g directory.GroupSize) error {
			w.counts.Groups++
			group := groupOf(g)
			return w.out.Encode(v1.SnapshotLine{Kind: "group", Group: &group})
		})
}

// people leaves out those who were removed. Their teams' names are in the lines of the teams.
func (w *snapshot) people(ctx context.Context) error {
	return pages(ctx, w, func(p directory.Person) string { return p.ID },
		func(after string) ([]directory.Person, error) {
			return w.reader.ListPeople(ctx, w.tenant, directory.PeopleQuery{After: after, Limit: snapshotPage})
		},
		func(p directory.Person) error {
			if p.Status == directory.StatusRemoved {
				return nil
			}
			w.counts.People++
			person := personOf(p)
			return w.out.Encode(v1.SnapshotLine{Kind: "person", Person: &person})
		})
}

func (w *snapshot) memberships(ctx context.Context) error {
	var last directory.Membership // the key has two parts
	return pages(ctx, w, func(m directory.Membership) string { last = m; return m.GroupID },
		func(string) ([]directory.Membership, error) {
			return w.reader.ListMemberships(ctx, w.tenant, last, snapshotPage)
		},
		func(m directory.Membership) error {
			w.counts.Memberships++
			return w.out.Encode(v1.SnapshotLine{Kind: "membership", Membership: &v1.SnapshotMembership{GroupID: m.GroupID, PersonID: m.PersonID}})
		})
}

func (w *snapshot) roles(ctx context.Context) error {
	var last directory.RoleGrant
	return pages(ctx, w, func(r directory.RoleGrant) string { last = r; return r.PersonID },
		func(string) ([]directory.RoleGrant, error) {
			return w.reader.ListRoleGrants(ctx, w.tenant, last, snapshotPage)
		},
		func(r directory.RoleGrant) error {
			w.counts.Roles++
			return w.out.Encode(v1.SnapshotLine{Kind: "role", Role: &v1.SnapshotRole{PersonID: r.PersonID, Role: roleOf(r)}})
		})
}

// licenses counts the places of those who wait: they come in line.
func (w *snapshot) licenses(ctx context.Context) error {
	var last directory.LicenseClaim
	pool, place := "", 0
	return pages(ctx, w, func(l directory.LicenseClaim) string { last = l; return l.PersonID },
		func(string) ([]directory.LicenseClaim, error) {
			return w.reader.ListLicenseClaims(ctx, w.tenant, last, snapshotPage)
		},
		func(l directory.LicenseClaim) error {
			w.counts.Licenses++
			if l.Pool != pool {
				pool, place = l.Pool, 0
			}
			claim := directory.LicenseInLine{LicenseClaim: l}
			if !l.Held {
				place++
				claim.Place = place
			}
			return w.out.Encode(v1.SnapshotLine{Kind: "license", License: &v1.SnapshotLicense{PersonID: l.PersonID, License: licenseOf(claim)}})
		})
}

// invites has those of people who are gone, too: whoever comes back is not invited again.
func (w *snapshot) invites(ctx context.Context) error {
	return pages(ctx, w, func(i directory.Invite) string { return i.PersonID },
		func(after string) ([]directory.Invite, error) {
			return w.reader.InviteRows(ctx, w.tenant, after, snapshotPage)
		},
		func(i directory.Invite) error {
			w.counts.Invites++
			invite := v1.SnapshotInvite{PersonID: i.PersonID, State: string(i.State), Since: i.Since.UTC()}
			if !i.ReleaseAt.IsZero() {
				invite.ReleaseAt = utc(&i.ReleaseAt)
			}
			return w.out.Encode(v1.SnapshotLine{Kind: "invite", Invite: &invite})
		})
}
