// Command users-table keeps the tables users, user_groups and user_roles of a Postgres database equal to a directory that
// oktasync keeps: see README.md.
package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/oktasync/oktasync/client"
	"github.com/oktasync/oktasync/examples/users-table/users"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, os.Getenv); err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintln(os.Stderr, "users-table:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, getenv func(string) string) error {
	db, err := sql.Open("pgx", getenv("DATABASE_URL"))
	if err != nil {
		return fmt.Errorf("read DATABASE_URL: %w", err)
	}
	defer func() { _ = db.Close() }()
	table := &users.Table{DB: db}
	if err := table.Create(ctx); err != nil {
		return err
	}
	service, err := client.New(client.Options{URL: getenv("OKTASYNC_URL"), Token: getenv("OKTASYNC_API_TOKEN"), Tenant: getenv("OKTASYNC_TENANT")})
	if err != nil {
		return err
	}
	if keys := strings.Fields(getenv("WEBHOOK_KEYS")); len(keys) > 0 {
		if err := bootstrap(ctx, service, table); err != nil {
			return err
		}
		return receive(ctx, getenv("LISTEN"), keys, table)
	}
	return service.Follow(ctx, client.FollowOptions{Failed: func(err error, again time.Duration) {
		fmt.Fprintf(os.Stderr, "users-table: %v; trying again in %s\n", err, again.Round(time.Second))
	}}, table)
}

// bootstrap takes over a snapshot, once. The endpoint exists by then, so that each change is in the snapshot, or comes.
func bootstrap(ctx context.Context, service *client.Client, table *users.Table) error {
	if cursor, err := table.Cursor(ctx); cursor != "" || err != nil {
		return err
	}
	if err := table.Replace(ctx, service.Snapshot(ctx)); err != nil {
		return fmt.Errorf("take over a snapshot: %w", err)
	}
	return nil
}

// receive takes webhooks until ctx ends.
func receive(ctx context.Context, address string, keys []string, table *users.Table) error {
	verifier, err := client.NewVerifier(nil, keys...)
	if err != nil {
		return err
	}
	server := &http.Server{Addr: address, ReadTimeout: 15 * time.Second, WriteTimeout: 30 * time.Second,
		Handler: verifier.Handler(table.Handle, func(err error) { fmt.Fprintln(os.Stderr, "users-table:", err) })}
	defer context.AfterFunc(ctx, func() { _ = server.Close() })()
	if err := server.ListenAndServe(); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("receive webhooks at %q: %w", address, err)
	}
	return ctx.Err()
}
