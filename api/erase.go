package api

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

type eraseInput struct {
	PersonInput
	Body v1.DecisionRequest
}

// addErase needs the role approve: what is erased comes back no more, and people are what the
// role's holders decide about.
func (s *Server) addErase(to huma.API) {
	add(s, to, directory.RoleApprove, huma.Operation{
		OperationID: "erase-person", Method: http.MethodPost, Path: "/tenants/{tenant}/people/{who}/erase", Tags: []string{"people"},
		Summary: "Erase what is kept of somebody who left",
		Description: "The id stays, and the history without its values. It cannot be undone, and waits for no grace. " +
			"Whoever has not left is refused, because Okta would bring the data back at once.",
		Errors: []int{http.StatusConflict},
	}, s.erase)
}

func (s *Server) erase(ctx context.Context, in *eraseInput) (*body[v1.Erased], error) {
	id, err := s.erasable(ctx, &in.PersonInput)
	if err != nil {
		return nil, err
	}
	act := actOf(ctx, directory.ActErase, in.Tenant, directory.PersonScope(id))
	if act.Reason = strings.TrimSpace(in.Body.Reason); act.Reason == "" {
		return nil, huma.Error422UnprocessableEntity("say why in reason; it is kept in the list of acts, so name nobody in it")
	}
	log := s.log.With("tenant", in.Tenant, "person", id, "by", act.Actor)
	if err := s.decider.Erase(ctx, in.Tenant, id, act); err != nil {
		log.WarnContext(ctx, "a person was not erased", "reason", err)
		return nil, err
	}
	log.InfoContext(ctx, "a person was erased because an admin asked")
	return &body[v1.Erased]{v1.Erased{PersonID: id}}, nil
}

// erasable finds whom a path names, also by an id of which only the history knows.
func (s *Server) erasable(ctx context.Context, in *PersonInput) (string, error) {
	p, err := s.findPerson(ctx, in)
	if err == nil || !errors.Is(err, directory.ErrNotFound) {
		return p.ID, err
	}
	if known := s.known(in.Tenant); known != nil {
		return "", known
	}
	changes, readErr := s.reader.Changes(ctx, in.Tenant, directory.ChangeQuery{PersonID: in.Who, Limit: 1})
	if readErr != nil {
		return "", readErr
	}
	if len(changes) == 0 {
		return "", err
	}
	return in.Who, nil
}
