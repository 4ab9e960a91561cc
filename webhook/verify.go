package webhook

import (
	"net/http"
	"unicode/utf8"

	"github.com/labstack/echo/v4"
)

const (
	// challengeHeader carries the text to send back. Okta: event hooks guide,
	// "one-time verification request".
	challengeHeader = "X-Okta-Verification-Challenge"
	maxChallenge    = 1024 // bytes
)

// verification is the answer that Okta expects.
type verification struct {
	Verification string `json:"verification"`
}

// verify answers Okta's one-time verification.
//
// Okta was seen to send the secret along but does not promise it, so none is needed
// here, while a wrong one is refused: that shows a mistyped secret or URL at
// once instead of with the first event. Without a secret an unknown tenant gets
// the same answer as a known one, or anybody could try out slugs; echoing a
// caller's own words gives nothing away.
func (h *Handler) verify(c echo.Context) answered {
	if question := c.Request().Header.Get(checkHeader); question != "" {
		return h.check(c, question)
	}
	t, known, p := h.identify(c)
	if known && t.OutOfService {
		return answered{err: h.outOfService(c, t)}
	}
	if p == proofWrong {
		return answered{err: h.unauthorized(c, t, known, p)}
	}
	tenant := ""
	if p == proofRight {
		tenant = t.Slug
	}
	challenge := c.Request().Header.Get(challengeHeader)
	if challenge == "" {
		return answered{tenant, refuse(c, http.StatusBadRequest, "the header "+challengeHeader+" is missing")}
	}
	if len(challenge) > maxChallenge || !utf8.ValidString(challenge) {
		return answered{tenant, refuse(c, http.StatusBadRequest, "the challenge is too long or not text")}
	}
	if p == proofRight {
		h.log.Info("hook verification answered", "tenant", t.Slug)
	}
	secure(c)
	return answered{tenant, c.JSON(http.StatusOK, verification{Verification: challenge})}
}
