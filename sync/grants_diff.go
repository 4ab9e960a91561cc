package sync

import (
	"time"

	"github.com/oktasync/oktasync/directory"
)

// grantee is a person with all that decides about their roles and licenses.
type grantee struct {
	person   directory.Person
	groups   []directory.GroupOfPerson
	roles    []directory.RoleGrant
	licenses []directory.LicenseClaim
}

// grantDiff is what has to be done so that people have what the rules give them.
type grantDiff struct {
	grant  []directory.RoleGrant
	revoke []directory.RoleGrant
	amend  []directory.RoleGrant // same role, given by another rule, or kept for another reason
	claim  []directory.LicenseClaim
	drop   []directory.LicenseClaim
	adjust []directory.LicenseClaim // same claim, as amend
	lost   []directory.RoleGrant    // of revoke: without another role in its place
}

func (d *grantDiff) add(o grantDiff) {
	d.grant, d.revoke, d.amend = append(d.grant, o.grant...), append(d.revoke, o.revoke...), append(d.amend, o.amend...)
	d.claim, d.drop, d.adjust = append(d.claim, o.claim...), append(d.drop, o.drop...), append(d.adjust, o.adjust...)
	d.lost = append(d.lost, o.lost...)
}

// onlyAmends says whether people keep what they have, by other rules or for other reasons.
func (d *grantDiff) onlyAmends() bool {
	return len(d.amend)+len(d.adjust) > 0 && len(d.grant)+len(d.revoke)+len(d.claim)+len(d.drop) == 0
}

// diff compares what a person has with what the rules give them. It is pure.
//
//	person                   rules give   has    outcome
//	active or suspended      yes          no     granted; a license is claimed
//	active or suspended      yes          yes    nothing, or another rule is noted
//	active or suspended      no           yes    revoked; the claim is dropped
//	active or suspended,     no           yes    kept, and marked as kept
//	and protected
//	anybody else             -            yes    revoked; the claim is dropped
//
// Whether a role stays because nobody else has it shows only in the directory: see keepLast.
func (r *grantRules) diff(g grantee, fits groupRules, now time.Time) grantDiff {
	var want entitlements
	if g.person.Present() {
		want = r.evaluate(facts{groups: g.groups, attributes: g.person.Profile.Attributes, team: g.person.TeamID}, fits)
	}
	kept := directory.KeptBecause("")
	if r.protects(g.person) {
		kept = directory.KeptProtected
	}
	var d grantDiff
	r.diffRoles(&d, g, want.roles, kept, now)
	r.diffLicenses(&d, g, want.licenses, kept, now)
	return d
}

func (r *grantRules) diffRoles(d *grantDiff, g grantee, want []award, kept directory.KeptBecause, now time.Time) {
	type place struct{ role, team string }
	left := map[place]award{}
	for _, a := range want {
		left[place{a.role, a.team}] = a
	}
	var gone []directory.RoleGrant
	for _, have := range g.roles {
		next := have
		a, given := left[place{have.Role, have.Team}]
		delete(left, place{have.Role, have.Team})
		switch {
		case given:
			next.Set, next.Rule, next.Via, next.Kept = r.lists[a.list].set.Name, a.rule.Name, a.via, ""
		case kept != "":
			next.Kept = kept
		default:
			gone = append(gone, have)
			continue
		}
		if next != have {
			d.amend = append(d.amend, next)
		}
	}
	var fresh []directory.RoleGrant
	for _, a := range want {
		if _, missing := left[place{a.role, a.team}]; !missing {
			continue
		}
		fresh = append(fresh, directory.RoleGrant{
			PersonID: g.person.ID, Set: r.lists[a.list].set.Name, Role: a.role, Team: a.team, Rule: a.rule.Name, Via: a.via, Since: now,
		})
	}
	for _, have := range gone {
		if !r.replaced(have, fresh) {
			d.lost = append(d.lost, have)
		}
	}
	d.revoke, d.grant = append(d.revoke, gone...), append(d.grant, fresh...)
}

// replaced says whether a role goes because its person gets more: a default that steps back, or a lower
// role of a set of which everybody has the highest.
func (r *grantRules) replaced(gone directory.RoleGrant, fresh []directory.RoleGrant) bool {
	for _, list := range r.lists {
		if list.set == nil || list.set.Name != gone.Set {
			continue
		}
		for _, f := range fresh {
			if f.Set != gone.Set {
				continue
			}
			higher := list.set.Combine == directory.CombineHighest && f.Team == gone.Team && list.rank[f.Role] > list.rank[gone.Role]
			if higher || gone.Via == "default" {
				return true
			}
		}
	}
	return false
}

func (r *grantRules) diffLicenses(d *grantDiff, g grantee, want []award, kept directory.KeptBecause, now time.Time) {
	left := map[string]award{}
	for _, a := range want {
		left[r.lists[a.list].pool] = a
	}
	for _, have := range g.licenses {
		next := have
		a, given := left[have.Pool]
		delete(left, have.Pool)
		switch {
		case given:
			next.Rule, next.Via, next.Rank, next.Kept = a.rule.Name, a.via, a.rank, ""
		case kept != "" && have.Held:
			next.Kept = kept
		default:
			d.drop = append(d.drop, have)
			continue
		}
		if next != have {
			d.adjust = append(d.adjust, next)
		}
	}
	for _, a := range want {
		pool := r.lists[a.list].pool
		if _, missing := left[pool]; !missing {
			continue
		}
		claim := directory.LicenseClaim{PersonID: g.person.ID, Pool: pool, Since: now, Rank: a.rank, Rule: a.rule.Name, Via: a.via}
		if r.pools[pool].Cap < 0 {
			claim.Held, claim.HeldAt = true, now
		}
		d.claim = append(d.claim, claim)
	}
}
