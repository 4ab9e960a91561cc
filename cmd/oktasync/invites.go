package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

type invitesCommand struct {
	List     invitesListCommand    `cmd:"" help:"List invites, and count them by state."`
	Preview  invitesPreviewCommand `cmd:"" help:"Show who would be invited by a release, and release nothing."`
	Release  invitesReleaseCommand `cmd:"" help:"Let held invites go."`
	Hold     invitesHoldCommand    `cmd:"" help:"Hold invites that have not gone out."`
	Resend   invitesResendCommand  `cmd:"" help:"Send invites once more: the only way to a second one."`
	Revoke   invitesRevokeCommand  `cmd:"" help:"Take invites back."`
	Sent     invitesSentCommand    `cmd:"" help:"Note that invites went out, where that is uncertain or the product sent them."`
	Accepted invitesAcceptCommand  `cmd:"" help:"Note that invites were accepted."`
	Recover  invitesRecoverCommand `cmd:"" help:"Go on after the ledger of invites was lost."`
}

type invitesListCommand struct {
	remote
	State string `enum:"held,due,sending,sent,accepted,failed,uncertain,revoked," default:"" help:"Only invites in this state."`
}

func (c invitesListCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	counts, err := service.InviteCounts(e.ctx, c.remote.Tenant)
	if err != nil {
		return err
	}
	var rows [][]string
	err = everyPage(func(after string) (v1.Page[v1.Invite], error) {
		return service.Invites(e.ctx, c.remote.Tenant, c.State, client.Paging{After: after, Limit: 1000})
	}, func(i v1.Invite) {
		note := i.Problem
		if i.ReleaseAt != nil {
			note = strings.TrimSpace("goes at " + stamp(i.ReleaseAt) + " UTC " + note)
		}
		rows = append(rows, []string{i.PersonID, i.State, stamp(&i.Since), i.Email, note})
	})
	if err != nil {
		return err
	}
	if err := table(e.out, "PERSON\tSTATE\tSINCE\tE-MAIL\tNOTE", rows); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "\nMode %s, sent by %s: %s.\n", counts.Mode, counts.SendBy, tallyWords(counts.States))
	if counts.Missing != "" {
		fmt.Fprintln(e.out, counts.Missing)
	}
	return nil
}

// tallyWords renders counts in order of their names.
func tallyWords(counts map[string]int) string {
	var parts []string
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		parts = append(parts, fmt.Sprintf("%d %s", counts[name], name))
	}
	if parts == nil {
		return "none"
	}
	return strings.Join(parts, ", ")
}

// selected says whose invites a command is about.
type selected struct {
	remote
	Everybody bool     `help:"Everybody's."`
	Person    []string `placeholder:"WHO" help:"Of these people: Okta id, login or e-mail."`
	Team      string   `placeholder:"ID" help:"Of the people in this team."`
	Group     string   `placeholder:"ID" help:"Of the members of this group."`
	State     []string `placeholder:"STATE" enum:"held,due,sending,sent,accepted,failed,uncertain,revoked" help:"Only invites in these states."`
	Percent   int      `help:"Only of this share of them, always the same people for the same number."`
}

// selection finds the people who are named by login or e-mail.
func (s selected) selection(e *env, service *client.Client) (v1.InviteSelection, error) {
	sel := v1.InviteSelection{Everybody: s.Everybody, Team: s.Team, Group: s.Group, States: s.State, Percent: s.Percent}
	for _, who := range s.Person {
		p, err := service.Person(e.ctx, s.Tenant, who)
		if err != nil {
			return sel, err
		}
		sel.People = append(sel.People, p.ID)
	}
	return sel, nil
}

// idsAreAt says where somebody finds the ids that a selection takes.
func (s selected) idsAreAt() string {
	if s.Team == "" && s.Group == "" {
		return ""
	}
	return " Teams and groups are named by id: oktasync teams list, and oktasync explain <person> group, tell them."
}

// move sends one request and says what came of it.
func (s selected) move(e *env, move, done string, perHour int, reason string) error {
	service, err := s.connect(e)
	if err != nil {
		return err
	}
	sel, err := s.selection(e, service)
	if err != nil {
		return err
	}
	tally, err := service.MoveInvites(e.ctx, s.Tenant, move, v1.InviteRequest{InviteSelection: sel, PerHour: perHour, Reason: reason})
	if err != nil {
		return err
	}
	if tally.Moved == 0 && len(tally.Skipped) == 0 {
		fmt.Fprintln(e.out, "Nobody is in this selection, so nothing was done."+s.idsAreAt())
		return nil
	}
	fmt.Fprintf(e.out, "%d invites %s", tally.Moved, done)
	if tally.Later > 0 {
		fmt.Fprintf(e.out, ", %d of them later", tally.Later)
	}
	fmt.Fprintln(e.out, ".")
	if len(tally.Skipped) > 0 {
		var reasons []string
		for _, reason := range slices.Sorted(maps.Keys(tally.Skipped)) {
			reasons = append(reasons, fmt.Sprintf("%s (%d)", reason, tally.Skipped[reason]))
		}
		fmt.Fprintf(e.out, "Left as they were: %s.\n", strings.Join(reasons, ", "))
	}
	return nil
}

type invitesPreviewCommand struct{ selected }

func (c invitesPreviewCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	sel, err := c.selection(e, service)
	if err != nil {
		return err
	}
	var rows [][]string
	going := 0
	err = everyPage(func(after string) (v1.Page[v1.InvitePreview], error) {
		return service.PreviewInvites(e.ctx, c.remote.Tenant, sel, client.Paging{After: after, Limit: 1000})
	}, func(p v1.InvitePreview) {
		if p.Stays == "" {
			going++
		}
		rows = append(rows, []string{p.PersonID, p.Status, p.Name, p.Email, cmp.Or(p.Language, "-"), goesWords(p)})
	})
	if err != nil {
		return err
	}
	if err := table(e.out, "PERSON\tSTATUS\tNAME\tE-MAIL\tLANGUAGE\tGOES", rows); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "\n%d people would be invited. Nothing was released.\n", going)
	if len(rows) == 0 {
		fmt.Fprintln(e.out, "Nobody is in this selection."+c.idsAreAt())
	}
	return nil
}

// goesWords says when an invite would go out, or why it would not.
func goesWords(p v1.InvitePreview) string {
	suspended := p.Status == string(directory.StatusSuspended)
	switch {
	case p.Stays != "":
		return "stays: " + p.Stays
	case p.GoesAt != nil && suspended:
		return stamp(p.GoesAt) + " UTC, once active again"
	case p.GoesAt != nil:
		return stamp(p.GoesAt) + " UTC"
	case suspended:
		return "once active again"
	default:
		return "at once"
	}
}

type invitesReleaseCommand struct {
	reasoned
	PerHour int `help:"So many become due at once, as many an hour later, and so on."`
}

func (c invitesReleaseCommand) Run(e *env) error {
	return c.move(e, "release", "are due", c.PerHour, c.Reason)
}

// reasoned is a command that moves those who are selected, and says why.
type reasoned struct {
	selected
	Reason string `help:"Why. It is kept in the list of acts: name nobody in it."`
}

type invitesHoldCommand struct{ reasoned }

func (c invitesHoldCommand) Run(e *env) error { return c.move(e, "hold", "are held", 0, c.Reason) }

type invitesResendCommand struct{ reasoned }

func (c invitesResendCommand) Run(e *env) error {
	return c.move(e, "resend", "are due once more", 0, c.Reason)
}

type invitesRevokeCommand struct{ reasoned }

func (c invitesRevokeCommand) Run(e *env) error {
	return c.move(e, "revoke", "are taken back", 0, c.Reason)
}

type invitesSentCommand struct{ reasoned }

func (c invitesSentCommand) Run(e *env) error {
	return c.move(e, "sent", "are noted as sent", 0, c.Reason)
}

type invitesAcceptCommand struct{ reasoned }

func (c invitesAcceptCommand) Run(e *env) error {
	return c.move(e, "accepted", "are noted as accepted", 0, c.Reason)
}

type invitesRecoverCommand struct {
	remote
	Database string `required:"" enum:"current,restored" help:"current: the database lost nothing; restored: it is an older copy, and whatever has not gone out becomes uncertain."`
	Reason   string `required:"" help:"Why. It is kept in the list of acts."`
}

func (c invitesRecoverCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	tally, err := service.RecoverInvites(e.ctx, c.remote.Tenant, c.Database, c.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Invites go on; %d are uncertain now.\n", tally.Moved)
	return nil
}
