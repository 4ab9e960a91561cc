package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver "pgx"
	"github.com/redis/go-redis/v9"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

const (
	postgresVariable = "OKTASYNC_TEST_POSTGRES"
	redisVariable    = "OKTASYNC_TEST_REDIS"
	// redisDB is the only database of that Redis that is touched.
	redisDB = "9"
)

func needed(variable string) (string, error) {
	value := os.Getenv(variable)
	if value == "" {
		return "", fmt.Errorf("%s is not set: put scripts/with-services.sh before the command, which starts what it needs", variable)
	}
	return value, nil
}

// newPostgres makes an empty database and returns its URL and what drops it.
func newPostgres(ctx context.Context) (string, func() error, error) {
	maintenance, err := needed(postgresVariable)
	if err != nil {
		return "", nil, err
	}
	at, err := url.Parse(maintenance)
	if err != nil {
		return "", nil, fmt.Errorf("%s is no URL", postgresVariable) // the error would quote a password
	}
	admin, err := sql.Open("pgx", maintenance)
	if err != nil {
		return "", nil, fmt.Errorf("open the maintenance database: %w", err)
	}
	name := "bench_" + strings.ToLower(rand.Text())
	if _, err := admin.ExecContext(ctx, "create database "+name); err != nil {
		return "", nil, errors.Join(fmt.Errorf("make a database: %w", err), admin.Close())
	}
	at.Path = "/" + name
	drop := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		_, err := admin.ExecContext(ctx, "drop database if exists "+name+" with (force)")
		return errors.Join(err, admin.Close())
	}
	return at.String(), drop, nil
}

// newRedis empties the database and returns a client and its URL.
func newRedis(ctx context.Context) (*redis.Client, string, error) {
	address, err := needed(redisVariable)
	if err != nil {
		return nil, "", err
	}
	at := "redis://" + address + "/" + redisDB
	options, err := redis.ParseURL(at)
	if err != nil {
		return nil, "", fmt.Errorf("%s is not host:port: %w", redisVariable, err)
	}
	client := redis.NewClient(options)
	if err := client.FlushDB(ctx).Err(); err != nil {
		return nil, "", errors.Join(fmt.Errorf("empty redis database %s: %w", redisDB, err), client.Close())
	}
	return client, at, nil
}

// openDatabase opens the service's database beside it.
func openDatabase(at string) (*sql.DB, error) {
	driver, source := "pgx", at
	if path, found := strings.CutPrefix(at, "sqlite:"); found {
		driver, source = "sqlite", "file:"+path+"?_pragma=busy_timeout(30000)"
	}
	db, err := sql.Open(driver, source)
	if err != nil {
		return nil, fmt.Errorf("open the service's database: %w", err)
	}
	return db, nil
}
