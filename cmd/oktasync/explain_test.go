package main

import (
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/api/v1"
)

// TestExplainPrints: one value a line, then what is not there, then what the history does not tell.
func TestExplainPrints(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 3, 1, 8, 0, 0, 0, time.UTC)
	origin := &v1.Origin{Since: at, Before: "Boss", Cause: v1.Cause{Kind: "hook", EventTypes: []string{"user.account.update_profile"}}}
	x := v1.Explanation{
		PersonID: "00u1", Ignored: []string{"user.shoeSize"},
		Values: []v1.Explained{
			{Topic: "field", Name: "title", Value: "Chief\nof all", Reason: "from user.title", Origin: origin},
			{Topic: "team", Name: "team", Value: "team_1", Called: "Sales"},
			{Topic: "role", Name: "access", Value: "editor", Reason: "rule editors: group 00g1", Origin: origin},
		},
		Missing: []v1.Explained{
			{Topic: "manager", Name: "manager", Reason: "no manager: Okta names none", Origin: origin},
			{Topic: "field", Name: "location", Reason: "no location: Okta has nothing in user.city"},
		},
	}
	var out strings.Builder
	if err := writeExplanation(&env{out: &out}, x, ""); err != nil {
		t.Fatal(err)
	}
	want := `Person 00u1

WHAT         IS                SINCE (UTC)          BY                                  WAS     BECAUSE
title        "Chief\nof all"   2026-03-01 08:00:00  hook (user.account.update_profile)  "Boss"  from user.title
team         "Sales" (team_1)  -                    not in the history                  -       -
role access  "editor"          2026-03-01 08:00:00  hook (user.account.update_profile)  "Boss"  rule editors: group 00g1

Not there:
  no manager: Okta names none; since 2026-03-01 08:00:00 UTC by hook (user.account.update_profile), was "Boss"
  no location: Okta has nothing in user.city

Okta sends these attributes, and no rule reads them: user.shoeSize
`
	if got := out.String(); got != want {
		t.Errorf("printed:\n%s\nwant:\n%s", got, want)
	}
	out.Reset()
	x.KeptSince = &at
	if err := writeExplanation(&env{out: &out}, x, "team"); err != nil {
		t.Fatal(err)
	}
	for about, want := range map[string]string{"group": "in no group that is taken over", "role": "no roles (role_sets)", "license": "no pool of licenses (license_pools)"} {
		var empty strings.Builder
		if err := writeExplanation(&env{out: &empty}, v1.Explanation{PersonID: "00u1"}, about); err != nil || !strings.Contains(empty.String(), want) {
			t.Errorf("nothing of %s: %v, %s", about, err, empty.String())
		}
	}
	for _, part := range []string{"before 2026-03-01 08:00:00  older than the history", "Changes before 2026-03-01 08:00:00 UTC are no longer kept (retention.changes)"} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("lacks %q:\n%s", part, out.String())
		}
	}
}
