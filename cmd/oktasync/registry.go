package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/jobs"
	"github.com/oktasync/oktasync/webhook"
)

// registry is the one live list of tenants. Hook endpoint, schedule, workers, API, health
// and metrics ask it each time, and none of them knows where a tenant was configured.
//
// A tenant's reader and engine are made when its first task comes, so that a tenant
// with nothing to do costs nothing. When its settings change, work under way ends on
// the parts that it began with, and the next task gets new ones.
type registry struct {
	build func(config.Tenant) (*tenantParts, error)
	hooks atomic.Pointer[webhook.TenantList]

	mu      sync.Mutex
	places  map[string]*place
	sorted  []string // slugs; replaced as a whole, never changed
	changed []func([]config.Tenant)
}

// place is one tenant's place in the list.
type place struct {
	tenant config.Tenant

	mu      sync.Mutex
	parts   *tenantParts // nil until they are needed
	users   int          // tasks that work with the parts
	retired bool         // not in the list any more
}

// newRegistry returns a list of these tenants. build makes the parts of one.
func newRegistry(tenants []config.Tenant, build func(config.Tenant) (*tenantParts, error)) (*registry, error) {
	r := &registry{build: build, places: map[string]*place{}}
	return r, r.set(tenants)
}

// set replaces the list. A tenant whose settings are the same keeps its parts. On an error the
// list stays as it was.
func (r *registry) set(tenants []config.Tenant) error {
	hooks, err := webhook.NewTenantList(hookTenants(tenants))
	if err != nil {
		return err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	before, places := r.places, make(map[string]*place, len(tenants))
	for _, t := range tenants {
		old, known := before[t.Slug]
		if !known || !reflect.DeepEqual(old.tenant, t) {
			places[t.Slug] = &place{tenant: t}
			continue
		}
		places[t.Slug] = old
		delete(before, t.Slug)
	}
	for _, p := range before {
		p.retire()
	}
	r.places, r.sorted = places, slices.Sorted(maps.Keys(places))
	r.hooks.Store(hooks)
	for _, tell := range r.changed {
		tell(tenants)
	}
	return nil
}

// onChange has each new list told to tell, beginning with the present one.
func (r *registry) onChange(tell func([]config.Tenant)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.changed = append(r.changed, tell)
	var tenants []config.Tenant
	for _, slug := range r.sorted {
		tenants = append(tenants, r.places[slug].tenant)
	}
	tell(tenants)
}

// slugs returns the slugs of all tenants, sorted. The slice must not be changed.
func (r *registry) slugs() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.sorted
}

// use returns a tenant's parts. They stay whole until done is called. The second result is
// nil for a tenant that is not in the list.
func (r *registry) use(slug string) (parts *tenantParts, done func(), err error) {
	r.mu.Lock()
	p, known := r.places[slug]
	r.mu.Unlock()
	if !known {
		return nil, nil, nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.parts == nil {
		if p.parts, err = r.build(p.tenant); err != nil {
			return nil, nil, fmt.Errorf("make ready tenant %s: %w", slug, err)
		}
	}
	p.users++
	return p.parts, sync.OnceFunc(p.release), nil
}

// close closes the parts of all tenants. No work may be under way any more.
func (r *registry) close() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, p := range r.places {
		p.retire()
	}
}

// retire closes the parts, as soon as nobody works with them.
func (p *place) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
	p.closeUnused()
}

func (p *place) release() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
	if p.retired {
		p.closeUnused()
	}
}

func (p *place) closeUnused() {
	if p.users == 0 && p.parts != nil {
		p.parts.reader.Close()
		p.parts = nil
	}
}

// BySlug, ByHost, Headers and Only are the list as the hook endpoint sees it.
func (r *registry) BySlug(slug string) (webhook.Tenant, bool) { return r.hooks.Load().BySlug(slug) }

// ByHost implements webhook.Tenants.
func (r *registry) ByHost(host string) (webhook.Tenant, bool) { return r.hooks.Load().ByHost(host) }

// Headers implements webhook.Tenants.
func (r *registry) Headers() []string { return r.hooks.Load().Headers() }

// Only implements webhook.Tenants.
func (r *registry) Only() (webhook.Tenant, bool) { return r.hooks.Load().Only() }

// fingerprints are those of the secrets that hooks may come with now, by tenant.
func (r *registry) fingerprints() map[string][]string { return r.hooks.Load().Fingerprints() }

// hookTenants are tenants as the hook endpoint knows them.
func hookTenants(tenants []config.Tenant) []webhook.Tenant {
	var list []webhook.Tenant
	for _, t := range tenants {
		tenant := webhook.Tenant{Slug: t.Slug, AppID: t.Okta.AppID, Header: t.Hook.Header, Hosts: t.Hook.Hosts}
		for _, secret := range t.Hook.Secrets {
			tenant.Secrets = append(tenant.Secrets, secret.Reveal())
		}
		list = append(list, tenant)
	}
	return list
}

// nightlyTenants are tenants as the schedule knows them.
func nightlyTenants(tenants []config.Tenant) []jobs.NightlyTenant {
	var list []jobs.NightlyTenant
	for _, t := range tenants {
		list = append(list, jobs.NightlyTenant{Tenant: t.Slug, At: t.Nightly.At})
	}
	return list
}
