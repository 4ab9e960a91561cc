package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

type peopleCommand struct {
	Show  peopleShowCommand  `cmd:"" help:"Show one person with team, manager, groups and the last changes."`
	List  peopleListCommand  `cmd:"" help:"List people."`
	Erase peopleEraseCommand `cmd:"" help:"Erase what is kept of somebody who left. It cannot be undone."`

	Managers     peopleManagersCommand     `cmd:"" help:"List people whose manager is not as Okta, an admin or the team says, with the reasons."`
	SetManager   peopleSetManagerCommand   `cmd:"" help:"Choose a person's manager, whatever Okta and the team say."`
	ClearManager peopleClearManagerCommand `cmd:"" help:"Take the choice of a person's manager back."`
}

type peopleEraseCommand struct {
	remote
	Who    string `arg:"" help:"Okta id, login or e-mail."`
	Reason string `required:"" help:"Why. It is kept in the list of acts: name nobody in it."`
}

func (c peopleEraseCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	erased, err := service.Erase(e.ctx, c.remote.Tenant, c.Who, c.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Person %s is erased: the id is kept, and the history without its values.\n", erased.PersonID)
	return nil
}

type peopleListCommand struct {
	remote
	Status string `enum:"active,suspended,deactivated,removed," default:"" help:"Only people of this status."`
	Team   string `placeholder:"ID" help:"Only people in this team, primarily or further."`
	Unfit  bool   `help:"Only people of whom Okta has a value that does not fit its field."`
}

func (c peopleListCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	var rows [][]string
	err = everyPage(func(after string) (v1.Page[v1.Person], error) {
		return service.People(e.ctx, c.remote.Tenant, client.PeopleFilter{Status: c.Status, Team: c.Team, Unfit: c.Unfit, Paging: client.Paging{After: after, Limit: 1000}})
	}, func(p v1.Person) {
		team := "-"
		if p.Team != nil {
			team = p.Team.Name
		}
		rows = append(rows, []string{p.ID, p.Status, p.Profile.Login, strings.TrimSpace(p.Profile.FirstName + " " + p.Profile.LastName), team})
	})
	if err != nil {
		return err
	}
	return table(e.out, "ID\tSTATUS\tLOGIN\tNAME\tTEAM", rows)
}

type peopleShowCommand struct {
	remote
	Who string `arg:"" help:"Okta id, login or e-mail."`
}

func (c peopleShowCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	p, err := service.Person(e.ctx, c.remote.Tenant, c.Who)
	if err != nil {
		return err
	}
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(e.out, "%-12s %s\n", name, shown(value))
		}
	}
	line("id", p.ID)
	line("name", strings.TrimSpace(p.Profile.FirstName+" "+p.Profile.LastName))
	line("status", fmt.Sprintf("%s (Okta: %s)", p.Status, p.OktaStatus))
	if p.LeftAt != nil {
		line("left", stamp(p.LeftAt)+" UTC")
	}
	line("e-mail", p.Profile.Email)
	line("login", p.Profile.Login)
	line("title", p.Profile.Title)
	line("location", p.Profile.Location)
	line("number", p.Profile.EmployeeNumber)
	if p.Team != nil {
		line("team", p.Team.Name)
	}
	var further []string
	for _, t := range p.FurtherTeams {
		further = append(further, t.Name)
	}
	line("teams", strings.Join(further, ", "))
	line("manager", managerWords(p.Manager))
	var groups []string
	for _, g := range p.Groups {
		groups = append(groups, g.Name)
	}
	line("groups", strings.Join(groups, ", "))
	for _, role := range p.Roles {
		line("role", roleWords(role))
	}
	for _, license := range p.Licenses {
		line("license", licenseWords(license))
	}
	for _, key := range slices.Sorted(maps.Keys(p.Profile.Custom)) {
		line(key, plainValue(p.Profile.Custom[key]))
	}
	for _, field := range slices.Sorted(maps.Keys(p.Unfit)) {
		line("unfit", field+": the value that Okta has "+directory.Unfit(p.Unfit[field]).Words())
	}
	line("owned", strings.Join(p.Owned, ", "))
	fmt.Fprintf(e.out, "\nLast changes:\n")
	for _, change := range p.Changes {
		what := change.Type
		if change.Subject == "membership" {
			what += " of group " + change.SubjectID
		}
		fmt.Fprintf(e.out, "  %s  #%d %s by %s\n", stamp(&change.At), change.Seq, what, causeWords(change.Cause))
		for _, f := range change.Fields {
			fmt.Fprintf(e.out, "      %s: %s -> %s\n", f.Field, valueWords(f.Before), valueWords(f.After))
		}
	}
	return nil
}

func causeWords(c v1.Cause) string {
	text := c.Kind
	if len(c.EventTypes) > 0 {
		text += " (" + strings.Join(c.EventTypes, ", ") + ")"
	}
	if c.Actor != "" {
		text += " of " + c.Actor
	}
	if c.Approval != nil {
		text += fmt.Sprintf(", approved by %s (%s)", c.Approval.By, c.Approval.Reason)
	}
	if c.RunID != "" {
		text += ", run " + c.RunID
	}
	return text
}

// plainValue is a custom field's value as somebody would write it.
func plainValue(value any) string {
	if text, isText := value.(string); isText {
		return text
	}
	if list, isList := value.([]any); isList {
		items := make([]string, len(list))
		for i, item := range list {
			items[i] = plainValue(item)
		}
		return strings.Join(items, ", ")
	}
	return valueWords(value)
}

func valueWords(value any) string {
	if value == nil {
		return "nothing"
	}
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return fmt.Sprint(value)
	}
	return strings.TrimSpace(text.String())
}

type actsCommand struct {
	remote
	Limit int `default:"20" help:"How many, newest first."`
}

func (c actsCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	page, err := service.Acts(e.ctx, c.remote.Tenant, client.Paging{Limit: c.Limit})
	if err != nil {
		return err
	}
	var rows [][]string
	for _, a := range page.Items {
		rows = append(rows, []string{stamp(&a.At), a.Actor, a.Role, a.Act, a.Subject, cmp.Or(a.RunID, "-"), cmp.Or(a.Reason, "-")})
	}
	return table(e.out, "AT (UTC)\tWHO\tROLE\tACT\tABOUT\tRUN\tREASON", rows)
}

type quarantineCommand struct{ remote }

func (c quarantineCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	n := 0
	err = everyPage(func(after string) (v1.Page[v1.Quarantined], error) {
		return service.Quarantine(e.ctx, c.remote.Tenant, client.Paging{After: after, Limit: 1000})
	}, func(q v1.Quarantined) {
		n++
		fmt.Fprintf(e.out, "%s  since %s\n    %s\n", q.PersonID, stamp(&q.Since), shown(q.Reason))
	})
	if err == nil && n == 0 {
		fmt.Fprintln(e.out, "Every record can be applied.")
	}
	return err
}

type archiveCommand struct {
	List    archiveListCommand    `cmd:"" default:"1" help:"List work that failed for good."`
	Retry   archiveRetryCommand   `cmd:"" help:"Try it again."`
	Discard archiveDiscardCommand `cmd:"" help:"Give it up: its events count as done."`
}

type archiveListCommand struct{ remote }

func (c archiveListCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	page, err := service.Archive(e.ctx, c.remote.Tenant, 1000)
	if err != nil {
		return err
	}
	for _, p := range page.Items {
		fmt.Fprintf(e.out, "%s  %d event(s), since %s\n    %s\n", p.Scope, p.Events, stamp(&p.ParkedAt), shown(p.Reason))
	}
	if len(page.Items) == 0 {
		fmt.Fprintln(e.out, "Nothing failed for good.")
	}
	return nil
}

// act retries or discards one parked scope.
func (r remote) act(e *env, scope string, do func(*client.Client, context.Context, string, string) (v1.ArchiveResult, error)) error {
	service, err := r.connect(e)
	if err != nil {
		return err
	}
	result, err := do(service, e.ctx, r.Tenant, scope)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%s: %s.\n", result.Scope, result.Result)
	return nil
}

type archiveRetryCommand struct {
	remote
	Scope string `arg:"" help:"As listed: person:<id> or group:<id>."`
}

func (c archiveRetryCommand) Run(e *env) error {
	return c.act(e, c.Scope, (*client.Client).Retry)
}

type archiveDiscardCommand struct {
	remote
	Scope string `arg:"" help:"As listed: person:<id> or group:<id>."`
}

func (c archiveDiscardCommand) Run(e *env) error {
	return c.act(e, c.Scope, (*client.Client).Discard)
}
