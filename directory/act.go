package directory

import "time"

// Role is what an admin token may do. Each role includes those before it.
type Role string

// The roles, from the least to the most.
const (
	RoleRead    Role = "read"    // look at everything
	RoleOperate Role = "operate" // also ask for syncs and dry runs, and deal with the archive
	RoleApprove Role = "approve" // also decide about plans that wait
)

// Roles lists the roles from the least to the most.
func Roles() []Role { return []Role{RoleRead, RoleOperate, RoleApprove} }

// Allows says whether whoever has the role may do what needs the other one. A
// role that does not exist allows nothing and is allowed to nobody.
func (r Role) Allows(needed Role) bool {
	rank := func(of Role) int {
		for i, role := range Roles() {
			if role == of {
				return i + 1
			}
		}
		return 0
	}
	return rank(needed) > 0 && rank(r) >= rank(needed)
}

// ActKind says what an admin did.
type ActKind string

// The acts of admins.
const (
	ActResync  ActKind = "resync"          // asked for a sync
	ActDryRun  ActKind = "dry_run"         // asked for a plan
	ActApprove ActKind = "run.approve"     // let a plan be applied
	ActReject  ActKind = "run.reject"      // decided against a plan
	ActRetry   ActKind = "archive.retry"   // took parked work up again
	ActDiscard ActKind = "archive.discard" // gave parked work up

	ActErase ActKind = "person.erase" // had what is kept of somebody who left erased

	ActEndpointAdd     ActKind = "endpoint.add"     // had changes posted to an address
	ActEndpointChange  ActKind = "endpoint.change"  // changed address or filter
	ActEndpointRotate  ActKind = "endpoint.rotate"  // gave it another secret
	ActEndpointRetire  ActKind = "endpoint.retire"  // ended the old secret
	ActEndpointEnable  ActKind = "endpoint.enable"  // let deliveries go on
	ActEndpointDisable ActKind = "endpoint.disable" // let them rest
	ActEndpointTest    ActKind = "endpoint.test"    // had a test event sent
	ActEndpointRemove  ActKind = "endpoint.remove"  // ended it for good
	ActDeliveryRetry   ActKind = "delivery.retry"   // had what waits tried at once
	ActReplay          ActKind = "delivery.replay"  // had old changes sent once more
	ActDeliveryRedrive ActKind = "delivery.redrive" // took up again what had been given up
	// ActInvitesRecover said whether the database is a restored one. Other acts about invites are
	// named by InviteMove.Act.
	ActInvitesRecover ActKind = "invites.recover"

	ActPersonManager ActKind = "person.manager" // chose, or no longer chooses, somebody's manager
	ActTeamManager   ActKind = "team.manager"   // set, or took away, a team's manager
	ActTeamName      ActKind = "team.name"      // gave a team another name, or took that back
	ActTeamMerge     ActKind = "team.merge"     // merged a team into another
	ActTeamUnmerge   ActKind = "team.unmerge"   // took that back

	ActTenantAdd    ActKind = "tenant.add"    // made a tenant
	ActTenantChange ActKind = "tenant.change" // changed its settings or credentials
	ActTenantPause  ActKind = "tenant.pause"  // let its work rest
	ActTenantResume ActKind = "tenant.resume" // let it go on
	ActTenantRemove ActKind = "tenant.remove" // had it erased
)

// Act is something that an admin did, whatever came of it. Acts have a list of their
// own beside the history of changes: a change says what became of a person, team or group, and
// whoever follows the changes by number applies each of them; an act may change nothing (a
// plan that was rejected) or come long before what it changes, and is about nobody in
// the directory. The changes that follow name it through their cause: run and actor.
type Act struct {
	ID      int64 // grows with time, over all tenants; set by the store
	Tenant  string
	At      time.Time // when it was committed, database's clock; set by the store
	Actor   string    // name of the admin token
	Role    Role      // that the token had
	Kind    ActKind
	Subject string // what it was about: a scope, as Scope.String writes it
	RunID   string // the run that was asked for or decided about, if any
	Reason  string // in the admin's words, if any were asked for
}

// ActQuery selects acts of a tenant, the newest first.
type ActQuery struct {
	Before int64 // only acts with a smaller id; zero: from the newest
	Limit  int
}
