package okta

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/directory/logevent"
)

// FuzzLogPage reads any answer of the System Log. It is a page exactly when the standard library reads a
// list in it; every element is an event or counted as none; and whatever is taken over can be
// stored, is about something that exists, and did not happen in the future.
func FuzzLogPage(f *testing.F) {
	for _, seed := range []string{
		`[{"uuid":"a372eccc-7b1c-11ee-b1c5-0242ac120002","published":"2026-08-20T08:00:00.123Z","eventType":"user.lifecycle.suspend","outcome":{"result":"SUCCESS"},
			"target":[{"id":"00u1adaADAADAADAx5d7","type":"User","alternateId":"ada@acme.example","displayName":"Ada"}]}]`,
		`[{"uuid":"u","eventType":"application.user_membership.add","target":[{"id":"0ua1","type":"AppUser","alternateId":"ada@acme.example"},{"id":"0oa1","type":"AppInstance"}]}]`,
		`[{"uuid":"u"},{"uuid":"u","published":"2999-01-01T00:00:00Z"},null,1,"",[],{},{"uuid":null,"published":7,"target":{}}]`,
		`[{"uuid":"u\u0000\ud800","eventType":"event_hook.delivery","target":null,"outcome":[]}]`,
		`[]`, `{}`, `null`, `[`, `[{}]]`, "\xef\xbb\xbf[]", `[{"uuid":"` + "\xff" + `","published":"1970-01-01"}]`,
	} {
		f.Add([]byte(seed))
	}
	now := time.Date(2026, 8, 20, 9, 0, 0, 0, time.UTC)
	r := &Reader{appID: "0oa1", now: func() time.Time { return now }}
	header := http.Header{"Link": {`<https://acme.okta.com/api/v1/logs?after=1>; rel="next"`}}
	f.Fuzz(func(t *testing.T, body []byte) {
		page, err := r.logPage(answer{header: header, body: body})
		var elements []json.RawMessage
		text := strings.TrimPrefix(string(body), "\xef\xbb\xbf")
		want := json.Unmarshal([]byte(text), &elements) == nil && elements != nil
		if (err == nil) != want {
			t.Fatalf("read as a page: %v, want %t", err, want)
		}
		if err != nil {
			return
		}
		if n := len(page.Events) + page.Unreadable; n > len(elements) || len(elements) > 0 && n == 0 {
			t.Errorf("%d events and %d that are none, of %d elements", len(page.Events), page.Unreadable, len(elements))
		}
		seen := map[string]bool{}
		for _, e := range page.Events {
			if e.UUID == "" || seen[e.UUID] || e.Via != directory.ViaLog {
				t.Errorf("the uuid %q came by %q, seen already: %t", e.UUID, e.Via, seen[e.UUID])
			}
			seen[e.UUID] = true
			if e.Published.IsZero() || e.Published.After(now) {
				t.Errorf("event %q was published at %s", e.UUID, e.Published)
			}
			for _, value := range []string{e.UUID, e.Type, e.Outcome} {
				if !utf8.ValidString(value) || strings.Contains(value, "\x00") || len(value) > logevent.MaxText {
					t.Errorf("%q cannot be stored", value)
				}
			}
			for _, s := range e.Scopes {
				if err := s.Validate(); err != nil {
					t.Errorf("event %q: %v", e.UUID, err)
				}
			}
		}
	})
}
