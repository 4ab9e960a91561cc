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
	engine  *Engine
	sum     directory.PlanSummary
	teams   map[string]*directory.PlanEffect
	groups  map[string]*directory.PlanEffect
	names   map[string]string // of teams that attributes make
	aliases directory.TeamAliases
}

// summarize reads the whole plan of the run once.
func (x *execution) summarize(ctx context.Context) (*directory.PlanSummary, error) {
	e := x.engine
	s := &summing{engine: e, teams: map[string]*directory.PlanEffect{}, groups: map[string]*directory.PlanEffect{}, names: map[string]string{}}
	s.sum.Changes = map[directory.ChangeType]int{}
	err := e.store.Update(ctx, e.tenant, func(ctx context.Context, tx Tx) (err error) {
		s.aliases, err = tx.TeamAliases(ctx)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read which teams are merged: %w", err)
	}
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
		case directory.SubjectTeam:
			s.moved(c)
		case directory.SubjectManager:
			s.managed(c)
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
	for _, t := range s.engine.mapper.teamsOf(&row.Profile, nil, nil) {
		s.names[t.team.ID] = t.team.Name
	}
	follow(&row, s.aliases)
	in := append([]string{row.TeamID}, row.FurtherTeams...)
	switch c.Type {
	case directory.PersonCreated:
		s.sum.Joiners++
		s.gain(in)
	case directory.PersonReactivated:
		s.sum.Returning++
		// Whoever was suspended was in the team all the while.
		before, _ := fieldOf(c, "status").Before.(string)
		if suspended := directory.Status(before) == directory.StatusSuspended && fieldOf(c, "team").Before == nil && fieldOf(c, "team").After == nil; !suspended {
			s.gain(in)
		}
	case directory.PersonSuspended:
		s.sum.Suspended++
	case directory.PersonRemoved, directory.PersonDeactivated:
		s.sum.Leavers++
		s.lose(in)
	case directory.PersonDetached:
		s.sum.Leavers++
		before, _ := teamsTold(c)
		s.lose(before)
	case directory.PersonUpdated:
		s.moved(c)
	}
	return nil
}

// moved counts a change of teams.
func (s *summing) moved(c directory.PlannedChange) {
	before, after := teamsTold(c)
	if from, to := fieldOf(c, "team").Before, fieldOf(c, "team").After; from != to && (from != nil || c.Subject == directory.SubjectPerson) {
		s.sum.Moves++ // who was in none until now, and comes with this plan, joins and does not move
	}
	s.lose(slices.DeleteFunc(slices.Clone(before), func(id string) bool { return slices.Contains(after, id) }))
	s.gain(slices.DeleteFunc(slices.Clone(after), func(id string) bool { return slices.Contains(before, id) }))
}

// managed counts whose manager will be another. That the same one comes from elsewhere is a change, and counts for none.
func (s *summing) managed(c directory.PlannedChange) {
	switch manager := fieldOf(c, "manager"); {
	case manager.Before == manager.After:
	case manager.Before == nil:
		s.sum.Managers.Gained++
	case manager.After == nil:
		s.sum.Managers.Lost++
	default:
		s.sum.Managers.Changed++
	}
}

func (s *summing) gain(teams []string) {
	for _, id := range teams {
		effectOf(s.teams, directory.SubjectTeam, id).Gained++
	}
}

func (s *summing) lose(teams []string) {
	for _, id := range teams {
		effectOf(s.teams, directory.SubjectTeam, id).Lost++
	}
}

// teamsTold are the teams that a change takes its person out of, and into.
func teamsTold(c directory.PlannedChange) (before, after []string) {
	all := func(values ...any) (ids []string) {
		for _, value := range values {
			switch v := value.(type) {
			case string:
				ids = append(ids, v)
			case []any:
				ids = append(ids, asList(v)...)
			}
		}
		return ids
	}
	team, further := fieldOf(c, "team"), fieldOf(c, directory.FurtherTeamsField)
	return all(team.Before, further.Before), all(team.After, further.After)
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
	teams = teams[:min(mostTeams, len(teams))]
	if err := s.nameTeams(ctx, teams); err != nil {
		return nil, err
	}
	s.sum.Teams = teams
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

// nameTeams names the teams that are there, and those that attributes make.
func (s *summing) nameTeams(ctx context.Context, teams []directory.PlanEffect) error {
	ids := make([]string, len(teams))
	for i, t := range teams {
		ids[i] = t.ID
	}
	return s.engine.store.Update(ctx, s.engine.tenant, func(ctx context.Context, tx Tx) error {
		rows, err := tx.Teams(ctx, ids)
		if err != nil {
			return fmt.Errorf("read the names of %d teams: %w", len(ids), err)
		}
		for _, row := range rows {
			s.names[row.ID] = row.Name
		}
		for i := range teams {
			teams[i].Name = s.names[teams[i].ID]
		}
		return nil
	})
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
