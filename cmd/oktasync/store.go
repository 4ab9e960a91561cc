package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/postgres"
	"github.com/oktasync/oktasync/store/sqlite"
	dirsync "github.com/oktasync/oktasync/sync"
)

// openStore connects to the database that the URL names.
func openStore(ctx context.Context, cfg config.Config) (*store.DB, error) {
	if cfg.Database.Driver() == "sqlite" {
		return sqlite.Open(ctx, sqlite.Options{Path: cfg.Database.SQLitePath()})
	}
	return postgres.Open(ctx, postgres.Options{URL: cfg.Database.URL.Reveal(), MaxConns: cfg.Database.MaxConns})
}

// openReadyStore opens the database and makes sure that its schema is this
// version's: by migrating, where that was asked for, else by refusing.
func openReadyStore(ctx context.Context, cfg config.Config, migrate bool) (*store.DB, error) {
	if migrate {
		if err := makeFolder(cfg); err != nil {
			return nil, err
		}
	}
	db, err := openStore(ctx, cfg)
	if err != nil {
		return nil, err
	}
	prepare := db.CheckSchema
	if migrate {
		prepare = db.Migrate
	}
	var slugs []string
	for _, t := range cfg.Tenants {
		slugs = append(slugs, t.Slug)
	}
	if err = prepare(ctx); err == nil {
		err = db.EnsureTenants(ctx, slugs)
	}
	if err != nil {
		_ = db.Close() // the first error says what is wrong
		return nil, fmt.Errorf("prepare the database: %w", err)
	}
	return db, nil
}

// makeFolder makes the folder of a SQLite file, where the database is about to
// be made.
func makeFolder(cfg config.Config) error {
	if cfg.Database.Driver() != "sqlite" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(cfg.Database.SQLitePath()), 0o700); err != nil {
		return fmt.Errorf("make the folder of the database: %w", err)
	}
	return nil
}

// engineStore is the store as the engine sees it: the transaction is an
// interface there, so that package sync knows no database.
type engineStore struct{ *store.DB }

var _ dirsync.Store = engineStore{}

func (s engineStore) Update(ctx context.Context, tenant string, fn func(context.Context, dirsync.Tx) error) error {
	return s.DB.Update(ctx, tenant, func(ctx context.Context, tx *store.Tx) error { return fn(ctx, tx) })
}
