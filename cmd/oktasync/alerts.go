package main

import (
	"log/slog"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/store"
)

// newAlerts returns the sender of alerts; nil when no address is configured.
func newAlerts(cfg config.Alerts, db *store.DB, m *metrics, log *slog.Logger) (*deliver.Alerts, error) {
	if cfg.Webhook.URL == "" {
		return nil, nil
	}
	signer, err := deliver.NewSigner(cfg.Webhook.Secret.Reveal())
	if err != nil {
		return nil, err
	}
	return deliver.NewAlerts(deliver.AlertsOptions{
		Box: db, Sender: deliver.NewSender(cfg.Webhook.URL, signer, utcNow), Log: log,
		Sent: func(delivered bool) {
			result := "failed"
			if delivered {
				result = "sent"
			}
			m.alerts.WithLabelValues(result).Inc()
		},
	}), nil
}
