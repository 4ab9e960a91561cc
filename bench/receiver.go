package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// conduct is how a receiver answers.
type conduct int32

const (
	takes conduct = iota
	// slow ones answer after slowAnswer.
	slow
	// hanging ones take the request and say nothing.
	hanging
	// refusing ones close the connection.
	refusing
)

// slowAnswer is how long a slow receiver thinks.
const slowAnswer = 10 * time.Second

// receiver takes webhooks, and keeps the last one to send it again.
type receiver struct {
	server  *http.Server
	url     string
	conduct atomic.Int32
	last    atomic.Pointer[[]byte]
	mu      sync.Mutex
	came    map[string]time.Time // by webhook-id, when it was taken first
	more    chan struct{}        // something new has come
}

func newReceiver(ctx context.Context) (*receiver, error) {
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("receive webhooks: %w", err)
	}
	r := &receiver{url: "http://" + listener.Addr().String() + "/in", came: map[string]time.Time{}, more: make(chan struct{}, 1)}
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
	switch conduct(r.conduct.Load()) {
	case refusing:
		panic(http.ErrAbortHandler) // closes the connection
	case hanging:
		<-q.Context().Done()
		return
	case slow:
		if pause(q.Context(), slowAnswer) != nil {
			return
		}
	case takes:
	}
	r.last.Store(&body)
	id := q.Header.Get("webhook-id")
	r.mu.Lock()
	if r.came[id].IsZero() {
		r.came[id] = time.Now()
	}
	r.mu.Unlock()
	w.WriteHeader(http.StatusNoContent)
	select {
	case r.more <- struct{}{}:
	default:
	}
}

func (r *receiver) taken() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.came)
}

// await waits until so many different webhooks have come.
func (r *receiver) await(ctx context.Context, want int) error {
	for r.taken() < want {
		select {
		case <-r.more:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d changes were delivered: %w", r.taken(), want, ctx.Err())
		}
	}
	return nil
}

// cameAt waits until a webhook has come, and returns when it did first.
func (r *receiver) cameAt(ctx context.Context, id string) (time.Time, error) {
	for {
		r.mu.Lock()
		at, known := r.came[id]
		r.mu.Unlock()
		if known {
			return at, nil
		}
		select {
		case <-r.more:
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("%s was not delivered: %w", id, ctx.Err())
		}
	}
}

// deliverySettings have webhooks sent to receivers on this machine.
func deliverySettings() []string {
	return []string{"OKTASYNC_DELIVER_ALLOW=127.0.0.1", encryptionSetting()}
}
