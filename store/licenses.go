package store

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const claimColumns = `person_id, pool, held, since, held_at, rank, rule, via, kept`

func scanClaim(s scanner) (c directory.LicenseClaim, err error) {
	return c, s.Scan(&c.PersonID, &c.Pool, &c.Held, moment{&c.Since}, moment{&c.HeldAt}, &c.Rank, &c.Rule, &c.Via, &c.Kept)
}

func claimKeys(claims []directory.LicenseClaim) []Column {
	type claim = directory.LicenseClaim
	return []Column{
		texts("person_id", claims, func(c *claim) string { return c.PersonID }),
		texts("pool", claims, func(c *claim) string { return c.Pool }),
	}
}

// LicenseClaims returns the claims of the people, in order of person and pool.
func (t *Tx) LicenseClaims(ctx context.Context, people []string) ([]directory.LicenseClaim, error) {
	return t.db.licenseClaims(ctx, t.tx, t.tenant, people)
}

func (d *DB) licenseClaims(ctx context.Context, q querier, tenant string, people []string) ([]directory.LicenseClaim, error) {
	if len(people) == 0 {
		return nil, nil
	}
	const query = keyed + `select ` + claimColumns + ` from wanted cross join license_claims where tenant = of_tenant and person_id = key order by person_id, pool`
	claims, err := list(ctx, d, q, scanClaim, query, tenant, people)
	if err != nil {
		return nil, fmt.Errorf("read the licenses of %d people of tenant %s: %w", len(people), tenant, err)
	}
	return claims, nil
}

// PutLicenseClaims writes whole rows. A pool must not be there twice for one person.
func (t *Tx) PutLicenseClaims(ctx context.Context, claims []directory.LicenseClaim) error {
	if len(claims) == 0 {
		return nil
	}
	type claim = directory.LicenseClaim
	before, err := t.heldBy(ctx, claims)
	if err != nil {
		return err
	}
	const query = `
		insert into license_claims (tenant, person_id, pool, held, since, held_at, rank, rule, via, kept)
		select $1, v.person_id, v.pool, v.held, v.since, nullif(v.held_at, {at $2}), v.rank, v.rule, v.via, v.kept from {rows} where true
		on conflict (tenant, person_id, pool) do update set
			held = excluded.held, since = excluded.since, held_at = excluded.held_at, rank = excluded.rank,
			rule = excluded.rule, via = excluded.via, kept = excluded.kept`
	_, err = t.db.execRows(ctx, t.tx, query, append(claimKeys(claims),
		bools("held", claims, func(c *claim) bool { return c.Held }),
		times("since", claims, func(c *claim) time.Time { return c.Since }),
		times("held_at", claims, func(c *claim) time.Time { return c.HeldAt }),
		ints("rank", claims, func(c *claim) int64 { return int64(c.Rank) }),
		texts("rule", claims, func(c *claim) string { return c.Rule }),
		texts("via", claims, func(c *claim) string { return c.Via }),
		texts("kept", claims, func(c *claim) string { return string(c.Kept) }),
	), t.tenant, time.Time{})
	if err != nil {
		return fmt.Errorf("write %d claims to licenses: %w", len(claims), err)
	}
	for _, c := range claims {
		if c.Held {
			before[c.Pool]--
		}
	}
	return t.fewerHeld(ctx, before)
}

// DropLicenseClaims deletes rows.
func (t *Tx) DropLicenseClaims(ctx context.Context, claims []directory.LicenseClaim) error {
	if len(claims) == 0 {
		return nil
	}
	before, err := t.heldBy(ctx, claims)
	if err != nil {
		return err
	}
	const query = `delete from license_claims where (tenant, person_id, pool) in (select cast($1 as text), v.person_id, v.pool from {rows})`
	if _, err := t.db.execRows(ctx, t.tx, query, claimKeys(claims), t.tenant); err != nil {
		return fmt.Errorf("delete %d claims to licenses: %w", len(claims), err)
	}
	return t.fewerHeld(ctx, before)
}

// heldBy counts, by pool, which of the claims are held now.
func (t *Tx) heldBy(ctx context.Context, claims []directory.LicenseClaim) (map[string]int, error) {
	const query = `
		with wanted as materialized (select distinct cast($1 as text) as of_tenant, v.person_id, v.pool from {rows})
		select c.pool, count(*), 0 from wanted w cross join license_claims c
		where c.tenant = w.of_tenant and c.person_id = w.person_id and c.pool = w.pool and c.held group by c.pool`
	counts, err := listRows(ctx, t.db, t.tx, scanPoolCount, query, claimKeys(claims), t.tenant)
	if err != nil {
		return nil, fmt.Errorf("look which of %d licenses are held: %w", len(claims), err)
	}
	held := make(map[string]int, len(counts))
	for _, c := range counts {
		held[c.Pool] = c.Held
	}
	return held, nil
}

// fewerHeld notes how many licenses of each pool fewer are held now. A pool of hundreds of thousands is not counted
// anew with each batch that gives or takes some.
func (t *Tx) fewerHeld(ctx context.Context, fewer map[string]int) error {
	const query = `
		insert into license_pools (tenant, pool, held) values ($1, $2, $3)
		on conflict (tenant, pool) do update set held = license_pools.held + excluded.held`
	for _, pool := range slices.Sorted(maps.Keys(fewer)) {
		if fewer[pool] == 0 {
			continue
		}
		if _, err := t.db.exec(ctx, t.tx, query, t.tenant, pool, -fewer[pool]); err != nil {
			return fmt.Errorf("note how many licenses of pool %s are held: %w", pool, err)
		}
	}
	return nil
}

// LicensesHeld returns how many licenses of the pool people hold.
func (t *Tx) LicensesHeld(ctx context.Context, pool string) (int, error) {
	return t.countClaims(ctx, pool, `select coalesce((select held from license_pools where tenant = $1 and pool = $2), 0)`)
}

// LicensesWaiting counts who waits for a license of the pool.
func (t *Tx) LicensesWaiting(ctx context.Context, pool string) (int, error) {
	return t.countClaims(ctx, pool, `select count(*) from license_claims where tenant = $1 and pool = $2 and held = false`)
}

func (t *Tx) countClaims(ctx context.Context, pool, query string) (int, error) {
	count := 0
	if err := t.db.row(ctx, t.tx, query, t.tenant, pool).Scan(&count); err != nil {
		return 0, fmt.Errorf("count the claims to pool %s: %w", pool, err)
	}
	return count, nil
}

// planned says, of a claim c, that the run's plan changes it or takes its person out of the directory.
const plannedClaim = `
	(select 1 from plan p where p.tenant = $1 and p.run = (select $3) and p.person_id = c.person_id and p.person_id <> ''
		and (p.subject = 'license' and p.subject_id = c.pool or p.type in ('person.removed', 'person.deactivated', 'person.detached')) limit 1) is not null`

// "held = false", and not "not held", below: SQLite finds only the former by index.

// FirstInLine returns who waits for the pool, in order of Since and id after `after`, without those about whose license
// the run's plan says something, or whom it takes out of the directory.
func (t *Tx) FirstInLine(ctx context.Context, pool, run string, after directory.LicenseClaim, limit int) ([]directory.LicenseClaim, error) {
	const query = `select ` + claimColumns + ` from license_claims c where tenant = $1 and pool = $2 and held = false
		and (since, person_id) > ({at $5}, $6) and not ` + plannedClaim + ` order by since, person_id limit $4`
	claims, err := list(ctx, t.db, t.tx, scanClaim, query, t.tenant, pool, run, limit, after.Since, after.PersonID)
	if err != nil {
		return nil, fmt.Errorf("read who waits for pool %s: %w", pool, err)
	}
	return claims, nil
}

// LastInPool returns who holds a license of the pool, the last entitled first, or first those by the last
// rule, after `after` in that order; without the people in but, and those as of FirstInLine.
func (t *Tx) LastInPool(ctx context.Context, pool, run string, byRank bool, but []string, after directory.LicenseClaim, limit int) ([]directory.LicenseClaim, error) {
	order, behind := `since desc, person_id desc`, `(since, person_id) < ({at $6}, $7)`
	if byRank {
		order, behind = `rank desc, `+order, `(rank, since, person_id) < ($8, {at $6}, $7)`
	}
	query := `select ` + claimColumns + ` from license_claims c where tenant = $1 and pool = $2 and held = true and not (person_id {in $5})`
	values := []any{t.tenant, pool, run, limit, but}
	if after.PersonID != "" {
		query += ` and ` + behind
		values = append(values, after.Since, after.PersonID)
		if byRank {
			values = append(values, after.Rank)
		}
	}
	claims, err := list(ctx, t.db, t.tx, scanClaim, query+` and not `+plannedClaim+` order by `+order+` limit $4`, values...)
	if err != nil {
		return nil, fmt.Errorf("read who holds a license of pool %s: %w", pool, err)
	}
	return claims, nil
}

// ListLicenseClaims returns the claims of each pool in order: first of those who wait, in line, then of those who hold a license; after
// `after`, at most limit.
func (d *DB) ListLicenseClaims(ctx context.Context, tenant string, after directory.LicenseClaim, limit int) ([]directory.LicenseClaim, error) {
	const query = `select ` + claimColumns + ` from license_claims
		where tenant = $1 and (tenant, pool, held, since, person_id) > ($1, $2, $3, $4, $5) order by tenant, pool, held, since, person_id limit $6`
	claims, err := list(ctx, d, d.read, scanClaim, query, tenant, after.Pool, after.Held, after.Since, after.PersonID, limit)
	if err != nil {
		return nil, fmt.Errorf("list the licenses of tenant %s: %w", tenant, err)
	}
	return claims, nil
}

// CountGrants returns how many roles people have, and how many licenses they hold.
func (d *DB) CountGrants(ctx context.Context, tenant string) (roles, licenses int, err error) {
	const query = `select (select count(*) from role_grants where tenant = $1), (select cast(coalesce(sum(held), 0) as bigint) from license_pools where tenant = $1)`
	if err := d.row(ctx, d.read, query, tenant).Scan(&roles, &licenses); err != nil {
		return 0, 0, fmt.Errorf("count the roles and licenses of tenant %s: %w", tenant, err)
	}
	return roles, licenses, nil
}

// GrantsOfPerson returns the roles that a person has, and the licenses that they hold or wait for.
func (d *DB) GrantsOfPerson(ctx context.Context, tenant, person string) ([]directory.RoleGrant, []directory.LicenseInLine, error) {
	roles, err := d.roleGrants(ctx, d.read, tenant, []string{person})
	if err != nil {
		return nil, nil, err
	}
	const query = `
		select ` + claimColumns + `, case when held then 0 else (select count(*) from license_claims o
			where o.tenant = $1 and o.pool = c.pool and o.held = false and (o.since, o.person_id) <= (c.since, c.person_id)) end
		from license_claims c where tenant = $1 and person_id = $2 order by pool`
	licenses, err := list(ctx, d, d.read, scanInLine, query, tenant, person)
	if err != nil {
		return nil, nil, fmt.Errorf("read the licenses of person %s of tenant %s: %w", person, tenant, err)
	}
	return roles, licenses, nil
}

func scanInLine(s scanner) (l directory.LicenseInLine, err error) {
	c := &l.LicenseClaim
	return l, s.Scan(&c.PersonID, &c.Pool, &c.Held, moment{&c.Since}, moment{&c.HeldAt}, &c.Rank, &c.Rule, &c.Via, &c.Kept, &l.Place)
}

// RoleCounts returns how many people have each role that anybody has, in order of set and role.
func (d *DB) RoleCounts(ctx context.Context, tenant string) ([]directory.RoleCount, error) {
	const query = `
		select min(role_set), role, count(distinct person_id), count(distinct case when kept <> '' then person_id end)
		from role_grants where tenant = $1 group by role order by 1, 2`
	scan := func(s scanner) (c directory.RoleCount, err error) {
		return c, s.Scan(&c.Set, &c.Role, &c.People, &c.Kept)
	}
	counts, err := list(ctx, d, d.read, scan, query, tenant)
	if err != nil {
		return nil, fmt.Errorf("count who has which role in tenant %s: %w", tenant, err)
	}
	return counts, nil
}

// PoolCounts returns how many licenses of each pool are held and waited for, in order of pool.
func (d *DB) PoolCounts(ctx context.Context, tenant string) ([]directory.PoolCount, error) {
	const query = `
		select pool, count(case when held then 1 end), count(case when not held then 1 end)
		from license_claims where tenant = $1 group by pool order by pool`
	counts, err := list(ctx, d, d.read, scanPoolCount, query, tenant)
	if err != nil {
		return nil, fmt.Errorf("count the licenses of tenant %s: %w", tenant, err)
	}
	return counts, nil
}

func scanPoolCount(s scanner) (c directory.PoolCount, err error) {
	return c, s.Scan(&c.Pool, &c.Held, &c.Waiting)
}
