package main

import (
	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/directory"
)

// rulesOf turns a tenant's configuration into the rules of the domain.
func rulesOf(t config.Tenant) directory.Rules {
	rules := directory.Rules{
		Mapping:  map[directory.Field]directory.Source{},
		Required: fieldsOf(t.Required),
		Unique:   fieldsOf(t.Unique),
		TeamFrom: directory.Field(t.TeamFrom),
		Groups: directory.GroupSelection{
			IDs: t.Groups.IDs, Names: t.Groups.Names, Types: t.Groups.Types, Exclude: t.Groups.Exclude,
		},
		Limits: directory.Limits{
			People: directory.Limit(t.Limits.People), Members: directory.Limit(t.Limits.Members), Groups: directory.Limit(t.Limits.Groups),
			PlanMaxAge: t.Limits.PlanMaxAge, Safety: directory.Safety(t.Limits.Safety),
		},
		Deprovision: directory.Deprovision{Policy: directory.DeprovisionPolicy(t.Deprovision.Policy), Grace: t.Deprovision.Grace},
	}
	for field, source := range t.Mapping {
		rules.Mapping[directory.Field(field)] = sourceOf(source)
	}
	for _, c := range t.CustomFields {
		rules.Custom = append(rules.Custom, directory.CustomField{Name: c.Name, Type: directory.CustomType(c.Type), Choices: c.Choices, Source: sourceOf(c.Source)})
	}
	return rules
}

func sourceOf(s config.Source) directory.Source {
	return directory.Source{
		From: s.From, Join: s.Join, With: s.With, Case: directory.TextCase(s.Case), Map: s.Map, OnlyMapped: s.OnlyMapped,
		Dates: layouts(s.Dates), DateAs: config.DateLayout(s.DateAs), Default: s.Default,
	}
}

func layouts(formats []string) []string {
	var all []string
	for _, format := range formats {
		all = append(all, config.DateLayout(format))
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
