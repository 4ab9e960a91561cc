package config

import (
	"encoding/base64"
	"errors"
	"fmt"
	"net/url"
	"strings"
)

func checkAlertURL(text string) error {
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

// checkAlerts wants address and secret together.
func (l *loader) checkAlerts(c *Config) {
	if l.problems.has("alerts") {
		return
	}
	switch w := c.Alerts.Webhook; {
	case w.URL != "" && !w.Secret.IsSet():
		l.add("alerts.webhook.secret", "is missing; alerts are never sent without a signature")
	case w.URL == "" && w.Secret.IsSet():
		l.add("alerts.webhook.url", "is missing, but alerts.webhook.secret is set; give the address, or remove the secret")
	}
}
