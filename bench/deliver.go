package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/emulator"
)

type deliverCommand struct {
	People  int    `default:"10000" help:"People in the org, whose titles all change: one change each is delivered."`
	DB      string `name:"db" default:"both" enum:"postgres,sqlite,both" help:"Where the directory is kept."`
	Workers []int  `default:"1,8,64" help:"Requests at the same time (deliver.parallel)."`
}

// Run measures webhooks against a bare loop of signed requests to the same receiver.
func (c deliverCommand) Run(e *env) (err error) {
	fmt.Fprintf(e.out, "%s\n\n", machine())
	dir, err := os.MkdirTemp("", "oktasync-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path, err := binary(e.ctx, dir, false)
	if err != nil {
		return err
	}
	t := table{head: []string{"Database", "Workers", "Changes", "Bare loop, requests/s", "Delivered, changes/s", "Share of the loop"}}
	for _, kind := range databases(c.DB) {
		for _, workers := range c.Workers {
			s := setup{kind: kind, binary: path, org: emulator.Options{People: c.People, Groups: 10}}
			if err := c.measure(e, s, workers, &t); err != nil {
				return fmt.Errorf("%d workers on %s: %w", workers, databaseName(kind), err)
			}
		}
	}
	t.print(e.out)
	return nil
}

// measure has the changes committed while the endpoint is disabled, and counts from the moment at which it is enabled.
func (c deliverCommand) measure(e *env, s setup, workers int, t *table) (err error) {
	receiver, err := newReceiver(e.ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, receiver.server.Close()) }()
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	s.settings = append(s.settings, "OKTASYNC_DELIVER_ALLOW=127.0.0.1", fmt.Sprintf("OKTASYNC_DELIVER_PARALLEL=%d", workers),
		"OKTASYNC_ENCRYPTION_KEYS="+base64.StdEncoding.EncodeToString(key))
	i, err := install(e.ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.remove()) }()
	if _, err := i.firstSync(e.ctx, time.Hour); err != nil {
		return err
	}
	endpoint, err := i.api.AddEndpoint(e.ctx, tenant, v1.EndpointRequest{Name: "bench", URL: receiver.url, Types: []string{"person.updated"}})
	if err != nil {
		return fmt.Errorf("add an endpoint: %w", err)
	}
	if _, err := i.api.DisableEndpoint(e.ctx, tenant, endpoint.ID, "measured"); err != nil {
		return fmt.Errorf("disable the endpoint: %w", err)
	}
	run, err := i.changeTitles(e.ctx)
	if err != nil {
		return err
	}
	changes := run.Counts.Changes["person.updated"]
	if changes == 0 {
		return errors.New("the changed rules changed nobody")
	}
	from := time.Now()
	if _, err := i.api.EnableEndpoint(e.ctx, tenant, endpoint.ID); err != nil {
		return fmt.Errorf("enable the endpoint: %w", err)
	}
	if err := receiver.await(e.ctx, changes); err != nil {
		return err
	}
	delivered := time.Since(from)
	bare, err := receiver.bareLoop(e.ctx, endpoint.Secret, changes, workers)
	if err != nil {
		return err
	}
	t.add(databaseName(s.kind), strconv.Itoa(workers), count(changes), count(int(float64(changes)/bare.Seconds())),
		count(int(float64(changes)/delivered.Seconds())), fmt.Sprintf("%.2f", bare.Seconds()/delivered.Seconds()))
	e.note("deliver: %s changes by %d on %s: %s, bare loop %s", count(changes), workers, databaseName(s.kind), seconds(delivered), seconds(bare))
	return nil
}

// receiver takes webhooks, and keeps the last one to send it again.
type receiver struct {
	server *http.Server
	url    string
	last   atomic.Pointer[[]byte]
	mu     sync.Mutex
	seen   map[string]bool // by webhook-id
	more   chan struct{}   // something new has come
}

func newReceiver(ctx context.Context) (*receiver, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("receive webhooks: %w", err)
	}
	r := &receiver{url: "http://" + listener.Addr().String() + "/in", seen: map[string]bool{}, more: make(chan struct{}, 1)}
	r.server = &http.Server{Handler: r, ReadHeaderTimeout: time.Minute}
	go func() { _ = r.server.Serve(listener) }() // ends with Close
	return r, nil
}

func (r *receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	body, err := io.ReadAll(q.Body)
	if err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	r.last.Store(&body)
	r.mu.Lock()
	r.seen[q.Header.Get("webhook-id")] = true
	r.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
	select {
	case r.more <- struct{}{}:
	default:
	}
}

// await waits until so many different webhooks have come.
func (r *receiver) await(ctx context.Context, want int) error {
	for {
		r.mu.Lock()
		have := len(r.seen)
		r.mu.Unlock()
		if have >= want {
			return nil
		}
		select {
		case <-r.more:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d changes were delivered: %w", have, want, ctx.Err())
		}
	}
}

// bareLoop is how long it takes to sign the last body n times and to post it, with so many requests at a time: the
// least that any sender of webhooks does.
func (r *receiver) bareLoop(ctx context.Context, secret string, n, workers int) (time.Duration, error) {
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		return 0, errors.New("the endpoint's secret is not base64")
	}
	body := *r.last.Load()
	poster := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: workers}}
	defer poster.CloseIdleConnections()
	post := func(number int64) error {
		id, stamp := "msg_bare_"+strconv.FormatInt(number, 10), strconv.FormatInt(time.Now().Unix(), 10)
		mac := hmac.New(sha256.New, key)
		mac.Write([]byte(id + "." + stamp + "."))
		mac.Write(body)
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, r.url, bytes.NewReader(body))
		if err != nil {
			return err
		}
		request.Header = http.Header{"Content-Type": {"application/json"}, "Webhook-Id": {id}, "Webhook-Timestamp": {stamp},
			"Webhook-Signature": {"v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))}}
		answer, err := poster.Do(request)
		if err != nil {
			return err
		}
		_, err = io.Copy(io.Discard, answer.Body)
		return errors.Join(err, answer.Body.Close())
	}
	var next atomic.Int64
	failures := make([]error, workers)
	var group sync.WaitGroup
	from := time.Now()
	for k := range workers {
		group.Go(func() {
			for failures[k] == nil {
				number := next.Add(1)
				if number > int64(n) {
					return
				}
				failures[k] = post(number)
			}
		})
	}
	group.Wait()
	return time.Since(from), errors.Join(failures...)
}
