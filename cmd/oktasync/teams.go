package main

import (
	"fmt"
	"strings"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
)

type teamsRenameCommand struct {
	remote
	Team   string `arg:"" help:"Team id, as listed."`
	Name   string `arg:"" help:"What it is to be called."`
	Reason string `help:"Why. It is kept in the list of acts: name nobody in it."`
}

func (c teamsRenameCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	t, err := service.RenameTeam(e.ctx, c.remote.Tenant, c.Team, v1.TeamNameRequest{Name: c.Name, Reason: c.Reason})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Team %s is called %q now; in Okta %q.\n", t.ID, t.Name, t.OktaName)
	return nil
}

type teamsClearNameCommand struct {
	remote
	Team   string `arg:"" help:"Team id, as listed."`
	Reason string `help:"Why. It is kept in the list of acts: name nobody in it."`
}

func (c teamsClearNameCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	t, err := service.UnnameTeam(e.ctx, c.remote.Tenant, c.Team, c.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Team %s is called %q, as in Okta.\n", t.ID, t.Name)
	return nil
}

type teamsMergeCommand struct {
	remote
	Team   string `arg:"" help:"Team id, as listed: the one that ends."`
	Into   string `required:"" help:"Id of the team whose people they become."`
	Reason string `required:"" help:"Why. It is kept in the list of acts: name nobody in it."`
	DryRun bool   `help:"Only say how many people would move."`
}

func (c teamsMergeCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	m, err := service.MergeTeam(e.ctx, c.remote.Tenant, c.Team, v1.TeamMergeRequest{Into: c.Into, Reason: c.Reason, DryRun: c.DryRun})
	if err != nil {
		return err
	}
	if m.DryRun {
		fmt.Fprintf(e.out, "%d people would move from team %s to team %s. Nothing was changed.\n", m.People, m.TeamID, m.Into)
	} else {
		fmt.Fprintf(e.out, "Team %s is merged into team %s: its %d people have moved. To take that back: oktasync teams unmerge %s\n", m.TeamID, m.Into, m.People, m.TeamID)
	}
	if len(m.Endpoints) > 0 {
		fmt.Fprintf(e.out, "These webhook endpoints ask for team %s and do not follow: %s. Give them the other team where they are to have its people.\n",
			m.TeamID, strings.Join(m.Endpoints, ", "))
	}
	return nil
}

type teamsUnmergeCommand struct {
	remote
	Team   string `arg:"" help:"Id of the team that was merged, as oktasync teams merged lists it."`
	Reason string `help:"Why. It is kept in the list of acts: name nobody in it."`
}

func (c teamsUnmergeCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	m, err := service.UnmergeTeam(e.ctx, c.remote.Tenant, c.Team, c.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Team %s is a team of its own again, with %d people.\n", m.TeamID, m.People)
	return nil
}

type teamsMergedCommand struct{ remote }

func (c teamsMergedCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	var rows [][]string
	err = everyPage(func(after string) (v1.Page[v1.MergedTeam], error) {
		return service.MergedTeams(e.ctx, c.remote.Tenant, client.Paging{After: after, Limit: 1000})
	}, func(t v1.MergedTeam) { rows = append(rows, []string{t.ID, t.Into, t.Source, t.Name}) })
	if err != nil {
		return err
	}
	if len(rows) == 0 {
		fmt.Fprintln(e.out, "No team is merged into another.")
		return nil
	}
	return table(e.out, "ID\tINTO\tFROM\tNAME", rows)
}
