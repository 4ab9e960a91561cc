package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

// checkHeader carries the question whether an endpoint is ours and knows a secret, and
// the answer. The secret itself does not travel: the caller proves that it has it, and the
// endpoint proves that it has the same. So a wrong address learns nothing, and nobody
// without the secret gets an answer to try guesses on.
//
//	question: <nonce> <HMAC of "ask" and nonce>      answer: <HMAC of "answer" and nonce>
const checkHeader = "Oktasync-Check"

const (
	checkNonce    = 16 // bytes
	checkPatience = 10 * time.Second
)

// Checked is why Check failed.
type Checked string

// The reasons.
const (
	CheckUnreachable Checked = "unreachable" // no answer at all
	CheckRefused     Checked = "refused"     // another secret, or another tenant's address
	CheckForeign     Checked = "foreign"     // something else answers there
)

// CheckError says what is wrong with an endpoint, and what to do.
type CheckError struct {
	Reason Checked
	Says   string
}

func (e *CheckError) Error() string { return e.Says }

// Check asks the endpoint at address, through whatever stands in front of it, whether it is
// ours and accepts the secret. nil means yes. Redirects are not followed, as Okta follows
// none. Any other result is a *CheckError. transport may be nil.
func Check(ctx context.Context, address, secret string, transport http.RoundTripper) error {
	nonce := make([]byte, checkNonce)
	if _, err := rand.Read(nonce); err != nil {
		return fmt.Errorf("check the endpoint: make a nonce: %w", err)
	}
	word := hex.EncodeToString(nonce)
	ctx, cancel := context.WithTimeout(ctx, checkPatience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return &CheckError{CheckUnreachable, fmt.Sprintf("%s is no address that can be called", address)}
	}
	request.Header.Set(challengeHeader, word)
	request.Header.Set(checkHeader, word+" "+checkMAC(secret, "ask", word))
	client := http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	response, err := client.Do(request)
	if err != nil {
		return &CheckError{CheckUnreachable, fmt.Sprintf("nothing answers at %s: %v; look at DNS, firewall, certificate and the proxy in front, and whether the service runs", address, whyUnreachable(err))}
	}
	defer response.Body.Close()
	var body verification
	raw, err := io.ReadAll(io.LimitReader(response.Body, maxChallenge))
	if err != nil {
		return &CheckError{CheckUnreachable, fmt.Sprintf("%s broke off its answer: %v", address, whyUnreachable(err))}
	}
	answer := response.Header.Get(checkHeader)
	switch {
	case response.StatusCode == http.StatusOK && answer != "" && hmac.Equal([]byte(answer), []byte(checkMAC(secret, "answer", word))):
		return nil
	case response.StatusCode == http.StatusUnauthorized || response.StatusCode == http.StatusTooManyRequests:
		return &CheckError{CheckRefused, fmt.Sprintf("the service at %s does not accept the secret of this configuration (%d): it runs with another hook.secrets, or the address names another tenant; compare them, and restart the service if its configuration changed", address, response.StatusCode)}
	case response.StatusCode >= 300 && response.StatusCode < 400:
		return &CheckError{CheckForeign, fmt.Sprintf("%s redirects to another address (%d), and Okta does not follow; use the address that answers itself", address, response.StatusCode)}
	case json.Unmarshal(raw, &body) == nil && body.Verification == word:
		return &CheckError{CheckForeign, fmt.Sprintf("%s answers Okta's challenge but is not this installation: another receiver, or an older version of oktasync", address)}
	default:
		return &CheckError{CheckForeign, fmt.Sprintf("%s is answered by something else (status %d); let the proxy pass %s on to oktasync", address, response.StatusCode, Path)}
	}
}

// whyUnreachable strips the address, which the sentence has already.
func whyUnreachable(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		err = u.Err
	}
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("no answer within %s", checkPatience)
	}
	return err
}

func checkMAC(secret, word, nonce string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("oktasync hook check\n" + word + "\n" + nonce))
	return hex.EncodeToString(mac.Sum(nil))
}

// answer proves that the tenant has the secret that the question was made with. Like
// prove it takes as long for an unknown tenant.
func (k *keyring) answer(t Tenant, known bool, question string) (string, bool) {
	nonce, mac, _ := strings.Cut(question, " ")
	match, right := 0, ""
	for i := range maxSecrets {
		secret, real := k.dummy, 0
		if known && i < len(t.Secrets) && t.Secrets[i] != "" {
			secret, real = t.Secrets[i], 1
		}
		answer := checkMAC(secret, "answer", nonce)
		if subtle.ConstantTimeCompare([]byte(mac), []byte(checkMAC(secret, "ask", nonce)))&real == 1 {
			match, right = 1, answer
		}
	}
	return right, match == 1
}

// check answers the question of a Check. It counts as a failed authentication when the secret is
// another one.
func (h *Handler) check(c echo.Context, question string) answered {
	t, known := find(h.tenants, c.Param("tenant"), c.Request().Host)
	answer, right := "", false
	if len(question) <= maxChallenge {
		answer, right = h.keys.answer(t, known, question)
	}
	if !right {
		return answered{err: h.unauthorized(c, t, known, proofWrong)}
	}
	c.Response().Header().Set(checkHeader, answer)
	secure(c)
	return answered{t.Slug, c.JSON(http.StatusOK, verification{Verification: c.Request().Header.Get(challengeHeader)})}
}
