package e2e

import (
	"bytes"
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"
)

// relay stands between Okta and the service as a load balancer does. It notes
// every answer to a hook and how long it took.
type relay struct {
	URL string

	client http.Client
	mu     sync.Mutex
	// targets are the replicas, taken in turn.
	targets []string
	turn    int
	// patient holds a delivery back while no replica answers it with success: an
	// Okta that tries for ever instead of once more.
	patient bool
	answers []relayed
}

// relayed is one answer of the service; status 0 is none.
type relayed struct {
	status int
	took   time.Duration
}

func newRelay(t *testing.T, targets ...string) *relay {
	r := &relay{targets: targets, client: http.Client{Timeout: 10 * time.Second}}
	server := httptest.NewServer(http.HandlerFunc(r.serve))
	t.Cleanup(server.Close)
	r.URL = server.URL + "/webhooks/okta"
	return r
}

func (r *relay) serve(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		status, answer := r.pass(request, body)
		if status >= 200 && status < 500 || !r.waits() {
			if status == 0 {
				status = http.StatusBadGateway
			}
			w.Header().Set("Content-Type", "application/json")
			w.WriteHeader(status)
			_, _ = w.Write(answer) // a caller that went away has its own troubles
			return
		}
		select {
		case <-request.Context().Done():
			return
		case <-again.C:
		}
	}
}

func (r *relay) waits() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.patient
}

// pass makes one attempt.
func (r *relay) pass(request *http.Request, body []byte) (int, []byte) {
	r.mu.Lock()
	target := r.targets[r.turn%len(r.targets)]
	r.turn++
	r.mu.Unlock()
	forward, err := http.NewRequestWithContext(request.Context(), request.Method, target+request.URL.Path, bytes.NewReader(body))
	if err != nil {
		return 0, nil
	}
	forward.Header = request.Header.Clone()
	started := time.Now()
	status, answer := 0, []byte(nil)
	if response, err := r.client.Do(forward); err == nil {
		status = response.StatusCode
		answer, _ = io.ReadAll(response.Body)
		_ = response.Body.Close()
	}
	if request.Method == http.MethodPost {
		r.mu.Lock()
		r.answers = append(r.answers, relayed{status, time.Since(started)})
		r.mu.Unlock()
	}
	return status, answer
}

// noted returns the answers from the n-th on.
func (r *relay) noted(n int) []relayed {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]relayed(nil), r.answers[n:]...)
}

func (r *relay) count() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.answers)
}

// accepted counts the deliveries that the service took over.
func (r *relay) accepted() int {
	n := 0
	for _, a := range r.noted(0) {
		if a.status == http.StatusNoContent {
			n++
		}
	}
	return n
}
