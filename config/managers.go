package config

import "slices"

// Managers says how the managers of people are found.
type Managers struct {
	Mode       string   // ManagersOverride, ManagersIndividual or ManagersFirstMember
	Resolve    []string // ways to find the manager whom Okta means, best first
	WhenLeaves string   // ManagerKeep or ManagerClear
}

// Whose word counts for a manager.
const (
	ManagersOverride    = "override"
	ManagersIndividual  = "individual"
	ManagersFirstMember = "first_member"
)

// What becomes of the reports of a manager who leaves.
const (
	ManagerKeep  = "keep"
	ManagerClear = "clear"
)

func managerSettings() []setting {
	at := func(t target) *Managers { return &t.tenant.Managers }
	return []setting{
		{
			key: "managers.mode", def: ManagersOverride,
			doc:   "Whose word counts for somebody's manager. override: the person's own manager in Okta, and where Okta names none, the one that an admin set on the primary team; individual: Okta alone; first_member: the primary team's manager, which is that of its first member until an admin sets another. An admin's choice for a person goes before all of them (docs/managers.md).",
			field: choiceField(func(t target) *string { return &at(t).Mode }, ManagersOverride, ManagersIndividual, ManagersFirstMember),
		},
		{
			key: "managers.resolve", def: "okta_id,login,email,employee_number",
			doc:   "How a manager is found, best first: okta_id, login, email, employee_number, display_name (first and last name, if only one person has it), by the texts that Okta has; linked_object, by mapping.manager_link. The first way that finds anybody decides.",
			field: listField(func(t target) *[]string { return &at(t).Resolve }, 6, checkManagerRef),
		},
		{
			key: "managers.when_manager_leaves", def: ManagerClear,
			doc:   "Whether the people of a manager who leaves keep them until Okta or an admin names another (keep), or have none (clear). Either way they are listed.",
			field: choiceField(func(t target) *string { return &at(t).WhenLeaves }, ManagerClear, ManagerKeep),
		},
	}
}

func checkManagerRef(text string) error {
	return oneOf("okta_id", "login", "email", "employee_number", "display_name", byLink)(text)
}

// byLink is the way to a manager that mapping.manager_link gives.
const byLink = "linked_object"

// checkManagerLink: what is read is used, for it costs calls, and what is used is read.
func (l *loader) checkManagerLink(t *Tenant) {
	if l.problems.has(t.key("managers")) {
		return
	}
	mapped, used := !t.Mapping["manager_link"].isEmpty(), slices.Contains(t.Managers.Resolve, byLink)
	switch {
	case used && !mapped:
		l.add(t.key("managers.resolve"), "linked_object needs to know which; set mapping.manager_link to link.<name>, with the name of the primary relationship, such as link.manager")
	case mapped && !used:
		l.add(t.key("mapping.manager_link.from"), "it is read, a call to Okta for each person, and not used; add linked_object to managers.resolve, or remove it")
	}
}
