package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/google/uuid"

	"github.com/oktasync/oktasync/directory"
)

// RaiseAlarm says that something is the matter with a tenant: an alert goes out, unless one went out for the
// same already and it is not mended since. It says whether one does.
func (d *DB) RaiseAlarm(ctx context.Context, tenant string, kind directory.AlertKind, sentence string) (bool, error) {
	standing, err := d.alarmStands(ctx, tenant, kind)
	if err != nil || standing {
		return false, err
	}
	raised := false
	err = d.again(ctx, func(tx *sql.Tx) error {
		var err error
		raised, err = d.raise(ctx, tx, tenant, kind, sentence)
		return err
	})
	return raised, err
}

// SettleAlarm says that it is mended, which another alert tells. It says whether there was an alarm.
func (d *DB) SettleAlarm(ctx context.Context, tenant string, kind directory.AlertKind, sentence string) (bool, error) {
	standing, err := d.alarmStands(ctx, tenant, kind)
	if err != nil || !standing {
		return false, err
	}
	settled := false
	err = d.again(ctx, func(tx *sql.Tx) error {
		var err error
		settled, err = d.settle(ctx, tx, tenant, kind, sentence)
		return err
	})
	return settled, err
}

// alarmStands is asked first, because most calls change nothing and must not write.
func (d *DB) alarmStands(ctx context.Context, tenant string, kind directory.AlertKind) (bool, error) {
	const query = `select kind from alarms where tenant = $1 and kind = $2`
	found, err := list(ctx, d, d.read, scanText, query, tenant, string(kind))
	if err != nil {
		return false, fmt.Errorf("read whether alarm %s of tenant %s stands: %w", kind, tenant, err)
	}
	return len(found) > 0, nil
}

func (d *DB) raise(ctx context.Context, tx *sql.Tx, tenant string, kind directory.AlertKind, sentence string) (bool, error) {
	const query = `
		insert into alarms (tenant, kind, since) select slug, $2, {now} from tenants where slug = $1 and removed_at is null
		on conflict do nothing`
	raised, err := d.exec(ctx, tx, query, tenant, string(kind))
	if err == nil && raised > 0 {
		err = d.alertOnce(ctx, tx, tenant, kind, sentence)
	}
	if err != nil {
		return false, fmt.Errorf("raise alarm %s of tenant %s: %w", kind, tenant, err)
	}
	return raised > 0, nil
}

func (d *DB) settle(ctx context.Context, tx *sql.Tx, tenant string, kind directory.AlertKind, sentence string) (bool, error) {
	settled, err := d.exec(ctx, tx, `delete from alarms where tenant = $1 and kind = $2`, tenant, string(kind))
	if err == nil && settled > 0 {
		err = d.alertOnce(ctx, tx, tenant, kind.Resolved(), sentence)
	}
	if err != nil {
		return false, fmt.Errorf("settle alarm %s of tenant %s: %w", kind, tenant, err)
	}
	return settled > 0, nil
}

// alertOnce stores an alert of this moment.
func (d *DB) alertOnce(ctx context.Context, tx *sql.Tx, tenant string, kind directory.AlertKind, sentence string) error {
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	return d.alert(ctx, tx, directory.Alert{ID: id.String(), Tenant: tenant, Kind: kind, Sentence: sentence})
}
