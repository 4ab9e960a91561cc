package api

import (
	"encoding/base64"
	"math"
	"strings"
	"testing"

	"github.com/oktasync/oktasync/directory"
)

func TestCursorRoundTrip(t *testing.T) {
	t.Parallel()
	feed := directory.Feed{ID: "f1", Last: math.MaxInt64}
	for _, seq := range []int64{0, 1, 127, 128, 1 << 40, math.MaxInt64} {
		cursor := cursorAt("acme", feed, seq)
		p, err := parsePosition(cursor)
		if err != nil || p.seq != seq || p.foreign("acme") != nil || p.reachable(feed) != nil {
			t.Errorf("%d: cursor %q is read as %+v, %v", seq, cursor, p, err)
		}
		if err := p.foreign("globex"); err == nil {
			t.Errorf("%d: the cursor is good for another tenant", seq)
		}
	}
	if cursorAt("acme", feed, 7) == cursorAt("acme", directory.Feed{ID: "f2"}, 7) {
		t.Error("cursors of two feeds of a tenant are equal")
	}
}

func TestCursorGarbage(t *testing.T) {
	t.Parallel()
	good := cursorAt("acme", directory.Feed{ID: "f1"}, 300)
	raw, err := base64.RawURLEncoding.DecodeString(good)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw { // whatever part of it is changed
		bad := append([]byte(nil), raw...)
		bad[i] ^= 1
		if p, err := parsePosition(base64.RawURLEncoding.EncodeToString(bad)); err == nil {
			t.Errorf("byte %d changed: read as %+v", i, p)
		}
		if p, err := parsePosition(base64.RawURLEncoding.EncodeToString(raw[:i])); err == nil && i > 0 {
			t.Errorf("cut to %d bytes: read as %+v", i, p)
		}
	}
	for _, text := range []string{"-1", "1.5", "x", "999999999999999999999", good + "A", good + "=", strings.Repeat("A", 320), "\x00"} {
		if p, err := parsePosition(text); err == nil {
			t.Errorf("%q is read as %+v", text, p)
		}
	}
}

func FuzzCursor(f *testing.F) {
	f.Add(cursorAt("acme", directory.Feed{ID: "f1"}, 300))
	f.Add("12")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		p, err := parsePosition(text)
		if err == nil && p.seq < 0 {
			t.Errorf("%q is read as %+v", text, p)
		}
	})
}
