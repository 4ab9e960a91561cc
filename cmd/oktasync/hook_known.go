package main

import (
	"cmp"
	"context"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/webhook"
)

// knownHook is what the database knows of a tenant's event hook.
type knownHook struct {
	db     *store.DB
	tenant config.Tenant
	record directory.HookRecord
	uses   []directory.HookUse // the latest first
}

func readKnownHook(ctx context.Context, db *store.DB, t config.Tenant) (knownHook, error) {
	record, err := db.Hook(ctx, t.Slug)
	if err != nil {
		return knownHook{}, err
	}
	uses, err := db.HookUses(ctx, t.Slug)
	if err != nil {
		return knownHook{}, err
	}
	return knownHook{db: db, tenant: t, record: record, uses: uses}, nil
}

// spec adds what is known to what the hook has to be.
func (k knownHook) spec(s okta.HookSpec) okta.HookSpec {
	s.ID, s.NextID = k.record.ID, k.record.NextID
	s.URI = cmp.Or(s.URI, k.record.URL)
	return s
}

// delivered says whether a delivery was ever accepted.
func (k knownHook) delivered() bool {
	for _, u := range k.uses {
		if u.Secret != "" {
			return true
		}
	}
	return false
}

// fingerprint tells a secret of the tenant from others.
func (k knownHook) fingerprint(secret config.Secret) string {
	return webhook.Fingerprint(k.tenant.Slug, secret.Reveal())
}

// secret is the one that Okta is known to have: it was given from here, or deliveries came
// with it. Where nothing is known it is the first.
func (k knownHook) secret() config.Secret {
	known := []string{k.record.Secret}
	for _, u := range k.uses {
		known = append(known, u.Secret)
	}
	for _, f := range known {
		for _, s := range k.tenant.Hook.Secrets {
			if k.fingerprint(s) == f {
				return s
			}
		}
	}
	return k.tenant.Hook.Secrets[0]
}

// save keeps which hook is ours. given says that Okta was given the secret now.
func (k knownHook) save(ctx context.Context, h okta.EventHook, given bool) error {
	next := k.record
	next.ID, next.URL = h.ID, h.Channel.Config.URI
	if given {
		next.Secret = k.fingerprint(k.secret())
	}
	if next.ID == k.record.ID && next.URL == k.record.URL && next.Secret == k.record.Secret {
		return nil
	}
	return k.db.SaveHook(ctx, k.tenant.Slug, next)
}
