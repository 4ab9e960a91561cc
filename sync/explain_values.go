package sync

import (
	"fmt"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/directory"
)

// explain is pure: the same evidence gives the same explanation.
func (f *evidence) explain() directory.Explanation {
	x := directory.Explanation{PersonID: f.id, Known: f.person != nil, Ignored: f.ignored}
	if x.Purged = f.page.Purged > 0; x.Purged && len(f.page.Changes) > 0 {
		x.OldestKept = &f.page.Changes[0].At
	}
	if f.person != nil {
		x.Values = slices.Concat(f.statusValues(), f.fieldValues(), f.placeValues(), f.grantValues())
		if f.invite != nil && f.invite.State != directory.InviteHeld {
			x.Values = append(x.Values, f.inviteValue())
		}
	}
	x.Missing = f.gaps()
	return x
}

func (f *evidence) statusValues() []directory.Explained {
	p := f.person
	all := []directory.Explained{{
		Topic: directory.TopicStatus, Name: "status", Value: string(p.Status), Reason: statusReason(*p),
		Origin: f.history.origin(ofField("status"), string(p.Status)),
	}}
	for _, v := range []struct{ name, value, reason string }{
		{"okta_status", p.OktaStatus, "as Okta names it"},
		{"assignment", p.Assignment, "USER: Okta assigned the app to the person; GROUP: to a group of theirs"},
	} {
		if v.value != "" {
			all = append(all, directory.Explained{
				Topic: directory.TopicStatus, Name: v.name, Value: v.value, Reason: v.reason, Origin: f.history.origin(ofField(v.name), v.value),
			})
		}
	}
	return all
}

func statusReason(p directory.Person) string {
	switch {
	case p.Detached():
		return "left, and the policy remove_from_team keeps the account; Okta's status is " + p.OktaStatus
	case p.Status == directory.StatusDeactivated:
		return "deactivated in Okta"
	case p.OktaStatus == directory.OktaDeleted:
		return "deleted in Okta"
	case p.Status == directory.StatusRemoved:
		return "Okta does not assign the app to the person any more"
	case p.Status == directory.StatusSuspended && directory.StatusOf(p.OktaStatus) == directory.StatusActive:
		return "suspended in the app, though not in Okta"
	default:
		return "Okta assigns the app, and Okta's status is " + p.OktaStatus
	}
}

func (f *evidence) fieldValues() []directory.Explained {
	var all []directory.Explained
	p := &f.person.Profile
	told := map[string]bool{}
	add := func(field directory.Field, reason string) {
		value := valueIn(p, field)
		if value == nil || told[string(field)] {
			return
		}
		told[string(field)] = true
		if why := p.Unfit[field]; why != "" {
			reason += "; the value that Okta has " + why.Words()
		}
		all = append(all, directory.Explained{
			Topic: directory.TopicField, Name: string(field), Value: value, Reason: reason, Origin: f.history.origin(ofField(string(field)), value),
		})
	}
	for i := range f.mapper.fields {
		r := &f.mapper.fields[i]
		add(r.field, r.words()+inBrackets(r.place))
	}
	for _, name := range sortedKeys(p.Custom) { // of rules that are no more
		add(directory.CustomOf(name), "no rule makes it now")
	}
	return all
}

// reads names the attributes that the rule reads.
func (r *rule) reads() string {
	var names []string
	for _, a := range slices.Concat(r.from, r.join) {
		names = append(names, a.String())
	}
	if names == nil {
		return "no attribute"
	}
	return strings.Join(names, ", ")
}

// placeValues are team, manager and groups.
func (f *evidence) placeValues() []directory.Explained {
	var all []directory.Explained
	p := f.person
	all = append(all, f.teamValues()...)
	if p.ManagerID != "" {
		reason := f.managerSource()
		if p.ManagerProblem == directory.ManagerLeft {
			reason += "; the manager has left, and managers.when_manager_leaves keeps them"
		}
		all = append(all, directory.Explained{
			Topic: directory.TopicManager, Name: "manager", Value: p.ManagerID, Called: f.manager, Reason: reason,
			Origin: f.history.origin(ofField("manager"), p.ManagerID),
		})
	}
	for _, g := range f.groups {
		all = append(all, directory.Explained{
			Topic: directory.TopicGroup, Name: g.ID, Value: g.ID, Called: g.Name, Reason: "a member in Okta",
			Origin: f.history.origin(ofGroup(g.ID), true),
		})
	}
	return all
}

// managerSource says who names the manager.
func (f *evidence) managerSource() string {
	switch f.person.ManagerSource {
	case directory.ManagerFromAdmin:
		return "an admin chose one for the person"
	case directory.ManagerFromTeam:
		return "an admin set one on the primary team"
	case directory.ManagerFromFirst:
		return "the primary team's first member brought theirs"
	default:
		if link := f.person.Profile.ManagerLink; link != "" && link == f.person.ManagerID && slices.Contains(f.ways(), directory.ManagerByLink) {
			return "Okta's linked object names them"
		}
		return "Okta says " + f.managerTexts()
	}
}

// managerTexts are Okta's words, in the order in which they count.
func (f *evidence) managerTexts() string {
	var texts []string
	for _, text := range []string{f.person.Profile.ManagerIDText, f.person.Profile.ManagerText} {
		if text != "" {
			texts = append(texts, fmt.Sprintf("%q", text))
		}
	}
	if link := f.person.Profile.ManagerLink; link != "" {
		texts = append(texts, fmt.Sprintf("by linked object %q", link))
	}
	return strings.Join(texts, " and ")
}

func (f *evidence) grantValues() []directory.Explained {
	var all []directory.Explained
	for _, r := range f.roles {
		reason := f.because(r.Rule, r.Via, r.Kept)
		if r.Team != "" {
			reason += ", in " + r.Team
		}
		all = append(all, directory.Explained{Topic: directory.TopicRole, Name: r.Set, Value: r.Role, Reason: reason, Origin: f.history.role(r)})
	}
	for _, l := range f.licenses {
		if l.Held {
			all = append(all, directory.Explained{
				Topic: directory.TopicLicense, Name: l.Pool, Value: "held", Reason: f.because(l.Rule, l.Via, l.Kept),
				Origin: f.history.origin(ofLicense(l.Pool), "held"),
			})
		}
	}
	return all
}

// because tells by which rule somebody has something.
func (f *evidence) because(rule, via string, kept directory.KeptBecause) string {
	text := f.ruleAt(rule)
	if via != "" {
		text += ": " + via
	}
	switch kept {
	case "":
		return text
	case directory.KeptLast:
		return "kept, for nobody else has it; no rule gives it any more, it was " + text
	case directory.KeptProtected:
		return "kept, for the person is protected; no rule gives it any more, it was " + text
	default:
		return fmt.Sprintf("kept (%s); no rule gives it any more, it was %s", kept, text)
	}
}

// ruleAt names a rule and where it stands.
func (f *evidence) ruleAt(name string) string {
	for _, list := range f.lists() {
		for _, r := range list {
			if r.Name == name {
				return "rule " + name + inBrackets(r.Place)
			}
		}
	}
	return "rule " + name + " (which the rules do not have any more)"
}

// inBrackets puts a place behind what stands there.
func inBrackets(place string) string {
	if place == "" {
		return ""
	}
	return " (" + place + ")"
}

// lists are the rules of all sets and pools.
func (f *evidence) lists() [][]directory.GrantRule {
	var all [][]directory.GrantRule
	for _, s := range f.rules.Grants.Sets {
		all = append(all, s.Rules)
	}
	for _, p := range f.rules.Grants.Pools {
		all = append(all, p.Rules)
	}
	return all
}

func (f *evidence) inviteValue() directory.Explained {
	i := f.invite
	reason := ""
	switch i.State {
	case directory.InviteDue:
		reason = f.dueInvite()
	case directory.InviteSending:
		reason = "is on its way at this moment"
	case directory.InviteUncertain:
		reason = "nobody knows whether it went out: resend it, mark it as sent, or revoke it"
	case directory.InviteFailed:
		reason = "it did not go out and is not tried again: mend what the reason names, then resend it"
	}
	if i.ReleasedBy != "" {
		reason = join(reason, "released by "+i.ReleasedBy)
	}
	if i.Problem != "" {
		reason = join(reason, i.Problem)
	}
	value := directory.Explained{Topic: directory.TopicInvite, Name: "invite", Value: string(i.State), Reason: reason}
	if w, told := f.history.newest[ofInvite]; told { // that it is being sent stands in the row alone
		value.Origin = w.origin()
	}
	return value
}

// dueInvite says what an invite waits for that is due.
func (f *evidence) dueInvite() string {
	switch p := f.person; {
	case !p.LeftAt.IsZero():
		return "waits, for the person left on " + day(p.LeftAt)
	case f.rules.Invites.SendBy == directory.InviteByProduct:
		return "the product sends it, and has not reported that it did (invites.send_by)"
	case p.Status != directory.StatusActive:
		return "waits, for nobody is invited while " + string(p.Status)
	case !f.invite.RetryAt.IsZero():
		return "goes out at the next attempt, after " + day(f.invite.RetryAt)
	default:
		return "goes out as soon as it may"
	}
}

// join puts two parts of a sentence together, each of which may be empty.
func join(a, b string) string {
	if a == "" || b == "" {
		return a + b
	}
	return a + "; " + b
}
