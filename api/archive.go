package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

type archiveInput struct {
	TenantPath
	LimitQuery
}

type archiveAct struct {
	TenantPath
	Body v1.ArchiveRequest
}

func (s *Server) addArchive(to huma.API) {
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-archive", Method: http.MethodGet, Path: "/tenants/{tenant}/archive", Tags: []string{"archive"},
		Summary: "List scopes whose work failed for good, with the reasons",
	}, s.listArchive)
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "retry-archived", Method: http.MethodPost, Path: "/tenants/{tenant}/archive/retry", Tags: []string{"archive"},
		Summary: "Try a parked scope again",
	}, s.retry)
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "discard-archived", Method: http.MethodPost, Path: "/tenants/{tenant}/archive/discard", Tags: []string{"archive"},
		Summary: "Give up the events of a parked scope; the nightly sync still covers it",
	}, s.discard)
}

func (s *Server) listArchive(ctx context.Context, in *archiveInput) (*pageOut[v1.Parked], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	parked, err := s.reader.Parked(ctx, in.Tenant, in.Limit)
	if err != nil {
		return nil, err
	}
	return &pageOut[v1.Parked]{v1.Page[v1.Parked]{Items: convert(parked, parkedOf)}}, nil
}

func (s *Server) retry(ctx context.Context, in *archiveAct) (*body[v1.ArchiveResult], error) {
	scope, err := s.parkedScope(in)
	if err != nil {
		return nil, err
	}
	urgent, err := s.archive.Unpark(ctx, in.Tenant, scope, actOf(ctx, directory.ActRetry, in.Tenant, scope))
	if err != nil {
		return nil, notFoundAs(err, "nothing is parked for this scope")
	}
	s.log.InfoContext(ctx, "parked scope retried", "tenant", in.Tenant, "scope", loggable(scope), "by", callerOf(ctx).name)
	hint := directory.ScopeHint{Tenant: in.Tenant, Scope: scope, Urgent: urgent}
	if err := s.enqueuer.Enqueue(ctx, []directory.ScopeHint{hint}); err != nil {
		// Its events wait again, so the sweeper finds it.
		s.log.WarnContext(ctx, "retried scope not enqueued; the sweeper will do it", "tenant", in.Tenant, "scope", loggable(scope), "error", err)
	}
	return &body[v1.ArchiveResult]{v1.ArchiveResult{Scope: scope.String(), Result: "retried"}}, nil
}

func (s *Server) discard(ctx context.Context, in *archiveAct) (*body[v1.ArchiveResult], error) {
	scope, err := s.parkedScope(in)
	if err != nil {
		return nil, err
	}
	if err := s.archive.Discard(ctx, in.Tenant, scope, actOf(ctx, directory.ActDiscard, in.Tenant, scope)); err != nil {
		return nil, notFoundAs(err, "nothing is parked for this scope")
	}
	s.log.InfoContext(ctx, "parked scope discarded", "tenant", in.Tenant, "scope", loggable(scope), "by", callerOf(ctx).name)
	return &body[v1.ArchiveResult]{v1.ArchiveResult{Scope: scope.String(), Result: "discarded"}}, nil
}

func (s *Server) parkedScope(in *archiveAct) (directory.Scope, error) {
	if err := s.known(in.Tenant); err != nil {
		return directory.Scope{}, err
	}
	scope, err := directory.ParseScope(in.Body.Scope)
	if err != nil {
		return directory.Scope{}, huma.Error422UnprocessableEntity("the scope is written as the archive lists it: person:<id>, group:<id> or full")
	}
	return scope, nil
}
