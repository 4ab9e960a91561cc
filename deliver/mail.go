package deliver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/textproto"
	"strconv"
	"strings"
	"time"

	"github.com/wneessen/go-mail"

	"github.com/oktasync/oktasync/directory"
)

// mailTimeout is what MailerOptions.Timeout is by default.
const mailTimeout = 15 * time.Second

// MailerOptions names the mail server.
type MailerOptions struct {
	Server   string // host:port
	Implicit bool   // TLS from the first byte
	Plain    bool   // no TLS at all; else STARTTLS is demanded
	User     string // no sign-in when empty
	Password string
	From     string         // the sender's address
	Roots    *x509.CertPool // authorities that are believed; those of the system when nil
	// Timeout bounds each step of the conversation; 15 s when zero. The whole takes at most twice as long.
	Timeout time.Duration
}

// Mailer hands mail to one SMTP server. It is safe for concurrent use.
type Mailer struct {
	o    MailerOptions
	host string
	port int
}

// NewMailer returns a mailer. It does not talk to the server yet.
func NewMailer(o MailerOptions) (*Mailer, error) {
	host, text, err := net.SplitHostPort(o.Server)
	if err != nil {
		return nil, fmt.Errorf("read the mail server's address: %w", err)
	}
	port, err := strconv.Atoi(text)
	if err != nil {
		return nil, fmt.Errorf("read the mail server's port: %w", err)
	}
	if o.Timeout <= 0 {
		o.Timeout = mailTimeout
	}
	m := &Mailer{o: o, host: host, port: port}
	if _, err := m.client(); err != nil {
		return nil, fmt.Errorf("prepare to talk to the mail server: %w", err)
	}
	return m, nil
}

// Mail is one text for several people.
type Mail struct {
	ID      string // the same at every attempt, so that a mail server or reader can tell a repeated one
	To      []string
	Subject string
	Text    string
	HTML    string // besides Text; none when empty
	At      time.Time
}

// Send makes one attempt. Everybody gets a message of their own, so that an address that is refused
// keeps nobody else from theirs. It was delivered when the server took it for at least one of them; Problem
// then names, by number and not by address, for whom it did not.
func (m *Mailer) Send(ctx context.Context, letter Mail) Outcome {
	messages, err := m.messages(letter)
	if err != nil {
		return Outcome{Problem: "the mail cannot be written: " + err.Error()}
	}
	ctx, cancel := context.WithTimeout(ctx, 2*m.o.Timeout)
	defer cancel()
	c, err := m.talk(ctx)
	if err != nil {
		return Outcome{Problem: err.Error()}
	}
	defer c.end()
	stop := context.AfterFunc(ctx, c.cut)
	defer stop()
	c.send(messages...)
	outcome := Outcome{}
	var problems []string
	for i, message := range messages {
		if message.IsDelivered() {
			outcome.Delivered = true
			continue
		}
		problems = append(problems, fmt.Sprintf("for recipient %d of %d %s", i+1, len(messages), refusal(message)))
	}
	outcome.Problem = strings.Join(problems, "; ")
	return outcome
}

// Check signs in to the server and sends nothing. The error is a sentence without address or password.
func (m *Mailer) Check(ctx context.Context) error {
	c, err := m.talk(ctx)
	if err == nil {
		c.end()
	}
	return err
}

func (m *Mailer) client(more ...mail.Option) (*mail.Client, error) {
	options := []mail.Option{
		mail.WithPort(m.port), mail.WithTimeout(m.o.Timeout),
		mail.WithTLSConfig(&tls.Config{ServerName: m.host, MinVersion: tls.VersionTLS12, RootCAs: m.o.Roots}),
	}
	switch {
	case m.o.Implicit:
		options = append(options, mail.WithSSL())
	case m.o.Plain:
		options = append(options, mail.WithTLSPolicy(mail.NoTLS))
	default:
		options = append(options, mail.WithTLSPolicy(mail.TLSMandatory))
	}
	if m.o.User != "" {
		options = append(options, mail.WithSMTPAuth(mail.SMTPAuthAutoDiscover), mail.WithUsername(m.o.User), mail.WithPassword(m.o.Password))
	}
	return mail.NewClient(m.host, append(options, more...)...)
}

func (m *Mailer) messages(letter Mail) ([]*mail.Msg, error) {
	_, domain, _ := strings.Cut(m.o.From, "@")
	messages := make([]*mail.Msg, 0, len(letter.To))
	for i, to := range letter.To {
		message := mail.NewMsg()
		if message.From(m.o.From) != nil {
			return nil, errors.New("the sender's address is none")
		}
		if message.To(to) != nil {
			return nil, fmt.Errorf("the address of recipient %d is none", i+1)
		}
		message.Subject(letter.Subject)
		message.SetDateWithValue(letter.At)
		message.SetMessageIDWithValue(fmt.Sprintf("%s.%d@%s", letter.ID, i+1, domain))
		message.SetGenHeader("Auto-Submitted", "auto-generated") // RFC 3834: so that nobody's absence answers
		message.SetUserAgent("oktasync")
		message.SetBodyString(mail.TypeTextPlain, letter.Text)
		if letter.HTML != "" {
			message.AddAlternativeString(mail.TypeTextHTML, letter.HTML)
		}
		messages = append(messages, message)
	}
	return messages, nil
}

// connectProblem says what keeps us from talking to the server. The server's own words may repeat an address.
func connectProblem(err error) string {
	var certificate *tls.CertificateVerificationError
	var answer *textproto.Error
	switch {
	case errors.As(err, &certificate):
		return "the mail server's certificate is not believed; name its authority with SSL_CERT_FILE, or correct mail.server"
	case errors.As(err, &answer) && (answer.Code == 535 || answer.Code == 534):
		return fmt.Sprintf("the mail server refuses the sign-in (%d): check mail.user and mail.password", answer.Code)
	case errors.As(err, &answer):
		return fmt.Sprintf("the mail server refuses to talk (%d)", answer.Code)
	default:
		return "the mail server does not answer as it should; check mail.server and mail.tls"
	}
}

// refusal says why the server did not take a message.
func refusal(message *mail.Msg) string {
	var problem *mail.SendError
	if !errors.As(message.SendError(), &problem) || problem.ErrorCode() == 0 {
		return "the conversation broke off"
	}
	step := "the mail was refused"
	switch problem.Reason {
	case mail.ErrSMTPMailFrom:
		step = "the sender was refused"
	case mail.ErrSMTPRcptTo:
		step = "the address was refused"
	}
	return fmt.Sprintf("%s (%d)", step, problem.ErrorCode())
}

// MailAlert returns what mails an alert to some people.
func MailAlert(mailer *Mailer, to []string) func(context.Context, directory.Alert) Outcome {
	return func(ctx context.Context, alert directory.Alert) Outcome {
		text := alert.Sentence + "\n\nTenant: " + alert.Tenant
		if alert.RunID != "" {
			text += "\nRun: " + alert.RunID
		}
		text += "\nTime: " + alert.At.UTC().Format(time.RFC3339) + "\nAlert: " + string(alert.Kind) + "\n"
		return mailer.Send(ctx, Mail{
			ID: alert.ID, To: to, At: alert.At, Text: text, Subject: fmt.Sprintf("oktasync: %s, tenant %s", alert.Kind, alert.Tenant),
		})
	}
}
