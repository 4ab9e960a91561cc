package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

type renameTeamInput struct {
	TeamInput
	Body v1.TeamNameRequest
}

// addTeams adds what admins do with teams, beside their managers.
func (s *Server) addTeams(to huma.API) {
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "rename-team", Method: http.MethodPut, Path: "/tenants/{tenant}/teams/{id}/name", Tags: []string{"teams and groups"},
		Summary: "Give a team a name, whatever Okta calls it",
		Errors:  []int{http.StatusConflict},
	}, func(ctx context.Context, in *renameTeamInput) (*body[v1.Team], error) {
		return s.renameTeam(ctx, &in.TeamInput, strings.TrimSpace(in.Body.Name), strings.TrimSpace(in.Body.Reason))
	})
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "unname-team", Method: http.MethodDelete, Path: "/tenants/{tenant}/teams/{id}/name", Tags: []string{"teams and groups"},
		Summary: "Take an admin's name of a team back: it is called as in Okta again",
		Errors:  []int{http.StatusConflict},
	}, func(ctx context.Context, in *TeamInput) (*body[v1.Team], error) {
		return s.renameTeam(ctx, in, "", "")
	})
}

func (s *Server) renameTeam(ctx context.Context, in *TeamInput, name, reason string) (*body[v1.Team], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	act := actOf(ctx, directory.ActTeamName, in.Tenant, directory.Scope{})
	act.Reason = reason
	log := s.log.With("tenant", in.Tenant, "team", in.ID, "by", act.Actor)
	if err := s.decider.RenameTeam(ctx, in.Tenant, in.ID, name, act); err != nil {
		log.WarnContext(ctx, "a team was not renamed", "reason", err)
		return nil, err
	}
	log.InfoContext(ctx, "an admin renamed a team, or took the name back")
	return s.team(ctx, in)
}

// team answers with one team.
func (s *Server) team(ctx context.Context, in *TeamInput) (*body[v1.Team], error) {
	team, err := s.reader.TeamSize(ctx, in.Tenant, in.ID)
	if err != nil {
		return nil, notFoundAs(err, "the directory has no team of this id")
	}
	return &body[v1.Team]{teamOf(team)}, nil
}
