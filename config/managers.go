package config

import "errors"

// Managers says how the managers of people are found.
type Managers struct {
	Mode       string   // ManagersOverride, ManagersIndividual or ManagersFirstMember
	Resolve    []string // ways to find the person whom Okta's text means, best first
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
			doc:   "How the person is found whom Okta's text means, best first: okta_id, login, email, employee_number, display_name (first and last name, if only one person has it). The first way that finds anybody decides.",
			field: listField(func(t target) *[]string { return &at(t).Resolve }, 5, checkManagerRef),
		},
		{
			key: "managers.when_manager_leaves", def: ManagerClear,
			doc:   "Whether the people of a manager who leaves keep them until Okta or an admin names another (keep), or have none (clear). Either way they are listed.",
			field: choiceField(func(t target) *string { return &at(t).WhenLeaves }, ManagerClear, ManagerKeep),
		},
	}
}

func checkManagerRef(text string) error {
	if text == "linked_object" {
		return errors.New("linked_object cannot be used: Okta shows linked objects one person at a time only, which a full sync cannot afford; have the manager in an attribute as well, and map manager_id_text from it")
	}
	return oneOf("okta_id", "login", "email", "employee_number", "display_name")(text)
}
