package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

type managerCasesInput struct {
	TenantPath
	PageQuery
	Problem string `query:"problem" enum:"unresolved,ambiguous,self,loop,left" doc:"Only for this reason; left lists the people of managers who left"`
}

type chooseManagerInput struct {
	PersonInput
	Body v1.ManagerRequest
}

// Undo is in every operation that takes something back. The body may be missing.
type Undo struct{ Body *v1.UndoRequest }

func (u Undo) reason() string {
	if u.Body == nil {
		return ""
	}
	return strings.TrimSpace(u.Body.Reason)
}

type unchooseManagerInput struct {
	PersonInput
	Undo
}

type undoTeamInput struct {
	TeamInput
	Undo
}

// TeamInput names one team of a tenant.
type TeamInput struct {
	TenantPath
	ID string `path:"id" maxLength:"320" doc:"Team id"`
}

type teamManagerInput struct {
	TeamInput
	Body v1.ManagerRequest
}

func (s *Server) addManagers(to huma.API) {
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-manager-problems", Method: http.MethodGet, Path: "/tenants/{tenant}/manager-problems", Tags: []string{"people"},
		Summary: "List people whose manager is not as Okta, an admin or the team says, with the reasons",
	}, s.listManagerCases)
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "choose-manager", Method: http.MethodPut, Path: "/tenants/{tenant}/people/{who}/manager", Tags: []string{"people"},
		Summary: "Choose a person's manager, whatever Okta and the team say",
		Errors:  []int{http.StatusConflict},
	}, func(ctx context.Context, in *chooseManagerInput) (*body[v1.PersonDetail], error) {
		return s.chooseManager(ctx, &in.PersonInput, in.Body.Manager, in.Body.Reason)
	})
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "unchoose-manager", Method: http.MethodDelete, Path: "/tenants/{tenant}/people/{who}/manager", Tags: []string{"people"},
		Summary: "Take the choice of a person's manager back",
		Errors:  []int{http.StatusConflict},
	}, func(ctx context.Context, in *unchooseManagerInput) (*body[v1.PersonDetail], error) {
		return s.chooseManager(ctx, &in.PersonInput, "", in.reason())
	})
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "set-team-manager", Method: http.MethodPut, Path: "/tenants/{tenant}/teams/{id}/manager", Tags: []string{"teams and groups"},
		Summary: "Set a team's manager; managers.mode says for whom that counts",
		Errors:  []int{http.StatusConflict},
	}, func(ctx context.Context, in *teamManagerInput) (*body[v1.TeamManager], error) {
		return s.setTeamManager(ctx, &in.TeamInput, in.Body.Manager, in.Body.Reason)
	})
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "unset-team-manager", Method: http.MethodDelete, Path: "/tenants/{tenant}/teams/{id}/manager", Tags: []string{"teams and groups"},
		Summary: "Take back the manager that an admin set on a team",
		Errors:  []int{http.StatusConflict},
	}, func(ctx context.Context, in *undoTeamInput) (*body[v1.TeamManager], error) {
		return s.setTeamManager(ctx, &in.TeamInput, "", in.reason())
	})
}

func (s *Server) listManagerCases(ctx context.Context, in *managerCasesInput) (*pageOut[v1.ManagerCase], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	cases, err := s.reader.ManagerCases(ctx, in.Tenant, directory.ManagerProblem(in.Problem), in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return page(cases, in.Limit, managerCaseOf, func(c directory.ManagerCase) string { return c.PersonID }), nil
}

// chooseManager chooses somebody's manager; an empty one takes the choice back.
func (s *Server) chooseManager(ctx context.Context, in *PersonInput, who, reason string) (*body[v1.PersonDetail], error) {
	p, err := s.findPerson(ctx, in)
	if err != nil {
		return nil, err
	}
	act := actOf(ctx, directory.ActPersonManager, in.Tenant, directory.PersonScope(p.ID))
	act.Reason = strings.TrimSpace(reason)
	manager, err := s.managerOf(ctx, in.Tenant, who)
	if err != nil {
		return nil, err
	}
	log := s.log.With("tenant", in.Tenant, "person", p.ID, "manager", manager, "by", act.Actor)
	if err := s.decider.ChooseManager(ctx, in.Tenant, p.ID, manager, act); err != nil {
		log.WarnContext(ctx, "a manager was not chosen", "reason", err)
		return nil, err
	}
	log.InfoContext(ctx, "an admin chose a manager, or took the choice back")
	return s.getPerson(ctx, &PersonInput{TenantPath: in.TenantPath, Who: p.ID})
}

func (s *Server) setTeamManager(ctx context.Context, in *TeamInput, who, reason string) (*body[v1.TeamManager], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	act := actOf(ctx, directory.ActTeamManager, in.Tenant, directory.Scope{})
	act.Reason = strings.TrimSpace(reason)
	manager, err := s.managerOf(ctx, in.Tenant, who)
	if err != nil {
		return nil, err
	}
	log := s.log.With("tenant", in.Tenant, "team", in.ID, "manager", manager, "by", act.Actor)
	if err := s.decider.SetTeamManager(ctx, in.Tenant, in.ID, manager, act); err != nil {
		log.WarnContext(ctx, "a team's manager was not set", "reason", err)
		return nil, err
	}
	log.InfoContext(ctx, "an admin set a team's manager, or took it away")
	return &body[v1.TeamManager]{v1.TeamManager{TeamID: in.ID, ManagerID: manager}}, nil
}

// managerOf returns the id of the manager who is named; empty when nobody is.
func (s *Server) managerOf(ctx context.Context, tenant, who string) (string, error) {
	if who == "" {
		return "", nil
	}
	manager, err := s.reader.FindPerson(ctx, tenant, strings.TrimSpace(who))
	return manager.ID, notFoundAs(err, "nobody in the directory has the id, login or e-mail that is given as manager")
}

func managerCaseOf(c directory.ManagerCase) v1.ManagerCase {
	answer := v1.ManagerCase{PersonID: c.PersonID, Manager: v1.Manager{
		ID: c.ManagerID, Source: string(c.Source), Problem: string(c.Problem), IDText: c.IDText, Text: c.Text, Link: c.Link,
	}}
	if c.Problem == directory.ManagerLeft {
		answer.Left = c.Wanted
	}
	return answer
}
