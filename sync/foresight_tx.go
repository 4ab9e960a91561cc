package sync

import (
	"context"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/directory"
)

// foreseenTx shows the directory as it will be when the plan is applied, in what resolveManagers asks for, and takes what that writes.
type foreseenTx struct {
	Tx
	foresight *foresight
}

// TakeDirtyManagers takes from the queue of the run.
func (t foreseenTx) TakeDirtyManagers(ctx context.Context, limit int) ([]string, error) {
	return t.TakePlanned(ctx, t.foresight.run.run.ID, limit)
}

// MarkTeamsDirty queues those who will be in the teams.
func (t foreseenTx) MarkTeamsDirty(ctx context.Context, teams []string) error {
	return t.NoteTeams(ctx, t.foresight.run.run.ID, teams)
}

// PutManagers keeps what will be written.
func (t foreseenTx) PutManagers(ctx context.Context, edges []directory.ManagerEdge) error {
	return t.PutPlannedManagers(ctx, t.foresight.run.run.ID, edges)
}

// Teams are as the plan makes them.
func (t foreseenTx) Teams(ctx context.Context, ids []string) ([]directory.Team, error) {
	rows, err := t.Tx.Teams(ctx, ids)
	if err != nil {
		return nil, err
	}
	known := byID(rows, func(row directory.Team) string { return row.ID })
	for _, id := range ids {
		if row, changed := t.foresight.teams[id]; changed {
			known[id] = row
		}
	}
	rows = rows[:0]
	for _, id := range sortedKeys(known) {
		rows = append(rows, known[id])
	}
	return rows, nil
}

// PutTeams keeps what will be written.
func (t foreseenTx) PutTeams(_ context.Context, teams []directory.Team) error {
	for _, team := range teams {
		t.foresight.teams[team.ID] = team
	}
	return nil
}

// People are as the plan makes them.
func (t foreseenTx) People(ctx context.Context, ids []string) ([]directory.Person, error) {
	rows, err := t.Tx.People(ctx, ids)
	if err != nil {
		return nil, err
	}
	writes, err := t.writes(ctx, ids)
	if err != nil {
		return nil, err
	}
	known := byID(rows, func(p directory.Person) string { return p.ID })
	for id, w := range writes {
		known[id] = w.after
	}
	rows = rows[:0]
	for _, id := range sortedKeys(known) {
		rows = append(rows, known[id])
	}
	return rows, nil
}

// Identify finds whoever will be present under one of the refs.
func (t foreseenTx) Identify(ctx context.Context, refs []string) ([]directory.Identity, error) {
	found, err := t.Tx.Identify(ctx, refs)
	if err != nil {
		return nil, err
	}
	ids, err := t.PlannedNamed(ctx, t.foresight.run.run.ID, refs)
	if err != nil {
		return nil, err
	}
	known := byID(found, func(i directory.Identity) string { return i.PersonID })
	for id := range known {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	writes, err := t.writes(ctx, slices.Compact(ids))
	if err != nil {
		return nil, err
	}
	for id, w := range writes {
		if delete(known, id); w.after.Present() {
			known[id] = identityOf(w.after)
		}
	}
	found = found[:0]
	for _, id := range sortedKeys(known) {
		found = append(found, known[id])
	}
	return found, nil
}

func identityOf(p directory.Person) directory.Identity {
	return directory.Identity{PersonID: p.ID, Login: p.Profile.Login, Email: p.Profile.Email, EmployeeNumber: p.Profile.EmployeeNumber, Name: p.Profile.Name()}
}

// ManagerEdges are as the plan, and what was resolved so far, makes them.
func (t foreseenTx) ManagerEdges(ctx context.Context, ids []string) ([]directory.ManagerEdge, error) {
	stored, err := t.Tx.ManagerEdges(ctx, ids)
	if err != nil {
		return nil, err
	}
	writes, err := t.writes(ctx, ids)
	if err != nil {
		return nil, err
	}
	resolved, err := t.PlannedManagers(ctx, t.foresight.run.run.ID, ids)
	if err != nil {
		return nil, err
	}
	known := byID(stored, func(e directory.ManagerEdge) string { return e.PersonID })
	teams := map[string]bool{}
	for id, w := range writes {
		edge := known[id]
		edge.PersonID, edge.Present, edge.Team.ID = id, w.after.Present(), w.after.TeamID
		edge.IDText, edge.Text, edge.Link = w.after.Profile.ManagerIDText, w.after.Profile.ManagerText, w.after.Profile.ManagerLink
		known[id] = edge
	}
	for _, edge := range known {
		teams[edge.Team.ID] = true
	}
	rows, err := t.Teams(ctx, sortedKeys(teams))
	if err != nil {
		return nil, err
	}
	leads := byID(rows, func(row directory.Team) string { return row.ID })
	for id, edge := range known {
		team := leads[edge.Team.ID]
		edge.Team = directory.Team{ID: team.ID, ManagerID: team.ManagerID, FirstPerson: team.FirstPerson, FirstManagerID: team.FirstManagerID}
		known[id] = edge
	}
	for _, r := range resolved {
		edge := known[r.PersonID]
		edge.Wanted, edge.ManagerID, edge.Source, edge.Problem = r.Wanted, r.ManagerID, r.Source, r.Problem
		known[r.PersonID] = edge
	}
	edges := make([]directory.ManagerEdge, 0, len(known))
	for _, edge := range known {
		edges = append(edges, edge)
	}
	slices.SortFunc(edges, func(a, b directory.ManagerEdge) int { return strings.Compare(a.PersonID, b.PersonID) })
	return edges, nil
}
