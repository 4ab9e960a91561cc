package webhook

import (
	"bytes"
	"context"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/labstack/echo/v4"

	"github.com/oktasync/oktasync/directory"
)

const (
	secretOld = "old-secret-0123456789"
	secretNew = "new-secret-0123456789"
)

// testNow is after every date in the bodies of these tests.
func testNow() time.Time { return time.Date(2026, 8, 20, 9, 15, 5, 0, time.UTC) }

// memoryInbox keeps what it is given.
type memoryInbox struct {
	fail error

	mu     sync.Mutex
	calls  int
	events map[string][]directory.Event // by tenant
}

func (m *memoryInbox) AddEvents(ctx context.Context, tenant string, events []directory.Event) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.calls++
	if m.fail != nil {
		return m.fail
	}
	if m.events == nil {
		m.events = map[string][]directory.Event{}
	}
	m.events[tenant] = append(m.events[tenant], events...)
	return ctx.Err()
}

func (m *memoryInbox) stored(tenant string) []directory.Event {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.events[tenant]
}

// memoryQueue keeps the hints it is given. While hang is open it does not come
// back, whatever its context says.
type memoryQueue struct {
	fail error
	hang chan struct{}

	mu    sync.Mutex
	calls int
	hints []directory.ScopeHint
}

func (m *memoryQueue) Enqueue(_ context.Context, hints []directory.ScopeHint) error {
	m.mu.Lock()
	m.calls++
	m.mu.Unlock()
	if m.hang != nil {
		<-m.hang
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fail != nil {
		return m.fail
	}
	m.hints = append(m.hints, hints...)
	return nil
}

func (m *memoryInbox) called() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

func (m *memoryQueue) called() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.calls
}

func (m *memoryQueue) enqueued() []directory.ScopeHint {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.hints
}

// safeBuffer is a log's target that many goroutines may write to.
type safeBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (s *safeBuffer) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.Write(p)
}

func (s *safeBuffer) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.b.String()
}

// rig is a running endpoint.
type rig struct {
	t       *testing.T
	url     string
	handler *Handler
	inbox   *memoryInbox
	queue   *memoryQueue
	log     *safeBuffer
}

func defaultTenants() []Tenant {
	return []Tenant{
		{Slug: "acme", AppID: ourApp, Secrets: []string{secretOld, secretNew}, Hosts: []string{"hooks.acme.example"}},
		{Slug: "globex", AppID: otherApp, Header: "X-Hook-Secret", Secrets: []string{"globex-secret"}},
	}
}

// start serves the endpoint on a real socket, with time enough for the slowest
// machine: tests about time set their own. The source of a request is its
// X-Real-Source header, so that tests can come from many addresses.
func start(t *testing.T, tenants []Tenant, change func(*Options)) *rig {
	t.Helper()
	list, err := NewTenantList(tenants)
	if err != nil {
		t.Fatal(err)
	}
	r := &rig{t: t, inbox: &memoryInbox{}, queue: &memoryQueue{}, log: &safeBuffer{}}
	o := Options{
		Tenants: list, Inbox: r.inbox, Enqueuer: r.queue, Now: testNow,
		Logger: slog.New(slog.NewTextHandler(r.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	}
	if change != nil {
		change(&o)
	}
	r.handler, err = New(o)
	if err != nil {
		t.Fatal(err)
	}
	r.handler.time = patience{whole: time.Minute, store: time.Minute, enqueue: time.Minute}
	e := echo.New()
	e.IPExtractor = func(q *http.Request) string {
		if source := q.Header.Get("X-Real-Source"); source != "" {
			return source
		}
		return "192.0.2.1"
	}
	r.handler.Register(e)
	server := httptest.NewServer(e)
	t.Cleanup(server.Close)
	r.url = server.URL
	return r
}

type answer struct {
	status int
	header http.Header
	body   string
}

// do sends a request. Headers come in pairs; "Host" sets the host.
func (r *rig) do(method, path string, body io.Reader, headers ...string) answer {
	r.t.Helper()
	q, err := http.NewRequestWithContext(r.t.Context(), method, r.url+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(headers); i += 2 {
		if headers[i] == "Host" {
			q.Host = headers[i+1]
			continue
		}
		q.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, string(text)}
}

// post delivers a body to acme with a right secret.
func (r *rig) post(body string) answer {
	r.t.Helper()
	return r.do(http.MethodPost, Path+"/acme", strings.NewReader(body), "Authorization", secretNew)
}

// chunked hides the length of a body, so that the client sends none.
func chunked(body string) io.Reader { return struct{ io.Reader }{strings.NewReader(body)} }
