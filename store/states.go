package store

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// addStates gives changes the states of their subjects. No state is stored: it is the subject's row, with the
// changes that came later taken back one by one, newest first. So it costs no writer anything, who is erased
// leaves no copy, and it needs nothing that a short retention takes away.
//
// The rows are read before the later changes, without a transaction around both. What is committed in between is taken
// back as well, although the row does not show it, and that is harmless: the oldest change of a field has the last word.
//
// Changes that are complete, in order and without any left out, are not read once more.
func (d *DB) addStates(ctx context.Context, tenant string, changes []directory.Change, complete bool) error {
	people := subjects[directory.Person]{
		kind: directory.SubjectPerson, history: ofPerson,
		rows: func(ids []string) ([]directory.Person, error) { return d.people(ctx, d.read, tenant, ids) },
		id:   func(p *directory.Person) string { return p.ID },
		put: func(p *directory.Person) *directory.State {
			return &directory.State{Person: &directory.Person{
				ID: p.ID, Status: p.Status, OktaStatus: p.OktaStatus, Assignment: p.Assignment, Profile: p.Profile,
				TeamID: p.TeamID, FurtherTeams: p.FurtherTeams, ManagerID: p.ManagerID, ManagerSource: p.ManagerSource, ManagerProblem: p.ManagerProblem,
			}}
		},
		before: (*directory.Person).Before, after: (*directory.Person).After,
	}
	teams := subjects[directory.Team]{
		kind: directory.SubjectTeam, history: ofTeam,
		rows: func(ids []string) ([]directory.Team, error) { return d.TeamsByID(ctx, tenant, ids) },
		id:   func(t *directory.Team) string { return t.ID },
		put: func(t *directory.Team) *directory.State {
			return &directory.State{Team: &directory.Team{ID: t.ID, Source: t.Source, Name: t.Name, ParentID: t.ParentID, GroupID: t.GroupID, ManagerID: t.ManagerID, FirstManagerID: t.FirstManagerID, OktaName: t.OktaName}}
		},
		before: (*directory.Team).Before, after: (*directory.Team).After,
	}
	groups := subjects[directory.Group]{
		kind: directory.SubjectGroup, history: ofGroup,
		rows: func(ids []string) ([]directory.Group, error) { return d.groups(ctx, d.read, tenant, ids) },
		id:   func(g *directory.Group) string { return g.ID },
		put: func(g *directory.Group) *directory.State {
			return &directory.State{Group: &directory.Group{ID: g.ID, Name: g.Name, Description: g.Description, Type: g.Type, Assigned: g.Assigned}}
		},
		before: (*directory.Group).Before, after: (*directory.Group).After,
	}
	for _, add := range []func(context.Context, *DB, string, []directory.Change, bool) error{people.add, teams.add, groups.add} {
		if err := add(ctx, d, tenant, changes, complete); err != nil {
			return fmt.Errorf("work out what the subjects of %d changes of tenant %s were like: %w", len(changes), tenant, err)
		}
	}
	for i, c := range changes {
		switch c.Subject {
		case directory.SubjectPerson, directory.SubjectTeam, directory.SubjectGroup:
		case directory.SubjectMembership:
			changes[i].State = &directory.State{Membership: &directory.Membership{
				GroupID: c.SubjectID, PersonID: c.PersonID, Present: c.Type == directory.MembershipAdded,
			}}
		default:
			values := map[string]any{}
			for _, f := range c.Fields {
				if f.After != nil {
					values[f.Field] = f.After
				}
			}
			changes[i].State = &directory.State{Values: values}
		}
	}
	return nil
}

// subjects is one kind of subject, whose rows are of type T.
type subjects[T any] struct {
	kind directory.SubjectKind
	// history reads the changes of subjects that came after one, in order.
	history string
	rows    func(ids []string) ([]T, error)
	id      func(*T) string
	put     func(*T) *directory.State
	// before and after take a change back, and make it; nil is an unknown state.
	before, after func(*T, directory.Change) *T
}

func (k subjects[T]) add(ctx context.Context, d *DB, tenant string, changes []directory.Change, complete bool) error {
	wanted := map[int64]*directory.Change{}
	seen := map[string]bool{}
	var ids []string
	var own []directory.Change
	after := int64(-1)
	for i := range changes {
		c := &changes[i]
		if c.Subject != k.kind {
			continue
		}
		wanted[c.Seq] = c
		if complete {
			own, after = append(own, *c), c.Seq
		} else if after < 0 || c.Seq <= after {
			after = c.Seq - 1
		}
		if !seen[c.SubjectID] {
			seen[c.SubjectID] = true
			ids = append(ids, c.SubjectID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	rows, err := k.rows(ids)
	if err != nil {
		return err
	}
	state := make(map[string]*T, len(rows))
	for i := range rows {
		state[k.id(&rows[i])] = &rows[i]
	}
	unknown := map[string]bool{}
	takeBack := func(c directory.Change) {
		is := state[c.SubjectID]
		state[c.SubjectID] = k.before(is, c)
		to := wanted[c.Seq]
		switch {
		case to == nil:
		case is != nil:
			to.State = k.put(is)
		default:
			unknown[c.SubjectID] = true
		}
	}
	if err := k.changes(ctx, d, tenant, ids, after, " desc", takeBack); err != nil {
		return err
	}
	for _, c := range slices.Backward(own) {
		takeBack(c)
	}
	return k.addOld(ctx, d, tenant, wanted, unknown)
}

// addOld is for subjects whose rows are gone, or are those of a later life, and begins with their creation. What was before
// an erasure stays unknown.
func (k subjects[T]) addOld(ctx context.Context, d *DB, tenant string, wanted map[int64]*directory.Change, unknown map[string]bool) error {
	if len(unknown) == 0 {
		return nil
	}
	state := map[string]*T{}
	given := map[string][]*directory.Change{} // what was given states since the creation
	return k.changes(ctx, d, tenant, slices.Sorted(maps.Keys(unknown)), 0, "", func(c directory.Change) {
		state[c.SubjectID] = k.after(state[c.SubjectID], c)
		if c.Type == directory.PersonErased {
			for _, to := range given[c.SubjectID] {
				to.State = nil
			}
		}
		if to := wanted[c.Seq]; to != nil && to.State == nil && state[c.SubjectID] != nil {
			to.State = k.put(state[c.SubjectID])
			given[c.SubjectID] = append(given[c.SubjectID], to)
		}
	})
}

// What reads the changes of subjects after one. Of teams and groups the index has no numbers, and seq > $3 alone would
// tempt SQLite to go through all that follows, once for each of them.
const (
	ofPerson = historyOf + `person_id <> '' and person_id = key and seq > $3 and subject = 'person' order by seq`
	ofTeam   = historyOf + `subject_id = key and seq + 0 > $3 and subject = 'team' order by seq`
	ofGroup  = historyOf + `subject_id = key and seq + 0 > $3 and subject = 'group' order by seq`

	historyOf = keyed + `select seq, type, subject_id, person_id, fields from wanted cross join changes where tenant = of_tenant and `
)

// changes hands on the changes of subjects that came after one, in order or, with desc, the newest first. There may be
// any number of them: none is kept.
func (k subjects[T]) changes(ctx context.Context, d *DB, tenant string, ids []string, after int64, desc string, do func(directory.Change)) error {
	err := each(ctx, d.read, expand(d.dialect, k.history+desc, ""), d.args([]any{tenant, ids, after}), func(s scanner) error {
		var c directory.Change
		err := s.Scan(&c.Seq, &c.Type, &c.SubjectID, &c.PersonID, jsonText{&c.Fields})
		if err == nil {
			do(c)
		}
		return err
	})
	return d.explain(err)
}
