package directory

import (
	"slices"
	"strings"
)

// Target is what an event is about. Okta: System Log API, "Target object".
type Target struct {
	ID          string
	Type        string // User, UserGroup, AppInstance, AppUser, …
	AlternateID string // the login at the time of the event, or "unknown"
}

// SubscribedEvents lists the event types that a hook should be subscribed to:
// the eight of the integration guides first, then those that close the gaps between
// them. All are hook-eligible. Okta: event types catalogue, 2026.08.1.
func SubscribedEvents() []string {
	return []string{
		"application.user_membership.add",
		"application.user_membership.remove",
		"group.user_membership.add",
		"group.user_membership.remove",
		"user.account.update_profile",
		"user.lifecycle.deactivate",
		"user.lifecycle.reactivate",
		"user.lifecycle.delete.initiated",

		"application.user_membership.update",
		"user.lifecycle.create",
		"user.lifecycle.activate",
		"user.lifecycle.suspend",
		"user.lifecycle.unsuspend",
		"user.account.lock",
		"user.account.unlock",
		"user.account.unlock_by_admin",
		"group.lifecycle.create",
		"group.lifecycle.delete",
		"group.profile.update",
		"group.application_assignment.add",
		"group.application_assignment.remove",
		"group.application_assignment.update",
		"application.lifecycle.activate",
		"application.lifecycle.deactivate",
		"application.lifecycle.delete",
		"system.import.complete",
	}
}

// GuideEvents lists the eight event types that the integration guides name;
// without one of them the promise "within seconds" is broken.
func GuideEvents() []string { return SubscribedEvents()[:8] }

// UrgentEvent says whether the event type may take access away: such scopes go before
// all others.
func UrgentEvent(eventType string) bool {
	switch eventType {
	case "user.lifecycle.deactivate", "user.lifecycle.suspend", "user.lifecycle.delete.initiated",
		"user.lifecycle.delete.completed", "application.user_membership.remove", "user.account.lock",
		"application.user_membership.deprovision", "application.user_membership.revoke",
		"system.import.user.delete", "system.import.user.suspend":
		return true
	default:
		return false
	}
}

// StatusEvent says whether the event type tells of the user's own status and of nothing
// else, so that a read of the user alone answers it.
func StatusEvent(eventType string) bool {
	switch eventType {
	case "user.lifecycle.deactivate", "user.lifecycle.suspend", "user.lifecycle.delete.initiated",
		"user.lifecycle.delete.completed", "user.account.lock":
		return true
	default:
		return false
	}
}

// SlowEvent says whether Okta may show what the event tells of only some time later:
// memberships and assignments, which its background jobs change, and deletions, which begin with
// this event. Okta: "eventually consistent", Apps and Groups API; users are deleted asynchronously.
func SlowEvent(eventType string) bool {
	return strings.HasPrefix(eventType, "application.user_membership.") || strings.HasPrefix(eventType, "group.user_membership.") ||
		strings.HasPrefix(eventType, "group.application_assignment.") || eventType == "user.lifecycle.delete.initiated"
}

// ScopesOf tells what an event of this type with these targets asks to
// reconcile, for a tenant whose product is the Okta app appID. Targets are
// picked by type, never by position (Okta: System Log API). The result is
// empty for events that touch nothing of ours.
//
//	event type                       targets used   scopes
//	user.*                           User           each person
//	application.user_membership.*    User, App      the person, if the app is ours or not named;
//	                                 AppUser        by login where no User is named
//	group.user_membership.*          User, Group    the person; the group where no User is named
//	group.lifecycle.*, .profile.*    UserGroup      each group
//	group.application_assignment.*   UserGroup, App each group, if the app is ours or not named
//	system.import.user.*             User           each person
//	application.lifecycle.activate,  App            everybody, if the app is named and ours: it can be
//	.deactivate, .delete                            used again, or nothing can be read and an admin hears of it
//	system.import.complete                          everybody: an import logs few of its changes one by one
//	all others                                      none
func ScopesOf(eventType string, targets []Target, appID string) []Scope {
	of := func(kind string) []string {
		var ids []string
		for _, t := range targets {
			if t.Type == kind && t.ID != "" && !slices.Contains(ids, t.ID) {
				ids = append(ids, t.ID)
			}
		}
		return ids
	}
	people := scopes(PersonScope, of("User"))
	groups := scopes(GroupScope, of("UserGroup"))
	apps := of("AppInstance")
	otherApp := len(apps) > 0 && !slices.Contains(apps, appID)

	switch {
	case strings.HasPrefix(eventType, "application.user_membership."):
		if otherApp {
			return nil
		}
		if len(people) == 0 {
			return scopes(PersonScope, appUserLogins(targets))
		}
		return people
	case strings.HasPrefix(eventType, "group.user_membership."):
		if len(people) == 0 {
			return groups
		}
		return people
	case strings.HasPrefix(eventType, "group.application_assignment."):
		if otherApp {
			return nil
		}
		return groups
	case strings.HasPrefix(eventType, "group.lifecycle."), strings.HasPrefix(eventType, "group.profile."):
		return groups
	case strings.HasPrefix(eventType, "user."), strings.HasPrefix(eventType, "system.import.user."):
		return people
	}
	switch eventType {
	case "application.lifecycle.activate", "application.lifecycle.deactivate", "application.lifecycle.delete":
		if slices.Contains(apps, appID) {
			return []Scope{FullScope()}
		}
		return nil
	case "system.import.complete":
		return []Scope{FullScope()}
	default:
		return nil
	}
}

// appUserLogins returns the logins under which AppUser targets are known: their own
// id (0ua…) cannot be read back. Okta: Apps API, application users.
func appUserLogins(targets []Target) []string {
	var logins []string
	for _, t := range targets {
		if t.Type == "AppUser" && t.AlternateID != "" && t.AlternateID != "unknown" && !slices.Contains(logins, t.AlternateID) {
			logins = append(logins, t.AlternateID)
		}
	}
	return logins
}

func scopes(kind func(string) Scope, ids []string) []Scope {
	var all []Scope
	for _, id := range ids {
		all = append(all, kind(id))
	}
	return all
}
