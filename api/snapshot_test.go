package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
	"github.com/oktasync/oktasync/store/storetest"
)

// copied is what a consumer keeps: people, and what they are in or have: "group person", "role person", "pool person".
type copied struct{ people, members map[string]bool }

func (c copied) sorted() [2][]string {
	return [2][]string{slices.Sorted(maps.Keys(c.people)), slices.Sorted(maps.Keys(c.members))}
}

func (c copied) apply(change v1.Change) {
	switch directory.ChangeType(change.Type) {
	case directory.PersonCreated:
		c.people[change.PersonID] = true
	case directory.PersonRemoved:
		delete(c.people, change.PersonID)
	case directory.MembershipAdded, directory.RoleGranted, directory.LicenseGranted:
		c.members[change.SubjectID+" "+change.PersonID] = true
	case directory.MembershipRemoved, directory.RoleRevoked, directory.LicenseReleased:
		delete(c.members, change.SubjectID+" "+change.PersonID)
	}
}

// snapshot takes one, and returns the cursor and the kinds of lines in order.
func (r *feedRig) snapshot() (copied, string, []string) {
	r.t.Helper()
	c := copied{map[string]bool{}, map[string]bool{}}
	cursor, kinds := "", []string{}
	err := r.api.Snapshot(r.t.Context(), "acme", func(line v1.SnapshotLine) error {
		kinds = append(kinds, line.Kind)
		switch line.Kind {
		case "start":
			cursor = line.Start.Cursor
		case "person":
			c.people[line.Person.ID] = true
		case "membership":
			c.members[line.Membership.GroupID+" "+line.Membership.PersonID] = true
		case "role":
			c.members[line.Role.Role.Role+" "+line.Role.PersonID] = true
		case "license":
			c.members[line.License.Pool+" "+line.License.PersonID] = true
		}
		return nil
	})
	if err != nil {
		r.t.Fatal(err)
	}
	return c, cursor, slices.Compact(kinds)
}

// follow applies the changes after the cursor, to the end.
func (r *feedRig) follow(c copied, cursor string) {
	r.t.Helper()
	for {
		page := r.changes(client.ChangeFilter{After: cursor, Limit: 1000})
		for _, change := range page.Items {
			c.apply(change)
		}
		if cursor = page.Cursor; page.Next == "" {
			return
		}
	}
}

// turn brings people in and throws others out, each with a membership, a role and a license.
func turn(t *testing.T, db *store.DB, ids []string, present bool) {
	t.Helper()
	err := db.Update(t.Context(), "acme", func(ctx context.Context, tx *store.Tx) error {
		var people []directory.Person
		var members []directory.Membership
		var changes []directory.Change
		var roles []directory.RoleGrant
		var licenses []directory.LicenseClaim
		come, join, status := directory.PersonCreated, directory.MembershipAdded, directory.StatusActive
		grant, license, putRoles, putLicenses := directory.RoleGranted, directory.LicenseGranted, tx.PutRoleGrants, tx.PutLicenseClaims
		if !present {
			come, join, status = directory.PersonRemoved, directory.MembershipRemoved, directory.StatusRemoved
			grant, license, putRoles, putLicenses = directory.RoleRevoked, directory.LicenseReleased, tx.DropRoleGrants, tx.DropLicenseClaims
		}
		for _, id := range ids {
			group := "g" + id[len(id)-1:]
			people = append(people, directory.Person{ID: id, Status: status, OktaStatus: "ACTIVE", ObservedAt: tx.Now()})
			members = append(members, directory.Membership{GroupID: group, PersonID: id, Present: present, ObservedAt: tx.Now()})
			roles = append(roles, directory.RoleGrant{PersonID: id, Set: "access", Role: "viewer", Rule: "all", Via: "everyone", Since: tx.Now()})
			licenses = append(licenses, directory.LicenseClaim{PersonID: id, Pool: "seat", Held: true, Rule: "all", Via: "everyone", Since: tx.Now(), HeldAt: tx.Now()})
			changes = append(changes,
				directory.Change{Type: grant, Subject: directory.SubjectRole, SubjectID: "viewer", PersonID: id},
				directory.Change{Type: license, Subject: directory.SubjectLicense, SubjectID: "seat", PersonID: id},
				directory.Change{Type: come, Subject: directory.SubjectPerson, SubjectID: id, PersonID: id},
				directory.Change{Type: join, Subject: directory.SubjectMembership, SubjectID: group, PersonID: id})
		}
		_, err := tx.Append(ctx, changes)
		return errors.Join(tx.PutPeople(ctx, people), tx.PutMemberships(ctx, members), putRoles(ctx, roles), putLicenses(ctx, licenses), err)
	})
	if err != nil {
		t.Error(err)
	}
}

func someIDs(from, n int) []string {
	ids := make([]string, n)
	for i := range ids {
		ids[i] = fmt.Sprintf("u%05d", from+i)
	}
	return ids
}

// A snapshot that is taken while people come and go, together with the feed from its cursor, is
// the directory.
func TestSnapshotWhileWriting(t *testing.T) {
	t.Parallel()
	r := serveFeed(t, openPostgres(t, storetest.PostgresDatabase(t)))
	const size = 3*snapshotPage + 1
	turn(t, r.db, someIDs(0, size), true)
	stop := make(chan struct{})
	var writer sync.WaitGroup
	random := rand.New(rand.NewPCG(7, 7))
	writer.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				turn(t, r.db, someIDs(random.IntN(size), 1+random.IntN(5)), random.IntN(2) == 0)
			}
		}
	})
	taken, cursor, _ := r.snapshot()
	close(stop)
	writer.Wait()
	raw := len(taken.people)
	r.follow(taken, cursor)
	still, _, kinds := r.snapshot()
	if diff := cmp.Diff(still.sorted(), taken.sorted()); diff != "" {
		t.Errorf("directory, and snapshot with feed:\n%s", diff)
	}
	if diff := cmp.Diff([]string{"start", "person", "membership", "role", "license", "end"}, kinds); diff != "" {
		t.Errorf("kinds of lines:\n%s", diff)
	}
	everything := copied{map[string]bool{}, map[string]bool{}}
	r.follow(everything, "0")
	if diff := cmp.Diff(still.sorted(), everything.sorted()); diff != "" {
		t.Errorf("directory, and feed from the beginning:\n%s", diff)
	}
	t.Logf("%d people in the snapshot, %d in the end", raw, len(still.people))
}

func TestSnapshotLines(t *testing.T) {
	t.Parallel()
	r := start(t, nil)
	a := r.do(http.MethodGet, "/tenants/acme/snapshot", "")
	lines := strings.Split(strings.TrimSpace(a.body), "\n")
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/x-ndjson" || len(lines) != 18 {
		t.Fatalf("answer %d %q with %d lines:\n%s", a.status, a.header.Get("Content-Type"), len(lines), a.body)
	}
	for i, want := range map[int]string{
		0:  fmt.Sprintf(`{"kind":"start","start":{"tenant":"acme","cursor":%q}}`, cursorAt("acme", directory.Feed{ID: "feed of acme"}, 30)),
		9:  `{"kind":"membership","membership":{"group_id":"` + salesID + `","person_id":"` + adaID + `"}}`,
		11: `{"kind":"role","role":{"person_id":"` + adaID + `","set":"access","role":"admin","rule":"admins","via":"group ` + salesID + `","since":"2026-08-20T08:00:00Z"}}`,
		12: `{"kind":"license","license":{"person_id":"` + adaID + `","pool":"desk","held":false,"place":1,"rule":"sales","via":"everyone","entitled_since":"2026-08-20T08:00:00Z"}}`,
		13: `{"kind":"license","license":{"person_id":"00u2","pool":"seat","held":false,"place":1,"rule":"sales","via":"everyone","entitled_since":"2026-08-20T08:00:00Z"}}`,
		14: `{"kind":"license","license":{"person_id":"` + adaID + `","pool":"seat","held":false,"place":2,"rule":"sales","via":"everyone","entitled_since":"2026-08-20T08:00:00Z"}}`,
		15: `{"kind":"license","license":{"person_id":"00u3","pool":"seat","held":true,"rule":"sales","via":"everyone","entitled_since":"2026-08-20T08:00:00Z","held_since":"2026-08-20T08:00:00Z"}}`,
		16: `{"kind":"invite","invite":{"person_id":"` + adaID + `","state":"held","since":"2026-08-20T08:00:00Z","release_at":"2026-08-21T08:00:00Z"}}`,
		17: `{"kind":"end","end":{"teams":1,"groups":4,"people":3,"memberships":2,"roles":1,"licenses":4,"invites":1}}`,
	} {
		if lines[i] != want {
			t.Errorf("line %d: %s\nwant %s", i, lines[i], want)
		}
	}
	if a := r.do(http.MethodGet, "/tenants/nobody/snapshot", ""); a.status != http.StatusNotFound {
		t.Errorf("an unknown tenant: %d %s", a.status, a.body)
	}
}

// Whatever events tell of is in a snapshot, but for what changes nothing: runs, and tests of endpoints. The kinds are those of docs/events.
func TestSnapshotHasEverySubject(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("../docs/events/*.*.json")
	if err != nil || len(files) < 20 {
		t.Fatalf("%d schemas of events: %v", len(files), err)
	}
	text := start(t, nil).do(http.MethodGet, "/tenants/acme/snapshot", "").body
	for _, file := range files {
		var schema struct {
			Properties struct {
				Subject struct{ Const string }
			}
		}
		raw, err := os.ReadFile(file)
		if err == nil {
			err = json.Unmarshal(raw, &schema)
		}
		if err != nil {
			t.Fatal(err)
		}
		kind := schema.Properties.Subject.Const
		if kind == "" {
			t.Errorf("%s does not say what it is about", file)
		}
		if kind != string(directory.SubjectRun) && kind != "endpoint" && !strings.Contains(text, `{"kind":"`+kind+`",`) {
			t.Errorf("%s: a snapshot has no %s", file, kind)
		}
	}
}

// breaks fails when it comes to the memberships.
type breaks struct{ *memory }

func (breaks) ListMemberships(context.Context, string, directory.Membership, int) ([]directory.Membership, error) {
	return nil, errors.New("the database went away")
}

// A snapshot that was cut off cannot pass for a whole one.
func TestSnapshotCutOff(t *testing.T) {
	t.Parallel()
	r := start(t, func(o *Options) { o.Reader = breaks{o.Reader.(*memory)} })
	c, err := client.New(r.url, tokenAlice, nil)
	if err != nil {
		t.Fatal(err)
	}
	people := 0
	err = c.Snapshot(t.Context(), "acme", func(line v1.SnapshotLine) error {
		if line.Kind == "person" {
			people++
		}
		return nil
	})
	if err == nil || !strings.Contains(err.Error(), "was cut off after 3 people") || people != 3 {
		t.Errorf("%d people, %v", people, err)
	}
	if log := r.log.String(); !strings.Contains(log, "snapshot cut off") || !strings.Contains(log, "the database went away") {
		t.Errorf("log: %s", log)
	}
	if err := c.Snapshot(t.Context(), "nobody", nil); !client.NotFound(err) {
		t.Errorf("an unknown tenant: %v", err)
	}
}

// Lines that were lost on the way show in the counts of the last one.
func TestSnapshotCounts(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintln(w, `{"kind":"start","start":{"tenant":"acme","cursor":"c"}}`)
		fmt.Fprintln(w, `{"kind":"membership","membership":{"group_id":"g1","person_id":"u1"}}`)
		fmt.Fprintln(w, `{"kind":"end","end":{"teams":0,"groups":0,"people":1,"memberships":1}}`)
	}))
	defer server.Close()
	c, err := client.New(server.URL, tokenAlice, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = c.Snapshot(t.Context(), "acme", func(v1.SnapshotLine) error { return nil })
	if err == nil || !strings.Contains(err.Error(), "take another one") {
		t.Errorf("a snapshot that lacks a person: %v", err)
	}
}
