package sync

import (
	"context"
	"fmt"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

// managerBatch is how many people the manager pass resolves at a time.
const managerBatch = 500

// resolveManagers settles the managers of up to managerBatch people whose
// profile, team, or possible manager changed. It returns the changes and whether
// more people wait.
//
// The result depends on the facts alone, not on the order in which they came: the text is resolved
// among the people present now, a team's first member is told by when Okta assigned them, and whoever
// stands on a loop has no manager. When an edge changes, the loops it opens and the loops it
// closes both lie on the paths that start at its ends, so those paths are followed too.
func resolveManagers(ctx context.Context, tx Tx, rules directory.ManagerRules, cause directory.Cause) ([]directory.Change, bool, error) {
	dirty, err := tx.TakeDirtyManagers(ctx, managerBatch)
	if err != nil || len(dirty) == 0 {
		return nil, false, err
	}
	c := chart{rules: rules, edges: map[string]directory.ManagerEdge{}, wanted: map[string]target{}}
	if err := c.load(ctx, tx, dirty); err != nil {
		return nil, false, err
	}
	known, err := c.identify(ctx, tx, dirty)
	if err != nil {
		return nil, false, err
	}
	teams, err := c.followFirst(ctx, tx, dirty, known, cause)
	if err != nil {
		return nil, false, err
	}
	for _, id := range dirty {
		if edge, exists := c.edges[id]; exists {
			c.wanted[id] = known.choose(edge)
		}
	}
	if err := c.loadPaths(ctx, tx, dirty); err != nil {
		return nil, false, err
	}
	changed, changes := c.settle(cause)
	if err := tx.PutManagers(ctx, changed); err != nil {
		return nil, false, fmt.Errorf("write managers: %w", err)
	}
	return append(teams, changes...), len(dirty) == managerBatch || len(teams) > 0, nil
}

// target is whom a person is to have as their manager, by whose word, and what is in the way.
type target struct {
	id      string
	source  directory.ManagerSource
	problem directory.ManagerProblem
}

// chart is the part of the reporting lines that one pass needs.
type chart struct {
	rules  directory.ManagerRules
	edges  map[string]directory.ManagerEdge // as stored
	wanted map[string]target                // resolved anew
}

func (c *chart) load(ctx context.Context, tx Tx, ids []string) error {
	edges, err := tx.ManagerEdges(ctx, ids)
	if err != nil {
		return fmt.Errorf("load managers of %d people: %w", len(ids), err)
	}
	for _, e := range edges {
		c.edges[e.PersonID] = e
	}
	return nil
}

// identify looks up whomever the dirty people's texts, admins and teams name.
func (c *chart) identify(ctx context.Context, tx Tx, dirty []string) (*identities, error) {
	refs, ids := map[string]bool{}, map[string]bool{}
	for _, id := range dirty {
		edge := c.edges[id]
		lead, _ := edge.Team.Lead(c.rules.Mode)
		for _, named := range []string{edge.Chosen, lead, edge.Wanted, edge.Team.FirstManagerID} {
			ids[named], refs[named] = true, true
		}
		refs[edge.IDText], refs[edge.Text], refs[edge.Link] = true, true, true
	}
	delete(refs, "")
	delete(ids, "")
	found, err := tx.Identify(ctx, sortedKeys(refs))
	if err != nil {
		return nil, fmt.Errorf("look up managers: %w", err)
	}
	known := newIdentities(c.rules, found)
	for id := range known.present {
		delete(ids, id)
	}
	// Whoever is not present may have left.
	rows, err := tx.People(ctx, sortedKeys(ids))
	if err != nil {
		return nil, fmt.Errorf("look up %d managers who are not present: %w", len(ids), err)
	}
	for _, row := range rows {
		known.away[row.ID] = row
	}
	return known, nil
}

// followFirst gives teams the manager of their first member, and queues the people of those whose
// manager that changes.
func (c *chart) followFirst(ctx context.Context, tx Tx, dirty []string, known *identities, cause directory.Cause) ([]directory.Change, error) {
	if c.rules.Mode != directory.ManagersFirstMember {
		return nil, nil
	}
	leads := map[string]string{}
	for _, id := range dirty {
		edge := c.edges[id]
		if !edge.Present || edge.Team.FirstPerson != id {
			continue // once the first member is away, the team keeps the manager that it has
		}
		if lead := known.named(edge, edge.Team.FirstManagerID).id; lead != edge.Team.FirstManagerID {
			leads[edge.Team.ID] = lead
		}
	}
	if len(leads) == 0 {
		return nil, nil
	}
	rows, err := tx.Teams(ctx, sortedKeys(leads))
	if err != nil {
		return nil, fmt.Errorf("load %d teams: %w", len(leads), err)
	}
	var changes []directory.Change
	var moved []string
	for i, row := range rows {
		rows[i].FirstManagerID = leads[row.ID]
		changes = append(changes, teamLed(row, rows[i], cause)...)
		if row.ManagerID == "" { // an admin's goes before
			moved = append(moved, row.ID)
		}
	}
	if err := tx.PutTeams(ctx, rows); err != nil {
		return nil, fmt.Errorf("write the managers of %d teams: %w", len(rows), err)
	}
	for id, edge := range c.edges {
		if lead, changed := leads[edge.Team.ID]; changed {
			edge.Team.FirstManagerID = lead
			c.edges[id] = edge
		}
	}
	if err := tx.MarkTeamsDirty(ctx, moved); err != nil {
		return nil, err
	}
	return changes, nil
}

// teamLed returns the change that tells of a team's managers, or none when they are as before.
func teamLed(before, after directory.Team, cause directory.Cause) []directory.Change {
	fields := textFields("manager", before.ManagerID, after.ManagerID, "first_manager", before.FirstManagerID, after.FirstManagerID)
	if fields == nil {
		return nil
	}
	return []directory.Change{{Type: directory.TeamUpdated, Subject: directory.SubjectTeam, SubjectID: after.ID, Fields: fields, Cause: cause}}
}

// textFields lists texts that differ; each has a name and the values before and after.
func textFields(texts ...string) []directory.FieldChange {
	var fields []directory.FieldChange
	for t := range slices.Chunk(texts, 3) {
		if t[1] != t[2] {
			fields = append(fields, directory.FieldChange{Field: t[0], Before: orNil(t[1]), After: orNil(t[2])})
		}
	}
	return fields
}

// loadPaths follows the old and the new edges of the dirty people to their ends.
func (c *chart) loadPaths(ctx context.Context, tx Tx, dirty []string) error {
	asked := map[string]bool{}
	for _, id := range dirty {
		asked[id] = true
	}
	frontier := dirty
	for len(frontier) > 0 {
		next := map[string]bool{}
		for _, id := range frontier {
			for _, to := range []string{c.edges[id].Wanted, c.wanted[id].id} {
				if to != "" && !asked[to] {
					asked[to] = true
					next[to] = true
				}
			}
		}
		frontier = sortedKeys(next)
		if len(frontier) == 0 {
			return nil
		}
		if err := c.load(ctx, tx, frontier); err != nil {
			return err
		}
	}
	return nil
}

// target returns whom the person wants now.
func (c *chart) target(id string) target {
	if t, resolved := c.wanted[id]; resolved {
		return t
	}
	edge := c.edges[id]
	t := target{id: edge.Wanted, source: edge.Source, problem: edge.Problem}
	if t.problem == directory.ManagerLoop { // a loop is judged anew below
		t.problem = ""
	}
	return t
}

// settle finds the loops and returns the edges that differ from what is stored, with their changes.
func (c *chart) settle(cause directory.Cause) ([]directory.ManagerEdge, []directory.Change) {
	looping := c.loops()
	var changed []directory.ManagerEdge
	var changes []directory.Change
	for _, id := range sortedKeys(c.edges) {
		old := c.edges[id]
		want := c.target(id)
		next := old
		next.Wanted, next.ManagerID, next.Source, next.Problem = want.id, want.id, want.source, want.problem
		switch {
		case looping[id]:
			next.ManagerID, next.Problem = "", directory.ManagerLoop
		case want.problem == directory.ManagerLeft && !c.rules.KeepLeft:
			next.ManagerID = ""
		}
		if next == old {
			continue
		}
		changed = append(changed, next)
		if fields := managerFields(old, next); fields != nil {
			changes = append(changes, directory.Change{
				Type: directory.PersonManagerChanged, Subject: directory.SubjectPerson,
				SubjectID: id, PersonID: id, Fields: fields, Cause: cause,
			})
		}
	}
	return changed, changes
}

// managerFields lists what differs between two edges of a person.
func managerFields(old, next directory.ManagerEdge) []directory.FieldChange {
	return textFields("manager", old.ManagerID, next.ManagerID, "manager_source", string(old.Source), string(next.Source),
		"manager_problem", string(old.Problem), string(next.Problem))
}

// loops returns everybody who stands on a loop. Each person has at most one
// edge, so every path ends, or runs into exactly one loop.
func (c *chart) loops() map[string]bool {
	const walking, done = 1, 2
	state := map[string]int{}
	looping := map[string]bool{}
	for _, start := range sortedKeys(c.edges) {
		var path []string
		id := start
		for id != "" && state[id] == 0 {
			state[id] = walking
			path = append(path, id)
			id = c.target(id).id
		}
		if id != "" && state[id] == walking {
			for i := len(path) - 1; ; i-- {
				looping[path[i]] = true
				if path[i] == id {
					break
				}
			}
		}
		for _, p := range path {
			state[p] = done
		}
	}
	return looping
}
