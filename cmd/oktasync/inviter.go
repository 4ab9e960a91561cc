package main

import (
	"context"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/jobs"
	"github.com/oktasync/oktasync/store"
	dirsync "github.com/oktasync/oktasync/sync"
)

// choreInvites sends invites that are due.
const choreInvites directory.Chore = "invites"

// inviteEvery is how often each tenant's invites are looked at. Whoever moves some has them looked at at once.
const inviteEvery = time.Minute

// inviteDesk is what the service has to do with invites: the sender and what admins do.
type inviteDesk struct {
	tenants *registry
	db      *store.DB
	metrics *metrics
	sender  *deliver.Inviter
	ledger  deliver.InviteLedger
	links   *deliver.Links
	log     *slog.Logger
}

// newInviteDesk makes the sender with what the configuration has for it.
func newInviteDesk(s *service, m *metrics) (*inviteDesk, error) {
	cfg := s.cfg
	var keys []string
	for _, key := range cfg.Mail.LinkKeys {
		keys = append(keys, key.Reveal())
	}
	links, err := deliver.NewLinks(keys)
	if err != nil {
		return nil, err
	}
	var folder fs.FS
	if cfg.Mail.Templates != "" {
		folder = os.DirFS(cfg.Mail.Templates)
	}
	templates, err := deliver.LoadInviteTemplates(folder)
	if err != nil {
		return nil, fmt.Errorf("mail.templates %s: %w", cfg.Mail.Templates, err)
	}
	var mailer *deliver.Mailer
	if cfg.Mail.Server != "" && cfg.Mail.From != "" {
		if mailer, err = newMailer(cfg.Mail); err != nil {
			return nil, err
		}
	}
	d := &inviteDesk{tenants: s.tenants, db: s.db, metrics: m, links: links, ledger: newInviteLedger(cfg, s.redis), log: s.log}
	d.sender = deliver.NewInviter(deliver.InviterOptions{
		Ledger: d.ledger, Mailer: mailer, Templates: templates, Links: links, NewID: newRunID, Now: utcNow, Log: s.log,
	})
	return d, nil
}

// newInviteLedger returns the ledger where it can outlive the database: beside a SQLite file, else in a Redis of its own. With
// Postgres and the embedded Redis there is no such place.
func newInviteLedger(cfg config.Config, shared *jobs.Redis) deliver.InviteLedger {
	switch {
	case cfg.Database.SQLitePath() != "":
		return deliver.NewFileLedger(cfg.Database.SQLitePath() + ".invites")
	case !cfg.Redis.Embedded():
		return deliver.NewRedisLedger(shared.UniversalClient)
	default:
		return nil
	}
}

// chore sends the invites of tenants by mail, and moves those whose time has come.
func (d *inviteDesk) chore(perTenant func(func(config.Tenant) time.Duration) func(string) time.Duration,
	withParts func(func(context.Context, string, *tenantParts) (bool, error)) func(context.Context, string) (bool, error),
) jobs.Chore {
	return jobs.Chore{
		Name: choreInvites,
		Every: perTenant(func(t config.Tenant) time.Duration {
			if t.Invites.Mode == config.InvitesOff {
				return 0
			}
			return inviteEvery
		}),
		Do: withParts(func(ctx context.Context, tenant string, parts *tenantParts) (bool, error) {
			book := &inviteBook{desk: d, tenant: tenant, engine: parts.engine}
			if parts.cfg.Invites.SendBy == config.InvitesProduct {
				return book.Turn(ctx)
			}
			return d.sender.Turn(ctx, parts.resting, mailTenant(parts.cfg), book)
		}),
	}
}

func mailTenant(t config.Tenant) deliver.InviteTenant {
	i := t.Invites
	return deliver.InviteTenant{
		Slug: t.Slug, Product: i.Product, URL: i.URL, LinkTTL: i.LinkTTL, Language: i.Language, PerMinute: i.PerMinute,
	}
}

// inviteBook joins the sender with a tenant's engine and the database.
type inviteBook struct {
	desk   *inviteDesk
	tenant string
	engine *dirsync.Engine
}

var _ deliver.InviteBook = (*inviteBook)(nil)

func (b *inviteBook) Turn(ctx context.Context) (bool, error) {
	result, more, err := b.engine.TurnInvites(ctx)
	b.desk.metrics.changed(b.tenant, result)
	return more, err
}

func (b *inviteBook) Claim(ctx context.Context, attempt string, lease time.Duration) (directory.InviteCandidate, bool, error) {
	return b.engine.ClaimInvite(ctx, attempt, lease)
}

func (b *inviteBook) Finish(ctx context.Context, person, attempt string, outcome directory.InviteOutcome) error {
	result, err := b.engine.FinishInvite(ctx, person, attempt, outcome)
	b.desk.metrics.changed(b.tenant, result)
	return err
}

func (b *inviteBook) Attempted(ctx context.Context, within time.Duration) (int, bool, error) {
	return b.desk.db.InvitesAttempted(ctx, b.tenant, within)
}

func (b *inviteBook) Waits(ctx context.Context) (bool, error) {
	return b.desk.db.InviteWaits(ctx, b.tenant)
}
