package client

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

const body = `{"id":"evt_7_00112233445566aa","tenant":"acme","seq":7,"timestamp":"2026-08-20T08:00:00Z","type":"person.updated","subject":"person","subject_id":"00u1","fields":[],"cause":{"kind":"hook"},"replay":true}`

var now = time.Unix(1_790_000_000, 0)

func key(fill byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString([]byte(strings.Repeat(string(fill), 32)))
}

// signed signs the body with a library that we did not write.
func signed(t *testing.T, secret, id string, at time.Time) string {
	t.Helper()
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatal(err)
	}
	signature, err := hook.Sign(id, at, []byte(body))
	if err != nil {
		t.Fatal(err)
	}
	return signature
}

func TestVerify(t *testing.T) {
	t.Parallel()
	private := ed25519.NewKeyFromSeed([]byte(strings.Repeat("k", ed25519.SeedSize)))
	public := "whpk_" + base64.StdEncoding.EncodeToString(private.Public().(ed25519.PublicKey))
	asymmetric := "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(private, fmt.Appendf(nil, "evt_7.%d.%s", now.Unix(), body)))
	good, other := signed(t, key('a'), "evt_7", now), signed(t, key('b'), "evt_7", now)
	stamp := strconv.FormatInt(now.Unix(), 10)
	for name, test := range map[string]struct {
		keys                 []string
		id, stamp, signature string
		text                 string
		genuine              bool
	}{
		"symmetric":                       {[]string{key('a')}, "evt_7", stamp, good, body, true},
		"Ed25519":                         {[]string{public}, "evt_7", stamp, asymmetric, body, true},
		"two signatures, the second fits": {[]string{key('a')}, "evt_7", stamp, other + " " + good, body, true},
		"two keys, the second fits":       {[]string{key('b'), key('a')}, "evt_7", stamp, good, body, true},
		"a version that we do not know":   {[]string{key('a')}, "evt_7", stamp, "v9,AAAA " + good, body, true},
		"another secret":                  {[]string{key('b')}, "evt_7", stamp, good, body, false},
		"another body":                    {[]string{key('a')}, "evt_7", stamp, good, strings.Replace(body, "00u1", "00u2", 1), false},
		"another id":                      {[]string{key('a')}, "evt_8", stamp, good, body, false},
		"another time":                    {[]string{key('a')}, "evt_7", strconv.FormatInt(now.Unix()+1, 10), good, body, false},
		"a signature of the other kind":   {[]string{key('a'), public}, "evt_7", stamp, "v1a," + good[3:], body, false},
		"no signature":                    {[]string{key('a')}, "evt_7", stamp, "", body, false},
		"not base64":                      {[]string{key('a')}, "evt_7", stamp, "v1,%%%", body, false},
		"no time":                         {[]string{key('a')}, "evt_7", "", good, body, false},
		"no id":                           {[]string{key('a')}, "", stamp, good, body, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v, err := NewVerifier(func() time.Time { return now }, test.keys...)
			if err != nil {
				t.Fatal(err)
			}
			header := http.Header{"Webhook-Id": {test.id}, "Webhook-Timestamp": {test.stamp}, "Webhook-Signature": {test.signature}}
			event, err := v.Verify(header, []byte(test.text))
			if test.genuine != (err == nil) || !test.genuine && !errors.Is(err, ErrNotGenuine) {
				t.Errorf("error %v, want genuine %t", err, test.genuine)
			}
			if test.genuine && (event.ID != "evt_7_00112233445566aa" || event.Seq != 7 || !event.Replay || event.At.Year() != 2026) {
				t.Errorf("event %+v", event)
			}
		})
	}
}

func TestVerifyOldOnes(t *testing.T) {
	t.Parallel()
	for _, age := range []time.Duration{-6 * time.Minute, -4 * time.Minute, 4 * time.Minute, 6 * time.Minute} {
		v, err := NewVerifier(func() time.Time { return now.Add(age) }, key('a'))
		if err != nil {
			t.Fatal(err)
		}
		header := http.Header{"Webhook-Id": {"evt_7"}, "Webhook-Timestamp": {strconv.FormatInt(now.Unix(), 10)}, "Webhook-Signature": {signed(t, key('a'), "evt_7", now)}}
		if _, err := v.Verify(header, []byte(body)); (err == nil) != (age.Abs() < 5*time.Minute) {
			t.Errorf("sent %s ago: %v", age, err)
		}
	}
}

func TestBadKeys(t *testing.T) {
	t.Parallel()
	for name, keys := range map[string][]string{
		"none": nil, "empty": {""}, "short": {"whsec_c2hvcnQ="}, "not base64": {"whsec_%%%%"}, "a public key of the wrong size": {"whpk_c2hvcnQ="},
	} {
		if _, err := NewVerifier(nil, keys...); err == nil {
			t.Errorf("%s: accepted", name)
		} else if strings.Contains(err.Error(), "c2hvcnQ") {
			t.Errorf("%s: the error tells the key: %v", name, err)
		}
	}
}

func TestHandler(t *testing.T) {
	t.Parallel()
	v, err := NewVerifier(func() time.Time { return now }, key('a'))
	if err != nil {
		t.Fatal(err)
	}
	for name, test := range map[string]struct {
		signature string
		handled   error
		status    int
	}{
		"handled":     {signed(t, key('a'), "evt_7", now), nil, http.StatusNoContent},
		"not genuine": {signed(t, key('b'), "evt_7", now), nil, http.StatusBadRequest},
		"failed":      {signed(t, key('a'), "evt_7", now), errors.New("no database"), http.StatusInternalServerError},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var told error
			var got int64
			handler := v.Handler(func(_ context.Context, e Event) error { got = e.Seq; return test.handled }, func(err error) { told = err })
			request := httptest.NewRequest(http.MethodPost, "/", strings.NewReader(body))
			request.Header = http.Header{"Webhook-Id": {"evt_7"}, "Webhook-Timestamp": {strconv.FormatInt(now.Unix(), 10)}, "Webhook-Signature": {test.signature}}
			answer := httptest.NewRecorder()
			handler.ServeHTTP(answer, request)
			if answer.Code != test.status || (told == nil) != (test.status == http.StatusNoContent) || (got == 7) != (test.status != http.StatusBadRequest) {
				t.Errorf("answered %d, told %v, handled %d", answer.Code, told, got)
			}
		})
	}
}
