package store

import (
	"context"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

// record writes down what an admin did. It belongs into the transaction that does it, so that
// neither is there without the other.
func (d *DB) record(ctx context.Context, q querier, act directory.Act) error {
	const query = `
		insert into acts (tenant, at, actor, role, kind, subject, run, reason)
		values ($1, {now}, $2, $3, $4, $5, $6, $7)`
	_, err := d.exec(ctx, q, query, act.Tenant, act.Actor, string(act.Role), string(act.Kind), act.Subject, act.RunID, act.Reason)
	if err != nil {
		return fmt.Errorf("record that %s did %s: %w", act.Actor, act.Kind, err)
	}
	return nil
}

// Acts returns what admins did for the tenant, the newest first.
func (d *DB) Acts(ctx context.Context, tenant string, q directory.ActQuery) ([]directory.Act, error) {
	const query = `
		select id, tenant, at, actor, role, kind, subject, run, reason from acts
		where tenant = $1 and ($2 = 0 or id < $2)
		order by id desc limit $3`
	scan := func(s scanner) (a directory.Act, err error) {
		return a, s.Scan(&a.ID, &a.Tenant, moment{&a.At}, &a.Actor, &a.Role, &a.Kind, &a.Subject, &a.RunID, &a.Reason)
	}
	acts, err := list(ctx, d, d.read, scan, query, tenant, q.Before, q.Limit)
	if err != nil {
		return nil, fmt.Errorf("read the acts of tenant %s: %w", tenant, err)
	}
	return acts, nil
}
