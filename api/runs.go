package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/google/uuid"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

// namePage is how many groups are looked at in one go when one is asked for by name.
const namePage = 1000

type resyncInput struct {
	TenantPath
	Body v1.ResyncRequest
}

type resyncOutput struct {
	Location string `header:"Location" doc:"Where the run's progress is"`
	Body     v1.Run
}

type RunInput struct {
	TenantPath
	ID string `path:"id" maxLength:"100" doc:"The run's id, or as much of its beginning as no other run's has, at least 4 characters"`
}

type runsInput struct {
	TenantPath
	LimitQuery
}

func (s *Server) addRuns(to huma.API) {
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "request-resync", Method: http.MethodPost, Path: "/tenants/{tenant}/resyncs", Tags: []string{"runs"},
		Summary:       "Bring a person, a group or everything up to date",
		Description:   "Answers at once with the run that will do it; follow its progress at the address in Location.",
		DefaultStatus: http.StatusAccepted, Errors: []int{http.StatusConflict},
	}, s.requestResync)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-runs", Method: http.MethodGet, Path: "/tenants/{tenant}/runs", Tags: []string{"runs"},
		Summary: "List runs, newest first",
	}, s.listRuns)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "get-run", Method: http.MethodGet, Path: "/tenants/{tenant}/runs/{id}", Tags: []string{"runs"},
		Summary: "Show a run and its progress",
	}, s.getRun)
}

func (s *Server) requestResync(ctx context.Context, in *resyncInput) (*resyncOutput, error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	scope, err := s.resyncScope(ctx, in.Tenant, in.Body)
	if err != nil {
		return nil, err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make an id for a run: %w", err)
	}
	kind := directory.ActResync
	if in.Body.DryRun {
		kind = directory.ActDryRun
	}
	run, created, err := s.resyncer.Request(ctx, directory.Run{
		ID: id.String(), Tenant: in.Tenant, Scope: scope, Cause: directory.CauseManual,
		By: callerOf(ctx).name, State: directory.RunQueued, CreatedAt: s.now().UTC(), DryRun: in.Body.DryRun,
	}, actOf(ctx, kind, in.Tenant, scope))
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(ctx, "resync requested", "tenant", in.Tenant, "run", run.ID, "scope", loggable(scope), "by", callerOf(ctx).name, "dry_run", run.DryRun, "joined", !created)
	answer := runOf(run)
	answer.Joined = !created
	return &resyncOutput{Location: Path + "/tenants/" + in.Tenant + "/runs/" + run.ID, Body: answer}, nil
}

// resyncScope finds out what is meant.
func (s *Server) resyncScope(ctx context.Context, tenant string, r v1.ResyncRequest) (directory.Scope, error) {
	id := strings.TrimSpace(r.ID)
	switch kind := directory.ScopeKind(r.Scope); {
	case kind == directory.ScopeFull && id != "":
		return directory.Scope{}, huma.Error422UnprocessableEntity("a full resync takes no id; leave it out, or choose the scope person or group")
	case kind == directory.ScopeFull:
		return directory.FullScope(), nil
	case id == "":
		return directory.Scope{}, huma.Error422UnprocessableEntity("a resync of one " + r.Scope + " needs its id")
	case kind == directory.ScopePerson:
		return s.personScope(ctx, tenant, id)
	case kind == directory.ScopeGroup:
		return s.groupScope(ctx, tenant, id)
	default:
		return directory.Scope{}, huma.Error422UnprocessableEntity("the scope is full, person or group")
	}
}

// personScope looks the person up. Whoever the directory does not know may be
// new in Okta, which takes an id or a login (Users API), so that is handed on.
func (s *Server) personScope(ctx context.Context, tenant, who string) (directory.Scope, error) {
	p, err := s.reader.FindPerson(ctx, tenant, who)
	if errors.Is(err, directory.ErrNotFound) {
		return directory.PersonScope(who), nil
	}
	if err != nil {
		return directory.Scope{}, err
	}
	return directory.PersonScope(p.ID), nil
}

// groupScope looks the group up by id, then by exact name. An id that the
// directory does not know may be a new group's, so that is handed on; Okta
// cannot be asked by name for certain, as names repeat there.
func (s *Server) groupScope(ctx context.Context, tenant, which string) (directory.Scope, error) {
	rows, err := s.reader.Groups(ctx, tenant, []string{which})
	if err != nil {
		return directory.Scope{}, err
	}
	if len(rows) > 0 {
		return directory.GroupScope(rows[0].ID), nil
	}
	var ids []string
	after := ""
	for {
		groups, err := s.reader.ListGroups(ctx, tenant, after, namePage)
		if err != nil {
			return directory.Scope{}, err
		}
		for _, g := range groups {
			if g.Name == which {
				ids = append(ids, g.ID)
			}
		}
		if len(groups) < namePage {
			break
		}
		after = groups[len(groups)-1].ID
	}
	switch {
	case len(ids) == 1:
		return directory.GroupScope(ids[0]), nil
	case len(ids) > 1:
		return directory.Scope{}, explain(directory.ErrAmbiguous, "%d groups have this name; choose one by id: %s", len(ids), strings.Join(ids, ", "))
	case oktaID(which):
		return directory.GroupScope(which), nil
	default:
		return directory.Scope{}, explain(directory.ErrNotFound, "no group has this id or name; a group that is new in Okta can be asked for by its Okta id")
	}
}

func (s *Server) listRuns(ctx context.Context, in *runsInput) (*pageOut[v1.Run], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	runs, err := s.reader.Runs(ctx, in.Tenant, in.Limit)
	if err != nil {
		return nil, err
	}
	return &pageOut[v1.Run]{v1.Page[v1.Run]{Items: convert(runs, runOf)}}, nil
}

func (s *Server) getRun(ctx context.Context, in *RunInput) (*body[v1.Run], error) {
	run, err := s.findRun(ctx, in)
	if err != nil {
		return nil, err
	}
	return &body[v1.Run]{runOf(run)}, nil
}

func (s *Server) findRun(ctx context.Context, in *RunInput) (directory.Run, error) {
	if err := s.known(in.Tenant); err != nil {
		return directory.Run{}, err
	}
	run, err := s.reader.FindRun(ctx, in.Tenant, in.ID)
	return run, notFoundAs(err, "there is no run of this id")
}

// notFoundAs puts a sentence to directory.ErrNotFound and leaves other errors alone.
func notFoundAs(err error, sentence string) error {
	if errors.Is(err, directory.ErrNotFound) {
		return &statement{sentence: sentence, err: err}
	}
	return err
}

// oktaID says whether the text has the form of an Okta user or group id: 20
// letters and digits that begin with 00u or 00g.
func oktaID(s string) bool {
	if len(s) != 20 || !strings.HasPrefix(s, "00u") && !strings.HasPrefix(s, "00g") {
		return false
	}
	for _, r := range s {
		if (r < '0' || r > '9') && (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') {
			return false
		}
	}
	return true
}

// loggable is the scope as a log may show it: a person may be named by login.
func loggable(s directory.Scope) string {
	if s.Kind == directory.ScopeFull || oktaID(s.ID) {
		return s.String()
	}
	return string(s.Kind) + ":(not an id)"
}
