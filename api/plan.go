package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

type planInput struct {
	RunInput
	LimitQuery
	After int64 `query:"after" minimum:"0" doc:"Only changes after this position in the plan"`
}

func (s *Server) addPlan(to huma.API) {
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "get-plan", Method: http.MethodGet, Path: "/tenants/{tenant}/runs/{id}/plan", Tags: []string{"runs"},
		Summary:     "List the changes that a run has planned, with before and after, in order",
		Description: "The run itself has the summary. Of a run that was applied the list says what was planned; what was done is in the history.",
		Errors:      []int{http.StatusConflict},
	}, s.getPlan)
}

func (s *Server) getPlan(ctx context.Context, in *planInput) (*pageOut[v1.PlannedChange], error) {
	run, err := s.findRun(ctx, &in.RunInput)
	if err != nil {
		return nil, err
	}
	planned, err := s.reader.Plan(ctx, in.Tenant, run.ID, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	one, err := describePlanned(ctx, s.reader, in.Tenant, planned)
	if err != nil {
		return nil, err
	}
	return page(planned, in.Limit, one, func(c directory.PlannedChange) string { return strconv.FormatInt(c.Seq, 10) }), nil
}

// namesReader is what names in a plan are read from.
type namesReader interface {
	People(ctx context.Context, tenant string, ids []string) ([]directory.Person, error)
	Groups(ctx context.Context, tenant string, ids []string) ([]directory.Group, error)
}

// describePlanned returns how each of the planned changes is shown.
func describePlanned(ctx context.Context, r namesReader, tenant string, planned []directory.PlannedChange) (func(directory.PlannedChange) v1.PlannedChange, error) {
	names, err := plannedNames(ctx, r, tenant, planned)
	if err != nil {
		return nil, err
	}
	return func(c directory.PlannedChange) v1.PlannedChange {
		return v1.PlannedChange{
			Seq: c.Seq, Type: string(c.Type), Subject: string(c.Subject), SubjectID: c.SubjectID, PersonID: c.PersonID,
			Name: names(c), ObservedAt: c.ObservedAt.UTC(), Fields: convert(c.Fields, fieldAnswer),
		}
	}, nil
}

// RunOf is a run, and PlannedOf are changes that it has planned, as the API shows them, for commands that work on the
// database alone.
func RunOf(r directory.Run) v1.Run { return runOf(r) }

// PlannedOf: see RunOf.
func PlannedOf(ctx context.Context, r namesReader, tenant string, planned []directory.PlannedChange) ([]v1.PlannedChange, error) {
	one, err := describePlanned(ctx, r, tenant, planned)
	if err != nil {
		return nil, err
	}
	return convert(planned, one), nil
}

// plannedNames returns what to call those whom planned changes are about. Whoever the plan itself makes
// is known by the row that it would write.
func plannedNames(ctx context.Context, r namesReader, tenant string, planned []directory.PlannedChange) (func(directory.PlannedChange) string, error) {
	var people, groups []string
	for _, c := range planned {
		if c.Subject == directory.SubjectMembership {
			people, groups = append(people, c.PersonID), append(groups, c.SubjectID)
		}
		if c.Subject == directory.SubjectManager {
			people = append(people, c.PersonID)
		}
	}
	known, err := r.People(ctx, tenant, people)
	if err != nil {
		return nil, err
	}
	rows, err := r.Groups(ctx, tenant, groups)
	if err != nil {
		return nil, err
	}
	named := map[string]string{}
	for _, p := range known {
		named[p.ID] = nameOf(p.Profile)
	}
	for _, g := range rows {
		named[g.ID] = g.Name
	}
	return func(c directory.PlannedChange) string {
		switch c.Subject {
		case directory.SubjectManager:
			return named[c.PersonID]
		case directory.SubjectMembership:
			return strings.Trim(named[c.PersonID]+" in "+named[c.SubjectID], " ")
		case directory.SubjectPerson:
			var row directory.Person
			if json.Unmarshal(c.After, &row) != nil {
				return "" // a name is a convenience
			}
			return nameOf(row.Profile)
		case directory.SubjectGroup:
			var row directory.Group
			if json.Unmarshal(c.After, &row) != nil {
				return ""
			}
			return row.Name
		default:
			return ""
		}
	}, nil
}

func nameOf(p directory.Profile) string {
	name := strings.TrimSpace(p.FirstName + " " + p.LastName)
	if p.Login == "" {
		return name
	}
	return strings.TrimSpace(fmt.Sprintf("%s <%s>", name, p.Login))
}
