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
	// alertLease is how long an attempt keeps others from the same alert: longer than any attempt takes.
	alertLease = time.Minute
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
	Box     AlertBox
	Channel directory.AlertChannel
	Send    func(context.Context, directory.Alert) Outcome // one attempt: WebhookAlert or MailAlert
	Every   time.Duration                                  // between two looks; 2 s when zero
	Sent    func(delivered bool)                           // told of each attempt; may be nil
	Log     *slog.Logger
}

// Alerts sends alerts on one channel. Several replicas may run it at once.
type Alerts struct{ o AlertsOptions }

// NewAlerts returns the sender of alerts on a channel.
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
	for {
		// One by one: an alert that waited behind slow attempts at others would be somebody else's meanwhile.
		due, err := a.o.Box.DueAlerts(ctx, a.o.Channel, alertsKept, alertLease, 1)
		if err != nil || len(due) == 0 {
			return err
		}
		if err := a.attempt(ctx, due[0]); err != nil {
			return err
		}
	}
}

func (a *Alerts) attempt(ctx context.Context, alert directory.Alert) error {
	outcome := a.o.Send(ctx, alert)
	if ctx.Err() != nil {
		return ctx.Err() // it says nothing about the receiver
	}
	a.o.Sent(outcome.Delivered)
	log := a.o.Log.With("tenant", alert.Tenant, "channel", a.o.Channel, "alert", alert.ID, "kind", alert.Kind, "attempt", alert.Attempts)
	wait, again := Backoff(alert.Attempts)
	switch {
	case outcome.Delivered && outcome.Problem != "":
		log.Warn("an alert was sent, but not to everybody, and is not sent again", "reason", outcome.Problem)
		return a.o.Box.AlertSent(ctx, a.o.Channel, alert.ID, outcome.Problem)
	case outcome.Delivered:
		log.Info("alert sent")
		return a.o.Box.AlertSent(ctx, a.o.Channel, alert.ID, "")
	case outcome.Gone || !again:
		log.Error("an alert was given up", "reason", outcome.Problem)
		return a.o.Box.AlertSent(ctx, a.o.Channel, alert.ID, outcome.Problem)
	default:
		wait = max(wait, outcome.Wait)
		log.Warn("an alert could not be sent and is tried again", "reason", outcome.Problem, "in", wait)
		return a.o.Box.AlertLater(ctx, a.o.Channel, alert.ID, wait, outcome.Problem)
	}
}

// WebhookAlert returns what posts an alert to the sender's address.
func WebhookAlert(sender *Sender) func(context.Context, directory.Alert) Outcome {
	return func(ctx context.Context, alert directory.Alert) Outcome {
		body, err := json.Marshal(message{
			Type: string(alert.Kind), Timestamp: alert.At.UTC(), Data: data{Tenant: alert.Tenant, Run: alert.RunID, Sentence: alert.Sentence},
		})
		if err != nil {
			return Outcome{Problem: fmt.Sprintf("it cannot be written: %v", err)}
		}
		return sender.Send(ctx, alert.ID, body)
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
