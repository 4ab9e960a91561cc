package sync

import (
	"context"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

// managerBatch is how many people the manager pass resolves at a time.
const managerBatch = 500

// resolveManagers settles the managers of up to managerBatch people whose
// profile, or whose possible manager, changed. It returns the changes and whether
// more people wait.
//
// The result depends on the set of people alone, not on the order in which they
// came: the text is resolved among the people present now, and whoever stands on a loop has no
// manager. When an edge changes, the loops it opens and the loops it
// closes both lie on the paths that start at its ends, so those paths are followed too.
func resolveManagers(ctx context.Context, tx Tx, cause directory.Cause) ([]directory.Change, bool, error) {
	dirty, err := tx.TakeDirtyManagers(ctx, managerBatch)
	if err != nil || len(dirty) == 0 {
		return nil, false, err
	}
	chart := chart{edges: map[string]directory.ManagerEdge{}, wanted: map[string]target{}}
	if err := chart.load(ctx, tx, dirty); err != nil {
		return nil, false, err
	}
	if err := chart.resolve(ctx, tx, dirty); err != nil {
		return nil, false, err
	}
	if err := chart.loadPaths(ctx, tx, dirty); err != nil {
		return nil, false, err
	}
	changed, changes := chart.settle(cause)
	if err := tx.PutManagers(ctx, changed); err != nil {
		return nil, false, fmt.Errorf("write managers: %w", err)
	}
	return changes, len(dirty) == managerBatch, nil
}

// target is whom a profile's manager text means.
type target struct {
	id      string
	problem directory.ManagerProblem
}

// chart is the part of the reporting lines that one pass needs.
type chart struct {
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

// resolve looks up whom the texts of the dirty people mean.
func (c *chart) resolve(ctx context.Context, tx Tx, dirty []string) error {
	refs := map[string]bool{}
	for _, id := range dirty {
		edge := c.edges[id]
		for _, text := range []string{edge.IDText, edge.Text} {
			if text != "" {
				refs[text] = true
			}
		}
	}
	found, err := tx.Identify(ctx, sortedKeys(refs))
	if err != nil {
		return fmt.Errorf("look up managers: %w", err)
	}
	index := newIdentityIndex(found)
	for _, id := range dirty {
		if edge, exists := c.edges[id]; exists {
			c.wanted[id] = index.manager(edge)
		}
	}
	return nil
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
	t := target{id: edge.Wanted, problem: edge.Problem}
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
		next.Wanted, next.ManagerID, next.Problem = want.id, want.id, want.problem
		if looping[id] {
			next.ManagerID, next.Problem = "", directory.ManagerLoop
		}
		if next == old {
			continue
		}
		changed = append(changed, next)
		var fields []directory.FieldChange
		if next.ManagerID != old.ManagerID {
			fields = append(fields, directory.FieldChange{Field: "manager", Before: orNil(old.ManagerID), After: orNil(next.ManagerID)})
		}
		if next.Problem != old.Problem {
			fields = append(fields, directory.FieldChange{Field: "manager_problem", Before: orNil(string(old.Problem)), After: orNil(string(next.Problem))})
		}
		if fields != nil {
			changes = append(changes, directory.Change{
				Type: directory.PersonManagerChanged, Subject: directory.SubjectPerson,
				SubjectID: id, PersonID: id, Fields: fields, Cause: cause,
			})
		}
	}
	return changed, changes
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

// identityIndex finds people by what a manager text may contain.
type identityIndex struct {
	byID                       map[string]bool
	byLogin, byEmail, byNumber map[string][]string
}

func newIdentityIndex(found []directory.Identity) identityIndex {
	x := identityIndex{byID: map[string]bool{}, byLogin: map[string][]string{}, byEmail: map[string][]string{}, byNumber: map[string][]string{}}
	for _, f := range found {
		x.byID[f.PersonID] = true
		for _, e := range []struct {
			index map[string][]string
			key   string
		}{{x.byLogin, f.Login}, {x.byEmail, f.Email}, {x.byNumber, f.EmployeeNumber}} {
			if key := directory.Fold(e.key); key != "" {
				e.index[key] = append(e.index[key], f.PersonID)
			}
		}
	}
	return x
}

// manager resolves an edge's texts: managerId before manager, and each as Okta
// id, login, unique e-mail, then employee number. Okta keeps free text in both
// (Users API, "managerId": no referential integrity). Somebody who is not
// present has no manager to resolve.
func (x identityIndex) manager(edge directory.ManagerEdge) target {
	if !edge.Present {
		return target{}
	}
	worst := target{}
	for _, text := range []string{edge.IDText, edge.Text} {
		if text == "" {
			continue
		}
		t := x.lookUp(text)
		if t.id == edge.PersonID {
			t = target{problem: directory.ManagerSelf}
		}
		if t.id != "" {
			return t
		}
		// The first text that at least matched somebody says the most about what is wrong.
		if worst.problem == "" || worst.problem == directory.ManagerUnresolved {
			worst = t
		}
	}
	return worst
}

func (x identityIndex) lookUp(text string) target {
	if x.byID[text] {
		return target{id: text}
	}
	key := directory.Fold(text)
	for _, matches := range [][]string{x.byLogin[key], x.byEmail[key], x.byNumber[key]} {
		switch len(matches) {
		case 0:
			continue
		case 1:
			return target{id: matches[0]}
		default:
			return target{problem: directory.ManagerAmbiguous}
		}
	}
	return target{problem: directory.ManagerUnresolved}
}
