package main

import (
	"context"
	"errors"

	"github.com/oktasync/oktasync/api"
	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	dirsync "github.com/oktasync/oktasync/sync"
)

var _ api.Invites = (*inviteDesk)(nil)

// List returns invites. Those that are held say what would keep them so when they were released.
func (d *inviteDesk) List(ctx context.Context, tenant string, sel directory.InviteSelection, after string, limit int) ([]directory.InviteCandidate, error) {
	found, err := d.db.ListInvites(ctx, tenant, sel, after, limit)
	t, _ := d.tenants.find(tenant)
	for i, c := range found {
		if c.State == directory.InviteHeld && c.Problem == "" {
			found[i].Problem = t.rules.Invites.Obstacle(c.Person)
		}
	}
	return found, err
}

// Counts counts invites, and says whether they can go out.
func (d *inviteDesk) Counts(ctx context.Context, tenant string) (directory.InviteSummary, error) {
	sum := directory.InviteSummary{Mode: directory.InvitesOff, SendBy: directory.InviteByMail}
	if t, known := d.tenants.find(tenant); known && t.Problem == "" {
		sum.Mode, sum.SendBy = directory.InvitesMode(t.settings.Invites.Mode), directory.InviteSender(t.settings.Invites.SendBy)
		sum.Missing = d.missing(t.settings)
	}
	var err error
	sum.States, err = d.db.InviteCounts(ctx, tenant)
	return sum, err
}

// missing says what keeps the tenant's invites from going out.
func (d *inviteDesk) missing(t config.Tenant) string {
	if t.Invites.Mode == config.InvitesOff || t.Invites.SendBy == config.InvitesProduct {
		return ""
	}
	return d.sender.Missing(mailTenant(t))
}

// Preview says whom a release would invite.
func (d *inviteDesk) Preview(ctx context.Context, tenant string, sel directory.InviteSelection, after string, limit int) (plans []directory.InvitePlan, next string, err error) {
	err = d.with(tenant, func(parts *tenantParts) error {
		plans, next, err = parts.engine.PreviewInvites(ctx, sel, after, limit)
		return err
	})
	return plans, next, err
}

// Order moves invites. What could not go out is not let go: it would go out by itself when the configuration is mended.
func (d *inviteDesk) Order(ctx context.Context, tenant string, order directory.InviteOrder, act directory.Act) (directory.InviteTally, error) {
	return d.order(ctx, tenant, func(parts *tenantParts) (directory.InviteTally, dirsync.Result, error) {
		sends := order.Move == directory.InviteRelease || order.Move == directory.InviteResend
		if missing := d.missing(parts.cfg); sends && missing != "" {
			return directory.InviteTally{}, dirsync.Result{}, directory.Refuse(directory.ErrConflict, "%s; nothing was released", missing)
		}
		return parts.engine.OrderInvites(ctx, order, act)
	})
}

// Recover makes uncertain what may have gone out, where the database was restored, and makes the ledger anew from the database.
func (d *inviteDesk) Recover(ctx context.Context, tenant string, restored bool, act directory.Act) (directory.InviteTally, error) {
	return d.order(ctx, tenant, func(parts *tenantParts) (tally directory.InviteTally, result dirsync.Result, err error) {
		if d.ledger == nil {
			return tally, result, directory.Refuse(directory.ErrConflict, "there is no ledger of invites in this installation; nothing was done")
		}
		known, err := d.ledger.Known(ctx, tenant)
		if err != nil {
			return tally, result, err
		}
		if known {
			return tally, result, directory.Refuse(directory.ErrConflict, "the ledger of invites of tenant %s is there; nothing is to be recovered, and nothing was done", tenant)
		}
		if tally, result, err = parts.engine.RecoverInvites(ctx, restored, act); err != nil {
			return tally, result, err
		}
		return tally, result, d.seed(ctx, tenant)
	})
}

// seed writes into the ledger what the database knows of attempts.
func (d *inviteDesk) seed(ctx context.Context, tenant string) error {
	const atOnce = 500
	for after := ""; ; {
		page, err := d.db.ListInvites(ctx, tenant, directory.InviteSelection{}, after, atOnce)
		if err != nil {
			return err
		}
		entries := map[string]directory.InviteLedgerEntry{}
		for _, c := range page {
			after = c.PersonID
			if c.Attempt != "" {
				entries[c.PersonID] = directory.InviteLedgerEntry{Issue: c.Issue, Attempt: c.Attempt, Sent: !c.SentAt.IsZero()}
			}
		}
		if err := d.ledger.Seed(ctx, tenant, entries); err != nil || len(page) < atOnce {
			return err
		}
	}
}

// Verify returns whom a link's token is for.
func (d *inviteDesk) Verify(tenant, token string) (string, error) {
	if !d.links.Ready() {
		return "", errors.New("there is no key for links in invites; set mail.link_keys")
	}
	return d.links.Verify(token, tenant, utcNow())
}

// order does something with the engine of a tenant, and has the sender look at once.
func (d *inviteDesk) order(ctx context.Context, tenant string, do func(*tenantParts) (directory.InviteTally, dirsync.Result, error)) (directory.InviteTally, error) {
	var tally directory.InviteTally
	err := d.with(tenant, func(parts *tenantParts) error {
		var result dirsync.Result
		var err error
		tally, result, err = do(parts)
		d.metrics.changed(tenant, result)
		return err
	})
	if err != nil || tally.Moved == 0 {
		return tally, err
	}
	soon := directory.ChorePlan{Tenant: tenant, Chore: choreInvites, Every: 1}
	if err := d.db.EnsureChores(ctx, []directory.ChorePlan{soon}); err != nil {
		d.log.WarnContext(ctx, "invites could not be taken up at once; they are in a minute", "tenant", tenant, "error", err)
	}
	return tally, nil
}

// with calls do with the tenant's parts.
func (d *inviteDesk) with(tenant string, do func(*tenantParts) error) error {
	parts, done, err := d.tenants.use(tenant)
	if err != nil {
		return err
	}
	if parts == nil {
		return directory.Refuse(directory.ErrConflict, "tenant %s is paused, or cannot be worked for; its invites stay as they are", tenant)
	}
	defer done()
	return do(parts)
}
