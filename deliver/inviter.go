package deliver

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const (
	// inviteLease is how long an attempt may take: much longer than one does.
	inviteLease = 5 * time.Minute
	// inviteTurn is how long one turn begins attempts. With the last one it must be shorter than a turn may take.
	inviteTurn = 20 * time.Second
	// inviteRate is the time to which the rate limit refers.
	inviteRate = time.Minute
)

// InviteBook is a tenant's invites as the sender sees them.
type InviteBook interface {
	// Turn does what is to be done before any invite is sent; more says that there is more of it.
	Turn(ctx context.Context) (more bool, err error)
	// Claim takes the next invite and commits that it is being sent by this attempt.
	Claim(ctx context.Context, attempt string, lease time.Duration) (directory.InviteCandidate, bool, error)
	// Finish commits how the attempt ended.
	Finish(ctx context.Context, person, attempt string, outcome directory.InviteOutcome) error
	// Attempted counts attempts that began within the time, and says whether there ever was one.
	Attempted(ctx context.Context, within time.Duration) (recent int, ever bool, err error)
	// Waits says whether an invite may go out.
	Waits(ctx context.Context) (bool, error)
}

// InviteTenant is what a tenant's configuration says about its mails.
type InviteTenant struct {
	Slug      string
	Product   string // its name in the mail
	URL       string // where somebody accepts; the token is added to it
	LinkTTL   time.Duration
	Language  string // of those whose own has no text
	PerMinute int
}

// InviterOptions configures an Inviter.
type InviterOptions struct {
	Ledger    InviteLedger // nil: there is no place for one
	Mailer    *Mailer      // nil: no mail server is configured
	Templates *InviteTemplates
	Links     *Links
	NewID     func() string
	Now       func() time.Time
	Log       *slog.Logger
}

// Inviter sends the invites of tenants, one mail at a time for each of them, at most one for each invite.
//
// What may not be lost is written before what it is about happens: that the invite is being sent into the database, then into the ledger,
// then the mail server is talked to. Whoever dies in between leaves an invite that nobody sends again by itself.
type Inviter struct{ o InviterOptions }

// NewInviter returns an inviter.
func NewInviter(o InviterOptions) *Inviter { return &Inviter{o} }

// Missing says in a sentence what the tenant's mails lack; empty when they can go out.
func (s *Inviter) Missing(t InviteTenant) string {
	var missing []string
	add := func(wrong bool, what string) {
		if wrong {
			missing = append(missing, what)
		}
	}
	add(s.o.Mailer == nil, "mail.server and mail.from")
	add(!s.o.Links.Ready(), "mail.link_keys")
	add(t.URL == "", "invites.url")
	add(t.Product == "", "invites.product")
	add(s.o.Ledger == nil, "a place for the ledger of invites, which is beside a SQLite file or in a Redis of its own")
	if missing == nil {
		return ""
	}
	return "invites cannot be mailed, because this is missing in the configuration: " + strings.Join(missing, ", ")
}

// ErrLedgerLost says that the ledger knows nothing of a tenant whose invites went out.
var ErrLedgerLost = errors.New("the ledger of invites is lost")

// Turn sends invites that are due for a while; more says that others are. Nothing is sent when resting ends.
func (s *Inviter) Turn(ctx, resting context.Context, t InviteTenant, book InviteBook) (more bool, err error) {
	if more, err = book.Turn(ctx); err != nil || more {
		return more, err
	}
	waits, err := book.Waits(ctx)
	if err != nil || !waits {
		return false, err
	}
	if missing := s.Missing(t); missing != "" {
		return false, errors.New(missing + "; the invites stay due")
	}
	recent, err := s.check(ctx, t, book)
	if err != nil {
		return false, err
	}
	until := s.o.Now().Add(inviteTurn)
	for sent := recent; s.o.Now().Before(until); sent++ {
		if ctx.Err() != nil || resting.Err() != nil {
			return false, nil // the rest stays due
		}
		if sent >= t.PerMinute {
			return false, &directory.RetryAfterError{Wait: max(time.Second, inviteRate/time.Duration(max(t.PerMinute, 1))),
				Err: fmt.Errorf("%d invites within a minute are as many as invites.per_minute allows", sent)}
		}
		found, err := s.one(ctx, t, book)
		if err != nil || !found {
			return false, err
		}
	}
	return true, nil
}

// check makes sure that the ledger is there, and counts what went out lately.
func (s *Inviter) check(ctx context.Context, t InviteTenant, book InviteBook) (recent int, err error) {
	recent, ever, err := book.Attempted(ctx, inviteRate)
	if err != nil {
		return 0, err
	}
	known, err := s.o.Ledger.Known(ctx, t.Slug)
	if err != nil || known {
		return recent, err
	}
	if ever {
		return 0, fmt.Errorf("%w: the database says that invites of this tenant were sent, and the ledger outside of it knows none. Either the ledger was emptied, or another "+
			"database is used, which may be an old copy; nothing is sent until an admin says which, with oktasync invites recover (docs/invites.md)", ErrLedgerLost)
	}
	return recent, s.o.Ledger.Seed(ctx, t.Slug, nil)
}

// one makes one attempt. What was begun is ended, also when the service is told to stop.
func (s *Inviter) one(ctx context.Context, t InviteTenant, book InviteBook) (bool, error) {
	attempt := s.o.NewID()
	claimed, found, err := book.Claim(ctx, attempt, inviteLease)
	if err != nil || !found {
		return false, err
	}
	ctx = context.WithoutCancel(ctx)
	outcome := s.attempt(ctx, t, claimed, attempt)
	log := s.o.Log.With("tenant", t.Slug, "person", claimed.PersonID, "attempt", attempt)
	if err := book.Finish(ctx, claimed.PersonID, attempt, outcome); err != nil {
		log.ErrorContext(ctx, "what became of an invite could not be written down; it is listed as uncertain in a few minutes", "outcome", outcome.Result, "error", err)
		return false, err
	}
	switch outcome.Result {
	case directory.InviteTaken:
		log.InfoContext(ctx, "an invite was sent")
	case directory.InviteUnreachable:
		return false, fmt.Errorf("no invite can be sent now; it stays due and is tried again in a minute: %s", outcome.Problem)
	default:
		log.WarnContext(ctx, "an invite was not sent, or it is not known whether it was", "outcome", outcome.Result, "reason", outcome.Problem)
	}
	return true, nil
}

func (s *Inviter) attempt(ctx context.Context, t InviteTenant, c directory.InviteCandidate, attempt string) directory.InviteOutcome {
	letter, err := s.letter(t, c, attempt)
	if err != nil {
		return directory.InviteOutcome{Result: directory.InviteRefused, Problem: "the mail cannot be written: " + err.Error()}
	}
	entry := directory.InviteLedgerEntry{Issue: c.Issue, Attempt: attempt}
	before, may, err := s.o.Ledger.Begin(ctx, t.Slug, c.PersonID, c.Attempt, entry)
	switch {
	case err != nil:
		s.o.Log.WarnContext(ctx, "the ledger of invites cannot be used", "tenant", t.Slug, "error", err)
		return directory.InviteOutcome{Result: directory.InviteUnreachable, Problem: "the ledger of invites cannot be used, and nothing is sent without it"}
	case !may && before.Sent:
		return directory.InviteOutcome{Result: directory.InviteKnownSent, Problem: "the ledger outside the database says that it was sent already; the database is an older copy"}
	case !may:
		return directory.InviteOutcome{Result: directory.InviteKnownBegun, Problem: "the ledger outside the database knows of an attempt to send it that the database does not know of; it may have arrived"}
	}
	outcome := s.o.Mailer.SendInvite(ctx, letter)
	if outcome.Result != directory.InviteTaken {
		return outcome
	}
	if err := s.o.Ledger.Sent(ctx, t.Slug, c.PersonID, entry); err != nil {
		// The entry that says that it began keeps it from being sent again as well.
		s.o.Log.WarnContext(ctx, "an invite was sent, and the ledger could not be told", "tenant", t.Slug, "person", c.PersonID, "error", err)
	}
	return outcome
}

func (s *Inviter) letter(t InviteTenant, c directory.InviteCandidate, attempt string) (Mail, error) {
	now := s.o.Now()
	ends := now.Add(t.LinkTTL)
	token, err := s.o.Links.Token(t.Slug, c.PersonID, attempt, ends)
	if err != nil {
		return Mail{}, err
	}
	link, err := withToken(t.URL, token)
	if err != nil {
		return Mail{}, err
	}
	p := c.Person.Profile
	name := strings.TrimSpace(p.FirstName + " " + p.LastName)
	written, err := s.o.Templates.find(t.Slug, p.Language, t.Language).write(InviteText{
		Name: name, FirstName: p.FirstName, LastName: p.LastName, Product: t.Product, Link: link, Expires: ends.UTC(), Tenant: t.Slug,
	})
	if err != nil {
		return Mail{}, err
	}
	return Mail{ID: "invite." + attempt, To: []string{p.Email}, Subject: written.subject, Text: written.text, HTML: written.html, At: now}, nil
}
