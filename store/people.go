package store

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const personColumns = `id, status, okta_status, assignment,
	first_name, last_name, email, login, picture, title, language, location, department, employee_number,
	manager_id_text, manager_text, manager_link, custom, unfit, emptied, attributes, team_id, further_teams, manager_id, manager_wanted, manager_source, manager_problem,
	hash, observed_at, groups_observed_at, left_at, assigned_at, created_at, updated_at, seen_basis, seen_hash`

func scanPerson(s scanner) (p directory.Person, err error) {
	q := &p.Profile
	return p, s.Scan(&p.ID, &p.Status, &p.OktaStatus, &p.Assignment,
		&q.FirstName, &q.LastName, &q.Email, &q.Login, &q.Picture, &q.Title, &q.Language, &q.Location, &q.Department, &q.EmployeeNumber,
		&q.ManagerIDText, &q.ManagerText, &q.ManagerLink, jsonText{&q.Custom}, jsonText{&q.Unfit}, jsonText{&q.Emptied}, jsonText{&q.Attributes}, &p.TeamID, jsonText{&p.FurtherTeams}, &p.ManagerID, &p.ManagerWanted, &p.ManagerSource, &p.ManagerProblem,
		&p.Hash, moment{&p.ObservedAt}, moment{&p.GroupsObservedAt}, moment{&p.LeftAt}, moment{&p.AssignedAt}, moment{&p.CreatedAt}, moment{&p.UpdatedAt},
		&p.Seen.Basis, &p.Seen.Hash)
}

// People returns the rows of the ids, removed ones included, in order of id.
func (d *DB) People(ctx context.Context, tenant string, ids []string) ([]directory.Person, error) {
	return d.people(ctx, d.read, tenant, ids)
}

// People returns the rows of the ids, removed ones included, in order of id.
func (t *Tx) People(ctx context.Context, ids []string) ([]directory.Person, error) {
	return t.db.people(ctx, t.tx, t.tenant, ids)
}

func (d *DB) people(ctx context.Context, q querier, tenant string, ids []string) ([]directory.Person, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	const query = keyed + `select ` + personColumns + ` from wanted cross join people where tenant = of_tenant and id = key order by id`
	people, err := list(ctx, d, q, scanPerson, query, tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("read %d people of tenant %s: %w", len(ids), tenant, err)
	}
	return people, nil
}

// Hashes returns the hashes of the people in ids that have a row which
// is not removed.
func (d *DB) Hashes(ctx context.Context, tenant string, ids []string) (map[string]directory.RowHashes, error) {
	hashes := make(map[string]directory.RowHashes, len(ids))
	if len(ids) == 0 {
		return hashes, nil
	}
	const query = keyed + `select id, hash, seen_hash from wanted cross join people where tenant = of_tenant and id = key and status <> 'removed'`
	scan := func(s scanner) (row [3]string, err error) { return row, s.Scan(&row[0], &row[1], &row[2]) }
	rows, err := list(ctx, d, d.read, scan, query, tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("read the hashes of %d people of tenant %s: %w", len(ids), tenant, err)
	}
	for _, row := range rows {
		hashes[row[0]] = directory.RowHashes{Row: row[1], Seen: row[2]}
	}
	return hashes, nil
}

// detached says that somebody left and the account stayed (directory.Person.Detached).
const detached = `(left_at is not null and status in ('active', 'suspended'))`

// CountPeople returns how many people have the status, without those who are detached.
func (d *DB) CountPeople(ctx context.Context, tenant string, status directory.Status) (int, error) {
	var count int
	err := d.row(ctx, d.read, `select count(*) from people where tenant = $1 and status = $2 and not `+detached, tenant, string(status)).Scan(&count)
	if err != nil {
		return 0, fmt.Errorf("count the %s people of tenant %s: %w", status, tenant, err)
	}
	return count, nil
}

// Identify returns the present people (active or suspended) whose id is one of
// refs, or whose folded login, e-mail, employee number or name equals a folded ref, in
// order of id.
func (t *Tx) Identify(ctx context.Context, refs []string) ([]directory.Identity, error) {
	if len(refs) == 0 {
		return nil, nil
	}
	// A union, so that each part uses its index. An e-mail that equals the
	// login is found by the login. Present is worded as not gone: the planner
	// takes that for most people, and two statuses for so few that it reads them all.
	const columns = `
		select id, login, email, employee_number, first_name, last_name from wanted cross join people where tenant = of_tenant and `
	const present = ` and status not in ('deactivated', 'removed') and left_at is null `
	const query = `
		with wanted as materialized (
			select distinct cast($1 as text) as of_tenant, key, false as folded from {list $2}
			union all
			select distinct cast($1 as text), key, true from {list $3})` +
		columns + `id = key` + present + `and not folded
		union` + columns + `login_key = key` + present + `and folded and login_key <> ''
		union` + columns + `email_key = key` + present + `and folded and email_key <> '' and email_key <> login_key
		union` + columns + `employee_number_key = key` + present + `and folded and employee_number_key <> ''
		union` + columns + `name_key = key` + present + `and folded and name_key <> ''
		order by 1`
	scan := func(s scanner) (directory.Identity, error) {
		var i directory.Identity
		var p directory.Profile
		err := s.Scan(&i.PersonID, &i.Login, &i.Email, &i.EmployeeNumber, &p.FirstName, &p.LastName)
		i.Name = p.Name()
		return i, err
	}
	found, err := list(ctx, t.db, t.tx, scan, query, t.tenant, refs, fold(refs))
	if err != nil {
		return nil, fmt.Errorf("identify people by %d texts: %w", len(refs), err)
	}
	return found, nil
}

func fold(refs []string) []string {
	folded := make([]string, len(refs))
	for i, r := range refs {
		folded[i] = lookupKey(r)
	}
	return folded
}

// maxKey is the length up to which texts are looked up, in bytes. Postgres
// refuses index entries beyond some 2,700, and Okta's own limit for logins and
// e-mails is 100 characters (Users API); longer texts are stored all the same.
const maxKey = 1000

// lookupKey is the form in which texts are looked up; empty means never.
func lookupKey(text string) string {
	key := directory.Fold(text)
	if len(key) > maxKey {
		return ""
	}
	return key
}

// PutPeople writes whole rows but for the manager columns, which stay as they
// are (empty in a new row). CreatedAt is set on insert, and where there was but a tombstone,
// UpdatedAt always, both to Now. An id must not be there twice.
func (t *Tx) PutPeople(ctx context.Context, people []directory.Person) error {
	if len(people) == 0 {
		return nil
	}
	type person = directory.Person
	custom, err := jsonOf("custom", people, func(p *person) (any, bool) { return p.Profile.Custom, len(p.Profile.Custom) > 0 })
	if err != nil {
		return fmt.Errorf("write people: %w", err)
	}
	unfit, err := jsonOf("unfit", people, func(p *person) (any, bool) { return p.Profile.Unfit, len(p.Profile.Unfit) > 0 })
	if err != nil {
		return fmt.Errorf("write people: %w", err)
	}
	emptied, err := jsonOf("emptied", people, func(p *person) (any, bool) { return p.Profile.Emptied, len(p.Profile.Emptied) > 0 })
	if err != nil {
		return fmt.Errorf("write people: %w", err)
	}
	attributes, err := jsonOf("attributes", people, func(p *person) (any, bool) { return p.Profile.Attributes, len(p.Profile.Attributes) > 0 })
	if err != nil {
		return fmt.Errorf("write people: %w", err)
	}
	further, err := jsonOf("further_teams", people, func(p *person) (any, bool) { return p.FurtherTeams, len(p.FurtherTeams) > 0 })
	if err != nil {
		return fmt.Errorf("write people: %w", err)
	}
	batch := []Column{
		texts("id", people, func(p *person) string { return p.ID }),
		texts("status", people, func(p *person) string { return string(p.Status) }),
		texts("okta_status", people, func(p *person) string { return p.OktaStatus }),
		texts("assignment", people, func(p *person) string { return p.Assignment }),
		texts("first_name", people, func(p *person) string { return p.Profile.FirstName }),
		texts("last_name", people, func(p *person) string { return p.Profile.LastName }),
		texts("email", people, func(p *person) string { return p.Profile.Email }),
		texts("login", people, func(p *person) string { return p.Profile.Login }),
		texts("picture", people, func(p *person) string { return p.Profile.Picture }),
		texts("title", people, func(p *person) string { return p.Profile.Title }),
		texts("language", people, func(p *person) string { return p.Profile.Language }),
		texts("location", people, func(p *person) string { return p.Profile.Location }),
		texts("department", people, func(p *person) string { return p.Profile.Department }),
		texts("employee_number", people, func(p *person) string { return p.Profile.EmployeeNumber }),
		texts("manager_id_text", people, func(p *person) string { return p.Profile.ManagerIDText }),
		texts("manager_text", people, func(p *person) string { return p.Profile.ManagerText }),
		texts("manager_link", people, func(p *person) string { return p.Profile.ManagerLink }),
		custom, unfit, emptied, attributes,
		texts("team_id", people, func(p *person) string { return p.TeamID }),
		further,
		texts("login_key", people, func(p *person) string { return lookupKey(p.Profile.Login) }),
		texts("email_key", people, func(p *person) string { return lookupKey(p.Profile.Email) }),
		texts("employee_number_key", people, func(p *person) string { return lookupKey(p.Profile.EmployeeNumber) }),
		texts("manager_id_key", people, func(p *person) string { return lookupKey(p.Profile.ManagerIDText) }),
		texts("manager_text_key", people, func(p *person) string { return lookupKey(p.Profile.ManagerText) }),
		texts("hash", people, func(p *person) string { return p.Hash }),
		times("observed_at", people, func(p *person) time.Time { return p.ObservedAt }),
		times("groups_observed_at", people, func(p *person) time.Time { return p.GroupsObservedAt }),
		times("left_at", people, func(p *person) time.Time { return p.LeftAt }),
		times("assigned_at", people, func(p *person) time.Time { return p.AssignedAt }),
		texts("name_key", people, func(p *person) string { return lookupKey(p.Profile.Name()) }),
		texts("seen", people, func(p *person) string { return string(p.Seen.Values) }),
		texts("seen_basis", people, func(p *person) string { return written(p.Seen).Basis }),
		texts("seen_hash", people, func(p *person) string { return written(p.Seen).Hash }),
	}
	const query = `
		insert into people (tenant, created_at, updated_at,
			id, status, okta_status, assignment,
			first_name, last_name, email, login, picture, title, language, location, department, employee_number,
			manager_id_text, manager_text, manager_link, custom, unfit, emptied, attributes, team_id, further_teams,
			login_key, email_key, employee_number_key, manager_id_key, manager_text_key, hash,
			observed_at, groups_observed_at, left_at, assigned_at, name_key, seen, seen_basis, seen_hash, seen_at)
		select $1, {at $2}, {at $2},
			v.id, v.status, v.okta_status, v.assignment,
			v.first_name, v.last_name, v.email, v.login, v.picture, v.title, v.language, v.location, v.department, v.employee_number,
			v.manager_id_text, v.manager_text, v.manager_link, v.custom, v.unfit, v.emptied, v.attributes, v.team_id, v.further_teams,
			v.login_key, v.email_key, v.employee_number_key, v.manager_id_key, v.manager_text_key, v.hash,
			v.observed_at, v.groups_observed_at, nullif(v.left_at, {at $3}), nullif(v.assigned_at, {at $3}), v.name_key, v.seen, v.seen_basis, v.seen_hash, case when v.seen_hash <> '' then {at $2} end
		from {rows} where true
		on conflict (tenant, id) do update set
			status = excluded.status, okta_status = excluded.okta_status, assignment = excluded.assignment,
			first_name = excluded.first_name, last_name = excluded.last_name, email = excluded.email,
			login = excluded.login, picture = excluded.picture, title = excluded.title,
			language = excluded.language, location = excluded.location, department = excluded.department,
			employee_number = excluded.employee_number, manager_id_text = excluded.manager_id_text,
			manager_text = excluded.manager_text, manager_link = excluded.manager_link, custom = excluded.custom, team_id = excluded.team_id, further_teams = excluded.further_teams,
			unfit = excluded.unfit, emptied = excluded.emptied, attributes = excluded.attributes,
			login_key = excluded.login_key, email_key = excluded.email_key,
			employee_number_key = excluded.employee_number_key, manager_id_key = excluded.manager_id_key,
			manager_text_key = excluded.manager_text_key, hash = excluded.hash,
			observed_at = excluded.observed_at, left_at = excluded.left_at,
			assigned_at = excluded.assigned_at, name_key = excluded.name_key,
			created_at = case when people.status = 'removed' and people.okta_status = '' then excluded.created_at else people.created_at end,
			groups_observed_at = case when excluded.groups_observed_at > people.groups_observed_at
				then excluded.groups_observed_at else people.groups_observed_at end,
			seen = case when excluded.seen_hash <> '' then excluded.seen else people.seen end,
			seen_basis = case when excluded.seen_hash <> '' then excluded.seen_basis else people.seen_basis end,
			seen_hash = case when excluded.seen_hash <> '' then excluded.seen_hash else people.seen_hash end,
			seen_at = case when excluded.seen_hash <> '' then excluded.seen_at else people.seen_at end,
			updated_at = excluded.updated_at`
	if _, err := t.db.execRows(ctx, t.tx, query, batch, t.tenant, t.now, time.Time{}); err != nil {
		return fmt.Errorf("write %d people: %w", len(people), err)
	}
	return t.keepUnique(ctx, people)
}

// Touch moves ObservedAt of a person forward to at, and GroupsObservedAt to groupsAt:
// the row and its memberships were seen to be right.
func (t *Tx) Touch(ctx context.Context, personID string, at, groupsAt time.Time) error {
	const query = `
		update people set
			observed_at = case when observed_at < {at $3} then {at $3} else observed_at end,
			groups_observed_at = case when groups_observed_at < {at $4} then {at $4} else groups_observed_at end
		where tenant = $1 and id = $2 and (observed_at < {at $3} or groups_observed_at < {at $4})`
	if _, err := t.db.exec(ctx, t.tx, query, t.tenant, personID, at, groupsAt); err != nil {
		return fmt.Errorf("note when person %s was seen: %w", personID, err)
	}
	return nil
}

// Joiners returns which of the people the run's plan creates or brings back.
func (t *Tx) Joiners(ctx context.Context, run string, people []string) (map[string]bool, error) {
	joiners := make(map[string]bool, len(people))
	if len(people) == 0 {
		return joiners, nil
	}
	const query = keyed + `
		select distinct key from wanted cross join plan
		where tenant = of_tenant and run = (select $3) and subject = 'person' and subject_id = key and type in ('person.created', 'person.reactivated')`
	found, err := list(ctx, t.db, t.tx, scanText, query, t.tenant, people, run)
	if err != nil {
		return nil, fmt.Errorf("look whom the plan of run %s brings: %w", run, err)
	}
	for _, id := range found {
		joiners[id] = true
	}
	return joiners, nil
}

// CountCalled counts the present people whom a manager text means when it is looked up in this way, up to most.
func (d *DB) CountCalled(ctx context.Context, tenant string, ref directory.ManagerRef, text string, most int) (int, error) {
	column, key := "", directory.Fold(text)
	switch ref {
	case directory.ManagerByID:
		column, key = "id", text
	case directory.ManagerByLogin:
		column = "login_key"
	case directory.ManagerByEmail:
		column = "email_key"
	case directory.ManagerByNumber:
		column = "employee_number_key"
	case directory.ManagerByName:
		column = "name_key"
	default:
		return 0, fmt.Errorf("count whom a manager text of tenant %s means: there is no way %q to look one up", tenant, ref)
	}
	if key == "" {
		return 0, nil
	}
	query := `select count(*) from (select 1 from people
		where tenant = $1 and ` + column + ` = $2 and ` + column + ` <> '' and status in ('active', 'suspended') and left_at is null limit $3) called`
	var n int
	if err := d.row(ctx, d.read, query, tenant, key, most).Scan(&n); err != nil {
		return 0, fmt.Errorf("count whom a manager text of tenant %s means: %w", tenant, err)
	}
	return n, nil
}
