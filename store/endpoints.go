package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// endpointColumns are an endpoint e and its tenant t, with how its deliveries go.
const endpointColumns = `e.tenant, e.id, e.name, e.url, e.types, e.teams, e.secrets, e.version, e.created_at, e.created_by,
	e.disabled_at, e.disabled_by, e.disabled_reason, e.cursor, t.change_seq - e.cursor, e.missed, e.attempts,
	e.failing_since, e.last_success, e.last_problem, e.rest_until,
	(select count(*) from deliveries d where d.tenant = e.tenant and d.endpoint = e.id and d.state = 'waiting'),
	(select count(*) from deliveries d where d.tenant = e.tenant and d.endpoint = e.id and d.state = 'dead'),
	coalesce((select min(d.created_at) from deliveries d where d.tenant = e.tenant and d.endpoint = e.id and d.state = 'waiting'),
		(select c.at from changes c where c.tenant = e.tenant and c.seq = e.cursor + 1))`

func scanEndpoint(s scanner) (e directory.Endpoint, err error) {
	var disabled directory.EndpointDisabled
	var at *time.Time
	h := &e.Health
	err = s.Scan(&e.Tenant, &e.ID, &e.Name, &e.URL, jsonText{&e.Types}, jsonText{&e.Teams}, jsonText{&e.Secrets}, &e.Version,
		moment{&e.CreatedAt}, &e.CreatedBy, maybe{&at}, &disabled.By, &disabled.Reason, &h.Cursor, &h.Behind, &h.Missed, &h.Attempts,
		maybe{&h.FailingSince}, maybe{&h.LastSuccess}, &h.LastProblem, maybe{&h.RestUntil}, &h.Waiting, &h.Dead, maybe{&h.Oldest})
	if at != nil {
		disabled.At, e.Disabled = *at, &disabled
	}
	return e, err
}

// Endpoints returns the endpoints of a tenant, in order of name and id.
func (d *DB) Endpoints(ctx context.Context, tenant string) ([]directory.Endpoint, error) {
	const query = `select ` + endpointColumns + ` from endpoints e join tenants t on t.slug = e.tenant where e.tenant = $1 order by e.name, e.id`
	endpoints, err := list(ctx, d, d.read, scanEndpoint, query, tenant)
	if err != nil {
		return nil, fmt.Errorf("read the endpoints of tenant %s: %w", tenant, err)
	}
	return endpoints, nil
}

// AllEndpoints returns the endpoints of the tenants that are behind most, at most limit.
func (d *DB) AllEndpoints(ctx context.Context, tenants []string, limit int) ([]directory.Endpoint, error) {
	const query = `select ` + endpointColumns + ` from endpoints e join tenants t on t.slug = e.tenant where e.tenant {in $1}
		order by t.change_seq - e.cursor desc, e.tenant, e.id limit $2`
	endpoints, err := list(ctx, d, d.read, scanEndpoint, query, tenants, limit)
	if err != nil {
		return nil, fmt.Errorf("read the endpoints of %d tenants: %w", len(tenants), err)
	}
	return endpoints, nil
}

// Endpoint returns an endpoint by its id or name. An unknown one is directory.ErrNotFound.
func (d *DB) Endpoint(ctx context.Context, tenant, which string) (directory.Endpoint, error) {
	e, err := d.endpoint(ctx, d.read, tenant, which)
	if err != nil {
		return e, fmt.Errorf("read an endpoint of tenant %s: %w", tenant, err)
	}
	return e, nil
}

func (d *DB) endpoint(ctx context.Context, q querier, tenant, which string) (directory.Endpoint, error) {
	const query = `select ` + endpointColumns + ` from endpoints e join tenants t on t.slug = e.tenant where e.tenant = $1 and (e.id = $2 or e.name = $2)
		order by case when e.id = $2 then 0 else 1 end limit 1`
	found, err := list(ctx, d, q, scanEndpoint, query, tenant, which)
	if err != nil {
		return directory.Endpoint{}, err
	}
	if len(found) == 0 {
		return directory.Endpoint{}, directory.Refuse(directory.ErrNotFound, "tenant %s has no endpoint of this id or name; oktasync endpoints list shows them", tenant)
	}
	return found[0], nil
}

// endpointTexts are the parts that are stored as JSON.
func endpointTexts(e directory.Endpoint) (types, teams, secrets string, err error) {
	var texts [3][]byte
	for i, v := range []any{e.Types, e.Teams, e.Secrets} {
		var failed error
		texts[i], failed = json.Marshal(v)
		err = errors.Join(err, failed)
	}
	return string(texts[0]), string(texts[1]), string(texts[2]), err
}

// AddEndpoint makes an endpoint that gets every change from now on. It fails with directory.ErrConflict when
// the name is taken or the tenant has directory.MaxEndpoints.
func (d *DB) AddEndpoint(ctx context.Context, e directory.Endpoint, act directory.Act) error {
	types, teams, secrets, err := endpointTexts(e)
	if err != nil {
		return fmt.Errorf("write endpoint %s of tenant %s: %w", e.ID, e.Tenant, err)
	}
	err = d.Update(ctx, e.Tenant, func(ctx context.Context, tx *Tx) error {
		type other struct{ id, name string }
		scan := func(s scanner) (o other, err error) { return o, s.Scan(&o.id, &o.name) }
		others, err := list(ctx, d, tx.tx, scan, `select id, name from endpoints where tenant = $1`, e.Tenant)
		if err != nil {
			return err
		}
		if len(others) >= directory.MaxEndpoints {
			return directory.Refuse(directory.ErrConflict, "tenant %s has %d endpoints, and no more are allowed; remove one first", e.Tenant, len(others))
		}
		for _, o := range others {
			if o.name == e.Name || o.id == e.Name {
				return directory.Refuse(directory.ErrConflict, "endpoint %s of tenant %s has this name already; choose another one", o.id, e.Tenant)
			}
		}
		const query = `
			insert into endpoints (tenant, id, name, url, types, teams, secrets, created_at, created_by, updated_at, cursor)
			values ($1, $2, $3, $4, $5, $6, $7, {at $8}, $9, {at $8}, $10)`
		if _, err := d.exec(ctx, tx.tx, query, e.Tenant, e.ID, e.Name, e.URL, types, teams, secrets, tx.now, act.Actor, tx.seq); err != nil {
			return err
		}
		return tx.Record(ctx, act)
	})
	if err != nil {
		return fmt.Errorf("add an endpoint to tenant %s: %w", e.Tenant, err)
	}
	return nil
}

// ChangeEndpoint lets change alter an endpoint, and records the act. Whoever delivers to it learns of that with the
// next step and begins anew. change gets the endpoint as it is; its error undoes everything.
func (d *DB) ChangeEndpoint(ctx context.Context, tenant, which string, act directory.Act, change func(*directory.Endpoint) error) (directory.Endpoint, error) {
	var e directory.Endpoint
	err := d.again(ctx, func(tx *sql.Tx) error {
		var err error
		if e, err = d.endpoint(ctx, tx, tenant, which); err != nil {
			return err
		}
		// The row is locked before it is read for good, so that no change is lost.
		if _, err = list(ctx, d, tx, scanText, `select id from endpoints where tenant = $1 and id = $2 {lock}`, tenant, e.ID); err != nil {
			return err
		}
		if e, err = d.endpoint(ctx, tx, tenant, e.ID); err != nil {
			return err
		}
		if err := change(&e); err != nil {
			return err
		}
		if err := d.uniqueName(ctx, tx, e); err != nil {
			return err
		}
		types, teams, secrets, err := endpointTexts(e)
		if err != nil {
			return err
		}
		const query = `
			update endpoints set name = $3, url = $4, types = $5, teams = $6, secrets = $7, version = version + 1, updated_at = {now},
				disabled_at = case when $8 = '' then null else coalesce(disabled_at, {now}) end, disabled_by = $8, disabled_reason = $9,
				rest_until = null, swept_at = null
			where tenant = $1 and id = $2`
		by, reason := "", ""
		if e.Disabled != nil {
			by, reason = e.Disabled.By, e.Disabled.Reason
		}
		if _, err := d.exec(ctx, tx, query, tenant, e.ID, e.Name, e.URL, types, teams, secrets, by, reason); err != nil {
			return err
		}
		act.Tenant, act.Subject = tenant, "endpoint:"+e.ID
		if err := d.record(ctx, tx, act); err != nil {
			return err
		}
		e, err = d.endpoint(ctx, tx, tenant, e.ID)
		return err
	})
	if err != nil {
		return directory.Endpoint{}, fmt.Errorf("%s of tenant %s: %w", act.Kind, tenant, err)
	}
	return e, nil
}

func (d *DB) uniqueName(ctx context.Context, tx *sql.Tx, e directory.Endpoint) error {
	others, err := list(ctx, d, tx, scanText, `select id from endpoints where tenant = $1 and (name = $2 or id = $2) and id <> $3`, e.Tenant, e.Name, e.ID)
	if err == nil && len(others) > 0 {
		err = directory.Refuse(directory.ErrConflict, "endpoint %s of tenant %s has this name already; choose another one", others[0], e.Tenant)
	}
	return err
}

// RemoveEndpoint ends an endpoint. What waits for it is not delivered any more; its rows go with it, and Purge
// deletes what one who delivers at this moment adds.
func (d *DB) RemoveEndpoint(ctx context.Context, tenant, which string, act directory.Act) (directory.Endpoint, error) {
	var e directory.Endpoint
	err := d.again(ctx, func(tx *sql.Tx) error {
		var err error
		if e, err = d.endpoint(ctx, tx, tenant, which); err != nil {
			return err
		}
		if _, err := d.exec(ctx, tx, `delete from endpoints where tenant = $1 and id = $2`, tenant, e.ID); err != nil {
			return err
		}
		act.Tenant, act.Subject = tenant, "endpoint:"+e.ID
		return d.record(ctx, tx, act)
	})
	if err == nil {
		err = d.purgeDeliveries(ctx)
	}
	if err != nil {
		return directory.Endpoint{}, fmt.Errorf("remove an endpoint of tenant %s: %w", tenant, err)
	}
	return e, nil
}

// purgeDeliveries deletes what is left of endpoints that are gone, in chunks.
func (d *DB) purgeDeliveries(ctx context.Context) error {
	const gone = ` where not exists (select 1 from endpoints e where e.tenant = x.tenant and e.id = x.endpoint) limit $1`
	for _, query := range []string{
		`delete from deliveries where pos in (select pos from deliveries x` + gone + `)`,
		`delete from delivery_attempts where (tenant, endpoint, no) in (select tenant, endpoint, no from delivery_attempts x` + gone + `)`,
	} {
		for deleted := int64(purgeAtOnce); deleted == purgeAtOnce; {
			err := d.again(ctx, func(tx *sql.Tx) error {
				var err error
				deleted, err = d.exec(ctx, tx, query, purgeAtOnce)
				return err
			})
			if err != nil {
				return fmt.Errorf("delete deliveries of endpoints that are gone: %w", err)
			}
		}
	}
	return nil
}

// EndpointSecrets returns the endpoints of all tenants with nothing but tenant, id, version and secrets, for
// whoever encrypts these anew.
func (d *DB) EndpointSecrets(ctx context.Context) ([]directory.Endpoint, error) {
	scan := func(s scanner) (e directory.Endpoint, err error) {
		return e, s.Scan(&e.Tenant, &e.ID, &e.Version, jsonText{&e.Secrets})
	}
	endpoints, err := list(ctx, d, d.read, scan, `select tenant, id, version, secrets from endpoints order by tenant, id`)
	if err != nil {
		return nil, fmt.Errorf("read the secrets of the endpoints: %w", err)
	}
	return endpoints, nil
}

// ReplaceEndpointSecrets writes the same secrets in another form. It fails with directory.ErrConflict when the
// endpoint was changed in between, or is gone.
func (d *DB) ReplaceEndpointSecrets(ctx context.Context, e directory.Endpoint) error {
	text, err := json.Marshal(e.Secrets)
	if err != nil {
		return fmt.Errorf("write the secrets of endpoint %s: %w", e.ID, err)
	}
	replaced, err := d.exec(ctx, d.write, `update endpoints set secrets = $4 where tenant = $1 and id = $2 and version = $3`, e.Tenant, e.ID, e.Version, string(text))
	if err != nil {
		return fmt.Errorf("replace the secrets of endpoint %s of tenant %s: %w", e.ID, e.Tenant, err)
	}
	if replaced == 0 {
		return fmt.Errorf("replace the secrets of endpoint %s of tenant %s: it was changed in between: %w", e.ID, e.Tenant, directory.ErrConflict)
	}
	return nil
}
