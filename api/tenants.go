package api

import (
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

func (s *Server) addTenants(to huma.API) {
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-tenants", Method: http.MethodGet, Path: "/tenants", Tags: []string{"tenants"},
		Summary: "List tenants with their health",
	}, s.listTenants)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "get-tenant", Method: http.MethodGet, Path: "/tenants/{tenant}", Tags: []string{"tenants"},
		Summary: "Show one tenant's health",
	}, s.getTenant)
}

func (s *Server) listTenants(ctx context.Context, in *PageQuery) (*pageOut[v1.Tenant], error) {
	var states []directory.TenantState
	for _, slug := range s.tenants() {
		if slug <= in.After {
			continue
		}
		if len(states) > in.Limit {
			break
		}
		state, err := s.reader.TenantState(ctx, slug)
		if err != nil {
			return nil, err
		}
		states = append(states, state)
	}
	return page(states, in.Limit, tenantOf, func(t directory.TenantState) string { return t.Tenant }), nil
}

func (s *Server) getTenant(ctx context.Context, in *TenantPath) (*body[v1.Tenant], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	state, err := s.reader.TenantState(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	return &body[v1.Tenant]{tenantOf(state)}, nil
}

// known fails with directory.ErrNotFound for a tenant that is not configured.
func (s *Server) known(tenant string) error {
	if slices.Contains(s.tenants(), tenant) {
		return nil
	}
	return explain(directory.ErrNotFound, "there is no tenant %q; the list is at %s/tenants", tenant, Path)
}
