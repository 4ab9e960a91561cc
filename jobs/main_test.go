package jobs

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	LogRedis(discard()) // it would fill the output of tests that stop Redis
	goleak.VerifyTestMain(m)
}

// process is a program that a test started: redis-server or redis-sentinel.
type process struct {
	addr string
	cmd  *exec.Cmd
	once sync.Once
}

// kill ends it as a crash does.
func (p *process) kill() {
	p.once.Do(func() {
		_ = p.cmd.Process.Kill()
		_ = p.cmd.Wait()
	})
}

// launch starts program with arguments and waits until it answers.
func launch(tb testing.TB, addr, program string, arguments ...string) *process {
	tb.Helper()
	path, err := exec.LookPath(program)
	if err != nil {
		tb.Fatalf("this test needs %s: install the Debian packages redis-server and redis-sentinel: %v", program, err)
	}
	var output bytes.Buffer
	p := &process{addr: addr, cmd: exec.Command(path, arguments...)}
	p.cmd.Stdout, p.cmd.Stderr = &output, &output
	p.cmd.Dir = tb.TempDir()
	if err := p.cmd.Start(); err != nil {
		tb.Fatalf("start %s: %v", program, err)
	}
	tb.Cleanup(p.kill)
	poll(tb, program+" answers", func() bool { return dialable(addr) })
	return p
}

func dialable(addr string) bool {
	conn, err := net.DialTimeout("tcp", addr, time.Second)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// freePort returns a port that nobody listens on.
func freePort(tb testing.TB) string {
	tb.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		tb.Fatalf("find a free port: %v", err)
	}
	defer l.Close()
	_, port, err := net.SplitHostPort(l.Addr().String())
	if err != nil {
		tb.Fatalf("find a free port: %v", err)
	}
	return port
}

// startRedis starts a server of the test's own, which it may empty, stop and kill.
func startRedis(tb testing.TB, port string, arguments ...string) *process {
	tb.Helper()
	arguments = append([]string{"--port", port, "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"}, arguments...)
	return launch(tb, "127.0.0.1:"+port, "redis-server", arguments...)
}

func connect(tb testing.TB, o RedisOptions) *Redis {
	tb.Helper()
	r, err := Connect(o)
	if err != nil {
		tb.Fatalf("connect: %v", err)
	}
	tb.Cleanup(func() {
		if err := r.Close(); err != nil {
			tb.Errorf("close: %v", err)
		}
	})
	return r
}

func realRedis(tb testing.TB) *Redis {
	tb.Helper()
	p := startRedis(tb, freePort(tb))
	return connect(tb, RedisOptions{Mode: ModeSingle, Addrs: []string{p.addr}})
}

// onBoth runs a test on a real Redis and on the embedded one.
func onBoth(t *testing.T, test func(*testing.T, *Redis)) {
	t.Helper()
	t.Run("real", func(t *testing.T) {
		t.Parallel()
		test(t, realRedis(t))
	})
	t.Run("embedded", func(t *testing.T) {
		t.Parallel()
		test(t, connect(t, RedisOptions{Mode: ModeEmbedded}))
	})
}

// poll waits until a condition holds.
func poll(tb testing.TB, what string, done func() bool) {
	tb.Helper()
	deadline := time.After(30 * time.Second)
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !done() {
		select {
		case <-deadline:
			tb.Fatalf("waited 30 s in vain until %s", what)
		case <-tick.C:
		}
	}
}

// receive waits for a signal.
func receive[T any](tb testing.TB, what string, from <-chan T) T {
	tb.Helper()
	select {
	case v := <-from:
		return v
	case <-time.After(30 * time.Second):
		tb.Fatalf("waited 30 s in vain until %s", what)
		panic("unreachable")
	}
}

// journal collects log lines.
type journal struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (j *journal) Write(line []byte) (int, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.Write(line)
}

func (j *journal) String() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.text.String()
}

func (j *journal) count(part string) int { return strings.Count(j.String(), part) }

func (j *journal) logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(j, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

func discard() *slog.Logger { return slog.New(slog.DiscardHandler) }

func newClient(r redis.UniversalClient) *Client {
	return NewClient(ClientOptions{Redis: r, Timeout: 5 * time.Second, Log: discard()})
}

// userID and groupID make ids of Okta's form.
func userID(n int) string  { return fmt.Sprintf("00u%017d", n) }
func groupID(n int) string { return fmt.Sprintf("00g%017d", n) }

// background runs something until the test ends or the returned func is called.
func background(tb testing.TB, run func(context.Context)) (stop func()) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		run(ctx)
	}()
	var once sync.Once
	stop = func() {
		once.Do(func() {
			cancel()
			receive(tb, "the background work ends", ended)
		})
	}
	tb.Cleanup(stop)
	return stop
}
