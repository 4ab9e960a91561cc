package deliver

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// sendTimeout is how long a receiver may take. Standard Webhooks advises 15 to 30 s.
const sendTimeout = 15 * time.Second

// Outcome is what came of one attempt.
type Outcome struct {
	Delivered bool
	Gone      bool          // the receiver wants no more of it: do not try again
	Wait      time.Duration // what the receiver asked for, zero when it did not
	Problem   string        // for a person, without any address; empty when everybody got it
}

// Sender sends signed messages to one address. It is safe for concurrent use.
type Sender struct {
	url    string
	signer *Signer
	client *http.Client
	now    func() time.Time
}

// NewSender returns a sender. A nil now means time.Now.
func NewSender(url string, signer *Signer, now func() time.Time) *Sender {
	if now == nil {
		now = time.Now
	}
	return &Sender{url: url, signer: signer, now: now, client: &http.Client{
		Timeout: sendTimeout,
		// A redirect would carry the message to an address that nobody configured.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Send makes one attempt at a JSON message.
func (s *Sender) Send(ctx context.Context, id string, body []byte) Outcome {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.url, bytes.NewReader(body))
	if err != nil {
		return Outcome{Problem: "the address cannot be used"}
	}
	request.Header = s.signer.Sign(id, s.now(), body)
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "oktasync")
	response, err := s.client.Do(request)
	if err != nil {
		// The error would repeat the address, which may hold a secret.
		return Outcome{Problem: "the receiver does not answer"}
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.Copy(io.Discard, io.LimitReader(response.Body, 64<<10)) // so that the connection can be used again
	switch {
	case response.StatusCode >= 200 && response.StatusCode < 300:
		return Outcome{Delivered: true}
	case response.StatusCode == http.StatusGone:
		return Outcome{Gone: true, Problem: "the receiver answered 410: it wants no more of these"}
	default:
		return Outcome{Wait: retryAfter(response.Header, s.now()), Problem: fmt.Sprintf("the receiver answered %d", response.StatusCode)}
	}
}

// retryAfter reads how long a receiver asks us to wait, in seconds or as a date (RFC 9110, 10.2.3). More than a day is
// no answer.
func retryAfter(header http.Header, now time.Time) time.Duration {
	text := header.Get("Retry-After")
	wait := time.Duration(0)
	if seconds, err := strconv.Atoi(text); err == nil && seconds <= 24*60*60 {
		wait = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(text); err == nil {
		wait = at.Sub(now)
	}
	if wait < 0 || wait > 24*time.Hour {
		return 0
	}
	return wait
}

// Backoff says how long to wait after so many attempts, from 1; false when enough were made. It is the
// table of the Standard Webhooks specification, about three days.
func Backoff(attempts int) (time.Duration, bool) {
	table := []time.Duration{
		5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour, 20 * time.Hour, 24 * time.Hour,
	}
	if attempts > len(table) {
		return 0, false
	}
	return table[max(attempts, 1)-1], true
}
