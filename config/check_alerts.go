package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/mail"
	"net/url"
	"strings"
)

func checkAlertURL(text string) error {
	if text == "" {
		return nil // none
	}
	parsed, err := url.Parse(text)
	if err != nil || parsed.Host == "" || parsed.Scheme != "https" && parsed.Scheme != "http" {
		return errors.New("is not an address; give one such as https://ops.example.com/hooks/oktasync")
	}
	if parsed.User != nil || parsed.Fragment != "" {
		return errors.New("holds a user or a fragment; alerts are signed with alerts.webhook.secret instead")
	}
	return nil
}

// checkAlertSecret follows the Standard Webhooks specification.
func checkAlertSecret(text string) error {
	const advice = "; make one with: echo whsec_$(openssl rand -base64 32)"
	encoded, found := strings.CutPrefix(text, "whsec_")
	if !found {
		return errors.New("does not begin with whsec_" + advice)
	}
	key, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return errors.New("is not base64 after whsec_" + advice)
	}
	if len(key) < 24 || len(key) > 64 {
		return fmt.Errorf("has %d bytes; 24 to 64 are needed%s", len(key), advice)
	}
	return nil
}

// checkMailbox takes a bare address. Neither a name beside it nor a line break can hide in one.
func checkMailbox(text string) error {
	parsed, err := mail.ParseAddress(text)
	if err != nil || parsed.Address != text {
		return fmt.Errorf("%s is not a mail address; give one such as ops@example.com", quote(text))
	}
	return nil
}

// checkMail wants a server that can be used, and a password that nobody reads on its way.
func (l *loader) checkMail(c *Config) {
	if l.problems.has("mail") {
		return
	}
	m := c.Mail
	switch {
	case m.User != "" && !m.Password.IsSet():
		l.add("mail.password", "is missing, but mail.user is set; give it, or remove the user")
	case m.User == "" && m.Password.IsSet():
		l.add("mail.user", "is missing, but mail.password is set; give it, or remove the password")
	case m.User != "" && m.TLS == MailPlain:
		l.add("mail.tls", "is none, but mail.password is set: it would be sent for anybody to read; choose starttls or tls")
	}
	if len(c.Alerts.Mail.To) == 0 || l.problems.has("alerts") {
		return
	}
	if m.Server == "" {
		l.add("mail.server", "is missing, but alerts.mail.to is set; give the server that takes mail")
	}
	if m.From == "" {
		l.add("mail.from", "is missing, but alerts.mail.to is set; give the sender's address")
	}
}

// checkAlerts wants address and secret together.
func (l *loader) checkAlerts(c *Config) {
	if l.problems.has("alerts") {
		return
	}
	switch w := c.Alerts.Webhook; {
	case w.URL.IsSet() && !w.Secret.IsSet():
		l.add("alerts.webhook.secret", "is missing; alerts are never sent without a signature")
	case !w.URL.IsSet() && w.Secret.IsSet():
		l.add("alerts.webhook.url", "is missing, but alerts.webhook.secret is set; give the address, or remove the secret")
	}
}
