package sync

import (
	"context"
	"iter"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Source reads one tenant's Okta org.
type Source interface {
	// Person reads one person: user, assignment to the app and groups, or the user alone. A
	// person who does not exist is an answer, not an error.
	Person(ctx context.Context, request directory.PersonRequest) (directory.PersonSeen, error)
	// GroupsOf lists the groups of a person, by id. False says that nobody has the id any more.
	GroupsOf(ctx context.Context, person string) ([]directory.GroupSeen, bool, error)
	// Group reads one group by id, without members; with assigned also whether it is assigned to the app. A
	// group that does not exist is an answer, not an error.
	Group(ctx context.Context, id string, assigned bool) (directory.GroupSeen, error)
	// AssignedGroups lists the ids of the groups that are assigned to the app. A group that it lacks may be assigned
	// all the same: Group tells.
	AssignedGroups(ctx context.Context) (map[string]bool, error)
	// Pull streams the pages of a scope. It ends without an error only after the last
	// page of everything; any error means that the whole reading is incomplete.
	Pull(ctx context.Context, request directory.PullRequest) iter.Seq2[directory.Page, error]
	// Name tells this org and app from others.
	Name() string
	// Check asks Okta whether the credentials are taken, the app is there and active, and what a full sync
	// reads may be seen.
	Check(ctx context.Context) error
}

// Store keeps one directory per tenant, with inbox, runs and plans. Errors of
// unknown things are directory.ErrNotFound.
type Store interface {
	// Ticket reads the events of the scope that no commit has marked, parked
	// ones included, and whether a second look is due.
	Ticket(ctx context.Context, tenant string, scope directory.Scope) (directory.Ticket, error)
	// WaitingPeople counts people with waiting events of whom a list may tell: events that take no
	// access away, and for which no full run has read. It stops soon after most.
	WaitingPeople(ctx context.Context, tenant string, most int) (int, error)
	// RecentAssignments counts people about whose assignment events were received within the time,
	// settled or not, unless a list settled them. It stops soon after most.
	RecentAssignments(ctx context.Context, tenant string, within time.Duration, most int) (int, error)
	// NewestEvent returns when the newest event was received of which a list may tell, within the time, and what the
	// database's clock shows; the zero time when there is none.
	NewestEvent(ctx context.Context, tenant string, within time.Duration) (newest, now time.Time, err error)
	// Update runs fn in one transaction that holds the tenant's lock: no other
	// transaction of the tenant decides or writes meanwhile. An error of fn
	// undoes everything.
	Update(ctx context.Context, tenant string, fn func(context.Context, Tx) error) error
	// Now is the database's clock, which all processes share.
	Now(ctx context.Context) (time.Time, error)
	// LeftFor returns ids of people who left at least so long ago, and of whom more is kept than a
	// tombstone, at most limit, without those who are detached.
	LeftFor(ctx context.Context, tenant string, grace time.Duration, limit int) ([]string, error)
	// Blocked returns why the tenant's jobs rest, empty when they do not.
	Blocked(ctx context.Context, tenant string) (string, error)

	// SeenPeople returns the rows of everybody but those who were removed, with the values last seen, in order of id
	// after `after`, at most limit.
	SeenPeople(ctx context.Context, tenant, after string, limit int) ([]directory.Person, error)
	// Quarantine returns the entries in order of person after `after`, at most limit.
	Quarantine(ctx context.Context, tenant, after string, limit int) ([]directory.Quarantined, error)
	// MovedPeople returns the ids of people whose row, or what was last seen of them, was written between the two
	// times, both included, or whose groups were read then, in order after `after`, at most limit.
	MovedPeople(ctx context.Context, tenant string, from, to time.Time, after string, limit int) ([]string, error)

	RulesStore
	RunStore
	InviteStore
}

// InviteStore reads invites.
type InviteStore interface {
	// ListInvites returns the invites that the selection means but for its share, with their people, in order
	// of the person's id after `after`, at most limit. Whoever is in the directory has one: without a row it is held.
	ListInvites(ctx context.Context, tenant string, sel directory.InviteSelection, after string, limit int) ([]directory.InviteCandidate, error)
	// InvitesTurned says whether something has to be done about an invite before any is sent: Tx.TurnedInvites.
	InvitesTurned(ctx context.Context, tenant string, mode directory.InvitesMode) (bool, error)
	// InviteWaits says whether an invite may go out now: Tx.NextInvite.
	InviteWaits(ctx context.Context, tenant string) (bool, error)
}

// RunStore keeps runs, what they have seen so far, and their plans. Nothing in it takes
// the tenant's lock.
type RunStore interface {
	// ClaimRun gives the run to owner until lease has passed and returns it.
	// It fails with directory.ErrBusy while another owner's lease is valid, when the run
	// was claimed more often than claims (or directory.AnyClaim), before its next attempt is due, or
	// while another full run of the tenant is claimed, and with
	// directory.ErrConflict when the run is over.
	ClaimRun(ctx context.Context, tenant, id, owner string, claims int64, lease time.Duration) (directory.Run, error)
	// CreateRun adds a queued run. It returns the one that already exists, and
	// false, when a nightly run of that date or a queued run of the same scope and rules does.
	CreateRun(ctx context.Context, run directory.Run) (directory.Run, bool, error)
	// Run returns a run.
	Run(ctx context.Context, tenant, id string) (directory.Run, error)
	// LastFullRun returns the full run that is under way, else the one that waits for an
	// admin, else the newest; false when there is none.
	LastFullRun(ctx context.Context, tenant string) (directory.Run, bool, error)
	// LastSight returns what the last full run saw that succeeded; false when there was none.
	LastSight(ctx context.Context, tenant string) (directory.Sight, bool, error)
	// ReadFor notes that the run, which has read nothing so far, reads for the waiting events of which a list
	// may tell and that were received longer ago than after.
	ReadFor(ctx context.Context, tenant, run, owner string, after time.Duration) error
	// SaveRun writes state, progress, counts and error of a claimed run and
	// renews the lease; a state that is not open, or no lease, gives it up. RetryAt becomes RetryIn from
	// now. It fails with directory.ErrBusy when the lease was lost to another owner.
	SaveRun(ctx context.Context, run directory.Run, owner string, lease time.Duration) error
	// ResetRun forgets what the run has seen and planned. Like all that writes for a run, it
	// fails with directory.ErrBusy, and has written nothing, when owner has lost it.
	ResetRun(ctx context.Context, tenant, id, owner string) error
	// SaveStep keeps a step of a run's reading and saves the run, all in one commit.
	// Seeing a thing twice is the same as once. Errors as of SaveRun.
	SaveStep(ctx context.Context, run directory.Run, owner string, lease time.Duration, step directory.Step) error
	// Reading returns how far the run's reading has come, and forgets what was planned after
	// its last step. It returns false when there is none to go on with: nothing was
	// read, or what was read is lost. Errors as of ResetRun.
	Reading(ctx context.Context, tenant, id, owner string) (directory.Reading, bool, error)

	// Hashes returns the hashes of the people in ids that have a row which is not removed.
	Hashes(ctx context.Context, tenant string, ids []string) (map[string]directory.RowHashes, error)
	// People returns the rows of the ids, removed ones included, in order of id.
	People(ctx context.Context, tenant string, ids []string) ([]directory.Person, error)
	// Groups returns the rows of the ids, removed ones included, in order of id.
	Groups(ctx context.Context, tenant string, ids []string) ([]directory.Group, error)
	// CountPeople returns how many people have the status, without those who are detached.
	CountPeople(ctx context.Context, tenant string, status directory.Status) (int, error)

	// UnseenPeople returns ids, in order after `after`, at most limit, of people with
	// the status whom the run has not seen, without those who are detached. Active and
	// suspended people are seen by Page.People, deactivated ones by Page.Deactivated or Page.People.
	// A page of members with Last set and no ids says that the group has none.
	UnseenPeople(ctx context.Context, tenant, run string, status directory.Status, after string, limit int) ([]string, error)
	// CountUnseenPeople counts them.
	CountUnseenPeople(ctx context.Context, tenant, run string, status directory.Status) (int, error)
	// UnseenDetached is UnseenPeople for those who are detached.
	UnseenDetached(ctx context.Context, tenant, run, after string, limit int) ([]string, error)
	// UnseenGroups returns ids of groups that are not removed and that the run
	// has not seen, in order.
	UnseenGroups(ctx context.Context, tenant, run string) ([]string, error)
	// MissingMembers returns memberships that the run has seen and that are not present in
	// the directory, of people who are in it (neither removed nor detached) or whom
	// the plan creates or brings back, in order of group and person after `after`, at
	// most limit. ObservedAt is that of the page that showed them.
	MissingMembers(ctx context.Context, tenant, run string, after directory.Membership, limit int) ([]directory.Membership, error)
	// UnseenMembers returns memberships that are present in the directory but
	// were not seen by the run, in groups that the run has read to the last
	// page, and of people whom the plan neither removes nor detaches, in order of group and
	// person after `after`, at most limit. ObservedAt is that of the first page of
	// the group.
	UnseenMembers(ctx context.Context, tenant, run string, after directory.Membership, limit int) ([]directory.Membership, error)

	// AppendPlan adds changes to the run's plan, in order. Errors as of ResetRun.
	AppendPlan(ctx context.Context, tenant, run, owner string, changes []directory.PlannedChange) error
	// AmendPlan writes type, subject and fields of planned changes anew, by their Seq. Errors as of ResetRun.
	AmendPlan(ctx context.Context, tenant, run, owner string, changes []directory.PlannedChange) error
	// Plan returns changes of the plan in order after position `after`.
	Plan(ctx context.Context, tenant, run string, after int64, limit int) ([]directory.PlannedChange, error)
	// PlanOf is Plan for changes of these types alone.
	PlanOf(ctx context.Context, tenant, run string, types []directory.ChangeType, after int64, limit int) ([]directory.PlannedChange, error)
	// ForgetForesight empties what the run has foreseen of managers (ForesightTx). Errors as of ResetRun.
	ForgetForesight(ctx context.Context, tenant, run, owner string) error
	// GroupsOfPeople counts the present memberships of the people, by group.
	GroupsOfPeople(ctx context.Context, tenant string, people []string) (map[string]int, error)
	// GrantBasis returns the rules by which everybody's roles and licenses were last worked out, in the form
	// that SetGrantBasis was given.
	GrantBasis(ctx context.Context, tenant string) (string, error)
	// CountGrants returns how many roles people have, and how many licenses they hold.
	CountGrants(ctx context.Context, tenant string) (roles, licenses int, err error)
	// PlanCounts sums the plan up for the guard, but for roles and licenses.
	PlanCounts(ctx context.Context, tenant, run string) (directory.PlanCounts, error)
}

// Tx is a transaction that holds the tenant's lock. Reads see what it wrote.
type Tx interface {
	// Now is the database's clock at the start of the transaction.
	Now() time.Time

	// Seq is the number of the tenant's last change.
	Seq() int64

	// Rules is the hash of the rules in force; empty when nobody keeps which they are.
	Rules() string
	// AdoptRules brings rules into force that are next, and returns false when they are not, nor in force already.
	AdoptRules(ctx context.Context, hash string) (bool, error)
	// RefuseRules notes that an admin has rejected the run of rules that are next.
	RefuseRules(ctx context.Context, hash string) error
	// LookAtStrangers has the people who are quarantined and were never let in read by id, at most limit.
	LookAtStrangers(ctx context.Context, limit int) error
	// SeenPeople returns the rows of the ids that were not removed, with the values last seen, in order of id.
	SeenPeople(ctx context.Context, ids []string) ([]directory.Person, error)

	// People returns the rows of the ids, removed ones included, in order of id.
	People(ctx context.Context, ids []string) ([]directory.Person, error)
	// Identify returns the present people (active or suspended) whose id is one
	// of refs, or whose folded login, e-mail, employee number or name equals a folded
	// ref, in order of id.
	Identify(ctx context.Context, refs []string) ([]directory.Identity, error)
	// UniqueIndexed says whether everybody's values of these custom fields, and of no others, can be looked up.
	UniqueIndexed(fields []directory.Field) bool
	// IndexUnique goes a step towards that, over about limit people.
	IndexUnique(ctx context.Context, fields []directory.Field, limit int) error
	// UniqueHolders returns who of the people present has one of the values.
	UniqueHolders(ctx context.Context, wanted []directory.UniqueValue) ([]directory.UniqueValue, error)
	// LookAtWaiting asks for a look at people who are quarantined because of one of the holders, at most limit.
	LookAtWaiting(ctx context.Context, holders []string, limit int) error
	// Teams returns the rows of the ids, in order of id.
	Teams(ctx context.Context, ids []string) ([]directory.Team, error)
	// Groups returns the rows of the ids, removed ones included, in order of id.
	Groups(ctx context.Context, ids []string) ([]directory.Group, error)
	// MembershipsOf returns the memberships of the people, tombstones
	// included, in order of person and group.
	MembershipsOf(ctx context.Context, people []string) ([]directory.Membership, error)
	// Memberships returns the rows of the given pairs, tombstones included.
	Memberships(ctx context.Context, pairs []directory.Membership) ([]directory.Membership, error)

	// PutPeople writes whole rows but for the manager columns, which stay as they are
	// (empty in a new row). CreatedAt is set on insert, UpdatedAt always.
	PutPeople(ctx context.Context, people []directory.Person) error
	// Touch moves ObservedAt of a person forward to at, and GroupsObservedAt to groupsAt: the row and
	// its memberships were seen to be right. It does nothing where there is no row.
	Touch(ctx context.Context, personID string, at, groupsAt time.Time) error
	// NoteSeen writes what was last seen of people whose rows are right, by id. It does nothing
	// where there is no row, or one that was observed after at.
	NoteSeen(ctx context.Context, seen map[string]directory.LastSeen, at time.Time) error
	// PutTeamMembers has the lists of the members of teams say what the rows of these people say.
	PutTeamMembers(ctx context.Context, people []directory.Person) error
	// PutTeams writes whole rows. CreatedAt is set on insert.
	PutTeams(ctx context.Context, teams []directory.Team) error
	// PutGroups writes whole rows but for MembersObservedAt.
	PutGroups(ctx context.Context, groups []directory.Group) error
	// NoteGroups moves ObservedAt of groups forward to when they were seen. One without a row
	// gets a removed one, so that an older list cannot bring it, or members of it, in.
	NoteGroups(ctx context.Context, seen []directory.GroupSeen) error
	// MarkMembersRead moves MembersObservedAt forward for the groups whose members
	// the run has read to the last page.
	MarkMembersRead(ctx context.Context, run string) error
	PutMemberships(ctx context.Context, memberships []directory.Membership) error

	// Joiners returns which of the people the run's plan creates or brings back.
	Joiners(ctx context.Context, run string, people []string) (map[string]bool, error)

	GrantTx
	TeamTx
	ForesightTx

	// ManagerEdges returns the edges of the people that have a row, in order of id.
	ManagerEdges(ctx context.Context, ids []string) ([]directory.ManagerEdge, error)
	// PutManagers writes Wanted, ManagerID, Source and Problem of the edges.
	PutManagers(ctx context.Context, edges []directory.ManagerEdge) error
	// ChooseManager notes whom an admin chose as the person's manager; an empty manager
	// takes the choice back.
	ChooseManager(ctx context.Context, person, manager string) error
	// MarkManagersDirty queues for the manager pass the people, all whose folded manager texts
	// equal a folded ref (or whose raw text is one), and all to whom an admin or their team gives
	// a manager whose id is a ref.
	MarkManagersDirty(ctx context.Context, people, refs []string) error
	// MarkTeamsDirty queues the people of the teams.
	MarkTeamsDirty(ctx context.Context, teams []string) error
	// MarkEverybodyDirty queues up to limit people, in order of id after `after`, and
	// returns the last of them; empty: nobody is left.
	MarkEverybodyDirty(ctx context.Context, after string, limit int) (string, error)
	// SettledBy returns by which rules of a kind the tenant was last settled; empty: never.
	SettledBy(ctx context.Context, kind string) (string, error)
	SetSettledBy(ctx context.Context, kind, digest string) error
	// TakeDirtyManagers removes up to limit people from that queue, in order of id.
	TakeDirtyManagers(ctx context.Context, limit int) ([]string, error)

	// Invites returns the rows of these people, in order of id. Who has none is held.
	Invites(ctx context.Context, people []string) ([]directory.Invite, error)
	PutInvites(ctx context.Context, invites []directory.Invite) error
	// TurnedInvites returns invites that are held and whose time has come, that are sending and whose
	// sender has died and, unless the mode is automatic, that are due without an admin's release.
	TurnedInvites(ctx context.Context, mode directory.InvitesMode, limit int) ([]directory.Invite, error)
	// NextInvite returns the invite that goes out next: the one that is due for longest, of somebody who is active.
	NextInvite(ctx context.Context) (directory.Invite, bool, error)

	// PutQuarantined writes or renews entries; Since is kept when there is one.
	PutQuarantined(ctx context.Context, entries []directory.Quarantined) error
	ReleaseQuarantined(ctx context.Context, people []string) error
	// ReleaseQuarantinedBefore releases all entries last seen before at.
	ReleaseQuarantinedBefore(ctx context.Context, at time.Time) error
	// NoteIgnored remembers attribute names that no rule uses and returns those
	// that are new.
	NoteIgnored(ctx context.Context, names []string) ([]string, error)

	// Append adds changes to the history with the next sequence numbers and
	// returns them with Seq and At set.
	Append(ctx context.Context, changes []directory.Change) ([]directory.Change, error)
	// AskSecondLook asks for another look at the scope after a while. Of several wishes the last
	// counts.
	AskSecondLook(ctx context.Context, scope directory.Scope, after time.Duration) error
	// LookAtGroupsRead asks for a look at each group of which a run of its own has begun since.
	LookAtGroupsRead(ctx context.Context, since time.Time) error
	// Mark marks exactly the ticket's events as done for its scope, and its second look.
	Mark(ctx context.Context, ticket directory.Ticket) error
	// MarkListed marks events for which the run has read, at most limit, and returns how many: those of
	// people whom it has seen, and whom nobody has looked at later.
	MarkListed(ctx context.Context, run string, limit int) (int, error)
	// Run returns a run as this transaction sees it.
	Run(ctx context.Context, id string) (directory.Run, error)
	// DecideRun writes state, error, decision and end of a run that waits, and records
	// the act. It fails with directory.ErrConflict when the run waits no more.
	DecideRun(ctx context.Context, run directory.Run, act directory.Act) error
	// OutdateRuns ends the runs that wait and that a newer one makes worthless.
	OutdateRuns(ctx context.Context, newer directory.Run) error
	// NewerRun returns the id of a run that was carried out after the given one had made its
	// plan, and that read at least the same; empty when there is none.
	NewerRun(ctx context.Context, run directory.Run) (string, error)
	// Alert stores an alert, to be sent after the commit. One whose id is there already is dropped.
	Alert(ctx context.Context, a directory.Alert) error
	// Erase removes what is kept of people beside their rows: the values in changes and
	// stored plans, entries in the quarantine, and the teams that no row names any more, whose
	// ids it returns. people are the rows before they became tombstones. Their ids stay.
	Erase(ctx context.Context, people []directory.Person) (teams []string, err error)
	// Record records what an admin did.
	Record(ctx context.Context, act directory.Act) error
	// SaveRun is RunStore.SaveRun inside this transaction.
	SaveRun(ctx context.Context, run directory.Run, owner string, lease time.Duration) error
}
