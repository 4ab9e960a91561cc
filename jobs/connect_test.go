package jobs

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
)

func TestConnectRefusesContradictions(t *testing.T) {
	t.Parallel()
	one, two := []string{"127.0.0.1:1"}, []string{"127.0.0.1:1", "127.0.0.1:2"}
	noPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(noPEM, []byte("not a certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name     string
		options  RedisOptions
		problems []string
	}{
		{"no mode", RedisOptions{Addrs: one}, []string{`mode ""`}},
		{"unknown mode", RedisOptions{Mode: "ring", Addrs: one}, []string{`mode "ring"`}},
		{"no address", RedisOptions{Mode: ModeSingle}, []string{"needs an address"}},
		{"two addresses", RedisOptions{Mode: ModeSingle, Addrs: two}, []string{"takes one address, got 2"}},
		{"sentinel without master", RedisOptions{Mode: ModeSentinel, Addrs: two}, []string{"name of the master"}},
		{"master without sentinel", RedisOptions{Mode: ModeSingle, Addrs: one, MasterName: "main"}, []string{"only for redis mode sentinel"}},
		{"cluster with database", RedisOptions{Mode: ModeCluster, Addrs: two, DB: 3}, []string{"only database 0"}},
		{"several at once", RedisOptions{Mode: ModeSingle, DB: -1, ServerName: "redis"}, []string{"needs an address", "negative", "needs TLS"}},
		{"authority is missing", RedisOptions{Mode: ModeSingle, Addrs: one, TLS: true, CAFile: noPEM + "x"}, []string{"no such file"}},
		{"authority is no certificate", RedisOptions{Mode: ModeSingle, Addrs: one, TLS: true, CAFile: noPEM}, []string{"no certificate"}},
		{"embedded with address", RedisOptions{Mode: ModeEmbedded, Addrs: one}, []string{"takes no address"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Connect(test.options)
			if err == nil {
				t.Fatal("accepted")
			}
			for _, problem := range test.problems {
				if !strings.Contains(err.Error(), problem) {
					t.Errorf("%q does not say %q", err, problem)
				}
			}
		})
	}
}

// works enqueues a task over a connection and does it.
func works(t *testing.T, r *Redis) {
	t.Helper()
	store, c := newTables(), newClient(r)
	if err := c.Ping(t.Context()); err != nil {
		t.Fatalf("ping: %v", err)
	}
	startServer(t, ServerOptions{Redis: r, Ledger: store, Reconciler: &reconciler{tables: store}})
	put(t, store, c, person(1), leaver(2), group(3))
	poll(t, "the tasks are done", func() bool { return store.left() == 0 })
}

func TestConnectWithPasswordAndDatabase(t *testing.T) {
	t.Parallel()
	p := startRedis(t, freePort(t), "--requirepass", "hunter2")
	works(t, connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{p.addr}, Password: "hunter2", DB: 5}))
	wrong := connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{p.addr}, Password: "wrong"})
	if err := newClient(wrong).Ping(t.Context()); err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Errorf("a wrong password gave %v", err)
	}
}

// An ACL user needs no dangerous commands, and only asynq's keys and channel.
func TestConnectWithACLUser(t *testing.T) {
	t.Parallel()
	p := startRedis(t, freePort(t), "--user", "default", "off",
		"--user", "oktasync", "on", ">hunter2", "~asynq:*", "&asynq:*", "+@all", "-@dangerous")
	works(t, connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{p.addr}, Username: "oktasync", Password: "hunter2"}))
	other := connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{p.addr}})
	if err := newClient(other).Ping(t.Context()); err == nil {
		t.Error("the default user was let in")
	}
}

func TestConnectWithTLS(t *testing.T) {
	t.Parallel()
	cert, key := selfSigned(t, "redis.internal")
	port := freePort(t)
	p := launch(t, "127.0.0.1:"+port, "redis-server", "--port", "0", "--bind", "127.0.0.1", "--save", "",
		"--tls-port", port, "--tls-cert-file", cert, "--tls-key-file", key, "--tls-auth-clients", "no")
	works(t, connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{p.addr}, TLS: true, CAFile: cert, ServerName: "redis.internal"}))
	tests := []struct {
		name    string
		options RedisOptions
	}{
		{"other name", RedisOptions{TLS: true, CAFile: cert, ServerName: "redis.elsewhere"}},
		{"other authority", RedisOptions{TLS: true, ServerName: "redis.internal"}},
		{"no TLS", RedisOptions{}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.options.Mode, test.options.Addrs = ModeSingle, []string{p.addr}
			if err := newClient(connect(t, test.options)).Ping(t.Context()); err == nil {
				t.Error("connected")
			}
		})
	}
}

// selfSigned writes a certificate and its key, and returns the files.
func selfSigned(t *testing.T, host string) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: host}, DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalECPrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	write := func(name, kind string, bytes []byte) string {
		file := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: bytes}), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	return write("cert.pem", "CERTIFICATE", certificate), write("key.pem", "EC PRIVATE KEY", der)
}

func TestEmbedded(t *testing.T) {
	t.Parallel()
	first, second := connect(t, RedisOptions{Mode: ModeEmbedded}), connect(t, RedisOptions{Mode: ModeEmbedded})
	works(t, first)
	// Two of them do not see each other.
	if err := first.Set(t.Context(), "a", "1", 0).Err(); err != nil {
		t.Fatal(err)
	}
	if n, err := second.Exists(t.Context(), "a").Result(); err != nil || n != 0 {
		t.Errorf("the second one has the key: %d, error %v", n, err)
	}
	// Nobody else on the machine gets in.
	address := first.UniversalClient.(interface{ String() string }).String()
	host := address[strings.Index(address, "<")+1 : strings.Index(address, " ")]
	stranger := connect(t, RedisOptions{Mode: ModeSingle, Addrs: []string{host}})
	if err := newClient(stranger).Enqueue(t.Context(), []directory.ScopeHint{person(1)}); err == nil || !strings.Contains(err.Error(), "NOAUTH") {
		t.Errorf("a stranger without the password got %v", err)
	}
	// Its clock runs: a lock or a lease runs out by itself.
	if err := first.Set(t.Context(), "lock", "1", 30*time.Millisecond).Err(); err != nil {
		t.Fatal(err)
	}
	poll(t, "the lock runs out", func() bool { return first.Exists(t.Context(), "lock").Val() == 0 })
}

// TestEmbeddedWithManyKeys: what a command costs does not grow with what waits. A full server is compared with an
// empty one in turns, the quickest with the quickest, so that a busy machine slows both.
func TestEmbeddedWithManyKeys(t *testing.T) {
	t.Parallel()
	filled := func(n int) *Redis {
		t.Helper()
		r := connect(t, RedisOptions{Mode: ModeEmbedded})
		for from := 0; from < n; from += 500 { // a few at a time, or a slow machine runs into the time that one answer has
			pipe := r.Pipeline()
			for i := from; i < min(from+500, n); i++ {
				pipe.Set(t.Context(), fmt.Sprintf("key-%d", i), "x", time.Hour)
			}
			if _, err := pipe.Exec(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		return r
	}
	took := func(r *Redis) time.Duration {
		t.Helper()
		started := time.Now()
		if err := r.Exists(t.Context(), "key-1").Err(); err != nil {
			t.Fatal(err)
		}
		return time.Since(started)
	}
	empty, full := filled(10), filled(20_000)
	few, many := time.Hour, time.Hour
	for range 200 {
		few, many = min(few, took(empty)), min(many, took(full))
	}
	if many > 20*few {
		t.Errorf("a command takes %s among 20,000 keys and %s among ten", many, few)
	}
}
