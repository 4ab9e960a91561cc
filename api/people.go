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

// recentChanges is how many changes one person is shown with.
const recentChanges = 20

type peopleInput struct {
	TenantPath
	PageQuery
	Status string `query:"status" enum:"active,suspended,deactivated,removed" doc:"Only people of this status"`
	Unfit  bool   `query:"unfit" doc:"Only people of whom Okta has a value that does not fit its field"`
	Team   string `query:"team" maxLength:"320" doc:"Only people of the team with this id, whether it is their primary or a further one"`
}

// PersonInput names one person of a tenant.
type PersonInput struct {
	TenantPath
	Who string `path:"who" maxLength:"320" doc:"Okta user id, login or e-mail"`
}

func (s *Server) addPeople(to huma.API) {
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-people", Method: http.MethodGet, Path: "/tenants/{tenant}/people", Tags: []string{"people"},
		Summary: "List people in order of id",
	}, s.listPeople)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "get-person", Method: http.MethodGet, Path: "/tenants/{tenant}/people/{who}", Tags: []string{"people"},
		Summary: "Show one person with team, manager, groups and the last changes",
		Errors:  []int{http.StatusConflict},
	}, s.getPerson)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-quarantine", Method: http.MethodGet, Path: "/tenants/{tenant}/quarantine", Tags: []string{"people"},
		Summary: "List records that cannot be applied, with the reasons",
	}, s.listQuarantine)
}

func (s *Server) listPeople(ctx context.Context, in *peopleInput) (*pageOut[v1.Person], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	people, err := s.reader.ListPeople(ctx, in.Tenant, directory.PeopleQuery{
		Status: directory.Status(in.Status), TeamID: in.Team, Unfit: in.Unfit, After: in.After, Limit: in.Limit + 1,
	})
	if err != nil {
		return nil, err
	}
	answer := page(people, in.Limit, personOf, func(p directory.Person) string { return p.ID })
	if err := s.nameTeams(ctx, in.Tenant, answer.Body.Items); err != nil {
		return nil, err
	}
	return answer, nil
}

// nameTeams fills in the names of the people's teams.
func (s *Server) nameTeams(ctx context.Context, tenant string, people []v1.Person) error {
	var ids []string
	for _, p := range people {
		if p.Team != nil {
			ids = append(ids, p.Team.ID)
		}
		for _, t := range p.FurtherTeams {
			ids = append(ids, t.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	slices.Sort(ids)
	teams, err := s.reader.TeamsByID(ctx, tenant, slices.Compact(ids))
	if err != nil {
		return err
	}
	names := make(map[string]string, len(teams))
	for _, t := range teams {
		names[t.ID] = t.Name
	}
	for i := range people {
		if people[i].Team != nil {
			people[i].Team.Name = names[people[i].Team.ID]
		}
		for n, t := range people[i].FurtherTeams {
			people[i].FurtherTeams[n].Name = names[t.ID]
		}
	}
	return nil
}

func (s *Server) getPerson(ctx context.Context, in *PersonInput) (*body[v1.PersonDetail], error) {
	p, err := s.findPerson(ctx, in)
	if err != nil {
		return nil, err
	}
	people := []v1.Person{personOf(p)}
	if err := s.nameTeams(ctx, in.Tenant, people); err != nil {
		return nil, err
	}
	detail := v1.PersonDetail{Person: people[0]}
	if owned := s.profiles.Owned(in.Tenant); len(owned) > 0 {
		detail.Owned = fieldNames(owned)
	}
	if detail.Manager.Name, err = s.nameOf(ctx, in.Tenant, p.ManagerID); err != nil {
		return nil, err
	}
	groups, err := s.reader.GroupsOfPerson(ctx, in.Tenant, p.ID)
	if err != nil {
		return nil, err
	}
	detail.Groups = convert(groups, func(g directory.Group) v1.Ref { return v1.Ref{ID: g.ID, Name: g.Name} })
	if err := s.addGrants(ctx, in.Tenant, &detail); err != nil {
		return nil, err
	}
	changes, err := s.reader.Changes(ctx, in.Tenant, directory.ChangeQuery{PersonID: p.ID, Limit: recentChanges, Newest: true})
	if err != nil {
		return nil, err
	}
	detail.Changes = convert(changes, changeOf)
	return &body[v1.PersonDetail]{detail}, nil
}

// findPerson finds whom a path names.
func (s *Server) findPerson(ctx context.Context, in *PersonInput) (directory.Person, error) {
	if err := s.known(in.Tenant); err != nil {
		return directory.Person{}, err
	}
	p, err := s.reader.FindPerson(ctx, in.Tenant, in.Who)
	return p, notFoundAs(err, "nobody in the directory has this id, login or e-mail; only people assigned to the app are in it")
}

// nameOf returns a person's full name, or nothing when there is no such person.
func (s *Server) nameOf(ctx context.Context, tenant, id string) (string, error) {
	if id == "" {
		return "", nil
	}
	p, err := s.reader.FindPerson(ctx, tenant, id)
	if errors.Is(err, directory.ErrNotFound) {
		return "", nil
	}
	return strings.TrimSpace(p.Profile.FirstName + " " + p.Profile.LastName), err
}

func (s *Server) listQuarantine(ctx context.Context, in *listInput) (*pageOut[v1.Quarantined], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	rows, err := s.reader.Quarantine(ctx, in.Tenant, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return page(rows, in.Limit, quarantinedOf, func(q directory.Quarantined) string { return q.PersonID }), nil
}
