package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
)

type planCommand struct {
	target
	JSON bool   `help:"Write JSON: the run with its summary, then the changes."`
	Out  string `placeholder:"FILE" help:"Write to a file, which nobody else may read: it holds names."`
}

// Run asks for a dry run, waits for its plan and writes it out, page by page.
func (c planCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	scope, id := c.scope()
	run, err := service.DryRun(e.ctx, c.Tenant, scope, id)
	if err != nil {
		return err
	}
	if run, err = endOfRun(e, service, run); err != nil {
		return err
	}
	if run.State != "planned" {
		fmt.Fprintln(e.err, summary(run))
		return errSaid
	}
	out := e.out
	if c.Out != "" {
		file, err := os.OpenFile(c.Out, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
		if err != nil {
			return fmt.Errorf("open %s for the plan: %w", c.Out, err)
		}
		defer file.Close()
		out = file
	}
	buffered := bufio.NewWriter(out)
	if err := writePlan(run, planPages(e, service, run), c.JSON, buffered); err != nil {
		return err
	}
	if err := buffered.Flush(); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	if c.Out != "" {
		fmt.Fprintf(e.out, "The plan of run %s is in %s: %d changes. Nothing was changed.\n", run.ID, c.Out, run.Progress.Planned)
	}
	return nil
}

// planPages asks the service for the pages of a plan.
func planPages(e *env, service *client.Client, run v1.Run) func(after string) (v1.Page[v1.PlannedChange], error) {
	return func(after string) (v1.Page[v1.PlannedChange], error) {
		return service.Plan(e.ctx, run.Tenant, run.ID, client.Paging{After: after, Limit: 1000})
	}
}

// writePlan writes the summary and then every change. One page is in memory at a time.
func writePlan(run v1.Run, page func(after string) (v1.Page[v1.PlannedChange], error), asJSON bool, out io.Writer) error {
	changes := func(each func(v1.PlannedChange)) error { return everyPage(page, each) }
	if !asJSON {
		fmt.Fprintln(out, planWords(run))
		return changes(func(c v1.PlannedChange) { fmt.Fprint(out, plannedWords(c)) })
	}
	encoder := json.NewEncoder(out)
	encoder.SetEscapeHTML(false)
	fmt.Fprint(out, `{"run":`)
	if err := encoder.Encode(run); err != nil {
		return fmt.Errorf("write the plan: %w", err)
	}
	fmt.Fprint(out, `,"changes":[`)
	separator := ""
	err := changes(func(c v1.PlannedChange) {
		fmt.Fprint(out, separator)
		_ = encoder.Encode(c) // what came as JSON can be written as JSON; the writer tells at the end
		separator = ","
	})
	fmt.Fprintln(out, "]}")
	return err
}

// planWords is the summary for people.
func planWords(run v1.Run) string {
	var text strings.Builder
	fmt.Fprintf(&text, "Run %s would make %d changes.", run.ID, run.Progress.Planned)
	if run.State == "planned" {
		text.WriteString(" Nothing was changed.")
	}
	text.WriteString("\n")
	if run.Plan == nil {
		return text.String()
	}
	p := *run.Plan
	fmt.Fprintf(&text, "\n  %d joiners, %d leavers, %d suspended, %d returning, %d moves from team to team\n", p.Joiners, p.Leavers, p.Suspended, p.Returning, p.Moves)
	if m := p.Managers; m != (v1.ManagerEffect{}) {
		fmt.Fprintf(&text, "  managers: %d people get one, %d lose theirs, %d get another\n", m.Gained, m.Lost, m.Changed)
	}
	for _, kind := range slices.Sorted(maps.Keys(p.Changes)) {
		fmt.Fprintf(&text, "  %7d %s\n", p.Changes[kind], kind)
	}
	effects := func(title string, list []v1.Effect) {
		if len(list) == 0 {
			return
		}
		fmt.Fprintf(&text, "\n%s\n", title)
		for _, f := range list {
			name := f.Name
			if name == "" {
				name = f.ID
			}
			fmt.Fprintf(&text, "  %-5s %s %6d lost %6d gained\n", f.Kind, padded(shown(name), 40), f.Lost, f.Gained)
		}
	}
	effects("Largest effects:", p.Effects)
	effects("By team:", p.Teams)
	if run.Error != "" {
		fmt.Fprintf(&text, "\n%s\n", run.Error)
	}
	return text.String()
}

// plannedWords is one planned change for people.
func plannedWords(c v1.PlannedChange) string {
	who := c.SubjectID
	switch c.Subject {
	case "membership":
		who = c.PersonID + " in " + c.SubjectID
	case "role", "license":
		who = c.SubjectID + " of " + c.PersonID
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%7d %-20s %s", c.Seq, c.Type, who)
	if c.Name != "" {
		text.WriteString("  " + shown(c.Name))
	}
	text.WriteString("\n")
	for _, f := range c.Fields {
		fmt.Fprintf(&text, "%30s %s -> %s\n", f.Field+":", shown(valueWords(f.Before)), shown(valueWords(f.After)))
	}
	return text.String()
}
