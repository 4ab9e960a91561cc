package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/webhook"
)

// setupTokenVariable holds an API token for the hook commands alone, so that the service's own
// credentials need not be allowed to change anything.
const setupTokenVariable = "OKTASYNC_SETUP_TOKEN"

type hookCommand struct {
	Ensure hookEnsureCommand `cmd:"" help:"Register the event hook in Okta, or mend it. Changes nothing where nothing differs."`
	Status hookStatusCommand `cmd:"" help:"Show the event hook as Okta has it, and what to do."`
}

// hookTarget says which tenant's hook, and where it has to deliver.
type hookTarget struct {
	Tenant string `placeholder:"SLUG" help:"The tenant; needed when there are several."`
	URL    string `name:"url" placeholder:"URL" help:"Address at which Okta reaches the service, such as https://sync.example.com (server.public_url by default)."`
	Name   string `placeholder:"NAME" help:"Name of a new hook in Okta (oktasync, or oktasync and the tenant)."`
}

// hookWork is one tenant's hook with all that is needed to look after it.
type hookWork struct {
	*env
	tenant config.Tenant
	reader *okta.Reader
	spec   okta.HookSpec
	secret string
}

// open prepares the work. With manage the credentials must be allowed to change hooks.
func (t hookTarget) open(e *env, manage bool) (*hookWork, error) {
	cfg, err := e.load(true)
	if err != nil {
		return nil, err
	}
	tenant, err := theTenant(cfg, t.Tenant)
	if err != nil {
		return nil, err
	}
	list, err := webhook.NewTenantList(hookTenants(cfg.Tenants))
	if err != nil {
		return nil, err
	}
	uri, err := hookAddress(list, tenant.Slug, cmp.Or(t.URL, cfg.Server.PublicURL))
	if err != nil {
		return nil, err
	}
	reader, err := newReader(setupCredentials(e, tenant, manage), func(context.Context) (time.Time, error) { return utcNow(), nil }, nil, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, fmt.Errorf("tenant %s: %w", tenant.Slug, err)
	}
	return &hookWork{env: e, tenant: tenant, reader: reader, spec: hookSpec(list, tenant, uri, t.Name), secret: tenant.Hook.Secrets[0].Reveal()}, nil
}

// theTenant finds the tenant that a command means: the only one, when it names none.
func theTenant(cfg config.Config, slug string) (config.Tenant, error) {
	if slug == "" && len(cfg.Tenants) == 1 {
		return cfg.Tenants[0], nil
	}
	if tenant, found := cfg.Tenant(slug); found {
		return tenant, nil
	}
	var known []string
	for _, t := range cfg.Tenants {
		known = append(known, t.Slug)
	}
	if slug == "" {
		return config.Tenant{}, fmt.Errorf("there are several tenants; name one with --tenant: %s", strings.Join(known, ", "))
	}
	return config.Tenant{}, fmt.Errorf("the configuration has no tenant %q; it has %s", slug, strings.Join(known, ", "))
}

// hookAddress is where the tenant's hook has to deliver; empty when nobody said.
func hookAddress(list webhook.Tenants, slug, base string) (string, error) {
	if base == "" {
		return "", nil
	}
	return webhook.Address(list, slug, base)
}

// hookSpec is what the tenant's hook has to be. An empty name means the usual one.
func hookSpec(list webhook.Tenants, t config.Tenant, uri, name string) okta.HookSpec {
	if name == "" {
		name = "oktasync"
		if t.Slug != config.DefaultSlug {
			name += " " + t.Slug
		}
	}
	return okta.HookSpec{
		Name: name, URI: uri, Header: t.Hook.Header, Events: directory.SubscribedEvents(),
		Here: func(address string) bool {
			found, ok := webhook.TenantOf(list, address)
			return ok && found.Slug == t.Slug
		},
	}
}

// setupCredentials lets the hook commands act with more than the service may: with a token of
// their own, or with one scope more.
func setupCredentials(e *env, t config.Tenant, manage bool) config.Tenant {
	if token := e.variable(setupTokenVariable); token != "" {
		t.Okta.Token, t.Okta.ClientID, t.Okta.PrivateKey = config.NewSecret(token), "", config.Secret{}
		return t
	}
	const scope = "okta.eventHooks.manage"
	if manage && !slices.Contains(t.Okta.Scopes, scope) {
		t.Okta.Scopes = append(slices.Clone(t.Okta.Scopes), scope)
	}
	return t
}

// check asks the endpoint through the address that Okta will use.
func (w *hookWork) check(ctx context.Context) error {
	return webhook.Check(ctx, w.spec.URI, w.secret, nil)
}

// needsRight explains a refusal: the service's own credentials are meant to be unable to
// change hooks.
func needsRight(err error) error {
	var credentials *directory.CredentialsError
	if !errors.As(err, &credentials) {
		return err
	}
	return fmt.Errorf("%w; or put a super admin's API token into %s for this command alone, and delete it in Okta afterwards", err, setupTokenVariable)
}

type hookEnsureCommand struct {
	hookTarget
	Adopt        string `placeholder:"ID" help:"Take this hook for ours, whatever its name and address."`
	DryRun       bool   `help:"Say what would be done, and do nothing."`
	ResendSecret bool   `help:"Write the secret again, although Okta can't show whether it differs."`
	Force        bool   `help:"Change a hook that works although its new address does not answer from here."`
}

// Run brings the hook in Okta into the state that the configuration asks for.
func (c hookEnsureCommand) Run(e *env) error {
	w, err := c.open(e, !c.DryRun)
	if err != nil {
		return err
	}
	defer w.reader.Close()
	if w.spec.URI == "" {
		return errors.New("say with --url at which address Okta reaches the service, or set server.public_url; nothing was done")
	}
	if c.Adopt != "" {
		w.spec.ID = c.Adopt
	}
	ctx, cancel := context.WithTimeout(okta.WithPriority(e.ctx, okta.Urgent), 2*time.Minute)
	defer cancel()
	result, err := w.reader.EnsureHook(ctx, okta.EnsureOptions{
		Spec: w.spec, Secret: w.secret, DryRun: c.DryRun, Resend: c.ResendSecret, Check: w.check, Force: c.Force,
	})
	if err != nil {
		return needsRight(err)
	}
	for _, p := range result.Before.Problems {
		fmt.Fprintf(e.out, "found  %s\n", p.Says)
	}
	verb := "done "
	if c.DryRun {
		verb = "would"
	}
	for _, step := range result.Steps {
		fmt.Fprintf(e.out, "%s  %s\n", verb, step)
	}
	for _, note := range slices.Concat(result.Before.Notes, result.Doubts) {
		fmt.Fprintf(e.out, "note   %s\n", note)
	}
	switch {
	case len(result.Steps) == 0:
		fmt.Fprintf(e.out, "The hook %s is as it should be: active, verified, %d event types, to %s. Nothing was changed.\n", result.Hook.ID, len(result.Hook.Events.Items), result.Hook.Channel.Config.URI)
	case c.DryRun:
		fmt.Fprintln(e.out, "Nothing was changed.")
	default:
		fmt.Fprintf(e.out, "The hook %s is active and verified, and delivers %d event types to %s. Some minutes can pass before the first event.\n", result.Hook.ID, len(result.Hook.Events.Items), result.Hook.Channel.Config.URI)
	}
	return nil
}

type hookStatusCommand struct {
	hookTarget
}

// Run shows the hook. It ends with status 1 when something is the matter.
func (c hookStatusCommand) Run(e *env) error {
	w, err := c.open(e, false)
	if err != nil {
		return err
	}
	defer w.reader.Close()
	ctx, cancel := context.WithTimeout(okta.WithPriority(e.ctx, okta.Urgent), time.Minute)
	defer cancel()
	hooks, err := w.reader.EventHooks(ctx)
	if err != nil {
		return needsRight(err)
	}
	review := okta.ReviewHook(w.spec, hooks)
	if h := review.Hook; h.ID != "" {
		err := table(e.out, "PROPERTY\tVALUE", [][]string{
			{"id", h.ID}, {"name", h.Name}, {"status", h.Status}, {"verification", h.VerificationStatus},
			{"address", h.Channel.Config.URI}, {"secret's header", h.Channel.Config.AuthScheme.Key},
			{"event types", fmt.Sprintf("%d; missing: %s; not needed: %s", len(h.Events.Items), listed(review.Missing), listed(review.Extra))},
			{"changed in Okta", cmp.Or(h.LastUpdated, "-")},
		})
		if err != nil {
			return err
		}
	}
	bad := 0
	for _, p := range review.Problems {
		mark := "note"
		if !p.Minor {
			mark = "FAIL"
			bad++
		}
		fmt.Fprintf(e.out, "%s  %s. To do: %s.\n", mark, p.Says, p.Fix)
	}
	for _, note := range review.Notes {
		fmt.Fprintf(e.out, "note  %s\n", note)
	}
	if w.spec.URI = cmp.Or(review.Hook.Channel.Config.URI, w.spec.URI); w.spec.URI != "" {
		if err := w.check(ctx); err != nil {
			bad++
			fmt.Fprintf(e.out, "FAIL  %v.\n", err)
		} else {
			fmt.Fprintln(e.out, "ok    the service answers at this address and accepts the configured secret")
		}
	}
	if bad > 0 {
		return errSaid
	}
	fmt.Fprintln(e.out, "The hook does what it has to.")
	return nil
}

func listed(names []string) string {
	return cmp.Or(strings.Join(names, ", "), "none")
}
