package main

import (
	"context"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/presets"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
	dirsync "github.com/oktasync/oktasync/sync"
)

// product is an emulated org and a directory that follows it by the rules of a ready preset. The
// tests that use one tell, row by row, what the guide of such a product promises.
type product struct {
	*testing.T
	preset string
	server *emulator.Server
	org    *emulator.Org
	db     *store.DB
	tenant config.Tenant
	engine *dirsync.Engine
	apps   appProfiles
	events int
}

// appProfiles are the profiles of the app by person, which the emulator does not keep.
type appProfiles map[string]map[string]any

// newProduct has nobody in it. more are settings of the tenant beside the preset.
func newProduct(t *testing.T, preset, more string) *product {
	t.Helper()
	server, err := emulator.Start(t.Context(), "127.0.0.1:0", emulator.Options{
		People: -1, Groups: -1, OptionalNames: true, Limits: emulator.Unlimited(),
		CustomAttributes: []emulator.Attribute{{Name: "startDate", Type: "string"}, {Name: "shoeSize", Type: "string"}, {Name: "customerNumber", Type: "string"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: storetest.SQLiteFile(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { db.Close() })
	if err := db.EnsureTenants(t.Context(), []string{config.DefaultSlug}); err != nil {
		t.Fatal(err)
	}
	p := &product{T: t, preset: preset, server: server, org: server.Org, db: db, apps: appProfiles{}}
	p.set(more)
	return p
}

// set loads the preset with further settings of the tenant, and makes the engine anew.
func (p *product) set(more string) {
	p.Helper()
	ready, err := presets.All()
	if err != nil {
		p.Fatal(err)
	}
	file := fmt.Sprintf("okta: {url: '%s', allow_http: true, token: '%s', app_id: %s}\nhook: {secrets: [f00dcafe00112233445566778899aabb]}\npreset: %s\n%s",
		p.server.URL, emulator.DefaultToken, p.org.AppID(), p.preset, more)
	cfg, err := config.Load(config.Options{Path: "c.yml", ReadFile: func(string) ([]byte, error) { return []byte(file), nil }, Presets: ready})
	if err != nil {
		p.Fatalf("the preset %s with\n%s\nis refused:\n%v", p.preset, more, err)
	}
	p.tenant = cfg.Tenants[0]
	rules := rulesOf(p.tenant)
	reader, err := newReader(p.tenant, rules.Groups, p.db.Now, nil, nil, slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err != nil {
		p.Fatal(err)
	}
	p.Cleanup(reader.Close)
	p.engine = dirsync.New(dirsync.Options{
		Tenant: p.tenant.Slug, Rules: rules, Source: appSource{reader, p.apps}, Store: engineStore{p.db}, Owner: "test", Now: time.Now, NewID: newRunID,
	})
}

// appSource adds the profiles of the app to what the org shows.
type appSource struct {
	*okta.Reader
	profiles appProfiles
}

func (s appSource) Person(ctx context.Context, request directory.PersonRequest) (directory.PersonSeen, error) {
	seen, err := s.Reader.Person(ctx, request)
	if seen.Assigned {
		seen.AppProfile = s.profiles[seen.ID]
	}
	return seen, err
}

func (s appSource) Pull(ctx context.Context, request directory.PullRequest) iter.Seq2[directory.Page, error] {
	return func(yield func(directory.Page, error) bool) {
		for page, err := range s.Reader.Pull(ctx, request) {
			for i := range page.People {
				page.People[i].AppProfile = s.profiles[page.People[i].ID]
			}
			if !yield(page, err) {
				return
			}
		}
	}
}

// row is a subtest named for a row of the guides' table.
func (p *product) row(number int, promise string, check func(p *product)) {
	p.Helper()
	p.Run(fmt.Sprintf("row_%d_%s", number, promise), func(t *testing.T) {
		inner := *p
		inner.T = t
		check(&inner)
		p.events, p.engine, p.tenant = inner.events, inner.engine, inner.tenant
	})
}

// joins puts somebody into the org, and returns the id. Nobody has heard of it yet.
func (p *product) joins(n emulator.NewPerson) string {
	p.Helper()
	act, err := p.org.Join(n)
	if err != nil {
		p.Fatal(err)
	}
	return act.ID
}

// comes is joins, and the event of it.
func (p *product) comes(n emulator.NewPerson) string {
	p.Helper()
	id := p.joins(n)
	p.hears(id, "application.user_membership.add")
	return id
}

func (p *product) group(name string) string {
	p.Helper()
	act, err := p.org.CreateGroup(name, "")
	if err != nil {
		p.Fatal(err)
	}
	return act.ID
}

// live does something in the org and hears the events about the person that it causes.
func (p *product) live(who string) func(emulator.Act, error) {
	return func(act emulator.Act, err error) {
		p.Helper()
		if err != nil {
			p.Fatal(err)
		}
		for _, e := range act.Events {
			p.hears(who, e.Type)
		}
	}
}

// hears works an event about a person off.
func (p *product) hears(who, eventType string) {
	p.Helper()
	p.hearsOf(directory.PersonScope(who), eventType)
}

// hearsOf is hears for whatever the event is about.
func (p *product) hearsOf(scope directory.Scope, eventType string) {
	p.Helper()
	p.events++
	err := p.db.AddEvents(p.Context(), p.tenant.Slug, []directory.Event{{
		UUID: fmt.Sprintf("event-%d", p.events), Type: eventType, Published: time.Now(), Urgent: directory.UrgentEvent(eventType),
		Via: directory.ViaHook, Outcome: "SUCCESS", Scopes: []directory.Scope{scope},
	}})
	if err == nil {
		_, err = p.engine.Scope(p.Context(), scope)
	}
	if err != nil {
		p.Fatalf("%s: %v", eventType, err)
	}
}

// sync is a full sync, and what it says when it is done.
func (p *product) sync() directory.Run {
	p.Helper()
	run := directory.Run{ID: newRunID(), Tenant: p.tenant.Slug, Scope: directory.FullScope(), Cause: directory.CauseManual, State: directory.RunQueued}
	if _, _, err := p.db.CreateRun(p.Context(), run); err != nil {
		p.Fatal(err)
	}
	if _, err := p.engine.Run(p.Context(), run.ID, directory.AnyClaim); err != nil {
		p.Fatal(err)
	}
	run, err := p.db.Run(p.Context(), p.tenant.Slug, run.ID)
	if err != nil || run.State != directory.RunSucceeded {
		p.Fatalf("the full sync is %s: %s, %v", run.State, run.Error, err)
	}
	return run
}

// person is the row in the directory; the zero value when there is none.
func (p *product) person(id string) directory.Person {
	p.Helper()
	rows, err := p.db.People(p.Context(), p.tenant.Slug, []string{id})
	if err != nil {
		p.Fatal(err)
	}
	if len(rows) == 0 {
		return directory.Person{}
	}
	return rows[0]
}

// mustBeIn says that the person is in the directory and active; mustBeOut that there is no access.
func (p *product) mustBeIn(id string) {
	p.Helper()
	if row := p.person(id); row.Status != directory.StatusActive || !row.Present() {
		p.Errorf("the person is %q, and should be active", row.Status)
	}
}

func (p *product) mustBeOut(id string) {
	p.Helper()
	if row := p.person(id); row.Present() {
		p.Errorf("the person is %q, and should have no access", row.Status)
	}
	p.mustHave(id, "")
}

// mustHave compares roles, each with its team, and licenses, held or with the place in line, in order.
func (p *product) mustHave(id, want string) {
	p.Helper()
	roles, licenses, err := p.db.GrantsOfPerson(p.Context(), p.tenant.Slug, id)
	if err != nil {
		p.Fatal(err)
	}
	var have []string
	for _, r := range roles {
		text := r.Role
		if r.Team != "" {
			text += "@" + r.Team
		}
		have = append(have, text)
	}
	for _, l := range licenses {
		text := l.Pool
		if !l.Held {
			text += fmt.Sprintf(" (waits as %d)", l.Place)
		}
		have = append(have, text)
	}
	slices.Sort(have)
	if got := strings.Join(have, ", "); got != want {
		p.Errorf("the person has %q, want %q", got, want)
	}
}

// groupsOf are the names of the person's groups in the directory, in order.
func (p *product) groupsOf(id string) string {
	p.Helper()
	groups, err := p.db.GroupsOfPerson(p.Context(), p.tenant.Slug, id)
	if err != nil {
		p.Fatal(err)
	}
	var names []string
	for _, g := range groups {
		names = append(names, g.Name)
	}
	slices.Sort(names)
	return strings.Join(names, ", ")
}

// quarantined is the reason why somebody is not let in, or nothing.
func (p *product) quarantined(id string) string {
	p.Helper()
	list, err := p.db.Quarantine(p.Context(), p.tenant.Slug, "", 100)
	if err != nil {
		p.Fatal(err)
	}
	for _, q := range list {
		if q.PersonID == id {
			return q.Reason
		}
	}
	return ""
}

// comesAndGoes are the rows about coming, changing and leaving that all five guides have.
func (p *product) comesAndGoes() {
	p.row(1, "assigned_is_created", func(p *product) {
		p.mustBeIn(p.comes(emulator.NewPerson{}))
	})
	p.row(2, "profile_changes_are_taken_over", func(p *product) {
		id := p.comes(emulator.NewPerson{FirstName: "Ada"})
		p.live(id)(p.org.Update(id, map[string]any{"firstName": "Grace"}))
		if got := p.person(id).Profile.FirstName; got != "Grace" {
			p.Errorf("the first name is %q", got)
		}
	})
	p.row(3, "deactivated_loses_access", func(p *product) {
		id := p.comes(emulator.NewPerson{})
		p.live(id)(p.org.Deactivate(id))
		p.mustBeOut(id)
	})
	p.row(4, "unassigned_loses_access", func(p *product) {
		id := p.comes(emulator.NewPerson{})
		p.live(id)(p.org.Unassign("", id))
		p.mustBeOut(id)
	})
	p.row(13, "only_assigned_people_are_in", func(p *product) {
		id := p.joins(emulator.NewPerson{Unassigned: true})
		p.hears(id, "user.account.update_profile")
		p.sync()
		if row := p.person(id); row.Present() || row.Profile.Email != "" {
			p.Errorf("somebody who is not assigned is in the directory: %q", row.Status)
		}
	})
}
