package okta

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Error is a refusal by Okta. Only Status and Code are a contract; Summary is for
// people. Okta: error codes.
type Error struct {
	What      string // what was asked for: "read user 00u…"
	Status    int    // HTTP status
	Code      string // E0000007, or the error of an OAuth answer; may be empty
	Summary   string // free of logins and e-mails
	RequestID string // X-Okta-Request-Id
}

func (e *Error) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: okta answered %d", e.What, e.Status)
	if e.Code != "" {
		b.WriteString(" " + e.Code)
	}
	if e.Summary != "" {
		b.WriteString(" (" + e.Summary + ")")
	}
	if e.RequestID != "" {
		b.WriteString(", okta request id " + e.RequestID)
	}
	return b.String()
}

// absentError says 404 E0000007. Only reads by id take it for absence; to
// everyone else it is an error like others.
type absentError struct{ err error }

func (e *absentError) Error() string { return e.err.Error() }
func (e *absentError) Unwrap() error { return e.err }

func isAbsent(err error) bool {
	var a *absentError
	return errors.As(err, &a)
}

// refusalIn takes the absence out of an error, so that no caller up the road takes
// it for an answer.
func refusalIn(err error) error {
	var a *absentError
	if errors.As(err, &a) {
		return a.err
	}
	return err
}

// passingError marks what may be gone at the next try: 5xx, a broken
// connection, an answer that is not whole.
type passingError struct {
	err     error
	smaller bool // a smaller page may help
}

func (e *passingError) Error() string { return e.err.Error() }
func (e *passingError) Unwrap() error { return e.err }

// classify turns an answer that is not a success into an error of the right
// class.
func classify(c call, status int, header http.Header, body []byte) error {
	e := decodeError(c.what, status, header, body)
	challenge := header.Get("Www-Authenticate")
	switch {
	case status == http.StatusTooManyRequests || e.Code == "E0000047":
		return &directory.RetryAfterError{Wait: waitOf(header), Err: e}
	case status == http.StatusLocked:
		return &directory.RetryAfterError{Wait: lockedWait, Err: e}
	case e.Code == "E0000015":
		return &directory.TerminalError{Err: fmt.Errorf(
			"%w; the feature is not part of this Okta org's plan, the credentials are fine; nothing was changed", e)}
	case e.Code == "E0000112":
		return &directory.RetryAfterError{Wait: activatingWait, Err: e}
	case statefulRefusal(e.Code):
		// The user's present status forbids the act; it says nothing about our rights.
		return &passingError{err: fmt.Errorf("%w; the user's status does not allow it now; nothing was changed and it will be read again", e)}
	case status == http.StatusUnauthorized, status == http.StatusForbidden:
		return refusal(e, challenge, rightFor(c.method, c.path))
	case status == http.StatusNotFound && e.Code == "E0000007":
		return &absentError{err: e}
	case status == http.StatusNotFound && e.Code == "":
		// Not Okta's own 404: a proxy, or another server under the org's address.
		return &passingError{err: fmt.Errorf("%w; the answer does not look like Okta's, check the org url and proxies; nothing was changed", e)}
	case status == http.StatusNotImplemented:
		return &directory.TerminalError{Err: e}
	case status >= 500 || status == http.StatusRequestTimeout:
		return &passingError{err: e, smaller: status == http.StatusInternalServerError}
	case status >= 300 && status < 400:
		return &directory.TerminalError{Err: fmt.Errorf(
			"%w; it leads to another address; set the org url to the address that Okta itself answers at; nothing was changed", e)}
	case status >= 400:
		return &directory.TerminalError{Err: fmt.Errorf("%w; trying again cannot help; nothing was changed", e)}
	default:
		return &passingError{err: e}
	}
}

// Waits for answers that give none. Okta names no figure for them.
const (
	lockedWait     = 15 * time.Second
	activatingWait = 5 * time.Second
)

// statefulRefusal lists 403 codes that speak of the object's state. Okta: error codes.
func statefulRefusal(code string) bool {
	switch code {
	case "E0000016", "E0000032", "E0000038", "E0000056", "E0000095":
		return true
	default:
		return false
	}
}

// decodeError reads Okta's error body, or that of an OAuth endpoint.
func decodeError(what string, status int, header http.Header, body []byte) *Error {
	e := &Error{What: what, Status: status, RequestID: clip(header.Get("X-Okta-Request-Id"), 80)}
	var b struct {
		Code    string `json:"errorCode"`
		Summary string `json:"errorSummary"`
		Causes  []struct {
			Summary string `json:"errorSummary"`
		} `json:"errorCauses"`
		Error       string `json:"error"`
		Description string `json:"error_description"`
	}
	if json.Unmarshal(body, &b) != nil {
		return e
	}
	e.Code = clip(b.Code, 40)
	texts := []string{b.Summary}
	if e.Code == "" {
		e.Code = clip(b.Error, 40)
		texts = []string{b.Description}
	}
	for _, c := range b.Causes {
		texts = append(texts, c.Summary)
	}
	// A "not found" repeats the login that was asked for.
	if e.Code != "E0000007" {
		e.Summary = clip(mask(strings.Join(texts, "; ")), 300)
	}
	return e
}

// mask takes words with an @ out of a text: logins and e-mails stay out of logs.
func mask(text string) string {
	words := strings.Fields(text)
	for i, w := range words {
		if strings.Contains(w, "@") {
			words[i] = "[masked]"
		}
	}
	return strings.Trim(strings.Join(words, " "), "; ")
}

func clip(text string, limit int) string {
	text = strings.ToValidUTF8(text, "?")
	runes := []rune(text)
	if len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}
