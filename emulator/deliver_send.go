package emulator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"strconv"
	"time"
)

const hookAgent = "Okta-Integrations"

// send delivers a batch: once, and once more after a timeout, a broken
// connection or a 5xx answer, never after 4xx. A batch that is lost leaves an
// event_hook.delivery event in the log (Okta: event hooks).
func (d *deliverer) send(b *batch) {
	o := d.org
	o.mu.Lock()
	gone := b.hook.gone
	channel, base := b.hook.channel, b.hook.base
	eventID := newUUID(o.rand)
	o.mu.Unlock()
	if gone {
		return
	}
	if base == "" {
		base = o.BaseURL()
	}
	body := appendDelivery(nil, base, b, eventID, toMillis(o.now()))
	d.count(func(s *HookStats) { s.Deliveries++ })

	status, err := d.post(channel, body)
	if retryable(status, err) && d.pause(d.opt.RetryPause) {
		d.count(func(s *HookStats) { s.Retries++ })
		status, err = d.post(channel, body)
	}
	if err == nil && status >= 200 && status < 300 {
		d.count(func(s *HookStats) { s.Succeeded++ })
		return
	}
	if d.ctx.Err() != nil {
		return // the org is closing
	}
	d.count(func(s *HookStats) { s.Failed++ })
	o.opt.Logger.Warn("emulator: hook delivery lost", slog.String("hook", b.hook.id),
		slog.Int("events", len(b.events)), slog.Int("status", status))
	o.deliveryFailed(b.hook, reasonOf(status, err), len(b.events))
}

func retryable(status int, err error) bool { return err != nil || status >= 500 }

func reasonOf(status int, err error) string {
	if err != nil {
		if errors.Is(err, context.DeadlineExceeded) {
			return "timeout"
		}
		return "connection failed"
	}
	return "HTTP status " + strconv.Itoa(status)
}

func (o *Org) deliveryFailed(h *hook, reason string, events int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t := o.begin(systemOrigin())
	t.write(&event{kind: o.kinds[evHookDelivery], from: t.from, targets: []entity{hookEntity(h)},
		debug: []pair{{"eventHookId", h.id}, {"eventCount", strconv.Itoa(events)}}, job: true, txID: t.id, failed: reason})
}

// systemOrigin is the actor of what the org does by itself.
func systemOrigin() *origin {
	return &origin{actor: entity{id: "okta.system.principal", kind: "SystemPrincipal",
		alternate: "system@okta.com", name: "Okta System"}, uri: "/"}
}

// post sends one request and reads the whole answer within the time allowed.
func (d *deliverer) post(ch hookChannel, body []byte) (int, error) {
	ctx, cancel := context.WithTimeout(d.ctx, d.opt.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, ch.Config.URI, bytes.NewReader(body))
	if err != nil {
		return 0, fmt.Errorf("make the request of a hook delivery: %w", err)
	}
	req.Header.Set("Content-Type", "application/json")
	ch.Config.decorate(req, anyText(27))
	resp, err := d.client.Do(req)
	if err != nil {
		return 0, fmt.Errorf("send a hook delivery: %w", err)
	}
	defer resp.Body.Close()
	if _, err := io.Copy(io.Discard, io.LimitReader(resp.Body, maxBody)); err != nil {
		return 0, fmt.Errorf("read the answer to a hook delivery: %w", err)
	}
	return resp.StatusCode, nil
}

// decorate sets the headers that deliveries and verification share. The secret
// goes out as it is stored, without any scheme before it.
func (cfg hookConfig) decorate(req *http.Request, requestID string) {
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", hookAgent)
	req.Header.Set("X-Okta-Request-Id", requestID)
	for _, h := range cfg.Headers {
		req.Header.Set(h.Key, h.Value)
	}
	if cfg.AuthScheme != nil {
		req.Header.Set(cfg.AuthScheme.Key, cfg.AuthScheme.Value)
	}
}

// appendDelivery makes the envelope of a delivery.
func appendDelivery(b []byte, base string, d *batch, eventID string, now millis) []byte {
	b = append(b, `{"eventType":"com.okta.event_hook","eventTypeVersion":"1.0","cloudEventsVersion":"0.1","source":`...)
	b = appendText(b, base+"/api/v1/eventHooks/"+d.hook.id)
	b = append(b, `,"eventId":"`+eventID+`","data":{"events":[`...)
	for i, e := range d.events {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendEvent(b, e, true)
	}
	b = append(b, `]},"eventTime":`...)
	b = appendTime(b, now)
	return append(b, `,"contentType":"application/json"}`...)
}

// verify sends the one-time challenge, with one retry, and marks the hook
// verified when the answer holds it.
func (o *Org) verify(id string, from *origin) error {
	o.mu.RLock()
	h, err := o.hookBy(id)
	var channel hookChannel
	if err == nil {
		channel = h.channel
		if !h.active {
			err = errValidation("status", "status: an inactive event hook cannot be verified")
		}
	}
	o.mu.RUnlock()
	if err != nil {
		return err
	}
	if err = o.challenge(channel); err != nil && o.deliver.pause(o.opt.Hooks.RetryPause) {
		err = o.challenge(channel)
	}
	if err != nil {
		return errValidation("eventHook", "Unable to verify event hook: "+err.Error())
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	if h.gone {
		return errNotFound(id, "EventHook")
	}
	t := o.begin(from)
	h.verified = true
	h.updated = t.at()
	t.emit(evHookVerify, []entity{hookEntity(h)})
	return nil
}

// challenge sends the GET and compares the answer.
func (o *Org) challenge(ch hookChannel) error {
	word := anyText(40)
	ctx, cancel := context.WithTimeout(o.deliver.ctx, o.opt.Hooks.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, ch.Config.URI, nil)
	if err != nil {
		return errors.New("the address cannot be called")
	}
	ch.Config.decorate(req, anyText(27))
	req.Header.Set("X-Okta-Verification-Challenge", word)
	start := time.Now()
	resp, err := o.deliver.client.Do(req)
	if err != nil {
		return fmt.Errorf("no answer within %v", time.Since(start).Round(time.Millisecond))
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer has status %d, it must be 200", resp.StatusCode)
	}
	var answer struct {
		Verification string `json:"verification"`
	}
	if err := json.NewDecoder(io.LimitReader(resp.Body, maxBody)).Decode(&answer); err != nil {
		return errors.New("the answer is not the JSON that was expected")
	}
	if answer.Verification != word {
		return errors.New("the answer does not hold the challenge")
	}
	return nil
}
