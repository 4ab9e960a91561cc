package e2e

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"github.com/oktasync/oktasync/api/v1"
)

// webhookProduct is a product that takes webhooks. Each that arrives is in posts, as it came.
type webhookProduct struct {
	*httptest.Server
	posts chan webhookPost
}

type webhookPost struct {
	header http.Header
	body   []byte
}

func newWebhookProduct(t *testing.T) *webhookProduct {
	p := &webhookProduct{posts: make(chan webhookPost, 10_000)}
	p.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		body, err := io.ReadAll(q.Body)
		if err == nil {
			p.posts <- webhookPost{q.Header, body}
		}
	}))
	t.Cleanup(p.Close)
	return p
}

// next returns the next webhook, verified.
func (p *webhookProduct) next(t *testing.T, verify *standardwebhooks.Webhook) v1.Change {
	t.Helper()
	select {
	case post := <-p.posts:
		if err := verify.Verify(post.body, post.header); err != nil {
			t.Fatalf("the signature of %s: %v", post.body, err)
		}
		var e v1.Change
		if err := json.Unmarshal(post.body, &e); err != nil {
			t.Fatal(err)
		}
		return e
	case <-time.After(time.Minute):
		t.Fatal("no webhook came")
		return v1.Change{}
	}
}

// webhooks has somebody's move posted to a product: by command, from Okta's event to the signed request.
func (w *world) webhooks(who, boss string) {
	w.t.Helper()
	product := newWebhookProduct(w.t)
	out, status := w.cli("endpoints", "add", "crm", product.URL+"/in", "--types", "person.*")
	secret := regexp.MustCompile(`whsec_\S+`).FindString(out)
	if status != 0 || secret == "" {
		w.t.Fatalf("endpoints add: status %d: %s", status, out)
	}
	verify, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		w.t.Fatal(err)
	}
	if out, status := w.cli("endpoints", "test", "crm"); status != 0 || !contains(out, "The test event arrived: status 200") {
		w.t.Fatalf("endpoints test: status %d: %s", status, out)
	}
	if e := product.next(w.t, verify); e.Type != "endpoint.test" || e.Tenant != tenant || e.Seq != 0 {
		w.t.Errorf("the test event %+v", e)
	}
	w.act(w.org.Move(who, "Webhook Writing", boss))
	e := product.next(w.t, verify)
	if e.Type != "person.updated" || e.PersonID != who || e.Tenant != tenant || e.Replay || e.Seq == 0 {
		w.t.Errorf("the event %+v", e)
	}
	for _, selection := range [][]string{{"--person", who}, {"--since", e.At.Add(-time.Second).Format(time.RFC3339)}} {
		out, status := w.cli(append([]string{"replay", "--to", "crm", "--types", "person.updated"}, selection...)...)
		if status != 0 || !contains(out, "sent to crm once more") {
			w.t.Fatalf("replay: status %d: %s", status, out)
		}
		for again := (v1.Change{}); again.ID != e.ID || !again.Replay; {
			again = product.next(w.t, verify) // fails when none comes
		}
	}
	if out, status := w.cli("endpoints", "add", "metadata", "http://169.254.169.254/latest"); status == 0 || !contains(out, "https") {
		w.t.Errorf("an endpoint at a link-local address: status %d: %s", status, out)
	}
	eventually(w.t, time.Minute, "the attempt is noted", func() string {
		if out, status := w.cli("deliveries", "list", "crm"); status != 0 || !contains(out, "delivered") || !contains(out, "msg_") {
			return out
		}
		return ""
	})
	for _, command := range []string{"list", "show crm", "rotate crm", "disable crm --reason moved", "enable crm", "update crm --all-types", "remove crm"} {
		if out, status := w.cli(append([]string{"endpoints"}, strings.Fields(command)...)...); status != 0 || !contains(out, "crm") {
			w.t.Errorf("endpoints %s: status %d: %s", command, status, out)
		}
	}
}
