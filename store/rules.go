package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

// PutRuleset keeps a version of a tenant's rules. One that is kept already stays.
func (d *DB) PutRuleset(ctx context.Context, tenant string, set directory.Ruleset) error {
	attributes, err := json.Marshal(set.Attributes)
	if err != nil {
		return fmt.Errorf("write the attributes of rules %s: %w", set.Hash, err)
	}
	const query = `
		insert into rules (tenant, hash, body, basis, attributes, made_at)
		select slug, $2, $3, $4, $5, {now} from tenants where slug = $1 and removed_at is null
		on conflict do nothing`
	if _, err := d.exec(ctx, d.write, query, tenant, set.Hash, string(set.Body), set.Basis, string(attributes)); err != nil {
		return fmt.Errorf("keep rules %s of tenant %s: %w", directory.ShortHash(set.Hash), tenant, err)
	}
	return nil
}

const rulesetColumns = `r.hash, r.body, r.basis, r.attributes`

func scanRuleset(s scanner) (set directory.Ruleset, err error) {
	var body string
	err = s.Scan(&set.Hash, &body, &set.Basis, jsonText{&set.Attributes})
	set.Body = json.RawMessage(body)
	return set, err
}

// Ruleset returns a version of a tenant's rules, or directory.ErrNotFound.
func (d *DB) Ruleset(ctx context.Context, tenant, hash string) (directory.Ruleset, error) {
	set, err := scanRuleset(d.row(ctx, d.read, `select `+rulesetColumns+` from rules r where r.tenant = $1 and r.hash = $2`, tenant, hash))
	if errors.Is(err, sql.ErrNoRows) {
		return directory.Ruleset{}, fmt.Errorf("tenant %s has no rules %s: %w", tenant, directory.ShortHash(hash), directory.ErrNotFound)
	}
	if err != nil {
		return directory.Ruleset{}, fmt.Errorf("read rules %s of tenant %s: %w", directory.ShortHash(hash), tenant, err)
	}
	return set, nil
}

// RulesInForce returns the rules in force of all tenants that have any, by tenant.
func (d *DB) RulesInForce(ctx context.Context) (map[string]directory.Ruleset, error) {
	type ofTenant struct {
		slug string
		set  directory.Ruleset
	}
	const query = `select ` + rulesetColumns + `, t.slug from tenants t join rules r on r.tenant = t.slug and r.hash = t.rules`
	scan := func(s scanner) (o ofTenant, err error) {
		o.set, err = scanRuleset(andText{s, &o.slug})
		return o, err
	}
	found, err := list(ctx, d, d.read, scan, query)
	if err != nil {
		return nil, fmt.Errorf("read the rules in force: %w", err)
	}
	sets := make(map[string]directory.Ruleset, len(found))
	for _, o := range found {
		sets[o.slug] = o.set
	}
	return sets, nil
}

// RulesState returns which rules of a tenant stand where.
func (d *DB) RulesState(ctx context.Context, tenant string) (directory.RulesState, error) {
	return d.rulesState(ctx, d.read, tenant)
}

func (d *DB) rulesState(ctx context.Context, q querier, tenant string) (s directory.RulesState, err error) {
	err = d.row(ctx, q, `select rules, rules_next, rules_refused from tenants where slug = $1`, tenant).Scan(&s.InForce, &s.Next, &s.Refused)
	if errors.Is(err, sql.ErrNoRows) {
		return s, unknownTenant(tenant)
	}
	if err != nil {
		return s, fmt.Errorf("read which rules of tenant %s are in force: %w", tenant, err)
	}
	return s, nil
}

// ProposeRules hands rules in that are kept already. The first ones of a tenant are in force at once; others are
// next, and take the place of whatever was. Rules that an admin has refused are handed in only with again.
// Those that are in force already end what was next.
func (d *DB) ProposeRules(ctx context.Context, tenant, hash string, again bool) (directory.RulesVerdict, error) {
	verdict := directory.RulesNext
	err := d.Update(ctx, tenant, func(ctx context.Context, t *Tx) error {
		state, err := d.rulesState(ctx, t.tx, tenant)
		if err != nil {
			return err
		}
		after := directory.RulesState{InForce: state.InForce, Next: hash, Refused: state.Refused}
		switch {
		case state.InForce == "":
			verdict, after = directory.RulesAdopted, directory.RulesState{InForce: hash}
		case state.InForce == hash:
			verdict, after = directory.RulesInForce, directory.RulesState{InForce: hash}
		case state.Refused == hash && !again:
			verdict, after.Next = directory.RulesRefused, ""
		default:
			after.Refused = ""
		}
		if after == state {
			return nil
		}
		if err := t.putRulesState(ctx, after); err != nil || state.Next == "" || state.Next == after.Next {
			return err
		}
		const outdate = `
			update runs set state = 'outdated', finished_at = {now}, error = 'the rules of this plan were replaced before it was applied; ' || error
			where tenant = $1 and rules = $2 and state = 'held'`
		_, err = d.exec(ctx, t.tx, outdate, tenant, state.Next)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("hand in rules %s of tenant %s: %w", directory.ShortHash(hash), tenant, err)
	}
	return verdict, nil
}

// putRulesState writes which rules stand where. Each process sees the list of tenants change.
func (t *Tx) putRulesState(ctx context.Context, s directory.RulesState) error {
	const query = `update tenants set rules = $2, rules_next = $3, rules_refused = $4 where slug = $1`
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, s.InForce, s.Next, s.Refused); err != nil {
		return fmt.Errorf("note which rules are in force: %w", err)
	}
	t.rules = s.InForce
	if _, err := t.db.exec(ctx, t.tx, nextVersion); err != nil {
		return fmt.Errorf("tell of the rules in force: %w", err)
	}
	return nil
}

// Rules is the hash of the rules that are in force in this transaction; empty when there are none.
func (t *Tx) Rules() string { return t.rules }

// AdoptRules brings rules into force that are next, and returns false when they are not, nor in force already.
func (t *Tx) AdoptRules(ctx context.Context, hash string) (bool, error) {
	if t.rules == hash {
		return true, nil
	}
	state, err := t.db.rulesState(ctx, t.tx, t.tenant)
	if err != nil || state.Next != hash {
		return false, err
	}
	return true, t.putRulesState(ctx, directory.RulesState{InForce: hash})
}

// RefuseRules notes that an admin has rejected the run of rules. Those that are not next any more stay as they are.
func (t *Tx) RefuseRules(ctx context.Context, hash string) error {
	state, err := t.db.rulesState(ctx, t.tx, t.tenant)
	if err != nil || state.Next != hash {
		return err
	}
	state.Next, state.Refused = "", hash
	return t.putRulesState(ctx, state)
}

// RunOfRules returns whether a run that is to bring the rules into force is under way or waits for an admin.
func (d *DB) RunOfRules(ctx context.Context, tenant, hash string) (bool, error) {
	const query = `
		select count(*) from runs
		where tenant = $1 and rules = $2 and not dry_run and state in ('queued', 'reading', 'applying', 'held')`
	var count int
	if err := d.row(ctx, d.read, query, tenant, hash).Scan(&count); err != nil {
		return false, fmt.Errorf("look for the run of rules %s of tenant %s: %w", directory.ShortHash(hash), tenant, err)
	}
	return count > 0, nil
}
