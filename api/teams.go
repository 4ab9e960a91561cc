package api

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

type renameTeamInput struct {
	TeamInput
	Body v1.TeamNameRequest
}

type mergeTeamInput struct {
	TeamInput
	Body v1.TeamMergeRequest
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
	}, func(ctx context.Context, in *undoTeamInput) (*body[v1.Team], error) {
		return s.renameTeam(ctx, &in.TeamInput, "", in.reason())
	})
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "merge-team", Method: http.MethodPut, Path: "/tenants/{tenant}/teams/{id}/merge", Tags: []string{"teams and groups"},
		Summary: "Merge a team into another: its people move, now and in future. dry_run says how many",
		Errors:  []int{http.StatusConflict},
	}, s.mergeTeam)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "unmerge-team", Method: http.MethodDelete, Path: "/tenants/{tenant}/teams/{id}/merge", Tags: []string{"teams and groups"},
		Summary: "Take a merge back: who is in the team by the rules is in it again",
		Errors:  []int{http.StatusConflict},
	}, s.unmergeTeam)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-merged-teams", Method: http.MethodGet, Path: "/tenants/{tenant}/merged-teams", Tags: []string{"teams and groups"},
		Summary: "List teams that were merged into others, in order of id",
	}, s.listMergedTeams)
}

func (s *Server) mergeTeam(ctx context.Context, in *mergeTeamInput) (*body[v1.TeamMerge], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	var sizes [2]directory.TeamSize
	for i, id := range []string{in.ID, in.Body.Into} {
		var err error
		if sizes[i], err = s.reader.TeamSize(ctx, in.Tenant, id); err != nil {
			return nil, notFoundAs(err, "the directory has no team "+id+"; oktasync teams lists them, and oktasync teams merged those that were merged already")
		}
	}
	endpoints, err := s.endpoints.Endpoints(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	answer := v1.TeamMerge{TeamID: in.ID, Into: in.Body.Into, People: sizes[0].People, Endpoints: []string{}, DryRun: in.Body.DryRun}
	for _, e := range endpoints {
		if slices.Contains(e.Teams, in.ID) {
			answer.Endpoints = append(answer.Endpoints, e.ID)
		}
	}
	if in.Body.DryRun {
		return &body[v1.TeamMerge]{answer}, nil
	}
	act := actOf(ctx, directory.ActTeamMerge, in.Tenant, directory.Scope{})
	act.Reason = strings.TrimSpace(in.Body.Reason)
	log := s.log.With("tenant", in.Tenant, "team", in.ID, "into", in.Body.Into, "by", act.Actor)
	if err := s.decider.MergeTeam(ctx, in.Tenant, in.ID, in.Body.Into, act); err != nil {
		log.WarnContext(ctx, "two teams were not merged, or not to the end", "reason", err)
		return nil, err
	}
	log.InfoContext(ctx, "an admin merged a team into another", "people", answer.People)
	return &body[v1.TeamMerge]{answer}, nil
}

func (s *Server) unmergeTeam(ctx context.Context, in *undoTeamInput) (*body[v1.TeamMerge], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	act := actOf(ctx, directory.ActTeamUnmerge, in.Tenant, directory.Scope{})
	act.Reason = in.reason()
	log := s.log.With("tenant", in.Tenant, "team", in.ID, "by", act.Actor)
	if err := s.decider.UnmergeTeam(ctx, in.Tenant, in.ID, act); err != nil {
		log.WarnContext(ctx, "a merge was not taken back, or not to the end", "reason", err)
		return nil, err
	}
	log.InfoContext(ctx, "an admin took the merge of a team back")
	// Nobody may be in it: then, by the rules, it comes back with the next person.
	size, err := s.reader.TeamSize(ctx, in.Tenant, in.ID)
	if err != nil && !errors.Is(err, directory.ErrNotFound) {
		return nil, err
	}
	return &body[v1.TeamMerge]{v1.TeamMerge{TeamID: in.ID, People: size.People, Endpoints: []string{}}}, nil
}

func (s *Server) listMergedTeams(ctx context.Context, in *listInput) (*pageOut[v1.MergedTeam], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	teams, err := s.reader.MergedTeams(ctx, in.Tenant, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return page(teams, in.Limit, func(t directory.Team) v1.MergedTeam {
		return v1.MergedTeam{ID: t.ID, Name: t.Name, Source: t.Source, Into: t.MergedInto}
	}, func(t directory.Team) string { return t.ID }), nil
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
