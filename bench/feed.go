package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/emulator"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/postgres"
	"github.com/oktasync/oktasync/store/sqlite"
)

type feedCommand struct {
	People  int    `default:"10000" help:"People in the org; the changes of their first full sync are read."`
	DB      string `name:"db" default:"both" enum:"postgres,sqlite,both" help:"Where the directory is kept."`
	Rounds  int    `default:"5" help:"How often each is read; the median counts."`
	Limit   int    `default:"1000" help:"Changes in one answer."`
	Profile string `help:"Prefix of files for profiles of the service."`
}

// Run measures the feed against one statement that reads the same rows.
func (c feedCommand) Run(e *env) (err error) {
	path, remove, err := e.build(c.Profile != "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, remove()) }()
	t := table{head: []string{"Database", "Changes", "SELECT, rows/s", "As changes, /s", "With states, /s", "Feed by the API, /s", "Times the SELECT"}}
	for _, kind := range databases(c.DB) {
		if err := c.measure(e, setup{kind: kind, binary: path, profile: profilePrefix(c.Profile, kind, 1), org: emulator.Options{People: c.People, Groups: 10}}, &t); err != nil {
			return fmt.Errorf("the feed on %s: %w", databaseName(kind), err)
		}
	}
	t.print(e.out)
	return nil
}

func (c feedCommand) measure(e *env, s setup, t *table) (err error) {
	i, err := install(e.ctx, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.remove()) }()
	if _, err := i.firstSync(e.ctx, time.Hour); err != nil {
		return err
	}
	db, err := i.openStore(e.ctx)
	if err != nil {
		return err
	}
	i.undo = append(i.undo, db.Close)
	defer i.profileFrom()()
	// Each way of reading does all that the one before it does, and more.
	ways := []func() (int, error){
		func() (int, error) { return i.selectChanges(e.ctx) },
		func() (int, error) { return readStore(e.ctx, db, c.Limit, false) },
		func() (int, error) { return readStore(e.ctx, db, c.Limit, true) },
		func() (int, error) { return i.readFeed(e.ctx, c.Limit) },
	}
	times := make([][]time.Duration, len(ways))
	rows := 0
	for range c.Rounds {
		for k, way := range ways {
			from := time.Now()
			read, err := way()
			if err != nil {
				return err
			}
			times[k] = append(times[k], time.Since(from))
			if k > 0 && read != rows {
				return fmt.Errorf("the feed has %d changes, the table %d", read, rows)
			}
			rows = read
		}
	}
	cells := []string{databaseName(s.kind), count(rows)}
	for _, t := range times {
		cells = append(cells, count(int(float64(rows)/median(t).Seconds())))
	}
	floor, feed := median(times[0]), median(times[len(ways)-1])
	t.add(append(cells, fmt.Sprintf("%.1f", feed.Seconds()/floor.Seconds()))...)
	e.note("feed: %s changes on %s: %s, SELECT %s", count(rows), databaseName(s.kind), seconds(feed), seconds(floor))
	return nil
}

// selectChanges reads the columns of the feed in its order by one statement, and counts the rows.
func (i *installation) selectChanges(ctx context.Context) (n int, err error) {
	rows, err := i.db.QueryContext(ctx, `select seq, at, type, subject, subject_id, person_id, person_seq, fields, cause from changes where tenant = $1 order by seq`, tenant)
	if err != nil {
		return 0, fmt.Errorf("read the rows of the changes: %w", err)
	}
	defer rows.Close()
	var cells [9]any
	var to [9]any
	for k := range cells {
		to[k] = &cells[k]
	}
	for ; rows.Next(); n++ {
		if err := rows.Scan(to[:]...); err != nil {
			return 0, fmt.Errorf("read the rows of the changes: %w", err)
		}
	}
	return n, rows.Err()
}

// openStore opens the service's database as the service does.
func (i *installation) openStore(ctx context.Context) (*store.DB, error) {
	if path, found := strings.CutPrefix(i.database, "sqlite:"); found {
		return sqlite.Open(ctx, sqlite.Options{Path: path})
	}
	return postgres.Open(ctx, postgres.Options{URL: i.database})
}

// readStore reads all changes as the service does for an answer, without writing one, and counts them.
func readStore(ctx context.Context, db *store.DB, limit int, states bool) (n int, err error) {
	for after := int64(0); ; {
		page, err := db.Feed(ctx, tenant, directory.ChangeQuery{After: after, Limit: limit, States: states})
		if err != nil {
			return 0, fmt.Errorf("read the changes: %w", err)
		}
		if n += len(page.Changes); len(page.Changes) < limit {
			return n, nil
		}
		after = page.Changes[limit-1].Seq
	}
}

// readFeed reads all changes by the API, and counts them.
func (i *installation) readFeed(ctx context.Context, limit int) (n int, err error) {
	for after := "0"; after != ""; {
		page, err := i.api.Changes(ctx, tenant, client.ChangeFilter{After: after, Limit: limit})
		if err != nil {
			return 0, fmt.Errorf("read the feed: %w", err)
		}
		n += len(page.Items)
		after = page.Next
	}
	return n, nil
}
