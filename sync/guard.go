package sync

import (
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

// maxReasons bounds how many groups a held plan names; the rest is counted.
const maxReasons = 5

// Guard judges a plan as a whole and returns a *directory.HeldError when it takes away more
// than the limits allow, or invites more people, or when there are doubts about what it rests on. A plan that only adds, that
// invites nobody, and about which there are none, always passes.
func Guard(limits directory.Limits, plan directory.PlanCounts, doubts []string) error {
	reasons := doubts
	if limits.People.Exceeded(plan.PeopleLeave, plan.PeopleBefore) {
		reasons = append(reasons, tooManyPeople(limits.People, plan.PeopleLeave, plan.PeopleBefore))
	}
	if limits.Groups.Exceeded(plan.GroupsLeave, plan.GroupsBefore) {
		reasons = append(reasons, fmt.Sprintf("%d of %d groups would be removed, over the limit of %s; a role that no longer sees "+
			"groups looks the same as groups that are gone", plan.GroupsLeave, plan.GroupsBefore, describe(limits.Groups)))
	}
	if limits.Roles.Exceeded(plan.RolesLeave, plan.RolesBefore) {
		reasons = append(reasons, fmt.Sprintf("%d of %d roles would be taken from people who stay, over the limit of %s",
			plan.RolesLeave, plan.RolesBefore, describe(limits.Roles)))
	}
	if limits.Licenses.Exceeded(plan.LicensesLeave, plan.LicensesBefore) {
		reasons = append(reasons, fmt.Sprintf("%d of %d licenses would be taken from people who stay, over the limit of %s",
			plan.LicensesLeave, plan.LicensesBefore, describe(limits.Licenses)))
	}
	if n := plan.ByType[directory.PersonCreated]; limits.Invites > 0 && n > limits.Invites {
		reasons = append(reasons, fmt.Sprintf("%d people would be created and with that invited, over the limit of %d (limits.invites)", n, limits.Invites))
	}
	over := 0
	for _, g := range plan.Groups {
		if !limits.Members.Exceeded(g.Leave, g.Before) {
			continue
		}
		if over++; over <= maxReasons {
			reasons = append(reasons, fmt.Sprintf("group %s would lose %d of %d members, over the limit of %s",
				g.GroupID, g.Leave, g.Before, describe(limits.Members)))
		}
	}
	if over > maxReasons {
		reasons = append(reasons, fmt.Sprintf("and %d more groups", over-maxReasons))
	}
	if reasons == nil {
		return nil
	}
	return &directory.HeldError{Reasons: reasons}
}

func tooManyPeople(limit directory.Limit, leave, before int) string {
	return fmt.Sprintf("%d of %d people would lose access, over the limit of %s", leave, before, describe(limit))
}

func describe(l directory.Limit) string {
	return fmt.Sprintf("%d or %g %% (up to %d always pass)", l.Absolute, l.Fraction*100, l.Floor)
}
