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
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// tenantParts are what works on one tenant.
type tenantParts struct {
	// resting ends, with the cause errTenantRests, when the tenant is paused or
	// removed.
	cfg     config.Tenant
	resting context.Context
	reader  *okta.Reader
	engine  *dirsync.Engine
}

// partsBuilder returns the function that makes one tenant's parts. owner names this
// process in leases.
func partsBuilder(db *store.DB, shared redis.UniversalClient, m *metrics, owner string, log *slog.Logger) func(liveTenant) (*tenantParts, error) {
	return func(of liveTenant) (*tenantParts, error) {
		t := of.settings
		reader, err := newReader(t, of.rules.Groups, db.Now, shared, m.oktaObserver(t.Slug), log)
		if err != nil {
			return nil, err
		}
		return &tenantParts{cfg: t, reader: reader, engine: dirsync.New(dirsync.Options{
			Tenant: t.Slug, Rules: of.rules, Ruleset: of.ruleset, Source: reader, Store: engineStore{db}, Owner: owner,
			Now: utcNow, NewID: newRunID, Lease: runLease, Hold: holdLeases(db, t.Slug, runLease, leaseBeat, log), SecondLook: t.Okta.SecondLook, Burst: t.Okta.Burst,
			Version: version,
			Interrupted: func(run directory.Run) {
				log.Warn("a reading had been interrupted", "tenant", run.Tenant, "run", run.ID, "outcome", run.Progress.Note)
			},
			FullPause: t.Nightly.Pause,
			ListAsked: func(waiting, known int) {
				log.Info("events of many people wait; a full sync reads them in one list instead of each by id", "tenant", t.Slug, "waiting", waiting, "known", known)
			},
		})}, nil
	}
}

// newReader makes the reader of one tenant's Okta org. The rate budget is shared
// with other replicas through Redis, where there is one.
func newReader(t config.Tenant, groups directory.GroupSelection, clock func(context.Context) (time.Time, error), shared redis.UniversalClient,
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
		Groups: groups, Clock: clock, Governor: governor, AllowHTTP: t.Okta.AllowHTTP,
		Concurrency: t.Okta.Concurrency, Logger: log, Observe: observe, Now: utcNow,
	})
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
