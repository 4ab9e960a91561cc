package e2e

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/google/uuid"
)

func contains(text, part string) bool { return strings.Contains(text, part) }

// post sends a body to the service with the hook's secret and returns status and answer.
func (w *world) post(path, secret string, body []byte) (int, string) {
	w.t.Helper()
	return w.send(http.MethodPost, path, secret, bytes.NewReader(body), nil)
}

func (w *world) send(method, path, secret string, body io.Reader, header http.Header) (int, string) {
	w.t.Helper()
	request, err := http.NewRequestWithContext(w.t.Context(), method, "http://"+w.listen+path, body)
	if err != nil {
		w.t.Fatal(err)
	}
	for name, values := range header {
		request.Header[name] = values
	}
	if secret != "" {
		request.Header.Set("Authorization", secret)
	}
	request.Header.Set("Content-Type", "application/json")
	c := http.Client{Timeout: 10 * time.Second}
	response, err := c.Do(request)
	if err != nil {
		return 0, err.Error()
	}
	defer func() { _ = response.Body.Close() }()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err.Error()
	}
	return response.StatusCode, string(text)
}

// event is the body of a delivery with one event about one target.
func event(eventType, kind, id, login string) []byte {
	body, err := json.Marshal(map[string]any{
		"eventType": "com.okta.event_hook", "eventId": uuid.NewString(),
		"data": map[string]any{"events": []any{map[string]any{
			"uuid": uuid.NewString(), "eventType": eventType, "published": time.Now().UTC().Format(time.RFC3339Nano),
			"outcome": map[string]any{"result": "SUCCESS"},
			"target":  []any{map[string]any{"id": id, "type": kind, "alternateId": login, "displayName": "somebody"}},
		}}},
	})
	if err != nil {
		panic(err) // texts can always be written
	}
	return body
}
