package main

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"time"
)

// wire is a TCP connection's path from the service to something that it needs, and can
// be cut as networks are: open connections are reset, at once or in the middle of an
// answer, new ones are refused, or nothing moves for a while.
type wire struct {
	listener net.Listener
	target   string
	done     sync.WaitGroup

	mu      sync.Mutex
	links   map[*link]bool
	refuse  bool
	cutIn   int           // bytes until the next cut, of answers; negative: no cut
	stalled chan struct{} // closed when bytes may move; nil: they do
	cuts    int           // connections that were reset or refused
	closed  bool
}

// link is one connection, both halves.
type link struct{ client, server net.Conn }

// newWire listens on a free port and passes on to target.
func newWire(address, target string) (*wire, error) {
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("lay a wire to %s: %w", target, err)
	}
	w := &wire{listener: listener, target: target, links: map[*link]bool{}, cutIn: -1}
	w.done.Go(w.accept)
	return w, nil
}

func (w *wire) address() string { return w.listener.Addr().String() }

// reset resets all open connections.
func (w *wire) reset() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for l := range w.links {
		l.reset()
		w.cuts++
	}
	clear(w.links)
}

// partition refuses everything until heal.
func (w *wire) partition() {
	w.mu.Lock()
	w.refuse = true
	w.mu.Unlock()
	w.reset()
}

// cutAfter resets the connection that carries the n-th byte of an answer from now on,
// after that byte.
func (w *wire) cutAfter(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.cutIn = n
}

// stall lets nothing move until heal.
func (w *wire) stall() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stalled == nil {
		w.stalled = make(chan struct{})
	}
}

// heal undoes partition, stall and a cut that has not come yet.
func (w *wire) heal() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.refuse, w.cutIn = false, -1
	if w.stalled != nil {
		close(w.stalled)
		w.stalled = nil
	}
}

// close ends everything and waits until nothing is left.
func (w *wire) close() error {
	w.heal()
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	err := w.listener.Close()
	w.reset()
	w.done.Wait()
	return err
}

func (w *wire) accept() {
	for {
		client, err := w.listener.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // this caller went away again
		}
		w.done.Go(func() { w.carry(client) })
	}
}

// carry joins a caller with the target until one of them, or a cut, ends it.
func (w *wire) carry(client net.Conn) {
	l := &link{client: client}
	w.mu.Lock()
	refused := w.refuse || w.closed
	if refused {
		w.cuts++
	}
	w.mu.Unlock()
	if refused {
		l.reset()
		return
	}
	server, err := net.DialTimeout("tcp", w.target, time.Second)
	if err != nil {
		l.reset()
		return
	}
	l.server = server
	w.mu.Lock()
	// A partition may have begun meanwhile.
	if w.refuse || w.closed {
		w.mu.Unlock()
		l.reset()
		return
	}
	w.links[l] = true
	w.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { w.pass(l, l.client, l.server, false) })
	both.Go(func() { w.pass(l, l.server, l.client, true) })
	both.Wait()
	w.mu.Lock()
	delete(w.links, l)
	w.mu.Unlock()
	l.close()
}

// pass copies one direction. When its source ends, so does the whole connection: none of
// the protocols here goes on with one half.
func (w *wire) pass(l *link, from, to net.Conn, answers bool) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := from.Read(buffer)
		w.wait()
		keep, cut := w.measure(n, answers)
		if _, werr := to.Write(buffer[:keep]); werr != nil || err != nil {
			l.close()
			return
		}
		if cut {
			l.reset()
			return
		}
	}
}

// wait returns when bytes may move.
func (w *wire) wait() {
	w.mu.Lock()
	stalled := w.stalled
	w.mu.Unlock()
	if stalled != nil {
		<-stalled
	}
}

// measure says how many of n bytes go through, and whether the cut comes then.
func (w *wire) measure(n int, answers bool) (int, bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !answers || w.cutIn < 0 {
		return n, false
	}
	if n < w.cutIn {
		w.cutIn -= n
		return n, false
	}
	n, w.cutIn = w.cutIn, -1
	w.cuts++
	return n, true
}

// reset closes both halves so that the ends hear of it as of a crash: with RST, and
// without what was still on its way.
func (l *link) reset() {
	for _, c := range []net.Conn{l.client, l.server} {
		if tcp, ok := c.(*net.TCPConn); ok {
			_ = tcp.SetLinger(0) // fails on a closed one only
		}
	}
	l.close()
}

func (l *link) close() {
	_ = l.client.Close()
	if l.server != nil {
		_ = l.server.Close()
	}
}
