package api

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/oktasync/oktasync/directory"
)

// book is a list of tenants in memory, whose settings are any JSON but {"bad":…}. Secrets are what
// stands under "secret".
type book struct {
	mu      sync.Mutex
	tenants map[string]directory.TenantDetail
	acts    []directory.Act
}

func newBook() *book {
	b := &book{tenants: map[string]directory.TenantDetail{}}
	for _, slug := range []string{"acme", "globex"} {
		b.tenants[slug] = directory.TenantDetail{TenantListing: directory.TenantListing{Tenant: slug, Source: directory.TenantOfFile}}
	}
	return b
}

func (b *book) Listings(context.Context) ([]directory.TenantListing, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []directory.TenantListing
	for _, slug := range slices.Sorted(maps.Keys(b.tenants)) {
		all = append(all, b.tenants[slug].TenantListing)
	}
	return all, nil
}

func (b *book) Detail(_ context.Context, tenant string) (directory.TenantDetail, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, known := b.tenants[tenant]
	if !known {
		return t, fmt.Errorf("select from tenants: %w", directory.ErrNotFound)
	}
	return t, nil
}

func (b *book) change(act directory.Act, do func(t *directory.TenantDetail) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	t, known := b.tenants[act.Tenant]
	if !known {
		return fmt.Errorf("update tenants: %w", directory.ErrNotFound)
	}
	if err := do(&t); err != nil {
		return fmt.Errorf("%s of %s: %w", act.Kind, act.Tenant, err)
	}
	b.tenants[act.Tenant] = t
	b.acts = append(b.acts, act)
	return nil
}

func set(t *directory.TenantDetail, settings []byte) error {
	if t.Source == directory.TenantOfFile {
		return directory.Refuse(directory.ErrConflict, "tenant %s stands in the file", t.Tenant)
	}
	var tree map[string]any
	if err := json.Unmarshal(settings, &tree); err != nil {
		return err
	}
	if tree["bad"] != nil {
		return &directory.InvalidError{Problems: []directory.InvalidSetting{{Key: "okta.url", Says: "is missing"}, {Key: "bad", Says: "is bad"}}}
	}
	t.Secrets = nil
	if tree["secret"] != nil {
		t.Secrets = []string{"secret"}
		delete(tree, "secret")
	}
	t.Settings, _ = json.Marshal(tree)
	return nil
}

func (b *book) Add(_ context.Context, tenant string, settings []byte, pause *directory.TenantPause, act directory.Act) error {
	b.mu.Lock()
	if _, known := b.tenants[tenant]; known {
		b.mu.Unlock()
		return directory.Refuse(directory.ErrConflict, "tenant %s exists already", tenant)
	}
	if pause != nil {
		pause.At = cet(10)
	}
	b.tenants[tenant] = directory.TenantDetail{TenantListing: directory.TenantListing{Tenant: tenant, Source: directory.TenantOfAPI, Pause: pause}}
	b.mu.Unlock()
	err := b.change(act, func(t *directory.TenantDetail) error { return set(t, settings) })
	if err != nil {
		b.mu.Lock()
		delete(b.tenants, tenant)
		b.mu.Unlock()
	}
	return err
}

func (b *book) Change(_ context.Context, tenant string, patch []byte, act directory.Act) error {
	return b.change(act, func(t *directory.TenantDetail) error { return set(t, patch) })
}

func (b *book) Pause(_ context.Context, act directory.Act) error {
	return b.change(act, func(t *directory.TenantDetail) error {
		t.Pause = &directory.TenantPause{At: cet(10), By: act.Actor, Reason: act.Reason}
		return nil
	})
}

func (b *book) Resume(_ context.Context, act directory.Act) error {
	return b.change(act, func(t *directory.TenantDetail) error { t.Pause = nil; return nil })
}

func (b *book) Remove(_ context.Context, act directory.Act) error {
	return b.change(act, func(t *directory.TenantDetail) error {
		if t.Source == directory.TenantOfFile {
			return directory.Refuse(directory.ErrConflict, "tenant %s stands in the file", t.Tenant)
		}
		t.Source, t.Settings, t.Secrets, t.Removal = directory.TenantOfNone, nil, nil, &directory.TenantRemoval{At: cet(10), By: act.Actor}
		return nil
	})
}

func (b *book) Test(_ context.Context, tenant string) ([]directory.Finding, error) {
	if _, known := b.tenants[tenant]; !known {
		return nil, directory.ErrNotFound
	}
	return []directory.Finding{
		{Part: directory.PartRead, Level: directory.FindingOK, What: "credentials", Says: "fine"},
		{Part: directory.PartRead, Level: directory.FindingNote, What: "rights", Says: "look"},
		{Part: directory.PartHook, Level: directory.FindingFail, What: "event hook", Says: "is gone"},
		{Part: directory.PartHook, Level: directory.FindingOK, What: "address", Says: "fine"},
	}, nil
}

func (b *book) DropSettings(_ context.Context, act directory.Act) error {
	return b.change(act, func(t *directory.TenantDetail) error {
		if len(t.Settings) == 0 {
			return directory.Refuse(directory.ErrNotFound, "tenant %s has no stored settings", t.Tenant)
		}
		t.Settings = nil
		return nil
	})
}

func (b *book) actsNow() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	var acts []string
	for _, a := range b.acts {
		acts = append(acts, strings.TrimSpace(fmt.Sprintf("%s %s %s %s", a.Actor, a.Kind, a.Tenant, a.Reason)))
	}
	return strings.Join(acts, "\n")
}
