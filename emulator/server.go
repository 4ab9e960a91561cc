package emulator

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"
)

// Server is an org behind a listener of its own.
type Server struct {
	Org *Org
	URL string // such as http://127.0.0.1:9000

	http *http.Server
	done chan error
}

// Start makes an org and serves it on addr, such as "127.0.0.1:0" for a free
// port. It listens when Start returns. Cancelling ctx does not stop it; call
// Close.
func Start(ctx context.Context, addr string, opt Options) (*Server, error) {
	org, err := New(opt)
	if err != nil {
		return nil, err
	}
	var lc net.ListenConfig
	ln, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("listen on %s for the emulated org: %w", addr, err)
	}
	s := &Server{Org: org, URL: "http://" + ln.Addr().String(), done: make(chan error, 1)}
	if opt.BaseURL == "" {
		org.SetBaseURL(s.URL)
	}
	s.http = &http.Server{Handler: org.Handler(), ReadHeaderTimeout: 10 * time.Second, ReadTimeout: time.Minute,
		IdleTimeout: 2 * time.Minute}
	go func() { s.done <- s.http.Serve(ln) }()
	return s, nil
}

// Wait returns when the listener has failed, or nil after Close.
func (s *Server) Wait() error {
	err := <-s.done
	s.done <- err
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return fmt.Errorf("serve the emulated org: %w", err)
}

// Close stops the listener, ends open requests after ctx, and waits until the
// hook deliveries have stopped.
func (s *Server) Close(ctx context.Context) error {
	// Deliveries first: a receiver may hold one of our requests open.
	if err := s.Org.Close(); err != nil {
		return err
	}
	if err := s.http.Shutdown(ctx); err != nil {
		if err := s.http.Close(); err != nil {
			return fmt.Errorf("close the emulated org's listener: %w", err)
		}
	}
	return s.Wait()
}
