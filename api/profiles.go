package api

import (
	"context"
	"errors"
	"net/http"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

// Profiles tells what a tenant's rules make of people, and writes what the product owns.
type Profiles interface {
	// Owned lists the fields that the product owns.
	Owned(tenant string) []directory.Field
	// SetOwned writes such fields of the person with the id; nil empties one.
	SetOwned(ctx context.Context, tenant, person string, values map[directory.Field]any, actor string) error
	// Try reads a person from Okta, by id or login, and applies the rules to them, without writing.
	Try(ctx context.Context, tenant, person string) (directory.Trial, error)
	// Ignored lists the attributes that Okta sends and no rule reads now.
	Ignored(ctx context.Context, tenant string) ([]string, error)
}

type profileInput struct {
	PersonInput
	Body v1.ProfileRequest
}

type rulesTestInput struct {
	TenantPath
	Body v1.RulesTestRequest
}

func (s *Server) addProfiles(to huma.API) {
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "write-profile", Method: http.MethodPatch, Path: "/tenants/{tenant}/people/{who}/profile", Tags: []string{"people"},
		Summary: "Write fields that the product owns",
		Description: "Only fields that the rules list under owned; all others are Okta's and refused. " +
			"The change is part of the history, with the name of the token.",
		Errors: []int{http.StatusConflict},
	}, s.writeProfile)
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "test-rules", Method: http.MethodPost, Path: "/tenants/{tenant}/rules/test", Tags: []string{"people"},
		Summary:     "Show what the rules make of one person",
		Description: "The person is read from Okta now. Nothing is written.",
		Errors:      []int{http.StatusConflict, http.StatusServiceUnavailable},
	}, s.testRules)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-ignored-attributes", Method: http.MethodGet, Path: "/tenants/{tenant}/ignored-attributes", Tags: []string{"people"},
		Summary: "List Okta attributes that no rule uses, by name",
	}, s.listIgnoredAttributes)
}

func (s *Server) writeProfile(ctx context.Context, in *profileInput) (*body[v1.PersonDetail], error) {
	p, err := s.findPerson(ctx, &in.PersonInput)
	if err != nil {
		return nil, err
	}
	values := make(map[directory.Field]any, len(in.Body.Fields))
	for name, value := range in.Body.Fields {
		values[directory.Field(name)] = value
	}
	err = s.profiles.SetOwned(ctx, in.Tenant, p.ID, values, callerOf(ctx).name)
	if invalid := (*directory.InvalidError)(nil); errors.As(err, &invalid) {
		return nil, refusedFields(invalid)
	}
	if err != nil {
		return nil, err
	}
	in.Who = p.ID // the e-mail may be another now
	return s.getPerson(ctx, &in.PersonInput)
}

// refusedFields says of each field why it was not written.
func refusedFields(invalid *directory.InvalidError) error {
	var details []error
	for _, p := range invalid.Problems {
		details = append(details, &huma.ErrorDetail{Location: "body." + p.Key, Message: p.Says})
	}
	return huma.NewError(http.StatusUnprocessableEntity, "these fields cannot be written so, and nothing was written", details...)
}

func (s *Server) testRules(ctx context.Context, in *rulesTestInput) (*body[v1.RulesTest], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	trial, err := s.profiles.Try(ctx, in.Tenant, in.Body.Person)
	if err != nil {
		return nil, err
	}
	return &body[v1.RulesTest]{TrialAnswer(trial)}, nil
}

func (s *Server) listIgnoredAttributes(ctx context.Context, in *TenantPath) (*pageOut[string], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	names, err := s.profiles.Ignored(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	return &pageOut[string]{v1.Page[string]{Items: fieldNames(names)}}, nil
}

// TrialAnswer is a trial as the API shows it.
func TrialAnswer(t directory.Trial) v1.RulesTest {
	return v1.RulesTest{
		PersonID: t.PersonID, Status: string(t.Status), OktaStatus: t.OktaStatus, Assigned: t.Assigned,
		Quarantine: convert(t.Quarantine, func(q directory.Quarantined) string { return q.Reason }),
		Ignored:    fieldNames(t.Ignored),
		Teams: convert(t.Teams, func(team directory.TrialTeam) v1.RulesTestTeam {
			return v1.RulesTestTeam{ID: team.ID, Name: team.Name, Above: team.Above, Rule: team.Rule}
		}),
		Fields: convert(t.Fields, func(f directory.TrialField) v1.RulesTestField {
			owner := "okta"
			if f.Owned {
				owner = "product"
			}
			return v1.RulesTestField{
				Field: string(f.Field), Rule: f.Rule, Result: f.Result, Unfit: string(f.Unfit), Owner: owner, Kept: f.Kept,
				Okta: convert(f.Okta, func(v directory.TrialValue) v1.AttributeSeen { return v1.AttributeSeen(v) }),
			}
		}),
	}
}

func fieldNames[T ~string](names []T) []string {
	return convert(names, func(n T) string { return string(n) })
}
