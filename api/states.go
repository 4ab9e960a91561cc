package api

import (
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

func stateOf(s *directory.State) *v1.State {
	switch {
	case s == nil:
		return nil
	case s.Person != nil:
		p := personOf(*s.Person)
		return &v1.State{Person: &v1.PersonState{
			ID: p.ID, Status: p.Status, OktaStatus: p.OktaStatus, Assignment: p.Assignment, Profile: p.Profile, Team: p.Team, FurtherTeams: p.FurtherTeams, Manager: p.Manager,
		}}
	case s.Team != nil:
		return &v1.State{Team: &v1.TeamState{ID: s.Team.ID, Name: s.Team.Name, Source: s.Team.Source, ParentID: s.Team.ParentID, GroupID: s.Team.GroupID, OktaName: s.Team.OktaName, ManagerID: s.Team.ManagerID, FirstManagerID: s.Team.FirstManagerID}}
	case s.Group != nil:
		return &v1.State{Group: &v1.GroupState{ID: s.Group.ID, Name: s.Group.Name, Description: s.Group.Description, Type: s.Group.Type, Assigned: s.Group.Assigned}}
	case s.Membership != nil:
		return &v1.State{Membership: &v1.MembershipState{GroupID: s.Membership.GroupID, PersonID: s.Membership.PersonID, Present: s.Membership.Present}}
	default:
		return &v1.State{Values: s.Values}
	}
}
