package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// namesShown bounds the tenants that an error names.
const namesShown = 20

// tenantView is the list of tenants, of file and database, for a command that works beside the service.
type tenantView struct {
	book *tenantBook
}

// readTenants reads the list once.
func readTenants(ctx context.Context, cfg config.Config, db *store.DB) (*tenantView, error) {
	keys, err := encryptionKeys(cfg)
	if err != nil {
		return nil, err
	}
	tenants, err := newRegistry(nil) // a command makes its own reader
	if err != nil {
		return nil, err
	}
	v := &tenantView{book: newTenantBook(cfg, db, keys, tenants, slog.New(slog.DiscardHandler))}
	return v, v.book.refresh(ctx)
}

// list returns the tenants that are configured somewhere.
func (v *tenantView) list() []liveTenant {
	return slices.DeleteFunc(v.book.registry.all(), func(t liveTenant) bool { return t.Source == directory.TenantOfNone })
}

// config is the configuration with all tenants whose settings are right.
func (v *tenantView) config() config.Config {
	cfg := v.book.config()
	cfg.Tenants = nil
	for _, t := range v.list() {
		if t.Problem == "" {
			cfg.Tenants = append(cfg.Tenants, t.settings)
		}
	}
	return cfg
}

// the finds the tenant that a command means: the only one, when it names none.
func (v *tenantView) the(slug string) (config.Tenant, error) {
	var names []string
	all := v.list()
	for _, t := range all {
		if slug == t.Tenant || slug == "" && len(all) == 1 {
			if t.Problem != "" {
				return config.Tenant{}, fmt.Errorf("tenant %s: %s", t.Tenant, t.Problem)
			}
			return t.settings, nil
		}
		names = append(names, t.Tenant)
	}
	if len(names) == 0 {
		return config.Tenant{}, errors.New("there is no tenant yet; put one into the configuration file, or add one with oktasync tenants add")
	}
	more := ""
	if len(names) > namesShown {
		more = fmt.Sprintf(" and %d more", len(names)-namesShown)
		names = names[:namesShown]
	}
	known := strings.Join(names, ", ") + more
	if slug == "" {
		return config.Tenant{}, fmt.Errorf("there are several tenants; name one with --tenant: %s", known)
	}
	return config.Tenant{}, fmt.Errorf("neither the configuration nor the database has a tenant %q; there are %s", slug, known)
}

// stored says whether the tenant's settings are in the database, and so can be changed from here.
func (v *tenantView) stored(slug string) bool {
	t, known := v.book.registry.find(slug)
	return known && t.Source == directory.TenantOfAPI
}

// changeSecrets replaces the hook secrets of a stored tenant, unless somebody else has changed them; every
// process follows within seconds. Where they are so already there is nothing to do.
func (v *tenantView) changeSecrets(ctx context.Context, slug, reason string, from, to []config.Secret) error {
	record, err := v.book.db.TenantRecord(ctx, slug)
	if err != nil {
		return err
	}
	document, err := openDocument(v.book.keys, record)
	if err != nil {
		return fmt.Errorf("tenant %s: %w", slug, err)
	}
	_, have := document.TakeSecrets()
	switch now := have["hook.secrets"]; {
	case slices.EqualFunc(now, to, config.Secret.Equal):
		return nil
	case !slices.EqualFunc(now, from, config.Secret.Equal):
		return directory.Refuse(directory.ErrConflict,
			"the hook secrets of tenant %s were changed by somebody else in between, perhaps by another oktasync hook rotate; they were left as they are", slug)
	}
	next, err := sealDocument(v.book.keys, slug, document.WithSecrets(map[string][]config.Secret{"hook.secrets": to}))
	if err != nil {
		return err
	}
	next.Version = record.Version
	act := directory.Act{Tenant: slug, Actor: "command line", Role: directory.RoleApprove, Kind: directory.ActTenantChange, Reason: reason}
	if err := v.book.db.ChangeTenant(ctx, next, act); err != nil {
		return err
	}
	return v.book.refresh(ctx)
}
