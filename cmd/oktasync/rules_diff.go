package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"os"
	"strconv"

	"github.com/oktasync/oktasync/api"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

type rulesCommand struct {
	Test    rulesTestCommand    `cmd:"" help:"Show what the rules of a configuration file make of one person, field by field. Nothing is written."`
	Ignored rulesIgnoredCommand `cmd:"" help:"List the attributes that Okta sends and no rule reads, by name."`
	Diff    rulesDiffCommand    `cmd:"" help:"Show what a changed configuration file would change for everybody, and change nothing."`
}

type rulesDiffCommand struct {
	Old    string `arg:"" type:"existingfile" help:"The configuration file as it is. It names the database."`
	New    string `arg:"" type:"existingfile" help:"The changed one."`
	Tenant string `placeholder:"SLUG" help:"The tenant, when the file has several."`
	JSON   bool   `help:"Write JSON: the run with its summary, then the changes."`
	Out    string `placeholder:"FILE" help:"Write to a file, which nobody else may read: it holds names."`
}

// Run plans the new file's rules on what was last seen of everybody, by a dry run on the database: the service need not
// run, and Okta is not asked.
func (c rulesDiffCommand) Run(e *env) error {
	before, after, err := c.load(e)
	if err != nil {
		return err
	}
	was, is, err := c.tenants(before, after)
	if err != nil {
		return err
	}
	db, err := openReadyStore(e.ctx, before, false)
	if err != nil {
		return err
	}
	defer db.Close()
	run, err := tryRules(e.ctx, db, is.Slug, rulesOf(was), rulesOf(is), e.err)
	if err != nil {
		return err
	}
	return c.write(e, db, was.Differing(is), run)
}

// load reads both files and says everything that is wrong with either.
func (c rulesDiffCommand) load(e *env) (before, after config.Config, err error) {
	read := func(path string) (config.Config, error) {
		other := *e
		other.config = path
		cfg, err := other.load(true)
		if err != nil {
			err = fmt.Errorf("%s is not valid:\n%w", path, err)
		}
		return cfg, err
	}
	before, errBefore := read(c.Old)
	after, errAfter := read(c.New)
	return before, after, errors.Join(errBefore, errAfter)
}

// tenants finds the tenant in both.
func (c rulesDiffCommand) tenants(before, after config.Config) (was, is config.Tenant, err error) {
	slug := c.Tenant
	if slug == "" && len(after.Tenants) == 1 {
		slug = after.Tenants[0].Slug
	}
	if slug == "" {
		return was, is, fmt.Errorf("%s has %d tenants; name one with --tenant", c.New, len(after.Tenants))
	}
	was, inOld := before.Tenant(slug)
	is, inNew := after.Tenant(slug)
	if !inOld || !inNew {
		return was, is, fmt.Errorf("tenant %s is not in both files, so there is nothing to compare", slug)
	}
	return was, is, nil
}

// tryRules has rules planned by a dry run.
func tryRules(ctx context.Context, db *store.DB, tenant string, was, is directory.Rules, warn io.Writer) (directory.Run, error) {
	set, err := dirsync.NewRuleset(is)
	if err != nil {
		return directory.Run{}, err
	}
	old, err := dirsync.NewRuleset(was)
	if err != nil {
		return directory.Run{}, err
	}
	state, err := db.RulesState(ctx, tenant)
	if err != nil {
		return directory.Run{}, err
	}
	if state.InForce != "" && state.InForce != old.Hash {
		fmt.Fprintf(warn, "The rules of the old file (%s) are not those in force (%s): what follows is what would change now.\n",
			directory.ShortHash(old.Hash), directory.ShortHash(state.InForce))
	}
	missing, err := dirsync.Unread(ctx, db, tenant, is)
	if err != nil {
		return directory.Run{}, err
	}
	if missing != "" {
		return directory.Run{}, fmt.Errorf("what the new rules change cannot be told without reading Okta, because they need %s; "+
			"nothing was changed; when the file is reloaded, a full sync plans it, and is held if it is over the limits", missing)
	}
	if err := db.PutRuleset(ctx, tenant, set); err != nil {
		return directory.Run{}, err
	}
	inForce, err := db.Ruleset(ctx, tenant, state.InForce)
	if err != nil {
		return directory.Run{}, err
	}
	rules, err := dirsync.ReadRuleset(inForce)
	if err != nil {
		return directory.Run{}, err
	}
	run, _, err := db.CreateRun(ctx, directory.Run{
		ID: newRunID(), Tenant: tenant, Scope: directory.RulesScope(set.Hash), Rules: set.Hash, Cause: directory.CauseManual, State: directory.RunQueued, DryRun: true,
	})
	if err != nil {
		return directory.Run{}, err
	}
	engine := dirsync.New(dirsync.Options{
		Tenant: tenant, Rules: rules, Ruleset: state.InForce, Source: noSource{}, Store: engineStore{db}, Owner: ownerName(),
		Now: utcNow, NewID: newRunID, Lease: runLease, Version: version,
		// Without beats a service beside this takes a long plan for one whose process died, and goes on with it.
		Hold: holdLeases(db, tenant, runLease, leaseBeat, slog.New(slog.NewTextHandler(warn, nil))),
	})
	if _, err := engine.Run(ctx, run.ID, directory.AnyClaim); err != nil {
		return directory.Run{}, fmt.Errorf("plan the new rules: %w", err)
	}
	return db.Run(ctx, tenant, run.ID)
}

// write writes what differs in the file, and then the plan.
func (c rulesDiffCommand) write(e *env, db *store.DB, differing []config.Difference, run directory.Run) error {
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
	if !c.JSON {
		for _, d := range differing {
			fmt.Fprintf(buffered, "%s: %s -> %s\n", d.Key, d.Before, d.After)
		}
	}
	page := func(after string) (v1.Page[v1.PlannedChange], error) {
		const limit = 1000
		seq, _ := strconv.ParseInt(after, 10, 64) // empty at first
		planned, err := db.Plan(e.ctx, run.Tenant, run.ID, seq, limit)
		if err != nil {
			return v1.Page[v1.PlannedChange]{}, err
		}
		items, err := api.PlannedOf(e.ctx, db, run.Tenant, planned)
		next := ""
		if len(items) == limit {
			next = strconv.FormatInt(planned[limit-1].Seq, 10)
		}
		return v1.Page[v1.PlannedChange]{Items: items, Next: next}, err
	}
	if err := writePlan(api.RunOf(run), page, c.JSON, buffered); err != nil {
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

// noSource is an Okta that is not asked.
type noSource struct{}

var (
	_ dirsync.Source = noSource{}

	errNotAsked = errors.New("okta is not asked by this command")
)

func (noSource) Person(context.Context, directory.PersonRequest) (directory.PersonSeen, error) {
	return directory.PersonSeen{}, errNotAsked
}

func (noSource) GroupsOf(context.Context, string) ([]directory.GroupSeen, bool, error) {
	return nil, false, errNotAsked
}

func (noSource) Group(context.Context, string, bool) (directory.GroupSeen, error) {
	return directory.GroupSeen{}, errNotAsked
}

func (noSource) AssignedGroups(context.Context) (map[string]bool, error) { return nil, errNotAsked }

func (noSource) Pull(context.Context, directory.PullRequest) iter.Seq2[directory.Page, error] {
	return func(yield func(directory.Page, error) bool) { yield(directory.Page{}, errNotAsked) }
}

func (noSource) Check(context.Context) error { return errNotAsked }

// Name is empty: no org and app are read.
func (noSource) Name() string { return "" }
