package deliver

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

const (
	// answerKept is how much of an answer is kept, and answerRead how much is read so that the connection can be used
	// again.
	answerKept = 2 << 10
	answerRead = 64 << 10
	// longestRest is as long as a receiver can have us wait at a time.
	longestRest = time.Hour
)

// PosterOptions configures a Poster.
type PosterOptions struct {
	Allow    []Receiver
	Timeout  time.Duration    // of one attempt, its answer included; 15 s when zero
	Idle     int              // connections to one host that are kept open, 8 when zero
	Resolver *net.Resolver    // nil: the system's
	Roots    *x509.CertPool   // nil: the system's
	Now      func() time.Time // nil: time.Now
}

// Poster posts signed messages to the endpoints of tenants. Who may set an address is not trusted with the network
// that we are in: see guard. It is safe for concurrent use.
type Poster struct {
	guard   guard
	clients map[bool]*http.Client // by whether the request is plain
	timeout time.Duration
	now     func() time.Time
}

// NewPoster returns a poster. It uses no proxy, whatever the environment says.
func NewPoster(o PosterOptions) *Poster {
	p := &Poster{guard: guard{allow: o.Allow, resolver: o.Resolver}, clients: map[bool]*http.Client{}, timeout: o.Timeout, now: o.Now}
	if p.timeout <= 0 {
		p.timeout = sendTimeout
	}
	if p.now == nil {
		p.now = time.Now
	}
	if o.Idle <= 0 {
		o.Idle = 8
	}
	for _, plain := range []bool{false, true} {
		p.clients[plain] = &http.Client{
			Transport: &http.Transport{
				DialContext:            p.guard.dialer(plain),
				TLSClientConfig:        &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
				TLSHandshakeTimeout:    10 * time.Second,
				MaxResponseHeaderBytes: 64 << 10,
				MaxIdleConns:           1000,
				MaxIdleConnsPerHost:    o.Idle,
				IdleConnTimeout:        90 * time.Second,
			},
			// A redirect would carry the message to an address that nobody entered.
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	return p
}

// Close gives up the connections that are kept open.
func (p *Poster) Close() {
	for _, c := range p.clients {
		c.CloseIdleConnections()
	}
}

// CheckURL says what is wrong with the address of an endpoint; the words follow its name.
func (p *Poster) CheckURL(url string) error { return p.guard.checkURL(url) }

// Message is what is posted.
type Message struct {
	URL     string
	Signers []*Signer
	ID      string // the same at every attempt
	Body    []byte
}

// Result is what came of one attempt.
type Result struct {
	Outcome
	Status int // zero: there was no answer
	Took   time.Duration
	Answer string // its beginning, without control characters and without what was sent
}

// Post makes one attempt. Whatever is answered with a status of 2xx has arrived.
func (p *Poster) Post(ctx context.Context, m Message) Result {
	begun := p.now()
	ctx, cancel := context.WithTimeout(ctx, p.timeout)
	defer cancel()
	result := p.post(ctx, m)
	result.Took = p.now().Sub(begun)
	return result
}

func (p *Poster) post(ctx context.Context, m Message) Result {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, m.URL, bytes.NewReader(m.Body))
	if err != nil {
		return Result{Outcome: Outcome{Problem: "the address cannot be used"}}
	}
	request.Header = signAll(m.Signers, m.ID, p.now(), m.Body)
	sent := request.Header.Get("webhook-signature")
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "oktasync")
	response, err := p.clients[request.URL.Scheme == "http"].Do(request)
	if err != nil {
		return Result{Outcome: Outcome{Problem: p.unanswered(ctx, err)}}
	}
	defer func() { _ = response.Body.Close() }()
	answer, _ := io.ReadAll(io.LimitReader(response.Body, answerRead)) // what is there is enough
	result := Result{Status: response.StatusCode, Answer: redacted(answer, m.Body, sent)}
	switch {
	case response.StatusCode >= 200 && response.StatusCode < 300:
		result.Delivered = true
	case response.StatusCode == http.StatusGone:
		result.Gone, result.Problem = true, "the receiver answered 410: it wants no more of these"
	case response.StatusCode >= 300 && response.StatusCode < 400:
		result.Problem = fmt.Sprintf("the receiver answered %d; redirects are not followed: enter the address that it leads to", response.StatusCode)
	default:
		result.Problem = fmt.Sprintf("the receiver answered %d", response.StatusCode)
		result.Wait = min(retryAfter(response.Header, p.now()), longestRest)
	}
	return result
}

// unanswered says why there was no answer. The error itself would repeat the address, which may hold a secret.
func (p *Poster) unanswered(ctx context.Context, err error) string {
	var certificate *tls.CertificateVerificationError
	var name *net.DNSError
	switch {
	case errors.Is(err, errForbidden):
		return errForbidden.Error()
	case errors.As(err, &certificate):
		return "the receiver's certificate is not right: " + mistrust(certificate.Err)
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return fmt.Sprintf("the receiver did not answer within %s", p.timeout)
	case errors.As(err, &name):
		return "the receiver's name could not be looked up"
	default:
		return "the receiver does not answer"
	}
}

// mistrust says why a certificate is not believed. The error itself would repeat names that stand in it, which are the
// receiver's choice.
func mistrust(err error) string {
	var invalid x509.CertificateInvalidError
	var otherName x509.HostnameError
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return "it has expired, or is not valid yet"
	case errors.As(err, &otherName):
		return "it is for another name"
	case errors.As(err, &unknown):
		return "it is signed by nobody whom this machine trusts"
	default:
		return "it cannot be verified"
	}
}
