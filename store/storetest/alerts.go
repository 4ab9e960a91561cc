package storetest

import (
	"context"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

func testAlerts(f *fixture) {
	due := func(lease time.Duration, limit int) (found []directory.Alert) {
		f.Helper()
		for _, a := range must(f.db.DueAlerts(f.ctx, directory.AlertWebhook, time.Hour, lease, limit))(f) {
			if a.At.IsZero() {
				f.Errorf("alert %s has no time", a.ID)
			}
			a.At = time.Time{}
			found = append(found, a)
		}
		return found
	}
	alert := func(id string, attempts int) directory.Alert {
		return directory.Alert{ID: id, Tenant: tenant, Kind: directory.AlertRunHeld, RunID: "r1", Sentence: "it \" waits", Attempts: attempts}
	}
	undone := context.Canceled
	f.fails(f.db.Update(f.ctx, tenant, func(ctx context.Context, tx *store.Tx) error {
		f.must(tx.Alert(ctx, alert("a0", 0)))
		return undone
	}), undone)
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.Alert(ctx, alert("a1", 0)) })
	f.must(f.db.Alert(f.ctx, alert("a1", 0))) // the same
	f.same("one", due(time.Hour, 10), []directory.Alert{alert("a1", 1)})
	f.same("somebody sends it", due(time.Hour, 10), nil)
	f.must(f.db.AlertLater(f.ctx, directory.AlertWebhook, "a1", 0, "it answered 500"))
	f.same("again", due(0, 10), []directory.Alert{alert("a1", 2)})
	f.same("whoever had it died", due(0, 10), []directory.Alert{alert("a1", 3)})
	f.must(f.db.AlertLater(f.ctx, directory.AlertWebhook, "a1", time.Hour, "it answered 500"))
	f.same("later", due(0, 10), nil)
	f.must(f.db.Alert(f.ctx, alert("a2", 0)))
	f.must(f.db.AlertSent(f.ctx, directory.AlertWebhook, "a2", ""))
	f.same("sent", due(0, 10), nil)
	f.must(f.db.AlertLater(f.ctx, directory.AlertWebhook, "a2", 0, ""))
	f.same("stays sent", due(0, 10), nil)
	f.must(f.db.Alert(f.ctx, alert("a3", 0)))
	f.must(f.db.Alert(f.ctx, alert("a4", 0)))
	f.same("a limit", len(due(time.Hour, 1)), 1)
	f.old()
	f.same("too old", must(f.db.DueAlerts(f.ctx, directory.AlertWebhook, time.Microsecond, 0, 10))(f), nil)
	must(f.db.Purge(f.ctx, store.Retention{Runs: time.Microsecond}))(f)
	f.must(f.db.AlertLater(f.ctx, directory.AlertWebhook, "a1", 0, ""))
	f.same("purged", due(0, 10), nil)
}
