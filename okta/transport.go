package okta

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	gosync "sync"
	"time"
)

// longestBody is more than any page can be: 1,000 users with every attribute at
// its longest stay below.
const longestBody = 64 << 20

// exchange is what one call takes to the transport and brings back.
type exchange struct {
	authorize func(*http.Request) error // sets the Authorization header; nil leaves the SDK's

	status int // 0: no answer came
	header http.Header
	body   *bytes.Buffer
	date   time.Time // local clock when the answer's head had come
}

type exchangeKey struct{}

// transport sends requests and reads answers whole, so that nothing that the
// SDK does with an answer matters.
type transport struct {
	next    http.RoundTripper
	now     func() time.Time
	longest int64       // of a body; longer ones are refused
	buffers gosync.Pool // of *bytes.Buffer; pages are large and come by the thousand
}

// RoundTrip puts the answer into the exchange and tells the SDK only that there was one.
func (t *transport) RoundTrip(request *http.Request) (*http.Response, error) {
	x, ok := request.Context().Value(exchangeKey{}).(*exchange)
	if !ok {
		return nil, errors.New("a request without an exchange")
	}
	if x.authorize != nil {
		request = request.Clone(request.Context())
		if err := x.authorize(request); err != nil {
			return nil, err
		}
	}
	response, err := t.next.RoundTrip(request)
	if err != nil {
		return nil, tame(err)
	}
	defer func() { _ = response.Body.Close() }() // it was read to its end, or is given up
	x.date = t.now()
	body := t.buffer()
	if n := response.ContentLength; n > 0 && n <= t.longest {
		body.Grow(int(n) + bytes.MinRead)
	}
	read, err := body.ReadFrom(io.LimitReader(response.Body, t.longest+1))
	if err != nil {
		t.release(body)
		return nil, fmt.Errorf("the answer broke off after %d bytes: %w", read, tame(err))
	}
	if read > t.longest {
		t.release(body)
		return nil, fmt.Errorf("the answer is over %d bytes", t.longest)
	}
	x.status, x.header, x.body = response.StatusCode, response.Header, body
	// An empty 204 keeps the SDK from decoding, from reading Link headers (it panics on
	// broken ones) and the HTTP client from following redirects with our token.
	return &http.Response{
		Status: "204 No Content", StatusCode: http.StatusNoContent,
		Proto: response.Proto, ProtoMajor: response.ProtoMajor, ProtoMinor: response.ProtoMinor,
		Header: http.Header{}, Body: http.NoBody, Request: request,
	}, nil
}

func (t *transport) buffer() *bytes.Buffer {
	if b, ok := t.buffers.Get().(*bytes.Buffer); ok {
		b.Reset()
		return b
	}
	return &bytes.Buffer{}
}

func (t *transport) release(b *bytes.Buffer) {
	if b != nil {
		t.buffers.Put(b)
	}
}

// tame turns io.EOF, which the SDK retries for ever without pause, into another error.
func tame(err error) error {
	if errors.Is(err, io.EOF) {
		return errors.New("the connection was closed before the answer came")
	}
	return err
}

// cause strips the address, which may hold a login, from an error of the HTTP client.
func cause(err error) error {
	var u *url.Error
	if errors.As(err, &u) {
		return u.Err
	}
	return err
}

// newTransport makes a transport with limits of its own: the SDK's has neither
// timeouts nor enough idle connections. How long an answer may take is the deadline of each
// call.
func newTransport(connections int) *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSClientConfig:       &tls.Config{MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:   10 * time.Second,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConns:          2 * connections,
		MaxIdleConnsPerHost:   2 * connections,
		ForceAttemptHTTP2:     true,
	}
}

func withExchange(ctx context.Context, x *exchange) context.Context {
	return context.WithValue(ctx, exchangeKey{}, x)
}
