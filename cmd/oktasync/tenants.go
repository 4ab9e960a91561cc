package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"time"

	"github.com/google/uuid"
	"github.com/redis/go-redis/v9"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/jobs"
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
	"github.com/oktasync/oktasync/webhook"
)

// tenantParts are what one tenant's configuration turns into.
type tenantParts struct {
	cfg    config.Tenant
	rules  directory.Rules
	reader *okta.Reader
	engine *dirsync.Engine
}

// newTenants makes the parts of every tenant. owner names this process in
// leases. The readers are closed by closeTenants.
func newTenants(cfg config.Config, db *store.DB, shared redis.UniversalClient, m *metrics, owner string, log *slog.Logger) (map[string]*tenantParts, error) {
	tenants := map[string]*tenantParts{}
	for _, t := range cfg.Tenants {
		reader, err := newReader(t, db.Now, shared, m.oktaObserver(t.Slug), log)
		if err != nil {
			closeTenants(tenants)
			return nil, fmt.Errorf("tenant %s: %w", t.Slug, err)
		}
		rules := rulesOf(t)
		tenants[t.Slug] = &tenantParts{
			cfg: t, rules: rules, reader: reader,
			engine: dirsync.New(dirsync.Options{
				Tenant: t.Slug, Rules: rules, Source: reader, Store: engineStore{db}, Owner: owner,
				Now: utcNow, NewID: newRunID, Hold: holdLeases(db, t.Slug, log),
			}),
		}
	}
	return tenants, nil
}

func closeTenants(tenants map[string]*tenantParts) {
	for _, t := range tenants {
		t.reader.Close()
	}
}

// newReader makes the reader of one tenant's Okta org. The rate budget is shared
// with other replicas through Redis, where there is one.
func newReader(t config.Tenant, clock func(context.Context) (time.Time, error), shared redis.UniversalClient,
	observe func(string, int, time.Duration, time.Duration), log *slog.Logger,
) (*okta.Reader, error) {
	credentials := okta.Credentials{Token: t.Okta.Token.Reveal()}
	if t.Okta.ClientID != "" {
		credentials.ServiceApp = &okta.ServiceApp{
			ClientID: t.Okta.ClientID, PrivateKey: t.Okta.PrivateKey.Reveal(), KeyID: t.Okta.KeyID, Scopes: t.Okta.Scopes,
		}
	}
	governor, err := okta.NewGovernor(okta.GovernorOptions{Redis: shared, Share: t.Okta.RateShare, Logger: log})
	if err != nil {
		return nil, err
	}
	return okta.New(okta.Options{
		Tenant: t.Slug, OrgURL: t.Okta.URL, Credentials: credentials, AppID: t.Okta.AppID,
		Groups: rulesOf(t).Groups, Clock: clock, Governor: governor, AllowHTTP: t.Okta.AllowHTTP,
		Concurrency: t.Okta.Concurrency, Logger: log, Observe: observe, Now: utcNow,
	})
}

// hookTenants is the list that the hook endpoint knows.
func hookTenants(cfg config.Config) (*webhook.TenantList, error) {
	var list []webhook.Tenant
	for _, t := range cfg.Tenants {
		tenant := webhook.Tenant{Slug: t.Slug, AppID: t.Okta.AppID, Header: t.Hook.Header, Hosts: t.Hook.Hosts}
		for _, secret := range t.Hook.Secrets {
			tenant.Secrets = append(tenant.Secrets, secret.Reveal())
		}
		list = append(list, tenant)
	}
	return webhook.NewTenantList(list)
}

// nightlyTenants is the list that the schedule knows.
func nightlyTenants(cfg config.Config) []jobs.NightlyTenant {
	var list []jobs.NightlyTenant
	for _, t := range cfg.Tenants {
		list = append(list, jobs.NightlyTenant{Tenant: t.Slug, At: t.Nightly.At})
	}
	return list
}

// ownerName names this process in leases.
func ownerName() string {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return fmt.Sprintf("%s/%d/%s", host, os.Getpid(), uuid.NewString()[:8])
}

func utcNow() time.Time { return time.Now().UTC() }

// newRunID returns a UUID of version 7: run ids sort by the time they were made.
func newRunID() string { return uuid.Must(uuid.NewV7()).String() }
