package deliver_test

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store/sqlite"
	"github.com/oktasync/oktasync/store/storetest"
)

const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"

func signer(t *testing.T) *deliver.Signer {
	t.Helper()
	s, err := deliver.NewSigner(secret)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestSignature: the example of the Standard Webhooks reference libraries.
func TestSignature(t *testing.T) {
	t.Parallel()
	h := signer(t).Sign("msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	for name, want := range map[string]string{
		"webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "webhook-timestamp": "1614265330",
		"webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
	} {
		if got := h.Get(name); got != want {
			t.Errorf("%s = %q, want %q", name, got, want)
		}
	}
	for _, bad := range []string{"", "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_short", "whsec_!!!!", "whsec_" + strings.Repeat("QUFB", 40)} {
		if _, err := deliver.NewSigner(bad); err == nil || bad != "" && strings.Contains(err.Error(), bad) {
			t.Errorf("secret %q: %v", bad, err)
		}
	}
}

func TestOutcomes(t *testing.T) {
	t.Parallel()
	moved := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	t.Cleanup(moved.Close)
	for name, test := range map[string]struct {
		status int
		header string // name: value
		want   deliver.Outcome
	}{
		"taken":          {204, "", deliver.Outcome{Delivered: true}},
		"gone":           {410, "", deliver.Outcome{Gone: true, Problem: "the receiver answered 410: it wants no more of these"}},
		"broken":         {500, "", deliver.Outcome{Problem: "the receiver answered 500"}},
		"later":          {429, "Retry-After: 90", deliver.Outcome{Wait: 90 * time.Second, Problem: "the receiver answered 429"}},
		"far too late":   {503, "Retry-After: 99999999", deliver.Outcome{Problem: "the receiver answered 503"}},
		"somewhere else": {302, "Location: " + moved.URL, deliver.Outcome{Problem: "the receiver answered 302"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				if key, value, found := strings.Cut(test.header, ": "); found {
					w.Header().Set(key, value)
				}
				w.WriteHeader(test.status)
			}))
			t.Cleanup(server.Close)
			if got := deliver.NewSender(server.URL, signer(t), nil).Send(t.Context(), "a", []byte("{}")); got != test.want {
				t.Errorf("outcome %+v, want %+v", got, test.want)
			}
		})
	}
	t.Run("nobody there", func(t *testing.T) {
		t.Parallel()
		server := httptest.NewServer(http.NotFoundHandler())
		server.Close()
		got := deliver.NewSender(server.URL+"/?key=topsecret", signer(t), nil).Send(t.Context(), "a", nil)
		if got.Delivered || got.Problem != "the receiver does not answer" {
			t.Errorf("outcome %+v", got)
		}
	})
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	total, last := time.Duration(0), time.Duration(0)
	n := 0
	for {
		wait, again := deliver.Backoff(n + 1)
		if !again {
			break
		}
		if wait < last {
			t.Errorf("after %d attempts %s, before %s", n+1, wait, last)
		}
		last, total, n = wait, total+wait, n+1
	}
	if n != 9 || total < 72*time.Hour || total > 80*time.Hour {
		t.Errorf("%d more attempts over %s, want 9 over about three days", n, total)
	}
}

// TestAlertsArrive: stored, an alert is sent with a signature until the receiver takes it; each attempt says the same.
func TestAlertsArrive(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: storetest.SQLiteFile(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	type post struct {
		header http.Header
		body   string
	}
	posts := make(chan post, 10)
	answers := make(chan int, 10)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		posts <- post{q.Header, string(body)}
		w.WriteHeader(<-answers)
	}))
	t.Cleanup(server.Close)
	var results []bool
	told := make(chan bool, 10)
	a := deliver.NewAlerts(deliver.AlertsOptions{
		Box: impatient{db}, Channel: directory.AlertWebhook, Send: deliver.WebhookAlert(deliver.NewSender(server.URL, signer(t), nil)), Every: 5 * time.Millisecond,
		Sent: func(ok bool) { told <- ok }, Log: slog.New(slog.DiscardHandler),
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { a.Run(ctx); close(done) }()
	answers <- 500
	answers <- 204
	answers <- 410
	alert := directory.Alert{ID: "held_1", Tenant: "acme", Kind: directory.AlertRunHeld, RunID: "1", Sentence: "run 1 waits"}
	for range 2 { // the second time is dropped
		if err := db.Alert(t.Context(), alert); err != nil {
			t.Fatal(err)
		}
	}
	first, second := <-posts, <-posts
	results = append(results, <-told, <-told)
	if first.body != second.body || first.header.Get("webhook-id") != "held_1" || second.header.Get("webhook-id") != "held_1" || results[0] || !results[1] {
		t.Errorf("attempts %+v and %+v told as %v", first, second, results)
	}
	var said struct {
		Type string
		Data struct{ Tenant, Run, Sentence string }
	}
	if err := json.Unmarshal([]byte(first.body), &said); err != nil || said.Type != "run.held" || said.Data.Tenant != "acme" || said.Data.Run != "1" || said.Data.Sentence != "run 1 waits" {
		t.Errorf("body %s, %v", first.body, err)
	}
	alert.ID = "held_2"
	if err := db.Alert(t.Context(), alert); err != nil {
		t.Fatal(err)
	}
	if third := <-posts; third.header.Get("webhook-id") != "held_2" || <-told {
		t.Errorf("third attempt %+v", third.header)
	}
	stop()
	<-done
	if left, err := db.DueAlerts(t.Context(), directory.AlertWebhook, time.Hour, 0, 10); err != nil || len(left) != 0 {
		t.Errorf("still to be sent: %v, %v", left, err)
	}
}

// TestSlowReceiver: what waits behind a slow attempt is nobody's, so that it goes out elsewhere, once.
func TestSlowReceiver(t *testing.T) {
	t.Parallel()
	db, err := sqlite.Open(t.Context(), sqlite.Options{Path: storetest.SQLiteFile(t)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	for _, id := range []string{"a", "b"} {
		if err := db.Alert(t.Context(), directory.Alert{ID: id, Tenant: "acme", Kind: directory.AlertRunHeld, Sentence: "a run waits"}); err != nil {
			t.Fatal(err)
		}
	}
	begun, sent := make(chan string, 2), make(chan deliver.Outcome)
	a := deliver.NewAlerts(deliver.AlertsOptions{
		Box: db, Channel: directory.AlertMail, Every: 5 * time.Millisecond, Log: slog.New(slog.DiscardHandler),
		Send: func(_ context.Context, alert directory.Alert) deliver.Outcome {
			begun <- alert.ID
			return <-sent
		},
	})
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { a.Run(ctx); close(done) }()
	first := <-begun
	left, err := db.DueAlerts(t.Context(), directory.AlertMail, time.Hour, time.Hour, 10)
	if err != nil || len(left) != 1 || left[0].ID == first {
		t.Errorf("while %s is sent, another process gets %+v, %v; want the other alert", first, left, err)
	}
	stop()
	sent <- deliver.Outcome{Delivered: true}
	<-done
}

// impatient tries again at once.
type impatient struct{ deliver.AlertBox }

func (i impatient) AlertLater(ctx context.Context, channel directory.AlertChannel, id string, _ time.Duration, problem string) error {
	return i.AlertBox.AlertLater(ctx, channel, id, 0, problem)
}
