package deliver_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
	"golang.org/x/net/dns/dnsmessage"

	"github.com/oktasync/oktasync/deliver"
	"github.com/oktasync/oktasync/directory"
)

func loopback(bits string) []deliver.Receiver {
	return []deliver.Receiver{{Network: netip.MustParsePrefix(bits)}}
}

func postTo(t *testing.T, o deliver.PosterOptions, url string) deliver.Result {
	t.Helper()
	p := deliver.NewPoster(o)
	t.Cleanup(p.Close)
	return p.Post(t.Context(), deliver.Message{URL: url, Signers: []*deliver.Signer{signer(t)}, ID: "msg_1", Body: []byte(`{}`)})
}

// TestBadReceivers: whatever a receiver does, it leads nowhere else and takes no more than its time.
func TestBadReceivers(t *testing.T) {
	t.Parallel()
	serve := func(handle http.HandlerFunc) string {
		s := httptest.NewServer(handle)
		t.Cleanup(s.Close)
		return s.URL
	}
	streams := serve(func(w http.ResponseWriter, q *http.Request) {
		for q.Context().Err() == nil {
			if _, err := w.Write([]byte(strings.Repeat("x", 1<<10))); err != nil {
				return
			}
		}
	})
	silent := serve(func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body) // or it would not be noticed that the caller went away
		<-q.Context().Done()
	})
	for name, test := range map[string]struct {
		url       string
		delivered bool
		problem   string
		answer    string
	}{
		"redirects to the metadata service": {serve(func(w http.ResponseWriter, q *http.Request) {
			http.Redirect(w, q, "http://169.254.169.254/latest/meta-data", http.StatusTemporaryRedirect)
		}), false, "redirects are not followed", ""},
		"streams for ever":                  {streams, true, "", strings.Repeat("x", 2<<10)},
		"an error page with 200":            {serve(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("<h1>Internal Error</h1>")) }), true, "", "<h1>Internal Error</h1>"},
		"never answers":                     {silent, false, "did not answer within", ""},
		"an address that is not allowed":    {strings.Replace(streams, "127.0.0.1", "127.0.0.2", 1), false, "not public", ""},
		"nobody there":                      {"http://127.0.0.1:1/?key=topsecret", false, "does not answer", ""},
		"a proxy of the environment's name": {"http://nobody.invalid/", false, "looked up", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := postTo(t, deliver.PosterOptions{Allow: loopback("127.0.0.1/32"), Timeout: 3 * time.Second}, test.url)
			if r.Delivered != test.delivered || !strings.Contains(r.Problem, test.problem) || test.answer != "" && r.Answer != test.answer || strings.Contains(r.Problem, "topsecret") {
				t.Errorf("result %+v", r)
			}
		})
	}
}

// TestRebinding: a name that means another address at the second look-up is not followed there.
func TestRebinding(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	var hits atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		w.Header().Set("Connection", "close") // so that the name is looked up each time
	}))
	_ = server.Listener.Close()
	server.Listener = listener
	server.Start()
	t.Cleanup(server.Close)
	var looks atomic.Int32
	resolver := nameServer(t, func() [4]byte {
		if looks.Add(1) == 1 {
			return [4]byte{127, 0, 0, 2}
		}
		return [4]byte{127, 0, 0, 1}
	})
	p := deliver.NewPoster(deliver.PosterOptions{Allow: loopback("127.0.0.2/32"), Resolver: resolver})
	t.Cleanup(p.Close)
	message := deliver.Message{URL: "http://rebind.example.:" + portOf(t, server.URL), Signers: []*deliver.Signer{signer(t)}, ID: "msg_1", Body: []byte(`{}`)}
	if r := p.Post(t.Context(), message); !r.Delivered {
		t.Fatalf("the first time: %+v", r)
	}
	if r := p.Post(t.Context(), message); r.Delivered || !strings.Contains(r.Problem, "not public") || hits.Load() != 1 || looks.Load() < 2 {
		t.Errorf("the second time: %+v, %d requests arrived, %d look-ups", r, hits.Load(), looks.Load())
	}
}

func portOf(t *testing.T, address string) string {
	t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	return u.Port()
}

// nameServer answers every question for an IPv4 address with what answer says.
func nameServer(t *testing.T, answer func() [4]byte) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	go func() {
		buffer := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) == 0 {
				continue
			}
			q := m.Questions[0]
			m.Response, m.Additionals = true, nil
			if q.Type == dnsmessage.TypeA {
				m.Answers = []dnsmessage.Resource{{Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class}, Body: &dnsmessage.AResource{A: answer()}}}
			}
			if packed, err := m.Pack(); err == nil {
				_, _ = conn.WriteTo(packed, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// TestBadCertificates: nothing is sent to whoever cannot prove the name, and nothing is told of what stands in the
// certificate but what is wrong with it.
func TestBadCertificates(t *testing.T) {
	t.Parallel()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	const names = "a-name-of-their-choice"
	certify := func(until time.Time, name string) (tls.Certificate, *x509.CertPool) {
		template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: until,
			Subject: pkix.Name{CommonName: names}, DNSNames: []string{name, strings.Repeat(names, 500)}, IsCA: true, BasicConstraintsValid: true}
		der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		roots := x509.NewCertPool()
		roots.AddCert(parsed)
		return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
	}
	tomorrow, yesterday := time.Now().Add(24*time.Hour), time.Now().Add(-24*time.Hour)
	for name, test := range map[string]struct {
		until   time.Time
		name    string
		trusted bool
		problem string
	}{
		"valid":              {tomorrow, "localhost", true, ""},
		"expired":            {yesterday, "localhost", true, "it has expired, or is not valid yet"},
		"for another name":   {tomorrow, names + ".example", true, "it is for another name"},
		"of nobody we trust": {tomorrow, "localhost", false, "it is signed by nobody whom this machine trusts"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			certificate, roots := certify(test.until, test.name)
			if !test.trusted {
				roots = x509.NewCertPool()
			}
			server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
			server.TLS = &tls.Config{Certificates: []tls.Certificate{certificate}}
			server.Config.ErrorLog = log.New(io.Discard, "", 0)
			server.StartTLS()
			t.Cleanup(server.Close)
			r := postTo(t, deliver.PosterOptions{Allow: loopback("127.0.0.1/32"), Roots: roots}, strings.Replace(server.URL, "127.0.0.1", "localhost", 1))
			want := test.problem
			if want != "" {
				want = "the receiver's certificate is not right: " + want
			}
			if r.Delivered != (want == "") || r.Problem != want {
				t.Errorf("result %+v", r)
			}
		})
	}
}

// TestRotation: while two secrets sign, a receiver that knows either takes the message, and from then on the new one.
func TestRotation(t *testing.T) {
	t.Parallel()
	o := newProduct(t, nil)
	before, after := deliver.NewSharedSecret(), deliver.NewSharedSecret()
	var known atomic.Value
	known.Store(before)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		verifier, err := standardwebhooks.NewWebhook(known.Load().(string))
		if err != nil {
			t.Error(err)
			return
		}
		body := make([]byte, q.ContentLength)
		if _, err := q.Body.Read(body); err != nil && err.Error() != "EOF" {
			t.Error(err)
		}
		if err := verifier.Verify(body, q.Header); err != nil {
			t.Errorf("%v: %s", err, q.Header.Get("webhook-signature"))
			w.WriteHeader(401)
		}
	}))
	t.Cleanup(server.Close)
	o.endpoint("a", server.URL, before)
	o.happen("u1")
	o.turn("a")
	o.alter("a", func(e *directory.Endpoint) {
		e.Secrets = append([]directory.EndpointSecret{{ID: "s2", Sealed: after}}, e.Secrets...)
	})
	o.happen("u1")
	o.turn("a")
	known.Store(after)
	o.happen("u1")
	o.turn("a")
	o.alter("a", func(e *directory.Endpoint) { e.Secrets = e.Secrets[:1] })
	o.happen("u1")
	o.turn("a")
	if h := o.health("a"); h.Cursor != 4 || h.Waiting != 0 {
		t.Errorf("health %+v", h)
	}
}

// TestRotatedInTheMiddle: a turn that is under way notices that the endpoint was changed, and ends.
func TestRotatedInTheMiddle(t *testing.T) {
	t.Parallel()
	o := newProduct(t, func(o *deliver.CourierOptions) { o.TurnTime = time.Hour })
	var once atomic.Bool
	after := deliver.NewSharedSecret()
	r := newReceiver(t, nil)
	r.answers(func(http.ResponseWriter, directory.Change) {
		if once.CompareAndSwap(false, true) {
			o.alter("a", func(e *directory.Endpoint) { e.Secrets = []directory.EndpointSecret{{ID: "s2", Sealed: after}} })
		}
	})
	o.endpoint("a", r.URL)
	people := make([]string, 400)
	for i := range people {
		people[i] = "u1" // one after the other
	}
	o.happen(people...)
	o.turn("a")
	if n := len(r.seqs("")); n == 0 || n == 400 {
		t.Fatalf("the turn delivered %d changes", n)
	}
	for o.health("a").Behind > 0 {
		o.turn("a")
	}
	if n := len(r.seqs("")); n != 400 {
		t.Errorf("%d changes arrived", n)
	}
}

// TestBigChange: a change of a megabyte arrives whole.
func TestBigChange(t *testing.T) {
	t.Parallel()
	o := newProduct(t, nil)
	r := newReceiver(t, func(w http.ResponseWriter, _ directory.Change) { _, _ = w.Write([]byte("thank you")) })
	o.endpoint("a", r.URL)
	big := strings.Repeat("é<\"", 250_000)
	o.append([]directory.Change{{Type: directory.PersonUpdated, Subject: directory.SubjectPerson, SubjectID: "u1", PersonID: "u1",
		Fields: []directory.FieldChange{{Field: "notes", After: big}}}})
	o.turn("a")
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.got) != 1 || r.got[0].Fields[0].After != big {
		t.Errorf("%d changes arrived", len(r.got))
	}
}

// TestRemovedWhileWaiting: ten thousand deliveries that wait go with the endpoint, also under a turn.
func TestRemovedWhileWaiting(t *testing.T) {
	t.Parallel()
	o := newProduct(t, nil)
	r := newReceiver(t, nil)
	people := make([]string, 10_000)
	for i := range people {
		people[i] = "u" + string(rune('a'+i%20))
	}
	o.happen(people...)
	o.endpoint("a", r.URL)
	if n, err := o.db.Replay(t.Context(), "acme", "a", "r1", directory.ChangeQuery{}, directory.Act{Tenant: "acme", Kind: directory.ActReplay}); err != nil || n != 10_000 {
		t.Fatalf("%d wait, %v", n, err)
	}
	var once atomic.Bool
	r.answers(func(http.ResponseWriter, directory.Change) {
		if once.CompareAndSwap(false, true) {
			if _, err := o.db.RemoveEndpoint(t.Context(), "acme", "a", directory.Act{Kind: directory.ActEndpointRemove}); err != nil {
				t.Error(err)
			}
		}
	})
	o.turn("a")
	if n := len(r.seqs("")); n == 0 || n > 400 {
		t.Errorf("%d changes arrived", n)
	}
	rows, err := o.db.Deliveries(t.Context(), "acme", "a", directory.DeliveryWaiting, 0, 10)
	if err != nil || len(rows) != 0 {
		t.Errorf("still waiting: %v, %v", rows, err)
	}
	o.turn("a")
}

// TestLanes: endpoints have nothing to do with each other: while one hangs, another gets everything.
func TestLanes(t *testing.T) {
	t.Parallel()
	o := newProduct(t, nil)
	hangs := make(chan struct{})
	begun := make(chan struct{}, 100)
	dead := newReceiver(t, func(http.ResponseWriter, directory.Change) { begun <- struct{}{}; <-hangs })
	fine := newReceiver(t, nil)
	o.endpoint("dead", dead.URL)
	o.endpoint("fine", fine.URL)
	o.happen("u1", "u2", "u3")
	done := make(chan error, 1)
	go func() {
		done <- o.courier.Turn(context.WithoutCancel(t.Context()), directory.LaneHint{Tenant: "acme", Endpoint: "dead"})
	}()
	<-begun
	o.turn("fine")
	if n := len(fine.seqs("")); n != 3 {
		t.Errorf("%d changes arrived at the other", n)
	}
	close(hangs)
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestKeyPair(t *testing.T) {
	t.Parallel()
	private, public, err := deliver.NewKeyPair()
	if err != nil || !strings.HasPrefix(private, "whsk_") || !strings.HasPrefix(public, "whpk_") {
		t.Fatalf("%q %v", public, err)
	}
	s, err := deliver.NewSigner(private)
	if err != nil {
		t.Fatal(err)
	}
	verifyPair(t, public, s.Sign("msg_1", time.Unix(1700000000, 0), []byte("{}")), "msg_1.1700000000.{}")
	for _, bad := range []string{"whsk_", "whsk_QUJD", public} {
		if _, err := deliver.NewSigner(bad); err == nil {
			t.Errorf("%s was taken", bad)
		}
	}
}
