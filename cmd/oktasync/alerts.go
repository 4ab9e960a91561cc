package main

import (
	"log/slog"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// newAlerts returns a sender of alerts for each channel that is configured.
func newAlerts(cfg config.Config, db *store.DB, m *metrics, log *slog.Logger) ([]*deliver.Alerts, error) {
	var all []*deliver.Alerts
	add := func(o deliver.AlertsOptions) {
		o.Box, o.Log = db, log
		o.Sent = func(delivered bool) {
			result := "failed"
			if delivered {
				result = "sent"
			}
			m.alerts.WithLabelValues(string(o.Channel), result).Inc()
		}
		all = append(all, deliver.NewAlerts(o))
	}
	if hook := cfg.Alerts.Webhook; hook.URL.IsSet() {
		signer, err := deliver.NewSigner(hook.Secret.Reveal())
		if err != nil {
			return nil, err
		}
		add(deliver.AlertsOptions{Channel: directory.AlertWebhook, Send: deliver.WebhookAlert(deliver.NewSender(hook.URL.Reveal(), signer, utcNow))})
	}
	if to := cfg.Alerts.Mail.To; len(to) > 0 {
		mailer, err := newMailer(cfg.Mail)
		if err != nil {
			return nil, err
		}
		add(deliver.AlertsOptions{Channel: directory.AlertMail, Send: deliver.MailAlert(mailer, to)})
	}
	return all, nil
}

func newMailer(cfg config.Mail) (*deliver.Mailer, error) {
	return deliver.NewMailer(deliver.MailerOptions{
		Server: cfg.Server, Implicit: cfg.TLS == config.MailTLS, Plain: cfg.TLS == config.MailPlain,
		User: cfg.User, Password: cfg.Password.Reveal(), From: cfg.From,
	})
}
