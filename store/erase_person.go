package store

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// LeftFor returns ids of people who left at least so long ago, and of whom more is kept than a
// tombstone, at most limit, those who left first before the others. Detached people, whose
// accounts stayed, are not among them, and neither is anybody who may be back: about whom events wait, who
// is quarantined, which is only who is present in Okta, or whom a plan brings back that is not applied yet.
func (d *DB) LeftFor(ctx context.Context, tenant string, grace time.Duration, limit int) ([]string, error) {
	const query = `
		select id from people
		where tenant = $1 and left_at <= {now} - {micros $2} and status in ('deactivated', 'removed') and ` + everHere + `
			and not exists (select 1 from inbox_scopes s where s.tenant = $1 and s.scope_kind = 'person' and s.scope_id = people.id and s.done_at is null and s.parked_at is null)
			and not exists (select 1 from quarantine q where q.tenant = $1 and q.person_id = people.id)
			and not exists (select 1 from runs r cross join plan c where r.tenant = $1 and r.state in ('reading', 'applying', 'held', 'planned')
				and c.tenant = $1 and c.run = r.id and c.subject = 'person' and c.subject_id = people.id and c.type = 'person.reactivated')
		order by left_at, id limit $3`
	ids, err := list(ctx, d, d.read, scanText, query, tenant, grace, limit)
	if err != nil {
		return nil, fmt.Errorf("find people of tenant %s who left: %w", tenant, err)
	}
	return ids, nil
}

// Record records what an admin did.
func (t *Tx) Record(ctx context.Context, act directory.Act) error {
	act.Tenant = t.tenant
	return t.db.record(ctx, t.tx, act)
}

// Erase removes what is kept of people beside their rows, which the caller has turned into tombstones;
// people are the rows as they were before. Their ids stay, and with them the history without
// its values. It returns the ids of the teams that went along, because no row names them any more: the
// name of a team that only one person was in says something about that person.
func (t *Tx) Erase(ctx context.Context, people []directory.Person) ([]string, error) {
	e := &personEraser{Tx: t, teams: map[string]bool{}, logins: map[string]string{}}
	for _, p := range people {
		e.ids = append(e.ids, p.ID)
		for _, team := range append([]string{p.TeamID}, p.FurtherTeams...) {
			e.teams[team] = true
		}
		e.logins[directory.Fold(p.Profile.Login)], e.logins[directory.Fold(p.Profile.Email)] = p.ID, p.ID
	}
	// Changes first: they say in which teams people were, and under which logins they were known.
	for _, step := range []struct {
		what string
		do   func(context.Context) error
	}{
		{"rows", e.rows}, {"roles and licenses", e.grants}, {"changes", e.changes}, {"plans", e.plans}, {"quarantine", e.quarantine},
		{"parked events", e.parked}, {"runs", e.runs}, {"acts", e.acts}, {"attempts to deliver", e.attempts}, {"teams", e.emptyTeams},
	} {
		if err := step.do(ctx); err != nil {
			return nil, fmt.Errorf("erase what %s keep of %d people: %w", step.what, len(people), err)
		}
	}
	return e.told, nil
}

// personEraser is one call of Erase.
type personEraser struct {
	*Tx
	ids    []string
	teams  map[string]bool   // in which they were
	logins map[string]string // folded logins and e-mails, with the person
	gone   []string          // teams of which no name is kept
	told   []string          // those that ended with this, because nobody was in them but they
}

func (e *personEraser) rows(ctx context.Context) error {
	const query = `update people set manager_id = '', manager_wanted = '', manager_source = '', manager_problem = '', created_at = {at $3}, seen = '', seen_basis = '', seen_hash = '', seen_at = null where tenant = $1 and id {in $2}`
	if _, err := e.db.exec(ctx, e.tx, query, e.tenant, e.ids, e.now); err != nil {
		return err
	}
	for _, table := range []string{"manager_choices", "unique_values", "plan_names"} {
		if _, err := e.db.exec(ctx, e.tx, `delete from `+table+` where tenant = $1 and person_id {in $2}`, e.tenant, e.ids); err != nil {
			return err
		}
	}
	return nil
}

// grants: what was taken with the row has gone already; what is left was kept, or is of rules that are no more.
func (e *personEraser) grants(ctx context.Context) error {
	claims, err := e.LicenseClaims(ctx, e.ids)
	if err != nil {
		return err
	}
	if err := e.DropLicenseClaims(ctx, claims); err != nil {
		return err
	}
	for _, table := range []string{"role_grants", "grants_dirty", "team_members"} {
		if _, err := e.db.exec(ctx, e.tx, `delete from `+table+` where tenant = $1 and person_id {in $2}`, e.tenant, e.ids); err != nil {
			return err
		}
	}
	return nil
}

// keptValues are the fields whose values tell what happened, and nothing about who it was.
func keptValues() []string {
	return []string{"status", "okta_status", "assignment", "manager_problem", "manager_source", "source", "state"}
}

// emptied returns fields without the values that tell who somebody is.
func emptied(fields []directory.FieldChange) (string, error) {
	rest := make([]directory.FieldChange, len(fields))
	for i, f := range fields {
		rest[i] = f
		if !slices.Contains(keptValues(), f.Field) {
			rest[i] = directory.FieldChange{Field: f.Field}
		}
	}
	text, err := json.Marshal(rest)
	return string(text), err
}

// storedFields are the fields of a change or of a planned change.
type storedFields struct {
	run    string // of a planned change
	seq    int64
	person string
	fields []directory.FieldChange
}

func (e *personEraser) changes(ctx context.Context) error {
	const find = keyed + `
		select '', seq, person_id, fields from wanted cross join changes
		where tenant = of_tenant and person_id <> '' and person_id = key and fields <> ''`
	found, err := e.find(ctx, find, e.ids)
	if err != nil {
		return err
	}
	for _, c := range found {
		for _, f := range c.fields {
			for _, value := range []any{f.Before, f.After} {
				if list, isList := value.([]any); isList && f.Field == directory.FurtherTeamsField {
					for _, item := range list {
						id, _ := item.(string)
						e.teams[id] = true
					}
				}
				text, isText := value.(string)
				switch {
				case !isText:
				case f.Field == "team":
					e.teams[text] = true
				case f.Field == string(directory.FieldLogin), f.Field == string(directory.FieldEmail):
					e.logins[directory.Fold(text)] = c.person
				}
			}
		}
	}
	return e.emptyChanges(ctx, found)
}

func (e *personEraser) find(ctx context.Context, query string, ids []string) ([]storedFields, error) {
	scan := func(s scanner) (c storedFields, err error) {
		return c, s.Scan(&c.run, &c.seq, &c.person, jsonText{&c.fields})
	}
	return list(ctx, e.db, e.tx, scan, query, e.tenant, ids)
}

func (e *personEraser) emptyChanges(ctx context.Context, found []storedFields) error {
	const query = `update changes set fields = v.fields from {rows} where tenant = $1 and changes.seq = v.at`
	batch, err := emptiedColumns(found)
	if err != nil || len(found) == 0 {
		return err
	}
	_, err = e.db.execRows(ctx, e.tx, query, batch, e.tenant)
	return err
}

func emptiedColumns(found []storedFields) ([]Column, error) {
	texted := make([]string, len(found))
	for i, c := range found {
		var err error
		if texted[i], err = emptied(c.fields); err != nil {
			return nil, err
		}
	}
	return []Column{
		texts("run", found, func(c *storedFields) string { return c.run }),
		ints("at", found, func(c *storedFields) int64 { return c.seq }),
		texts("person", found, func(c *storedFields) string { return c.person }),
		texts("fields", texted, func(text *string) string { return *text }),
	}, nil
}

// plans empties what stored plans would write, too. Those of groups, of which there are many, write nobody. The hash of the row before goes with the rest: it is
// made of the values. Such a change is never applied any more.
func (e *personEraser) plans(ctx context.Context) error {
	const find = keyed + `
		select p.run, p.seq, p.person_id, p.fields from runs r cross join wanted cross join plan p
		where r.tenant = $1 and r.scope_kind <> 'group' and p.tenant = of_tenant and p.run = r.id and p.subject = 'person' and p.subject_id = key
			and p.type <> 'person.quarantined'`
	found, err := e.find(ctx, find, e.ids)
	if err != nil || len(found) == 0 {
		return err
	}
	batch, err := emptiedColumns(found)
	if err != nil {
		return err
	}
	after := make([]string, len(found))
	for i, c := range found {
		row, err := json.Marshal(directory.Person{ID: c.person}.Tombstone())
		if err != nil {
			return err
		}
		after[i] = string(row)
	}
	const query = `update plan set fields = v.fields, after = v.after, before_hash = 'erased' from {rows}
		where tenant = $1 and plan.run = v.run and plan.seq = v.at`
	_, err = e.db.execRows(ctx, e.tx, query, append(batch, texts("after", after, func(text *string) string { return *text })), e.tenant)
	return err
}

func (e *personEraser) quarantine(ctx context.Context) error { return e.ReleaseQuarantined(ctx, e.ids) }

// parked: why work was given up may quote Okta, and Okta may quote a login.
func (e *personEraser) parked(ctx context.Context) error {
	const query = `update inbox_scopes set reason = '' where tenant = $1 and scope_kind = 'person' and scope_id {in $2} and done_at is null and reason <> ''`
	_, err := e.db.exec(ctx, e.tx, query, e.tenant, e.ids)
	return err
}

// runs of one person may have been asked for by login, and tell of an error in Okta's words.
func (e *personEraser) runs(ctx context.Context) error {
	const find = `select distinct scope_id from runs where tenant = $1 and scope_kind = 'person' and state not in ('queued', 'reading', 'applying')`
	const replace = `update runs set scope_id = $3 where tenant = $1 and scope_kind = 'person' and scope_id = $2 and state not in ('queued', 'reading', 'applying')`
	if err := e.byID(ctx, find, replace, ""); err != nil {
		return err
	}
	const quiet = `update runs set error = '' where tenant = $1 and scope_kind = 'person' and scope_id {in $2} and error <> ''`
	_, err := e.db.exec(ctx, e.tx, quiet, e.tenant, e.ids)
	return err
}

// attempts: what a receiver said may repeat what it was sent.
func (e *personEraser) attempts(ctx context.Context) error {
	const quiet = `update delivery_attempts set answer = '' where tenant = $1 and about {in $2} and answer <> ''`
	_, err := e.db.exec(ctx, e.tx, quiet, e.tenant, e.ids)
	return err
}

func (e *personEraser) acts(ctx context.Context) error {
	const find = `select distinct subject from acts where tenant = $1 and subject like 'person:%'`
	const replace = `update acts set subject = $3 where tenant = $1 and subject = $2`
	return e.byID(ctx, find, replace, "person:")
}

// byID replaces logins that find finds, with a prefix, by the ids of their people.
func (e *personEraser) byID(ctx context.Context, find, replace, prefix string) error {
	found, err := list(ctx, e.db, e.tx, scanText, find, e.tenant)
	if err != nil {
		return err
	}
	for _, text := range found {
		id := e.logins[directory.Fold(text[len(prefix):])]
		if id == "" {
			continue
		}
		if _, err := e.db.exec(ctx, e.tx, replace, e.tenant, text, prefix+id); err != nil {
			return err
		}
	}
	return nil
}

// emptyTeams deletes the teams that no row names any more, and their names wherever they stand.
func (e *personEraser) emptyTeams(ctx context.Context) error {
	delete(e.teams, "")
	// A team goes after those below it, and then perhaps the one above.
	const remove = `
		delete from teams where tenant = $1 and id {in $2}
			and (select 1 from people p where p.tenant = $1 and p.team_id <> '' and p.team_id = teams.id limit 1) is null
			and (select 1 from team_members m where m.tenant = $1 and m.team_id = teams.id limit 1) is null
			and (select 1 from teams t where t.tenant = $1 and t.parent_id <> '' and t.parent_id = teams.id limit 1) is null
			and (merged_into = '' or (select 1 from teams t where t.tenant = $1 and t.id = teams.merged_into limit 1) is null)
		returning id, parent_id, removed`
	type ended struct {
		id, above string
		before    bool // it had ended before
	}
	scan := func(s scanner) (r ended, err error) { return r, s.Scan(&r.id, &r.above, &r.before) }
	for candidates := slices.Sorted(maps.Keys(e.teams)); len(candidates) > 0; {
		removed, err := list(ctx, e.db, e.tx, scan, remove, e.tenant, candidates)
		if err != nil {
			return err
		}
		candidates = nil
		var ids []string
		for _, r := range removed {
			ids = append(ids, r.id)
			if !r.before {
				e.told = append(e.told, r.id)
			}
			if r.above != "" {
				candidates = append(candidates, r.above)
			}
		}
		if len(ids) == 0 {
			continue
		}
		e.gone = append(e.gone, ids...)
		merged, err := list(ctx, e.db, e.tx, scanText, `select id from teams where tenant = $1 and merged_into <> '' and merged_into {in $2}`, e.tenant, ids)
		if err != nil {
			return err
		}
		candidates = append(candidates, merged...)
	}
	slices.Sort(e.told)
	// A merge outlives the people whom it moved, and the name of the team that ended by it may be of one of them alone.
	const quiet = `update teams set name = '', okta_name = '' where tenant = $1 and id {in $2} and merged_into <> '' returning id`
	nameless, err := list(ctx, e.db, e.tx, scanText, quiet, e.tenant, slices.Sorted(maps.Keys(e.teams)))
	if err != nil {
		return err
	}
	if e.gone = append(e.gone, nameless...); len(e.gone) == 0 {
		return nil
	}
	slices.Sort(e.gone)
	const find = keyed + `
		select '', seq, subject_id, fields from wanted cross join changes
		where tenant = of_tenant and subject = 'team' and subject_id = key and fields <> ''`
	found, err := e.find(ctx, find, e.gone)
	if err != nil {
		return err
	}
	if err := e.emptyChanges(ctx, found); err != nil {
		return err
	}
	// What a receiver said to the team's changes may repeat its name.
	const unsaid = `update delivery_attempts set answer = '' where tenant = $1 and about {in $2} and answer <> ''`
	if _, err := e.db.exec(ctx, e.tx, unsaid, e.tenant, e.gone); err != nil {
		return err
	}
	return e.summaries(ctx)
}

// summaries takes the names of those teams out of the summaries of plans.
func (e *personEraser) summaries(ctx context.Context) error {
	type summary struct {
		run  string
		plan directory.PlanSummary
	}
	scan := func(s scanner) (r summary, err error) { return r, s.Scan(&r.run, jsonText{&r.plan}) }
	all, err := list(ctx, e.db, e.tx, scan, `select id, plan_summary from runs where tenant = $1 and plan_summary <> ''`, e.tenant)
	if err != nil {
		return err
	}
	for _, r := range all {
		named := false
		for _, effects := range [][]directory.PlanEffect{r.plan.Teams, r.plan.Effects} {
			for i := range effects {
				if slices.Contains(e.gone, effects[i].ID) {
					effects[i].Name, named = "", true
				}
			}
		}
		if !named {
			continue
		}
		text, err := json.Marshal(r.plan)
		if err != nil {
			return err
		}
		if _, err := e.db.exec(ctx, e.tx, `update runs set plan_summary = $3 where tenant = $1 and id = $2`, e.tenant, r.run, string(text)); err != nil {
			return err
		}
	}
	return nil
}
