package main

import (
	"context"
	"path/filepath"
	"testing"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/sqlite"
)

// TestInvitesListObstacles: of a held invite the list says what would keep it so, before anybody releases it.
func TestInvitesListObstacles(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: filepath.Join(t.TempDir(), "x.db")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	acme := tenantAt("acme", "https://acme.okta.com")
	acme.rules.Invites = directory.InviteRules{Mode: directory.InvitesHold, NotBefore: "start"}
	tenants := listOf(t, &workshop{}, acme)
	for _, err := range []error{
		db.Migrate(t.Context()), db.EnsureTenants(t.Context(), []string{"acme"}),
		db.Update(t.Context(), "acme", func(ctx context.Context, tx *store.Tx) error {
			var people []directory.Person
			for id, start := range map[string]string{"u1": "2026-12-01", "u2": "soon"} {
				people = append(people, directory.Person{ID: id, Status: directory.StatusActive, Profile: directory.Profile{Custom: map[string]any{"start": start}}})
			}
			return tx.PutPeople(ctx, people)
		}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	invites, err := (&inviteDesk{tenants: tenants, db: db}).List(t.Context(), "acme", directory.InviteSelection{}, "", 10)
	if err != nil || len(invites) != 2 || invites[0].Problem != "" || invites[1].PersonID != "u2" || invites[1].Problem == "" {
		t.Errorf("invites %+v, %v; want a reason for u2 alone", invites, err)
	}
}

func TestGoesWords(t *testing.T) {
	t.Parallel()
	at := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
	for want, p := range map[string]v1.InvitePreview{
		"at once":                 {Invite: v1.Invite{Status: "active"}},
		"2027-02-01 00:00:00 UTC": {Invite: v1.Invite{Status: "active"}, GoesAt: &at},
		"once active again":       {Invite: v1.Invite{Status: "suspended"}},
		"2027-02-01 00:00:00 UTC, once active again": {Invite: v1.Invite{Status: "suspended"}, GoesAt: &at},
		"stays: is sent": {Invite: v1.Invite{Status: "suspended"}, Stays: "is sent"},
	} {
		if got := goesWords(p); got != want {
			t.Errorf("%+v goes %q, want %q", p, got, want)
		}
	}
}
