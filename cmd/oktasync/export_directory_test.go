package main

import (
	"bytes"
	"encoding/csv"
	"reflect"
	"testing"
	"time"

	"github.com/oktasync/oktasync/api/v1"
)

func TestExportTables(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC)
	lines := []v1.SnapshotLine{
		{Kind: "start", Start: &v1.SnapshotStart{}},
		{Kind: "team", Team: &v1.Team{ID: "t1", Name: "=R&D", Source: "division/department", ParentID: "t0"}},
		{Kind: "group", Group: &v1.Group{ID: "g1", Name: "a \"b\",\nc", Description: "@SUM(A1)", Type: "OKTA_GROUP"}},
		{Kind: "person", Person: &v1.Person{ID: "u1", Status: "active", Team: &v1.Ref{ID: "t1"}, FurtherTeams: []v1.Ref{{ID: "t2"}, {ID: "t3"}}, Profile: v1.Profile{
			FirstName: "+1", LastName: "-1", Title: "\tx", Location: "＝1", Department: "R=D", Custom: map[string]any{"cost": 7},
		}}},
		{Kind: "membership", Membership: &v1.SnapshotMembership{GroupID: "g1", PersonID: "u1"}},
		{Kind: "role", Role: &v1.SnapshotRole{PersonID: "u1", Role: v1.Role{Set: "access", Role: "=admin", Rule: "r", Via: "everyone", Since: at}}},
		{Kind: "license", License: &v1.SnapshotLicense{PersonID: "u1", License: v1.License{Pool: "seat", Place: 3, Rule: "r", Via: "default", EntitledSince: at}}},
		{Kind: "invite", Invite: &v1.SnapshotInvite{PersonID: "u1", State: "held", Since: at, ReleaseAt: &at}},
		{Kind: "end", End: &v1.SnapshotEnd{}},
	}
	for name, want := range map[string][]string{
		"teams":       {"t1", "'=R&D", "division/department", "t0", ""},
		"groups":      {"g1", "a \"b\",\nc", "'@SUM(A1)", "OKTA_GROUP"},
		"memberships": {"g1", "u1"},
		"roles":       {"u1", "access", "'=admin", "", "r", "everyone", "", "2026-11-22T03:00:00Z"},
		"licenses":    {"u1", "seat", "false", "3", "r", "default", "", "2026-11-22T03:00:00Z", ""},
		"invites":     {"u1", "held", "2026-11-22T03:00:00Z", "2026-11-22T03:00:00Z"},
		"people":      {"u1", "active", "", "", "'+1", "'-1", "", "", "", "'\tx", "", "'＝1", "R=D", "", "t1", "t2;t3", "", "", "", `{"cost":7}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			table := newTable(name, &out)
			for _, line := range lines {
				if err := table.write(line); err != nil {
					t.Fatal(err)
				}
			}
			if err := table.flush(); err != nil {
				t.Fatal(err)
			}
			rows, err := csv.NewReader(&out).ReadAll()
			if err != nil || len(rows) != 2 || len(rows[0]) != len(rows[1]) || !reflect.DeepEqual(rows[1], want) {
				t.Errorf("%v, rows %q, want %q", err, rows, want)
			}
		})
	}
}
