package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

// ChangeQuery selects changes. It goes on by sequence number, so that a reader
// can come back later with the last one it saw.
type ChangeQuery struct {
	LimitQuery
	After  int64 `query:"after" minimum:"0" doc:"Only changes after this sequence number"`
	Newest bool  `query:"newest" doc:"The newest ones, newest first, instead of the oldest ones; this is one page only"`
}

type changesInput struct {
	TenantPath
	ChangeQuery
}

type personChangesInput struct {
	PersonInput
	ChangeQuery
}

func (s *Server) addChanges(to huma.API) {
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-changes", Method: http.MethodGet, Path: "/tenants/{tenant}/changes", Tags: []string{"history"},
		Summary: "List changes with their causes, in order of sequence",
	}, s.listChanges)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-person-changes", Method: http.MethodGet, Path: "/tenants/{tenant}/people/{who}/changes", Tags: []string{"history"},
		Summary: "List the changes of one person with their causes, in order of sequence",
		Errors:  []int{http.StatusConflict},
	}, s.listPersonChanges)
}

func (s *Server) listChanges(ctx context.Context, in *changesInput) (*pageOut[v1.Change], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	return s.changes(ctx, in.Tenant, "", in.ChangeQuery)
}

func (s *Server) listPersonChanges(ctx context.Context, in *personChangesInput) (*pageOut[v1.Change], error) {
	p, err := s.findPerson(ctx, &in.PersonInput)
	if err != nil {
		return nil, err
	}
	return s.changes(ctx, in.Tenant, p.ID, in.ChangeQuery)
}

func (s *Server) changes(ctx context.Context, tenant, personID string, q ChangeQuery) (*pageOut[v1.Change], error) {
	changes, err := s.reader.Changes(ctx, tenant, directory.ChangeQuery{
		PersonID: personID, After: q.After, Limit: q.Limit + 1, Newest: q.Newest,
	})
	if err != nil {
		return nil, err
	}
	answer := page(changes, q.Limit, changeOf, func(c directory.Change) string { return strconv.FormatInt(c.Seq, 10) })
	if q.Newest {
		answer.Body.Next = ""
	}
	return answer, nil
}
