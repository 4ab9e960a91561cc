package deliver

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/oktasync/oktasync/directory"
)

// InviteLedger remembers, outside the database, which invites were handed to a mail server. The database forgets that when an
// older copy of it is restored, and the ledger is what then keeps the same people from a second mail. It holds ids alone.
//
// It protects as long as database and ledger do not go back together.
type InviteLedger interface {
	// Known says whether the ledger knows the tenant: false before the first invite, and when the ledger was lost.
	Known(ctx context.Context, tenant string) (bool, error)
	// Begin writes down, before anything is said to the mail server, that an attempt begins, unless an entry forbids it, which is then
	// returned with false. previous is the last attempt that the database knows of.
	Begin(ctx context.Context, tenant, person, previous string, entry directory.InviteLedgerEntry) (directory.InviteLedgerEntry, bool, error)
	// Sent writes down that the attempt has succeeded.
	Sent(ctx context.Context, tenant, person string, entry directory.InviteLedgerEntry) error
	// Seed makes the tenant known, and writes down entries by person.
	Seed(ctx context.Context, tenant string, entries map[string]directory.InviteLedgerEntry) error
	// Forget drops all that is kept of the tenant.
	Forget(ctx context.Context, tenant string) error
}

// mayBegin says whether an attempt may begin where the ledger has an entry of the person already: when the database knows of that attempt
// (it knows how it ended, or it would not try again), or when an admin wants it sent once more and neither that nor a later wish was begun.
// Wishes have ids that grow with time.
func mayBegin(found directory.InviteLedgerEntry, previous, issue string) bool {
	return found.Attempt == previous || issue > found.Issue
}

// entryText and readEntry are an entry's form in Redis.
func entryText(e directory.InviteLedgerEntry) string {
	state := "begun"
	if e.Sent {
		state = "sent"
	}
	return e.Issue + "|" + e.Attempt + "|" + state
}

func readEntry(text string) directory.InviteLedgerEntry {
	issue, rest, _ := strings.Cut(text, "|")
	attempt, state, _ := strings.Cut(rest, "|")
	return directory.InviteLedgerEntry{Issue: issue, Attempt: attempt, Sent: state == "sent"}
}

// redisLedger keeps one hash for each tenant.
type redisLedger struct{ redis redis.UniversalClient }

// NewRedisLedger returns a ledger for installations whose Redis is a process of its own.
func NewRedisLedger(r redis.UniversalClient) InviteLedger { return &redisLedger{r} }

func ledgerKey(tenant string) string { return "oktasync:invites:{" + tenant + "}" }

// knownField makes the tenant known. No person has an empty id.
const knownField = ""

func (l *redisLedger) Known(ctx context.Context, tenant string) (bool, error) {
	known, err := l.redis.HExists(ctx, ledgerKey(tenant), knownField).Result()
	if err != nil {
		return false, fmt.Errorf("ask Redis for the ledger of invites: %w", err)
	}
	return known, nil
}

func (l *redisLedger) Begin(ctx context.Context, tenant, person, previous string, entry directory.InviteLedgerEntry) (directory.InviteLedgerEntry, bool, error) {
	text, err := l.redis.HGet(ctx, ledgerKey(tenant), person).Result()
	if err != nil && !errors.Is(err, redis.Nil) {
		return directory.InviteLedgerEntry{}, false, fmt.Errorf("read the ledger of invites in Redis: %w", err)
	}
	if found := readEntry(text); err == nil && !mayBegin(found, previous, entry.Issue) {
		return found, false, nil
	}
	return entry, true, l.put(ctx, tenant, person, entry)
}

func (l *redisLedger) Sent(ctx context.Context, tenant, person string, entry directory.InviteLedgerEntry) error {
	entry.Sent = true
	return l.put(ctx, tenant, person, entry)
}

func (l *redisLedger) put(ctx context.Context, tenant, person string, entry directory.InviteLedgerEntry) error {
	if err := l.redis.HSet(ctx, ledgerKey(tenant), person, entryText(entry)).Err(); err != nil {
		return fmt.Errorf("write the ledger of invites in Redis: %w", err)
	}
	return nil
}

func (l *redisLedger) Seed(ctx context.Context, tenant string, entries map[string]directory.InviteLedgerEntry) error {
	values := []any{knownField, "1"}
	for person, e := range entries {
		values = append(values, person, entryText(e))
	}
	if err := l.redis.HSet(ctx, ledgerKey(tenant), values...).Err(); err != nil {
		return fmt.Errorf("write the ledger of invites in Redis: %w", err)
	}
	return nil
}

func (l *redisLedger) Forget(ctx context.Context, tenant string) error {
	if err := l.redis.Del(ctx, ledgerKey(tenant)).Err(); err != nil {
		return fmt.Errorf("drop the ledger of invites in Redis: %w", err)
	}
	return nil
}
