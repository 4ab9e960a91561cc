package store

import (
	"context"
	"fmt"

	"github.com/pressly/goose/v3"
)

// Migrate moves the schema to what this binary needs. Two processes may do so at
// once: one waits for the other. Doing it again changes nothing.
func (d *DB) Migrate(ctx context.Context) error {
	provider, err := d.provider()
	if err != nil {
		return err
	}
	// A newer schema would be left alone in silence.
	have, want, err := d.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	if have > want {
		return newer(d.dialect.Name(), have, want)
	}
	for {
		_, err := provider.Up(ctx)
		if err == nil {
			return nil
		}
		// SQLite locks a file, not a migration: another process may have taken
		// the same step first. Whoever finds that it moved on goes on from there.
		before := have
		if have, _, _ = d.SchemaVersion(ctx); have <= before {
			return fmt.Errorf("migrate the schema of %s: %w", d.dialect.Name(), err)
		}
	}
}

// SchemaVersion returns the number of the last migration that the database has, 0
// for an empty one, and of the last that this binary knows.
func (d *DB) SchemaVersion(ctx context.Context) (have, want int64, err error) {
	provider, err := d.provider()
	if err != nil {
		return 0, 0, err
	}
	sources := provider.ListSources()
	want = sources[len(sources)-1].Version
	// goose would make its table first; looking must not write.
	var tables int
	if err := d.read.QueryRowContext(ctx, d.dialect.HasTable(), goose.DefaultTablename).Scan(&tables); err != nil {
		return 0, want, d.unreachable(err)
	}
	if tables == 0 {
		return 0, want, nil
	}
	const query = `select coalesce(max(version_id), 0) from goose_db_version where is_applied`
	if err := d.read.QueryRowContext(ctx, query).Scan(&have); err != nil {
		return 0, want, fmt.Errorf("read the schema version of %s: %w", d.dialect.Name(), err)
	}
	return have, want, nil
}

// CheckSchema fails with a sentence for an admin unless the schema is the one that
// this binary was made for.
func (d *DB) CheckSchema(ctx context.Context) error {
	have, want, err := d.SchemaVersion(ctx)
	if err != nil {
		return err
	}
	if have < want {
		return fmt.Errorf("the schema of %s has version %d and this binary needs %d; run oktasync migrate",
			d.dialect.Name(), have, want)
	}
	if have > want {
		return newer(d.dialect.Name(), have, want)
	}
	return nil
}

func newer(name string, have, want int64) error {
	return fmt.Errorf("this binary is older than the database: the schema of %s has version %d and this binary knows %d; "+
		"use the newer binary, nothing was changed", name, have, want)
}

func (d *DB) provider() (*goose.Provider, error) {
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if d.locker != nil {
		options = append(options, goose.WithSessionLocker(d.locker))
	}
	provider, err := goose.NewProvider(d.goose, d.write, d.migrations, options...)
	if err != nil {
		return nil, fmt.Errorf("read the embedded migrations: %w", err)
	}
	return provider, nil
}
