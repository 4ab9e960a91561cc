package emulator_test

import (
	"context"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/okta/okta-sdk-golang/v2/okta"
	"github.com/okta/okta-sdk-golang/v2/okta/query"

	"github.com/oktasync/oktasync/emulator"
)

// sdk connects Okta's Go SDK v2 to the org.
func (r *rig) sdk(more ...okta.ConfigSetter) (context.Context, *okta.Client) {
	r.t.Helper()
	set := append([]okta.ConfigSetter{okta.WithOrgUrl(r.url), okta.WithTestingDisableHttpsCheck(true), okta.WithCache(false),
		okta.WithToken(emulator.DefaultToken), okta.WithHttpClientPtr(r.client), okta.WithRateLimitMaxRetries(1)}, more...)
	ctx, client, err := okta.NewClient(r.t.Context(), set...)
	if err != nil {
		r.t.Fatal(err)
	}
	return ctx, client
}

func TestSDKReadsEverything(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	ctx, client := r.sdk()

	users, resp, err := client.User.ListUsers(ctx, query.NewQueryParams(query.WithLimit(7), query.WithSearch("status pr")))
	for err == nil && resp.HasNextPage() {
		var page []*okta.User
		resp, err = resp.Next(ctx, &page)
		users = append(users, page...)
	}
	if err != nil || len(users) != 60 {
		t.Fatalf("%d users, %v", len(users), err)
	}
	one, _, err := client.User.GetUser(ctx, users[3].Id)
	if err != nil || (*one.Profile)["login"] != (*users[3].Profile)["login"] || one.Status != "ACTIVE" {
		t.Fatalf("user %+v, %v", one, err)
	}
	groups, _, err := client.Group.ListGroups(ctx, query.NewQueryParams(query.WithLimit(200)))
	if err != nil || len(groups) != 5 {
		t.Fatalf("%d groups, %v", len(groups), err)
	}
	members, resp, err := client.Group.ListGroupUsers(ctx, groups[0].Id, query.NewQueryParams(query.WithLimit(25)))
	for err == nil && resp.HasNextPage() {
		var page []*okta.User
		resp, err = resp.Next(ctx, &page)
		members = append(members, page...)
	}
	if err != nil || len(members) != 60 {
		t.Fatalf("%d members, %v", len(members), err)
	}
	own, _, err := client.User.ListUserGroups(ctx, users[3].Id)
	if err != nil || len(own) == 0 {
		t.Fatalf("%d groups of a user, %v", len(own), err)
	}
	rows, resp, err := client.Application.ListApplicationUsers(ctx, r.org.AppID(), query.NewQueryParams(query.WithLimit(25), query.WithExpand("user")))
	for err == nil && resp.HasNextPage() {
		var page []*okta.AppUser
		resp, err = resp.Next(ctx, &page)
		rows = append(rows, page...)
	}
	if err != nil || len(rows) != 60 || rows[59].Embedded == nil {
		t.Fatalf("%d app users, %v", len(rows), err)
	}
	apps, _, err := client.Application.ListApplications(ctx, nil)
	if err != nil || len(apps) != 1 || apps[0].(*okta.Application).Label != "Learning Portal" {
		t.Fatalf("apps %v, %v", apps, err)
	}
	assigned, _, err := client.Application.ListApplicationGroupAssignments(ctx, r.org.AppID(), nil)
	if err != nil || len(assigned) != 0 {
		t.Fatalf("%d app groups, %v", len(assigned), err)
	}
	_, resp, err = client.User.GetUser(ctx, "00u0none")
	var e *okta.Error
	if !errors.As(err, &e) || e.ErrorCode != "E0000007" || resp.StatusCode != http.StatusNotFound {
		t.Errorf("an unknown user: %v", err)
	}
}

func TestSDKPollsTheLog(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	ctx, client := r.sdk()
	events, resp, err := client.LogEvent.GetLogs(ctx, query.NewQueryParams(query.WithLimit(2), query.WithSince(time.Now().Add(-time.Hour).UTC().Format(time.RFC3339))))
	if err != nil || len(events) != 0 || !resp.HasNextPage() {
		t.Fatalf("%d events, next %v, %v", len(events), resp.HasNextPage(), err)
	}
	for i := range 5 {
		must(t)(r.org.Suspend(r.org.PersonIDs()[i]))
	}
	var got []*okta.LogEvent
	for {
		var page []*okta.LogEvent
		if resp, err = resp.Next(ctx, &page); err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		got = append(got, page...)
	}
	if len(got) != 5 || got[0].EventType != "user.lifecycle.suspend" || got[0].Target[0].Id != r.org.PersonIDs()[0] ||
		got[0].Published == nil || got[0].Actor.AlternateId == "" {
		t.Errorf("%d events, the first %+v", len(got), got[0])
	}
}

func TestSDKManagesHooksAndPeople(t *testing.T) {
	t.Parallel()
	e := newEndpoint(t)
	r := newRig(t, small())
	ctx, client := r.sdk()
	hook, _, err := client.EventHook.CreateEventHook(ctx, okta.EventHook{Name: "people",
		Events: &okta.EventSubscriptions{Type: "EVENT_TYPE", Items: []string{"user.lifecycle.create", "user.lifecycle.deactivate"}},
		Channel: &okta.EventHookChannel{Type: "HTTP", Version: "1.0.0", Config: &okta.EventHookChannelConfig{Uri: e.url,
			AuthScheme: &okta.EventHookChannelConfigAuthScheme{Type: "HEADER", Key: "Authorization", Value: "s"}}}})
	if err != nil {
		t.Fatal(err)
	}
	if hook, _, err = client.EventHook.VerifyEventHook(ctx, hook.Id); err != nil || hook.VerificationStatus != "VERIFIED" {
		t.Fatalf("%+v, %v", hook, err)
	}
	if list, _, err := client.EventHook.ListEventHooks(ctx); err != nil || len(list) != 1 {
		t.Fatalf("%d hooks, %v", len(list), err)
	}
	profile := okta.UserProfile{"firstName": "Ada", "lastName": "L", "email": "ada@x.example", "login": "ada@x.example"}
	user, _, err := client.User.CreateUser(ctx, okta.CreateUserRequest{Profile: &profile}, query.NewQueryParams(query.WithActivate(true)))
	if err != nil || user.Status != "PROVISIONED" {
		t.Fatalf("%+v, %v", user, err)
	}
	if _, err := client.User.DeactivateUser(ctx, user.Id, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := client.User.DeactivateOrDeleteUser(ctx, user.Id, nil); err != nil {
		t.Fatal(err)
	}
	r.drain()
	if n := len(e.uuids()); n != 2 {
		t.Errorf("%d events delivered, want 2", n)
	}
	if hook, _, err = client.EventHook.DeactivateEventHook(ctx, hook.Id); err != nil || hook.Status != "INACTIVE" {
		t.Fatalf("%+v, %v", hook, err)
	}
	if _, err := client.EventHook.DeleteEventHook(ctx, hook.Id); err != nil {
		t.Fatal(err)
	}
}

func TestSDKWithPrivateKey(t *testing.T) {
	t.Parallel()
	key := rsaKey(t)
	text := pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)})
	r := serviceOrg(t, emulator.ServiceApp{Keys: []any{&key.PublicKey}})
	ctx, client := r.sdk(okta.WithAuthorizationMode("PrivateKey"), okta.WithClientId(clientID), okta.WithPrivateKey(string(text)),
		okta.WithScopes([]string{"okta.users.read"}))
	users, _, err := client.User.ListUsers(ctx, nil)
	if err != nil || len(users) != 60 {
		t.Fatalf("%d users, %v", len(users), err)
	}
	if _, _, err = client.Group.ListGroups(ctx, nil); err == nil || !strings.Contains(err.Error(), "scope") {
		t.Errorf("a call without its scope: %v", err)
	}
	if n := r.org.CallsTo("POST /oauth2/v1/token"); n != 1 {
		t.Errorf("%d token calls, want 1", n)
	}
}

func TestSDKWaitsOutARateLimit(t *testing.T) {
	t.Parallel()
	r := newRig(t, small())
	ctx, client := r.sdk()
	if _, err := r.org.AddFault(emulator.Fault{Kind: emulator.FaultRateLimited, Count: 1}); err != nil {
		t.Fatal(err)
	}
	users, _, err := client.User.ListUsers(ctx, nil)
	if err != nil || len(users) != 60 {
		t.Errorf("%d users, %v", len(users), err)
	}
}
