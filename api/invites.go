package api

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

// inviteTimeout is how long a request about invites may take: it may be about everybody.
const inviteTimeout = 5 * time.Minute

// Invites lists and moves the invites of tenants. What is refused is directory.ErrConflict, in a sentence.
type Invites interface {
	// List returns invites in order of the person's id after `after`, at most limit. The selection's share is not looked at.
	List(ctx context.Context, tenant string, sel directory.InviteSelection, after string, limit int) ([]directory.InviteCandidate, error)
	Counts(ctx context.Context, tenant string) (directory.InviteSummary, error)
	// Preview says what a release would do to held invites; next is empty at the end.
	Preview(ctx context.Context, tenant string, sel directory.InviteSelection, after string, limit int) (plans []directory.InvitePlan, next string, err error)
	// Order moves invites and records the act.
	Order(ctx context.Context, tenant string, order directory.InviteOrder, act directory.Act) (directory.InviteTally, error)
	// Recover goes on after the ledger was lost, and records the act.
	Recover(ctx context.Context, tenant string, restored bool, act directory.Act) (directory.InviteTally, error)
	// Verify returns whom a link's token is for.
	Verify(tenant, token string) (person string, err error)
}

type invitesInput struct {
	TenantPath
	PageQuery
	State string `query:"state" enum:"held,due,sending,sent,accepted,failed,uncertain,revoked" doc:"Only invites in this state"`
	Team  string `query:"team" maxLength:"320" doc:"Only people of the team with this id"`
	Group string `query:"group" maxLength:"320" doc:"Only members of the group with this id"`
}

type inviteInput struct {
	TenantPath
	Body v1.InviteRequest
}

type invitePreviewInput struct {
	TenantPath
	PageQuery
	People  []string `query:"people" maxItems:"200" doc:"Only these Okta user ids, with commas between them"`
	Team    string   `query:"team" maxLength:"320" doc:"Only people of the team with this id"`
	Group   string   `query:"group" maxLength:"320" doc:"Only members of the group with this id"`
	States  []string `query:"states" maxItems:"8" enum:"held,due,sending,sent,accepted,failed,uncertain,revoked" doc:"Only invites in these states, with commas between them; held, when left out"`
	Percent int      `query:"percent" minimum:"1" maximum:"100" doc:"Only this share of them"`
}

type inviteLinkInput struct {
	TenantPath
	Body v1.InviteLink
}

type inviteRecoverInput struct {
	TenantPath
	Body v1.InviteRecovery
}

func (s *Server) addInvites(to huma.API) {
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-invites", Method: http.MethodGet, Path: "/tenants/{tenant}/invites", Tags: []string{"invites"},
		Summary:     "List invites in order of the person's id",
		Description: "Everybody who is in the directory has one; it is held as long as nothing else is known of it.",
	}, s.listInvites)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "count-invites", Method: http.MethodGet, Path: "/tenants/{tenant}/invites/counts", Tags: []string{"invites"},
		Summary: "Count invites by state, and say whether they can go out",
	}, s.countInvites)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "preview-invites", Method: http.MethodGet, Path: "/tenants/{tenant}/invites/preview", Tags: []string{"invites"},
		Summary: "Show who would be invited by a release, and release nothing",
	}, s.previewInvites)
	for move, op := range map[directory.InviteMove]huma.Operation{
		directory.InviteRelease: {
			OperationID: "release-invites", Method: http.MethodPost, Path: "/tenants/{tenant}/invites/release",
			Summary: "Let held invites go", Description: "They become due, and go out unless somebody holds them before.",
		},
		directory.InviteHoldOn: {
			OperationID: "hold-invites", Method: http.MethodPost, Path: "/tenants/{tenant}/invites/hold",
			Summary: "Hold invites that are due", Description: "What has not gone out does not.",
		},
		directory.InviteResend: {
			OperationID: "resend-invites", Method: http.MethodPost, Path: "/tenants/{tenant}/invites/resend",
			Summary: "Send invites once more", Description: "The only way to a second invite. It takes people or states.",
		},
		directory.InviteRevoke: {
			OperationID: "revoke-invites", Method: http.MethodPost, Path: "/tenants/{tenant}/invites/revoke",
			Summary: "Take invites back", Description: "They are not sent, and their links are not accepted.",
		},
		directory.InviteMark: {
			OperationID: "note-sent-invites", Method: http.MethodPost, Path: "/tenants/{tenant}/invites/sent",
			Summary: "Report that invites went out", Description: "For a product that sends them itself, and for those that are uncertain.",
		},
		directory.InviteAccept: {
			OperationID: "note-accepted-invites", Method: http.MethodPost, Path: "/tenants/{tenant}/invites/accepted",
			Summary: "Report that invites were accepted", Description: "Whoever accepted gets no invite any more.",
		},
	} {
		op.Tags, op.Errors = []string{"invites"}, []int{http.StatusConflict}
		addFor(s, to, inviteTimeout, directory.RoleOperate, op, func(ctx context.Context, in *inviteInput) (*body[v1.InviteTally], error) {
			return s.moveInvites(ctx, in, move)
		})
	}
	add(s, to, directory.RoleOperate, huma.Operation{
		OperationID: "accept-invite-link", Method: http.MethodPost, Path: "/tenants/{tenant}/invites/accept-link", Tags: []string{"invites"},
		Summary: "Accept an invite by the token of its link", Errors: []int{http.StatusConflict},
		Description: "The product calls it when the person has done something to accept, not when the address was opened: programs that look through mail open addresses, too.",
	}, s.acceptLink)
	addFor(s, to, inviteTimeout, directory.RoleApprove, huma.Operation{
		OperationID: "recover-invites", Method: http.MethodPost, Path: "/tenants/{tenant}/invites/recover", Tags: []string{"invites"},
		Summary: "Go on with invites after their ledger was lost", Errors: []int{http.StatusConflict},
	}, s.recoverInvites)
}

func (s *Server) listInvites(ctx context.Context, in *invitesInput) (*pageOut[v1.Invite], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	sel := directory.InviteSelection{Team: in.Team, Group: in.Group}
	if in.State != "" {
		sel.States = []directory.InviteState{directory.InviteState(in.State)}
	}
	rows, err := s.invites.List(ctx, in.Tenant, sel, in.After, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return page(rows, in.Limit, inviteAnswer, func(c directory.InviteCandidate) string { return c.PersonID }), nil
}

func (s *Server) countInvites(ctx context.Context, in *TenantPath) (*body[v1.InviteCounts], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	sum, err := s.invites.Counts(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	answer := v1.InviteCounts{Mode: string(sum.Mode), SendBy: string(sum.SendBy), Missing: sum.Missing, States: map[string]int{}}
	for state, n := range sum.States {
		answer.States[string(state)] = n
	}
	return &body[v1.InviteCounts]{answer}, nil
}

func (s *Server) previewInvites(ctx context.Context, in *invitePreviewInput) (*pageOut[v1.InvitePreview], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	sel := inviteSelection(v1.InviteSelection{People: in.People, Team: in.Team, Group: in.Group, States: in.States, Percent: in.Percent})
	plans, next, err := s.invites.Preview(ctx, in.Tenant, sel, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	items := convert(plans, func(p directory.InvitePlan) v1.InvitePreview {
		return v1.InvitePreview{Invite: inviteAnswer(p.InviteCandidate), Language: p.Person.Profile.Language, GoesAt: moment(p.GoesAt), Stays: p.Stays}
	})
	return &pageOut[v1.InvitePreview]{v1.Page[v1.InvitePreview]{Items: items, Next: next}}, nil
}

func (s *Server) moveInvites(ctx context.Context, in *inviteInput, move directory.InviteMove) (*body[v1.InviteTally], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	b := in.Body
	narrow := len(b.People) > 0 || b.Team != "" || b.Group != "" || len(b.States) > 0 || b.Percent > 0
	switch {
	case !narrow && !b.Everybody:
		return nil, huma.Error422UnprocessableEntity("say whose invites are meant: people, team, group, states or percent; or everybody, if that is meant")
	case narrow && b.Everybody:
		return nil, huma.Error422UnprocessableEntity("everybody is given together with what restricts the selection; give one of the two")
	case move == directory.InviteResend && len(b.People) == 0 && len(b.States) == 0:
		return nil, huma.Error422UnprocessableEntity("a second invite is sent only to people who are named, or whose invites are in states that are named, such as failed or uncertain")
	case b.PerHour > 0 && move != directory.InviteRelease:
		return nil, huma.Error422UnprocessableEntity("per_hour is for a release alone")
	}
	act := actOf(ctx, move.Act(), in.Tenant, directory.FullScope())
	act.Reason = strings.TrimSpace(b.Reason)
	tally, err := s.invites.Order(ctx, in.Tenant, directory.InviteOrder{Move: move, Select: inviteSelection(b.InviteSelection), PerHour: b.PerHour}, act)
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(ctx, "invites were moved because an admin asked", "tenant", in.Tenant, "act", act.Kind, "by", act.Actor, "moved", tally.Moved)
	return &body[v1.InviteTally]{tallyAnswer(tally)}, nil
}

func (s *Server) acceptLink(ctx context.Context, in *inviteLinkInput) (*body[v1.InviteAccepted], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	person, err := s.invites.Verify(in.Tenant, in.Body.Token)
	if err != nil {
		return nil, huma.Error422UnprocessableEntity(err.Error())
	}
	order := directory.InviteOrder{Move: directory.InviteAccept, Select: directory.InviteSelection{People: []string{person}}, Present: true}
	tally, err := s.invites.Order(ctx, in.Tenant, order, actOf(ctx, order.Move.Act(), in.Tenant, directory.PersonScope(person)))
	switch {
	case err != nil:
		return nil, err
	case tally.Moved == 1:
		return &body[v1.InviteAccepted]{v1.InviteAccepted{PersonID: person}}, nil
	case tally.Skipped["is accepted"] == 1:
		return &body[v1.InviteAccepted]{v1.InviteAccepted{PersonID: person, Already: true}}, nil
	default:
		return nil, directory.Refuse(directory.ErrConflict, "the invite of person %s was taken back, or the person has left; nothing was accepted", person)
	}
}

func (s *Server) recoverInvites(ctx context.Context, in *inviteRecoverInput) (*body[v1.InviteTally], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	act := actOf(ctx, directory.ActInvitesRecover, in.Tenant, directory.FullScope())
	act.Reason = strings.TrimSpace(in.Body.Reason)
	tally, err := s.invites.Recover(ctx, in.Tenant, in.Body.Database == "restored", act)
	if err != nil {
		return nil, err
	}
	s.log.InfoContext(ctx, "invites go on after their ledger was lost", "tenant", in.Tenant, "database", in.Body.Database, "by", act.Actor, "uncertain", tally.Moved)
	return &body[v1.InviteTally]{tallyAnswer(tally)}, nil
}

func inviteSelection(s v1.InviteSelection) directory.InviteSelection {
	return directory.InviteSelection{
		People: s.People, Team: s.Team, Group: s.Group, Percent: s.Percent,
		States: convert(s.States, func(text string) directory.InviteState { return directory.InviteState(text) }),
	}
}

func tallyAnswer(t directory.InviteTally) v1.InviteTally {
	answer := v1.InviteTally{Moved: t.Moved, Later: t.Later, Skipped: t.Skipped}
	if answer.Skipped == nil {
		answer.Skipped = map[string]int{}
	}
	return answer
}

func inviteAnswer(c directory.InviteCandidate) v1.Invite {
	p := c.Person.Profile
	return v1.Invite{
		PersonID: c.PersonID, Name: strings.TrimSpace(p.FirstName + " " + p.LastName), Email: p.Email, Status: string(c.Person.Status),
		State: string(c.State), Since: c.Since.UTC(), ReleaseAt: moment(c.ReleaseAt), ReleasedBy: c.ReleasedBy, RetryAt: moment(c.RetryAt),
		Tries: c.Tries, SentAt: moment(c.SentAt), AcceptedAt: moment(c.AcceptedAt), Problem: c.Problem,
	}
}

// moment is a time as an answer gives it, absent when it is zero.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return utc(&t)
}
