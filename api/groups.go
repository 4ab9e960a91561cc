package api

import (
	"context"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

type membersInput struct {
	TenantPath
	PageQuery
	ID string `path:"id" maxLength:"320" doc:"Okta group id"`
}

func (s *Server) addGroups(to huma.API) {
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-teams", Method: http.MethodGet, Path: "/tenants/{tenant}/teams", Tags: []string{"teams and groups"},
		Summary: "List teams with their sizes, in order of id",
	}, s.listTeams)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-groups", Method: http.MethodGet, Path: "/tenants/{tenant}/groups", Tags: []string{"teams and groups"},
		Summary: "List groups with their sizes, in order of id",
	}, s.listGroups)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-group-members", Method: http.MethodGet, Path: "/tenants/{tenant}/groups/{id}/members", Tags: []string{"teams and groups"},
		Summary: "List a group's members in order of id",
	}, s.listMembers)
}

func (s *Server) listTeams(ctx context.Context, in *listInput) (*pageOut[v1.Team], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	teams, err := s.reader.ListTeams(ctx, in.Tenant, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return page(teams, in.Limit, teamOf, func(t directory.TeamSize) string { return t.ID }), nil
}

func (s *Server) listGroups(ctx context.Context, in *listInput) (*pageOut[v1.Group], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	groups, err := s.reader.ListGroups(ctx, in.Tenant, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return page(groups, in.Limit, groupOf, func(g directory.GroupSize) string { return g.ID }), nil
}

func (s *Server) listMembers(ctx context.Context, in *membersInput) (*pageOut[v1.Member], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	groups, err := s.reader.Groups(ctx, in.Tenant, []string{in.ID})
	if err != nil {
		return nil, err
	}
	// A removed group is told from an empty one.
	if len(groups) == 0 || groups[0].Removed {
		return nil, explain(directory.ErrNotFound, "the directory has no group of this id; only groups that the rules select are in it")
	}
	ids, err := s.reader.GroupMembers(ctx, in.Tenant, in.ID, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return page(ids, in.Limit, func(id string) v1.Member { return v1.Member{PersonID: id} }, func(id string) string { return id }), nil
}
