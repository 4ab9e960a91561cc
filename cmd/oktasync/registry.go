package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/jobs"
	"github.com/oktasync/oktasync/webhook"
)

// liveTenant is a tenant in the live list.
type liveTenant struct {
	directory.TenantListing
	settings config.Tenant // of no use with a Problem
	// rules are those in force, with their hash: those of the settings may wait for a run.
	rules   directory.Rules
	ruleset string
}

// works says whether work is done for the tenant.
func (l liveTenant) works() bool { return l.Problem == "" && l.Pause == nil && l.Removal == nil }

// registry is the one live list of tenants. Hook endpoint, schedule, workers, API, health
// and metrics ask it each time, and none of them knows where a tenant was configured.
//
// A tenant's reader and engine are made when its first task comes, so that a tenant
// with nothing to do costs nothing. When its settings change, work under way ends on
// the parts that it began with, and the next task gets new ones.
type registry struct {
	build func(liveTenant) (*tenantParts, error)
	hooks atomic.Pointer[webhook.TenantList]

	mu      sync.Mutex
	places  map[string]*place
	sorted  []string // slugs; replaced as a whole, never changed
	active  []string // of these, the ones that are worked for; likewise
	changed []func([]config.Tenant)
}

// place is one tenant's place in the list.
type place struct {
	tenant liveTenant

	mu    sync.Mutex
	parts *tenantParts // nil until they are needed
	users int          // tasks that work with the parts
	gone  bool         // not in the list any more
	rest  context.CancelCauseFunc
}

// errTenantRests is why work is cancelled when its tenant is paused or removed.
var errTenantRests = errors.New("the tenant was paused or removed")

// newRegistry returns a list without tenants. build makes the parts of one.
func newRegistry(build func(liveTenant) (*tenantParts, error)) (*registry, error) {
	r := &registry{build: build, places: map[string]*place{}}
	return r, r.set(nil)
}

// set replaces the list. A tenant that is the same keeps its parts; work for one that is paused
// or gone is cancelled. On an error the list stays as it was.
func (r *registry) set(tenants []liveTenant) error {
	hooks, err := webhook.NewTenantList(hookList(tenants))
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before, places := r.places, make(map[string]*place, len(tenants))
	var active []string
	for _, t := range tenants {
		if t.works() {
			active = append(active, t.Tenant)
		}
		if old, known := before[t.Tenant]; known && reflect.DeepEqual(old.tenant, t) {
			places[t.Tenant] = old
			continue
		}
		places[t.Tenant] = &place{tenant: t}
	}
	for slug, old := range before {
		if now := places[slug]; now != old {
			old.retire(now == nil || !now.tenant.works())
		}
	}
	slices.Sort(active)
	r.places, r.sorted, r.active = places, slices.Sorted(maps.Keys(places)), active
	r.hooks.Store(hooks)
	for _, tell := range r.changed {
		tell(r.settings())
	}
	return nil
}

// onChange has the settings of the tenants that are worked for told to tell, now and with each
// new list.
func (r *registry) onChange(tell func([]config.Tenant)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = append(r.changed, tell)
	tell(r.settings())
}

func (r *registry) settings() []config.Tenant {
	settings := make([]config.Tenant, len(r.active))
	for i, slug := range r.active {
		settings[i] = r.places[slug].tenant.settings
	}
	return settings
}

// slugs returns the slugs of all tenants, sorted. The slice must not be changed.
func (r *registry) slugs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sorted
}

// working returns the slugs of the tenants that are worked for, sorted. The slice must not be
// changed.
func (r *registry) working() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.active
}

// find returns a tenant of the list.
func (r *registry) find(slug string) (liveTenant, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	p, known := r.places[slug]
	if !known {
		return liveTenant{}, false
	}
	return p.tenant, true
}

// all returns the tenants of the list, in order of slug.
func (r *registry) all() []liveTenant {
	r.mu.Lock()
	defer r.mu.Unlock()
	tenants := make([]liveTenant, len(r.sorted))
	for i, slug := range r.sorted {
		tenants[i] = r.places[slug].tenant
	}
	return tenants
}

// use returns a tenant's parts. They stay whole until done is called. Parts are nil for a tenant
// that is not worked for.
func (r *registry) use(slug string) (parts *tenantParts, done func(), err error) {
	r.mu.Lock()
	p, known := r.places[slug]
	r.mu.Unlock()
	if !known || !p.tenant.works() {
		return nil, nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parts == nil {
		if p.parts, err = r.build(p.tenant); err != nil {
			return nil, nil, fmt.Errorf("make ready tenant %s: %w", slug, err)
		}
		p.parts.resting, p.rest = context.WithCancelCause(context.Background())
	}
	p.users++
	return p.parts, sync.OnceFunc(p.release), nil
}

// close closes the parts of all tenants. No work may be under way any more.
func (r *registry) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.places {
		p.retire(true)
	}
}

// retire closes the parts as soon as nobody works with them; with cancel it does not wait for
// work to end by itself.
func (p *place) retire(cancel bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.gone = true
	if cancel && p.rest != nil {
		p.rest(errTenantRests)
	}
	p.closeUnused()
}

func (p *place) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
	if p.gone {
		p.closeUnused()
	}
}

func (p *place) closeUnused() {
	if p.users == 0 && p.parts != nil {
		p.rest(errTenantRests)
		p.parts.reader.Close()
		p.parts, p.rest = nil, nil
	}
}

// BySlug, ByHost, Headers and Unnamed are the list as the hook endpoint sees it.
func (r *registry) BySlug(slug string) (webhook.Tenant, bool) { return r.hooks.Load().BySlug(slug) }

// ByHost implements webhook.Tenants.
func (r *registry) ByHost(host string) (webhook.Tenant, bool) { return r.hooks.Load().ByHost(host) }

// Headers implements webhook.Tenants.
func (r *registry) Headers() []string { return r.hooks.Load().Headers() }

// Unnamed implements webhook.Tenants.
func (r *registry) Unnamed() (webhook.Tenant, bool) { return r.hooks.Load().Unnamed() }

// fingerprints are those of the secrets that hooks may come with now, by tenant.
func (r *registry) fingerprints() map[string][]string { return r.hooks.Load().Fingerprints() }

// hookList is the list as the hook endpoint knows it: with the paused ones, whose events are kept,
// and as out of service those whose secrets are not at hand. What nobody configures is unknown there.
func hookList(tenants []liveTenant) []webhook.Tenant {
	var list []webhook.Tenant
	for _, t := range tenants {
		switch {
		case t.Source == directory.TenantOfNone:
		case t.Problem != "":
			list = append(list, webhook.Tenant{Slug: t.Tenant, OutOfService: true, Main: t.Tenant == config.DefaultSlug})
		default:
			list = append(list, hookTenant(t.settings))
		}
	}
	return list
}

// hookTenants are configured tenants as the hook endpoint knows them.
func hookTenants(tenants []config.Tenant) []webhook.Tenant {
	var list []webhook.Tenant
	for _, t := range tenants {
		list = append(list, hookTenant(t))
	}
	return list
}

func hookTenant(t config.Tenant) webhook.Tenant {
	tenant := webhook.Tenant{Slug: t.Slug, AppID: t.Okta.AppID, Header: t.Hook.Header, Hosts: t.Hook.Hosts, Main: t.Slug == config.DefaultSlug}
	for _, secret := range t.Hook.Secrets {
		tenant.Secrets = append(tenant.Secrets, secret.Reveal())
	}
	return tenant
}

// nightlyTenants are tenants as the schedule knows them.
func nightlyTenants(tenants []config.Tenant) []jobs.NightlyTenant {
	var list []jobs.NightlyTenant
	for _, t := range tenants {
		list = append(list, jobs.NightlyTenant{Tenant: t.Slug, At: t.Nightly.At})
	}
	return list
}
