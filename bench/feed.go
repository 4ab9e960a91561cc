package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/emulator"
)

type feedCommand struct {
	People int    `default:"10000" help:"People in the org; the changes of their first full sync are read."`
	DB     string `name:"db" default:"both" enum:"postgres,sqlite,both" help:"Where the directory is kept."`
	Rounds int    `default:"5" help:"How often each is read; the median counts."`
	Limit  int    `default:"1000" help:"Changes in one answer."`
}

// Run measures the feed against one statement that reads the same rows.
func (c feedCommand) Run(e *env) (err error) {
	fmt.Fprintf(e.out, "%s\n\n", machine())
	dir, err := os.MkdirTemp("", "oktasync-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path, err := binary(e.ctx, dir, false)
	if err != nil {
		return err
	}
	t := table{head: []string{"Database", "Changes", "SELECT, rows/s", "Feed, changes/s", "Times the SELECT"}}
	for _, kind := range databases(c.DB) {
		if err := c.measure(e, setup{kind: kind, binary: path, org: emulator.Options{People: c.People, Groups: 10}}, &t); err != nil {
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
	var floors, feeds []time.Duration
	rows := 0
	for range c.Rounds {
		from := time.Now()
		if rows, err = i.selectChanges(e.ctx); err != nil {
			return err
		}
		floors = append(floors, time.Since(from))
		from = time.Now()
		read, err := i.readFeed(e.ctx, c.Limit)
		if err != nil {
			return err
		}
		feeds = append(feeds, time.Since(from))
		if read != rows {
			return fmt.Errorf("the feed has %d changes, the table %d", read, rows)
		}
	}
	floor, feed := median(floors), median(feeds)
	t.add(databaseName(s.kind), count(rows), count(int(float64(rows)/floor.Seconds())), count(int(float64(rows)/feed.Seconds())),
		fmt.Sprintf("%.1f", feed.Seconds()/floor.Seconds()))
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
