package main

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/emulator"
)

const (
	tenant     = "default"
	hookSecret = "bench-hook-secret-51c7e0d2"
	adminToken = "oks_bench-admin-token"
)

// The databases that can be measured.
const (
	onPostgres = "postgres"
	onSQLite   = "sqlite"
)

func databaseName(kind string) string {
	if kind == onPostgres {
		return "Postgres and Redis"
	}
	return "SQLite, embedded queue"
}

// setup says what an installation is made of.
type setup struct {
	kind     string // onPostgres or onSQLite
	binary   string
	profile  string // prefix of the profiles' files; empty = none
	settings []string
	org      emulator.Options
	prepare  func(*emulator.Org) error // before the service starts; nil: nothing
	slow     time.Duration             // what each answer of Okta takes longer
}

// installation is one running service with an emulated org of its own.
type installation struct {
	org      *emulator.Server
	service  *process
	file     string // of its configuration
	config   string // what is in it at first
	api      *client.Client
	address  string // of the service
	database string // URL
	db       *sql.DB
	profiled bool
	undo     []func() error // in order of the making
}

// install makes the org and the database and starts the service.
func install(ctx context.Context, s setup) (*installation, error) {
	i := &installation{profiled: s.profile != ""}
	if err := i.make(ctx, s); err != nil {
		return nil, errors.Join(err, i.remove())
	}
	return i, nil
}

func (i *installation) make(ctx context.Context, s setup) error {
	dir, err := os.MkdirTemp("", "oktasync-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	i.undo = append(i.undo, func() error { return os.RemoveAll(dir) })
	if s.org.Limits.Plan == "" {
		s.org.Limits = emulator.Unlimited()
	}
	if i.org, err = emulator.Start(ctx, "127.0.0.1:0", s.org); err != nil {
		return err
	}
	i.undo = append(i.undo, func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		return i.org.Close(ctx)
	})
	if s.prepare != nil {
		if err := s.prepare(i.org.Org); err != nil {
			return fmt.Errorf("prepare the org: %w", err)
		}
	}
	if s.slow > 0 {
		if _, err := i.org.Org.AddFault(emulator.Fault{Kind: emulator.FaultSlow, Delay: emulator.Duration(s.slow)}); err != nil {
			return fmt.Errorf("slow Okta down: %w", err)
		}
	}
	queue := "embedded"
	if s.kind == onPostgres {
		var drop func() error
		if i.database, drop, err = newPostgres(ctx); err != nil {
			return err
		}
		i.undo = append(i.undo, drop)
		redis, at, err := newRedis(ctx)
		if err != nil {
			return err
		}
		i.undo = append(i.undo, redis.Close)
		queue = at
	} else {
		i.database = "sqlite:" + filepath.Join(dir, "oktasync.db")
	}
	if i.db, err = openDatabase(i.database); err != nil {
		return err
	}
	i.undo = append(i.undo, i.db.Close)
	return i.serve(ctx, s, dir, queue)
}

func (i *installation) serve(ctx context.Context, s setup, dir, queue string) error {
	listen, err := freeAddress()
	if err != nil {
		return err
	}
	i.address = "http://" + listen
	sum := sha256.Sum256([]byte(adminToken))
	file := filepath.Join(dir, "config.yml")
	i.config = fmt.Sprintf("api:\n  tokens:\n    - name: bench\n      sha256: %s\n      role: approve\n", hex.EncodeToString(sum[:]))
	if err := os.WriteFile(file, []byte(i.config), 0o600); err != nil {
		return fmt.Errorf("write the configuration: %w", err)
	}
	i.file = file
	cmd := exec.Command(s.binary, "serve", "--migrate")
	cmd.Dir = dir
	cmd.Env = append([]string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + dir, profileVariable + "=" + s.profile,
		"OKTASYNC_CONFIG=" + file, "OKTASYNC_DATABASE_URL=" + i.database, "OKTASYNC_REDIS_URL=" + queue,
		"OKTASYNC_SERVER_LISTEN=" + listen, "OKTASYNC_HOOK_SECRETS=" + hookSecret,
		"OKTASYNC_OKTA_URL=" + i.org.URL, "OKTASYNC_OKTA_ALLOW_HTTP=true",
		"OKTASYNC_OKTA_TOKEN=" + emulator.DefaultToken, "OKTASYNC_OKTA_APP_ID=" + i.org.Org.AppID(),
		// A tenant that never had a full sync gets one at the first start all the same.
		"OKTASYNC_NIGHTLY_AT=never",
		"OKTASYNC_HOOK_CHECK=off", "OKTASYNC_OKTA_LOG_INTERVAL=off", // their calls are not what is counted
	}, s.settings...)
	if i.service, err = begin(cmd, filepath.Join(dir, "log")); err != nil {
		return err
	}
	i.undo = append(i.undo, i.service.stop)
	if i.api, err = client.New(i.address, adminToken, nil); err != nil {
		return err
	}
	return i.service.ready(ctx, i.address+"/healthz")
}

// encryptionSetting is a key for what is stored encrypted.
func encryptionSetting() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return "OKTASYNC_ENCRYPTION_KEYS=" + base64.StdEncoding.EncodeToString(key)
}

// remove ends everything, last made first.
func (i *installation) remove() error {
	var problems []error
	for n := len(i.undo) - 1; n >= 0; n-- {
		problems = append(problems, i.undo[n]())
	}
	return errors.Join(problems...)
}

// profileFrom begins a profile and returns what ends it.
func (i *installation) profileFrom() func() {
	if !i.profiled {
		return func() {}
	}
	_ = i.service.cmd.Process.Signal(syscall.SIGUSR1)
	return func() {
		_ = i.service.cmd.Process.Signal(syscall.SIGUSR1)
		time.Sleep(time.Second) // until it is written
	}
}

// postgresTime is how long the database server's processes have run, those that have
// ended included; nothing with SQLite, which lives in the service, and for a server
// on another machine.
func (i *installation) postgresTime(ctx context.Context) time.Duration {
	if strings.HasPrefix(i.database, "sqlite:") {
		return 0
	}
	rows, err := i.db.QueryContext(ctx, "select pid from pg_stat_activity")
	if err != nil {
		return 0
	}
	defer rows.Close()
	var all time.Duration
	parent := 0
	for rows.Next() {
		var pid int
		if rows.Scan(&pid) != nil {
			continue
		}
		if s, err := readStat(pid); err == nil { // else it has just gone
			all += s.own
			parent = s.parent
		}
	}
	if s, err := readStat(parent); err == nil {
		all += s.children
	}
	return all
}
