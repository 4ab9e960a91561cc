package e2e

import (
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-smtp"

	"github.com/oktasync/oktasync/e2e/installation"
	"github.com/oktasync/oktasync/emulator"
)

// postOffice is a mail server that keeps what it takes.
type postOffice struct {
	address string

	mu    sync.Mutex
	mails map[string][]string // by address
	half  chan struct{}       // closed with the mail of that number
	at    int
}

func openPostOffice(t *testing.T) *postOffice {
	t.Helper()
	o := &postOffice{mails: map[string][]string{}, half: make(chan struct{})}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.address = listener.Addr().String()
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &mailVisit{office: o}, nil }))
	server.Domain, server.ErrorLog = "post.test", slog.NewLogLogger(slog.DiscardHandler, slog.LevelError)
	done := make(chan struct{})
	go func() { _ = server.Serve(listener); close(done) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return o
}

type mailVisit struct {
	office *postOffice
	to     string
}

func (v *mailVisit) Mail(string, *smtp.MailOptions) error { return nil }

func (v *mailVisit) Rcpt(to string, _ *smtp.RcptOptions) error {
	v.to = to
	return nil
}

func (v *mailVisit) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	v.office.mu.Lock()
	defer v.office.mu.Unlock()
	v.office.mails[v.to] = append(v.office.mails[v.to], string(text))
	if len(v.office.mails) == v.office.at {
		close(v.office.half)
	}
	return nil
}

func (v *mailVisit) Reset()        {}
func (v *mailVisit) Logout() error { return nil }

// people returns how many got a mail, and fails when one got two.
func (o *postOffice) people(t *testing.T) int {
	t.Helper()
	o.mu.Lock()
	defer o.mu.Unlock()
	for to, mails := range o.mails {
		if len(mails) > 1 {
			t.Errorf("%s got %d mails", to, len(mails))
		}
	}
	return len(o.mails)
}

const linkKey = "bGlua3MtaW4taW52aXRlcy1hcmUtc2lnbmVkLXdpdGg="

// mailSettings are those of an installation that mails invites through the office.
func (o *postOffice) mailSettings() map[string]any {
	return map[string]any{
		"mail.server": o.address, "mail.tls": "none", "mail.from": "welcome@product.test", "mail.link_keys": []string{linkKey},
		"invites.product": "The Product", "invites.url": "https://product.test/welcome", "invites.per_minute": 10000,
	}
}

// TestInvites holds everybody, mails them in waves, kills the service in the middle of one, puts an older copy of the database in the place of
// the newer, and releases everybody again: nobody gets two mails.
func TestInvites(t *testing.T) {
	t.Parallel()
	office := openPostOffice(t)
	w := newWorld(t, setup{org: emulator.Options{People: 120}, settings: office.mailSettings()})
	w.start()
	w.synced(time.Minute)
	active := w.number("select count(*) from people where status = 'active'")
	release := func(args ...string) {
		t.Helper()
		if out, status := w.cli(append([]string{"invites", "release", "--reason", "a wave"}, args...)...); status != 0 {
			t.Fatalf("release: %s", out)
		}
	}
	// settled waits until nothing is due or under way, but for as many as a kill has cut off.
	settled := func(cutOff int) {
		t.Helper()
		eventually(t, 2*time.Minute, "no invite of anybody active is due or under way", func() string {
			due := w.number("select count(*) from invites i join people p on p.id = i.person_id where i.state = 'due' and p.status = 'active'")
			if sending := w.number("select count(*) from invites where state = 'sending'"); due > 0 || sending > cutOff {
				return fmt.Sprintf("%d are due, %d under way", due, sending)
			}
			return ""
		})
	}
	if out, status := w.cli("invites", "preview", "--everybody"); status != 0 || !strings.Contains(out, fmt.Sprintf("\n%d people would be invited.", w.number("select count(*) from people where status in ('active', 'suspended')"))) {
		t.Fatalf("the preview: %s", out)
	}
	if n := office.people(t); n > 0 {
		t.Fatalf("%d people got a mail while everybody is held", n)
	}

	release("--percent", "30")
	settled(0)
	first := office.people(t)
	old := w.dir + "/old.db"
	db, err := installation.OpenDatabase(w.database)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := db.ExecContext(t.Context(), "vacuum into '"+old+"'"); err != nil {
		t.Fatal(err)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}

	office.mu.Lock()
	office.at = (active + first) / 2
	office.mu.Unlock()
	release("--everybody")
	select {
	case <-office.half:
	case <-time.After(2 * time.Minute):
		t.Fatal("the wave does not get to its middle")
	}
	w.service.kill()
	w.start()
	settled(1)
	// Whose mail was under way at the kill is not sent again, whether it arrived or not.
	if n := office.people(t); n != active && n != active-1 {
		t.Errorf("%d of %d active people got a mail", n, active)
	}
	before := office.people(t)

	w.service.kill()
	file := strings.TrimPrefix(w.database, "sqlite:")
	for _, end := range []string{"-wal", "-shm"} {
		if err := os.Remove(file + end); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.Rename(old, file); err != nil {
		t.Fatal(err)
	}
	w.start()
	w.resync(time.Minute)
	release("--everybody")
	settled(0)
	if n := office.people(t); n != before {
		t.Errorf("with the older copy %d people got a mail, want the %d as before", n, before)
	}
	if sent, unsure := w.number("select count(*) from invites where state = 'sent'"), w.number("select count(*) from invites where state in ('uncertain', 'sending')"); sent+unsure != active || unsure > 1 {
		t.Errorf("%d invites are sent and %d uncertain, of %d", sent, unsure, active)
	}

	// The link in a mail is what the product accepts an invite by.
	office.mu.Lock()
	var text string
	for _, mails := range office.mails {
		text = strings.ReplaceAll(mails[0], "=\r\n", "")
	}
	office.mu.Unlock()
	token := regexp.MustCompile(`invite=3D([\w.-]+)`).FindStringSubmatch(text)
	if token == nil {
		t.Fatalf("there is no link in %s", text)
	}
	accepted, err := w.api.AcceptInvite(t.Context(), tenant, token[1])
	if err != nil || w.text("select state from invites where person_id = '"+accepted.PersonID+"'") != "accepted" {
		t.Errorf("accepted: %+v, %v", accepted, err)
	}
}
