package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Alert stores an alert, to be sent after the commit on each channel. One whose id is there already is dropped.
func (t *Tx) Alert(ctx context.Context, a directory.Alert) error {
	return t.db.alert(ctx, t.tx, a)
}

// Alert is Tx.Alert in a transaction of its own.
func (d *DB) Alert(ctx context.Context, a directory.Alert) error {
	return d.alert(ctx, d.write, a)
}

func (d *DB) alert(ctx context.Context, q querier, a directory.Alert) error {
	const query = `
		insert into alerts (id, channel, tenant, kind, run, sentence, at, next_at)
		values ($1, $2, $4, $5, $6, $7, {now}, {now}), ($1, $3, $4, $5, $6, $7, {now}, {now}) on conflict do nothing`
	_, err := d.exec(ctx, q, query, a.ID, string(directory.AlertWebhook), string(directory.AlertMail), a.Tenant, string(a.Kind), a.RunID, a.Sentence)
	if err != nil {
		return fmt.Errorf("store an alert of tenant %s: %w", a.Tenant, err)
	}
	return nil
}

// DueAlerts takes up to limit alerts that are due on the channel and not older than keep. Another caller does
// not get them before lease has passed: whoever dies while sending only delays them.
func (d *DB) DueAlerts(ctx context.Context, channel directory.AlertChannel, keep, lease time.Duration, limit int) ([]directory.Alert, error) {
	const query = `
		update alerts set attempts = attempts + 1, next_at = {now} + {micros $3}
		where channel = $1 and done_at is null and next_at <= {now} and id in (
			select a.id from alerts a
			where a.channel = $1 and a.done_at is null and a.next_at <= {now} and a.at > {now} - {micros $2}
			order by a.next_at, a.id limit $4)
		returning id, tenant, kind, run, sentence, at, attempts`
	scan := func(s scanner) (a directory.Alert, err error) {
		return a, s.Scan(&a.ID, &a.Tenant, &a.Kind, &a.RunID, &a.Sentence, moment{&a.At}, &a.Attempts)
	}
	var alerts []directory.Alert
	err := d.again(ctx, func(tx *sql.Tx) error {
		var err error
		alerts, err = list(ctx, d, tx, scan, query, string(channel), keep, lease, limit)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("find alerts to send by %s: %w", channel, err)
	}
	return alerts, nil
}

// AlertSent notes that an alert needs no more attempts on the channel: because it arrived, or
// because it never will, which problem then says.
func (d *DB) AlertSent(ctx context.Context, channel directory.AlertChannel, id, problem string) error {
	const query = `update alerts set done_at = {now}, error = $3 where channel = $1 and id = $2`
	if _, err := d.exec(ctx, d.write, query, string(channel), id, problem); err != nil {
		return fmt.Errorf("note that alert %s was sent by %s: %w", id, channel, err)
	}
	return nil
}

// AlertLater has the channel try an alert again after wait.
func (d *DB) AlertLater(ctx context.Context, channel directory.AlertChannel, id string, wait time.Duration, problem string) error {
	const query = `update alerts set next_at = {now} + {micros $3}, error = $4 where channel = $1 and id = $2 and done_at is null`
	if _, err := d.exec(ctx, d.write, query, string(channel), id, wait, problem); err != nil {
		return fmt.Errorf("put off alert %s by %s: %w", id, channel, err)
	}
	return nil
}
