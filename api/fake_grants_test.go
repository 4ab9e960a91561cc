package api

import (
	"context"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// entitled is since when the people of the memory have what they have.
func entitled() time.Time { return time.Date(2026, 8, 20, 8, 0, 0, 0, time.UTC) }

func (m *memory) GrantsOfPerson(_ context.Context, _, person string) ([]directory.RoleGrant, []directory.LicenseInLine, error) {
	if person != adaID {
		return nil, nil, m.failing()
	}
	roles := []directory.RoleGrant{{PersonID: person, Set: "access", Role: "admin", Rule: "admins", Via: "group " + salesID, Since: entitled()}}
	licenses := []directory.LicenseInLine{{Place: 7, LicenseClaim: directory.LicenseClaim{PersonID: person, Pool: "seat", Rule: "sales", Via: "group " + salesID, Since: entitled()}}}
	return roles, licenses, m.failing()
}

func (m *memory) RoleCounts(context.Context, string) ([]directory.RoleCount, error) {
	return []directory.RoleCount{{Set: "access", Role: "admin", People: 2, Kept: 1}, {Set: "old", Role: "owner", People: 1}}, m.failing()
}

func (m *memory) PoolCounts(context.Context, string) ([]directory.PoolCount, error) {
	return []directory.PoolCount{{Pool: "old", Held: 1}, {Pool: "seat", Held: 50, Waiting: 7}}, m.failing()
}

func rulesOfAcme(string) directory.GrantRules {
	return directory.GrantRules{
		Sets:  []directory.RoleSet{{Name: "access", Roles: []directory.RoleKind{{Name: "reader"}, {Name: "admin", KeepLast: true}}}},
		Pools: []directory.LicensePool{{Name: "seat", Cap: 50}, {Name: "free", Cap: -1, OnLower: directory.CapStop}},
	}
}
