package main

import (
	"context"
	"errors"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/okta"
)

// workshop makes parts and counts which of them are open, by org address.
type workshop struct {
	mu     sync.Mutex
	made   []string
	closed []string
	fail   error
}

// door is a transport that tells when its reader is closed.
type door struct {
	http.RoundTripper
	shop *workshop
	url  string
}

func (d *door) CloseIdleConnections() {
	d.shop.mu.Lock()
	defer d.shop.mu.Unlock()
	d.shop.closed = append(d.shop.closed, d.url)
}

func (w *workshop) build(of liveTenant) (*tenantParts, error) {
	t := of.settings
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.fail != nil {
		return nil, w.fail
	}
	w.made = append(w.made, t.Okta.URL)
	reader, err := okta.New(okta.Options{
		Tenant: t.Slug, OrgURL: t.Okta.URL, AppID: "0oa1gjh63g214q0Hq0g4", Credentials: okta.Credentials{Token: "00token"},
		Clock:     func(context.Context) (time.Time, error) { return time.Time{}, nil },
		Transport: &door{RoundTripper: http.DefaultTransport, shop: w, url: t.Okta.URL},
	})
	return &tenantParts{reader: reader}, err
}

func (w *workshop) seen() (made, closed []string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.made), slices.Clone(w.closed)
}

func tenantAt(slug, url string) liveTenant {
	return liveTenant{
		TenantListing: directory.TenantListing{Tenant: slug, Source: directory.TenantOfFile},
		settings: config.Tenant{
			Slug: slug, Okta: config.Okta{URL: url},
			Hook: config.Hook{Secrets: []config.Secret{config.NewSecret("secret-of-" + slug)}, Hosts: []string{slug + ".example"}},
		},
	}
}

func listOf(t *testing.T, shop *workshop, tenants ...liveTenant) *registry {
	t.Helper()
	r, err := newRegistry(shop.build)
	if err == nil {
		err = r.set(tenants)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func mustUse(t *testing.T, r *registry, slug string) (*tenantParts, func()) {
	t.Helper()
	parts, done, err := r.use(slug)
	if err != nil || parts == nil {
		t.Fatalf("use %s: parts %v, error %v", slug, parts, err)
	}
	return parts, done
}

func TestRegistryMakesPartsWhenTheyAreNeeded(t *testing.T) {
	t.Parallel()
	shop := &workshop{}
	r := listOf(t, shop, tenantAt("acme", "https://acme.okta.com"), tenantAt("blue", "https://blue.okta.com"))
	if made, _ := shop.seen(); made != nil {
		t.Errorf("made before any task: %v", made)
	}
	first, done := mustUse(t, r, "acme")
	again, doneAgain := mustUse(t, r, "acme")
	if first != again {
		t.Error("two tasks of a tenant have parts of their own")
	}
	done()
	doneAgain()
	if made, closed := shop.seen(); len(made) != 1 || closed != nil {
		t.Errorf("made %v, closed %v", made, closed)
	}
	if parts, _, err := r.use("nobody"); parts != nil || err != nil {
		t.Errorf("unknown tenant: parts %v, error %v", parts, err)
	}
	shop.fail = errors.New("no")
	if _, _, err := r.use("blue"); !errors.Is(err, shop.fail) {
		t.Errorf("error %v", err)
	}
	r.close()
	if _, closed := shop.seen(); !slices.Equal(closed, []string{"https://acme.okta.com"}) {
		t.Errorf("closed %v", closed)
	}
}

func TestRegistryReplacesTenants(t *testing.T) {
	t.Parallel()
	shop := &workshop{}
	acme, blue := tenantAt("acme", "https://acme.okta.com"), tenantAt("blue", "https://blue.okta.com")
	r := listOf(t, shop, acme, blue)
	old, doneOld := mustUse(t, r, "acme")
	kept, doneKept := mustUse(t, r, "blue")
	doneKept()
	var told [][]config.Tenant
	r.onChange(func(tenants []config.Tenant) { told = append(told, tenants) })

	moved := tenantAt("acme", "https://acme-two.okta.com")
	if err := r.set([]liveTenant{moved, blue, tenantAt("coal", "https://coal.okta.com")}); err != nil {
		t.Fatal(err)
	}
	if len(told) != 2 || len(told[0]) != 2 || len(told[1]) != 3 {
		t.Errorf("told %v", told)
	}
	if got := r.slugs(); !slices.Equal(got, []string{"acme", "blue", "coal"}) {
		t.Errorf("slugs %v", got)
	}
	fresh, doneFresh := mustUse(t, r, "acme")
	if fresh == old {
		t.Error("the next task has the old parts")
	}
	if _, closed := shop.seen(); closed != nil {
		t.Errorf("closed under the hands of a task: %v", closed)
	}
	doneOld()
	doneOld() // a second call changes nothing
	if _, closed := shop.seen(); !slices.Equal(closed, []string{"https://acme.okta.com"}) {
		t.Errorf("closed %v", closed)
	}
	if same, done := mustUse(t, r, "blue"); same != kept {
		t.Error("a tenant that is as it was got new parts")
	} else {
		done()
	}
	if tenant, found := r.ByHost("coal.example"); !found || tenant.Slug != "coal" {
		t.Errorf("hook list: %v %v", tenant.Slug, found)
	}

	// A list that the hook endpoint can't tell apart changes nothing.
	twin := tenantAt("twin", "https://twin.okta.com")
	twin.settings.Hook.Hosts = blue.settings.Hook.Hosts
	if err := r.set([]liveTenant{blue, twin}); err == nil {
		t.Error("two tenants share a host and nobody minds")
	}
	if got := r.slugs(); len(got) != 3 {
		t.Errorf("slugs after a refused list %v", got)
	}
	if err := r.set([]liveTenant{blue}); err != nil {
		t.Fatal(err)
	}
	if parts, _, _ := r.use("acme"); parts != nil {
		t.Error("a tenant that is gone can still be used")
	}
	if only, found := r.Unnamed(); !found || only.Slug != "blue" {
		t.Errorf("only %v %v", only.Slug, found)
	}
	doneFresh()
	if _, closed := shop.seen(); !slices.Equal(closed, []string{"https://acme.okta.com", "https://acme-two.okta.com"}) {
		t.Errorf("closed %v", closed)
	}
}

// A tenant that is paused keeps its hooks, and its work ends; one whose secrets are not at hand is
// out of service; one that nobody configures is unknown to Okta.
func TestRegistryRests(t *testing.T) {
	t.Parallel()
	shop := &workshop{}
	acme, blue := tenantAt("acme", "https://acme.okta.com"), tenantAt("blue", "https://blue.okta.com")
	r := listOf(t, shop, acme, blue)
	working, done := mustUse(t, r, "acme")
	other, doneOther := mustUse(t, r, "blue")
	defer doneOther()

	paused := acme
	paused.Pause = &directory.TenantPause{By: "ops"}
	closed := tenantAt("coal", "")
	closed.Problem, closed.Source = "no key", directory.TenantOfAPI
	lost := tenantAt("dust", "")
	lost.Problem, lost.Source = "is in no configuration", directory.TenantOfNone
	if err := r.set([]liveTenant{paused, blue, closed, lost}); err != nil {
		t.Fatal(err)
	}
	if !errors.Is(context.Cause(working.resting), errTenantRests) || other.resting.Err() != nil {
		t.Errorf("work of the paused tenant goes on (%v), or that of another ended (%v)", working.resting.Err(), other.resting.Err())
	}
	for _, slug := range []string{"acme", "coal", "dust"} {
		if parts, _, err := r.use(slug); parts != nil || err != nil {
			t.Errorf("%s is worked for: %v, error %v", slug, parts, err)
		}
	}
	if got := r.working(); !slices.Equal(got, []string{"blue"}) {
		t.Errorf("worked for: %v", got)
	}
	if got := r.slugs(); len(got) != 4 {
		t.Errorf("slugs %v", got)
	}
	if tenant, found := r.BySlug("acme"); !found || tenant.OutOfService || len(tenant.Secrets) != 1 {
		t.Errorf("the paused tenant's hooks: %v, out of service %v", found, tenant.OutOfService)
	}
	if tenant, found := r.BySlug("coal"); !found || !tenant.OutOfService {
		t.Errorf("the closed tenant's hooks: %v, out of service %v", found, tenant.OutOfService)
	}
	if _, found := r.BySlug("dust"); found {
		t.Error("hooks of a tenant that nobody configures are taken")
	}
	done()
	if _, closed := shop.seen(); !slices.Equal(closed, []string{"https://acme.okta.com"}) {
		t.Errorf("closed %v", closed)
	}
	if err := r.set([]liveTenant{acme, blue}); err != nil {
		t.Fatal(err)
	}
	_, done = mustUse(t, r, "acme")
	done()
}

// TestDecisionsAboutIdleTenants: whoever decides about a plan of a tenant that is not worked for is told why.
func TestDecisionsAboutIdleTenants(t *testing.T) {
	t.Parallel()
	paused, broken := tenantAt("paused", "https://a.okta.com"), tenantAt("broken", "https://b.okta.com")
	paused.Pause = &directory.TenantPause{By: "ops", Reason: "the org is being moved"}
	broken.Problem = "is in no configuration any more"
	d := &decider{tenants: listOf(t, &workshop{}, paused, broken)}
	for tenant, want := range map[string]struct {
		kind error
		says string
	}{
		"paused": {directory.ErrConflict, "is paused, by ops: the org is being moved; nothing was decided"},
		"broken": {directory.ErrConflict, "tenant broken is in no configuration any more; nothing was decided"},
		"nobody": {directory.ErrNotFound, "was taken away a moment ago"},
	} {
		_, err := d.Approve(t.Context(), tenant, "run", directory.Act{})
		if !errors.Is(err, want.kind) || !strings.Contains(err.Error(), want.says) {
			t.Errorf("%s: %v, want %q", tenant, err, want.says)
		}
	}
}
