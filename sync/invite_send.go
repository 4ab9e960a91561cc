package sync

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// inviteRetries is how long an invite waits that the mail server refused for now, by how often it did. After the last
// one it has failed.
func inviteRetries() []time.Duration {
	return []time.Duration{5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 6 * time.Hour, 24 * time.Hour}
}

// unreachableRetry is how long an invite waits when the mail server could not be talked to.
const unreachableRetry = time.Minute

// senderDied is why an invite is uncertain whose sender never said what came of it.
const senderDied = "the process that sent it ended in the middle; ask the mail server, or the person, whether it arrived"

// TurnInvites does what has to be done before any invite is sent: those whose time has come become due, those whose
// sender died become uncertain, and those that nobody released are held again where the mode is not automatic any
// more. more says that there are others.
func (e *Engine) TurnInvites(ctx context.Context) (result Result, more bool, err error) {
	result.Scope = directory.FullScope()
	rules := e.rules.Invites
	turned, err := e.store.InvitesTurned(ctx, e.tenant, rules.Mode)
	if err != nil || !turned {
		return result, false, err
	}
	var changes []directory.Change
	err = e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		rows, err := tx.TurnedInvites(ctx, rules.Mode, invitesAtOnce)
		if err != nil {
			return err
		}
		more = len(rows) == invitesAtOnce
		ids := make([]string, len(rows))
		for i, row := range rows {
			ids[i] = row.PersonID
		}
		people, err := tx.People(ctx, ids)
		if err != nil {
			return fmt.Errorf("load %d people: %w", len(ids), err)
		}
		persons := byID(people, func(p directory.Person) string { return p.ID })
		for i, before := range rows {
			rows[i] = turnInvite(before, persons[before.PersonID], rules, tx.Now())
			if before.State == directory.InviteSending {
				before.State = directory.InviteDue // what the history knows: sending is no fact, but something that goes on
			}
			changes = append(changes, inviteChange(before, rows[i], directory.Cause{Kind: directory.CauseInvites}))
		}
		if err := tx.PutInvites(ctx, rows); err != nil {
			return err
		}
		return appendChanges(ctx, tx, changes)
	})
	if err != nil {
		return result, false, fmt.Errorf("turn invites whose time has come: %w", err)
	}
	result.countChanges(changes)
	return result, more, nil
}

func turnInvite(i directory.Invite, p directory.Person, rules directory.InviteRules, now time.Time) directory.Invite {
	switch {
	case i.State == directory.InviteSending:
		i.State, i.Since, i.LeaseUntil, i.Problem = directory.InviteUncertain, now, time.Time{}, senderDied
	case i.ReleasedBy == "" && rules.Mode != directory.InvitesAutomatic:
		i.State, i.Since, i.ReleaseAt, i.RetryAt = directory.InviteHeld, now, time.Time{}, time.Time{}
	default:
		i, _ = release(i, p, rules, now, now)
	}
	return i
}

// ClaimInvite takes the invite that goes out next, and writes down that it is being sent, before anything is said to the
// mail server: whoever dies from now on leaves an invite that is sending, and that nobody sends again. False: nothing
// may go out now. attempt is an id that no other attempt has.
func (e *Engine) ClaimInvite(ctx context.Context, attempt string, lease time.Duration) (directory.InviteCandidate, bool, error) {
	var claimed directory.InviteCandidate
	waits, err := e.store.InviteWaits(ctx, e.tenant)
	if err != nil || !waits {
		return claimed, false, err
	}
	blocked, err := e.store.Blocked(ctx, e.tenant)
	if err != nil || blocked != "" {
		return claimed, false, err
	}
	found := false
	err = e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		next, person, waits, err := e.nextInvite(ctx, tx)
		if err != nil || !waits {
			return err
		}
		claimed = directory.InviteCandidate{Invite: next, Person: person}
		found = true
		next.State, next.Since, next.Attempt = directory.InviteSending, tx.Now(), attempt
		next.AttemptedAt, next.LeaseUntil, next.RetryAt = tx.Now(), tx.Now().Add(lease), time.Time{}
		return tx.PutInvites(ctx, []directory.Invite{next})
	})
	if err != nil {
		return directory.InviteCandidate{}, false, fmt.Errorf("take the next invite: %w", err)
	}
	return claimed, found, nil
}

// nextInvite finds the invite that goes out next. Those whose day was moved since they became due are held again on the way.
func (e *Engine) nextInvite(ctx context.Context, tx Tx) (directory.Invite, directory.Person, bool, error) {
	var moved []directory.Change
	for {
		next, waits, err := tx.NextInvite(ctx)
		if err != nil || !waits || !e.mayGo(next) {
			return next, directory.Person{}, false, errors.Join(err, appendChanges(ctx, tx, moved))
		}
		people, err := tx.People(ctx, []string{next.PersonID})
		if err != nil {
			return next, directory.Person{}, false, fmt.Errorf("load person %s: %w", next.PersonID, err)
		}
		person := people[0]
		start, err := e.rules.Invites.StartsAt(person)
		if next.Issue != "" || err == nil && !start.After(tx.Now()) { // an admin who resends looks at no day
			return next, person, true, appendChanges(ctx, tx, moved)
		}
		before := next
		next.State = directory.InviteHeld
		next, _ = release(next, person, e.rules.Invites, tx.Now(), tx.Now())
		moved = append(moved, inviteChange(before, next, directory.Cause{Kind: directory.CauseInvites}))
		if err := tx.PutInvites(ctx, []directory.Invite{next}); err != nil {
			return next, person, false, err
		}
	}
}

// mayGo is the last word before an invite is sent: an admin released it, or the mode invites whoever is new.
func (e *Engine) mayGo(i directory.Invite) bool {
	switch e.rules.Invites.Mode {
	case directory.InvitesHold:
		return i.ReleasedBy != ""
	case directory.InvitesAutomatic:
		return true
	default:
		return false
	}
}

// FinishInvite writes down how an attempt ended. It does nothing when the invite is not that attempt's any more: an admin
// or the product was faster.
func (e *Engine) FinishInvite(ctx context.Context, person, attempt string, outcome directory.InviteOutcome) (Result, error) {
	result := Result{Scope: directory.PersonScope(person)}
	var changes []directory.Change
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		rows, err := tx.Invites(ctx, []string{person})
		if err != nil || len(rows) == 0 || rows[0].State != directory.InviteSending || rows[0].Attempt != attempt {
			return err
		}
		before := rows[0]
		before.State = directory.InviteDue // what the history knows, as above
		after, err := finishInvite(before, outcome, tx.Now())
		if err != nil {
			return err
		}
		if after.State != before.State {
			changes = append(changes, inviteChange(before, after, directory.Cause{Kind: directory.CauseInvites}))
		}
		if err := tx.PutInvites(ctx, []directory.Invite{after}); err != nil {
			return err
		}
		return appendChanges(ctx, tx, changes)
	})
	if err != nil {
		return result, fmt.Errorf("write down what became of the invite of person %s: %w", person, err)
	}
	result.countChanges(changes)
	return result, nil
}

func finishInvite(i directory.Invite, outcome directory.InviteOutcome, now time.Time) (directory.Invite, error) {
	i.Since, i.LeaseUntil, i.Problem = now, time.Time{}, outcome.Problem
	switch outcome.Result {
	case directory.InviteTaken, directory.InviteKnownSent:
		i.State, i.SentAt = directory.InviteSent, now
	case directory.InviteRefused:
		i.State = directory.InviteFailed
	case directory.InviteUnknown, directory.InviteKnownBegun:
		i.State = directory.InviteUncertain
	case directory.InviteUnreachable:
		i.RetryAt = now.Add(unreachableRetry)
	case directory.InviteLater:
		i.Tries++
		if waits := inviteRetries(); i.Tries <= len(waits) {
			i.RetryAt = now.Add(waits[i.Tries-1])
			break
		}
		i.State, i.Problem = directory.InviteFailed, fmt.Sprintf("%s; it was refused %d times and is not tried again", outcome.Problem, i.Tries)
	default:
		return i, fmt.Errorf("an attempt cannot end as %q", outcome.Result)
	}
	return i, nil
}
