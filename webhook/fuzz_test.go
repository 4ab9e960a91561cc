package webhook

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/directory/logevent"
)

// FuzzDelivery posts any body. The answer is one of three, what was decoded is
// what the standard library's decoder finds, and everything stored is storable.
func FuzzDelivery(f *testing.F) {
	for _, seed := range []string{
		string(deliveryBody("d1", groupAdds(2)...)),
		`{"eventID":"d1","data":{"events":[{"uuid":"u","eventType":"user.x","target":[null,{"id":"1","type":"User"}],"outcome":null}]}}`,
		`{"data":{"events":[{"uuid":"u\u0000"},null,1,"",[],{}]},"data":{"events":[{"uuid":"v"}]}}`,
		"{\"data\" :\n{\"events\"\t:[ {\"uuid\":\"\\\"\\\\\",\"target\":{} } , { \"uuid\":[[]]} ] }}",
		`[]`, `null`, `{`, `{"a":1}}`, "\xef\xbb\xbf{}", `{"eventId":"` + "\xff" + `"}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		list, err := NewTenantList([]Tenant{{Slug: "acme", AppID: ourApp, Secrets: []string{secretNew}}})
		if err != nil {
			t.Fatal(err)
		}
		inbox := &memoryInbox{}
		h, err := New(Options{Tenants: list, Inbox: inbox, Enqueuer: &memoryQueue{}, Logger: slog.New(slog.DiscardHandler), Now: testNow})
		if err != nil {
			t.Fatal(err)
		}
		e := echo.New()
		h.Register(e)
		q := httptest.NewRequest(http.MethodPost, Path, bytes.NewReader(body))
		q.Header.Set(DefaultHeader, secretNew)
		w := httptest.NewRecorder()
		e.ServeHTTP(w, q)

		text := bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
		decoder := json.NewDecoder(bytes.NewReader(text))
		want := http.StatusNoContent
		if !json.Valid(text) || !bytes.HasPrefix(bytes.TrimLeft(text, " \t\r\n"), []byte("{")) {
			want = http.StatusBadRequest
		}
		if w.Code != want {
			t.Fatalf("answer %d, want %d", w.Code, want)
		}
		if want == http.StatusBadRequest {
			return
		}
		if diff := cmp.Diff(uuids(read(t, decoder)), storedUUIDs(inbox.stored("acme"))); diff != "" {
			t.Errorf("uuids (-standard library +ours):\n%s", diff)
		}
		for _, e := range inbox.stored("acme") {
			for _, s := range append(e.Scopes, directory.PersonScope(e.UUID)) {
				if s.Validate() != nil || logevent.Clean(s.ID) != s.ID || len(s.ID) > logevent.MaxText {
					t.Errorf("scope %q cannot be stored", s)
				}
			}
			if e.Published.Year() < 2000 || e.Published.After(testNow().AddDate(0, 0, 2)) {
				t.Errorf("published %s", e.Published)
			}
		}
	})
}

// node is any JSON value with its members in order, repeated ones included.
type node struct {
	text     string // of a string
	object   bool
	names    []string
	elements []node // of an array, or the values of names
}

// read reads one value from the standard library's token stream.
func read(t *testing.T, d *json.Decoder) node {
	t.Helper()
	token, err := d.Token()
	if err != nil {
		t.Fatal(err)
	}
	n := node{}
	switch value := token.(type) {
	case string:
		n.text = value
	case json.Delim:
		n.object = value == '{'
		for d.More() {
			if n.object {
				name, err := d.Token()
				if err != nil {
					t.Fatal(err)
				}
				n.names = append(n.names, name.(string))
			}
			n.elements = append(n.elements, read(t, d))
		}
		if _, err := d.Token(); err != nil {
			t.Fatal(err)
		}
	}
	return n
}

// all returns the values of every member of that name.
func (n node) all(name string) []node {
	var found []node
	for i, other := range n.names {
		if other == name {
			found = append(found, n.elements[i])
		}
	}
	return found
}

// uuids lists the usable uuids of a delivery's events, without repeats, "" for
// each event that has none.
func uuids(delivery node) []string {
	var list []string
	seen := map[string]bool{}
	for _, data := range delivery.all("data") {
		for _, events := range data.all("events") {
			if events.object {
				continue
			}
			for _, e := range events.elements {
				if !e.object {
					continue
				}
				uuid := ""
				for _, value := range e.all("uuid") {
					uuid = logevent.Clean(value.text)
				}
				if uuid != "" && !seen[uuid] {
					list = append(list, uuid)
				}
				seen[uuid] = true
			}
		}
	}
	return list
}

// storedUUIDs lists the uuids of events that came with one.
func storedUUIDs(events []directory.Event) []string {
	var list []string
	for _, e := range events {
		if len(e.UUID) != len("sha256-")+32 {
			list = append(list, e.UUID)
		}
	}
	return list
}
