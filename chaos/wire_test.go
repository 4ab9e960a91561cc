package main

import (
	"errors"
	"io"
	"net"
	"syscall"
	"testing"
	"time"
)

// talk opens a connection over a wire to a server that answers each byte with ten.
func talk(t *testing.T) (*wire, func() net.Conn) {
	t.Helper()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		for {
			c, err := server.Accept()
			if err != nil {
				return
			}
			go func() {
				defer func() { _ = c.Close() }()
				one := make([]byte, 1)
				for {
					if _, err := c.Read(one); err != nil {
						return
					}
					if _, err := c.Write([]byte("0123456789")); err != nil {
						return
					}
				}
			}()
		}
	}()
	w, err := newWire("127.0.0.1:0", server.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := w.close(); err != nil {
			t.Error(err)
		}
	})
	return w, func() net.Conn {
		c, err := net.Dial("tcp", w.address())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		return c
	}
}

// ask sends a byte and reads the answer; it returns how much of it came.
func ask(t *testing.T, c net.Conn) (int, error) {
	t.Helper()
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Write([]byte("?")); err != nil {
		return 0, err
	}
	return io.ReadFull(c, make([]byte, 10))
}

func wantAnswer(t *testing.T, c net.Conn) {
	t.Helper()
	if n, err := ask(t, c); n != 10 || err != nil {
		t.Fatalf("%d bytes of the answer came, %v; want 10", n, err)
	}
}

func TestWire(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		cut  func(*wire)
		got  int // bytes of the answer that still come
	}{
		{"reset", (*wire).reset, 0},
		{"cut within an answer", func(w *wire) { w.cutAfter(4) }, 4},
		{"partition", (*wire).partition, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			w, dial := talk(t)
			c := dial()
			wantAnswer(t, c)
			tt.cut(w)
			// After a reset the first bytes of an answer may be lost with the rest.
			n, err := ask(t, c)
			if n > tt.got || !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
				t.Errorf("%d bytes of the answer came, %v; want at most %d and a reset", n, err, tt.got)
			}
			if tt.name == "partition" {
				if c, err := net.Dial("tcp", w.address()); err == nil {
					_ = c.SetDeadline(time.Now().Add(20 * time.Second))
					if _, err := c.Read(make([]byte, 1)); !errors.Is(err, syscall.ECONNRESET) {
						t.Errorf("a new connection over a partition: %v, want a reset", err)
					}
				}
			}
			w.heal()
			wantAnswer(t, dial())
		})
	}
}

// TestWireStalls holds an answer back until the wire is healed.
func TestWireStalls(t *testing.T) {
	t.Parallel()
	w, dial := talk(t)
	c := dial()
	wantAnswer(t, c)
	w.stall()
	healed := make(chan struct{})
	time.AfterFunc(100*time.Millisecond, func() { close(healed); w.heal() })
	wantAnswer(t, c)
	select {
	case <-healed:
	default:
		t.Error("the answer came while the wire was stalled")
	}
}
