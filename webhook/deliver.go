package webhook

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/oktasync/oktasync/directory"
)

// errEnqueuesHang says that so many enqueues hang that one more is not worth
// the wait.
var errEnqueuesHang = errors.New("earlier enqueues have not come back yet")

// deliver takes a delivery in: prove, read, decode, store, enqueue, answer.
func (h *Handler) deliver(c echo.Context) answered {
	// A deadline of the connection goes by the machine's clock, not the injected one.
	readUntil(c, time.Now().Add(h.time.whole))
	t, known, p := h.identify(c)
	if known && t.OutOfService {
		return answered{err: h.outOfService(c, t)}
	}
	if p != proofRight {
		if known && h.uses != nil {
			h.uses.refused(t.Slug)
		}
		return answered{err: h.unauthorized(c, t, known, p)}
	}
	if h.uses != nil {
		h.uses.used(t.Slug, c.Request().Header.Get(t.header()))
	}
	// A caller that hangs up does not take its events back: what has arrived is
	// stored, and a repeated delivery costs nothing.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request().Context()), h.time.whole)
	defer cancel()
	log := h.log.With(slog.String("tenant", t.Slug))

	d, err := h.receive(c, t)
	if err != nil {
		status, sentence := refusalOf(err)
		log.Warn("hook refused: "+sentence, "status", status)
		return answered{t.Slug, refuse(c, status, sentence)}
	}
	log = log.With(slog.String("delivery", d.id), slog.Int("events", len(d.events)))
	if d.unreadable > 0 {
		log.Warn("hook has elements that are no events; they are left out", "unreadable", d.unreadable)
	}
	if len(d.events) == 0 {
		log.Info("hook without events: nothing to do")
		return answered{t.Slug, c.NoContent(http.StatusNoContent)}
	}
	if err := h.store(ctx, t.Slug, d.events); err != nil {
		log.Error("hook not stored; Okta was asked to send it again, and the nightly sync makes up for it otherwise", "error", err)
		return answered{t.Slug, refuse(c, http.StatusServiceUnavailable, "the events could not be stored; please send them again")}
	}
	if h.metrics.Stored != nil {
		h.metrics.Stored(t.Slug, len(d.events), lag(d.events, h.now()))
	}
	touched := directory.HintsOf(t.Slug, d.events)
	if err := h.enqueue(ctx, touched); err != nil {
		// The inbox is the truth: the sweeper finds what was not enqueued.
		log.Warn("hook stored but not enqueued; the sweeper will do it", "error", err)
		if h.metrics.EnqueueFailed != nil {
			h.metrics.EnqueueFailed(t.Slug)
		}
	}
	log.Info("hook taken in", "scopes", len(touched))
	return answered{t.Slug, c.NoContent(http.StatusNoContent)}
}

// receive reads and decodes a body.
func (h *Handler) receive(c echo.Context, t Tenant) (delivery, error) {
	body, err := readBody(c)
	if err != nil {
		return delivery{}, err
	}
	return decode(body, t.AppID, h.now())
}

// store puts the events into the inbox.
func (h *Handler) store(ctx context.Context, tenant string, events []directory.Event) error {
	ctx, cancel := context.WithTimeout(ctx, h.time.store)
	defer cancel()
	if err := h.inbox.AddEvents(ctx, tenant, events); err != nil {
		return fmt.Errorf("store %d events of tenant %s: %w", len(events), tenant, err)
	}
	return nil
}

// enqueue hands the hints on. It comes back in time even when the Enqueuer does
// not: a client may wait for a dead connection longer than its context allows. Such
// a call is left to end by itself, and there can be only so many of them.
func (h *Handler) enqueue(ctx context.Context, touched []directory.ScopeHint) error {
	if len(touched) == 0 {
		return nil
	}
	select {
	case h.enqueues <- struct{}{}:
	default:
		return errEnqueuesHang
	}
	ctx, cancel := context.WithTimeout(ctx, h.time.enqueue)
	defer cancel()
	done := make(chan error, 1)
	go func() {
		defer func() { <-h.enqueues }()
		done <- h.enqueuer.Enqueue(ctx, touched)
	}()
	select {
	case err := <-done:
		if err != nil {
			return fmt.Errorf("enqueue %d scopes: %w", len(touched), err)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("enqueue %d scopes: %w", len(touched), ctx.Err())
	}
}

// readBody reads the whole body, at most maxBody.
func readBody(c echo.Context) ([]byte, error) {
	request := c.Request()
	if request.ContentLength > maxBody {
		return nil, &http.MaxBytesError{Limit: maxBody}
	}
	// The length that a caller declares is only a hint for the first buffer.
	buffer := bytes.NewBuffer(make([]byte, 0, max(request.ContentLength, 0)+bytes.MinRead))
	_, err := buffer.ReadFrom(http.MaxBytesReader(c.Response().Writer, request.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read body: %w", err)
	}
	readUntil(c, time.Time{})
	return buffer.Bytes(), nil
}

// readUntil sets when the connection gives up reading the request, the body of a
// refused one included: before it answers, the server reads what is left of it.
// Where the connection has no such deadline the server's ReadTimeout does it.
func readUntil(c echo.Context, deadline time.Time) {
	_ = http.NewResponseController(c.Response()).SetReadDeadline(deadline)
}

// refusalOf turns an error of receive into status and sentence. Only what sending again
// cannot mend is a 4xx: Okta does not retry those (event hooks guide).
func refusalOf(err error) (int, string) {
	var tooLarge *http.MaxBytesError
	switch {
	case errors.Is(err, errMalformed):
		return http.StatusBadRequest, err.Error()
	case errors.Is(err, errTooMany):
		return http.StatusRequestEntityTooLarge, err.Error()
	case errors.As(err, &tooLarge):
		return http.StatusRequestEntityTooLarge, fmt.Sprintf("the body is larger than %d MiB", maxBody>>20)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return http.StatusServiceUnavailable, "the body did not arrive in time; please send it again"
	case errors.Is(err, io.ErrUnexpectedEOF):
		return http.StatusServiceUnavailable, "the body ended too early; please send it again"
	default:
		return http.StatusServiceUnavailable, "the body could not be read; please send it again"
	}
}

// lag is the age of the oldest event.
func lag(events []directory.Event, now time.Time) time.Duration {
	oldest := events[0].Published
	for _, e := range events[1:] {
		if e.Published.Before(oldest) {
			oldest = e.Published
		}
	}
	return max(0, now.Sub(oldest))
}
