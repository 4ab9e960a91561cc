package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/seal"
	"github.com/oktasync/oktasync/store"
)

const (
	// bookEvery is how often a process looks whether the list of tenants changed elsewhere.
	bookEvery = 2 * time.Second
	// bookAnew is how often it reads the list although nothing changed: that no process has a
	// tenant in its file any more changes with time alone.
	bookAnew = time.Minute
)

// tenantBook puts the tenants of the configuration file and those of the database together
// into the registry, and follows what other processes change.
type tenantBook struct {
	cfg      atomic.Pointer[config.Config]
	propose  proposer // nil: a command only looks
	db       *store.DB
	keys     *seal.Keys
	registry *registry
	log      *slog.Logger

	mu      sync.Mutex
	version int64
	read    time.Time // when the list was read
	seen    time.Time // when it was last noted that the file's tenants are configured
	opened  map[string]openedTenant
	told    map[string]string // problems and warnings that the log has, by slug
	handed  map[string]string // hashes of the rules that this process has handed in, by slug
}

// openedTenant is a tenant of the database as it was opened from a version of its record.
type openedTenant struct {
	version int64
	tenant  config.Tenant
	problem string
}

func newTenantBook(cfg config.Config, db *store.DB, keys *seal.Keys, r *registry, log *slog.Logger) *tenantBook {
	b := &tenantBook{db: db, keys: keys, registry: r, log: log,
		version: -1, seen: time.Now(), opened: map[string]openedTenant{}, told: map[string]string{}, handed: map[string]string{}}
	b.cfg.Store(&cfg)
	return b
}

// config is the configuration as it was last loaded.
func (b *tenantBook) config() config.Config { return *b.cfg.Load() }

// Run follows the list until ctx ends.
func (b *tenantBook) Run(ctx context.Context) {
	ticker := time.NewTicker(bookEvery)
	defer ticker.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		err := b.refresh(ctx)
		switch {
		case err != nil && ctx.Err() == nil && !failing:
			b.log.Warn("could not look whether tenants changed; the list stays as it is and it is tried again", "in", bookEvery, "error", err)
		case err == nil && failing:
			b.log.Info("the list of tenants is followed again")
		}
		failing = err != nil
	}
}

// refresh brings the registry in line with file and database.
func (b *tenantBook) refresh(ctx context.Context) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now := time.Now(); now.Sub(b.seen) >= directory.TenantSeen {
		if err := b.db.SeenTenants(ctx, b.fileSlugs()); err != nil {
			return err
		}
		b.seen = now
	}
	// The version before the records: what comes in between is read again with the next.
	version, err := b.db.TenantsVersion(ctx)
	if err != nil {
		return err
	}
	if version == b.version && time.Since(b.read) < bookAnew {
		return nil
	}
	records, err := b.db.TenantRecords(ctx)
	if err != nil {
		return err
	}
	tenants, err := b.takeOver(ctx, records, false, "")
	if err != nil {
		return err
	}
	b.version, b.read = version, time.Now()
	b.tell(tenants)
	return nil
}

// takeOver puts the tenants into the registry. Rules that changed are handed in, those that an admin has rejected only with
// again.
func (b *tenantBook) takeOver(ctx context.Context, records []directory.TenantRecord, again bool, by string) ([]liveTenant, error) {
	tenants := b.list(records, time.Now())
	if b.propose != nil {
		if err := b.withRules(ctx, tenants, again, by); err != nil {
			return nil, err
		}
	}
	if err := b.registry.set(tenants); err != nil {
		return nil, fmt.Errorf("use the list of tenants: %w", err)
	}
	return tenants, nil
}

func (b *tenantBook) fileSlugs() []string {
	var slugs []string
	for _, t := range b.config().Tenants {
		slugs = append(slugs, t.Slug)
	}
	return slugs
}

// list is what the registry gets: the file's tenants, then those of the database.
func (b *tenantBook) list(records []directory.TenantRecord, now time.Time) []liveTenant {
	byslug := make(map[string]directory.TenantRecord, len(records))
	for _, r := range records {
		byslug[r.Tenant] = r
	}
	hosts := hostOwners{}
	var tenants []liveTenant
	for _, t := range b.config().Tenants {
		hosts.take(t)
		r := byslug[t.Slug]
		delete(byslug, t.Slug)
		l := liveTenant{TenantListing: directory.TenantListing{Tenant: t.Slug, Source: directory.TenantOfFile, Pause: r.Pause}, settings: t}
		if r.Managed() {
			l.Warning = "stands in the configuration file and in the database; the file counts; " +
				"take it out of the file, or drop the stored settings with: oktasync tenants remove --settings-only"
		}
		tenants = append(tenants, l)
	}
	opened := make(map[string]openedTenant, len(byslug))
	for _, slug := range slices.Sorted(maps.Keys(byslug)) {
		r := byslug[slug]
		l := liveTenant{TenantListing: directory.TenantListing{Tenant: slug, Source: directory.TenantOfAPI, Pause: r.Pause, Removal: r.Removal}}
		switch {
		case r.Removal != nil:
			continue // nobody asks for it any more; the eraser reads the database
		case r.Managed():
			o, known := b.opened[slug]
			if !known || o.version != r.Version {
				o = openedTenant{version: r.Version}
				var err error
				if o.tenant, err = openTenant(b.config(), b.keys, r); err != nil {
					o.problem = err.Error()
				}
			}
			opened[slug] = o
			l.settings, l.Problem = o.tenant, o.problem
			if l.Problem == "" {
				l.Problem = hosts.conflict(o.tenant)
			}
			if l.Problem == "" {
				hosts.take(o.tenant)
			}
		default:
			l.Source, l.Problem = directory.TenantOfNone, notConfigured(r, now)
		}
		tenants = append(tenants, l)
	}
	b.opened = opened
	return tenants
}

func notConfigured(r directory.TenantRecord, now time.Time) string {
	if r.SeenAt != nil && now.Sub(*r.SeenAt) < directory.TenantForgotten {
		return "is in the configuration of another process, or was a moment ago"
	}
	return "is in no configuration any more; its directory and its events are kept; put it back into the file, " +
		"take it over with oktasync tenants add, or erase it with oktasync tenants remove"
}

// tell writes what is wrong with a tenant into the log, once for each change.
func (b *tenantBook) tell(tenants []liveTenant) {
	told := make(map[string]string, len(b.told))
	for _, t := range tenants {
		words := t.Problem + t.Warning
		if t.Source == directory.TenantOfNone && strings.HasPrefix(words, "is in the configuration of another") {
			continue
		}
		switch before := b.told[t.Tenant]; {
		case words == before:
		case t.Problem != "":
			b.log.Error("nothing works for a tenant; its events are kept", "tenant", t.Tenant, "reason", words)
		case words != "":
			b.log.Error("somebody should look at the settings of a tenant", "tenant", t.Tenant, "reason", words)
		default:
			b.log.Info("the settings of a tenant are right again", "tenant", t.Tenant)
		}
		if words != "" {
			told[t.Tenant] = words
		}
	}
	b.told = told
}

// hostOwners says whose host names are whose.
type hostOwners map[string]string

func (h hostOwners) take(t config.Tenant) {
	for _, host := range t.Hook.Hosts {
		h[host] = "tenant " + t.Slug
	}
}

// conflict says which host of the tenant is another's, in a sentence.
func (h hostOwners) conflict(t config.Tenant) string {
	for _, host := range t.Hook.Hosts {
		if owner, taken := h[host]; taken && owner != "tenant "+t.Slug {
			return fmt.Sprintf("hook.hosts: %q belongs to %s as well; give it to one of them", host, owner)
		}
	}
	return ""
}

// openTenant decrypts and checks the settings of a tenant of the database.
func openTenant(cfg config.Config, keys *seal.Keys, r directory.TenantRecord) (config.Tenant, error) {
	document, failed := openDocument(keys, r)
	if failed != nil {
		return config.Tenant{}, failed
	}
	t, err := cfg.LoadTenant(r.Tenant, document, nil)
	if err != nil {
		return config.Tenant{}, fmt.Errorf("its stored settings are not valid: %s", strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return t, nil
}

// openDocument returns the stored settings with their secrets. Those that could not be opened are
// missing then, and the error says why.
func openDocument(keys *seal.Keys, r directory.TenantRecord) (config.Document, error) {
	var document config.Document
	if err := json.Unmarshal([]byte(r.Settings), &document); err != nil {
		return config.Document{}, fmt.Errorf("its stored settings are damaged: %w", err)
	}
	secrets := map[string][]config.Secret{}
	var failed []error
	for _, key := range slices.Sorted(maps.Keys(r.Secrets)) {
		for _, sealed := range r.Secrets[key] {
			secret, err := keys.Open(sealed, r.Tenant, key)
			if err != nil {
				failed = append(failed, fmt.Errorf("%s can't be decrypted: %w", key, err))
				continue
			}
			secrets[key] = append(secrets[key], config.NewSecret(secret))
		}
	}
	return document.WithSecrets(secrets), errors.Join(failed...)
}

// sealDocument splits settings into what is stored in the clear and what is stored sealed.
func sealDocument(keys *seal.Keys, slug string, document config.Document) (directory.TenantRecord, error) {
	public, secrets := document.TakeSecrets()
	settings, err := json.Marshal(public)
	if err != nil {
		return directory.TenantRecord{}, fmt.Errorf("write the settings of tenant %s: %w", slug, err)
	}
	r := directory.TenantRecord{Tenant: slug, Settings: string(settings), Secrets: map[string][]string{}}
	for key, values := range secrets {
		for _, value := range values {
			sealed, err := keys.Seal(value.Reveal(), slug, key)
			if err != nil {
				return directory.TenantRecord{}, fmt.Errorf("encrypt %s of tenant %s: %w", key, slug, err)
			}
			r.Secrets[key] = append(r.Secrets[key], sealed)
		}
	}
	return r, nil
}

// encryptionKeys are the master keys of the configuration.
func encryptionKeys(cfg config.Config) (*seal.Keys, error) {
	var keys []string
	for _, k := range cfg.Encryption.Keys {
		keys = append(keys, k.Reveal())
	}
	return seal.NewKeys(keys)
}
