package installation

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"time"
)

// Relay stands between Okta and the service as a load balancer does. It notes
// every answer to a hook.
type Relay struct {
	URL string // without a path

	server *httptest.Server
	client http.Client
	mu     sync.Mutex
	// targets are the replicas, taken in turn.
	targets []string
	passing *sync.WaitGroup // attempts on these targets that have no answer yet
	turn    int
	patient bool
	answers []Answer
}

// Answer is one answer of the service to a delivery; status 0 is none.
type Answer struct {
	Path   string // the hook's address
	Events []string
	Status int
	At     time.Time // when it came
	Took   time.Duration
}

// Accepted says whether the service took the delivery over.
func (a Answer) Accepted() bool { return a.Status >= 200 && a.Status < 300 }

// NewRelay starts a relay before these replicas, each "http://host:port".
func NewRelay(targets ...string) *Relay {
	r := &Relay{targets: targets, passing: &sync.WaitGroup{}, client: http.Client{Timeout: 10 * time.Second}}
	r.server = httptest.NewServer(http.HandlerFunc(r.serve))
	r.URL = r.server.URL
	return r
}

// Close ends the relay, and the deliveries that it still holds back.
func (r *Relay) Close() {
	r.SetPatient(false)
	r.server.CloseClientConnections()
	r.server.Close()
}

// SetTargets replaces the replicas.
func (r *Relay) SetTargets(targets ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.targets = targets
}

// Drain replaces the replicas and waits until those before have answered what was passed on to them, as is
// done before a replica is stopped.
func (r *Relay) Drain(targets ...string) {
	r.mu.Lock()
	before := r.passing
	r.targets, r.passing = targets, &sync.WaitGroup{}
	r.mu.Unlock()
	before.Wait()
}

// SetPatient says whether a delivery is held back while no replica answers it with
// success: an Okta that tries for ever instead of once more.
func (r *Relay) SetPatient(patient bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.patient = patient
}

// Answers returns the answers from the n-th on.
func (r *Relay) Answers(n int) []Answer {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.Clone(r.answers[n:])
}

// Count is the number of answers so far.
func (r *Relay) Count() int { return len(r.Answers(0)) }

// Accepted is the number of deliveries that the service took over.
func (r *Relay) Accepted() int {
	n := 0
	for _, a := range r.Answers(0) {
		if a.Accepted() {
			n++
		}
	}
	return n
}

func (r *Relay) serve(w http.ResponseWriter, request *http.Request) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		status, header, answer := r.pass(request, body)
		if status >= 200 && status < 500 || !r.waits() {
			if status == 0 {
				status = http.StatusBadGateway
			}
			maps.Copy(w.Header(), header)
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

func (r *Relay) waits() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.patient
}

// pass makes one attempt.
func (r *Relay) pass(request *http.Request, body []byte) (int, http.Header, []byte) {
	r.mu.Lock()
	target := r.targets[r.turn%len(r.targets)]
	r.turn++
	passing := r.passing
	passing.Add(1)
	r.mu.Unlock()
	defer passing.Done()
	forward, err := http.NewRequestWithContext(request.Context(), request.Method, target+request.URL.Path, bytes.NewReader(body))
	if err != nil {
		return 0, nil, nil
	}
	forward.Header = request.Header.Clone()
	started := time.Now()
	status, answer, header := 0, []byte(nil), http.Header{}
	if response, err := r.client.Do(forward); err == nil {
		status, header = response.StatusCode, response.Header
		answer, _ = io.ReadAll(response.Body)
		_ = response.Body.Close()
	}
	if request.Method == http.MethodPost {
		note := Answer{Path: request.URL.Path, Events: eventsIn(body), Status: status, At: time.Now(), Took: time.Since(started)}
		r.mu.Lock()
		r.answers = append(r.answers, note)
		r.mu.Unlock()
	}
	return status, header, answer
}

// eventsIn lists the uuids of the events in a delivery.
func eventsIn(body []byte) []string {
	var delivery struct {
		Data struct {
			Events []struct {
				UUID string `json:"uuid"`
			} `json:"events"`
		} `json:"data"`
	}
	if json.Unmarshal(body, &delivery) != nil {
		return nil
	}
	ids := make([]string, len(delivery.Data.Events))
	for i, e := range delivery.Data.Events {
		ids[i] = e.UUID
	}
	return ids
}
