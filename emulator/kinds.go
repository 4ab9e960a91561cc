package emulator

// eventKind is one type of System Log event with its fixed texts.
type eventKind struct {
	name    string // eventType
	message string // displayMessage
	legacy  string // legacyEventType
	hooked  bool   // an event hook may subscribe to it (Okta: event types)
}

// The types that the emulator writes. Names and eligibility are those of
// Okta's event type catalogue; the legacy names follow recorded events where
// one was seen.
const (
	evUserCreate          = "user.lifecycle.create"
	evUserActivate        = "user.lifecycle.activate"
	evUserReactivate      = "user.lifecycle.reactivate"
	evUserDeactivate      = "user.lifecycle.deactivate"
	evUserSuspend         = "user.lifecycle.suspend"
	evUserUnsuspend       = "user.lifecycle.unsuspend"
	evUserDeleteInitiated = "user.lifecycle.delete.initiated"
	evUserDeleteCompleted = "user.lifecycle.delete.completed"
	evUserProfile         = "user.account.update_profile"
	evUserLock            = "user.account.lock"
	evUserUnlock          = "user.account.unlock_by_admin"
	evUserExpirePassword  = "user.account.expire_password"
	evUserResetPassword   = "user.account.reset_password"
	evUserUpdatePassword  = "user.account.update_password"
	evMemberAdd           = "group.user_membership.add"
	evMemberRemove        = "group.user_membership.remove"
	evGroupCreate         = "group.lifecycle.create"
	evGroupDelete         = "group.lifecycle.delete"
	evGroupProfile        = "group.profile.update"
	evGroupAppAdd         = "group.application_assignment.add"
	evGroupAppRemove      = "group.application_assignment.remove"
	evGroupAppUpdate      = "group.application_assignment.update"
	evAppUserAdd          = "application.user_membership.add"
	evAppUserRemove       = "application.user_membership.remove"
	evAppUserUpdate       = "application.user_membership.update"
	evAppCreate           = "application.lifecycle.create"
	evAppUpdate           = "application.lifecycle.update"
	evAppActivate         = "application.lifecycle.activate"
	evAppDeactivate       = "application.lifecycle.deactivate"
	evAppDelete           = "application.lifecycle.delete"
	evHookCreate          = "event_hook.created"
	evHookUpdate          = "event_hook.updated"
	evHookActivate        = "event_hook.activated"
	evHookDeactivate      = "event_hook.deactivated"
	evHookVerify          = "event_hook.verified"
	evHookDelete          = "event_hook.deleted"
	evHookDelivery        = "event_hook.delivery"
)

// kindTable indexes the types by name.
func kindTable() map[string]eventKind {
	table := map[string]eventKind{}
	for _, k := range eventKinds() {
		table[k.name] = k
	}
	return table
}

func eventKinds() []eventKind {
	return []eventKind{
		{evUserCreate, "Create okta user", "core.user.config.user_creation.success", true},
		{evUserActivate, "Activate Okta user", "core.user.config.user_activated", true},
		{evUserReactivate, "Reactivate Okta user", "core.user.config.user_reactivated", true},
		{evUserDeactivate, "Deactivate Okta user", "core.user.config.user_deactivated", true},
		{evUserSuspend, "Suspend Okta user", "core.user.config.user_status.suspended", true},
		{evUserUnsuspend, "Unsuspend Okta user", "core.user.config.user_status.unsuspended", true},
		{evUserDeleteInitiated, "Delete Okta user initiated", "core.user.config.user_deleted.initiated", true},
		{evUserDeleteCompleted, "Delete Okta user completed", "core.user.config.user_deleted", false},
		{evUserProfile, "Update user profile for Okta", "core.user.config.profile_update.success", true},
		{evUserLock, "Max sign in attempts exceeded", "core.user_auth.account_locked", true},
		{evUserUnlock, "User unlocked by admin", "core.user.config.unlock_by_admin", true},
		{evUserExpirePassword, "Expire password for user", "core.user.config.password_expire", false},
		{evUserResetPassword, "User reset password for Okta (by admin)", "core.user.config.password_reset", true},
		{evUserUpdatePassword, "User update password for Okta", "core.user.config.password_update.success", true},
		{evMemberAdd, "Add user to group membership", "core.user_group_member.user_add", true},
		{evMemberRemove, "Remove user from group membership", "core.user_group_member.user_remove", true},
		{evGroupCreate, "Create Okta group", "core.user_group.group_created", true},
		{evGroupDelete, "Delete Okta group", "core.user_group.group_deleted", true},
		{evGroupProfile, "Update Okta group", "core.user_group.group_updated", true},
		{evGroupAppAdd, "Add assigned application to group", "app.group_assignment.added", true},
		{evGroupAppRemove, "Remove assigned application from group", "app.group_assignment.removed", true},
		{evGroupAppUpdate, "Update application group assignment", "app.group_assignment.updated", true},
		{evAppUserAdd, "Add user to application membership", "app.generic.provision.assign_user_to_app", true},
		{evAppUserRemove, "Remove user's application membership", "app.generic.provision.deactivate_user_from_app", true},
		{evAppUserUpdate, "Change users's application membership", "app.user_membership.change", true},
		{evAppCreate, "Create application", "app.generic.config.app_created", true},
		{evAppUpdate, "Update application", "app.generic.config.app_updated", true},
		{evAppActivate, "Activate application", "app.generic.config.app_activated", true},
		{evAppDeactivate, "Deactivate application", "app.generic.config.app_deactivated", true},
		{evAppDelete, "Delete application", "app.generic.config.app_deleted", true},
		{evHookCreate, "Event hook created", "event_hook.created", false},
		{evHookUpdate, "Event hook updated", "event_hook.updated", false},
		{evHookActivate, "Event hook activated", "event_hook.activated", false},
		{evHookDeactivate, "Event hook deactivated", "event_hook.deactivated", false},
		{evHookVerify, "Event hook verified", "event_hook.verified", false},
		{evHookDelete, "Event hook deleted", "event_hook.deleted", false},
		{evHookDelivery, "Event hook delivery", "event_hook.delivery", false},
	}
}
