package api

import (
	"context"
	"net/http"
	"strconv"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

type actsInput struct {
	TenantPath
	LimitQuery
	After int64 `query:"after" minimum:"0" doc:"Only acts that are older than the one with this id: the 'next' of the page before"`
}

func (s *Server) addActs(to huma.API) {
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-acts", Method: http.MethodGet, Path: "/tenants/{tenant}/acts", Tags: []string{"history"},
		Summary: "List what admins did, when and why, newest first",
	}, s.listActs)
}

func (s *Server) listActs(ctx context.Context, in *actsInput) (*pageOut[v1.Act], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	acts, err := s.reader.Acts(ctx, in.Tenant, directory.ActQuery{Before: in.After, Limit: in.Limit + 1})
	if err != nil {
		return nil, err
	}
	return page(acts, in.Limit, actAnswer, func(a directory.Act) string { return strconv.FormatInt(a.ID, 10) }), nil
}
