package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humaecho"
	"github.com/labstack/echo/v4"

	"github.com/oktasync/oktasync/directory"
)

// Path is where the API lives.
const Path = "/api/v1"

const (
	defaultTimeout = 15 * time.Second
	maxBody        = 64 << 10 // bytes; the largest request names one scope
)

// Resyncer starts runs.
type Resyncer interface {
	// Request stores a queued run with the act of asking for it, and has it worked off.
	// False means that an equal one is waiting already, which is then returned instead.
	Request(ctx context.Context, run directory.Run, act directory.Act) (directory.Run, bool, error)
}

// Archive deals with scopes whose work failed for good. Both methods record the act, and fail
// with directory.ErrNotFound when the scope is not parked.
type Archive interface {
	// Unpark makes the scope's events wait again and says whether one of them is urgent.
	Unpark(ctx context.Context, tenant string, scope directory.Scope, act directory.Act) (bool, error)
	// Discard marks the scope's events as dealt with.
	Discard(ctx context.Context, tenant string, scope directory.Scope, act directory.Act) error
}

// Enqueuer asks for scopes to be reconciled soon.
type Enqueuer interface {
	Enqueue(ctx context.Context, hints []directory.ScopeHint) error
}

// Failures counts failed authentications. It returns how many the source has,
// and how long it should stay away: zero while it is within the limit.
type Failures interface {
	Failed(source string, now time.Time) (int, time.Duration)
}

// Options are what the API needs.
type Options struct {
	Tokens []Token
	// Grants returns a tenant's rules about roles and licenses; nil: no tenant has any.
	Grants func(tenant string) directory.GrantRules
	// Tenants returns the slugs of all tenants, sorted.
	Tenants   func() []string
	Admin     TenantAdmin
	Reloader  Reloader
	Reader    Reader
	Resyncer  Resyncer
	Decider   Decider
	Invites   Invites
	Profiles  Profiles
	Explainer Explainer
	Archive   Archive
	Endpoints EndpointAdmin
	Enqueuer  Enqueuer
	Failures  Failures
	Logger    *slog.Logger
	// AuthFailed counts callers without a right token; reason is "missing",
	// "wrong" or "limited". It may be nil.
	AuthFailed func(reason string)
	// Version is the program's, for the OpenAPI document.
	Version string
	// Timeout bounds one request; zero means 15 s.
	Timeout time.Duration
	// Now is the clock; nil means time.Now.
	Now func() time.Time
}

// Server serves the API. It is safe for concurrent use.
type Server struct {
	tokens     *tokenSet
	tenants    func() []string
	admin      TenantAdmin
	reloader   Reloader
	reader     Reader
	grants     func(tenant string) directory.GrantRules
	resyncer   Resyncer
	decider    Decider
	invites    Invites
	profiles   Profiles
	explainer  Explainer
	archive    Archive
	endpoints  EndpointAdmin
	enqueuer   Enqueuer
	failures   Failures
	feedSlots  chan struct{} // one for each request that reads changes
	log        *slog.Logger
	authFailed func(reason string)
	version    string
	timeout    time.Duration
	now        func() time.Time
}

// New returns a server. It fails when a part is missing or a token is not
// usable. Without tokens every request is refused.
func New(o Options) (*Server, error) {
	if o.Tenants == nil || o.Admin == nil || o.Reloader == nil || o.Reader == nil || o.Resyncer == nil || o.Decider == nil || o.Invites == nil || o.Profiles == nil || o.Explainer == nil || o.Archive == nil || o.Endpoints == nil || o.Enqueuer == nil || o.Failures == nil || o.Logger == nil {
		return nil, errors.New("make admin API: tenants, their admin, reloader, reader, resyncer, decider, invites, profiles, explainer, archive, endpoints, enqueuer, failures and logger are all needed")
	}
	tokens, err := newTokenSet(o.Tokens)
	if err != nil {
		return nil, fmt.Errorf("make admin API: %w", err)
	}
	if o.AuthFailed == nil {
		o.AuthFailed = func(string) {}
	}
	if o.Version == "" {
		o.Version = "development"
	}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if o.Grants == nil {
		o.Grants = func(string) directory.GrantRules { return directory.GrantRules{} }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Server{
		tokens: tokens, tenants: o.Tenants, admin: o.Admin, reloader: o.Reloader, reader: o.Reader, grants: o.Grants, resyncer: o.Resyncer, decider: o.Decider, invites: o.Invites, profiles: o.Profiles, explainer: o.Explainer, archive: o.Archive, endpoints: o.Endpoints,
		enqueuer: o.Enqueuer, failures: o.Failures, log: o.Logger, authFailed: o.AuthFailed,
		version: o.Version, timeout: o.Timeout, now: o.Now,
		feedSlots: make(chan struct{}, feedReaders),
	}, nil
}

// Register adds the routes under Path. The source of a request is what the
// Echo's IPExtractor says.
func (s *Server) Register(e *echo.Echo) error {
	group := e.Group(Path, unescapeParams, withRequestID)
	group.RouteNotFound("/*", func(c echo.Context) error {
		return writeProblem(c, http.StatusNotFound, "there is no such address, or it does not take this method; the list is at "+Path+"/openapi.json")
	})
	described := humaecho.NewWithGroup(e, group, s.describe())
	described.UseMiddleware(s.authenticate(described))
	s.addTenants(described)
	s.addReload(described)
	s.addRuns(described)
	s.addPlan(described)
	s.addDecisions(described)
	s.addPeople(described)
	s.addErase(described)
	s.addProfiles(described)
	s.addManagers(described)
	s.addTeams(described)
	s.addExplain(described)
	s.addGroups(described)
	s.addRoles(described)
	s.addChanges(described)
	s.addSnapshot(described)
	s.addArchive(described)
	s.addEndpoints(described)
	s.addActs(described)
	s.addInvites(described)
	s.addEvents(described)

	document, err := json.Marshal(described.OpenAPI())
	if err != nil {
		return fmt.Errorf("write the OpenAPI document: %w", err)
	}
	group.GET("/openapi.json", func(c echo.Context) error { return c.JSONBlob(http.StatusOK, document) })
	return nil
}

// describe is what the OpenAPI document says about the whole. The library's own
// pages for documents and schemas stay off: they load scripts from elsewhere.
func (s *Server) describe() huma.Config {
	config := huma.DefaultConfig("oktasync admin API", s.version)
	config.Info.Description = "Look into a directory that follows Okta, and ask for it to be brought up to date."
	config.Servers = []*huma.Server{{URL: Path}}
	config.OpenAPIPath, config.DocsPath, config.SchemasPath = "", "", ""
	config.CreateHooks = nil
	config.RejectUnknownQueryParameters = true // a mistyped filter must not read as no filter
	config.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		tokenScheme: {Type: "http", Scheme: "bearer", Description: "An admin token from the configuration. Each operation says which role it needs."},
	}
	return config
}

// add registers one operation for tokens of the role, and of those above it. Its errors go
// through the one mapping.
func add[I, O any](s *Server, to huma.API, role directory.Role, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	addFor(s, to, s.timeout, role, op, handle)
}

// addFor is add for an operation that may take longer than others.
func addFor[I, O any](s *Server, to huma.API, timeout time.Duration, role directory.Role, op huma.Operation, handle func(context.Context, *I) (*O, error)) {
	op.Security = []map[string][]string{{tokenScheme: {}}}
	if op.MaxBodyBytes == 0 {
		op.MaxBodyBytes = maxBody
	}
	op.Errors = append(op.Errors, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound, http.StatusTooManyRequests)
	op.Middlewares = append(op.Middlewares, s.require(to, role))
	if timeout > s.timeout {
		op.Middlewares = append(op.Middlewares, patient(timeout))
	}
	op.Extensions = map[string]any{roleExtension: role}
	op.Description = strings.TrimSpace(op.Description + " Needs a token with the role " + string(role) + ".")
	huma.Register(to, op, func(ctx context.Context, in *I) (*O, error) {
		ctx, cancel := context.WithTimeout(ctx, timeout)
		defer cancel()
		out, err := handle(ctx, in)
		if err != nil {
			return nil, s.problem(ctx, op.OperationID, err)
		}
		return out, nil
	})
}

// patient keeps the HTTP server from cutting an answer off: its limit for writing one is made
// for short requests, and counts from their beginning.
func patient(timeout time.Duration) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		connection := http.NewResponseController(humaecho.Unwrap(ctx).Response())
		_ = connection.SetWriteDeadline(time.Now().Add(timeout)) // a connection without deadlines has none that is in the way
		next(ctx)
	}
}
