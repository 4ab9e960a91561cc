package sync

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/directory"
)

// Fields of the product's own (Rules.Owned) take Okta's value as long as they have none. From the
// first one on, whoever it came from, Okta's counts no more, and only the product writes them: also
// when it empties one.

// keeps says whether a field is the product's and has what Okta does not replace.
func (r *rule) keeps(keep *directory.Profile) bool {
	return r.owned && (keep.Has(r.field) || slices.Contains(keep.Emptied, r.field))
}

// Owned lists the fields that the product owns. All others are Okta's.
func (e *Engine) Owned() []directory.Field { return slices.Clone(e.rules.Owned) }

// SetOwned writes fields of the product's own; nil empties one. It is all or nothing.
//
// Errors: *directory.InvalidError when a field is not the product's, a value does not fit or another
// person has it; directory.ErrNotFound when nobody has the id.
func (e *Engine) SetOwned(ctx context.Context, person string, values map[directory.Field]any, actor string) (Result, error) {
	result := Result{Scope: directory.PersonScope(person)}
	clean, err := e.mapper.writable(values)
	if err != nil {
		return result, err
	}
	cause := directory.Cause{Kind: directory.CauseProduct, Actor: actor}
	err = e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		rows, err := tx.People(ctx, []string{person})
		if err != nil {
			return fmt.Errorf("load person %s: %w", person, err)
		}
		if len(rows) == 0 || rows[0].Status == directory.StatusRemoved {
			return directory.Refuse(directory.ErrNotFound, "person %s is not in the directory (any more); nothing was written", person)
		}
		change, err := e.mapper.own(rows[0], clean)
		if err != nil || change == nil {
			return err
		}
		planned := []directory.PlannedChange{*change}
		if e.settles() { // a role may be given in the team that the field names
			planned = append(planned, grantsDueFor(person, tx.Now()))
		}
		done, err := e.applyBatch(ctx, tx, planned, cause)
		if err != nil {
			return err
		}
		if done.quarantined > 0 {
			return invalid("fields", "another person has the same value of a field that the rules allow only once; nothing was written")
		}
		managers, more, err := resolveManagers(ctx, tx, e.rules.Managers, cause)
		if err != nil {
			return err
		}
		result.more = more
		result.count(done)
		result.countChanges(managers)
		return appendChanges(ctx, tx, append(done.changes, managers...))
	})
	if err != nil {
		return Result{Scope: result.Scope}, fmt.Errorf("write fields of person %s: %w", person, err)
	}
	return result, e.settleRest(ctx, cause, &result)
}

func invalid(key, says string) *directory.InvalidError {
	return &directory.InvalidError{Problems: []directory.InvalidSetting{{Key: key, Says: says}}}
}

// writable checks what the product wants to write, and says all that is wrong with it.
func (m *mapper) writable(values map[directory.Field]any) (map[directory.Field]any, error) {
	var wrong directory.InvalidError
	add := func(f directory.Field, format string, args ...any) {
		wrong.Problems = append(wrong.Problems, directory.InvalidSetting{Key: "fields." + string(f), Says: fmt.Sprintf(format, args...)})
	}
	clean := make(map[directory.Field]any, len(values))
	for _, f := range sortedKeys(values) {
		at := slices.IndexFunc(m.fields, func(r rule) bool { return r.field == f })
		switch {
		case at < 0:
			add(f, "is no field of this tenant; a custom one is written custom.<name> and has to be declared")
			continue
		case !m.fields[at].owned:
			add(f, "is locked: Okta owns it (%s); change it in Okta, or list it under owned", m.fields[at].words())
			continue
		}
		value, says := m.fields[at].given(values[f])
		if value == nil && slices.Contains(m.rules.Required, f) && says == "" {
			says = "is required, so it cannot be emptied"
		}
		if says != "" {
			add(f, "%s", says)
			continue
		}
		clean[f] = value
	}
	if len(values) == 0 {
		return nil, invalid("fields", "names no field; give at least one")
	}
	if len(wrong.Problems) > 0 {
		return nil, &wrong
	}
	return clean, nil
}

// given is a value that the product gave in the form in which it is kept, or why it does not fit.
func (r *rule) given(value any) (any, string) {
	list, isList := value.([]any)
	if value == nil || isList && len(list) == 0 {
		return nil, ""
	}
	if isList != (r.kind == directory.CustomList) {
		return nil, "has to be a single value, or, if the field is a list, a list of texts"
	}
	if !isList {
		list = []any{value}
	}
	items := make([]any, 0, len(list))
	for _, item := range list {
		text, isText := item.(string)
		if isText != (r.kind != directory.CustomNumber && r.kind != directory.CustomBoolean) {
			return nil, "is not of the field's type"
		}
		if !isText {
			text = asText(item)
		}
		plain := rule{field: r.field, kind: r.kind, choices: r.choices, source: source{dateAs: r.dateAs}}
		if r.kind == directory.CustomDate {
			plain.dates = r.dates
		}
		text, unfit := plain.shaped(asText(text))
		typed, why := plain.typed(text)
		if unfit == "" {
			unfit = why
		}
		if unfit != "" {
			return nil, strings.Replace(unfit.Words(), "that the rule names", "that the rule names (YYYY-MM-DD, if it names none)", 1)
		}
		if typed != nil {
			items = append(items, typed)
		}
	}
	switch {
	case len(items) == 0:
		return nil, ""
	case len(items) > maxItems:
		return nil, directory.UnfitLong.Words()
	case r.kind == directory.CustomList:
		return items, ""
	default:
		return items[0], ""
	}
}

// own plans to write checked values over a row; nil when nothing differs.
func (m *mapper) own(row directory.Person, values map[directory.Field]any) (*directory.PlannedChange, error) {
	next := row
	next.Profile.Custom, next.Profile.Unfit = cloned(row.Profile.Custom), cloned(row.Profile.Unfit)
	next.Profile.Emptied = slices.DeleteFunc(slices.Clone(row.Profile.Emptied), func(f directory.Field) bool {
		_, written := values[f]
		return written
	})
	for _, f := range sortedKeys(values) {
		setIn(&next.Profile, f, values[f])
		delete(next.Profile.Unfit, f) // which was about Okta's value
		if values[f] == nil {
			next.Profile.Emptied = append(next.Profile.Emptied, f)
		}
	}
	slices.Sort(next.Profile.Emptied)
	if !next.Detached() {
		m.placeByProfile(&next)
	}
	change, err := m.personChange(&row, next)
	if change != nil {
		// Like a look at the status alone it says nothing about the rest of the record, so that a
		// person in quarantine stays there.
		change.StatusOnly = true
	}
	return change, err
}

func cloned[K comparable, V any](m map[K]V) map[K]V {
	copied := make(map[K]V, len(m))
	for k, v := range m {
		copied[k] = v
	}
	return copied
}
