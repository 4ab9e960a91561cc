package sync

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"github.com/oktasync/oktasync/directory"
)

const (
	// largest is how many effects a summary names, and mostTeams how many teams.
	largest   = 10
	mostTeams = 20
)

// summing adds a plan up, page by page. It holds one entry for each team and group that the plan
// touches, however many people that are.
type summing struct {
	engine *Engine
	sum    directory.PlanSummary
	teams  map[string]*directory.PlanEffect
	groups map[string]*directory.PlanEffect
}

// summarize reads the whole plan of the run once.
func (x *execution) summarize(ctx context.Context) (*directory.PlanSummary, error) {
	e := x.engine
	s := &summing{engine: e, teams: map[string]*directory.PlanEffect{}, groups: map[string]*directory.PlanEffect{}}
	s.sum.Changes = map[directory.ChangeType]int{}
	for after := int64(0); ; {
		page, err := e.store.Plan(ctx, e.tenant, x.run.ID, after, pageSize)
		if err != nil {
			return nil, fmt.Errorf("read the plan of run %s: %w", x.run.ID, err)
		}
		if len(page) == 0 {
			break
		}
		if err := s.add(ctx, page); err != nil {
			return nil, err
		}
		after = page[len(page)-1].Seq
		if err := x.progress(ctx); err != nil { // keeps the lease
			return nil, err
		}
	}
	return s.done(ctx)
}

func (s *summing) add(ctx context.Context, page []directory.PlannedChange) error {
	var removed []string
	for _, c := range page {
		s.sum.Changes[c.Type]++
		switch c.Subject {
		case directory.SubjectPerson:
			if err := s.person(c); err != nil {
				return err
			}
			if c.Type == directory.PersonRemoved || c.Type == directory.PersonDetached {
				removed = append(removed, c.PersonID)
			}
		case directory.SubjectMembership:
			group := effectOf(s.groups, directory.SubjectGroup, c.SubjectID)
			if c.Type == directory.MembershipAdded {
				group.Gained++
			} else {
				group.Lost++
			}
		}
	}
	// Who is removed leaves all groups with the row.
	lost, err := s.engine.store.GroupsOfPeople(ctx, s.engine.tenant, removed)
	if err != nil {
		return fmt.Errorf("count the memberships of %d leavers: %w", len(removed), err)
	}
	for id, n := range lost {
		effectOf(s.groups, directory.SubjectGroup, id).Lost += n
	}
	return nil
}

func (s *summing) person(c directory.PlannedChange) error {
	if c.Type == personQuarantined {
		return nil
	}
	var row directory.Person
	if err := json.Unmarshal(c.After, &row); err != nil {
		return fmt.Errorf("decode planned row of person %s: %w", c.PersonID, err)
	}
	now := func() *directory.PlanEffect {
		team := effectOf(s.teams, directory.SubjectTeam, row.TeamID)
		if named, ok := s.engine.mapper.team(row.Profile); ok && named.ID == row.TeamID {
			team.Name = named.Name
		}
		return team
	}
	switch c.Type {
	case directory.PersonCreated:
		s.sum.Joiners++
		now().Gained++
	case directory.PersonReactivated:
		s.sum.Returning++
		// Whoever was suspended was in the team all the while.
		before, _ := fieldOf(c, "status").Before.(string)
		if suspended := directory.Status(before) == directory.StatusSuspended && fieldOf(c, "team").Before == nil && fieldOf(c, "team").After == nil; !suspended {
			now().Gained++
		}
	case directory.PersonSuspended:
		s.sum.Suspended++
	case directory.PersonRemoved, directory.PersonDeactivated:
		s.sum.Leavers++
		now().Lost++
	case directory.PersonDetached:
		s.sum.Leavers++
		team, _ := fieldOf(c, "team").Before.(string)
		row.TeamID = team
		now().Lost++
	case directory.PersonUpdated:
		moved := fieldOf(c, "team")
		if moved.Field == "" {
			return nil
		}
		s.sum.Moves++
		now().Gained++
		from, _ := moved.Before.(string)
		old := effectOf(s.teams, directory.SubjectTeam, from)
		old.Lost++
		source := s.engine.rules.TeamFrom
		value, _ := fieldOf(c, string(source)).Before.(string)
		if named, ok := directory.TeamFor(string(source), value); ok && named.ID == from {
			old.Name = named.Name
		}
	}
	return nil
}

func fieldOf(c directory.PlannedChange, name string) directory.FieldChange {
	for _, f := range c.Fields {
		if f.Field == name {
			return f
		}
	}
	return directory.FieldChange{}
}

func effectOf(all map[string]*directory.PlanEffect, kind directory.SubjectKind, id string) *directory.PlanEffect {
	if all[id] == nil {
		all[id] = &directory.PlanEffect{Kind: kind, ID: id}
	}
	return all[id]
}

func (s *summing) done(ctx context.Context) (*directory.PlanSummary, error) {
	delete(s.teams, "") // who has none is in none
	teams, groups := ranked(s.teams), ranked(s.groups)
	s.sum.Teams = teams[:min(mostTeams, len(teams))]
	groups = groups[:min(largest, len(groups))]
	ids := make([]string, len(groups))
	for i, g := range groups {
		ids[i] = g.ID
	}
	rows, err := s.engine.store.Groups(ctx, s.engine.tenant, ids)
	if err != nil {
		return nil, fmt.Errorf("read the names of %d groups: %w", len(ids), err)
	}
	names := byID(rows, func(g directory.Group) string { return g.ID })
	for i := range groups {
		groups[i].Name = names[groups[i].ID].Name
	}
	effects := slices.Concat(teams, groups)
	slices.SortStableFunc(effects, larger)
	s.sum.Effects = effects[:min(largest, len(effects))]
	return &s.sum, nil
}

// ranked puts the largest effects first.
func ranked(all map[string]*directory.PlanEffect) []directory.PlanEffect {
	var list []directory.PlanEffect
	for _, id := range slices.Sorted(maps.Keys(all)) {
		list = append(list, *all[id])
	}
	slices.SortStableFunc(list, larger)
	return list
}

// larger sorts by members lost, then gained: what is taken away is what somebody has to look at.
func larger(a, b directory.PlanEffect) int {
	return cmp.Or(cmp.Compare(max(b.Lost, b.Gained), max(a.Lost, a.Gained)), cmp.Compare(b.Lost, a.Lost), cmp.Compare(a.Name, b.Name), cmp.Compare(a.ID, b.ID))
}
