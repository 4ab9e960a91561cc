package directory

// Feed is where a tenant's history begins and ends. Products follow it: see FeedPage.
type Feed struct {
	// ID is made at random with the tenant's row. A number means nothing in
	// another feed, even in one of the same tenant that was set up anew.
	ID     string
	Purged int64 // changes up to this number are no longer kept; 0: all are
	Last   int64 // number of the last change; 0: there is none
}

// FeedPage is a piece of a feed, and the feed as it was at that very moment.
type FeedPage struct {
	Feed
	Changes []Change
	Cut     bool // there may be more of what was asked for behind the last of Changes, although these are fewer
}

// ChangeTypes lists the types of changes, in the order in which they are documented.
func ChangeTypes() []ChangeType {
	return []ChangeType{
		PersonCreated, PersonUpdated, PersonSuspended, PersonReactivated, PersonDeactivated, PersonRemoved, PersonDetached, PersonErased,
		PersonManagerChanged, TeamCreated, TeamUpdated, TeamRemoved, GroupCreated, GroupUpdated, GroupRemoved, MembershipAdded, MembershipRemoved,
		InviteIsHeld, InviteIsDue, InviteIsSent, InviteIsAccepted, InviteIsFailed, InviteIsUncertain, InviteIsRevoked,
		SyncCompleted, SyncHeld, SyncFailed,
		RoleGranted, RoleRevoked, LicenseGranted, LicenseWaiting, LicenseReleased, LicenseWithdrawn,
	}
}
