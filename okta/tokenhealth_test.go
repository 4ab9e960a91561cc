package okta

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/emulator"
)

func TestTokenHealth(t *testing.T) {
	t.Parallel()
	const mine = `{"id":"00T1","name":"oktasync","userId":"00u1","tokenWindow":"P30D","created":"2026-01-01T00:00:00.000Z","lastUpdated":"2026-02-01T00:00:00.000Z","expiresAt":"2026-08-31T00:00:00.000Z","clientName":"Okta API"}`
	const theirs = `{"id":"00T2","name":"postman","userId":"00u2","tokenWindow":"P30D","created":"2026-01-01T00:00:00.000Z"}`
	at := func(month time.Month, day int) time.Time { return time.Date(2026, month, day, 0, 0, 0, 0, time.UTC) }
	tests := []struct {
		name, body string
		want       TokenHealth
		says       string // of the error
	}{
		{"one of mine", "[" + theirs + "," + mine + "]", TokenHealth{Name: "oktasync", Created: at(1, 1), LastUsed: at(8, 1), Expires: at(8, 31)}, ""},
		{"without an end", `[{"name":"a","userId":"00u1","created":"2026-01-01T00:00:00.000Z","expiresAt":null}]`, TokenHealth{Name: "a", Created: at(1, 1)}, ""},
		{"none of mine", "[" + theirs + "]", TokenHealth{}, "does not tell which one is in use"},
		{"two of mine", "[" + mine + "," + mine + "]", TokenHealth{}, "does not tell which one is in use"},
		{"not a token", `[7]`, TokenHealth{}, "list API tokens"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			o := newOrg(t)
			o.on("/api/v1/api-tokens", text("application/json", tt.body))
			got, err := o.reader(t).TokenHealth(t.Context(), "00u1")
			if tt.says != "" {
				checkFailure(t, err, tt.says)
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	o := newOrg(t)
	o.refuse("/api/v1/api-tokens", 403, "E0000006")
	_, err := o.reader(t).TokenHealth(t.Context(), "00u1")
	checkFailure(t, err, "see API tokens")
	for window, want := range map[string]time.Duration{"P7D": 7 * 24 * time.Hour, "": tokenIdle, "P1Y": tokenIdle, "PD": tokenIdle} {
		if got := idleTime(window); got != want {
			t.Errorf("%q: %s, want %s", window, got, want)
		}
	}
}

// TestTokenHealthEmulated: the emulated org tells of its tokens as Okta does.
func TestTokenHealthEmulated(t *testing.T) {
	t.Parallel()
	server, r := emulated(t, emulator.Options{People: 3})
	who, err := r.Whoami(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	health, err := r.TokenHealth(t.Context(), who.UserID)
	if err != nil || health.Name == "" || health.Created.IsZero() || health.Expires.Sub(health.LastUsed) != tokenIdle || health.LastUsed.Before(health.Created) {
		t.Errorf("%+v, %v", health, err)
	}
	server.Org.AddToken("another")
	if _, err := r.TokenHealth(t.Context(), who.UserID); !errors.Is(err, errTokenUnclear) {
		t.Errorf("with two tokens of one owner: %v", err)
	}
	server.Org.RevokeToken("another")
	if again, err := r.TokenHealth(t.Context(), who.UserID); err != nil || again.Name != health.Name {
		t.Errorf("after the other was revoked: %+v, %v", again, err)
	}
}
