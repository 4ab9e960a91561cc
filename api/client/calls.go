package client

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/oktasync/oktasync/api/v1"
)

// Paging selects a page. Zero values mean the first one in the service's usual size.
type Paging struct {
	After string // Next of the page before
	Limit int
}

func (p Paging) values() url.Values {
	v := url.Values{}
	if p.After != "" {
		v.Set("after", p.After)
	}
	if p.Limit > 0 {
		v.Set("limit", strconv.Itoa(p.Limit))
	}
	return v
}

// PeopleFilter selects people. Zero values mean no restriction.
type PeopleFilter struct {
	Status string // active, suspended, deactivated or removed
	Team   string // team id
	Unfit  bool   // only people of whom Okta has a value that does not fit
	Paging
}

// ChangeFilter selects changes.
type ChangeFilter struct {
	After  string // only changes after this cursor, or after this sequence number
	Limit  int
	Newest bool // newest first; one page only
	// Types and Wait are for the whole tenant's changes only: the types to read, and how
	// long to wait for a change when there is none.
	Types []string
	Wait  time.Duration
}

func (f ChangeFilter) values() url.Values {
	v := Paging{After: f.After, Limit: f.Limit}.values()
	if len(f.Types) > 0 {
		v.Set("types", strings.Join(f.Types, ","))
	}
	if f.Wait > 0 {
		v.Set("wait", f.Wait.String())
	}
	if f.Newest {
		v.Set("newest", "true")
	}
	return v
}

// of is the path of a tenant's things.
func of(tenant string, parts ...string) string {
	path := "/tenants/" + url.PathEscape(tenant)
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}

func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	return call[T](ctx, c, http.MethodGet, path, query, nil)
}

// Resync asks for a resync: scope is full, person or group; id is empty, a
// person's Okta id, login or e-mail, or a group's Okta id or name.
func (c *Client) Resync(ctx context.Context, tenant, scope, id string) (v1.Run, error) {
	return call[v1.Run](ctx, c, http.MethodPost, of(tenant, "resyncs"), nil, v1.ResyncRequest{Scope: scope, ID: id})
}

// Run returns one run with its progress; id may be the beginning of the run's.
func (c *Client) Run(ctx context.Context, tenant, id string) (v1.Run, error) {
	return get[v1.Run](ctx, c, of(tenant, "runs", id), nil)
}

// DryRun asks for the plan of a resync; scope and id are those of Resync.
func (c *Client) DryRun(ctx context.Context, tenant, scope, id string) (v1.Run, error) {
	return call[v1.Run](ctx, c, http.MethodPost, of(tenant, "resyncs"), nil, v1.ResyncRequest{Scope: scope, ID: id, DryRun: true})
}

// Plan returns a page of the changes that a run has planned; id may be the beginning of the run's.
func (c *Client) Plan(ctx context.Context, tenant, id string, p Paging) (v1.Page[v1.PlannedChange], error) {
	return get[v1.Page[v1.PlannedChange]](ctx, c, of(tenant, "runs", id, "plan"), p.values())
}

// Approve has the plan of a run that waits applied; id may be the beginning of the run's.
func (c *Client) Approve(ctx context.Context, tenant, id, reason string) (v1.Run, error) {
	return call[v1.Run](ctx, c, http.MethodPost, of(tenant, "runs", id, "approve"), nil, v1.DecisionRequest{Reason: reason})
}

// Reject ends a run that waits; id may be the beginning of the run's.
func (c *Client) Reject(ctx context.Context, tenant, id, reason string) (v1.Run, error) {
	return call[v1.Run](ctx, c, http.MethodPost, of(tenant, "runs", id, "reject"), nil, v1.DecisionRequest{Reason: reason})
}

// Runs returns the newest runs first.
func (c *Client) Runs(ctx context.Context, tenant string, limit int) (v1.Page[v1.Run], error) {
	return get[v1.Page[v1.Run]](ctx, c, of(tenant, "runs"), Paging{Limit: limit}.values())
}

// Person returns one person by Okta id, login or e-mail.
func (c *Client) Person(ctx context.Context, tenant, who string) (v1.PersonDetail, error) {
	return get[v1.PersonDetail](ctx, c, of(tenant, "people", who), nil)
}

// Explain says why a person is as they are; who is an Okta id, login or e-mail. About is the only topic, empty for all.
func (c *Client) Explain(ctx context.Context, tenant, who, about string) (v1.Explanation, error) {
	query := url.Values{}
	if about != "" {
		query.Set("about", about)
	}
	return get[v1.Explanation](ctx, c, of(tenant, "people", who, "explain"), query)
}

// Erase erases what is kept of a person who left; who is an Okta id, login or e-mail.
func (c *Client) Erase(ctx context.Context, tenant, who, reason string) (v1.Erased, error) {
	return call[v1.Erased](ctx, c, http.MethodPost, of(tenant, "people", who, "erase"), nil, v1.DecisionRequest{Reason: reason})
}

// ManagerCases returns a page of people whose manager is not settled; an empty problem: whatever the reason.
func (c *Client) ManagerCases(ctx context.Context, tenant, problem string, p Paging) (v1.Page[v1.ManagerCase], error) {
	v := p.values()
	if problem != "" {
		v.Set("problem", problem)
	}
	return get[v1.Page[v1.ManagerCase]](ctx, c, of(tenant, "manager-problems"), v)
}

// ChooseManager makes somebody the manager of a person; both are Okta ids, logins or e-mails.
func (c *Client) ChooseManager(ctx context.Context, tenant, who string, request v1.ManagerRequest) (v1.PersonDetail, error) {
	return call[v1.PersonDetail](ctx, c, http.MethodPut, of(tenant, "people", who, "manager"), nil, request)
}

// UnchooseManager takes that back. The reason may be empty, as wherever something is taken back.
func (c *Client) UnchooseManager(ctx context.Context, tenant, who, reason string) (v1.PersonDetail, error) {
	return call[v1.PersonDetail](ctx, c, http.MethodDelete, of(tenant, "people", who, "manager"), nil, v1.UndoRequest{Reason: reason})
}

// SetTeamManager makes somebody the manager of a team.
func (c *Client) SetTeamManager(ctx context.Context, tenant, team string, request v1.ManagerRequest) (v1.TeamManager, error) {
	return call[v1.TeamManager](ctx, c, http.MethodPut, of(tenant, "teams", team, "manager"), nil, request)
}

// UnsetTeamManager takes that back.
func (c *Client) UnsetTeamManager(ctx context.Context, tenant, team, reason string) (v1.TeamManager, error) {
	return call[v1.TeamManager](ctx, c, http.MethodDelete, of(tenant, "teams", team, "manager"), nil, v1.UndoRequest{Reason: reason})
}

// RenameTeam gives a team a name.
func (c *Client) RenameTeam(ctx context.Context, tenant, team string, request v1.TeamNameRequest) (v1.Team, error) {
	return call[v1.Team](ctx, c, http.MethodPut, of(tenant, "teams", team, "name"), nil, request)
}

// UnnameTeam takes that back.
func (c *Client) UnnameTeam(ctx context.Context, tenant, team, reason string) (v1.Team, error) {
	return call[v1.Team](ctx, c, http.MethodDelete, of(tenant, "teams", team, "name"), nil, v1.UndoRequest{Reason: reason})
}

// MergeTeam merges a team into another, or says what that would do.
func (c *Client) MergeTeam(ctx context.Context, tenant, team string, request v1.TeamMergeRequest) (v1.TeamMerge, error) {
	return call[v1.TeamMerge](ctx, c, http.MethodPut, of(tenant, "teams", team, "merge"), nil, request)
}

// UnmergeTeam takes that back. The answer says how many people are in the team then.
func (c *Client) UnmergeTeam(ctx context.Context, tenant, team, reason string) (v1.TeamMerge, error) {
	return call[v1.TeamMerge](ctx, c, http.MethodDelete, of(tenant, "teams", team, "merge"), nil, v1.UndoRequest{Reason: reason})
}

// MergedTeams returns a page of teams that were merged, in order of id.
func (c *Client) MergedTeams(ctx context.Context, tenant string, p Paging) (v1.Page[v1.MergedTeam], error) {
	return get[v1.Page[v1.MergedTeam]](ctx, c, of(tenant, "merged-teams"), p.values())
}

// People returns a page of people in order of id.
func (c *Client) People(ctx context.Context, tenant string, f PeopleFilter) (v1.Page[v1.Person], error) {
	v := f.values()
	if f.Status != "" {
		v.Set("status", f.Status)
	}
	if f.Team != "" {
		v.Set("team", f.Team)
	}
	if f.Unfit {
		v.Set("unfit", "true")
	}
	return get[v1.Page[v1.Person]](ctx, c, of(tenant, "people"), v)
}

// PersonChanges returns the changes of one person.
func (c *Client) PersonChanges(ctx context.Context, tenant, who string, f ChangeFilter) (v1.Page[v1.Change], error) {
	return get[v1.Page[v1.Change]](ctx, c, of(tenant, "people", who, "changes"), f.values())
}

// Changes returns a page of the tenant's history.
func (c *Client) Changes(ctx context.Context, tenant string, f ChangeFilter) (v1.ChangePage, error) {
	patient := *c
	if c.limit > 0 {
		patient.limit += f.Wait
	}
	return get[v1.ChangePage](ctx, &patient, of(tenant, "changes"), f.values())
}

// Acts returns a page of what admins did, newest first.
func (c *Client) Acts(ctx context.Context, tenant string, p Paging) (v1.Page[v1.Act], error) {
	return get[v1.Page[v1.Act]](ctx, c, of(tenant, "acts"), p.values())
}

// EventHealth returns how events came: by hook, by System Log, or by both. grace is how long the other way of
// an event may be silent before the event counts as lost or unknown; below zero: the service's usual one.
func (c *Client) EventHealth(ctx context.Context, tenant string, grace time.Duration) (v1.EventHealth, error) {
	query := url.Values{}
	if grace >= 0 {
		query.Set("grace", grace.String())
	}
	return get[v1.EventHealth](ctx, c, of(tenant, "events", "health"), query)
}

// Teams returns a page of teams in order of id.
func (c *Client) Teams(ctx context.Context, tenant string, p Paging) (v1.Page[v1.Team], error) {
	return get[v1.Page[v1.Team]](ctx, c, of(tenant, "teams"), p.values())
}

// Groups returns a page of groups in order of id.
func (c *Client) Groups(ctx context.Context, tenant string, p Paging) (v1.Page[v1.Group], error) {
	return get[v1.Page[v1.Group]](ctx, c, of(tenant, "groups"), p.values())
}

// Members returns a page of a group's members in order of id.
func (c *Client) Members(ctx context.Context, tenant, groupID string, p Paging) (v1.Page[v1.Member], error) {
	return get[v1.Page[v1.Member]](ctx, c, of(tenant, "groups", groupID, "members"), p.values())
}

// Roles returns how many people have each role.
func (c *Client) Roles(ctx context.Context, tenant string) (v1.Page[v1.RoleCount], error) {
	return get[v1.Page[v1.RoleCount]](ctx, c, of(tenant, "roles"), nil)
}

// Licenses returns the license pools.
func (c *Client) Licenses(ctx context.Context, tenant string) (v1.Page[v1.LicensePool], error) {
	return get[v1.Page[v1.LicensePool]](ctx, c, of(tenant, "licenses"), nil)
}

// Quarantine returns a page of the records that cannot be applied.
func (c *Client) Quarantine(ctx context.Context, tenant string, p Paging) (v1.Page[v1.Quarantined], error) {
	return get[v1.Page[v1.Quarantined]](ctx, c, of(tenant, "quarantine"), p.values())
}

// WriteProfile writes fields that the product owns; nil empties one.
func (c *Client) WriteProfile(ctx context.Context, tenant, who string, fields map[string]any) (v1.PersonDetail, error) {
	return call[v1.PersonDetail](ctx, c, http.MethodPatch, of(tenant, "people", who, "profile"), nil, v1.ProfileRequest{Fields: fields})
}

// TestRules returns what the rules make of one person, an Okta id or login, as Okta shows them now.
func (c *Client) TestRules(ctx context.Context, tenant, person string) (v1.RulesTest, error) {
	return call[v1.RulesTest](ctx, c, http.MethodPost, of(tenant, "rules", "test"), nil, v1.RulesTestRequest{Person: person})
}

// IgnoredAttributes returns the Okta attributes that no rule uses.
func (c *Client) IgnoredAttributes(ctx context.Context, tenant string) (v1.Page[string], error) {
	return get[v1.Page[string]](ctx, c, of(tenant, "ignored-attributes"), nil)
}

// Archive returns the scopes whose work failed for good.
func (c *Client) Archive(ctx context.Context, tenant string, limit int) (v1.Page[v1.Parked], error) {
	return get[v1.Page[v1.Parked]](ctx, c, of(tenant, "archive"), Paging{Limit: limit}.values())
}

// Retry tries a parked scope again; scope is as Archive lists it.
func (c *Client) Retry(ctx context.Context, tenant, scope string) (v1.ArchiveResult, error) {
	return call[v1.ArchiveResult](ctx, c, http.MethodPost, of(tenant, "archive", "retry"), nil, v1.ArchiveRequest{Scope: scope})
}

// Discard gives up the events of a parked scope; scope is as Archive lists it.
func (c *Client) Discard(ctx context.Context, tenant, scope string) (v1.ArchiveResult, error) {
	return call[v1.ArchiveResult](ctx, c, http.MethodPost, of(tenant, "archive", "discard"), nil, v1.ArchiveRequest{Scope: scope})
}

// Tenants returns a page of tenants with their health.
func (c *Client) Tenants(ctx context.Context, p Paging) (v1.Page[v1.Tenant], error) {
	return get[v1.Page[v1.Tenant]](ctx, c, "/tenants", p.values())
}

// Tenant returns one tenant's health and its settings without secrets.
func (c *Client) Tenant(ctx context.Context, tenant string) (v1.TenantDetail, error) {
	return get[v1.TenantDetail](ctx, c, of(tenant), nil)
}

// AddTenant makes a tenant.
func (c *Client) AddTenant(ctx context.Context, request v1.TenantRequest) (v1.TenantDetail, error) {
	return call[v1.TenantDetail](ctx, c, http.MethodPost, "/tenants", nil, request)
}

// ChangeTenant puts a JSON merge patch on top of a tenant's settings.
func (c *Client) ChangeTenant(ctx context.Context, tenant string, patch map[string]any) (v1.TenantDetail, error) {
	return call[v1.TenantDetail](ctx, c, http.MethodPatch, of(tenant), nil, v1.TenantChange{Settings: patch})
}

// PauseTenant lets a tenant's work rest.
func (c *Client) PauseTenant(ctx context.Context, tenant, reason string) (v1.TenantDetail, error) {
	return call[v1.TenantDetail](ctx, c, http.MethodPost, of(tenant, "pause"), nil, v1.TenantReason{Reason: reason})
}

// ResumeTenant lets the work of a paused tenant go on.
func (c *Client) ResumeTenant(ctx context.Context, tenant string) (v1.TenantDetail, error) {
	return call[v1.TenantDetail](ctx, c, http.MethodPost, of(tenant, "resume"), nil, nil)
}

// RemoveTenant has everything of a tenant erased. There is no way back.
func (c *Client) RemoveTenant(ctx context.Context, tenant, reason string) (v1.TenantDetail, error) {
	return call[v1.TenantDetail](ctx, c, http.MethodDelete, of(tenant), nil, v1.TenantRemoval{Confirm: tenant, Reason: reason})
}

// TestTenant checks what a tenant needs; nothing is changed. It takes seconds.
func (c *Client) TestTenant(ctx context.Context, tenant string) (v1.TenantTest, error) {
	return call[v1.TenantTest](ctx, c, http.MethodPost, of(tenant, "test"), nil, nil)
}

// DropSettings forgets the stored settings of a tenant that stands in the configuration file as
// well.
func (c *Client) DropSettings(ctx context.Context, tenant string) (v1.TenantDetail, error) {
	return call[v1.TenantDetail](ctx, c, http.MethodDelete, of(tenant, "settings"), nil, nil)
}

// Snapshot reads the whole directory and calls each for every line, until one fails. The first
// line has the cursor to follow the changes from. An error means that the snapshot is not whole:
// then what was read of it is to be thrown away.
func (c *Client) Snapshot(ctx context.Context, tenant string, each func(v1.SnapshotLine) error) error {
	lines, err := c.stream(ctx, of(tenant, "snapshot"))
	if err != nil {
		return err
	}
	defer func() { _ = lines.Close() }()
	var have v1.SnapshotEnd
	for decoder := json.NewDecoder(lines); ; {
		var line v1.SnapshotLine
		if err := decoder.Decode(&line); err != nil {
			return fmt.Errorf("the snapshot was cut off after %d people and %d memberships; take another one: %w", have.People, have.Memberships, err)
		}
		switch {
		case line.Team != nil:
			have.Teams++
		case line.Group != nil:
			have.Groups++
		case line.Person != nil:
			have.People++
		case line.Membership != nil:
			have.Memberships++
		case line.Role != nil:
			have.Roles++
		case line.License != nil:
			have.Licenses++
		case line.Invite != nil:
			have.Invites++
		case line.End != nil && *line.End != have:
			return fmt.Errorf("the snapshot has %+v, and should have %+v; take another one", have, *line.End)
		}
		if err := each(line); err != nil || line.End != nil {
			return err
		}
	}
}

// Reload has the service take over its configuration file as it is now.
func (c *Client) Reload(ctx context.Context) (v1.Reloaded, error) {
	return call[v1.Reloaded](ctx, c, http.MethodPost, "/config/reload", nil, nil)
}
