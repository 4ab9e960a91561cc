package main

import (
	"fmt"

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
	Team string `arg:"" help:"Team id, as listed."`
}

func (c teamsClearNameCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	t, err := service.UnnameTeam(e.ctx, c.remote.Tenant, c.Team)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Team %s is called %q, as in Okta.\n", t.ID, t.Name)
	return nil
}
