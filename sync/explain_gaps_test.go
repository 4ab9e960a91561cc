package sync

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// TestExplainGaps: each sentence about what somebody does not have.
func TestExplainGaps(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	sales := directory.GrantRules{
		Sets:  []directory.RoleSet{{Name: "access", Roles: kinds("editor"), Rules: []directory.GrantRule{{Name: "editors", Place: "line 12 of the configuration file", Role: "editor", Groups: []string{"g1"}}}}},
		Pools: []directory.LicensePool{{Name: "salesperson", Cap: 50, Rules: []directory.GrantRule{{Name: "sellers", Groups: []string{"g1"}}}}},
	}
	tests := map[string]struct {
		edit func(*evidence)
		want string
	}{
		"a field that Okta does not have": {func(*evidence) {}, "no title: Okta has nothing in user.title"},
		"a field of a rule in the file": {func(f *evidence) {
			f.rules.Mapping[directory.FieldTitle] = directory.Source{From: []string{"app.grade"}, Place: "line 7 of the configuration file"}
		}, "no title: Okta has nothing in app.grade (line 7 of the configuration file)"},
		"a custom field": {func(f *evidence) {
			f.rules.Custom = []directory.CustomField{{Name: "badge", Type: directory.CustomText, Source: directory.Source{From: []string{"user.badge"}, Place: "line 9 of the configuration file"}}}
		}, "no custom.badge: Okta has nothing in user.badge (line 9 of the configuration file)"},
		"a field of two attributes": {func(*evidence) {}, "no language: Okta has nothing in user.preferredLanguage, user.locale"},
		"a field that is not mapped": {func(f *evidence) {
			f.rules.Mapping[directory.FieldTitle] = directory.Source{}
		}, "no title: the mapping names no attribute for it"},
		"a field with a table": {func(f *evidence) {
			f.rules.Mapping[directory.FieldTitle] = directory.Source{From: []string{"user.title"}, OnlyMapped: true}
		}, "no title: Okta has nothing in user.title of which the rules make a value"},
		"a value that does not fit": {func(f *evidence) {
			f.person.Profile.Unfit = map[directory.Field]directory.Unfit{directory.FieldPicture: directory.UnfitPicture}
		}, "no picture: the value that Okta has " + directory.UnfitPicture.Words()},
		"a field that the product emptied": {func(f *evidence) {
			f.person.Profile.Emptied = []directory.Field{directory.FieldTitle}
		}, "no title: it is the product's own field, and the product emptied it"},
		"no department":     {func(*evidence) {}, "no team: Okta has no department"},
		"no teams at all":   {func(f *evidence) { f.rules.Teams = nil }, "no team: the rules take teams from nothing (teams.from)"},
		"no team, left":     {leave(at), "no team: the person left on 2026-03-01 08:00 UTC"},
		"Okta names nobody": {func(*evidence) {}, "no manager: Okta names none"},
		"nobody matches": {func(f *evidence) {
			f.person.Profile.ManagerText, f.person.ManagerProblem = "Ada B.", directory.ManagerUnresolved
		}, `no manager: Okta says "Ada B.", nobody in the directory matches by okta_id, login, email, employee_number (managers.resolve)`},
		"several match": {func(f *evidence) {
			f.person.Profile.ManagerText, f.person.ManagerProblem = "Ada", directory.ManagerAmbiguous
		}, `no manager: Okta says "Ada", several people match`},
		"two match": {func(f *evidence) {
			f.person.Profile.ManagerText, f.person.ManagerProblem, f.called = "Ada", directory.ManagerAmbiguous, 2
		}, `no manager: Okta says "Ada", two people match`},
		"many match": {func(f *evidence) {
			f.person.Profile.ManagerText, f.person.ManagerProblem, f.called = "Ada", directory.ManagerAmbiguous, 11
		}, `no manager: Okta says "Ada", more than 10 people match`},
		"their own manager": {func(f *evidence) {
			f.person.Profile.ManagerIDText, f.person.ManagerProblem = "p", directory.ManagerSelf
		}, `no manager: Okta says "p", which is the person themselves`},
		"a loop": {func(f *evidence) {
			f.person.Profile.ManagerIDText, f.person.ManagerProblem = "q", directory.ManagerLoop
		}, `no manager: Okta says "q", and following the managers from there leads back to the person`},
		"an admin's choice, who left": {func(f *evidence) {
			f.person.ManagerSource, f.person.ManagerProblem = directory.ManagerFromAdmin, directory.ManagerLeft
		}, "no manager: an admin chose one for the person, and that person has left"},
		"the team's manager is the person": {func(f *evidence) {
			f.person.ManagerSource, f.person.ManagerProblem = directory.ManagerFromTeam, directory.ManagerSelf
		}, "no manager: an admin set one on the primary team, which is the person themselves"},
		"no manager, left": {leave(at), "no manager: the person left on 2026-03-01 08:00 UTC"},
		"no role": {func(f *evidence) { f.rules.Grants = sales },
			"no role of access: none of its rules fits: rule editors (line 12 of the configuration file)"},
		"no role, left": {func(f *evidence) { f.rules.Grants = sales; leave(at)(f) }, "no role of access: the person left on 2026-03-01 08:00 UTC"},
		"in line for a license": {func(f *evidence) {
			f.rules.Grants = sales
			f.pools = []directory.PoolCount{{Pool: "salesperson", Held: 50, Waiting: 9}}
			f.licenses = []directory.LicenseInLine{{LicenseClaim: directory.LicenseClaim{Pool: "salesperson", Since: at, Rule: "sellers", Via: "group g1"}, Place: 7}}
		}, "no license: pool salesperson 50 of 50, place 7; entitled since 2026-03-01 08:00 UTC by rule sellers: group g1"},
		"not entitled to a license": {func(f *evidence) { f.rules.Grants = sales }, "no license of pool salesperson: none of its rules fits: rule sellers"},
		"invites are off":           {func(f *evidence) { f.rules.Invites.Mode = directory.InvitesOff }, "no invite: invites are off (invites.mode)"},
		"an invite that is held": {func(f *evidence) {
			f.invite = &directory.Invite{State: directory.InviteHeld}
		}, "no invite: it is held until an admin releases it"},
		"an invite for a day that is none": {func(f *evidence) {
			f.rules.Invites.NotBefore, f.person.Profile.Custom = "start", map[string]any{"start": "soon"}
			f.invite = &directory.Invite{State: directory.InviteHeld}
		}, "no invite: it is held: the day from which the person may be invited (invites.not_before) cannot be read; correct it in Okta, then release the invite"},
		"an invite for a day to come": {func(f *evidence) {
			f.invite = &directory.Invite{State: directory.InviteHeld, ReleaseAt: at}
		}, "no invite yet: it becomes due on 2026-03-01 08:00 UTC"},
		"no invite": {func(*evidence) {}, "no invite: only people in the directory who have not left get one"},
		"in quarantine, and here": {func(f *evidence) {
			f.quarantined = &directory.Quarantined{Reason: "Okta has no e-mail", Since: at}
		}, "what Okta has now is not taken over: quarantined since 2026-03-01 08:00 UTC: Okta has no e-mail"},
		"in quarantine, never let in": {func(f *evidence) {
			f.person, f.quarantined = nil, &directory.Quarantined{Reason: "Okta has no e-mail", Since: at}
		}, "not in the directory: quarantined since 2026-03-01 08:00 UTC: Okta has no e-mail"},
		"erased": {func(f *evidence) {
			f.person, f.history.erased = nil, &directory.Change{Type: directory.PersonErased, At: at}
		}, "nothing is kept of this person but the id: erased on 2026-03-01 08:00 UTC"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := evidence{id: "p", rules: directory.DefaultRules(), person: &directory.Person{ID: "p", Status: directory.StatusActive, OktaStatus: "ACTIVE"}}
			tt.edit(&f)
			f.mapper = newMapper(f.rules)
			var got []string
			for _, g := range f.explain().Missing {
				got = append(got, g.Reason)
			}
			if n := len(got); !slices.Contains(got, tt.want) || n != len(slices.Compact(slices.Sorted(slices.Values(got)))) {
				t.Errorf("want once: %s\ngot:\n%s", tt.want, strings.Join(got, "\n"))
			}
		})
	}
}

func leave(at time.Time) func(*evidence) {
	return func(f *evidence) { f.person.Status, f.person.LeftAt = directory.StatusDeactivated, at }
}

// TestExplainDueInvite: what an invite waits for that may go out.
func TestExplainDueInvite(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	tests := map[string]struct {
		edit func(*evidence)
		want string
	}{
		"nothing":        {func(*evidence) {}, "goes out as soon as it may; released by ops"},
		"a suspension":   {func(f *evidence) { f.person.Status = directory.StatusSuspended }, "waits, for nobody is invited while suspended; released by ops"},
		"one who left":   {leave(at), "waits, for the person left on 2026-03-01 08:00 UTC; released by ops"},
		"a mail server":  {func(f *evidence) { f.invite.RetryAt, f.invite.Problem = at, "it is asleep" }, "goes out at the next attempt, after 2026-03-01 08:00 UTC; released by ops; it is asleep"},
		"failed":         {func(f *evidence) { f.invite.State = directory.InviteFailed }, "it did not go out and is not tried again: mend what the reason names, then resend it; released by ops"},
		"by the product": {func(f *evidence) { f.rules.Invites.SendBy = directory.InviteByProduct }, "the product sends it, and has not reported that it did (invites.send_by); released by ops"},
		"nobody knowing": {func(f *evidence) { f.invite.State = directory.InviteUncertain }, "nobody knows whether it went out: resend it, mark it as sent, or revoke it; released by ops"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := evidence{id: "p", rules: directory.DefaultRules(), person: &directory.Person{ID: "p", Status: directory.StatusActive, OktaStatus: "ACTIVE"}}
			f.invite = &directory.Invite{State: directory.InviteDue, ReleasedBy: "ops"}
			tt.edit(&f)
			f.mapper = newMapper(f.rules)
			values := f.explain().Values
			if last := values[len(values)-1]; last.Topic != directory.TopicInvite || last.Reason != tt.want {
				t.Errorf("said is %s %q, want %q", last.Topic, last.Reason, tt.want)
			}
		})
	}
}

// TestExplainHistory: what is older than the last arrival, or than the erasure, counts for nothing.
func TestExplainHistory(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	title := func(kind directory.ChangeType, seq int64, before, after any) directory.Change {
		return directory.Change{Type: kind, Subject: directory.SubjectPerson, Seq: seq, At: at, Fields: []directory.FieldChange{{Field: "title", Before: before, After: after}}}
	}
	role := func(kind directory.ChangeType, seq int64, name string, fields ...directory.FieldChange) directory.Change {
		return directory.Change{Type: kind, Subject: directory.SubjectRole, SubjectID: name, Seq: seq, At: at, Fields: fields}
	}
	var h history
	for _, c := range []directory.Change{
		role(directory.RoleGranted, 9, "admin", directory.FieldChange{Field: "set", After: "access"}),
		role(directory.RoleRevoked, 8, "viewer", directory.FieldChange{Field: "set", Before: "access"}),
		title(directory.PersonUpdated, 7, "Boss", "Chief"),
		title(directory.PersonUpdated, 6, nil, "Boss"),
		title(directory.PersonCreated, 5, nil, nil),
		{Type: directory.PersonErased, Subject: directory.SubjectPerson, Seq: 4},
		{Type: directory.PersonUpdated, Subject: directory.SubjectPerson, Seq: 3, Fields: []directory.FieldChange{{Field: "location", After: "Rome"}}},
	} {
		h.add(c)
	}
	if o := h.origin(ofField("title"), "Chief"); o == nil || o.Seq != 7 || o.Before != "Boss" {
		t.Errorf("title: %+v", o)
	}
	if o := h.origin(ofField("title"), "Boss"); o != nil {
		t.Errorf("a value that the row does not have is explained: %+v", o)
	}
	if o := h.role(directory.RoleGrant{Set: "access", Role: "admin"}); o == nil || o.Seq != 9 || o.Before != "viewer" {
		t.Errorf("role: %+v", o)
	}
	if o := h.origin(ofField("location"), "Rome"); o != nil || h.erased != nil || !h.whole {
		t.Errorf("what was before the erasure counts: %+v, %+v", o, h.erased)
	}
}
