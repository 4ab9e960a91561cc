package deliver_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"log/slog"
	"mime/quotedprintable"
	"net"
	"net/http/httptest"
	"net/mail"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
)

// letter is what the post office took.
type letter struct {
	to     string
	header mail.Header
	body   string
}

// office is a real SMTP server that takes mail for everybody but nobody@….
type office struct {
	address string
	roots   *x509.CertPool
	taken   chan letter
	dataEnd func() error // what it answers to a whole message; nil takes it
}

const mailPassword = "correct horse battery"

func newOffice(t *testing.T, implicit bool, dataEnd func() error) *office {
	t.Helper()
	lender := httptest.NewTLSServer(nil) // lends the certificate for 127.0.0.1
	t.Cleanup(lender.Close)
	o := &office{roots: x509.NewCertPool(), taken: make(chan letter, 10), dataEnd: dataEnd}
	o.roots.AddCert(lender.Certificate())
	settings := &tls.Config{Certificates: lender.TLS.Certificates}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.address = listener.Addr().String()
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &visit{office: o}, nil }))
	server.Domain, server.TLSConfig, server.ErrorLog = "post.test", settings, silent{}
	if implicit {
		listener = tls.NewListener(listener, settings)
	}
	done := make(chan struct{})
	go func() { _ = server.Serve(listener); close(done) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	return o
}

type silent struct{}

func (silent) Printf(string, ...any) {}
func (silent) Println(...any)        {}

// visit is one conversation.
type visit struct {
	office *office
	known  bool
	to     string
}

func (v *visit) AuthMechanisms() []string { return []string{sasl.Plain} }

func (v *visit) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "oktasync" || password != mailPassword {
			return smtp.ErrAuthFailed
		}
		v.known = true
		return nil
	}), nil
}

func (v *visit) Mail(string, *smtp.MailOptions) error {
	if !v.known {
		return smtp.ErrAuthRequired
	}
	return nil
}

func (v *visit) Rcpt(to string, _ *smtp.RcptOptions) error {
	if strings.HasPrefix(to, "nobody@") {
		return &smtp.SMTPError{Code: 550, Message: "there is no " + to}
	}
	v.to = to
	return nil
}

func (v *visit) Data(r io.Reader) error {
	text, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	if v.office.dataEnd != nil {
		if err := v.office.dataEnd(); err != nil {
			return err
		}
	}
	message, err := mail.ReadMessage(bytes.NewReader(text))
	if err != nil {
		return err
	}
	body, err := io.ReadAll(quotedprintable.NewReader(message.Body))
	if err != nil {
		return err
	}
	v.office.taken <- letter{v.to, message.Header, string(body)}
	return nil
}

func (v *visit) Reset()        { v.to = "" }
func (v *visit) Logout() error { return nil }

func (o *office) mailer(t *testing.T, change func(*deliver.MailerOptions)) *deliver.Mailer {
	t.Helper()
	options := deliver.MailerOptions{Server: o.address, User: "oktasync", Password: mailPassword, From: "oktasync@example.com", Roots: o.roots}
	if change != nil {
		change(&options)
	}
	m, err := deliver.NewMailer(options)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMail(t *testing.T) {
	t.Parallel()
	busy := func() error { return &smtp.SMTPError{Code: 451, Message: "come back later, ops@example.com"} }
	for name, test := range map[string]struct {
		implicit bool
		dataEnd  func() error
		change   func(*deliver.MailerOptions)
		to       []string
		want     deliver.Outcome
	}{
		"STARTTLS": {to: []string{"ops@example.com", "boss@example.com"}, want: deliver.Outcome{Delivered: true}},
		"TLS from the first byte": {
			implicit: true, change: func(o *deliver.MailerOptions) { o.Implicit = true },
			to: []string{"ops@example.com"}, want: deliver.Outcome{Delivered: true},
		},
		"one address is refused": {
			to:   []string{"nobody@example.com", "ops@example.com"},
			want: deliver.Outcome{Delivered: true, Problem: "for recipient 1 of 2 the address was refused (550)"},
		},
		"all are refused": {to: []string{"nobody@example.com"}, want: deliver.Outcome{Problem: "for recipient 1 of 1 the address was refused (550)"}},
		"busy":            {dataEnd: busy, to: []string{"ops@example.com"}, want: deliver.Outcome{Problem: "for recipient 1 of 1 the mail was refused (451)"}},
		"wrong password": {
			change: func(o *deliver.MailerOptions) { o.Password = "wrong" }, to: []string{"ops@example.com"},
			want: deliver.Outcome{Problem: "the mail server refuses the sign-in (535): check mail.user and mail.password"},
		},
		"no password": {
			change: func(o *deliver.MailerOptions) { o.User, o.Password = "", "" }, to: []string{"ops@example.com"},
			want: deliver.Outcome{Problem: "for recipient 1 of 1 the sender was refused (502)"},
		},
		"certificate of nobody known": {
			change: func(o *deliver.MailerOptions) { o.Roots = x509.NewCertPool() }, to: []string{"ops@example.com"},
			want: deliver.Outcome{Problem: "the mail server's certificate is not believed; name its authority with SSL_CERT_FILE, or correct mail.server"},
		},
		"nobody there": {
			change: func(o *deliver.MailerOptions) { o.Server = "127.0.0.1:1" }, to: []string{"ops@example.com"},
			want: deliver.Outcome{Problem: "the mail server does not answer as it should; check mail.server and mail.tls"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := newOffice(t, test.implicit, test.dataEnd)
			m := o.mailer(t, test.change)
			at := time.Date(2026, 3, 4, 5, 6, 7, 0, time.UTC)
			got := deliver.MailAlert(m, test.to)(t.Context(), directory.Alert{
				ID: "a1", Tenant: "acme", Kind: directory.AlertRunHeld, RunID: "r1", Sentence: "Lauf r1 wartet über Nacht.", At: at,
			})
			if got != test.want {
				t.Errorf("outcome %+v, want %+v", got, test.want)
			}
			if err := m.Check(t.Context()); (err == nil) != (got.Delivered || strings.HasPrefix(got.Problem, "for recipient")) {
				t.Errorf("outcome %+v, but the check says %v", got, err)
			}
			if !got.Delivered {
				return
			}
			l := <-o.taken
			if to := l.header.Get("To"); !strings.Contains(to, l.to) || strings.Contains(to, ",") {
				t.Errorf("sent to %s, but says %s", l.to, to)
			}
			want := "Lauf r1 wartet über Nacht.\r\n\r\nTenant: acme\r\nRun: r1\r\nTime: 2026-03-04T05:06:07Z\r\nAlert: run.held\r\n"
			if l.body != want || l.header.Get("Subject") != "oktasync: run.held, tenant acme" || l.header.Get("Auto-Submitted") != "auto-generated" {
				t.Errorf("letter %+v", l)
			}
			if id := l.header.Get("Message-Id"); !strings.HasPrefix(id, "<a1.") || !strings.HasSuffix(id, "@example.com>") {
				t.Errorf("Message-Id %s", id)
			}
		})
	}
}

// TestMailNeedsTLS: a server without STARTTLS gets neither the password nor the mail.
func TestMailNeedsTLS(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := smtp.NewServer(smtp.BackendFunc(func(*smtp.Conn) (smtp.Session, error) { return &visit{}, nil }))
	server.ErrorLog = silent{}
	done := make(chan struct{})
	go func() { _ = server.Serve(listener); close(done) }()
	t.Cleanup(func() { _ = server.Close(); <-done })
	o := &office{address: listener.Addr().String()}
	got := o.mailer(t, nil).Send(t.Context(), deliver.Mail{ID: "a1", To: []string{"ops@example.com"}})
	if want := (deliver.Outcome{Problem: "the mail server does not answer as it should; check mail.server and mail.tls"}); got != want {
		t.Errorf("outcome %+v", got)
	}
}

// TestMailBreaksOff: a server that dies after it has read everything leaves the alert to be sent again, and
// the second letter has the id of the first, so that its reader can tell.
func TestMailBreaksOff(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: storetest.SQLiteFile(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	ends := make(chan error, 2)
	ends <- &smtp.SMTPError{Code: 421, Message: "going down"}
	ends <- nil
	o := newOffice(t, false, func() error { return <-ends })
	told := make(chan bool, 10)
	a := deliver.NewAlerts(deliver.AlertsOptions{
		Box: impatient{db}, Channel: directory.AlertMail, Send: deliver.MailAlert(o.mailer(t, nil), []string{"ops@example.com"}),
		Every: 5 * time.Millisecond, Sent: func(ok bool) { told <- ok }, Log: slog.New(slog.DiscardHandler),
	})
	done := make(chan struct{})
	go func() { a.Run(t.Context()); close(done) }()
	t.Cleanup(func() { <-done })
	if err := db.Alert(t.Context(), directory.Alert{ID: "held_1", Tenant: "acme", Kind: directory.AlertRunHeld, Sentence: "run 1 waits"}); err != nil {
		t.Fatal(err)
	}
	if first, second := <-told, <-told; first || !second {
		t.Errorf("attempts told as %v and %v", first, second)
	}
	if l := <-o.taken; l.header.Get("Message-Id") != "<held_1.1@example.com>" {
		t.Errorf("Message-Id %s", l.header.Get("Message-Id"))
	}
	if left, err := db.DueAlerts(t.Context(), directory.AlertMail, time.Hour, 0, 10); err != nil || len(left) != 0 {
		t.Errorf("still to be mailed: %v, %v", left, err)
	}
	if left, err := db.DueAlerts(t.Context(), directory.AlertWebhook, time.Hour, 0, 10); err != nil || len(left) != 1 {
		t.Errorf("the other channel: %v, %v", left, err)
	}
}

// TestMailRudeGoodbye: the connection is closed also when the server refuses to end the conversation, or to begin it.
func TestMailRudeGoodbye(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		refused   string
		delivered bool
	}{
		"the end":       {"QUIT", true},
		"the beginning": {"EHLO", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = listener.Close() })
			closed := make(chan error, 1)
			go func() { closed <- rudeServer(listener, test.refused) }()
			m, err := deliver.NewMailer(deliver.MailerOptions{Server: listener.Addr().String(), Plain: true, From: "oktasync@example.com"})
			if err != nil {
				t.Fatal(err)
			}
			if got := m.Send(t.Context(), deliver.Mail{ID: "a1", To: []string{"ops@example.com"}, Text: "run 1 waits"}); got.Delivered != test.delivered {
				t.Errorf("outcome %+v", got)
			}
			if err := <-closed; err != nil {
				t.Errorf("the connection stays open: %v", err)
			}
		})
	}
}

// rudeServer takes one conversation, refuses a command of it, and waits for the connection to be closed.
func rudeServer(listener net.Listener, refused string) error {
	conn, err := listener.Accept()
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		return err
	}
	lines, inData := bufio.NewScanner(conn), false
	fmt.Fprint(conn, "220 post.test\r\n")
	for lines.Scan() {
		line := lines.Text()
		switch {
		case inData && line != ".":
			continue
		case strings.HasPrefix(line, refused) || strings.HasPrefix(line, "HELO") && refused == "EHLO":
			fmt.Fprint(conn, "554 no\r\n")
			continue
		case line == "DATA":
			fmt.Fprint(conn, "354 go on\r\n")
			inData = true
			continue
		}
		inData = false
		fmt.Fprint(conn, "250 well\r\n")
	}
	return lines.Err()
}
