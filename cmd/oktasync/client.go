package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
)

// What the commands that call a running service read from the environment.
const (
	apiURLVariable   = "OKTASYNC_API_URL"
	apiTokenVariable = "OKTASYNC_API_TOKEN"
)

// remote says which service and tenant a command talks to.
type remote struct {
	server
	Tenant string `default:"default" help:"Slug of the tenant."`
}

// server says which service a command talks to.
type server struct {
	URL string `placeholder:"URL" help:"Address of the service (or OKTASYNC_API_URL; http://127.0.0.1:8080 by default)."`
}

func (r server) connect(e *env) (*client.Client, error) {
	token := e.variable(apiTokenVariable)
	if token == "" {
		return nil, fmt.Errorf("%s is not set; put an admin token there (make one with oktasync token)", apiTokenVariable)
	}
	return client.New(cmp.Or(r.URL, e.variable(apiURLVariable), "http://127.0.0.1:8080"), token, nil)
}

func (e *env) variable(name string) string {
	for _, pair := range e.environ {
		if value, found := strings.CutPrefix(pair, name+"="); found {
			return value
		}
	}
	return ""
}

// target is what a sync, or its plan, is asked for.
type target struct {
	remote
	Full   bool   `xor:"what" required:"" help:"Read everybody and everything."`
	Person string `xor:"what" required:"" placeholder:"WHO" help:"Read one person: Okta id, login or e-mail."`
	Group  string `xor:"what" required:"" placeholder:"GROUP" help:"Read one group with its members: Okta id or name."`
}

func (t target) scope() (scope, id string) {
	switch {
	case t.Person != "":
		return "person", t.Person
	case t.Group != "":
		return "group", t.Group
	default:
		return "full", ""
	}
}

type resyncCommand struct {
	target
	Wait bool `help:"Wait for the end and show the progress."`
}

func (c resyncCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	scope, id := c.scope()
	run, err := service.Resync(e.ctx, c.remote.Tenant, scope, id)
	if err != nil {
		return err
	}
	if run.Joined {
		fmt.Fprintf(e.out, "Run %s was waiting already; this request joins it.\n", run.ID)
	} else {
		fmt.Fprintf(e.out, "Run %s is queued.\n", run.ID)
	}
	if !c.Wait {
		return nil
	}
	return followRun(e, service, run)
}

// waitForRun shows a run's progress until it ends, and its result.
func waitForRun(e *env, id string, read func(context.Context) (v1.Run, error)) error {
	run, err := watchRun(e, id, read)
	if err != nil {
		return err
	}
	fmt.Fprintln(e.out, summary(run))
	if run.State != "succeeded" {
		return errSaid
	}
	return nil
}

// watchRun shows a run's progress until nothing more happens to it by itself.
func watchRun(e *env, id string, read func(context.Context) (v1.Run, error)) (v1.Run, error) {
	bar := newBar(e.err)
	var rests string
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for {
		run, err := read(e.ctx)
		if err != nil {
			return run, fmt.Errorf("follow run %s: %w", id, err)
		}
		if now := restsUntil(run); now != rests {
			if rests = now; rests != "" {
				bar.done()
				fmt.Fprintln(e.err, rests)
			}
		}
		bar.show(run)
		if run.Final() {
			bar.done()
			return run, nil
		}
		select {
		case <-tick.C:
		case <-e.ctx.Done():
			bar.done()
			fmt.Fprintf(e.err, "The run goes on; see it with: oktasync runs --tenant %s\n", run.Tenant)
			return run, e.ctx.Err()
		}
	}
}

// restsUntil says until when a run rests and why; nothing while it does not.
func restsUntil(run v1.Run) string {
	if run.RetryAt == nil {
		return ""
	}
	return fmt.Sprintf("Run %s waits until %s UTC for %s", run.ID, stamp(run.RetryAt), run.WaitsFor)
}

// bar draws a run's progress on a terminal; elsewhere it stays silent.
type bar struct {
	out      io.Writer
	terminal bool
	bar      *progressbar.ProgressBar
}

func newBar(out io.Writer) *bar { return &bar{out: out, terminal: isTerminal(out)} }

func (b *bar) show(run v1.Run) {
	if !b.terminal {
		return
	}
	p := run.Progress
	total, done := int64(-1), int64(p.Calls)
	if p.CallsLeft >= 0 {
		total = int64(p.Calls + p.CallsLeft)
	}
	if run.State == "applying" {
		total, done = p.Planned, p.Applied
	}
	if b.bar == nil {
		b.bar = progressbar.NewOptions64(-1, progressbar.OptionSetWriter(b.out), progressbar.OptionSetWidth(30),
			progressbar.OptionClearOnFinish(), progressbar.OptionThrottle(50*time.Millisecond))
	}
	b.bar.Describe(fmt.Sprintf("%-9s %d people, %d groups, %d memberships, %d calls", run.State, p.People, p.Groups, p.Members, p.Calls))
	if total > 0 && b.bar.GetMax64() != total {
		b.bar.ChangeMax64(total)
	}
	_ = b.bar.Set64(min(done, max(total, done))) // a bar that cannot be drawn is no failure
}

func (b *bar) done() {
	if b.bar != nil {
		_ = b.bar.Finish()
	}
}

// summary says in words what a run did.
func summary(run v1.Run) string {
	var text strings.Builder
	fmt.Fprintf(&text, "Run %s %s", run.ID, run.State)
	if run.StartedAt != nil && run.FinishedAt != nil {
		fmt.Fprintf(&text, " after %s", run.FinishedAt.Sub(*run.StartedAt).Round(time.Millisecond))
	}
	p := run.Progress
	if p.Pages > 0 {
		fmt.Fprintf(&text, ": %d people, %d groups and %d memberships read in %d calls", p.People, p.Groups, p.Members, p.Calls)
	}
	text.WriteString(".")
	if run.State == "succeeded" {
		text.WriteString("\n  " + countWords(run.Counts))
	}
	if p.Note != "" {
		text.WriteString("\n  " + p.Note + ".")
	}
	if run.Error != "" {
		text.WriteString("\n  " + run.Error)
	}
	return text.String()
}

func countWords(c v1.Counts) string {
	types := make([]string, 0, len(c.Changes))
	for t := range c.Changes {
		types = append(types, t)
	}
	slices.Sort(types)
	var parts []string
	for _, t := range types {
		parts = append(parts, fmt.Sprintf("%d %s", c.Changes[t], t))
	}
	if parts == nil {
		parts = []string{"Nothing differed"}
	}
	if c.Superseded > 0 {
		parts = append(parts, fmt.Sprintf("%d superseded by newer sight", c.Superseded))
	}
	if c.Quarantined > 0 {
		parts = append(parts, fmt.Sprintf("%d quarantined (see oktasync quarantine)", c.Quarantined))
	}
	if c.Confirmed > 0 {
		parts = append(parts, fmt.Sprintf("%d read by id to prove absence", c.Confirmed))
	}
	return strings.Join(parts, ", ") + "."
}

// everyPage walks through a paged list.
func everyPage[T any](read func(after string) (v1.Page[T], error), each func(T)) error {
	for after := ""; ; {
		page, err := read(after)
		if err != nil {
			return err
		}
		for _, item := range page.Items {
			each(item)
		}
		if page.Next == "" {
			return nil
		}
		if page.Next == after {
			return errors.New("the service repeats a page; the list is incomplete")
		}
		after = page.Next
	}
}

func stamp(t *time.Time) string {
	if t == nil {
		return "-"
	}
	return t.UTC().Format("2006-01-02 15:04:05")
}
