package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
)

type peopleManagersCommand struct {
	remote
	Problem string `enum:"unresolved,ambiguous,self,loop,left," default:"" help:"Only for this reason: unresolved, ambiguous, self, loop, or left, which lists the people of managers who left."`
}

func (c peopleManagersCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	var rows [][]string
	err = everyPage(func(after string) (v1.Page[v1.ManagerCase], error) {
		return service.ManagerCases(e.ctx, c.remote.Tenant, c.Problem, client.Paging{After: after, Limit: 1000})
	}, func(m v1.ManagerCase) {
		text := fmt.Sprintf("%q", managerTexts(m.Manager))
		rows = append(rows, []string{m.PersonID, m.Manager.Problem, cmp.Or(m.Manager.Source, "-"), text, cmp.Or(m.Manager.ID, "-"), cmp.Or(m.Left, "-")})
	})
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		fmt.Fprintln(e.out, "Nobody: every manager is as it should be.")
		return nil
	}
	return table(e.out, "PERSON\tPROBLEM\tSOURCE\tOKTA SAYS\tMANAGER\tLEFT", rows)
}

type peopleSetManagerCommand struct {
	remote
	Who     string `arg:"" help:"Whose manager: Okta id, login or e-mail."`
	Manager string `arg:"" help:"The manager: Okta id, login or e-mail."`
	Reason  string `help:"Why. It is kept in the list of acts: name nobody in it."`
}

func (c peopleSetManagerCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	p, err := service.ChooseManager(e.ctx, c.remote.Tenant, c.Who, v1.ManagerRequest{Manager: c.Manager, Reason: c.Reason})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Person %s has the manager %s.\n", p.ID, shown(managerWords(p.Manager)))
	return nil
}

type peopleClearManagerCommand struct {
	remote
	Who    string `arg:"" help:"Okta id, login or e-mail."`
	Reason string `help:"Why. It is kept in the list of acts: name nobody in it."`
}

func (c peopleClearManagerCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	p, err := service.UnchooseManager(e.ctx, c.remote.Tenant, c.Who, c.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "The manager of person %s follows the rules again: %s.\n", p.ID, cmp.Or(shown(managerWords(p.Manager)), "none"))
	return nil
}

func managerWords(m v1.Manager) string {
	from := m.Source
	switch from {
	case "team":
		from = "set on the team"
	case "first_member":
		from = "of the team's first member"
	case "admin":
		from = "chosen by an admin"
	}
	said := fmt.Sprintf("Okta says %q", managerTexts(m))
	if m.Source != "okta" && m.Source != "" {
		said = "the one " + from
	}
	switch {
	case m.ID != "" && m.Problem == "left":
		return strings.TrimSpace(fmt.Sprintf("%s (%s), who has left; %s", m.Name, m.ID, said))
	case m.ID != "" && m.Source != "okta" && m.Source != "":
		return strings.TrimSpace(fmt.Sprintf("%s (%s), %s", m.Name, m.ID, from))
	case m.ID != "":
		return strings.TrimSpace(m.Name + " (" + m.ID + ")")
	case m.Problem == "left":
		return fmt.Sprintf("none: %s, who has left", said)
	case m.Problem != "":
		return fmt.Sprintf("none: %s, which is %s", said, m.Problem)
	default:
		return ""
	}
}

// managerTexts is what Okta says of a manager, in one line.
func managerTexts(m v1.Manager) string {
	texts := slices.DeleteFunc([]string{m.IDText, m.Text, m.Link}, func(text string) bool { return text == "" })
	return strings.Join(texts, " ")
}

type teamsCommand struct {
	List         teamsListCommand         `cmd:"" default:"1" help:"List teams with their sizes and managers."`
	SetManager   teamsSetManagerCommand   `cmd:"" help:"Set a team's manager; managers.mode says for whom that counts."`
	ClearManager teamsClearManagerCommand `cmd:"" help:"Take a team's manager back."`
	Rename       teamsRenameCommand       `cmd:"" help:"Give a team a name, whatever Okta calls it."`
	Merge        teamsMergeCommand        `cmd:"" help:"Merge a team into another: its people move, now and in future."`
	Unmerge      teamsUnmergeCommand      `cmd:"" help:"Take a merge back."`
	Merged       teamsMergedCommand       `cmd:"" help:"List teams that were merged into others."`
	ClearName    teamsClearNameCommand    `cmd:"" help:"Take the name back: the team is called as in Okta again."`
}

type teamsListCommand struct{ remote }

func (c teamsListCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	var rows [][]string
	err = everyPage(func(after string) (v1.Page[v1.Team], error) {
		return service.Teams(e.ctx, c.remote.Tenant, client.Paging{After: after, Limit: 1000})
	}, func(t v1.Team) {
		rows = append(rows, []string{t.ID, fmt.Sprint(t.People), cmp.Or(t.ManagerID, "-"), cmp.Or(t.FirstManagerID, "-"), t.Source, t.Name, cmp.Or(t.OktaName, "-")})
	})
	if err != nil {
		return err
	}
	return table(e.out, "ID\tPEOPLE\tMANAGER\tOF FIRST MEMBER\tFROM\tNAME\tIN OKTA", rows)
}

type teamsSetManagerCommand struct {
	remote
	Team    string `arg:"" help:"Team id, as listed."`
	Manager string `arg:"" help:"The manager: Okta id, login or e-mail."`
	Reason  string `help:"Why. It is kept in the list of acts: name nobody in it."`
}

func (c teamsSetManagerCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	t, err := service.SetTeamManager(e.ctx, c.remote.Tenant, c.Team, v1.ManagerRequest{Manager: c.Manager, Reason: c.Reason})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Team %s has the manager %s.\n", t.TeamID, t.ManagerID)
	return nil
}

type teamsClearManagerCommand struct {
	remote
	Team   string `arg:"" help:"Team id, as listed."`
	Reason string `help:"Why. It is kept in the list of acts: name nobody in it."`
}

func (c teamsClearManagerCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	t, err := service.UnsetTeamManager(e.ctx, c.remote.Tenant, c.Team, c.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "No admin's manager is set on team %s any more.\n", t.TeamID)
	return nil
}
