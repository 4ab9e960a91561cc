package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/jobs"
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/webhook"
)

type doctorCommand struct {
	Tenant string `placeholder:"SLUG" help:"Only this tenant."`
}

// Run checks everything that the service needs, one line each. It changes nothing.
func (c doctorCommand) Run(e *env) error {
	cfg, err := e.load(true)
	if err != nil {
		return err
	}
	d := &doctor{ctx: e.ctx, cfg: cfg, only: c.Tenant, tell: func(f directory.Finding) {
		fmt.Fprintf(e.out, "%-5s %-28s %s\n", f.Level, f.What, f.Says)
	}}
	d.checkDatabase()
	d.checkRedis()
	d.checkMail()
	for _, t := range d.cfg.Tenants {
		if d.only == "" || d.only == t.Slug {
			d.checkTenant(t)
			d.tenants++
		}
	}
	if d.only != "" && d.tenants == 0 && d.failed == 0 {
		d.ill(d.only, "is the name of no tenant, neither in the configuration nor in the database; see oktasync tenants list")
	}
	if d.failed > 0 {
		fmt.Fprintf(e.out, "\n%d problem(s). Mend them from the top: later ones often follow from earlier ones.\n", d.failed)
		return errSaid
	}
	fmt.Fprintln(e.out, "\nAll is well.")
	return nil
}

// doctor tells findings as it goes.
type doctor struct {
	ctx     context.Context
	cfg     config.Config         // with the tenants of the database, once that was read
	only    string                // the slug of the one tenant to look at; empty for all
	part    directory.FindingPart // that is being looked at
	tell    func(directory.Finding)
	tenants int // looked at
	failed  int
}

func (d *doctor) well(what, detail string, args ...any) {
	d.tell(directory.Finding{Part: d.part, Level: directory.FindingOK, What: what, Says: fmt.Sprintf(detail, args...)})
}

func (d *doctor) note(what, detail string, args ...any) {
	d.tell(directory.Finding{Part: d.part, Level: directory.FindingNote, What: what, Says: fmt.Sprintf(detail, args...)})
}

func (d *doctor) ill(what, detail string, args ...any) {
	d.failed++
	d.tell(directory.Finding{Part: d.part, Level: directory.FindingFail, What: what, Says: fmt.Sprintf(detail, args...)})
}

// within bounds one check.
func (d *doctor) within() (context.Context, context.CancelFunc) {
	return context.WithTimeout(okta.WithPriority(d.ctx, okta.Urgent), 20*time.Second)
}

func (d *doctor) checkDatabase() {
	ctx, cancel := d.within()
	defer cancel()
	db, err := openStore(ctx, d.cfg)
	if err == nil {
		defer db.Close()
		err = db.Ping(ctx)
	}
	if err != nil {
		d.ill("database", "%v", err)
		return
	}
	d.well("database", "answers")
	if err := db.CheckSchema(ctx); err != nil {
		d.ill("schema", "%v", err)
	} else {
		d.well("schema", "is this version's")
		d.readTenants(ctx, db)
	}
	now, err := db.Now(ctx)
	if err != nil {
		d.ill("database clock", "%v", err)
		return
	}
	d.tellDatabaseClock(time.Since(now).Abs())
}

// tellDatabaseClock judges how far the database's clock is from this machine's.
func (d *doctor) tellDatabaseClock(skew time.Duration) {
	switch {
	case skew > time.Minute:
		d.ill("database clock", "is %s off this machine's; events seem to come from the future or far too late: set both clocks by NTP", skew.Round(time.Second))
	case skew > 5*time.Second:
		d.note("database clock", "differs from this machine's by %s; only log times suffer, the database's clock counts", skew.Round(time.Second))
	}
}

func (d *doctor) checkRedis() {
	if d.cfg.Redis.Embedded() {
		d.well("redis", "runs inside the service; for more than one replica set redis.url")
		return
	}
	ctx, cancel := d.within()
	defer cancel()
	r, err := jobs.Connect(redisOptions(d.cfg.Redis))
	if err != nil {
		d.ill("redis", "%v", err)
		return
	}
	defer r.Close()
	if err := r.Ping(ctx).Err(); err != nil {
		d.ill("redis", "does not answer: %v; check redis.url, user, password and TLS", err)
		return
	}
	policy, err := r.ConfigGet(ctx, "maxmemory-policy").Result()
	switch {
	case err != nil:
		d.note("redis", "answers; whether its maxmemory-policy is noeviction could not be read: %v", err)
	case policy["maxmemory-policy"] != "noeviction":
		d.ill("redis", "maxmemory-policy is %s; set it to noeviction, or leases and locks can vanish", policy["maxmemory-policy"])
	default:
		d.well("redis", "answers, noeviction")
	}
}

// readTenants adds the tenants of the database to those of the file.
func (d *doctor) readTenants(ctx context.Context, db *store.DB) {
	all, err := readTenants(ctx, d.cfg, db)
	if err != nil {
		d.ill("tenants", "%v", err)
		return
	}
	d.cfg = all.config()
	for _, t := range all.list() {
		if t.Problem != "" && (d.only == "" || d.only == t.Tenant) {
			d.ill(t.Tenant, "%s", t.Problem)
		}
	}
}

// checkMail signs in to the mail server, if there is one, and sends nothing.
func (d *doctor) checkMail() {
	if d.cfg.Mail.Server == "" {
		return
	}
	ctx, cancel := d.within()
	defer cancel()
	mailer, err := newMailer(d.cfg.Mail)
	if err == nil {
		err = mailer.Check(ctx)
	}
	if err != nil {
		d.ill("mail server", "%v", err)
		return
	}
	d.well("mail server", "answers; whether mail arrives is for its own log to say")
}

func (d *doctor) checkTenant(t config.Tenant) {
	ctx, cancel := d.within()
	defer cancel()
	d.part = directory.PartRead
	name := func(what string) string { return t.Slug + ": " + what }
	reader, err := newReader(t, rulesOf(t).Groups, func(context.Context) (time.Time, error) { return utcNow(), nil }, nil, nil, slog.New(slog.DiscardHandler))
	if err != nil {
		d.ill(name("settings"), "%v", err)
		return
	}
	defer reader.Close()
	d.well(name("Okta address"), "%s", t.Okta.URL)

	who, err := reader.Whoami(ctx)
	if err != nil {
		d.ill(name("credentials"), "%s", plain(err))
		return
	}
	if who.ClientID != "" {
		missing := slices.DeleteFunc(okta.DefaultScopes(), func(s string) bool { return slices.Contains(who.Scopes, s) })
		if len(who.Scopes) > 0 && len(missing) > 0 {
			d.ill(name("credentials"), "the service app lacks the scopes %s; grant them in Okta under Okta API Scopes", strings.Join(missing, ", "))
			return
		}
		d.well(name("credentials"), "service app %s gets tokens", who.ClientID)
	} else {
		d.well(name("credentials"), "API token of user %s (%s)%s", who.UserID, who.UserStatus, d.tokenWords(ctx, reader, who.UserID))
	}
	if !d.checkApp(ctx, name, reader, t) {
		return
	}
	d.checkSight(ctx, name, reader)
	d.checkAttributes(ctx, name, reader, t)
	d.checkLinks(ctx, name, reader, t)
	d.checkClock(ctx, name, reader)
	d.part = directory.PartHook
	d.checkHook(ctx, name, reader, t)
	d.part = directory.PartLog
	d.checkLog(ctx, name, reader, t)
	d.checkEvents(ctx, name, t)
}

func (d *doctor) checkClock(ctx context.Context, name func(string) string, reader *okta.Reader) {
	if skew, err := reader.ClockSkew(ctx); err != nil {
		d.ill(name("clock"), "%s", plain(err))
	} else if skew.Abs() > time.Minute {
		d.ill(name("clock"), "this machine is %s off Okta's; service app sign-in will fail: set the clock by NTP", skew.Round(time.Second))
	} else {
		d.well(name("clock"), "agrees with Okta's")
	}
}

func (d *doctor) checkApp(ctx context.Context, name func(string) string, reader *okta.Reader, t config.Tenant) bool {
	app, err := reader.App(ctx)
	switch {
	case errors.Is(err, directory.ErrNotFound):
		d.ill(name("app"), "Okta does not know the app %s, or hides it from these credentials; copy the id from the app's address in the admin console into okta.app_id", t.Okta.AppID)
	case err != nil:
		d.ill(name("app"), "%s", plain(err))
	case app.Status != "ACTIVE":
		d.ill(name("app"), "%q is %s; activate it in Okta, until then nothing is changed here", app.Label, app.Status)
	case app.Broker:
		d.note(name("app"), "%q is active, in federation broker mode: people can sign in without being assigned, and only assigned people are in scope here", app.Label)
		return true
	default:
		d.well(name("app"), "%q is active", app.Label)
		return true
	}
	return false
}

// tokenWords tells the token's age, where Okta shows it.
func (d *doctor) tokenWords(ctx context.Context, reader *okta.Reader, owner string) string {
	health, err := reader.TokenHealth(ctx, owner)
	if err != nil {
		return "; it dies with that account, and after 30 days without use"
	}
	words := fmt.Sprintf("; %q, made on %s", health.Name, health.Created.UTC().Format(time.DateOnly))
	if !health.Expires.IsZero() {
		words += fmt.Sprintf(", used last on %s, ends on %s unless it is used before", health.LastUsed.UTC().Format(time.DateOnly), health.Expires.UTC().Format(time.DateOnly))
	}
	return words + "; it dies with that account"
}

// checkSight looks for the trap of a role that shows nothing: Okta then answers with
// success and an empty list.
func (d *doctor) checkSight(ctx context.Context, name func(string) string, reader *okta.Reader) {
	const role = "give the service app or the token's owner the Read-only Administrator role, not limited to some groups"
	switch users, err := reader.VisibleUsers(ctx); {
	case err != nil:
		d.ill(name("users"), "%s", plain(err))
	case users.Count == 0:
		d.ill(name("users"), "Okta shows no users at all; the scopes are there but the admin role is missing: %s", role)
		return
	default:
		d.well(name("users"), "visible (%s)", seen(users))
	}
	switch assigned, err := reader.VisibleAppUsers(ctx); {
	case err != nil:
		d.ill(name("assignments"), "%s", plain(err))
	case assigned.Count == 0:
		d.ill(name("assignments"), "nobody is assigned to the app; assign people or groups in Okta, or check okta.app_id; an app in federation broker mode lists nobody either")
	default:
		d.well(name("assignments"), "%s", seen(assigned))
	}
	switch groups, err := reader.VisibleGroups(ctx); {
	case err != nil:
		d.ill(name("groups"), "%s", plain(err))
	case groups.Count == 0:
		d.ill(name("groups"), "Okta shows no groups; the role may be limited to some groups: %s", role)
	case groups.Selected == 0 && groups.Assigned == 0:
		d.note(name("groups"), "%s visible, but none is assigned to the app, and the rules select no others; assign groups in Okta, or see groups in the configuration", seen(groups.Sight))
	case groups.Selected == 0 && (groups.Assigned < 0 || !groups.More):
		d.note(name("groups"), "%s visible, but the rules select none of them; see groups in the configuration", seen(groups.Sight))
	case groups.Assigned >= 0:
		d.well(name("groups"), "%s visible, %d of the first page selected by the rules, %d assigned to the app", seen(groups.Sight), groups.Selected, groups.Assigned)
	default:
		d.well(name("groups"), "%s visible, %d of the first page selected by the rules", seen(groups.Sight), groups.Selected)
	}
	if err := reader.VisibleLog(ctx); err != nil {
		d.ill(name("system log"), "%s", plain(err))
	} else {
		d.well(name("system log"), "can be read")
	}
}

// checkAttributes looks for rules that read what no user has.
func (d *doctor) checkAttributes(ctx context.Context, name func(string) string, reader *okta.Reader, t config.Tenant) {
	have, err := reader.UserAttributes(ctx)
	if err != nil {
		d.note(name("attributes"), "whether Okta has all that the rules read could not be seen (%s)", plain(err))
		return
	}
	var missing []string
	for _, attribute := range t.Attributes() {
		own, isUser := strings.CutPrefix(attribute, "user.")
		if isUser && !slices.Contains(have, own) {
			missing = append(missing, attribute)
		}
	}
	if len(missing) > 0 {
		d.ill(name("attributes"), "the rules read %s, which Okta's user schema does not have; correct mapping or custom_fields, or add the attribute under Profile Editor", strings.Join(missing, ", "))
		return
	}
	d.well(name("attributes"), "Okta has all that the rules read")
}

// checkLinks looks for linked objects that the org does not have, or hides.
func (d *doctor) checkLinks(ctx context.Context, name func(string) string, reader *okta.Reader, t config.Tenant) {
	for _, attribute := range t.Attributes() {
		link, isLink := strings.CutPrefix(attribute, "link.")
		if !isLink {
			continue
		}
		if _, err := reader.LinkedObject(ctx, link); err != nil {
			d.ill(name("linked object "+link), "%s", plain(err))
			continue
		}
		d.well(name("linked object "+link), "the org has it; who is linked costs two calls for each manager, and one for whoever has none")
	}
}

func seen(s okta.Sight) string {
	if s.More {
		return fmt.Sprintf("%d and more", s.Count)
	}
	return fmt.Sprint(s.Count)
}

// checkLog reads the last minute of the System Log.
func (d *doctor) checkLog(ctx context.Context, name func(string) string, reader *okta.Reader, t config.Tenant) {
	if t.Okta.Log.Interval == 0 {
		d.note(name("System Log"), "is not read (okta.log.interval is off): a lost event is noticed by the next full sync only")
		return
	}
	if _, err := reader.Log(ctx, reader.LogSince(utcNow().Add(-time.Minute), directory.LogEvents())); err != nil {
		d.ill(name("System Log"), "%s; everything else works, but a lost event is noticed by the next full sync only", plain(err))
		return
	}
	d.well(name("System Log"), "can be read, every %s", t.Okta.Log.Interval)
}

// checkHook compares the hook in Okta with what it has to be.
func (d *doctor) checkHook(ctx context.Context, name func(string) string, reader *okta.Reader, t config.Tenant) {
	list, err := webhook.NewTenantList(hookTenants(d.cfg.Tenants))
	if err != nil {
		d.ill(name("event hook"), "%v", err)
		return
	}
	uri, err := hookAddress(list, t.Slug, d.cfg.Server.PublicURL)
	if err != nil {
		d.ill(name("event hook"), "%v", err)
		return
	}
	hooks, err := reader.EventHooks(ctx)
	if err != nil {
		d.note(name("event hook"), "could not be read (%s); grant okta.eventHooks.read, or look it up in the admin console", plain(err))
		return
	}
	review := okta.ReviewHook(hookSpec(list, t, uri, ""), hooks)
	for _, p := range review.Problems {
		if p.Minor {
			d.note(name("event hook"), "%s; %s", p.Says, p.Fix)
			continue
		}
		d.ill(name("event hook"), "%s; %s", p.Says, p.Fix)
	}
	for _, note := range review.Notes {
		d.note(name("event hook"), "%s", note)
	}
	if review.State() == okta.HookSound {
		d.well(name("event hook"), "%s is active, verified and subscribed to all %d events", review.Hook.ID, len(review.Hook.Events.Items))
	}
	if address := cmp.Or(review.Hook.Channel.Config.URI, uri); address != "" {
		if err := webhook.Check(ctx, address, t.Hook.Secrets[0].Reveal(), nil); err != nil {
			d.ill(name("public address"), "%v", err)
		} else {
			d.well(name("public address"), "%s is this installation's and accepts the secret", address)
		}
	}
}

// plain is an error without the wrapping that only helps in logs.
func plain(err error) string {
	var credentials *directory.CredentialsError
	if errors.As(err, &credentials) {
		return credentials.Case + ": " + credentials.Error()
	}
	return err.Error()
}
