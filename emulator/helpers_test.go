package emulator_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/oktasync/oktasync/emulator"
)

func TestMain(m *testing.M) {
	// The SDK's token cache has a goroutine that ends with a finalizer only.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/patrickmn/go-cache.(*janitor).Run"))
}

// rig is an org behind a test server, with a client of its own.
type rig struct {
	t      *testing.T
	org    *emulator.Org
	url    string
	client *http.Client
	auth   string
}

func newRig(t *testing.T, opt emulator.Options) *rig {
	t.Helper()
	org, err := emulator.New(opt)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewServer(org.Handler())
	org.SetBaseURL(server.URL)
	client := &http.Client{Transport: &http.Transport{}, Timeout: 20 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	t.Cleanup(func() {
		if err := org.Close(); err != nil {
			t.Error(err)
		}
		client.CloseIdleConnections()
		server.Close()
	})
	return &rig{t: t, org: org, url: server.URL, client: client, auth: "SSWS " + emulator.DefaultToken}
}

// small is an org without rate limits, small enough to read.
func small() emulator.Options {
	return emulator.Options{People: 60, Groups: 4, Departments: 5, GroupSize: 10, Limits: emulator.Unlimited()}
}

// answer is one HTTP answer, read to its end.
type answer struct {
	status int
	header http.Header
	body   []byte
}

func (r *rig) do(method, path string, body any) answer {
	r.t.Helper()
	a, err := r.try(r.t.Context(), method, path, body)
	if err != nil {
		r.t.Fatalf("%s %s: %v", method, path, err)
	}
	return a
}

func (r *rig) try(ctx context.Context, method, path string, body any) (answer, error) {
	var in io.Reader
	if body != nil {
		raw, ok := body.(string)
		if !ok {
			b, err := json.Marshal(body)
			if err != nil {
				return answer{}, err
			}
			raw = string(b)
		}
		in = strings.NewReader(raw)
	}
	url := path
	if strings.HasPrefix(path, "/") {
		url = r.url + path
	}
	req, err := http.NewRequestWithContext(ctx, method, url, in)
	if err != nil {
		return answer{}, err
	}
	if r.auth != "" {
		req.Header.Set("Authorization", r.auth)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := r.client.Do(req)
	if err != nil {
		return answer{}, err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		return answer{}, err
	}
	return answer{resp.StatusCode, resp.Header, b}, nil
}

// want makes a call and checks its status.
func (r *rig) want(status int, method, path string, body any) answer {
	r.t.Helper()
	a := r.do(method, path, body)
	if a.status != status {
		r.t.Fatalf("%s %s: status %d, want %d: %s", method, path, a.status, status, a.body)
	}
	return a
}

// code is the errorCode of an answer.
func (a answer) code(t *testing.T) string {
	t.Helper()
	var e struct {
		Code string `json:"errorCode"`
	}
	if err := json.Unmarshal(a.body, &e); err != nil {
		t.Fatalf("the body is not an error: %v: %s", err, a.body)
	}
	return e.Code
}

func decode[T any](t *testing.T, a answer) T {
	t.Helper()
	var v T
	d := json.NewDecoder(bytes.NewReader(a.body))
	if err := d.Decode(&v); err != nil {
		t.Fatalf("decode %s: %v", a.body, err)
	}
	return v
}

type object = map[string]any

// next is the URL of the next page, empty on the last one.
func (a answer) next() string {
	for _, line := range a.header.Values("Link") {
		if url, ok := strings.CutSuffix(line, `>; rel="next"`); ok {
			return strings.TrimPrefix(url, "<")
		}
	}
	return ""
}

// all follows a list to its end and gives the items and the number of pages.
func (r *rig) all(path string) ([]object, int) {
	r.t.Helper()
	var out []object
	pages := 0
	for path != "" {
		a := r.want(http.StatusOK, http.MethodGet, path, nil)
		out = append(out, decode[[]object](r.t, a)...)
		path = a.next()
		if pages++; pages > 1000 {
			r.t.Fatal("more than 1000 pages")
		}
	}
	return out, pages
}

// dig reads a nested member: dig(user, "profile", "login").
func dig(v any, path ...string) any {
	for _, p := range path {
		m, ok := v.(object)
		if !ok {
			return nil
		}
		v = m[p]
	}
	return v
}

func ids(list []object) []string {
	out := make([]string, 0, len(list))
	for _, o := range list {
		s, _ := o["id"].(string)
		out = append(out, s)
	}
	return out
}

func must(t *testing.T) func(emulator.Act, error) emulator.Act {
	t.Helper()
	return func(a emulator.Act, err error) emulator.Act {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
}

func types(a emulator.Act) []string {
	var out []string
	for _, e := range a.Events {
		out = append(out, e.Type)
	}
	return out
}
