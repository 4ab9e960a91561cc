package sync

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// gaps says what is not there, and why.
func (f *evidence) gaps() []directory.Explained {
	var all []directory.Explained
	switch q := f.quarantined; {
	case q != nil && f.person == nil:
		all = append(all, gap(directory.TopicStatus, "quarantined", "not in the directory: quarantined since "+day(q.Since)+": "+q.Reason))
	case q != nil:
		all = append(all, gap(directory.TopicStatus, "quarantined", "what Okta has now is not taken over: quarantined since "+day(q.Since)+": "+q.Reason))
	case f.person == nil:
		erased := gap(directory.TopicStatus, "erased", "nothing is kept of this person but the id: erased on "+day(f.history.erased.At))
		w := word{change: *f.history.erased}
		erased.Origin = w.origin()
		return append(all, erased)
	}
	if f.person == nil {
		return all
	}
	all = append(all, f.fieldGaps()...)
	if f.person.TeamID == "" {
		g := gap(directory.TopicTeam, "team", f.noTeam())
		g.Origin = f.history.origin(ofField("team"), nil)
		all = append(all, g)
	}
	if f.person.ManagerID == "" {
		all = append(all, f.managerGap())
	}
	all = append(all, f.roleGaps()...)
	all = append(all, f.licenseGaps()...)
	return append(all, f.inviteGaps()...)
}

func gap(topic directory.Topic, name, reason string) directory.Explained {
	return directory.Explained{Topic: topic, Name: name, Reason: reason}
}

func day(at time.Time) string { return at.UTC().Format("2006-01-02 15:04 UTC") }

// fieldGaps says why fields have no value. The manager's texts are told of with the manager.
func (f *evidence) fieldGaps() []directory.Explained {
	var all []directory.Explained
	p := &f.person.Profile
	for i := range f.mapper.fields {
		r := &f.mapper.fields[i]
		if r.field.NamesManager() || valueIn(p, r.field) != nil {
			continue
		}
		reason := ""
		switch why := p.Unfit[r.field]; {
		case why != "":
			reason = fmt.Sprintf("no %s: the value that Okta has %s", r.field, why.Words())
		case slices.Contains(p.Emptied, r.field):
			reason = fmt.Sprintf("no %s: it is the product's own field, and the product emptied it", r.field)
		case len(r.from)+len(r.join) == 0:
			reason = fmt.Sprintf("no %s: the mapping names no attribute for it", r.field)
		case r.values != nil || r.kind == directory.CustomList:
			reason = fmt.Sprintf("no %s: Okta has nothing in %s of which the rules make a value", r.field, r.reads())
		default:
			reason = fmt.Sprintf("no %s: Okta has nothing in %s", r.field, r.reads())
		}
		g := gap(directory.TopicField, string(r.field), reason+inBrackets(r.place))
		g.Origin = f.history.origin(ofField(string(r.field)), nil)
		all = append(all, g)
	}
	return all
}

func (f *evidence) managerGap() directory.Explained {
	g := gap(directory.TopicManager, "manager", f.noManager())
	g.Origin = f.history.origin(ofField("manager"), nil)
	if f.person.ManagerProblem != "" {
		if told := f.history.origin(ofField("manager_problem"), string(f.person.ManagerProblem)); told != nil {
			before := any(nil)
			if g.Origin != nil && g.Origin.Seq == told.Seq {
				before = g.Origin.Before
			}
			told.Before, g.Origin = before, told
		}
	}
	return g
}

func (f *evidence) noManager() string {
	says := "no manager: " + f.managerSource()
	switch f.person.ManagerProblem {
	case "":
	case directory.ManagerUnresolved:
		return says + ", nobody in the directory matches by " + f.waysToManagers()
	case directory.ManagerAmbiguous:
		return says + ", " + f.peopleCalled() + " match"
	case directory.ManagerSelf:
		return says + ", which is the person themselves"
	case directory.ManagerLoop:
		return says + ", and following the managers from there leads back to the person"
	case directory.ManagerLeft:
		return says + ", and that person has left"
	default:
		return fmt.Sprintf("%s (%s)", says, f.person.ManagerProblem)
	}
	switch {
	case !f.person.LeftAt.IsZero():
		return "no manager: the person left on " + day(f.person.LeftAt)
	case f.managerTexts() == "":
		return "no manager: Okta names none"
	default:
		return says + ", which is about to be looked up"
	}
}

// waysToManagers are those in which Okta's text is looked up: somebody who is called so may be there all the same.
func (f *evidence) waysToManagers() string {
	var ways []string
	for _, way := range f.ways() {
		ways = append(ways, string(way))
	}
	return strings.Join(ways, ", ") + " (managers.resolve)"
}

// peopleCalled says how many people an ambiguous text means; that it meant several stands in the row, which
// may be older than what was counted.
func (f *evidence) peopleCalled() string {
	words := []string{2: "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten"}
	switch {
	case f.called < 2:
		return "several people"
	case f.called > mostCalled:
		return fmt.Sprintf("more than %d people", mostCalled)
	default:
		return words[f.called] + " people"
	}
}

func (f *evidence) roleGaps() []directory.Explained {
	var all []directory.Explained
	for _, set := range f.rules.Grants.Sets {
		if slices.ContainsFunc(f.roles, func(r directory.RoleGrant) bool { return r.Set == set.Name }) {
			continue
		}
		g := gap(directory.TopicRole, set.Name, fmt.Sprintf("no role of %s: %s", set.Name, f.unfitting(set.Rules)))
		g.Origin = f.history.lostRole(set.Name)
		all = append(all, g)
	}
	return all
}

func (f *evidence) licenseGaps() []directory.Explained {
	var all []directory.Explained
	for _, l := range f.licenses {
		if l.Held {
			continue
		}
		g := gap(directory.TopicLicense, l.Pool, fmt.Sprintf("no license: pool %s %s, place %d; entitled since %s by %s",
			l.Pool, f.seats(l.Pool), l.Place, day(l.Since), f.because(l.Rule, l.Via, l.Kept)))
		g.Origin = f.history.origin(ofLicense(l.Pool), "waiting")
		all = append(all, g)
	}
	for _, pool := range f.rules.Grants.Pools {
		if slices.ContainsFunc(f.licenses, func(l directory.LicenseInLine) bool { return l.Pool == pool.Name }) {
			continue
		}
		g := gap(directory.TopicLicense, pool.Name, fmt.Sprintf("no license of pool %s: %s", pool.Name, f.unfitting(pool.Rules)))
		g.Origin = f.history.origin(ofLicense(pool.Name), nil)
		all = append(all, g)
	}
	return all
}

// seats are those of a pool, as "50 of 50".
func (f *evidence) seats(pool string) string {
	held := 0
	for _, c := range f.pools {
		if c.Pool == pool {
			held = c.Held
		}
	}
	for _, p := range f.rules.Grants.Pools {
		if p.Name == pool && p.Cap >= 0 {
			return fmt.Sprintf("%d of %d", held, p.Cap)
		}
	}
	return fmt.Sprintf("%d held", held)
}

// unfitting says that no rule of a list gives the person anything.
func (f *evidence) unfitting(rules []directory.GrantRule) string {
	if !f.person.Present() {
		return "the person left on " + day(f.person.LeftAt)
	}
	var names []string
	for _, r := range rules {
		if len(names) == mostNamed {
			names = append(names, fmt.Sprintf("and %d more", len(rules)-mostNamed))
			break
		}
		names = append(names, f.ruleAt(r.Name))
	}
	return "none of its rules fits: " + strings.Join(names, ", ")
}

// mostNamed is how many rules that do not fit are named.
const mostNamed = 5

func (f *evidence) inviteGaps() []directory.Explained {
	mode := f.rules.Invites.Mode
	if mode == "" || mode == directory.InvitesOff {
		return []directory.Explained{gap(directory.TopicInvite, "invite", "no invite: invites are off (invites.mode)")}
	}
	i := f.invite
	switch {
	case i == nil:
		return []directory.Explained{gap(directory.TopicInvite, "invite", "no invite: only people in the directory who have not left get one")}
	case i.State != directory.InviteHeld:
		return nil
	}
	reason := "no invite: it is held until an admin releases it"
	obstacle := f.rules.Invites.Obstacle(*f.person)
	switch {
	case i.Problem != "":
		reason = "no invite: it is held: " + i.Problem
	case !i.ReleaseAt.IsZero():
		reason = "no invite yet: it becomes due on " + day(i.ReleaseAt)
	case obstacle != "":
		reason = "no invite: it is held: " + obstacle
	}
	g := gap(directory.TopicInvite, "invite", reason)
	g.Origin = f.history.origin(ofInvite, string(directory.InviteHeld))
	return []directory.Explained{g}
}
