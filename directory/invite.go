package directory

import (
	"fmt"
	"hash/fnv"
	"strings"
	"time"
)

// InviteState says how far the invite of a person has come.
type InviteState string

// The states of invites. Whoever has no row has the state InviteHeld: an installation that
// invites nobody keeps nothing about invites.
const (
	InviteHeld      InviteState = "held"      // nothing goes out
	InviteDue       InviteState = "due"       // it goes out as soon as it may
	InviteSending   InviteState = "sending"   // a conversation with the mail server is under way
	InviteSent      InviteState = "sent"      // the mail server took it, or the product says that it sent it
	InviteAccepted  InviteState = "accepted"  // the product says so
	InviteFailed    InviteState = "failed"    // it certainly did not go out, and is not tried again
	InviteUncertain InviteState = "uncertain" // it cannot be known whether it went out: an admin decides
	InviteRevoked   InviteState = "revoked"   // an admin took it back
)

// InviteStates lists the states in the order in which an invite goes through them.
func InviteStates() []InviteState {
	return []InviteState{InviteHeld, InviteDue, InviteSending, InviteSent, InviteAccepted, InviteFailed, InviteUncertain, InviteRevoked}
}

// Invite is the one invite of a person. It holds no values of the person, so that it can
// stay when the person is erased: whoever returns gets no second one.
type Invite struct {
	PersonID string
	State    InviteState
	Since    time.Time // of the state
	// ReleaseAt is when a held invite becomes due by itself; zero: never.
	ReleaseAt time.Time
	// ReleasedBy names the admin token that let it go; empty: the mode InvitesAutomatic did.
	ReleasedBy string
	// Issue tells an invite that an admin sends once more from the one before, and grows with time; empty for the first.
	Issue string

	Attempt     string    // id of the last attempt to send it
	AttemptedAt time.Time // when that began
	LeaseUntil  time.Time // while sending: whoever sends it has died when this is over
	RetryAt     time.Time // while due: not before
	Tries       int       // attempts that the mail server refused for this person
	SentAt      time.Time
	AcceptedAt  time.Time
	Problem     string // a sentence for an admin, without addresses
}

// InvitesMode says who decides that somebody is invited.
type InvitesMode string

// The modes. Empty means InvitesOff.
const (
	InvitesOff       InvitesMode = "off"       // the product invites nobody, or does so without us
	InvitesHold      InvitesMode = "hold"      // nothing goes out but what an admin releases
	InvitesAutomatic InvitesMode = "automatic" // whoever is new is invited
)

// InviteSender says who sends invites.
type InviteSender string

// The senders. Empty means InviteByMail.
const (
	InviteByMail    InviteSender = "mail"
	InviteByProduct InviteSender = "product" // it learns of invites that are due from the feed
)

// InviteRules are what a tenant's configuration says about invites.
type InviteRules struct {
	Mode   InvitesMode
	SendBy InviteSender
	// NotBefore names the custom field with the day from which somebody may be invited; empty: at any time.
	NotBefore string
}

// StartsAt returns from when the person may be invited, the zero time when at any time. It fails when
// the field holds no date, or Okta has one that the field's rule cannot read. A day begins at midnight UTC.
func (r InviteRules) StartsAt(p Person) (time.Time, error) {
	if r.NotBefore == "" {
		return time.Time{}, nil
	}
	text, _ := p.Profile.Custom[r.NotBefore].(string)
	text = strings.TrimSpace(text)
	if text == "" && p.Profile.Unfit[CustomOf(r.NotBefore)] == "" {
		return time.Time{}, nil
	}
	for _, form := range []string{time.DateOnly, time.RFC3339, "2006-01-02T15:04:05", "20060102"} {
		if at, err := time.Parse(form, text); err == nil {
			return at.UTC(), nil
		}
	}
	return time.Time{}, fmt.Errorf("the field %s of person %s holds no date; write it as 2026-12-31 in Okta", r.NotBefore, p.ID)
}

// Obstacle says why the person's invite stays held whatever is released; empty when nothing stands in the way.
func (r InviteRules) Obstacle(p Person) string {
	if _, err := r.StartsAt(p); err != nil {
		return "the day from which the person may be invited (invites.not_before) cannot be read; correct it in Okta, then release the invite"
	}
	return ""
}

// InviteSelection says whose invites are meant. Everything that is set has to be true of a person.
type InviteSelection struct {
	People []string // Okta ids
	Team   string   // id of the primary team
	Group  string   // id of a group of which they are members
	States []InviteState
	// Percent takes this share of the people, from 1 to 100, always the same ones for the same number, so that 20 %
	// are among the 50 %. Zero: all.
	Percent int
}

// Takes says whether the person is in the share that Percent says.
func (s InviteSelection) Takes(person string) bool {
	if s.Percent <= 0 || s.Percent >= 100 {
		return true
	}
	sum := fnv.New32a()
	_, _ = sum.Write([]byte(person)) // which never fails
	// The low bits of FNV-1a tell similar ids badly apart; folded, they do.
	n := sum.Sum32()
	return (n>>16^n)%100 < uint32(s.Percent)
}

// String names the selection by ids and numbers alone, for the list of acts.
func (s InviteSelection) String() string {
	var parts []string
	add := func(format string, value any) { parts = append(parts, fmt.Sprintf(format, value)) }
	if len(s.People) == 1 {
		add("person:%s", s.People[0])
	}
	if len(s.People) > 1 {
		add("%d people", len(s.People))
	}
	if s.Team != "" {
		add("team:%s", s.Team)
	}
	if s.Group != "" {
		add("group:%s", s.Group)
	}
	for _, state := range s.States {
		add("state:%s", state)
	}
	if s.Percent > 0 {
		add("%d %%", s.Percent)
	}
	if parts == nil {
		return "everybody"
	}
	return strings.Join(parts, ", ")
}

// InviteMove is what an admin, or the product, does to invites.
type InviteMove string

// The moves.
const (
	InviteRelease InviteMove = "release" // held to due
	InviteHoldOn  InviteMove = "hold"    // due to held
	InviteResend  InviteMove = "resend"  // sent, failed, uncertain or revoked to due, a second mail if need be
	InviteRevoke  InviteMove = "revoke"
	InviteMark    InviteMove = "sent"     // it went out, by whatever way
	InviteAccept  InviteMove = "accepted" // the person took it
)

// InviteMoves lists them.
func InviteMoves() []InviteMove {
	return []InviteMove{InviteRelease, InviteHoldOn, InviteResend, InviteRevoke, InviteMark, InviteAccept}
}

// Act is the move in the list of acts.
func (m InviteMove) Act() ActKind { return ActKind("invite." + string(m)) }

// InviteOrder is one move of many invites.
type InviteOrder struct {
	Move   InviteMove
	Select InviteSelection
	// PerHour spreads a release: so many become due at once, as many an hour later, and so on. Zero: all at once.
	PerHour int
	// Present leaves out who has left.
	Present bool
}

// InviteTally is what became of an order.
type InviteTally struct {
	Moved   int
	Skipped map[string]int // by the reason, which is the state that stood in the way
	Later   int            // of those moved: they become due later, by not_before or per hour
}

// InviteCandidate is an invite with what is needed to show or send it.
type InviteCandidate struct {
	Invite
	Person Person // without its row: a tombstone
}

// InviteResult says how an attempt to send ended.
type InviteResult string

// The results.
const (
	InviteTaken       InviteResult = "taken"       // the server answered that it has the message
	InviteLater       InviteResult = "later"       // refused for now, with certainty
	InviteRefused     InviteResult = "refused"     // refused for good, with certainty
	InviteUnreachable InviteResult = "unreachable" // the server, not the person, is the reason; certainly not sent
	InviteUnknown     InviteResult = "unknown"     // the message was handed over and no answer came
	InviteKnownSent   InviteResult = "known"       // the ledger knows that it was sent before
	InviteKnownBegun  InviteResult = "begun"       // the ledger knows of an attempt whose end nobody knows
)

// InviteOutcome is how an attempt ended.
type InviteOutcome struct {
	Result  InviteResult
	Problem string // a sentence without addresses, where it was not taken
}

// InviteLedgerEntry is what the ledger outside the database keeps of a person: the last attempt.
type InviteLedgerEntry struct {
	Issue   string
	Attempt string
	Sent    bool
}

// InvitePlan is what a release would do to an invite.
type InvitePlan struct {
	InviteCandidate
	GoesAt time.Time // not before; zero: at once
	Stays  string    // why it would stay as it is
}

// InviteSummary says how a tenant's invites stand.
type InviteSummary struct {
	Mode    InvitesMode
	SendBy  InviteSender
	Missing string // why none can go out; empty when they can
	States  map[InviteState]int
}
