package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
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
	Status hookStatusCommand `cmd:"" help:"Show the event hook as Okta has it, what came of it, and what to do."`
	Rotate hookRotateCommand `cmd:"" help:"Give Okta a new secret without losing an event."`

	Terraform hookTerraformCommand `cmd:"" help:"Print the event hook for the okta/okta Terraform provider, without the secret."`
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
	knownHook
	all    *tenantView
	reader *okta.Reader
	spec   okta.HookSpec
}

// open prepares the work. With manage the credentials must be allowed to change hooks.
func (t hookTarget) open(e *env, manage bool) (*hookWork, error) {
	cfg, err := e.load(true)
	if err != nil {
		return nil, err
	}
	db, err := openReadyStore(e.ctx, cfg, false)
	if err != nil {
		return nil, err
	}
	w := &hookWork{env: e, knownHook: knownHook{db: db}}
	if err := w.prepare(t, cfg, manage); err != nil {
		w.close()
		return nil, err
	}
	return w, nil
}

func (w *hookWork) prepare(t hookTarget, cfg config.Config, manage bool) error {
	var err error
	if w.all, err = readTenants(w.ctx, cfg, w.db); err != nil {
		return err
	}
	tenant, err := w.all.the(t.Tenant)
	if err != nil {
		return err
	}
	spec, err := t.spec(w.all.config(), tenant)
	if err != nil {
		return err
	}
	if w.knownHook, err = readKnownHook(w.ctx, w.db, tenant); err != nil {
		return err
	}
	w.spec = w.knownHook.spec(spec)
	w.reader, err = newReader(setupCredentials(w.env, tenant, manage), rulesOf(tenant).Groups, w.db.Now, nil, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		return fmt.Errorf("tenant %s: %w", tenant.Slug, err)
	}
	return nil
}

// spec is what the tenant's hook has to be.
func (t hookTarget) spec(cfg config.Config, tenant config.Tenant) (okta.HookSpec, error) {
	list, err := webhook.NewTenantList(hookTenants(cfg.Tenants))
	if err != nil {
		return okta.HookSpec{}, err
	}
	uri, err := hookAddress(list, tenant.Slug, cmp.Or(t.URL, cfg.Server.PublicURL))
	if err != nil {
		return okta.HookSpec{}, err
	}
	return hookSpec(list, tenant, uri, t.Name), nil
}

func (w *hookWork) close() {
	if w.reader != nil {
		w.reader.Close()
	}
	_ = w.db.Close() // the command is over
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
	return webhook.Check(ctx, w.spec.URI, w.secret().Reveal(), nil)
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

// patiently bounds a hook command's dealings with Okta; they go before the service's own.
func (w *hookWork) patiently(limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(okta.WithPriority(w.ctx, okta.Urgent), limit)
}
