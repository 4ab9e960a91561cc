package api

import (
	"context"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

// Explainer says why people are as they are.
type Explainer interface {
	// Explain explains the person whom who names: by Okta id, login or e-mail. Of whom nothing is known is
	// directory.ErrNotFound, several are directory.ErrAmbiguous.
	Explain(ctx context.Context, tenant, who string) (directory.Explanation, error)
}

type explainInput struct {
	PersonInput
	About string `query:"about" enum:"status,field,team,manager,group,role,license,invite" doc:"Only this topic; all when it is absent"`
}

func (s *Server) addExplain(to huma.API) {
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "explain-person", Method: http.MethodGet, Path: "/tenants/{tenant}/people/{who}/explain", Tags: []string{"people"},
		Summary: "Say why a person has what they have, and why they do not have the rest",
		Description: "Of each value the cause, since when, and what it was before, from the history; the rule, from the rules in force. " +
			"People who were erased, and those in quarantine who were never let in, are found by id alone.",
		Errors: []int{http.StatusConflict},
	}, s.explainPerson)
}

func (s *Server) explainPerson(ctx context.Context, in *explainInput) (*body[v1.Explanation], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	x, err := s.explainer.Explain(ctx, in.Tenant, in.Who)
	if err != nil {
		return nil, notFoundAs(err, "nothing is known of anybody with this id, login or e-mail; only people assigned to the app are in the directory, and who was never let in (oktasync quarantine) or is erased is found by Okta id alone")
	}
	// Of who is not in the directory there is no topic but that.
	other := func(e directory.Explained) bool { return in.About != "" && x.Known && string(e.Topic) != in.About }
	answer := v1.Explanation{
		PersonID: x.PersonID, InDirectory: x.Known,
		Values:  convert(slices.DeleteFunc(x.Values, other), explainedOf),
		Missing: convert(slices.DeleteFunc(x.Missing, other), explainedOf),
		Ignored: convert(x.Ignored, func(name string) string { return name }),
	}
	if x.Purged {
		answer.KeptSince = utc(keptSince(x, s.now()))
	}
	return &body[v1.Explanation]{answer}, nil
}

// keptSince is when the kept part of the history begins: now, when nothing of it is left.
func keptSince(x directory.Explanation, now time.Time) *time.Time {
	if x.OldestKept != nil {
		return x.OldestKept
	}
	return &now
}

func explainedOf(e directory.Explained) v1.Explained {
	answer := v1.Explained{Topic: string(e.Topic), Name: e.Name, Value: e.Value, Called: e.Called, Reason: e.Reason}
	if o := e.Origin; o != nil {
		answer.Origin = &v1.Origin{Since: o.At.UTC(), Change: o.Seq, Type: string(o.Type), Before: o.Before, Cause: causeOf(o.Cause)}
	}
	return answer
}
