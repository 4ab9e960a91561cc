package api

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

// EndpointAdmin manages the endpoints of tenants. which is an id or a name; an unknown one is
// directory.ErrNotFound, what does not fit directory.ErrConflict, and what is not right a
// *directory.InvalidError. Each act is recorded with what it does.
type EndpointAdmin interface {
	Endpoints(ctx context.Context, tenant string) ([]directory.Endpoint, error)
	Endpoint(ctx context.Context, tenant, which string) (directory.Endpoint, error)
	// Add and Rotate also return the new secret, or the public key of a new pair.
	Add(ctx context.Context, e directory.Endpoint, kind directory.SecretKind, act directory.Act) (directory.Endpoint, string, error)
	Rotate(ctx context.Context, tenant, which string, kind directory.SecretKind, overlap time.Duration, act directory.Act) (directory.Endpoint, string, error)
	// Retire ends all secrets but the newest.
	Retire(ctx context.Context, tenant, which string, act directory.Act) (directory.Endpoint, error)
	Change(ctx context.Context, tenant, which string, act directory.Act, change func(*directory.Endpoint)) (directory.Endpoint, error)
	Remove(ctx context.Context, tenant, which string, act directory.Act) (directory.Endpoint, error)
	// Test posts a test event at once, whatever waits.
	Test(ctx context.Context, tenant, which string, act directory.Act) (directory.Attempt, error)
	// Deliveries are those of a state, in order after a position.
	Deliveries(ctx context.Context, tenant, which string, state directory.DeliveryState, after int64, limit int) (feed string, rows []directory.Delivery, err error)
	// Attempts are the newest, older than number before.
	Attempts(ctx context.Context, tenant, which string, before int64, limit int) (feed string, rows []directory.Attempt, err error)
	Delivery(ctx context.Context, tenant, which, message string) (feed string, row directory.Delivery, attempts []directory.Attempt, err error)
	// Retry and Redrive take up one delivery, or all without a message.
	Retry(ctx context.Context, tenant, which, message string, act directory.Act) (int, error)
	Redrive(ctx context.Context, tenant, which, message string, act directory.Act) (int, error)
	// Replay sends changes once more: those that q selects, since a moment or all that are kept, and of these the ones
	// that the endpoint asked for. It returns how many; atMost: who is in the endpoint's teams is known only later.
	Replay(ctx context.Context, tenant, which string, since *time.Time, q directory.ChangeQuery, act directory.Act) (n int, atMost bool, err error)
}

// longestOverlap is how long an old secret may sign beside a new one.
const longestOverlap = 30 * 24 * time.Hour

// EndpointPath is in every operation of one endpoint.
type EndpointPath struct {
	TenantPath
	Endpoint string `path:"endpoint" maxLength:"100" doc:"The endpoint's id or name" example:"crm"`
}

type addEndpointInput struct {
	TenantPath
	Body v1.EndpointRequest
}

type changeEndpointInput struct {
	EndpointPath
	Body v1.EndpointChange
}

type rotateInput struct {
	EndpointPath
	Body v1.EndpointRotation
}

type disableInput struct {
	EndpointPath
	Body v1.EndpointReason
}

type endpointOutput struct {
	Location string `header:"Location" doc:"Where the endpoint is"`
	Body     v1.Endpoint
}

func (s *Server) addEndpoints(to huma.API) {
	tags, conflict := []string{"endpoints"}, []int{http.StatusConflict}
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-endpoints", Method: http.MethodGet, Path: "/tenants/{tenant}/endpoints", Tags: tags,
		Summary: "List the addresses that changes are posted to, and how that goes",
	}, s.listEndpoints)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "get-endpoint", Method: http.MethodGet, Path: "/tenants/{tenant}/endpoints/{endpoint}", Tags: tags,
		Summary: "Show one endpoint, without its secrets",
	}, s.getEndpoint)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "add-endpoint", Method: http.MethodPost, Path: "/tenants/{tenant}/endpoints", Tags: tags,
		Summary: "Have every change from now on posted to an address", DefaultStatus: http.StatusCreated, Errors: conflict,
	}, s.addEndpoint)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "change-endpoint", Method: http.MethodPatch, Path: "/tenants/{tenant}/endpoints/{endpoint}", Tags: tags,
		Summary: "Change an endpoint's name, address or filter", Errors: conflict,
	}, s.changeEndpoint)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "remove-endpoint", Method: http.MethodDelete, Path: "/tenants/{tenant}/endpoints/{endpoint}", Tags: tags,
		Summary: "Remove an endpoint; what waits for it is not delivered any more",
	}, s.removeEndpoint)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "rotate-endpoint-secret", Method: http.MethodPost, Path: "/tenants/{tenant}/endpoints/{endpoint}/rotate", Tags: tags,
		Summary: "Give an endpoint another secret; for a while both sign", Errors: conflict,
	}, s.rotateEndpoint)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "retire-endpoint-secret", Method: http.MethodPost, Path: "/tenants/{tenant}/endpoints/{endpoint}/retire", Tags: tags,
		Summary: "End all secrets of an endpoint but the newest",
	}, s.retireEndpoint)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "enable-endpoint", Method: http.MethodPost, Path: "/tenants/{tenant}/endpoints/{endpoint}/enable", Tags: tags,
		Summary: "Let deliveries to an endpoint go on where they stopped",
	}, s.enableEndpoint)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "disable-endpoint", Method: http.MethodPost, Path: "/tenants/{tenant}/endpoints/{endpoint}/disable", Tags: tags,
		Summary: "Let deliveries to an endpoint rest; what it misses is delivered when it is enabled again",
	}, s.disableEndpoint)
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "test-endpoint", Method: http.MethodPost, Path: "/tenants/{tenant}/endpoints/{endpoint}/test", Tags: tags,
		Summary: "Post a test event at once and say what the receiver answered",
	}, s.testEndpoint)
	s.addDeliveries(to)
}

func (s *Server) listEndpoints(ctx context.Context, in *TenantPath) (*pageOut[v1.Endpoint], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	all, err := s.endpoints.Endpoints(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	return &pageOut[v1.Endpoint]{Body: v1.Page[v1.Endpoint]{Items: convert(all, func(e directory.Endpoint) v1.Endpoint { return s.endpointOf(ctx, e) })}}, nil
}

func (s *Server) getEndpoint(ctx context.Context, in *EndpointPath) (*body[v1.Endpoint], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	e, err := s.endpoints.Endpoint(ctx, in.Tenant, in.Endpoint)
	if err != nil {
		return nil, err
	}
	return &body[v1.Endpoint]{s.endpointOf(ctx, e)}, nil
}

func (s *Server) addEndpoint(ctx context.Context, in *addEndpointInput) (*endpointOutput, error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	b := in.Body
	if err := checkFilter(b.Types, b.Teams); err != nil {
		return nil, err
	}
	act := tenantAct(ctx, directory.ActEndpointAdd, in.Tenant, "")
	e, secret, err := s.endpoints.Add(ctx, directory.Endpoint{Tenant: in.Tenant, Name: b.Name, URL: b.URL, Types: b.Types, Teams: b.Teams}, directory.SecretKind(b.Kind), act)
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(ctx, "endpoint added", "tenant", in.Tenant, "endpoint", e.ID, "by", act.Actor)
	answer := s.endpointOf(ctx, e)
	answer.Secret = secret
	return &endpointOutput{Location: Path + "/tenants/" + in.Tenant + "/endpoints/" + e.ID, Body: answer}, nil
}

func (s *Server) changeEndpoint(ctx context.Context, in *changeEndpointInput) (*body[v1.Endpoint], error) {
	b := in.Body
	var types, teams []string
	replace(&types, b.Types)
	replace(&teams, b.Teams)
	if err := checkFilter(types, teams); err != nil {
		return nil, err
	}
	return s.alterEndpoint(ctx, &in.EndpointPath, directory.ActEndpointChange, "", func(e *directory.Endpoint) {
		replace(&e.Name, b.Name)
		replace(&e.URL, b.URL)
		replace(&e.Types, b.Types)
		replace(&e.Teams, b.Teams)
	})
}

func replace[T any](to *T, value *T) {
	if value != nil {
		*to = *value
	}
}

func (s *Server) enableEndpoint(ctx context.Context, in *EndpointPath) (*body[v1.Endpoint], error) {
	return s.alterEndpoint(ctx, in, directory.ActEndpointEnable, "", func(e *directory.Endpoint) { e.Disabled = nil })
}

func (s *Server) disableEndpoint(ctx context.Context, in *disableInput) (*body[v1.Endpoint], error) {
	return s.alterEndpoint(ctx, &in.EndpointPath, directory.ActEndpointDisable, in.Body.Reason, func(e *directory.Endpoint) {
		e.Disabled = &directory.EndpointDisabled{By: callerOf(ctx).name, Reason: in.Body.Reason}
	})
}

// alterEndpoint changes an endpoint and answers with what it is then.
func (s *Server) alterEndpoint(ctx context.Context, in *EndpointPath, kind directory.ActKind, reason string, change func(*directory.Endpoint)) (*body[v1.Endpoint], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	act := tenantAct(ctx, kind, in.Tenant, reason)
	e, err := s.endpoints.Change(ctx, in.Tenant, in.Endpoint, act, change)
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(ctx, "endpoint changed", "tenant", in.Tenant, "endpoint", e.ID, "act", kind, "by", act.Actor)
	return &body[v1.Endpoint]{s.endpointOf(ctx, e)}, nil
}

func (s *Server) removeEndpoint(ctx context.Context, in *EndpointPath) (*body[v1.Endpoint], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	act := tenantAct(ctx, directory.ActEndpointRemove, in.Tenant, "")
	e, err := s.endpoints.Remove(ctx, in.Tenant, in.Endpoint, act)
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(ctx, "endpoint removed", "tenant", in.Tenant, "endpoint", e.ID, "by", act.Actor, "undelivered", e.Health.Waiting+e.Health.Dead)
	return &body[v1.Endpoint]{s.endpointOf(ctx, e)}, nil
}

func (s *Server) rotateEndpoint(ctx context.Context, in *rotateInput) (*body[v1.Endpoint], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	overlap := 24 * time.Hour
	if in.Body.Overlap != "" {
		var err error
		if overlap, err = time.ParseDuration(in.Body.Overlap); err != nil || overlap < 0 || overlap > longestOverlap {
			return nil, huma.Error422UnprocessableEntity("'overlap' is a length of time from 0s to 720h, such as 24h")
		}
	}
	act := tenantAct(ctx, directory.ActEndpointRotate, in.Tenant, "")
	e, secret, err := s.endpoints.Rotate(ctx, in.Tenant, in.Endpoint, directory.SecretKind(in.Body.Kind), overlap, act)
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(ctx, "secret of an endpoint rotated", "tenant", in.Tenant, "endpoint", e.ID, "by", act.Actor, "overlap", overlap)
	answer := s.endpointOf(ctx, e)
	answer.Secret = secret
	return &body[v1.Endpoint]{answer}, nil
}

func (s *Server) retireEndpoint(ctx context.Context, in *EndpointPath) (*body[v1.Endpoint], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	act := tenantAct(ctx, directory.ActEndpointRetire, in.Tenant, "")
	e, err := s.endpoints.Retire(ctx, in.Tenant, in.Endpoint, act)
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(ctx, "old secrets of an endpoint retired", "tenant", in.Tenant, "endpoint", e.ID, "by", act.Actor)
	return &body[v1.Endpoint]{s.endpointOf(ctx, e)}, nil
}

func (s *Server) testEndpoint(ctx context.Context, in *EndpointPath) (*body[v1.EndpointTest], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	// The receiver may take longer than other requests do.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), testPatience)
	defer cancel()
	a, err := s.endpoints.Test(ctx, in.Tenant, in.Endpoint, tenantAct(ctx, directory.ActEndpointTest, in.Tenant, ""))
	if err != nil {
		return nil, err
	}
	return &body[v1.EndpointTest]{v1.EndpointTest{Delivered: a.OK, Status: a.Status, TookMS: a.Took.Milliseconds(), Problem: a.Problem, Answer: a.Answer}}, nil
}

// checkFilter refuses types that do not exist, and what cannot be the id of a team, such as its name: nothing would
// ever be sent for these.
func checkFilter(types, teams []string) error {
	if _, err := parseTypes(types); err != nil {
		return err
	}
	for _, id := range teams {
		if !directory.IsTeamID(id) {
			return huma.Error422UnprocessableEntity(fmt.Sprintf("%q is no team's id: these begin with team_; GET …/teams, or oktasync teams list, has them", id))
		}
	}
	return nil
}

// unknownTeams are those of an endpoint's teams that the directory does not have. What cannot be read is not worth losing an answer
// that may have a secret in it.
func (s *Server) unknownTeams(ctx context.Context, e directory.Endpoint) []string {
	if len(e.Teams) == 0 {
		return nil
	}
	known, err := s.reader.TeamsByID(ctx, e.Tenant, e.Teams)
	if err != nil {
		s.log.WarnContext(ctx, "whether an endpoint's teams are there could not be read", "tenant", e.Tenant, "endpoint", e.ID, "error", err)
		return nil
	}
	return slices.DeleteFunc(slices.Clone(e.Teams), func(id string) bool {
		return slices.ContainsFunc(known, func(t directory.Team) bool { return t.ID == id })
	})
}

func (s *Server) endpointOf(ctx context.Context, e directory.Endpoint) v1.Endpoint {
	h := e.Health
	answer := v1.Endpoint{
		ID: e.ID, Tenant: e.Tenant, Name: e.Name, URL: e.URL, Types: append([]string{}, e.Types...), Teams: append([]string{}, e.Teams...),
		UnknownTeams: s.unknownTeams(ctx, e), State: "working", CreatedAt: e.CreatedAt.UTC(), CreatedBy: e.CreatedBy, Secrets: []v1.EndpointSecret{},
		Health: v1.EndpointHealth{
			Cursor: h.Cursor, Behind: h.Behind, Waiting: h.Waiting, Dead: h.Dead, Missed: h.Missed, Oldest: utc(h.Oldest), Attempts: h.Attempts,
			FailingSince: utc(h.FailingSince), LastSuccess: utc(h.LastSuccess), LastProblem: h.LastProblem, RestUntil: utc(h.RestUntil),
		},
	}
	for _, one := range e.Secrets {
		if one.Until == nil || one.Until.After(s.now()) {
			answer.Secrets = append(answer.Secrets, v1.EndpointSecret{
				ID: one.ID, Kind: string(one.Kind), PublicKey: one.Public, CreatedAt: one.CreatedAt.UTC(), Until: utc(one.Until),
			})
		}
	}
	switch {
	case e.Disabled != nil:
		answer.State = "disabled"
		answer.Disabled = &v1.EndpointDisabled{At: e.Disabled.At.UTC(), By: e.Disabled.By, Reason: e.Disabled.Reason}
	case h.FailingSince != nil:
		answer.State = "failing"
	}
	return answer
}
