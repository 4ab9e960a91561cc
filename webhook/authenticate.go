package webhook

import (
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/labstack/echo/v4"
)

// identify finds the tenant of a request and compares the secret it presents.
// An unknown tenant is compared against stand-ins and comes out as proofWrong.
//
// A secret counts as missing only when no header is there that any tenant uses: were
// it the tenant's own header alone, the difference would tell strangers which
// tenants exist.
func (h *Handler) identify(c echo.Context) (Tenant, bool, proof) {
	headers := c.Request().Header
	t, known := find(h.tenants, c.Param("tenant"), c.Request().Host)
	p := h.keys.prove(t, known, headers.Get(t.header()))
	if p == proofRight {
		return t, known, p
	}
	sent := func(name string) bool { return headers.Get(name) != "" }
	if slices.ContainsFunc(h.tenants.Headers(), sent) {
		return t, known, proofWrong
	}
	return t, known, proofMissing
}

// outOfService answers for a tenant whose secrets are not at hand: a 401 would make Okta give the
// events up (event hooks guide: no retry after 4xx).
func (h *Handler) outOfService(c echo.Context, t Tenant) error {
	source := c.RealIP()
	// It cannot be told whether this is Okta, so no source fills the log.
	if count, _ := h.failures.Failed(source, h.now()); count <= h.failures.Limit() {
		h.log.Warn("hook refused: the tenant is out of service here; Okta was asked to send it again", "tenant", t.Slug, "source", source)
	}
	return refuse(c, http.StatusServiceUnavailable, "this can't be taken at the moment; please send it again")
}

// unauthorized counts a failed authentication and answers it: 401, or 429 once
// the source has failed too often. An unknown tenant and a wrong secret give
// the same answer.
func (h *Handler) unauthorized(c echo.Context, t Tenant, known bool, p proof) error {
	source := c.RealIP()
	count, wait := h.failures.Failed(source, h.now())
	reason := "wrong"
	if p == proofMissing {
		reason = "missing"
	}
	if wait > 0 {
		reason = "limited"
	}
	if h.metrics.AuthFailed != nil {
		h.metrics.AuthFailed(reason)
	}
	h.logFailure(t, known, reason, source, count)
	if wait > 0 {
		c.Response().Header().Set("Retry-After", strconv.Itoa(retrySeconds(wait)))
		return refuse(c, http.StatusTooManyRequests, "too many requests without a right secret from this address")
	}
	return refuse(c, http.StatusUnauthorized, "the secret is missing or wrong")
}

// logFailure writes one line for each failure within the limit and one when it
// is passed, so that a stranger cannot fill the disk.
func (h *Handler) logFailure(t Tenant, known bool, reason, source string, count int) {
	if count > h.failures.Limit()+1 {
		return
	}
	attributes := []any{slog.String("reason", reason), slog.String("source", source)}
	if known {
		attributes = append(attributes, slog.String("tenant", t.Slug))
	} else {
		attributes = append(attributes, slog.Bool("unknown_tenant", true))
	}
	if reason == "limited" {
		h.log.Warn("hook refused: too many failures from this address; the next ones are not logged until its window ends", attributes...)
		return
	}
	h.log.Warn("hook refused: the secret is missing or wrong, or the address names no tenant; compare the hook's URL and secret in Okta with the configuration", attributes...)
}

// retrySeconds rounds up, because Retry-After has whole seconds.
func retrySeconds(wait time.Duration) int {
	return max(1, int(math.Ceil(wait.Seconds())))
}
