package config

import (
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

// A complete tenant, so that each test adds only what it is about.
const (
	oktaBlock = "okta: {url: https://acme.okta.com, token: 00abcdefghijklmnopqrst, app_id: 0oa1appAPPAPPAPPx5d7}\n"
	hookBlock = "hook: {secrets: [f00dcafe00112233445566778899aabb]}\n"
)

// files serves a configuration file called c.yml and whatever else is given.
func files(content string, others map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if path == "c.yml" {
			return []byte(content), nil
		}
		if other, ok := others[path]; ok {
			return []byte(other), nil
		}
		return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
	}
}

func load(content string, environ ...string) (Config, error) {
	return Load(Options{Path: "c.yml", Environ: environ, ReadFile: files(content, nil)})
}

func mustLoad(t *testing.T, content string, environ ...string) Config {
	t.Helper()
	c, err := load(content, environ...)
	if err != nil {
		t.Fatalf("load:\n%v", err)
	}
	return c
}

func lines(err error) []string {
	if err == nil {
		return nil
	}
	return strings.Split(err.Error(), "\n")
}

func TestLoadFillsInDefaults(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, oktaBlock+hookBlock)
	want := Tenant{
		Slug: DefaultSlug,
		Okta: Okta{
			URL: "https://acme.okta.com", Token: NewSecret("00abcdefghijklmnopqrst"), AppID: "0oa1appAPPAPPAPPx5d7",
			Scopes:    []string{"okta.users.read", "okta.groups.read", "okta.apps.read", "okta.logs.read", "okta.eventHooks.read"},
			RateShare: 0.5, Concurrency: 8, SecondLook: time.Minute, Burst: 50, Log: SystemLog{Interval: time.Minute},
		},
		Hook:    Hook{Header: "Authorization", Secrets: []Secret{NewSecret("f00dcafe00112233445566778899aabb")}, Check: HookAlarm, CheckEvery: 10 * time.Minute},
		Nightly: Nightly{At: "03:00", Pause: 10 * time.Minute},
		Mapping: map[string]Source{
			"first_name": {From: []string{"user.firstName"}}, "last_name": {From: []string{"user.lastName"}},
			"email": {From: []string{"user.email"}}, "login": {From: []string{"user.login"}},
			"picture": {From: []string{"user.profileUrl"}}, "title": {From: []string{"user.title"}},
			"language": {From: []string{"user.preferredLanguage", "user.locale"}}, "location": {From: []string{"user.city"}},
			"department": {From: []string{"user.department"}}, "employee_number": {From: []string{"user.employeeNumber"}},
			"manager_id_text": {From: []string{"user.managerId"}}, "manager_text": {From: []string{"user.manager"}},
		},
		Required:    []string{"first_name", "last_name", "email"},
		Teams:       []TeamSource{{Path: []string{"department"}}},
		EmptyTeams:  EmptyTeamsKeep,
		Groups:      Groups{Types: []string{"OKTA_GROUP"}},
		Limits:      Limits{People: Limit{500, 0.1, 5}, Groups: Limit{50, 0.2, 3}, Members: Limit{1000, 0.5, 10}, Roles: Limit{500, 0.1, 10}, Licenses: Limit{500, 0.1, 10}, Invites: 100, PlanMaxAge: day, Safety: SafetyUpToLimit},
		Managers:    Managers{Mode: ManagersOverride, Resolve: []string{"okta_id", "login", "email", "employee_number"}, WhenLeaves: ManagerClear},
		Deprovision: Deprovision{Policy: DeprovisionDeactivate, Grace: 30 * day},
		Invites:     Invites{Mode: InvitesHold, SendBy: InvitesMail, LinkTTL: 14 * day, Language: "en", PerMinute: 60},
	}
	if diff := cmp.Diff([]Tenant{want}, c.Tenants, cmp.AllowUnexported(Tenant{})); diff != "" {
		t.Errorf("tenants (-want +got):\n%s", diff)
	}
	if c.Database.Driver() != "sqlite" || c.Database.SQLitePath() != "data/oktasync.db" || c.Database.MaxConns != 25 {
		t.Errorf("database = %+v, want SQLite in data/oktasync.db with 25 connections", c.Database)
	}
	if !c.Redis.Embedded() {
		t.Errorf("redis = %+v, want embedded", c.Redis)
	}
	wantServer := Server{
		Listen: "127.0.0.1:8080", ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 15 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, ShutdownGrace: 20 * time.Second,
	}
	if diff := cmp.Diff(wantServer, c.Server); diff != "" {
		t.Errorf("server (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(Workers{Leavers: 4, People: 8, Groups: 3, Bulk: 2, Upkeep: 4, Deliveries: 16}, c.Workers); diff != "" {
		t.Errorf("workers (-want +got):\n%s", diff)
	}
	if c.Log.Level != slog.LevelInfo || c.Log.Format != LogJSON {
		t.Errorf("log = %+v, want info and json", c.Log)
	}
	if c.Retention.Inbox != 30*day || c.Retention.Runs != 90*day || c.Retention.Tombstones != 90*day {
		t.Errorf("retention = %+v, want 30d, 90d, 90d", c.Retention)
	}
	if diff := cmp.Diff([]string{"scheduler", "web", "worker"}, c.Roles); diff != "" {
		t.Errorf("roles (-want +got):\n%s", diff)
	}
}

func TestLoadWithoutTenants(t *testing.T) {
	t.Parallel()
	c, err := Load(Options{NoTenants: true, Environ: []string{"OKTASYNC_SERVER_LISTEN=:9000", "HOME=/root"}})
	if err != nil {
		t.Fatal(err)
	}
	if c.Server.Listen != ":9000" || len(c.Tenants) != 0 {
		t.Errorf("listen %q with %d tenants, want :9000 with none", c.Server.Listen, len(c.Tenants))
	}
	_, err = Load(Options{})
	want := []string{"okta: no tenant is configured; set okta.url, okta.token, okta.app_id and hook.secrets, or the same below tenants.<slug>; or set encryption.keys, to add tenants by the API"}
	if diff := cmp.Diff(want, lines(err)); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestLoadSeveralTenants(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, `
tenants:
  globex:
    okta: {url: https://globex.okta.com, token: 00globexglobexglobex, app_id: 0oa2appAPPAPPAPPx5d7}
    hook: {secrets: [globexglobex00112233], hosts: [Sync.Globex.Example]}
    mapping: &shared {title: app.jobTitle}
  acme-eu:
    okta: {url: https://acme.okta.com, token: 00acmeacmeacmeacme, app_id: 0oa1appAPPAPPAPPx5d7}
    hook: {secrets: [acmeacme0011223344]}
    mapping: *shared
    nightly: {at: never}
`, "OKTASYNC_TENANTS_ACME_EU_OKTA_RATE_SHARE=0.25")
	var slugs []string
	for _, tenant := range c.Tenants {
		slugs = append(slugs, tenant.Slug)
	}
	if diff := cmp.Diff([]string{"acme-eu", "globex"}, slugs); diff != "" {
		t.Fatalf("slugs (-want +got):\n%s", diff)
	}
	acme, _ := c.Tenant("acme-eu")
	globex, _ := c.Tenant("globex")
	if acme.Okta.RateShare != 0.25 || globex.Okta.RateShare != 0.5 {
		t.Errorf("rate shares %v and %v, want 0.25 from the environment and 0.5", acme.Okta.RateShare, globex.Okta.RateShare)
	}
	if diff := cmp.Diff([]string{"sync.globex.example"}, globex.Hook.Hosts); diff != "" {
		t.Errorf("hosts (-want +got):\n%s", diff)
	}
	for _, tenant := range c.Tenants {
		if diff := cmp.Diff([]string{"app.jobTitle"}, tenant.Mapping["title"].From); diff != "" {
			t.Errorf("title of %s (-want +got):\n%s", tenant.Slug, diff)
		}
	}
	if _, scheduled := acme.Nightly.Cron(); scheduled {
		t.Error("acme-eu has a schedule, want never")
	}
}

func TestLoadRules(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, oktaBlock+hookBlock+`
mapping:
  title: {from: [app.title, user.title], default: Employee}
  picture: []
  department:
custom_fields:
  - {name: cost_center, from: user.costCenter}
  - {name: skills, type: list, from: [user.skills, app.skills]}
required: [email]
unique: [email, employee_number]
teams: { from: none }
groups: {names: ["Team *"], exclude: [00g1groupGROUP00x5d7, "Team ?"]}
limits: {people: {absolute: 3, fraction: 1, floor: 0}}
`)
	got := c.Tenants[0]
	if diff := cmp.Diff(Source{From: []string{"app.title", "user.title"}, Default: "Employee"}, got.Mapping["title"]); diff != "" {
		t.Errorf("title (-want +got):\n%s", diff)
	}
	if len(got.Mapping["picture"].From) != 0 {
		t.Errorf("picture comes from %v, want nothing", got.Mapping["picture"].From)
	}
	if diff := cmp.Diff([]string{"user.department"}, got.Mapping["department"].From); diff != "" {
		t.Errorf("an empty key must keep the default (-want +got):\n%s", diff)
	}
	wantCustom := []CustomField{
		{Name: "cost_center", Type: "text", Source: Source{From: []string{"user.costCenter"}}},
		{Name: "skills", Type: "list", Source: Source{From: []string{"user.skills", "app.skills"}}},
	}
	if diff := cmp.Diff(wantCustom, got.CustomFields); diff != "" {
		t.Errorf("custom fields (-want +got):\n%s", diff)
	}
	if got.Teams != nil {
		t.Errorf("teams.from = %v, want none", got.Teams)
	}
	if len(got.Groups.Types) != 0 {
		t.Errorf("group types = %v; who names groups wants no others", got.Groups.Types)
	}
	if diff := cmp.Diff(Limit{3, 1, 0}, got.Limits.People); diff != "" {
		t.Errorf("limit (-want +got):\n%s", diff)
	}
}

// TestChosenGroups: whoever chooses groups in any way gets no others, unless they say so.
func TestChosenGroups(t *testing.T) {
	t.Parallel()
	everyType, id := []string{"OKTA_GROUP"}, "00g1groupGROUP00x5d7"
	for text, want := range map[string]Groups{
		"":                             {Types: everyType},
		"groups: {exclude: [Test]}":    {Types: everyType, Exclude: []string{"Test"}},
		"groups: {assigned: true}":     {Assigned: true},
		"groups: {assigned: false}":    {Types: everyType},
		"groups: {ids: [], names: []}": {Types: everyType},
		"groups: {ids: [" + id + "]}":  {IDs: []string{id}},
		"groups: {names: 'false'}":     {Names: []string{"false"}},
		"groups: {assigned: true, ids: [" + id + "], types: [OKTA_GROUP]}":                         {Assigned: true, IDs: []string{id}, Types: everyType},
		"presets: {ours: {groups: {assigned: true}}}\npreset: ours":                                {Assigned: true},
		"presets: {ours: {groups: {assigned: true}}}\npreset: ours\ngroups: {assigned: false}":     {Types: everyType},
		"presets: {ours: {groups: {assigned: true}}}\npreset: ours\ngroups: {types: [OKTA_GROUP]}": {Assigned: true, Types: everyType},
	} {
		t.Run(text, func(t *testing.T) {
			t.Parallel()
			got := mustLoad(t, oktaBlock+hookBlock+text+"\n").Tenants[0].Groups
			if diff := cmp.Diff(want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("the groups (-want +got):\n%s", diff)
			}
		})
	}
}

func TestNightlyCron(t *testing.T) {
	t.Parallel()
	for at, want := range map[string]string{"03:00": "0 3 * * *", "23:45": "45 23 * * *", "0 4 * * 1-5": "0 4 * * 1-5", "never": ""} {
		got, ok := Nightly{At: at}.Cron()
		if got != want || ok != (want != "") {
			t.Errorf("Cron of %q = %q, %v, want %q", at, got, ok, want)
		}
	}
}

func TestRedisModes(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, redis string
		want        Redis
	}{
		{
			"url with everything", "{url: 'rediss://oktasync:p%40ss@cache.example.com/3'}",
			Redis{
				URL: NewURL("rediss://oktasync:p%40ss@cache.example.com/3"), Mode: RedisSingle, Addresses: []string{"cache.example.com:6379"},
				Username: "oktasync", Password: NewSecret("p@ss"), DB: 3, TLS: RedisTLS{Enabled: true},
			},
		},
		{
			"bare url", "{url: 'redis://[::1]:7000', password: hunter2hunter2, db: 4}",
			Redis{URL: NewURL("redis://[::1]:7000"), Mode: RedisSingle, Addresses: []string{"[::1]:7000"}, Password: NewSecret("hunter2hunter2"), DB: 4},
		},
		{
			"sentinel", "{mode: sentinel, addresses: ['a:1', 'b:2'], master_name: mymaster, sentinel_username: s, sentinel_password: t-t-t-u, tls: {enabled: true, server_name: r.example}}",
			Redis{
				URL: NewURL(embedded), Mode: RedisSentinel, Addresses: []string{"a:1", "b:2"}, MasterName: "mymaster",
				SentinelUsername: "s", SentinelPassword: NewSecret("t-t-t-u"), TLS: RedisTLS{Enabled: true, ServerName: "r.example"},
			},
		},
		{
			"cluster", "{mode: cluster, addresses: ['a:1']}",
			Redis{URL: NewURL(embedded), Mode: RedisCluster, Addresses: []string{"a:1"}},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := mustLoad(t, oktaBlock+hookBlock+"redis: "+test.redis+"\n")
			if diff := cmp.Diff(test.want, c.Redis); diff != "" {
				t.Errorf("redis (-want +got):\n%s", diff)
			}
			if c.Redis.Embedded() {
				t.Error("the queue counts as embedded")
			}
		})
	}
}

func TestDatabasePasswordIsMerged(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, oktaBlock+hookBlock+"database: {url: 'postgres://oktasync@db:5432/oktasync?sslmode=disable', password: 'p/@:#?w'}\n")
	want := "postgres://oktasync:p%2F%40%3A%23%3Fw@db:5432/oktasync?sslmode=disable"
	if got := c.Database.URL.Reveal(); got != want {
		t.Errorf("url = %s, want %s", got, want)
	}
	if c.Database.Driver() != "postgres" || c.Database.SQLitePath() != "" {
		t.Errorf("driver %s, path %q, want postgres without a path", c.Database.Driver(), c.Database.SQLitePath())
	}
}

func TestSQLitePaths(t *testing.T) {
	t.Parallel()
	for address, want := range map[string]string{
		"sqlite:data/o.db": "data/o.db", "sqlite:///var/lib/o.db": "/var/lib/o.db", "sqlite:/var/lib/o.db": "/var/lib/o.db", "sqlite:./o.db": "./o.db",
	} {
		if err := checkDatabaseURL(address); err != nil {
			t.Errorf("%s: %v", address, err)
		}
		if got := (Database{URL: NewURL(address)}).SQLitePath(); got != want {
			t.Errorf("path of %s = %q, want %q", address, got, want)
		}
	}
}

func TestTrustedProxies(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, oktaBlock+hookBlock+"server: {trusted_proxies: [10.0.0.0/8, 192.0.2.7, 'fd00::/8']}\n")
	want := []string{"10.0.0.0/8", "192.0.2.7/32", "fd00::/8"}
	var got []string
	for _, network := range c.Server.TrustedProxies {
		got = append(got, network.String())
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("networks (-want +got):\n%s", diff)
	}
	if !c.Server.TrustedProxies[1].Contains(netip.MustParseAddr("192.0.2.7")) {
		t.Error("the single address does not contain itself")
	}
}

func TestDurations(t *testing.T) {
	t.Parallel()
	tests := map[string]time.Duration{"50ms": 50 * time.Millisecond, "90s": 90 * time.Second, "30d": 30 * day, "1d12h": 36 * time.Hour, "0d30m": 30 * time.Minute}
	for text, want := range tests {
		if got, err := parseDuration(text); err != nil || got != want {
			t.Errorf("parseDuration(%q) = %v, %v, want %v", text, got, err, want)
		}
		if again, err := parseDuration(showDuration(want)); err != nil || again != want {
			t.Errorf("%v is shown as %q, which is read as %v, %v", want, showDuration(want), again, err)
		}
	}
	for _, text := range []string{"", "30", "d", "-5s", "+5s", "1d-5h", "99999999d", "1.5d", "5 s", "1w", "1d2d"} {
		if got, err := parseDuration(text); err == nil {
			t.Errorf("parseDuration(%q) = %v, want an error", text, got)
		}
	}
	for d, want := range map[time.Duration]string{2 * time.Minute: "2m", 12 * time.Hour: "12h", 90 * time.Minute: "1h30m", day: "1d", 500 * time.Millisecond: "500ms"} {
		if got := showDuration(d); got != want {
			t.Errorf("showDuration(%v) = %q, want %q", d, got, want)
		}
	}
}

func TestProblemsAreStructured(t *testing.T) {
	t.Parallel()
	_, err := load(oktaBlock + hookBlock + "log: {level: loud}\n")
	want := []Problem{{Key: "log.level", Where: "c.yml:3:14", Text: `"loud" is not known; give one of debug, info, warn, error`}}
	if diff := cmp.Diff(want, Problems(fmt.Errorf("load: %w", err))); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
	if got := Problems(fmt.Errorf("something else")); got != nil {
		t.Errorf("problems of a foreign error = %v, want none", got)
	}
}
