package sync_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"mime"
	"mime/multipart"
	"mime/quotedprintable"
	"net"
	"net/mail"
	"os"
	"path/filepath"
	"strings"
	gosync "sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/emersion/go-smtp"
	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"

	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/directory"
	dirsync "github.com/oktasync/oktasync/sync"
)

// postOffice is a real SMTP server that keeps what it takes.
type postOffice struct {
	address string

	mu    gosync.Mutex
	taken map[string][]string // messages by address
	// end is asked, where it is set, before the answer to a whole message, which is kept by then; an error is the answer.
	end func(to string, conn *smtp.Conn) error
}

func openOffice(t *testing.T) *postOffice {
	t.Helper()
	o := &postOffice{taken: map[string][]string{}}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.address = listener.Addr().String()
	server := smtp.NewServer(smtp.BackendFunc(func(c *smtp.Conn) (smtp.Session, error) { return &counter{office: o, conn: c}, nil }))
	server.Domain, server.ErrorLog = "post.test", slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	done := make(chan struct{})
	go func() { _ = server.Serve(listener); close(done) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return o
}

// counter is one conversation.
type counter struct {
	office *postOffice
	conn   *smtp.Conn
	to     string
}

func (c *counter) Mail(string, *smtp.MailOptions) error { return nil }

func (c *counter) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "gone") {
		return &smtp.SMTPError{Code: 550, Message: "there is no " + to}
	}
	c.to = to
	return nil
}

func (c *counter) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	c.office.mu.Lock()
	defer c.office.mu.Unlock()
	c.office.taken[c.to] = append(c.office.taken[c.to], string(text))
	if c.office.end != nil {
		return c.office.end(c.to, c.conn)
	}
	return nil
}

func (c *counter) Reset()        { c.to = "" }
func (c *counter) Logout() error { return nil }

// count returns how many mails came, and fails when somebody got two.
func (o *postOffice) count(t *testing.T) int {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	total := 0
	for to, letters := range o.taken {
		if total += len(letters); len(letters) > 1 {
			t.Errorf("%s got %d mails", to, len(letters))
		}
	}
	return total
}

// inviting is a tenant with a sender of invites.
type inviting struct {
	*fixture
	office *postOffice
	sender *deliver.Inviter
	links  *deliver.Links
	ledger deliver.InviteLedger
	tenant deliver.InviteTenant
}

const inviteKey = "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

func newInviting(f *fixture, ledger deliver.InviteLedger, templates map[string]string) *inviting {
	t := f.t.(*testing.T)
	i := &inviting{fixture: f, office: openOffice(t), ledger: ledger, tenant: deliver.InviteTenant{
		Slug: f.tenant, Product: "The Product", URL: "https://app.example.com/welcome?from=mail", LinkTTL: time.Hour, Language: "en", PerMinute: 100_000,
	}}
	mailer, err := deliver.NewMailer(deliver.MailerOptions{Server: i.office.address, Plain: true, From: "welcome@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	folder := fstest.MapFS{}
	for name, text := range templates {
		folder[name] = &fstest.MapFile{Data: []byte(text)}
	}
	texts, err := deliver.LoadInviteTemplates(folder)
	if err != nil {
		t.Fatal(err)
	}
	if i.links, err = deliver.NewLinks([]string{inviteKey}); err != nil {
		t.Fatal(err)
	}
	attempts := 0
	i.sender = deliver.NewInviter(deliver.InviterOptions{
		Ledger: ledger, Mailer: mailer, Templates: texts, Links: i.links, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		NewID: func() string { attempts++; return fmt.Sprintf("attempt-%p-%d", i, attempts) },
	})
	return i
}

// inviteBook joins the sender with the engine, as the service does.
type inviteBook struct {
	*fixture
	engine *dirsync.Engine
}

func (b inviteBook) Turn(ctx context.Context) (bool, error) {
	_, more, err := b.engine.TurnInvites(ctx)
	return more, err
}

func (b inviteBook) Claim(ctx context.Context, attempt string, lease time.Duration) (directory.InviteCandidate, bool, error) {
	return b.engine.ClaimInvite(ctx, attempt, lease)
}

func (b inviteBook) Finish(ctx context.Context, person, attempt string, outcome directory.InviteOutcome) error {
	_, err := b.engine.FinishInvite(ctx, person, attempt, outcome)
	return err
}

func (b inviteBook) Attempted(ctx context.Context, within time.Duration) (int, bool, error) {
	return b.db.InvitesAttempted(ctx, b.tenant, within)
}

func (b inviteBook) Waits(ctx context.Context) (bool, error) { return b.db.InviteWaits(ctx, b.tenant) }

// turn sends until nothing more is to be done at the moment.
func (i *inviting) turn() error {
	i.t.Helper()
	for {
		more, err := i.sender.Turn(i.t.Context(), i.t.Context(), i.tenant, inviteBook{i.fixture, i.engine})
		if err != nil || !more {
			return err
		}
	}
}

func (i *inviting) mustTurn() {
	i.t.Helper()
	if err := i.turn(); err != nil {
		i.t.Fatal(err)
	}
}

func (i *inviting) order(move directory.InviteMove, sel directory.InviteSelection) directory.InviteTally {
	i.t.Helper()
	tally, _, err := i.engine.OrderInvites(i.t.Context(), directory.InviteOrder{Move: move, Select: sel}, directory.Act{Actor: "ops", Role: directory.RoleOperate, Kind: move.Act()})
	if err != nil {
		i.t.Fatal(err)
	}
	return tally
}

func (i *inviting) mails(want int) {
	i.t.Helper()
	if got := i.office.count(i.t.(*testing.T)); got != want {
		i.t.Fatalf("%d mails came, want %d", got, want)
	}
}

func (i *inviting) states(want map[directory.InviteState]int) {
	i.t.Helper()
	got, err := i.db.InviteCounts(i.t.Context(), i.fixture.tenant)
	if err != nil {
		i.t.Fatal(err)
	}
	for state, n := range got {
		if n == 0 {
			delete(got, state)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		i.t.Fatalf("states (-want +got):\n%s", diff)
	}
}

// invite returns the person's invite as it is listed.
func (i *inviting) invite(id string) directory.Invite {
	i.t.Helper()
	rows, err := i.db.ListInvites(i.t.Context(), i.fixture.tenant, directory.InviteSelection{People: []string{id}}, "", 1)
	if err != nil || len(rows) != 1 {
		i.t.Fatalf("invites of %s: %v, %v", id, rows, err)
	}
	return rows[0].Invite
}

func everybody() directory.InviteSelection { return directory.InviteSelection{} }

func just(ids ...string) directory.InviteSelection { return directory.InviteSelection{People: ids} }

// inviteDatabases runs a test on both databases, each with the ledger that goes with it.
func inviteDatabases(t *testing.T, test func(t *testing.T, n naked, ledger deliver.InviteLedger)) {
	for name, open := range nakedDatabases(t) {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "SQLite" {
				file := deliver.NewFileLedger(filepath.Join(t.TempDir(), "ledger"))
				t.Cleanup(func() { file.Close() })
				test(t, open(t), file)
				return
			}
			client := redis.NewClient(&redis.Options{Addr: os.Getenv("OKTASYNC_TEST_REDIS")})
			t.Cleanup(func() { client.Close() })
			test(t, open(t), deliver.NewRedisLedger(client))
		})
	}
}

// run executes a statement past the store.
func (n naked) run(t *testing.T, statement string) {
	t.Helper()
	if _, err := n.sql.ExecContext(t.Context(), statement); err != nil {
		t.Fatal(err)
	}
}

// 500 people on hold get no mail; three waves bring one to each; and neither a replay, a full sync nor an older copy
// of the database brings anybody a second one.
func TestInviteWaves(t *testing.T) {
	t.Parallel()
	inviteDatabases(t, func(t *testing.T, n naked, ledger deliver.InviteLedger) {
		all := 500
		if n.postgres {
			all = 60 // the same statements, of which each takes longer
		}
		i := newInviting(newTenant(t, n.db, fmt.Sprintf("waves-%d", time.Now().UnixNano()), nil), ledger, nil)
		t.Cleanup(func() { _ = ledger.Forget(context.Background(), i.tenant.Slug) })
		for p := range all {
			i.join(fmt.Sprintf("u%04d", p), map[string]any{"department": []string{"Sales", "Support", "Lab", "Office", "Field"}[p%5]})
		}
		i.mustFull()
		i.mustTurn()
		i.mails(0)
		i.states(map[directory.InviteState]int{directory.InviteHeld: all})
		if changes, err := n.db.Changes(t.Context(), i.fixture.tenant, directory.ChangeQuery{Types: []directory.ChangeType{directory.InviteIsHeld}, Limit: 1}); err != nil || len(changes) > 0 {
			t.Fatalf("an invite that is held costs the history %v, %v", changes, err)
		}
		seen := 0
		for after, more := "", true; more; more = after != "" {
			plans, next, err := i.engine.PreviewInvites(t.Context(), everybody(), after, 200)
			if err != nil {
				t.Fatal(err)
			}
			seen, after = seen+len(plans), next
		}
		if seen != all {
			t.Fatalf("the preview lists %d, want %d", seen, all)
		}
		i.mustTurn()
		i.mails(0)

		team, _ := directory.TeamFor("department", "Sales")
		if got := i.order(directory.InviteRelease, directory.InviteSelection{Team: team.ID}); got.Moved != all/5 {
			t.Fatalf("the first wave: %+v", got)
		}
		i.mustTurn()
		i.mails(all / 5)
		// An hour-old copy. The table is all that tells what was sent.
		n.run(t, `create table copy as select * from invites`)
		second := i.order(directory.InviteRelease, directory.InviteSelection{Percent: 50}).Moved
		if second < all/5 || second > all*3/5 {
			t.Errorf("half of %d are %d", all-all/5, second)
		}
		i.mustTurn()
		i.mails(all/5 + second)
		third := i.order(directory.InviteRelease, everybody())
		if third.Moved != all-all/5-second || third.Skipped["is sent"] != all/5+second {
			t.Errorf("the third wave: %+v", third)
		}
		i.mustTurn()
		i.mails(all)
		i.states(map[directory.InviteState]int{directory.InviteSent: all})

		i.mustFull()
		for p := range 20 {
			i.event(directory.PersonScope(fmt.Sprintf("u%04d", p)))
		}
		i.order(directory.InviteRelease, everybody())
		i.mustTurn()
		i.mails(all)

		n.run(t, `delete from invites`)
		n.run(t, `insert into invites select * from copy`)
		n.run(t, `drop table copy`)
		i.states(map[directory.InviteState]int{directory.InviteSent: all / 5, directory.InviteHeld: all - all/5})
		i.mustFull()
		i.order(directory.InviteRelease, everybody())
		i.mustTurn()
		i.mails(all)
		i.states(map[directory.InviteState]int{directory.InviteSent: all})

		// With the ledger lost as well nothing goes out before an admin has said what happened.
		n.run(t, `update invites set state = 'due', released_by = 'ops', attempt = '' where person_id < 'u0010'`)
		if err := ledger.Forget(t.Context(), i.tenant.Slug); err != nil {
			t.Fatal(err)
		}
		if err := i.turn(); !errors.Is(err, deliver.ErrLedgerLost) {
			t.Fatalf("without the ledger: %v", err)
		}
		tally, _, err := i.engine.RecoverInvites(t.Context(), true, directory.Act{Actor: "ops", Kind: directory.ActInvitesRecover})
		if err != nil || tally.Moved != 10 {
			t.Fatalf("recovered: %+v, %v", tally, err)
		}
		if err := ledger.Seed(t.Context(), i.tenant.Slug, nil); err != nil {
			t.Fatal(err)
		}
		i.mustTurn()
		i.mails(all)
		i.states(map[directory.InviteState]int{directory.InviteSent: all - 10, directory.InviteUncertain: 10})
	})
}

// Whoever sends and dies leaves an invite that nobody sends again; only an admin can.
func TestInviteUncertain(t *testing.T) {
	t.Parallel()
	inviteDatabases(t, func(t *testing.T, n naked, ledger deliver.InviteLedger) {
		i := newInviting(newTenant(t, n.db, fmt.Sprintf("doubt-%d", time.Now().UnixNano()), nil), ledger, nil)
		t.Cleanup(func() { _ = ledger.Forget(context.Background(), i.tenant.Slug) })
		for _, id := range []string{"ada", "bob", "cleo", "dan", "gone"} {
			i.join(id, nil)
		}
		i.mustFull()
		i.order(directory.InviteRelease, just("ada"))
		if err := ledger.Seed(t.Context(), i.tenant.Slug, nil); err != nil { // as the sender does before it claims any
			t.Fatal(err)
		}
		if _, found, err := i.engine.ClaimInvite(t.Context(), "killed", time.Microsecond); !found || err != nil {
			t.Fatalf("claimed: %t, %v", found, err)
		}
		i.mustTurn()
		i.states(map[directory.InviteState]int{directory.InviteHeld: 4, directory.InviteUncertain: 1})
		if _, err := i.engine.FinishInvite(t.Context(), "ada", "killed", directory.InviteOutcome{Result: directory.InviteTaken}); err != nil {
			t.Fatal(err)
		}
		if got := i.invite("ada"); got.State != directory.InviteUncertain || got.Problem == "" {
			t.Errorf("the late end of an attempt that was given up: %+v", got)
		}
		i.mails(0)

		// The server takes Bob's mail, and the connection breaks before it can say so.
		i.office.end = func(_ string, conn *smtp.Conn) error { conn.Close(); return nil }
		i.order(directory.InviteRelease, just("bob"))
		i.mustTurn()
		i.mails(1)
		i.office.mu.Lock()
		i.office.end = nil
		i.office.mu.Unlock()
		i.mustTurn()
		i.mustFull()
		i.order(directory.InviteRelease, everybody())
		i.mustTurn()
		i.mails(3) // Cleo's and Dan's
		i.states(map[directory.InviteState]int{directory.InviteUncertain: 2, directory.InviteSent: 2, directory.InviteFailed: 1})
		if got := i.invite("gone"); !strings.Contains(got.Problem, "550") || strings.Contains(got.Problem, "@") {
			t.Errorf("the refused one: %+v", got)
		}

		if got := i.order(directory.InviteResend, directory.InviteSelection{States: []directory.InviteState{directory.InviteUncertain}, People: []string{"ada"}}); got.Moved != 1 {
			t.Errorf("sent once more: %+v", got)
		}
		i.mustTurn()
		i.mails(4)
		if got := i.order(directory.InviteMark, just("bob")); got.Moved != 1 || i.invite("bob").State != directory.InviteSent {
			t.Errorf("noted as sent: %+v", got)
		}
		if got := i.order(directory.InviteAccept, just("cleo")); got.Moved != 1 {
			t.Errorf("accepted: %+v", got)
		}
		if got := i.order(directory.InviteResend, just("cleo")); got.Moved != 0 || got.Skipped["is accepted"] != 1 {
			t.Errorf("accepted, and once more: %+v", got)
		}
		if got := i.order(directory.InviteRevoke, just("dan", "nobody")); got.Moved != 1 || got.Skipped["not in the directory, or not in the rest of the selection"] != 1 {
			t.Errorf("taken back: %+v", got)
		}

		changes, err := n.db.Changes(t.Context(), i.fixture.tenant, directory.ChangeQuery{PersonID: "ada", Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		var story []string
		for _, c := range changes {
			if c.Subject == directory.SubjectInvite {
				story = append(story, fmt.Sprintf("%s %v>%v %s%s", c.Type, c.Fields[0].Before, c.Fields[0].After, c.Cause.Kind, c.Cause.Actor))
			}
		}
		want := []string{"invite.due held>due manualops", "invite.uncertain due>uncertain invites", "invite.due uncertain>due manualops", "invite.sent due>sent invites"}
		if diff := cmp.Diff(want, story); diff != "" {
			t.Errorf("Ada's story (-want +got):\n%s", diff)
		}
		i.described(directory.InviteIsDue, directory.InviteIsSent, directory.InviteIsAccepted, directory.InviteIsFailed, directory.InviteIsUncertain, directory.InviteIsRevoked)
	})
}

// Nothing goes out but what was let go, when its time has come, to people who are active; and nobody who leaves, is erased and
// returns gets a second one.
func TestInviteRules(t *testing.T) {
	t.Parallel()
	f := newFixture(t, func(r *directory.Rules) {
		r.Invites = directory.InviteRules{Mode: directory.InvitesAutomatic, NotBefore: "start"}
		r.Custom = []directory.CustomField{{Name: "start", Type: directory.CustomText, Source: directory.Source{From: []string{"user.start"}}}}
		r.Limits.Invites = 5
	})
	ledger := deliver.NewFileLedger(filepath.Join(t.TempDir(), "ledger"))
	t.Cleanup(func() { ledger.Close() })
	i := newInviting(f, ledger, nil)
	i.join("now", nil)
	i.join("later", map[string]any{"start": time.Now().AddDate(0, 1, 0).Format(time.DateOnly)})
	i.join("odd", map[string]any{"start": "soon"})
	i.join("began", map[string]any{"start": "2020-01-31"})
	i.join("idle", nil).status = "SUSPENDED"
	i.mustFull()
	i.states(map[directory.InviteState]int{directory.InviteDue: 3, directory.InviteHeld: 2})
	i.mustTurn()
	i.mails(2)
	if got := i.invite("later"); got.State != directory.InviteHeld || got.ReleaseAt.Before(time.Now()) {
		t.Errorf("whose day is to come: %+v", got)
	}
	if got := i.invite("odd"); got.State != directory.InviteHeld || !strings.Contains(got.Problem, "cannot be read") {
		t.Errorf("whose day cannot be read: %+v", got)
	}
	// Their days come: one because it is moved, the other, who is active again, has none.
	i.people["later"].profile["start"] = "2020-01-31"
	i.people["idle"].status = "ACTIVE"
	i.event(directory.PersonScope("later"))
	i.event(directory.PersonScope("idle"))
	i.mustTurn()
	i.mails(3)
	if got := i.order(directory.InviteRelease, everybody()); got.Moved != 1 {
		t.Errorf("released before the day that was noted: %+v", got)
	}
	i.mustTurn()
	i.mails(4)

	// Gone, erased, back again.
	i.people["now"].assigned = false
	i.event(directory.PersonScope("now"))
	tally, _, err := i.engine.OrderInvites(t.Context(), directory.InviteOrder{Move: directory.InviteAccept, Select: just("now"), Present: true}, directory.Act{Actor: "product"})
	if err != nil || tally.Moved != 0 || tally.Skipped["left"] != 1 {
		t.Errorf("somebody who left accepts: %+v, %v", tally, err)
	}
	if _, err := i.engine.Erase(t.Context(), "now", directory.Act{Actor: "ops", Kind: directory.ActErase}); err != nil {
		t.Fatal(err)
	}
	i.people["now"].assigned = true
	if result := i.event(directory.PersonScope("now")); result.Changes[directory.PersonCreated] != 1 || result.Changes[directory.InviteIsDue] != 0 {
		t.Errorf("back again: %v", result.Changes)
	}
	i.mustTurn()
	i.mails(4)

	// More than the limit at once waits for an admin.
	for p := range 6 {
		i.join(fmt.Sprintf("new%d", p), nil)
	}
	run, err := i.full()
	if !errors.As(err, new(*directory.HeldError)) || run.State != directory.RunHeld || !strings.Contains(run.Error, "limits.invites") {
		t.Fatalf("six at once: %s %q, %v", run.State, run.Error, err)
	}
	i.event(directory.PersonScope("new0"))
	// Back on hold, what nobody released is held again, and what somebody did goes out.
	i.rules.Invites.Mode = directory.InvitesHold
	i.engine = i.engineOf(dirsync.Options{})
	i.event(directory.PersonScope("new1"))
	i.mustTurn()
	i.mails(4)
	i.order(directory.InviteRelease, just("new1"))
	i.mustTurn()
	i.mails(5)
	i.rules.Invites.Mode = directory.InvitesOff
	i.engine = i.engineOf(dirsync.Options{})
	if _, _, err := i.engine.OrderInvites(t.Context(), directory.InviteOrder{Move: directory.InviteRelease}, directory.Act{}); !errors.Is(err, directory.ErrConflict) {
		t.Errorf("released while off: %v", err)
	}
	i.described(directory.InviteIsHeld, directory.PersonErased, directory.SyncHeld)
}

// From which day on somebody is invited: a day is one of the calendar unless it says another zone, and what is no day holds
// the invite, whatever the type of the field.
func TestInviteDays(t *testing.T) {
	t.Parallel()
	ahead := time.Now().UTC().AddDate(0, 0, 40).Truncate(24 * time.Hour)
	days := map[string]struct {
		start      any
		text, date time.Time // from when on; zero: at once
		held       string    // for ever, in which types
	}{
		"none":           {start: nil},
		"blank":          {start: "  "},
		"past":           {start: "2020-02-29"},
		"ahead":          {start: ahead.Format(time.DateOnly), text: ahead, date: ahead},
		"east":           {start: ahead.Format(time.DateOnly) + "T00:00:00+09:00", text: ahead.Add(-9 * time.Hour), date: ahead},
		"west":           {start: ahead.Format(time.DateOnly) + "T20:00:00-08:00", text: ahead.Add(28 * time.Hour), date: ahead},
		"no such day":    {start: "2026-02-30", held: "text date"},
		"words":          {start: "soon", held: "text date"},
		"a zone unknown": {start: ahead.Format(time.DateOnly) + " Mars", held: "text date"},
		"a number":       {start: 20261231.5, held: "text date"},
	}
	for _, kind := range []directory.CustomType{directory.CustomText, directory.CustomDate} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(r *directory.Rules) {
				r.Invites = directory.InviteRules{Mode: directory.InvitesHold, NotBefore: "start"}
				r.Custom = []directory.CustomField{{Name: "start", Type: kind, Source: directory.Source{From: []string{"user.start"}}}}
			})
			ledger := deliver.NewFileLedger(filepath.Join(t.TempDir(), "ledger"))
			t.Cleanup(func() { ledger.Close() })
			i := newInviting(f, ledger, nil)
			for name, day := range days {
				i.join(name, map[string]any{"start": day.start})
			}
			i.mustFull()
			i.order(directory.InviteRelease, everybody())
			for name, day := range days {
				want := directory.Invite{State: directory.InviteDue}
				if at := map[directory.CustomType]time.Time{directory.CustomText: day.text, directory.CustomDate: day.date}[kind]; !at.IsZero() {
					want = directory.Invite{State: directory.InviteHeld, ReleaseAt: at}
				}
				if strings.Contains(day.held, string(kind)) {
					want = directory.Invite{State: directory.InviteHeld}
				}
				if got := i.invite(name); got.State != want.State || !got.ReleaseAt.Equal(want.ReleaseAt) {
					t.Errorf("%s: %s from %s on, want %s from %s on", name, got.State, got.ReleaseAt, want.State, want.ReleaseAt)
				}
			}
		})
	}
}

// A wave of so many per hour: the first at once, the others later.
func TestInvitesPerHour(t *testing.T) {
	t.Parallel()
	f := newFixture(t, nil)
	ledger := deliver.NewFileLedger(filepath.Join(t.TempDir(), "ledger"))
	t.Cleanup(func() { ledger.Close() })
	i := newInviting(f, ledger, nil)
	for p := range 5 {
		i.join(fmt.Sprintf("u%d", p), nil)
	}
	i.mustFull()
	tally, _, err := i.engine.OrderInvites(t.Context(), directory.InviteOrder{Move: directory.InviteRelease, PerHour: 2}, directory.Act{Actor: "ops"})
	if err != nil || tally.Moved != 5 || tally.Later != 3 {
		t.Fatalf("%+v, %v", tally, err)
	}
	i.tenant.PerMinute = 1
	var wait *directory.RetryAfterError
	if err := i.turn(); !errors.As(err, &wait) {
		t.Errorf("over the rate: %v", err)
	}
	i.mails(1)
	i.tenant.PerMinute = 100
	i.mustTurn()
	i.mails(2)
	if d := i.invite("u4").ReleaseAt.Sub(i.invite("u2").ReleaseAt); d != time.Hour {
		t.Errorf("the last comes %s after the third", d)
	}
	if got := i.order(directory.InviteHoldOn, everybody()); got.Moved != 3 {
		t.Errorf("held again: %+v", got)
	}
	i.states(map[directory.InviteState]int{directory.InviteHeld: 3, directory.InviteSent: 2})
}

// Whatever stands in a name: one mail, headers that are ours, HTML that is escaped, the person's language, a link that is theirs.
func TestInviteMail(t *testing.T) {
	t.Parallel()
	db := openDatabase(t)
	ledger := deliver.NewFileLedger(filepath.Join(t.TempDir(), "ledger"))
	t.Cleanup(func() { ledger.Close() })
	i := newInviting(newTenant(t, db, "acme", nil), ledger, map[string]string{
		"de.subject.txt": "Für {{.FirstName}}", "de.txt": "Hallo {{.Name}} {{.Link}}",
		"acme/de.subject.txt": "Von acme für {{.FirstName}}", "acme/de.txt": "Hallo {{.Name}} {{.Link}}", "acme/de.html": "<b>{{.Name}}</b>",
	})
	const evil = "Eve\r\nBcc: all@acme.example\r\n\r\n<script>alert(1)</script>\u202egnp"
	i.join("evil", map[string]any{"firstName": evil, "preferredLanguage": "de_AT"})
	i.join("long", map[string]any{"firstName": strings.Repeat("界", 120), "preferredLanguage": "tlh"})
	i.mustFull()
	i.order(directory.InviteRelease, everybody())
	i.mustTurn()
	i.mails(2)
	read := func(id string) (mail.Header, map[string]string) {
		t.Helper()
		message, err := mail.ReadMessage(strings.NewReader(i.office.taken[id+"@acme.example"][0]))
		if err != nil {
			t.Fatal(err)
		}
		_, fields, err := mime.ParseMediaType(message.Header.Get("Content-Type"))
		if err != nil {
			t.Fatal(err)
		}
		parts := map[string]string{}
		for reader := multipart.NewReader(message.Body, fields["boundary"]); ; {
			part, err := reader.NextRawPart()
			if errors.Is(err, io.EOF) {
				return message.Header, parts
			}
			if err != nil {
				t.Fatal(err)
			}
			var text []byte
			if part.Header.Get("Content-Transfer-Encoding") == "base64" {
				text, err = io.ReadAll(base64.NewDecoder(base64.StdEncoding, part))
			} else {
				text, err = io.ReadAll(quotedprintable.NewReader(part))
			}
			if err != nil {
				t.Fatal(err)
			}
			kind, _, _ := strings.Cut(part.Header.Get("Content-Type"), ";")
			parts[kind] = string(bytes.TrimSpace(text))
		}
	}
	header, parts := read("evil")
	subject, err := new(mime.WordDecoder).DecodeHeader(header.Get("Subject"))
	if err != nil || header.Get("Bcc") != "" || subject != "Von acme für Eve Bcc: all@acme.example <script>alert(1)</script>gnp" {
		t.Errorf("subject %q, %v, Bcc %q", subject, err, header.Get("Bcc"))
	}
	if want := "<b>Eve Bcc: all@acme.example &lt;script&gt;alert(1)&lt;/script&gt;gnp Last evil</b>"; parts["text/html"] != want {
		t.Errorf("HTML %q, want %q", parts["text/html"], want)
	}
	_, token, _ := strings.Cut(parts["text/plain"], "https://app.example.com/welcome?from=mail&invite=")
	if person, err := i.links.Verify(token, "acme", time.Now()); err != nil || person != "evil" {
		t.Errorf("the link in %q is for %q, %v", parts["text/plain"], person, err)
	}
	header, parts = read("long")
	if header.Get("Subject") != "Your invite to The Product" || len([]rune(parts["text/plain"])) > 1000 || !strings.Contains(parts["text/plain"], "界…") {
		t.Errorf("a long name: %q\n%s", header.Get("Subject"), parts["text/plain"])
	}
}
