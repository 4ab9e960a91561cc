package api

import (
	"context"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

// Decider carries out what admins decide about plans that wait, people who left, and managers. All
// methods record the act. They fail with directory.ErrConflict, in a sentence, when there is
// nothing to decide any more, the plan may not be applied, or the person has not left.
type Decider interface {
	// Approve has exactly the plan of the run applied.
	Approve(ctx context.Context, tenant, run string, act directory.Act) (directory.Run, error)
	// Reject ends the run without applying anything.
	Reject(ctx context.Context, tenant, run string, act directory.Act) (directory.Run, error)
	// Erase erases what is kept of the person with the id.
	Erase(ctx context.Context, tenant, person string, act directory.Act) error
	// ChooseManager makes somebody a person's manager, SetTeamManager a team's, all by id; an empty manager
	// takes that back.
	ChooseManager(ctx context.Context, tenant, person, manager string, act directory.Act) error
	SetTeamManager(ctx context.Context, tenant, team, manager string, act directory.Act) error
	// MergeTeam makes one team of two, UnmergeTeam takes that back.
	MergeTeam(ctx context.Context, tenant, team, into string, act directory.Act) error
	UnmergeTeam(ctx context.Context, tenant, team string, act directory.Act) error
	// RenameTeam gives a team a name; an empty one takes that back.
	RenameTeam(ctx context.Context, tenant, team, name string, act directory.Act) error
}

type decisionInput struct {
	RunInput
	Body v1.DecisionRequest
}

func (s *Server) addDecisions(to huma.API) {
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "approve-run", Method: http.MethodPost, Path: "/tenants/{tenant}/runs/{id}/approve", Tags: []string{"runs"},
		Summary: "Have the plan of a run that waits applied",
		Description: "Exactly this plan is applied; what has moved on since it was made is left alone and counted as superseded. " +
			"Okta is asked once before whether all is well there.",
		DefaultStatus: http.StatusAccepted, Errors: []int{http.StatusConflict, http.StatusServiceUnavailable},
	}, s.approve)
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "reject-run", Method: http.MethodPost, Path: "/tenants/{tenant}/runs/{id}/reject", Tags: []string{"runs"},
		Summary: "End a run that waits without applying anything",
		Errors:  []int{http.StatusConflict},
	}, s.reject)
}

func (s *Server) approve(ctx context.Context, in *decisionInput) (*body[v1.Run], error) {
	return s.decide(ctx, in, directory.ActApprove, s.decider.Approve)
}

func (s *Server) reject(ctx context.Context, in *decisionInput) (*body[v1.Run], error) {
	return s.decide(ctx, in, directory.ActReject, s.decider.Reject)
}

func (s *Server) decide(ctx context.Context, in *decisionInput, kind directory.ActKind,
	do func(ctx context.Context, tenant, run string, act directory.Act) (directory.Run, error),
) (*body[v1.Run], error) {
	run, err := s.findRun(ctx, &in.RunInput)
	if err != nil {
		return nil, err
	}
	act := actOf(ctx, kind, in.Tenant, run.Scope)
	if act.Reason = strings.TrimSpace(in.Body.Reason); act.Reason == "" {
		return nil, huma.Error422UnprocessableEntity("say why in reason; it is kept with the run and in the history")
	}
	log := s.log.With("tenant", in.Tenant, "run", run.ID, "act", kind, "by", act.Actor)
	decided, err := do(ctx, in.Tenant, run.ID, act)
	if err != nil {
		log.WarnContext(ctx, "a decision about a run was refused", "reason", err)
		return nil, err
	}
	log.InfoContext(ctx, "a run was decided about", "state", decided.State)
	return &body[v1.Run]{runOf(decided)}, nil
}
