package sync

import (
	"context"
	"encoding/json"
	"fmt"
	"reflect"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// foresight works out whose manager a plan that waits for an admin changes: resolveManagers itself, from the rows as they
// will be, writes into tables of the run (foreseenTx). A plan that is applied at once has no need of it: nothing
// judges managers, and they are settled from what was applied.
type foresight struct {
	run *execution
	// teams are those whose first member, or whose manager, the plan makes another, where the mode asks for that.
	teams map[string]directory.Team
}

// planManagers adds to a plan that is otherwise complete, person by person, whose manager it changes, and has it show
// teams as they will be by the merges of now.
func (x *execution) planManagers(ctx context.Context) error {
	f := &foresight{run: x, teams: map[string]directory.Team{}}
	for _, step := range []func(context.Context) error{f.forget, f.spread, f.everybody, f.settle, f.tell, f.forget} {
		if err := step(ctx); err != nil {
			return fmt.Errorf("plan managers in run %s: %w", x.run.ID, err)
		}
	}
	return nil
}

func (f *foresight) forget(ctx context.Context) error {
	return f.run.engine.store.ForgetForesight(ctx, f.run.engine.tenant, f.run.run.ID, f.run.owner)
}

// write is one step in a commit of its own, for as long as the run is this execution's.
func (f *foresight) write(ctx context.Context, fn func(context.Context, foreseenTx) error) error {
	e := f.run.engine
	return e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) error {
		if err := tx.SaveRun(ctx, f.run.run, f.run.owner, e.lease); err != nil {
			return err
		}
		return fn(ctx, foreseenTx{Tx: tx, foresight: f})
	})
}

// spread goes through the plan and queues everybody whose manager it may change.
func (f *foresight) spread(ctx context.Context) error {
	e := f.run.engine
	for after := int64(0); ; {
		page, err := e.store.Plan(ctx, e.tenant, f.run.run.ID, after, pageSize)
		if err != nil {
			return err
		}
		if len(page) == 0 {
			return nil
		}
		after = page[len(page)-1].Seq
		var amended []directory.PlannedChange
		err = f.write(ctx, func(ctx context.Context, tx foreseenTx) error {
			amended, err = tx.note(ctx, page)
			return err
		})
		if err != nil {
			return err
		}
		if err := e.store.AmendPlan(ctx, e.tenant, f.run.run.ID, f.run.owner, amended); err != nil {
			return err
		}
	}
}

// everybody queues whoever waits for the manager pass anyway, and everybody when it is to be by other rules.
func (f *foresight) everybody(ctx context.Context) error {
	x := f.run
	all := x.run.Scope.Kind == directory.ScopeFull || x.run.Scope.Kind == directory.ScopeRules
	err := f.write(ctx, func(ctx context.Context, tx foreseenTx) error {
		have, err := settledBy(ctx, tx)
		if err != nil {
			return err
		}
		all = all && have != digestOf(x.engine.rules.Managers)
		return tx.NoteWaiting(ctx, x.run.ID)
	})
	for after := ""; all && err == nil; {
		err = f.write(ctx, func(ctx context.Context, tx foreseenTx) error {
			ids, err := tx.AffectedPeople(ctx, x.run.ID, true, false, after, pageSize)
			if err != nil || len(ids) == 0 {
				all = false
				return err
			}
			after = ids[len(ids)-1]
			queued := make(map[string]string, len(ids))
			for _, id := range ids {
				queued[id] = ""
			}
			return tx.NotePlanned(ctx, x.run.ID, queued, nil)
		})
	}
	return err
}

// settle resolves all who are queued, and whoever follows from that.
func (f *foresight) settle(ctx context.Context) error {
	for more := true; more; {
		err := f.write(ctx, func(ctx context.Context, tx foreseenTx) error {
			var err error
			_, more, err = resolveManagers(ctx, tx, f.run.engine.rules.Managers, f.run.cause)
			return err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// tell plans a change for everybody who stays and whose manager will be another than now.
func (f *foresight) tell(ctx context.Context) error {
	for after, more := "", true; more; {
		var planned []directory.PlannedChange
		err := f.write(ctx, func(ctx context.Context, tx foreseenTx) error {
			settled, err := tx.AllPlannedManagers(ctx, f.run.run.ID, after, pageSize)
			if err != nil || len(settled) == 0 {
				more = false
				return err
			}
			after = settled[len(settled)-1].PersonID
			planned, err = tx.differing(ctx, settled)
			return err
		})
		if err != nil {
			return err
		}
		if err := f.run.plan(ctx, planned); err != nil {
			return err
		}
	}
	return nil
}

// differing compares managers as they will be with those that people have. Who leaves loses theirs with the row.
func (t foreseenTx) differing(ctx context.Context, settled []directory.ManagerEdge) ([]directory.PlannedChange, error) {
	ids := make([]string, len(settled))
	for i, e := range settled {
		ids[i] = e.PersonID
	}
	stored, err := t.Tx.ManagerEdges(ctx, ids)
	if err != nil {
		return nil, err
	}
	foreseen, err := t.ManagerEdges(ctx, ids)
	if err != nil {
		return nil, err
	}
	have := byID(stored, func(e directory.ManagerEdge) string { return e.PersonID })
	var planned []directory.PlannedChange
	for _, next := range foreseen {
		if fields := managerFields(have[next.PersonID], next); next.Present && fields != nil {
			planned = append(planned, directory.PlannedChange{
				Type: directory.PersonManagerChanged, Subject: directory.SubjectManager,
				SubjectID: next.PersonID, PersonID: next.PersonID, ObservedAt: t.Now(), Fields: fields,
			})
		}
	}
	return planned, nil
}

// note queues the people of a page of the plan, and returns those changes that show teams which others stand for.
func (t foreseenTx) note(ctx context.Context, page []directory.PlannedChange) ([]directory.PlannedChange, error) {
	var ids []string
	for _, c := range page {
		if c.Subject == directory.SubjectPerson || c.Subject == directory.SubjectTeam && c.PersonID != "" {
			ids = append(ids, c.PersonID)
		}
	}
	slices.Sort(ids)
	writes, err := t.writes(ctx, slices.Compact(ids))
	if err != nil || len(writes) == 0 {
		return nil, err
	}
	dirty, refs, teams := map[string]bool{}, map[string]bool{}, map[string]string{}
	var names []directory.Identity
	for _, id := range sortedKeys(writes) {
		w := writes[id]
		w.noteManagers(dirty, refs)
		// Who is called as before is found by the row.
		if now := identityOf(w.after); w.after.Present() && !(w.before.Present() && identityOf(w.before) == now) {
			names = append(names, now)
		}
	}
	for id := range dirty {
		teams[id] = writes[id].after.TeamID
	}
	if err := t.NoteNames(ctx, t.foresight.run.run.ID, names); err != nil {
		return nil, err
	}
	if err := t.NotePlanned(ctx, t.foresight.run.run.ID, teams, sortedKeys(refs)); err != nil {
		return nil, err
	}
	var amended []directory.PlannedChange
	for _, c := range page {
		if w, foreseen := writes[c.PersonID]; foreseen && c.Subject == directory.SubjectPerson && w.shown.Seq == c.Seq && !reflect.DeepEqual(w.shown.Fields, c.Fields) {
			amended = append(amended, w.shown)
		}
	}
	return amended, t.joinTeams(ctx, writes)
}

// joinTeams notes who will be the first in a team, as makeTeams will.
func (t foreseenTx) joinTeams(ctx context.Context, writes map[string]foreseen) error {
	if t.foresight.run.engine.rules.Managers.Mode != directory.ManagersFirstMember {
		return nil
	}
	joining := map[string][]personWrite{}
	for _, id := range sortedKeys(writes) {
		w := writes[id].personWrite
		if w.after.Present() && w.after.TeamID != "" && !(w.before.Present() && w.before.TeamID == w.after.TeamID) {
			joining[w.after.TeamID] = append(joining[w.after.TeamID], w)
		}
	}
	rows, err := t.Teams(ctx, sortedKeys(joining))
	if err != nil {
		return err
	}
	known := byID(rows, func(row directory.Team) string { return row.ID })
	for id, all := range joining {
		team := known[id]
		team.ID = id
		for _, w := range all {
			w.mayBeFirst(&team)
		}
		t.foresight.teams[id] = team
	}
	return nil
}

// foreseen is what a plan makes of a person.
type foreseen struct {
	personWrite
	shown directory.PlannedChange // of the row, with the teams that applying it leads to
}

// writes returns what the plan makes of the people, of those whom it changes. What applying would skip because the row has
// moved on is skipped.
func (t foreseenTx) writes(ctx context.Context, ids []string) (map[string]foreseen, error) {
	planned, err := t.PlannedFor(ctx, t.foresight.run.run.ID, ids)
	if err != nil || len(planned) == 0 {
		return nil, err
	}
	rows, err := t.Tx.People(ctx, ids)
	if err != nil {
		return nil, err
	}
	aliases, err := t.TeamAliases(ctx)
	if err != nil {
		return nil, err
	}
	before := byID(rows, func(p directory.Person) string { return p.ID })
	all := map[string]foreseen{}
	for _, c := range planned {
		row, exists := before[c.PersonID]
		w, met := all[c.PersonID]
		switch {
		case c.Type == personQuarantined:
		case c.Subject == directory.SubjectPerson:
			moved := exists && (row.Hash != c.BeforeHash || row.ObservedAt.After(c.ObservedAt)) || !exists && c.BeforeHash != ""
			if moved || met && w.shown.ObservedAt.After(c.ObservedAt) {
				continue
			}
			w = foreseen{personWrite: personWrite{before: row, change: c}}
			if err := json.Unmarshal(c.After, &w.after); err != nil {
				return nil, fmt.Errorf("decode planned row of person %s: %w", c.PersonID, err)
			}
			w.follow(aliases)
			w.shown = w.change
			all[c.PersonID] = w
		case c.Subject == directory.SubjectTeam: // groups put the person there
			if !met {
				w = foreseen{personWrite: personWrite{before: row, after: row}}
			}
			w.change = c
			for _, field := range c.Fields {
				if field.Field == "team" {
					w.after.TeamID, _ = field.After.(string)
				}
			}
			ruled := w.after.TeamID
			follow(&w.after, aliases)
			w.merged = w.after.TeamID != ruled
			all[c.PersonID] = w
		}
	}
	return all, nil
}
