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

func (m *memory) ListRoleGrants(ctx context.Context, tenant string, after directory.RoleGrant, _ int) ([]directory.RoleGrant, error) {
	if after.PersonID != "" {
		return nil, m.failing()
	}
	roles, _, err := m.GrantsOfPerson(ctx, tenant, adaID)
	return roles, err
}

// ListLicenseClaims: two wait for a seat and one has it, one waits for a desk.
func (m *memory) ListLicenseClaims(_ context.Context, _ string, after directory.LicenseClaim, _ int) ([]directory.LicenseClaim, error) {
	if after.Pool != "" {
		return nil, m.failing()
	}
	claim := func(pool, person string, held bool) directory.LicenseClaim {
		c := directory.LicenseClaim{PersonID: person, Pool: pool, Held: held, Rule: "sales", Via: "everyone", Since: entitled()}
		if held {
			c.HeldAt = entitled()
		}
		return c
	}
	return []directory.LicenseClaim{claim("desk", adaID, false), claim("seat", "00u2", false), claim("seat", adaID, false), claim("seat", "00u3", true)}, m.failing()
}

func (m *memory) InviteRows(_ context.Context, _, after string, _ int) ([]directory.Invite, error) {
	if after != "" {
		return nil, m.failing()
	}
	return []directory.Invite{{PersonID: adaID, State: directory.InviteHeld, Since: entitled(), ReleaseAt: entitled().Add(24 * time.Hour), ReleasedBy: "ops"}}, m.failing()
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
