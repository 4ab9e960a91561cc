// Package storetest is the suite that both databases must pass: the same
// behaviour, whatever is underneath.
//
// Each test gets a database of its own with two tenants. The second one holds
// things with the same ids and other contents. Results are compared as a whole, so that a
// query which forgets the tenant shows the neighbour's rows; and at the end of each test the
// neighbour must be as it was.
package storetest

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// tenant is the one that tests work with, neighbour the other one.
const (
	tenant    = "acme"
	neighbour = "zenith"
)

// Run runs the suite. open returns an empty database with the newest schema
// that belongs to the test, and closes it when the test ends.
func Run(t *testing.T, open func(t *testing.T) *store.DB) {
	tests := map[string]func(*fixture){
		"tenants/ensure, block, unblock":              testBlock,
		"tenants/state":                               testTenantState,
		"tenants/states":                              testTenantStates,
		"tenants/records":                             testTenantRecords,
		"tenants/pause and resume":                    testPause,
		"tenants/remove and erase":                    testRemoveTenant,
		"tenants/in no configuration":                 testForgottenTenant,
		"update/an error undoes everything":           testUpdateUndoes,
		"update/an unknown tenant":                    testUpdateUnknown,
		"update/a cancelled context":                  testUpdateCancelled,
		"update/a panic gives the lock back":          testUpdatePanic,
		"update/the clock moves on":                   testUpdateClock,
		"update/twenty writers":                       testWriters,
		"people/round trip":                           testPeople,
		"people/odd texts":                            testOddTexts,
		"people/touch":                                testTouch,
		"people/last seen":                            testLastSeen,
		"people/moved":                                testMovedPeople,
		"rules/in force and next":                     testRules,
		"rules/strangers":                             testLookAtStrangers,
		"people/hashes and counts":                    testHashes,
		"people/identify":                             testIdentify,
		"people/unique values":                        testUniqueValues,
		"people/who left":                             testLeft,
		"groups/round trip":                           testGroups,
		"groups/whom a plan brings":                   testJoiners,
		"groups/teams":                                testTeams,
		"groups/team members":                         testTeamMembers,
		"groups/memberships":                          testMemberships,
		"groups/marks":                                testGroupMarks,
		"managers/edges":                              testManagerEdges,
		"managers/queue":                              testManagerQueue,
		"changes/append and read":                     testChanges,
		"changes/an undone transaction leaves no gap": testChangesUndone,
		"changes/the feed":                            testFeed,
		"changes/long histories":                      testLongHistories,
		"changes/states":                              testStates,
		"changes/wait":                                testAwait,
		"grants":                                      testGrants,
		"who keeps a role":                            testLastToLose,
		"roles to come":                               testRoleToCome,
		"licenses held":                               testLicensesHeld,
		"quarantine":                                  testQuarantine,
		"invites":                                     testInvites,
		"ignored attributes":                          testIgnored,
		"acts":                                        testActs,
		"alerts":                                      testAlerts,
		"alarms":                                      testAlarms,
		"event health/counts":                         testEventCounts,
		"event health/what the log could not know":    testUnjudgedEvents,
		"event health/kept":                           testKeptEventHealth,
		"inbox/duplicates vanish":                     testDuplicates,
		"inbox/ticket and mark":                       testTicket,
		"inbox/a ticket of another tenant":            testForeignTicket,
		"inbox/unknown tenant":                        testInboxUnknown,
		"inbox/the same events at once":               testInboxAtOnce,
		"inbox/park, unpark, discard":                 testPark,
		"inbox/sweep":                                 testSweep,
		"inbox/sweep a blocked tenant":                testSweepBlocked,
		"inbox/second looks":                          testSecondLooks,
		"inbox/looks at groups that were read":        testLookAtGroupsRead,
		"inbox/bursts":                                testBursts,
		"inbox/what lists settle":                     testMarkListed,
		"inbox/waiting logins":                        testWaitingLogins,
		"runs/create":                                 testCreateRun,
		"runs/create at once":                         testCreateAtOnce,
		"runs/claim and save":                         testLease,
		"runs/take over":                              testTakeOver,
		"runs/one full run at a time":                 testOneFullRun,
		"runs/claim at once":                          testClaimAtOnce,
		"runs/renew and fail":                         testRenewAndFail,
		"runs/save inside a transaction":              testSaveInTx,
		"runs/stale":                                  testStaleRuns,
		"runs/attempts and claims":                    testAttempts,
		"runs/lost owners":                            testLostOwners,
		"runs/refused":                                testRefused,
		"runs/last ones":                              testLastRuns,
		"runs/last full run":                          testLastFullRun,
		"runs/find":                                   testFindRun,
		"runs/decide":                                 testDecide,
		"runs/outdate":                                testOutdate,
		"staging/unseen people":                       testUnseenPeople,
		"staging/unseen groups":                       testUnseenGroups,
		"staging/missing members":                     testMissingMembers,
		"staging/unseen members":                      testUnseenMembers,
		"staging/unseen members of many groups":       testUnseenMembersPaging,
		"staging/reset":                               testReset,
		"reading/steps and going on":                  testReading,
		"reading/a step is kept whole or not at all":  testStepWhole,
		"reading/ousted by another full run":          testReadingOusted,
		"reading/whoever lost the run writes nothing": testFenced,
		"reading/owners that follow each other":       testOwnersInTurn,
		"plan/round trip":                             testPlan,
		"plan/counts":                                 testPlanCounts,
		"read/find a person":                          testFindPerson,
		"read/list people":                            testListPeople,
		"read/teams and groups":                       testListGroups,
		"chores/when they are due":                    testChoreDue,
		"chores/results":                              testChoreResults,
		"chores/a turn that is lost":                  testChoreLost,
		"chores/twenty replicas":                      testChoreAtOnce,
		"hooks/what is known":                         testHookRecord,
		"hooks/uses":                                  testHookUses,
		"hooks/doors":                                 testHookDoors,
		"log/cursor":                                  testLogCursor,
		"log/pages":                                   testLogPage,
		"log/with hooks at once":                      testLogAndHookAtOnce,
		"log/since the last full sync":                testFullSyncSince,
		"endpoints/made and changed":                  testEndpoints,
		"endpoints/turns":                             testLanes,
		"endpoints/replay":                            testReplay,
		"purge":                                       testPurge,
		"purge/keeps what is waiting":                 testPurgeKeeps,
		"purge/plans that wait":                       testPurgeWaiting,
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(newFixture(t, open(t)))
		})
	}
}

// fixture is one test's database.
type fixture struct {
	*testing.T
	db  *store.DB
	ctx context.Context
}

func newFixture(t *testing.T, db *store.DB) *fixture {
	t.Helper()
	f := &fixture{T: t, db: db, ctx: t.Context()}
	f.must(db.EnsureTenants(f.ctx, []string{tenant, neighbour}))
	f.must(db.EnsureTenants(f.ctx, []string{neighbour, tenant})) // again: changes nothing
	f.settle()
	return f
}

func (f *fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// same compares whole values. A want of nil stands for no rows.
func (f *fixture) same(what string, got, want any, options ...cmp.Option) {
	f.Helper()
	if want == nil {
		if rows := reflect.ValueOf(got); rows.Len() > 0 {
			f.Fatalf("%s: got %v, want nothing", what, got)
		}
		return
	}
	if diff := cmp.Diff(want, got, append(options, cmpopts.EquateEmpty())...); diff != "" {
		f.Fatalf("%s (-want +got):\n%s", what, diff)
	}
}

// must returns the value of a call that may not fail.
func must[T any](value T, err error) func(*fixture) T {
	return func(f *fixture) T {
		f.Helper()
		if err != nil {
			f.Fatal(err)
		}
		return value
	}
}

func (f *fixture) update(fn func(context.Context, *store.Tx) error) {
	f.Helper()
	f.must(f.db.Update(f.ctx, tenant, fn))
}

func (f *fixture) now() time.Time {
	f.Helper()
	return must(f.db.Now(f.ctx))(f)
}

// at is a fixed moment with microseconds, some seconds after the other.
func at(seconds int) time.Time {
	return time.Date(2026, 3, 4, 5, 6, 7, 123456000, time.UTC).Add(time.Duration(seconds) * time.Second)
}

// ids returns n ids with the prefix, in order.
func ids(prefix string, n int) []string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf("%s%04d", prefix, i)
	}
	return all
}

func person(id string) directory.Person {
	return directory.Person{
		ID: id, Status: directory.StatusActive, OktaStatus: "ACTIVE", Assignment: "USER",
		Profile: directory.Profile{
			FirstName: "First " + id, LastName: "Last " + id, Email: id + "@Mail.example", Login: id + "@Login.example",
			Picture: "https://example.com/" + id, Title: "Title", Language: "en", Location: "Town", Department: "Dept",
			EmployeeNumber: "N-" + id, ManagerIDText: "", ManagerText: "",
			Custom: map[string]any{"cost": 1.5, "tags": []any{"a", "b"}, "remote": true},
		},
		TeamID: "team1", Hash: "hash " + id, ObservedAt: at(0), GroupsObservedAt: at(-1),
	}
}

func people(all ...string) []directory.Person {
	rows := make([]directory.Person, len(all))
	for i, id := range all {
		rows[i] = person(id)
	}
	return rows
}

func group(id string) directory.Group {
	return directory.Group{ID: id, Name: "Group " + id, Description: "about " + id, Type: "OKTA_GROUP", ObservedAt: at(0)}
}

func member(groupID, personID string) directory.Membership {
	return directory.Membership{GroupID: groupID, PersonID: personID, Present: true, ObservedAt: at(0)}
}

func event(uuid string, scopes ...directory.Scope) directory.Event {
	return directory.Event{
		UUID: uuid, Type: "user.account.update_profile", Published: at(0), Via: directory.ViaHook,
		DeliveryID: "delivery " + uuid, Outcome: "SUCCESS", Scopes: scopes,
	}
}

func (f *fixture) putPeople(rows ...directory.Person) {
	f.Helper()
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.PutPeople(ctx, rows) })
}

func (f *fixture) putMembers(rows ...directory.Membership) {
	f.Helper()
	f.update(func(ctx context.Context, tx *store.Tx) error { return tx.PutMemberships(ctx, rows) })
}

// run makes and claims a run that has seen nothing yet.
func (f *fixture) run(id string, scope directory.Scope) directory.Run {
	f.Helper()
	_, isNew, err := f.db.CreateRun(f.ctx, directory.Run{Tenant: tenant, ID: id, Scope: scope, Cause: directory.CauseManual})
	f.must(err)
	if !isNew {
		f.Fatalf("run %s is not new", id)
	}
	run := must(f.db.ClaimRun(f.ctx, tenant, id, "w1", directory.AnyClaim, time.Minute))(f)
	f.must(f.db.ResetRun(f.ctx, tenant, id, "w1"))
	return run
}

// fails checks which error a call returned.
func (f *fixture) fails(err, want error) {
	f.Helper()
	if !errors.Is(err, want) {
		f.Fatalf("got error %v, want %v", err, want)
	}
}
