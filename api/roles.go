package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

// GrantReader reads roles and licenses.
type GrantReader interface {
	GrantsOfPerson(ctx context.Context, tenant, person string) ([]directory.RoleGrant, []directory.LicenseInLine, error)
	// ListRoleGrants returns roles in order of person, role and team.
	ListRoleGrants(ctx context.Context, tenant string, after directory.RoleGrant, limit int) ([]directory.RoleGrant, error)
	// ListLicenseClaims returns, of each pool in order, first those who wait, in line, and then those who hold a license.
	ListLicenseClaims(ctx context.Context, tenant string, after directory.LicenseClaim, limit int) ([]directory.LicenseClaim, error)
	// RoleCounts returns how many people have each role that anybody has.
	RoleCounts(ctx context.Context, tenant string) ([]directory.RoleCount, error)
	// PoolCounts returns for each pool of which anybody has a license, or waits for one, how many do.
	PoolCounts(ctx context.Context, tenant string) ([]directory.PoolCount, error)
}

func (s *Server) addRoles(to huma.API) {
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-roles", Method: http.MethodGet, Path: "/tenants/{tenant}/roles", Tags: []string{"roles and licenses"},
		Summary: "List the roles of the rules, with the number of people who have each",
	}, s.listRoles)
	add(s, to, directory.RoleRead, huma.Operation{
		OperationID: "list-licenses", Method: http.MethodGet, Path: "/tenants/{tenant}/licenses", Tags: []string{"roles and licenses"},
		Summary: "List the license pools with their caps, how many licenses are held and how many people wait",
	}, s.listLicenses)
}

func (s *Server) listRoles(ctx context.Context, in *TenantPath) (*pageOut[v1.RoleCount], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	counts, err := s.reader.RoleCounts(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	found := map[string]directory.RoleCount{}
	for _, c := range counts {
		found[c.Role] = c
	}
	roles := []v1.RoleCount{}
	for _, set := range s.grants(in.Tenant).Sets {
		for _, role := range set.Roles {
			c := found[role.Name]
			delete(found, role.Name)
			roles = append(roles, v1.RoleCount{Set: set.Name, Role: role.Name, People: c.People, KeepLast: role.KeepLast, Kept: c.Kept})
		}
	}
	// Of rules that are no more, until the next full sync.
	for _, c := range counts {
		if _, unnamed := found[c.Role]; unnamed {
			roles = append(roles, v1.RoleCount{Set: c.Set, Role: c.Role, People: c.People, Kept: c.Kept})
		}
	}
	return &pageOut[v1.RoleCount]{v1.Page[v1.RoleCount]{Items: roles}}, nil
}

func (s *Server) listLicenses(ctx context.Context, in *TenantPath) (*pageOut[v1.LicensePool], error) {
	if err := s.known(in.Tenant); err != nil {
		return nil, err
	}
	counts, err := s.reader.PoolCounts(ctx, in.Tenant)
	if err != nil {
		return nil, err
	}
	pools := []v1.LicensePool{}
	for _, p := range s.grants(in.Tenant).Pools {
		pool := v1.LicensePool{Pool: p.Name, OnCapDecrease: string(cmp.Or(p.OnLower, directory.CapKeepOldest))}
		if p.Cap >= 0 {
			pool.Cap = &p.Cap
		}
		if i := slices.IndexFunc(counts, func(c directory.PoolCount) bool { return c.Pool == p.Name }); i >= 0 {
			pool.Held, pool.Waiting = counts[i].Held, counts[i].Waiting
			counts = slices.Delete(counts, i, i+1)
		}
		pools = append(pools, pool)
	}
	for _, c := range counts {
		pools = append(pools, v1.LicensePool{Pool: c.Pool, Held: c.Held, Waiting: c.Waiting})
	}
	return &pageOut[v1.LicensePool]{v1.Page[v1.LicensePool]{Items: pools}}, nil
}

// addGrants fills in a person's roles and licenses.
func (s *Server) addGrants(ctx context.Context, tenant string, detail *v1.PersonDetail) error {
	roles, licenses, err := s.reader.GrantsOfPerson(ctx, tenant, detail.ID)
	if err != nil {
		return err
	}
	detail.Roles, detail.Licenses = convert(roles, roleOf), convert(licenses, licenseOf)
	return nil
}

func roleOf(r directory.RoleGrant) v1.Role {
	return v1.Role{Set: r.Set, Role: r.Role, Team: r.Team, Rule: r.Rule, Via: r.Via, Kept: string(r.Kept), Since: r.Since.UTC()}
}

func licenseOf(l directory.LicenseInLine) v1.License {
	license := v1.License{Pool: l.Pool, Held: l.Held, Place: l.Place, Rule: l.Rule, Via: l.Via, Kept: string(l.Kept), EntitledSince: l.Since.UTC()}
	if !l.HeldAt.IsZero() {
		license.HeldSince = utc(&l.HeldAt)
	}
	return license
}
