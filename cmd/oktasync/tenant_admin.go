package main

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/seal"
)

// tenantAdmin is what admins do with tenants through the API: the same checks as for the file, secrets
// sealed before they are stored, and this process follows at once.
type tenantAdmin struct {
	book *tenantBook
}

// Listings returns all tenants in order of slug, those that are being erased included.
func (a *tenantAdmin) Listings(ctx context.Context) ([]directory.TenantListing, error) {
	removed, err := a.book.db.RemovedTenants(ctx)
	if err != nil {
		return nil, err
	}
	var listings []directory.TenantListing
	for _, t := range a.book.registry.all() {
		listings = append(listings, t.TenantListing)
	}
	for _, r := range removed {
		listings = append(listings, directory.TenantListing{Tenant: r.Tenant, Source: directory.TenantOfNone, Removal: r.Removal})
	}
	slices.SortFunc(listings, func(x, y directory.TenantListing) int { return strings.Compare(x.Tenant, y.Tenant) })
	return slices.CompactFunc(listings, func(x, y directory.TenantListing) bool { return x.Tenant == y.Tenant }), nil
}

// Detail returns one tenant with what is stored about it, without secrets.
func (a *tenantAdmin) Detail(ctx context.Context, slug string) (directory.TenantDetail, error) {
	record, err := a.book.db.TenantRecord(ctx, slug)
	if err != nil {
		return directory.TenantDetail{}, err
	}
	detail := directory.TenantDetail{TenantListing: directory.TenantListing{Tenant: slug, Source: directory.TenantOfNone, Removal: record.Removal}}
	if t, known := a.book.registry.find(slug); known {
		detail.TenantListing = t.TenantListing
	}
	if record.Managed() {
		detail.Settings = []byte(record.Settings)
		for key := range record.Secrets {
			detail.Secrets = append(detail.Secrets, key)
		}
		slices.Sort(detail.Secrets)
	}
	return detail, nil
}

// Add makes a tenant of the settings, which are JSON. Mistakes in them are one
// *directory.InvalidError.
func (a *tenantAdmin) Add(ctx context.Context, slug string, settings []byte, pause *directory.TenantPause, act directory.Act) error {
	if err := a.notOfFile(slug); err != nil {
		return err
	}
	var document config.Document
	if err := document.UnmarshalJSON(settings); err != nil {
		return invalidSettings(err)
	}
	record, err := a.checked(slug, document)
	if err != nil {
		return err
	}
	record.Pause = pause
	if err := a.book.db.AddTenant(ctx, record, act); err != nil {
		return err
	}
	return a.book.refresh(ctx)
}

// Change puts a patch (RFC 7396) on top of a tenant's settings.
func (a *tenantAdmin) Change(ctx context.Context, slug string, patch []byte, act directory.Act) error {
	if err := a.notOfFile(slug); err != nil {
		return err
	}
	var document config.Document
	if err := document.UnmarshalJSON(patch); err != nil {
		return invalidSettings(err)
	}
	have, err := a.book.db.TenantRecord(ctx, slug)
	if err != nil {
		return err
	}
	if !have.Managed() {
		return directory.Refuse(directory.ErrConflict, "tenant %s is in no configuration, so there is nothing to change; take it over with: oktasync tenants add", slug)
	}
	// What can't be opened is missing now: whoever lost the key enters it anew with this change.
	stored, sealed := openDocument(a.book.keys, have)
	if err := sameOrg(stored, document); err != nil {
		return err
	}
	record, err := a.checked(slug, stored.Merge(document))
	if invalid := (*directory.InvalidError)(nil); errors.As(err, &invalid) && sealed != nil {
		invalid.Problems = append(invalid.Problems, directory.InvalidSetting{Says: sealed.Error()})
	}
	if err != nil {
		return err
	}
	record.Version = have.Version
	if err := a.book.db.ChangeTenant(ctx, record, act); err != nil {
		return err
	}
	return a.book.refresh(ctx)
}

// sameOrg refuses a patch that leads stored credentials to another address: nobody may read them, so nobody may
// have them sent to a server of their own either.
func sameOrg(stored, patch config.Document) error {
	before, after := stored.Text("okta.url"), patch.Text("okta.url")
	given := patch.Text("okta.token") != "" || patch.Text("okta.private_key") != ""
	if before == "" || after == "" || given || strings.EqualFold(before, after) {
		return nil
	}
	return &directory.InvalidError{Problems: []directory.InvalidSetting{{Key: "okta.url",
		Says: "is another address than the stored credentials were entered for, and they are not sent there; give okta.token or okta.private_key with it"}}}
}

// checked makes a record of settings that are right.
func (a *tenantAdmin) checked(slug string, document config.Document) (directory.TenantRecord, error) {
	hosts := hostOwners{}
	for _, t := range a.book.registry.all() {
		if t.Tenant != slug && t.Problem == "" {
			hosts.take(t.settings)
		}
	}
	if _, err := a.book.config().LoadTenant(slug, document, hosts); err != nil {
		return directory.TenantRecord{}, invalidSettings(err)
	}
	record, err := sealDocument(a.book.keys, slug, document)
	if errors.Is(err, seal.ErrNoKey) {
		return record, directory.Refuse(directory.ErrConflict, "credentials can't be stored, because there is no key to encrypt them with: make one with oktasync keys new, set encryption.keys and start the service again")
	}
	return record, err
}

// invalidSettings lists what the configuration says about settings.
func invalidSettings(err error) error {
	invalid := &directory.InvalidError{}
	for _, p := range config.Problems(err) {
		invalid.Problems = append(invalid.Problems, directory.InvalidSetting{Key: p.Key, Says: p.Text})
	}
	if invalid.Problems == nil { // it is not even a document
		invalid.Problems = []directory.InvalidSetting{{Says: err.Error()}}
	}
	return invalid
}

// Pause lets a tenant's work rest, wherever it is configured.
func (a *tenantAdmin) Pause(ctx context.Context, act directory.Act) error {
	if err := a.book.db.PauseTenant(ctx, act); err != nil {
		return err
	}
	return a.book.refresh(ctx)
}

// Resume lets it go on.
func (a *tenantAdmin) Resume(ctx context.Context, act directory.Act) error {
	if err := a.book.db.ResumeTenant(ctx, act); err != nil {
		return err
	}
	return a.book.refresh(ctx)
}

// Remove has a tenant erased that is not in the configuration file.
func (a *tenantAdmin) Remove(ctx context.Context, act directory.Act) error {
	if err := a.notOfFile(act.Tenant); err != nil {
		return err
	}
	if err := a.book.db.RemoveTenant(ctx, act); err != nil {
		return err
	}
	return a.book.refresh(ctx)
}

// Test runs the doctor's checks for one tenant, with the credentials that are in use.
func (a *tenantAdmin) Test(ctx context.Context, slug string) ([]directory.Finding, error) {
	t, known := a.book.registry.find(slug)
	if !known {
		return nil, directory.ErrNotFound
	}
	if t.Problem != "" {
		return nil, directory.Refuse(directory.ErrConflict, "tenant %s can't be tested: it %s", slug, t.Problem)
	}
	cfg := a.book.config()
	cfg.Tenants = nil
	for _, other := range a.book.registry.all() {
		if other.Problem == "" {
			cfg.Tenants = append(cfg.Tenants, other.settings)
		}
	}
	var findings []directory.Finding
	d := &doctor{ctx: ctx, cfg: cfg, tell: func(f directory.Finding) { findings = append(findings, f) }}
	d.checkTenant(t.settings)
	return findings, nil
}

// DropSettings forgets stored settings that the configuration file overrules.
func (a *tenantAdmin) DropSettings(ctx context.Context, act directory.Act) error {
	t, known := a.book.registry.find(act.Tenant)
	if known && t.Source != directory.TenantOfFile {
		return directory.Refuse(directory.ErrConflict, "tenant %s is not in the configuration file, so its stored settings are the ones that count; remove the tenant instead", act.Tenant)
	}
	if err := a.book.db.DropSettings(ctx, act); err != nil {
		return err
	}
	return a.book.refresh(ctx)
}

func (a *tenantAdmin) notOfFile(slug string) error {
	if _, inFile := a.book.config().Tenant(slug); inFile {
		return directory.Refuse(directory.ErrConflict, "tenant %s stands in the configuration file and is changed there, not by the API", slug)
	}
	return nil
}
