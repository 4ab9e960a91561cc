package sync

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// invitesAtOnce is how many invites one commit moves.
const invitesAtOnce = 500

// applyInvites makes due, in the commit that creates them, the people who are new, where the tenant's mode says so. Who
// had an invite ever, under this id, gets no other; who comes back without one stays held, for nobody knows how
// they came in before. With any other mode nothing is written: without a row an invite is held.
func (b *batch) applyInvites(ctx context.Context) error {
	rules := b.engine.rules.Invites
	if rules.Mode != directory.InvitesAutomatic || len(b.created) == 0 {
		return nil
	}
	had, err := b.tx.Invites(ctx, b.created)
	if err != nil {
		return err
	}
	known := byID(had, func(i directory.Invite) string { return i.PersonID })
	now := b.tx.Now()
	var put []directory.Invite
	for _, id := range b.created {
		if _, has := known[id]; has {
			continue
		}
		next, _ := release(directory.Invite{PersonID: id, State: directory.InviteHeld}, b.people[id], rules, now, now)
		put = append(put, next)
		b.invites = append(b.invites, inviteChange(directory.Invite{}, next, b.cause))
	}
	return b.tx.PutInvites(ctx, put)
}

// release lets a held invite go: now, at the slot it got in a wave, or from the person's day on. The reason is given
// when it stays held all the same.
func release(i directory.Invite, p directory.Person, rules directory.InviteRules, slot, now time.Time) (directory.Invite, string) {
	start, err := rules.StartsAt(p)
	if err != nil {
		if i.Since.IsZero() {
			i.Since = now
		}
		i.ReleaseAt, i.Problem = time.Time{}, rules.Obstacle(p)
		return i, "no readable day"
	}
	if start.Before(slot) {
		start = slot
	}
	i.Problem, i.Since = "", now
	if start.After(now) {
		i.ReleaseAt = start
		return i, ""
	}
	i.State, i.ReleaseAt = directory.InviteDue, time.Time{}
	return i, ""
}

// inviteChange tells the history what became of an invite. before is the zero value where there was none.
func inviteChange(before, after directory.Invite, cause directory.Cause) directory.Change {
	value := func(s directory.InviteState) any {
		if s == "" {
			return nil
		}
		return string(s)
	}
	c := directory.Change{
		Type: directory.ChangeType("invite." + string(after.State)), Subject: directory.SubjectInvite, SubjectID: after.PersonID, PersonID: after.PersonID,
		Fields: []directory.FieldChange{{Field: "state", Before: value(before.State), After: value(after.State)}}, Cause: cause,
	}
	if !before.ReleaseAt.Equal(after.ReleaseAt) {
		f := directory.FieldChange{Field: "release_at"}
		if !before.ReleaseAt.IsZero() {
			f.Before = before.ReleaseAt.UTC().Format(time.RFC3339)
		}
		if !after.ReleaseAt.IsZero() {
			f.After = after.ReleaseAt.UTC().Format(time.RFC3339)
		}
		c.Fields = append(c.Fields, f)
	}
	return c
}

// OrderInvites does what an admin, or the product, wants done with invites: in commits of some hundred, in order of the
// people's ids. What an order has done stays done when it is cut short, and giving it again goes on.
// It fails with directory.ErrConflict while the tenant's invites are off.
func (e *Engine) OrderInvites(ctx context.Context, order directory.InviteOrder, act directory.Act) (directory.InviteTally, Result, error) {
	tally, result := directory.InviteTally{Skipped: map[string]int{}}, Result{Scope: directory.FullScope()}
	if e.rules.Invites.Mode == directory.InvitesOff || e.rules.Invites.Mode == "" {
		return tally, result, refuse("invites are off for this tenant (invites.mode); nothing was done")
	}
	act.Subject = order.Select.String()
	from := directory.InviteSelection{People: order.Select.People, Team: order.Select.Team, Group: order.Select.Group, States: order.Select.States}
	found, first := 0, true
	for after := ""; ; {
		page, err := e.store.ListInvites(ctx, e.tenant, from, after, invitesAtOnce)
		if err != nil {
			return tally, result, err
		}
		var ids []string
		for _, c := range page {
			after = c.PersonID
			if order.Select.Takes(c.PersonID) {
				ids = append(ids, c.PersonID)
			}
		}
		found += len(ids)
		if len(ids) > 0 || first {
			o := &ordered{engine: e, order: order, act: act, tally: &tally, record: first}
			if err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error { return o.move(ctx, tx, ids) }); err != nil {
				return tally, result, fmt.Errorf("%s the invites of %d people: %w", order.Move, len(ids), err)
			}
			o.count()
			result.countChanges(o.changes)
			first = false
		}
		if len(page) < invitesAtOnce {
			break
		}
	}
	if missing := len(order.Select.People) - found; missing > 0 && order.Select.Percent == 0 {
		tally.Skipped["not in the directory, or not in the rest of the selection"] = missing
	}
	return tally, result, nil
}

// PreviewInvites says what a release would do to held invites, and releases nothing. It looks at as many people as limit says, in
// order of id after `after`; next is where to go on, empty at the end.
func (e *Engine) PreviewInvites(ctx context.Context, sel directory.InviteSelection, after string, limit int) (plans []directory.InvitePlan, next string, err error) {
	if len(sel.States) == 0 {
		sel.States = []directory.InviteState{directory.InviteHeld}
	}
	page, err := e.store.ListInvites(ctx, e.tenant, sel, after, limit)
	if err != nil {
		return nil, "", err
	}
	now, err := e.store.Now(ctx)
	if err != nil {
		return nil, "", err
	}
	o := &ordered{engine: e, order: directory.InviteOrder{Move: directory.InviteRelease}}
	for _, c := range page {
		if !sel.Takes(c.PersonID) {
			continue
		}
		then, reason := o.moved(c.Invite, c.Person, now, now)
		plans = append(plans, directory.InvitePlan{InviteCandidate: c, GoesAt: then.ReleaseAt, Stays: reason})
	}
	if len(page) == limit {
		next = page[limit-1].PersonID
	}
	return plans, next, nil
}

// inviteDoubt is the move of those who may have been invited after the copy was made that the database was restored from.
const inviteDoubt directory.InviteMove = "doubt"

// RecoverInvites is what an admin says about the database when the ledger of invites is lost. A restored one makes uncertain whatever has
// not gone out, for nobody knows what went out after the copy was made.
func (e *Engine) RecoverInvites(ctx context.Context, restored bool, act directory.Act) (directory.InviteTally, Result, error) {
	if restored {
		return e.OrderInvites(ctx, directory.InviteOrder{Move: inviteDoubt}, act)
	}
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error { return tx.Record(ctx, act) })
	return directory.InviteTally{}, Result{}, err
}

// ordered is one commit of an order.
type ordered struct {
	engine *Engine
	order  directory.InviteOrder
	act    directory.Act
	record bool
	tally  *directory.InviteTally // of the commits before

	changes []directory.Change
	skipped []string
	later   int
}

// count adds the commit to the tally.
func (o *ordered) count() {
	o.tally.Moved += len(o.changes)
	o.tally.Later += o.later
	for _, reason := range o.skipped {
		o.tally.Skipped[reason]++
	}
}

func (o *ordered) move(ctx context.Context, tx Tx, ids []string) error {
	if o.record {
		if err := tx.Record(ctx, o.act); err != nil {
			return err
		}
	}
	rows, err := tx.Invites(ctx, ids)
	if err != nil {
		return err
	}
	people, err := tx.People(ctx, ids)
	if err != nil {
		return fmt.Errorf("load %d people: %w", len(ids), err)
	}
	have := byID(rows, func(i directory.Invite) string { return i.PersonID })
	persons := byID(people, func(p directory.Person) string { return p.ID })
	cause := directory.Cause{Kind: directory.CauseManual, Actor: o.act.Actor}
	var put []directory.Invite
	for _, id := range ids {
		before, has := have[id]
		if !has {
			before = directory.Invite{PersonID: id, State: directory.InviteHeld}
		}
		slot := tx.Now()
		if o.order.PerHour > 0 {
			slot = slot.Add(time.Duration((o.tally.Moved+len(put))/o.order.PerHour) * time.Hour)
		}
		next, reason := o.moved(before, persons[id], slot, tx.Now())
		if reason != "" {
			o.skipped = append(o.skipped, reason)
			continue
		}
		if next.ReleaseAt.After(tx.Now()) {
			o.later++
		}
		put = append(put, next)
		o.changes = append(o.changes, inviteChange(before, next, cause))
	}
	if err := tx.PutInvites(ctx, put); err != nil {
		return err
	}
	return appendChanges(ctx, tx, o.changes)
}

// moved is the invite after the move, or the reason why it stays as it is.
func (o *ordered) moved(i directory.Invite, p directory.Person, slot, now time.Time) (directory.Invite, string) {
	state := func(s directory.InviteState) directory.Invite {
		i.State, i.Since, i.Problem = s, now, ""
		i.ReleaseAt, i.RetryAt, i.LeaseUntil = time.Time{}, time.Time{}, time.Time{}
		return i
	}
	already := "is " + string(i.State)
	switch o.order.Move {
	case directory.InviteRelease:
		if i.State != directory.InviteHeld || !i.ReleaseAt.IsZero() && i.ReleasedBy != "" {
			return i, already
		}
		if !p.Present() {
			return i, "left"
		}
		i.ReleasedBy = o.act.Actor
		return release(i, p, o.engine.rules.Invites, slot, now)
	case directory.InviteHoldOn:
		if i.State != directory.InviteDue && (i.State != directory.InviteHeld || i.ReleaseAt.IsZero()) {
			return i, already
		}
		i.ReleasedBy = ""
		return state(directory.InviteHeld), ""
	case directory.InviteResend:
		switch i.State {
		case directory.InviteSent, directory.InviteFailed, directory.InviteUncertain, directory.InviteRevoked:
		default:
			return i, already
		}
		if !p.Present() {
			return i, "left"
		}
		i.Issue, i.Tries, i.ReleasedBy = o.engine.newID(), 0, o.act.Actor
		return state(directory.InviteDue), ""
	case directory.InviteRevoke:
		switch i.State {
		case directory.InviteHeld, directory.InviteDue, directory.InviteSent, directory.InviteFailed, directory.InviteUncertain:
			return state(directory.InviteRevoked), ""
		default:
			return i, already
		}
	case directory.InviteMark:
		switch i.State {
		case directory.InviteHeld, directory.InviteDue, directory.InviteFailed, directory.InviteUncertain:
			i.SentAt = now
			return state(directory.InviteSent), ""
		default:
			return i, already
		}
	case inviteDoubt:
		if i.State != directory.InviteHeld && i.State != directory.InviteDue {
			return i, already
		}
		i = state(directory.InviteUncertain)
		i.Problem = "the database is a restored one, and what was sent after its copy was made is not known; ask the mail server, then resend or mark as sent"
		return i, ""
	case directory.InviteAccept:
		if i.State == directory.InviteAccepted || i.State == directory.InviteRevoked {
			return i, already
		}
		if o.order.Present && !p.Present() {
			return i, "left"
		}
		i.AcceptedAt = now
		return state(directory.InviteAccepted), ""
	default:
		return i, fmt.Sprintf("the move %q does not exist", o.order.Move)
	}
}
