package deliver

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const (
	// alertsKept is how old an alert may be to be sent: an address that is configured later gets
	// none of long ago.
	alertsKept = 4 * 24 * time.Hour
	// alertLease is how long an attempt keeps others from the same alert.
	alertLease = time.Minute
	// alertsAtOnce is how many are sent between two looks.
	alertsAtOnce = 20
)

// AlertBox keeps alerts until they have been sent.
type AlertBox interface {
	// DueAlerts takes alerts that are due on the channel, for as long as lease.
	DueAlerts(ctx context.Context, channel directory.AlertChannel, keep, lease time.Duration, limit int) ([]directory.Alert, error)
	// AlertSent notes that no more attempts are needed; problem says why where it did not arrive.
	AlertSent(ctx context.Context, channel directory.AlertChannel, id, problem string) error
	// AlertLater has an alert tried again after wait.
	AlertLater(ctx context.Context, channel directory.AlertChannel, id string, wait time.Duration, problem string) error
}

// AlertsOptions configures Alerts.
type AlertsOptions struct {
	Box    AlertBox
	Sender *Sender
	Every  time.Duration        // between two looks; 2 s when zero
	Sent   func(delivered bool) // told of each attempt; may be nil
	Log    *slog.Logger
}

// Alerts sends alerts to the operator's address. Several replicas may run it at once.
type Alerts struct{ o AlertsOptions }

// NewAlerts returns the sender of alerts.
func NewAlerts(o AlertsOptions) *Alerts {
	if o.Every <= 0 {
		o.Every = 2 * time.Second
	}
	if o.Sent == nil {
		o.Sent = func(bool) {}
	}
	return &Alerts{o}
}

// Run sends what is due until ctx ends.
func (a *Alerts) Run(ctx context.Context) {
	tick := time.NewTicker(a.o.Every)
	defer tick.Stop()
	for {
		if err := a.send(ctx); err != nil && ctx.Err() == nil {
			a.o.Log.Warn("alerts could not be sent; they are kept and tried again", "error", err)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (a *Alerts) send(ctx context.Context) error {
	due, err := a.o.Box.DueAlerts(ctx, directory.AlertWebhook, alertsKept, alertLease, alertsAtOnce)
	if err != nil {
		return err
	}
	for _, alert := range due {
		if err := a.attempt(ctx, alert); err != nil {
			return err
		}
	}
	return nil
}

func (a *Alerts) attempt(ctx context.Context, alert directory.Alert) error {
	body, err := json.Marshal(message{
		Type: string(alert.Kind), Timestamp: alert.At.UTC(), Data: data{Tenant: alert.Tenant, Run: alert.RunID, Sentence: alert.Sentence},
	})
	if err != nil {
		return fmt.Errorf("write alert %s: %w", alert.ID, err)
	}
	outcome := a.o.Sender.Send(ctx, alert.ID, body)
	if ctx.Err() != nil {
		return ctx.Err() // it says nothing about the receiver
	}
	a.o.Sent(outcome.Delivered)
	log := a.o.Log.With("tenant", alert.Tenant, "alert", alert.ID, "kind", alert.Kind, "attempt", alert.Attempts)
	wait, again := Backoff(alert.Attempts)
	switch {
	case outcome.Delivered:
		log.Info("alert sent")
		return a.o.Box.AlertSent(ctx, directory.AlertWebhook, alert.ID, "")
	case outcome.Gone || !again:
		log.Error("an alert was given up", "reason", outcome.Problem)
		return a.o.Box.AlertSent(ctx, directory.AlertWebhook, alert.ID, outcome.Problem)
	default:
		wait = max(wait, outcome.Wait)
		log.Warn("an alert could not be sent and is tried again", "reason", outcome.Problem, "in", wait)
		return a.o.Box.AlertLater(ctx, directory.AlertWebhook, alert.ID, wait, outcome.Problem)
	}
}

// message is the body, as the Standard Webhooks specification advises it. It is the same at every attempt.
type message struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      data      `json:"data"`
}

type data struct {
	Tenant   string `json:"tenant"`
	Run      string `json:"run,omitempty"`
	Sentence string `json:"sentence"`
}
