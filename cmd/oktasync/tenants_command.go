package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/config"
)

type tenantsCommand struct {
	List   tenantsListCommand   `cmd:"" default:"1" help:"List tenants: where each is configured and how it does."`
	Show   tenantsShowCommand   `cmd:"" help:"Show one tenant with its settings, without secrets."`
	Add    tenantsAddCommand    `cmd:"" help:"Add a tenant; every process follows within seconds."`
	Change tenantsChangeCommand `cmd:"" help:"Change a tenant's settings or credentials."`
	Test   tenantsTestCommand   `cmd:"" help:"Check what a tenant needs: reading Okta, the event hook, the System Log."`
	Pause  tenantsPauseCommand  `cmd:"" help:"Let a tenant's work rest; its events are kept."`
	Resume tenantsResumeCommand `cmd:"" help:"Let a paused tenant's work go on, beginning with what waits."`
	Export tenantsExportCommand `cmd:"" help:"Write everything of a tenant's directory to a file."`
	Remove tenantsRemoveCommand `cmd:"" help:"Remove a tenant and erase everything of it. There is no way back."`
}

type tenantsListCommand struct{ server }

func (c tenantsListCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	var rows [][]string
	var notes []string
	err = everyPage(func(after string) (v1.Page[v1.Tenant], error) {
		return service.Tenants(e.ctx, client.Paging{After: after, Limit: 1000})
	}, func(t v1.Tenant) {
		state, note := tenantWords(t)
		rows = append(rows, []string{t.Tenant, sourceWords(t.Source), state, fmt.Sprint(t.People), fmt.Sprint(t.Waiting), stamp(t.LastFullSync)})
		if note != "" {
			notes = append(notes, t.Tenant+" "+note)
		}
	})
	if err != nil {
		return err
	}
	if err := table(e.out, "TENANT\tCONFIGURED IN\tSTATE\tPEOPLE\tWAITING\tLAST FULL SYNC (UTC)", rows); err != nil {
		return err
	}
	for _, note := range notes {
		fmt.Fprintf(e.out, "\n%s\n", note)
	}
	return nil
}

func sourceWords(source string) string {
	switch source {
	case "file":
		return "the file"
	case "api":
		return "the database"
	default:
		return "not configured"
	}
}

// tenantWords is a tenant's state in a word, and in a sentence where that is not all.
func tenantWords(t v1.Tenant) (state, note string) {
	switch {
	case t.RemovedAt != nil:
		return "being erased", ""
	case t.Problem != "":
		return "no work", t.Problem
	case t.Paused != nil:
		return "paused", fmt.Sprintf("is paused since %s by %s: %s", stamp(&t.Paused.At), t.Paused.By, t.Paused.Reason)
	case t.Blocked != "":
		return "rests", "rests since " + stamp(t.BlockedSince) + ": " + t.Blocked
	case t.Warning != "":
		return "works", t.Warning
	default:
		return "works", ""
	}
}

type tenantsShowCommand struct {
	server
	Slug string `arg:"" help:"Slug of the tenant."`
}

func (c tenantsShowCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	t, err := service.Tenant(e.ctx, c.Slug)
	if err != nil {
		return err
	}
	return showTenant(e, t)
}

func showTenant(e *env, t v1.TenantDetail) error {
	state, note := tenantWords(t.Tenant)
	fmt.Fprintf(e.out, "tenant      %s\nconfigured  in %s\nstate       %s\n", t.Tenant.Tenant, sourceWords(t.Source), state)
	if note != "" {
		fmt.Fprintf(e.out, "            %s\n", note)
	}
	fmt.Fprintf(e.out, "people      %d\nwaiting     %d event scope(s), %d parked\nlast sync   %s\n", t.People, t.Waiting, t.Parked, stamp(t.LastFullSync))
	if len(t.Secrets) > 0 {
		fmt.Fprintf(e.out, "secrets     %s\n", strings.Join(t.Secrets, ", "))
	}
	if len(t.Settings) == 0 {
		return nil
	}
	settings, err := json.MarshalIndent(t.Settings, "", "  ")
	if err != nil {
		return fmt.Errorf("write the settings: %w", err)
	}
	fmt.Fprintf(e.out, "settings\n%s\n", settings)
	return nil
}

// givenSettings are a tenant's settings as a command takes them.
type givenSettings struct {
	Settings string   `type:"path" placeholder:"FILE" help:"YAML or JSON file with what stands below tenants.<slug> in the configuration, or - for standard input. Keys such as token_file name files beside you."`
	Set      []string `sep:"none" placeholder:"KEY=VALUE" help:"One setting, such as okta.url=https://acme.okta.com or okta.token_file=token.txt. May be given several times."`
}

// read returns the settings as the API takes them.
func (g givenSettings) read() (map[string]any, error) {
	if g.Settings == "" && len(g.Set) == 0 {
		return nil, errors.New("no settings are given; use --settings FILE, --set KEY=VALUE, or both")
	}
	var document config.Document
	if g.Settings != "" {
		content, err := readSettings(g.Settings)
		if err != nil {
			return nil, err
		}
		if document, err = config.ParseDocument(content); err != nil {
			return nil, fmt.Errorf("the settings in %s: %w", g.Settings, err)
		}
	}
	for _, pair := range g.Set {
		key, value, found := strings.Cut(pair, "=")
		if !found || key == "" {
			return nil, fmt.Errorf("--set %q is not of the form KEY=VALUE, such as okta.url=https://acme.okta.com", key)
		}
		document = document.With(key, value)
	}
	document, err := document.WithFiles(os.ReadFile)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(document)
	if err != nil {
		return nil, fmt.Errorf("write the settings: %w", err)
	}
	var settings map[string]any
	if err := json.Unmarshal(text, &settings); err != nil {
		return nil, fmt.Errorf("the settings are not a group of settings: %w", err)
	}
	return settings, nil
}

func readSettings(path string) ([]byte, error) {
	if path != "-" {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, fmt.Errorf("read the settings: %w", err)
		}
		return content, nil
	}
	content, err := io.ReadAll(io.LimitReader(os.Stdin, 1<<20))
	if err != nil {
		return nil, fmt.Errorf("read the settings from standard input: %w", err)
	}
	return content, nil
}

type tenantsAddCommand struct {
	server
	givenSettings
	Slug   string `arg:"" help:"Slug of the new tenant: small letters, digits and hyphens."`
	Paused string `placeholder:"REASON" help:"Begin paused, for this reason: test it, then resume."`
}

func (c tenantsAddCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	settings, err := c.read()
	if err != nil {
		return err
	}
	t, err := service.AddTenant(e.ctx, v1.TenantRequest{Tenant: c.Slug, Settings: settings, Paused: c.Paused})
	if err != nil {
		return said(err)
	}
	return showTenant(e, t)
}

type tenantsChangeCommand struct {
	server
	givenSettings
	Slug string `arg:"" help:"Slug of the tenant."`
}

func (c tenantsChangeCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	patch, err := c.read()
	if err != nil {
		return err
	}
	t, err := service.ChangeTenant(e.ctx, c.Slug, patch)
	if err != nil {
		return said(err)
	}
	return showTenant(e, t)
}

// said puts each problem of an answer on a line of its own.
func said(err error) error {
	var refused *client.Error
	if !errors.As(err, &refused) || len(refused.Details) == 0 {
		return err
	}
	summary, _, _ := strings.Cut(refused.Sentence, ": "+refused.Details[0])
	return errors.New(summary + ":\n  " + strings.Join(refused.Details, "\n  "))
}

type tenantsTestCommand struct {
	server
	Slug string `arg:"" help:"Slug of the tenant."`
}

// Run has the service run the checks, because it has the credentials.
func (c tenantsTestCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	test, err := service.TestTenant(e.ctx, c.Slug)
	if err != nil {
		return err
	}
	for _, part := range test.Parts {
		fmt.Fprintf(e.out, "%s: %s\n", part.Part, part.Result)
		for _, f := range part.Findings {
			fmt.Fprintf(e.out, "  %-5s %-28s %s\n", f.Level, f.What, f.Says)
		}
	}
	if !test.OK {
		return errSaid
	}
	return nil
}

type tenantsPauseCommand struct {
	server
	Slug   string `arg:"" help:"Slug of the tenant."`
	Reason string `required:"" help:"Why; it is shown wherever the tenant is."`
}

func (c tenantsPauseCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	if _, err := service.PauseTenant(e.ctx, c.Slug, c.Reason); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Tenant %s is paused. Its events are taken and kept; nothing is read or changed until: oktasync tenants resume %s\n", c.Slug, c.Slug)
	return nil
}

type tenantsResumeCommand struct {
	server
	Slug string `arg:"" help:"Slug of the tenant."`
}

func (c tenantsResumeCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	t, err := service.ResumeTenant(e.ctx, c.Slug)
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Tenant %s goes on; %d event scope(s) wait.\n", c.Slug, t.Waiting)
	return nil
}

type tenantsRemoveCommand struct {
	server
	Slug         string `arg:"" help:"Slug of the tenant."`
	Confirm      string `placeholder:"SLUG" help:"The slug once more: everything of this tenant is erased."`
	Reason       string `help:"Why; it stays in the list of acts."`
	Export       string `type:"path" placeholder:"FILE" help:"First pause the tenant and write everything of its directory to this file."`
	SettingsOnly bool   `help:"Only forget the stored settings of a tenant that stands in the configuration file as well; its directory stays."`
}

func (c tenantsRemoveCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	if c.SettingsOnly {
		if _, err := service.DropSettings(e.ctx, c.Slug); err != nil {
			return err
		}
		fmt.Fprintf(e.out, "The stored settings of tenant %s are gone; those of the file count.\n", c.Slug)
		return nil
	}
	if c.Confirm != c.Slug {
		return fmt.Errorf("this erases everything of tenant %s: people, groups, history, events and credentials; if that is meant, add --confirm %s (and --export FILE to keep a copy)", c.Slug, c.Slug)
	}
	if c.Export != "" {
		if _, err := service.PauseTenant(e.ctx, c.Slug, "exported before it is removed"); err != nil {
			return err
		}
		if err := exportTenant(e, service, c.Slug, c.Export); err != nil {
			return fmt.Errorf("%w; nothing was removed, and the tenant is paused (oktasync tenants resume %s)", err, c.Slug)
		}
	}
	if _, err := service.RemoveTenant(e.ctx, c.Slug, c.Reason); err != nil {
		return err
	}
	fmt.Fprintf(e.out, "Tenant %s is removed: its runs are cancelled and its rows are being erased.\n", c.Slug)
	return nil
}
