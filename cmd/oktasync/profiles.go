package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/api"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// profiles is what the API asks of tenants' rules.
type profiles struct {
	tenants *registry
	db      *store.DB
	metrics *metrics
}

// Owned implements api.Profiles.
func (p *profiles) Owned(tenant string) []directory.Field {
	t, _ := p.tenants.find(tenant)
	return t.rules.Owned
}

// Ignored implements api.Profiles. A name that was noted once may be read by a rule since.
func (p *profiles) Ignored(ctx context.Context, tenant string) ([]string, error) {
	names, err := p.db.IgnoredAttributes(ctx, tenant)
	if err != nil {
		return nil, err
	}
	t, _ := p.tenants.find(tenant)
	read := dirsync.Attributes(t.rules)
	return slices.DeleteFunc(names, func(name string) bool { return slices.Contains(read, name) }), nil
}

// SetOwned implements api.Profiles.
func (p *profiles) SetOwned(ctx context.Context, tenant, person string, values map[directory.Field]any, actor string) error {
	return p.with(tenant, func(e *dirsync.Engine) error {
		result, err := e.SetOwned(ctx, person, values, actor)
		p.metrics.changed(tenant, result)
		return err
	})
}

// Try implements api.Profiles.
func (p *profiles) Try(ctx context.Context, tenant, person string) (directory.Trial, error) {
	var trial directory.Trial
	err := p.with(tenant, func(e *dirsync.Engine) error {
		var err error
		trial, err = e.Try(okta.WithPriority(ctx, okta.Event), person)
		return err
	})
	return trial, err
}

func (p *profiles) with(tenant string, do func(*dirsync.Engine) error) error {
	parts, done, err := p.tenants.use(tenant)
	if err != nil {
		return err
	}
	if parts == nil {
		return directory.Refuse(directory.ErrConflict, "tenant %s is paused, being removed, or its settings cannot be used; nothing was read or written; see oktasync tenants list", tenant)
	}
	defer done()
	return do(parts.engine)
}

type rulesIgnoredCommand struct{ remote }

func (c rulesIgnoredCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	names, err := service.IgnoredAttributes(e.ctx, c.remote.Tenant)
	if err != nil {
		return err
	}
	for _, name := range names.Items {
		fmt.Fprintln(e.out, name)
	}
	if len(names.Items) == 0 {
		fmt.Fprintln(e.out, "Okta sends nothing that no rule reads.")
	}
	return nil
}

type rulesTestCommand struct {
	Person string `required:"" placeholder:"WHO" help:"Okta id or login."`
	Tenant string `default:"default" help:"Slug of the tenant."`
	JSON   bool   `help:"Write JSON."`
}

// Run reads the person with the engine that the service would make of this configuration, which need
// not be the one in use.
func (c rulesTestCommand) Run(e *env) error {
	cfg, err := e.load(true)
	if err != nil {
		return err
	}
	db, err := openStore(e.ctx, cfg) // as it is: a file that is only tried adds no tenants
	if err != nil {
		return err
	}
	defer db.Close()
	if err := db.CheckSchema(e.ctx); err != nil {
		return err
	}
	view, err := readTenants(e.ctx, cfg, db)
	if err != nil {
		return err
	}
	t, known := view.config().Tenant(c.Tenant)
	if !known {
		return fmt.Errorf("there is no tenant %s, neither in the configuration nor in the database; see oktasync tenants list", c.Tenant)
	}
	silent := slog.New(slog.DiscardHandler)
	reader, err := newReader(t, rulesOf(t).Groups, db.Now, nil, nil, silent)
	if err != nil {
		return err
	}
	defer reader.Close()
	engine := dirsync.New(dirsync.Options{
		Tenant: t.Slug, Rules: rulesOf(t), Source: reader, Store: engineStore{db}, Owner: ownerName(), Now: utcNow, NewID: newRunID, Version: version,
	})
	trial, err := engine.Try(okta.WithPriority(e.ctx, okta.Event), c.Person)
	if err != nil {
		return err
	}
	answer := api.TrialAnswer(trial)
	if c.JSON {
		encoder := json.NewEncoder(e.out)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		return encoder.Encode(answer)
	}
	return writeTrial(e, answer)
}

func writeTrial(e *env, t v1.RulesTest) error {
	would := "be " + t.Status
	if t.Status == string(directory.StatusRemoved) { // who never was there is not removed either
		would = "not be in the directory"
	}
	fmt.Fprintf(e.out, "Person %s would %s (Okta: %s). Nothing was written.\n", t.PersonID, would, cmp.Or(t.OktaStatus, "-"))
	if !t.Assigned {
		fmt.Fprintln(e.out, "The app is not assigned to this person, who is not in scope; the app's own profile cannot be read.")
	}
	fmt.Fprintln(e.out)
	var rows [][]string
	for _, f := range t.Fields {
		for i, a := range f.Okta {
			row := []string{"", a.Attribute + " = " + valueWords(a.Value), "", ""}
			if i == 0 {
				row = []string{f.Field, row[1], f.Rule, resultWords(f)}
			}
			rows = append(rows, row)
		}
		if len(f.Okta) == 0 {
			rows = append(rows, []string{f.Field, "-", f.Rule, resultWords(f)})
		}
	}
	if err := table(e.out, "FIELD\tOKTA\tRULE\tRESULT", rows); err != nil {
		return err
	}
	for i, team := range t.Teams {
		if i == 0 {
			fmt.Fprint(e.out, "\nTeams, the primary one first:\n")
		}
		fmt.Fprintf(e.out, "  %s (%s)\n", shown(strings.Join(append(slices.Clone(team.Above), team.Name), " > ")), team.Rule)
	}
	for _, reason := range t.Quarantine {
		fmt.Fprintf(e.out, "\nIt would be kept in quarantine: %s\n", shown(reason))
	}
	for i, name := range t.Ignored {
		if i == 0 {
			fmt.Fprint(e.out, "\nIgnored, for no rule reads it:\n")
		}
		fmt.Fprintf(e.out, "  %s\n", name)
	}
	return nil
}

func resultWords(f v1.RulesTestField) string {
	text := valueWords(f.Result)
	if f.Unfit != "" {
		text += " (what Okta has " + directory.Unfit(f.Unfit).Words() + ")"
	}
	if f.Kept {
		text += " (the product's own value stays)"
	}
	return text
}
