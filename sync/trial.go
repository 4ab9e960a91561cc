package sync

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Try reads one person from Okta, by id or login, and returns what the rules make of them. Nothing
// is written. It fails with directory.ErrNotFound when Okta has nobody of that name.
func (e *Engine) Try(ctx context.Context, ref string) (directory.Trial, error) {
	seen, err := e.source.Person(ctx, directory.PersonRequest{Ref: ref, Links: e.mapper.links})
	if err != nil {
		return directory.Trial{}, fmt.Errorf("read %s from Okta: %w", directory.PersonScope(ref).Public(), err)
	}
	if seen.ID == "" || !seen.Exists {
		return directory.Trial{}, directory.Refuse(directory.ErrNotFound, "Okta has nobody with this id or login")
	}
	if e.rules.Groups.Assigned && len(seen.Groups) > 0 { // the rules in force may not have asked
		assigned, err := e.source.AssignedGroups(ctx)
		if err != nil {
			return directory.Trial{}, err
		}
		for i := range seen.Groups {
			seen.Groups[i].Assigned = assigned[seen.Groups[i].ID]
		}
	}
	status, raw := statusOf(seen)
	trial := directory.Trial{PersonID: seen.ID, Status: status, OktaStatus: raw, Assigned: seen.Assigned}
	err = plain(e.store).Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		rows, err := tx.People(ctx, []string{seen.ID})
		if err != nil {
			return fmt.Errorf("load person %s: %w", seen.ID, err)
		}
		var row directory.Person
		if len(rows) == 1 {
			row = rows[0]
		}
		next := row
		next.ID, next.Status, next.LeftAt = seen.ID, status, seen.At
		if status.Present() {
			next.LeftAt = time.Time{}
		}
		next.Profile = e.mapper.profile(seen, row.Profile)
		trial.Fields = e.mapper.told(seen, row.Profile, next.Profile)
		if status.Present() {
			trial.Teams = e.teamsTried(seen, next.Profile)
		}
		if fault, bad := e.mapper.fault(seen.ID, next.Profile); bad && status.Present() {
			trial.Quarantine = append(trial.Quarantine, fault)
		}
		unique := e.rules.Unique
		if custom := e.rules.UniqueCustom(); !tx.UniqueIndexed(custom) { // the rules are not in force, and only then are they looked up
			unique = slices.DeleteFunc(slices.Clone(unique), func(f directory.Field) bool { return slices.Contains(custom, f) })
		}
		b := &batch{engine: e, tx: tx}
		_, duplicates, err := b.unique(ctx, []personWrite{{before: row, after: next}}, unique)
		trial.Quarantine = append(trial.Quarantine, duplicates...)
		return err
	})
	if err != nil {
		return directory.Trial{}, fmt.Errorf("try the rules on person %s: %w", seen.ID, err)
	}
	ignored := map[string]bool{}
	e.mapper.ignored(seen, ignored)
	trial.Ignored = sortedKeys(ignored)
	return trial, nil
}

// told is how each field came about.
func (m *mapper) told(seen directory.PersonSeen, keep, made directory.Profile) []directory.TrialField {
	fields := make([]directory.TrialField, len(m.fields))
	for i := range m.fields {
		r := &m.fields[i]
		fields[i] = directory.TrialField{
			Field: r.field, Rule: r.words(), Result: valueIn(&made, r.field), Unfit: made.Unfit[r.field],
			Owned: r.owned, Kept: r.keeps(&keep),
		}
		for _, a := range slices.Concat(r.from, r.join) {
			fields[i].Okta = append(fields[i].Okta, directory.TrialValue{Attribute: a.String(), Value: a.of(&seen)})
		}
	}
	return fields
}

// teamsTried are the teams that the rules give somebody who was just read.
func (e *Engine) teamsTried(seen directory.PersonSeen, made directory.Profile) []directory.TrialTeam {
	var groups []directory.GroupOfPerson
	for _, g := range seen.Groups {
		if e.rules.Groups.Selects(g) {
			groups = append(groups, directory.GroupOfPerson{PersonID: seen.ID, GroupID: g.ID, Name: g.Name, Type: g.Type, Assigned: g.Assigned})
		}
	}
	slices.SortFunc(groups, func(a, b directory.GroupOfPerson) int { return strings.Compare(a.GroupID, b.GroupID) })
	var teams []directory.TrialTeam
	for _, t := range e.mapper.teamsOf(&made, groups, e.mapper.teamGroupsOf(groups, teamGroups{})) {
		tried := directory.TrialTeam{Team: t.team, Rule: e.mapper.teamRule(t)}
		for _, above := range t.above {
			tried.Above = append(tried.Above, above.Name)
		}
		teams = append(teams, tried)
	}
	return teams
}

// words tells the rule as its file does.
func (r *rule) words() string {
	var steps []string
	add := func(format string, args ...any) { steps = append(steps, fmt.Sprintf(format, args...)) }
	names := func(list []attribute) string {
		var all []string
		for _, a := range list {
			all = append(all, a.String())
		}
		return strings.Join(all, ", ")
	}
	if len(r.from) > 0 {
		add("from %s", names(r.from))
	}
	if len(r.join) > 0 {
		add("join %s with %q", names(r.join), r.with)
	}
	if r.textCase != "" {
		add("case %s", r.textCase)
	}
	if r.values != nil {
		only := ""
		if r.onlyMapped {
			only = "only "
		}
		add("%smap of %d", only, len(r.values))
	}
	if len(r.dates) > 0 {
		add("date")
	}
	if r.kind != "" {
		add("type %s", r.kind)
	}
	if r.def != "" {
		add("default %q", r.def)
	}
	if len(steps) == 0 {
		return "from nothing"
	}
	return strings.Join(steps, "; ")
}
