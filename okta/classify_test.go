package okta

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
)

func TestClassify(t *testing.T) {
	t.Parallel()
	const (
		absent = "absent"
		later  = "later"
		creds  = "credentials"
		final  = "terminal"
		passes = "passing"
	)
	body := func(code string) string {
		return `{"errorCode":"` + code + `","errorSummary":"about ada@acme.example, 00tokenTOKEN","errorCauses":[{"errorSummary":"a cause"}]}`
	}
	date := "Thu, 20 Aug 2026 03:00:00 GMT"
	reset := func(seconds string) map[string]string {
		return map[string]string{"X-Rate-Limit-Limit": "100", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": seconds, "Date": date}
	}
	tests := []struct {
		name    string
		status  int
		header  map[string]string
		body    string
		want    string
		says    string
		atLeast time.Duration // of the wait
		atMost  time.Duration
	}{
		{"not found", 404, nil, body("E0000007"), absent, "E0000007", 0, 0},
		{"path not found", 404, nil, body("E0000008"), final, "E0000008", 0, 0},
		{"deprecated endpoint", 404, nil, body("E0000026"), final, "E0000026", 0, 0},
		{"a proxy's 404", 404, nil, "<html>", passes, "does not look like Okta's", 0, 0},
		{"gone", 410, nil, body("E0000007"), final, "410", 0, 0},
		{"validation", 400, nil, body("E0000001"), final, "a cause", 0, 0},
		{"bad search", 400, nil, body("E0000031"), final, "E0000031", 0, 0},
		{"log too old", 400, nil, body("E0000053"), final, "E0000053", 0, 0},
		{"method", 405, nil, body("E0000022"), final, "E0000022", 0, 0},
		{"unsupported", 501, nil, body("E0000060"), final, "E0000060", 0, 0},
		{"invalid token", 401, nil, body("E0000011"), creds, "create a new API token", 0, 0},
		{"authentication failed", 401, nil, body("E0000004"), creds, "authentication failed", 0, 0},
		{"session", 403, nil, body("E0000005"), creds, "session", 0, 0},
		{"role too weak", 403, nil, body("E0000006"), creds, "admin role is too weak", 0, 0},
		{"client app", 403, nil, body("E0000013"), creds, "client app", 0, 0},
		{"401 without a code", 401, nil, "<html>", creds, "doctor", 0, 0},
		{"403 without a code", 403, nil, "", creds, "doctor", 0, 0},
		{"scope", 403, map[string]string{"Www-Authenticate": `Bearer authorization_uri="x", error="insufficient_scope", error_description="y"`}, "", creds, "okta.users.read", 0, 0},
		{"old OAuth token", 401, map[string]string{"Www-Authenticate": `Bearer error="invalid_token"`}, "", creds, "revoked", 0, 0},
		{"DPoP", 400, nil, `{"error":"invalid_dpop_proof","error_description":"missing"}`, final, "invalid_dpop_proof", 0, 0},
		{"feature not licensed", 401, nil, body("E0000015"), final, "the credentials are fine", 0, 0},
		{"status does not allow it", 403, nil, body("E0000038"), passes, "status does not allow", 0, 0},
		{"unlock of one not locked", 403, nil, body("E0000032"), passes, "status does not allow", 0, 0},
		{"locked", 423, nil, body("E0000239"), later, "E0000239", lockedWait, lockedWait},
		{"still being activated", 409, nil, body("E0000112"), later, "E0000112", activatingWait, activatingWait},
		{"rate limit", 429, reset("1787194820"), body("E0000047"), later, "E0000047", 21 * time.Second, 24 * time.Second},
		{"rate limit, reset is past", 429, reset("1787194700"), body("E0000047"), later, "E0000047", time.Second, 2 * time.Second},
		{"rate limit, reset is absurd", 429, reset("9787194700"), body("E0000047"), later, "E0000047", longestWait, 2 * longestWait},
		{"rate limit without headers", 429, nil, body("E0000047"), later, "E0000047", unknownWait, 2 * unknownWait},
		{"rate limit, Retry-After", 429, map[string]string{"Retry-After": "3"}, "", later, "429", 4 * time.Second, 5 * time.Second},
		{"too many at a time", 429, map[string]string{"X-Rate-Limit-Limit": "0", "X-Rate-Limit-Remaining": "0", "X-Rate-Limit-Reset": "1787194850", "Date": date},
			body("E0000047"), later, "E0000047", busyWait, 2 * busyWait},
		{"internal", 500, nil, body("E0000009"), passes, "E0000009", 0, 0},
		{"read only", 503, nil, body("E0000010"), passes, "E0000010", 0, 0},
		{"search away", 503, nil, body("E0000100"), passes, "E0000100", 0, 0},
		{"a gateway", 502, nil, "<html>bad gateway", passes, "502", 0, 0},
		{"a proxy's time-out", 408, nil, "", passes, "408", 0, 0},
		{"redirect", 302, map[string]string{"Location": "https://elsewhere"}, "", final, "another address", 0, 0},
		{"odd", 600, nil, "", passes, "600", 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"X-Okta-Request-Id": {"req-77"}}
			for k, v := range test.header {
				header.Set(k, v)
			}
			err := classify(get("read user 00u1", "/api/v1/users/00u1"), test.status, header, []byte(test.body))
			var retry *directory.RetryAfterError
			var refused *Error
			classes := map[string]bool{
				absent: isAbsent(err), later: errors.As(err, &retry), creds: errors.As(err, new(*directory.CredentialsError)),
				final: errors.As(err, new(*directory.TerminalError)), passes: errors.As(err, new(*passingError)),
			}
			for class, is := range classes {
				if is != (class == test.want) {
					t.Errorf("class %s: %t, want only %s", class, is, test.want)
				}
			}
			if !errors.As(err, &refused) || refused.Status != test.status || refused.RequestID != "req-77" {
				t.Errorf("the refusal is lost: %+v", refused)
			}
			for _, needed := range []string{test.says, "read user 00u1", "req-77"} {
				if !strings.Contains(err.Error(), needed) {
					t.Errorf("%q does not say %q", err, needed)
				}
			}
			if strings.Contains(err.Error(), "@") {
				t.Errorf("%q tells an e-mail", err)
			}
			if retry != nil && (retry.Wait < test.atLeast || retry.Wait > test.atMost) {
				t.Errorf("wait %s, want %s to %s", retry.Wait, test.atLeast, test.atMost)
			}
		})
	}
}
