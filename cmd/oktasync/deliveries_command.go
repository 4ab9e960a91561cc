package main

import (
	"fmt"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
)

type deliveriesCommand struct {
	List    deliveriesListCommand    `cmd:"" help:"List what was posted to an endpoint, or what did not arrive."`
	Show    deliveriesShowCommand    `cmd:"" help:"Show one delivery with its attempts and answers."`
	Retry   deliveriesRetryCommand   `cmd:"" help:"Try what waits at once."`
	Redrive deliveriesRedriveCommand `cmd:"" help:"Take up again what was given up."`
}

type deliveriesListCommand struct {
	oneEndpoint
	State string `enum:"attempts,waiting,dead" default:"attempts" help:"The newest attempts; or the changes that are tried again (waiting), or that were given up (dead)."`
	Limit int    `default:"20" help:"How many attempts, newest first."`
}

func (c deliveriesListCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	if c.State == "attempts" {
		page, err := service.Attempts(e.ctx, c.remote.Tenant, c.Endpoint, client.Paging{Limit: c.Limit})
		if err != nil {
			return err
		}
		return showAttempts(e, page.Items)
	}
	var rows [][]string
	err = everyPage(func(after string) (v1.Page[v1.Delivery], error) {
		return service.Deliveries(e.ctx, c.remote.Tenant, c.Endpoint, c.State, client.Paging{After: after, Limit: 1000})
	}, func(d v1.Delivery) {
		rows = append(rows, []string{d.ID, d.About, fmt.Sprint(d.Attempts), stamp(d.NextAt), d.Problem})
	})
	if err != nil {
		return err
	}
	return table(e.out, "DELIVERY\tABOUT\tATTEMPTS\tNEXT (UTC)\tPROBLEM", rows)
}

func showAttempts(e *env, attempts []v1.DeliveryAttempt) error {
	var rows [][]string
	for _, a := range attempts {
		result := "delivered"
		if !a.Delivered {
			result = a.Problem
		}
		rows = append(rows, []string{stamp(&a.At), a.Message, fmt.Sprint(a.Attempt), fmt.Sprint(a.Status), fmt.Sprintf("%d ms", a.TookMS), result})
	}
	return table(e.out, "AT (UTC)\tDELIVERY\tATTEMPT\tSTATUS\tTOOK\tRESULT", rows)
}

type deliveriesShowCommand struct {
	oneEndpoint
	Delivery string `arg:"" help:"The webhook-id, such as msg_4f1d09b2c3a5_2041."`
}

func (c deliveriesShowCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	d, err := service.Delivery(e.ctx, c.remote.Tenant, c.Endpoint, c.Delivery)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "delivery  %s\nchange    %d, about %s\nstate     %s after %d attempt(s)\n", d.ID, d.Seq, d.About, d.State, d.Attempts)
	if d.NextAt != nil {
		fmt.Fprintf(e.out, "next      %s UTC\n", stamp(d.NextAt))
	}
	for _, a := range d.History {
		result := "delivered"
		if !a.Delivered {
			result = a.Problem
		}
		fmt.Fprintf(e.out, "\n%s  attempt %d: status %d after %d ms, %s\n", stamp(&a.At), a.Attempt, a.Status, a.TookMS, result)
		if a.Answer != "" {
			fmt.Fprintln(e.out, a.Answer)
		}
	}
	return nil
}

// someDeliveries are one of an endpoint, or all.
type someDeliveries struct {
	oneEndpoint
	Delivery string `arg:"" optional:"" help:"The webhook-id of one; all when left out."`
}

type deliveriesRetryCommand struct{ someDeliveries }

func (c deliveriesRetryCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	taken, err := service.RetryDeliveries(e.ctx, c.remote.Tenant, c.Endpoint, c.Delivery)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%d deliveries are tried now.\n", taken.Deliveries)
	return nil
}

type deliveriesRedriveCommand struct{ someDeliveries }

func (c deliveriesRedriveCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	taken, err := service.RedriveDeliveries(e.ctx, c.remote.Tenant, c.Endpoint, c.Delivery)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "%d deliveries that had been given up are taken up again.\n", taken.Deliveries)
	return nil
}
