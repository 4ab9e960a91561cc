package okta

import (
	"context"
	"crypto"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"fmt"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
)

// emulated is a reader of an emulated org.
func emulated(t testing.TB, org emulator.Options, change ...func(*Options)) (*emulator.Server, *Reader) {
	t.Helper()
	server, err := emulator.Start(t.Context(), "127.0.0.1:0", org)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	options := Options{
		Tenant: "acme", OrgURL: server.URL, AllowHTTP: true, Credentials: Credentials{Token: emulator.DefaultToken},
		AppID: server.Org.AppID(), Groups: directory.GroupSelection{Types: []string{"OKTA_GROUP"}},
		Clock:  func(context.Context) (time.Time, error) { return time.Now().UTC(), nil },
		Logger: slog.New(slog.NewTextHandler(t.Output(), nil)),
	}
	for _, c := range change {
		c(&options)
	}
	r, err := New(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return server, r
}

// One call for the app, one per page of people, one for the groups, one per group.
func TestFullPullTakes222Calls(t *testing.T) {
	t.Parallel()
	server, r := emulated(t, emulator.Options{People: 10_000, Groups: 200, GroupSize: 50, Limits: emulator.Unlimited()})
	got := collect(t.Context(), r, full())
	if got.err != nil {
		t.Fatal(got.err)
	}
	if got.calls != 222 || server.Org.CallsTo("/api/v1/**") != 222 || len(got.people) != 10_000 || len(got.done) != 200 {
		t.Errorf("%d calls told and %d made, %d people, %d groups; want 222, 222, 10,000, 200",
			got.calls, server.Org.CallsTo("/api/v1/**"), len(got.people), len(got.done))
	}
	sameAsTruth(t, server.Org, got)
}

// sameAsTruth compares a full pull with the org's own state.
func sameAsTruth(t *testing.T, org *emulator.Org, got pulled) {
	t.Helper()
	truth := org.Truth()
	people := map[string]directory.PersonSeen{}
	for _, p := range got.people {
		people[p.ID] = p
	}
	assigned := 0
	for _, p := range truth.People {
		seen, found := people[p.ID]
		if found != p.AssignedTo(org.AppID()) {
			t.Fatalf("person %s: seen %t, assigned %t", p.ID, found, !found)
		}
		if !found {
			continue
		}
		assigned++
		if seen.OktaStatus != string(p.Status) || seen.Profile["login"] != p.Login || seen.AppUserName != p.Login {
			t.Fatalf("person %s: seen %+v, want %+v", p.ID, seen, p)
		}
		for name, value := range p.Profile {
			if text, ok := value.(string); ok && text == seen.Profile[name] {
				continue
			}
			if fmt.Sprint(seen.Profile[name]) != fmt.Sprint(value) {
				t.Fatalf("person %s: %s is %v, want %v", p.ID, name, seen.Profile[name], value)
			}
		}
	}
	if assigned != len(got.people) {
		t.Errorf("%d people seen, %d are assigned", len(got.people), assigned)
	}
	for _, g := range truth.Groups {
		if g.Type != "OKTA_GROUP" {
			continue
		}
		members := slices.Sorted(slices.Values(got.members[g.ID]))
		if !got.done[g.ID] || !slices.Equal(members, slices.Sorted(slices.Values(g.Members))) {
			t.Fatalf("group %s: %d members seen, %d there", g.ID, len(members), len(g.Members))
		}
	}
}

func TestEmulatedPerson(t *testing.T) {
	t.Parallel()
	server, r := emulated(t, emulator.Options{People: 20, Groups: 3, Limits: emulator.Unlimited()})
	who := server.Org.Truth().People[3]
	check := func(ask, status string, assigned bool) {
		t.Helper()
		seen, err := r.Person(t.Context(), directory.PersonRequest{Ref: ask})
		if err != nil {
			t.Fatal(err)
		}
		if seen.ID != who.ID || seen.OktaStatus != status || seen.Assigned != assigned || seen.Exists != (status != "") {
			t.Errorf("%s %t: %+v", status, assigned, seen)
		}
		if seen.GroupsRead && len(seen.Groups) != len(who.Groups)+1 { // and Everyone
			t.Errorf("%d groups, want %d", len(seen.Groups), len(who.Groups)+1)
		}
	}
	do := func(_ emulator.Act, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	check(who.ID, "ACTIVE", true)
	check(who.Login, "ACTIVE", true)
	do(server.Org.Suspend(who.ID))
	check(who.ID, "SUSPENDED", true)
	do(server.Org.Unsuspend(who.ID))
	do(server.Org.Unassign(server.Org.AppID(), who.ID))
	check(who.ID, "ACTIVE", false)
	do(server.Org.Deactivate(who.ID))
	check(who.ID, "DEPROVISIONED", false)
	do(server.Org.Delete(who.ID))
	check(who.ID, "", false)

	other := server.Org.Truth().People[0].ID
	do(server.Org.SetAppActive(server.Org.AppID(), false))
	do(server.Org.Unassign(server.Org.AppID(), other))
	_, err := r.Person(t.Context(), directory.PersonRequest{Ref: other})
	checkFailure(t, err, "nobody can use it")
}

// Whatever the org does to the pages, a pull is whole or an error: never a
// shorter company.
func TestPullUnderFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		kind  emulator.FaultKind
		count int  // 0: for ever
		whole bool // the pull comes through
	}{
		{emulator.FaultRateLimited, 3, true},
		{emulator.FaultConcurrency, 3, true},
		{emulator.FaultServerError, 2, true},
		{emulator.FaultServerError, 0, false},
		{emulator.FaultEOF, 2, true},
		{emulator.FaultEOF, 0, false},
		{emulator.FaultTruncated, 2, true},
		{emulator.FaultTruncated, 0, false},
		{emulator.FaultCutJSON, 2, true},
		{emulator.FaultCutJSON, 0, false},
		{emulator.FaultHTML, 2, true},
		{emulator.FaultHTML, 0, false},
		{emulator.FaultEmptyBody, 2, true},
		{emulator.FaultEmptyBody, 0, false},
		{emulator.FaultRepeatCursor, 0, false},
		{emulator.FaultFoldedLinks, 0, true},
		{emulator.FaultUnquotedNext, 0, true},
		{emulator.FaultDropExpand, 0, true},
		{emulator.FaultRevokedToken, 1, false},
		{emulator.FaultFeatureMissing, 1, false},
		{emulator.FaultForbidden, 1, false},
	}
	for _, test := range tests {
		t.Run(fmt.Sprintf("%s %d", test.kind, test.count), func(t *testing.T) {
			t.Parallel()
			server, r := emulated(t, emulator.Options{People: 1200, Groups: 10, Limits: emulator.Unlimited()})
			r.governor, _ = newTestGovernor(t, GovernorOptions{})
			r.sleep = r.governor.sleep
			fault := emulator.Fault{Kind: test.kind, Count: test.count, Skip: 1, Endpoint: "GET /api/v1/apps/*/users"}
			if _, err := server.Org.AddFault(fault); err != nil {
				t.Fatal(err)
			}
			got := collect(t.Context(), r, full())
			if whole := got.err == nil; whole != test.whole {
				t.Fatalf("whole %t, want %t: %v", whole, test.whole, got.err)
			}
			if test.whole {
				sameAsTruth(t, server.Org, got)
			}
		})
	}
}

func TestServiceApps(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		key  crypto.Signer
		pem  func(crypto.Signer) string
		dpop bool
	}{
		{"RSA in PKCS#1", rsaKey(t, 2048), func(k crypto.Signer) string {
			return pemText(t, "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k.(*rsa.PrivateKey)), nil)
		}, false},
		{"RSA in PKCS#8", rsaKey(t, 2048), func(k crypto.Signer) string { return pkcs8(t, k) }, false},
		{"EC", ecKey(t, elliptic.P256()), func(k crypto.Signer) string { return pkcs8(t, k) }, false},
		{"with DPoP", rsaKey(t, 2048), func(k crypto.Signer) string { return pkcs8(t, k) }, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			app := emulator.ServiceApp{ClientID: "0oaService", Keys: []any{test.key.Public()}, Scopes: DefaultScopes(), DPoP: test.dpop}
			server, r := emulated(t, emulator.Options{People: 30, Groups: 2, ServiceApps: []emulator.ServiceApp{app}, Limits: emulator.Unlimited()}, func(o *Options) {
				o.Credentials = Credentials{ServiceApp: &ServiceApp{ClientID: "0oaService", PrivateKey: test.pem(test.key)}}
			})
			got := collect(t.Context(), r, full())
			if got.err != nil {
				t.Fatal(got.err)
			}
			sameAsTruth(t, server.Org, got)
			who, err := r.Whoami(t.Context())
			if err != nil || who.ClientID != "0oaService" || who.DPoP != test.dpop || len(who.Scopes) != 4 || !who.Expires.After(time.Now()) {
				t.Errorf("%+v: %v", who, err)
			}
			server.Org.RevokeOAuthTokens()
			if _, err := r.Person(t.Context(), directory.PersonRequest{Ref: got.people[0].ID}); err != nil {
				t.Errorf("after the tokens were revoked: %v", err)
			}
		})
	}
}
