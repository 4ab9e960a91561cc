package main

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
)

type runsCommand struct {
	List    runsListCommand    `cmd:"" default:"withargs" help:"List full and partial syncs, newest first."`
	Show    runsShowCommand    `cmd:"" help:"Show one run: how far it is, what it did, or what it waits for."`
	Approve runsApproveCommand `cmd:"" help:"Have the plan of a run that waits applied."`
	Reject  runsRejectCommand  `cmd:"" help:"End a run that waits without applying anything."`
}

type runsListCommand struct {
	remote
	Limit int `default:"20" help:"How many, newest first."`
}

func (c runsListCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	page, err := service.Runs(e.ctx, c.remote.Tenant, c.Limit)
	if err != nil {
		return err
	}
	var rows [][]string
	for _, r := range page.Items {
		result := "-"
		if r.State == "succeeded" {
			result = countWords(r.Counts)
		}
		rows = append(rows, []string{r.ID, stamp(&r.CreatedAt), r.Scope, r.Cause, r.State, result})
	}
	if err := table(e.out, "RUN\tASKED FOR (UTC)\tSCOPE\tCAUSE\tSTATE\tRESULT", rows); err != nil {
		return err
	}
	for _, r := range page.Items {
		if r.Error != "" {
			fmt.Fprintf(e.out, "\n%s %s: %s\n", r.ID, r.State, r.Error)
		}
	}
	return nil
}

// oneRun names a run.
type oneRun struct {
	remote
	ID string `arg:"" name:"run" help:"The run's id, or as much of its beginning as no other run's has."`
}

type runsShowCommand struct {
	oneRun
	Changes bool `help:"Also list every planned change, with before and after."`
}

func (c runsShowCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	run, err := service.Run(e.ctx, c.Tenant, c.ID)
	if err != nil {
		return err
	}
	line := func(name, value string) {
		if value != "" {
			fmt.Fprintf(e.out, "%-14s %s\n", name, value)
		}
	}
	moment := func(name string, at *time.Time) {
		if at != nil {
			line(name, stamp(at)+" UTC")
		}
	}
	cause := run.Cause
	if run.By != "" {
		cause += ", asked for by " + run.By
	}
	line("run", run.ID)
	line("scope", run.Scope)
	line("state", run.State)
	line("cause", cause)
	moment("asked for", &run.CreatedAt)
	moment("began", run.StartedAt)
	moment("planned", run.PlannedAt)
	moment("approve until", run.ApproveUntil)
	moment("ended", run.FinishedAt)
	p := run.Progress
	line("read", fmt.Sprintf("%d people, %d groups and %d memberships in %d calls", p.People, p.Groups, p.Members, p.Calls))
	line("planned", fmt.Sprintf("%d changes, %d of them dealt with", p.Planned, p.Applied))
	line("did", countWords(run.Counts))
	if d := run.Decision; d != nil {
		line(d.Verdict, fmt.Sprintf("by %s at %s UTC: %s", d.By, stamp(&d.At), d.Reason))
	}
	if run.RetryAt != nil {
		line("waits", fmt.Sprintf("until %s UTC for %s", stamp(run.RetryAt), run.WaitsFor))
		run.Error = "" // it has been said
	}
	line("message", run.Error)
	if run.Plan == nil {
		return nil
	}
	fmt.Fprintln(e.out)
	run.Error = "" // it has been said
	if c.Changes {
		return writePlan(run, planPages(e, service, run), false, e.out)
	}
	fmt.Fprint(e.out, planWords(run))
	return nil
}

// decision is what approving and rejecting have in common.
type decision struct {
	oneRun
	Reason string `required:"" help:"Why. It is kept with the run and in the history."`
}

type runsApproveCommand struct {
	decision
	Wait bool `help:"Wait for the end and show the progress."`
}

func (c runsApproveCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	run, err := service.Approve(e.ctx, c.Tenant, c.ID, c.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Run %s is approved: its plan of %d changes is being applied.\n", run.ID, run.Progress.Planned)
	if !c.Wait {
		return nil
	}
	return followRun(e, service, run)
}

type runsRejectCommand struct{ decision }

func (c runsRejectCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	run, err := service.Reject(e.ctx, c.Tenant, c.ID, c.Reason)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Run %s is rejected: its plan will never be applied.\n", run.ID)
	return nil
}

// endOfRun waits until nothing more happens to the run by itself.
func endOfRun(e *env, service *client.Client, run v1.Run) (v1.Run, error) {
	return watchRun(e, run.ID, func(ctx context.Context) (v1.Run, error) { return service.Run(ctx, run.Tenant, run.ID) })
}

func followRun(e *env, service *client.Client, run v1.Run) error {
	return waitForRun(e, run.ID, func(ctx context.Context) (v1.Run, error) { return service.Run(ctx, run.Tenant, run.ID) })
}
