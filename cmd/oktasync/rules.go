package main

import (
	"slices"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
)

// rulesOf turns a tenant's configuration into the rules of the domain.
func rulesOf(t config.Tenant) directory.Rules {
	rules := directory.Rules{
		Mapping:  map[directory.Field]directory.Source{},
		Required: fieldsOf(t.Required),
		Unique:   fieldsOf(t.Unique),
		Owned:    fieldsOf(t.Owned),
		Groups: directory.GroupSelection{
			IDs: t.Groups.IDs, Names: t.Groups.Names, Types: t.Groups.Types, Exclude: t.Groups.Exclude, Assigned: t.Groups.Assigned,
		},
		Limits: directory.Limits{
			People: directory.Limit(t.Limits.People), Members: directory.Limit(t.Limits.Members), Groups: directory.Limit(t.Limits.Groups),
			Roles: directory.Limit(t.Limits.Roles), Licenses: directory.Limit(t.Limits.Licenses),
			PlanMaxAge: t.Limits.PlanMaxAge, Safety: directory.Safety(t.Limits.Safety),
		},
		Managers:    managerRulesOf(t.Managers),
		Deprovision: directory.Deprovision{Policy: directory.DeprovisionPolicy(t.Deprovision.Policy), Grace: t.Deprovision.Grace},
	}
	rules.Invites = directory.InviteRules{
		Mode: directory.InvitesMode(t.Invites.Mode), SendBy: directory.InviteSender(t.Invites.SendBy), NotBefore: t.Invites.NotBefore,
	}
	if rules.Invites.Mode == directory.InvitesAutomatic {
		rules.Limits.Invites = t.Limits.Invites
	}
	for field, source := range t.Mapping {
		rules.Mapping[directory.Field(field)] = sourceOf(source, t.FieldPlace(field))
	}
	for _, c := range t.CustomFields {
		rules.Custom = append(rules.Custom, directory.CustomField{Name: c.Name, Type: directory.CustomType(c.Type), Choices: c.Choices, Source: sourceOf(c.Source, t.FieldPlace("custom."+c.Name))})
	}
	rules.Grants = grantsOf(t)
	if t.EmptyTeams == config.EmptyTeamsRemove { // keep is the zero value, so that rules from before are no others
		rules.EmptyTeams = directory.EmptyTeamsRemove
	}
	for _, s := range t.Teams {
		rule := directory.TeamRule{Path: s.Path, Line: s.Line}
		if s.Groups != nil {
			rule.Groups = &directory.GroupSelection{IDs: s.Groups.IDs, Names: s.Groups.Names, Types: s.Groups.Types, Exclude: s.Groups.Exclude, Assigned: s.Groups.Assigned}
			// A group that is to be a team is taken over.
			rules.Groups.IDs, rules.Groups.Names = slices.Concat(rules.Groups.IDs, s.Groups.IDs), slices.Concat(rules.Groups.Names, s.Groups.Names)
			rules.Groups.Types = slices.Concat(rules.Groups.Types, s.Groups.Types)
			rules.Groups.Assigned = rules.Groups.Assigned || s.Groups.Assigned
		}
		rules.Teams = append(rules.Teams, rule)
	}
	// A rule about roles that no membership is kept for would never fit.
	ids, patterns := t.GroupsNamed()
	rules.Groups.IDs, rules.Groups.Names = slices.Concat(rules.Groups.IDs, ids), slices.Concat(rules.Groups.Names, patterns)
	return rules
}

func sourceOf(s config.Source, place string) directory.Source {
	return directory.Source{
		From: s.From, Join: s.Join, With: s.With, Case: directory.TextCase(s.Case), Map: s.Map, OnlyMapped: s.OnlyMapped,
		Dates: layouts(s.Dates), DateAs: config.DateLayout(s.DateAs), Default: s.Default, Place: place,
	}
}

func layouts(formats []string) []string {
	var all []string
	for _, format := range formats {
		all = append(all, config.DateLayout(format))
	}
	return all
}

func grantsOf(t config.Tenant) directory.GrantRules {
	grants := directory.GrantRules{Protected: t.Protected}
	for _, s := range t.RoleSets {
		set := directory.RoleSet{Name: s.Name, Combine: directory.Combination(s.Combine), Rules: grantRulesOf(t, "role_sets", s.Rules)}
		for _, role := range s.Roles {
			set.Roles = append(set.Roles, directory.RoleKind{Name: role, KeepLast: slices.Contains(s.KeepLast, role)})
		}
		grants.Sets = append(grants.Sets, set)
	}
	for _, p := range t.LicensePools {
		grants.Pools = append(grants.Pools, directory.LicensePool{Name: p.Name, Cap: p.Cap, OnLower: directory.CapLowered(p.OnCapDecrease), Rules: grantRulesOf(t, "license_pools", p.Rules)})
	}
	return grants
}

func grantRulesOf(t config.Tenant, setting string, rules []config.GrantRule) []directory.GrantRule {
	var all []directory.GrantRule
	for _, r := range rules {
		all = append(all, directory.GrantRule{
			Name: r.Name, Place: t.GrantPlace(setting, r), Role: r.Role, Groups: r.Groups, GroupNames: r.GroupNames, Attribute: r.Attribute, Values: r.Values,
			Everyone: r.Everyone, Default: r.Default, Team: r.Team, TeamFrom: directory.TeamSource(r.TeamFrom),
		})
	}
	return all
}

func fieldsOf(names []string) []directory.Field {
	var fields []directory.Field
	for _, name := range names {
		fields = append(fields, directory.Field(name))
	}
	return fields
}

func managerRulesOf(m config.Managers) directory.ManagerRules {
	rules := directory.ManagerRules{Mode: directory.ManagerMode(m.Mode), KeepLeft: m.WhenLeaves == config.ManagerKeep}
	for _, ref := range m.Resolve {
		rules.Resolve = append(rules.Resolve, directory.ManagerRef(ref))
	}
	return rules
}
