package sync

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// grantsDue is the planned change that asks to work out a person's roles and licenses anew. It never
// reaches the history.
const grantsDue directory.ChangeType = "grants.due"

func grantsDueFor(personID string, at time.Time) directory.PlannedChange {
	return directory.PlannedChange{Type: grantsDue, Subject: directory.SubjectRole, PersonID: personID, ObservedAt: at}
}

// applyGrants works out the roles and licenses of those whom the plan names, and of those who left with
// this batch. Whoever else has changed is queued: the rest of a run's plan may still change more about
// them, and what was given in between would be taken again.
func (b *batch) applyGrants(ctx context.Context) error {
	planned := append(b.of(directory.SubjectRole), b.of(directory.SubjectLicense)...)
	if !b.engine.settles() && len(planned)+len(b.left) == 0 { // who leaves may have kept what earlier rules gave
		return nil
	}
	due := map[string]bool{}
	for _, c := range slices.Concat(planned, b.of(directory.SubjectTeam)) {
		if c.PersonID != "" {
			due[c.PersonID] = true
		}
	}
	for _, id := range b.left {
		due[id] = true
	}
	if err := b.queueGrants(ctx, due); err != nil {
		return err
	}
	settled, err := b.engine.settleGrants(ctx, b.tx, sortedKeys(due), planned, b.cause)
	if err != nil {
		return err
	}
	b.out.superseded += settled.superseded
	b.grantsGone, b.grantsMade = settled.gone, settled.made
	return nil
}

// queueGrants queues whom this batch has changed, beside those whose turn it is.
func (b *batch) queueGrants(ctx context.Context, due map[string]bool) error {
	if !b.engine.settles() {
		return nil
	}
	changed := map[string]bool{}
	for _, c := range slices.Concat(b.peopleMade, b.joins, b.parts) {
		if !due[c.PersonID] {
			changed[c.PersonID] = true
		}
	}
	var renamed []string
	for _, c := range b.groupsMade {
		if c.Type == directory.GroupUpdated && slices.ContainsFunc(c.Fields, b.engine.decidesBy) {
			renamed = append(renamed, c.SubjectID)
		}
	}
	if len(changed) == 0 && len(renamed) == 0 {
		return nil
	}
	if err := b.tx.MarkGrantsDirty(ctx, sortedKeys(changed), renamed); err != nil {
		return fmt.Errorf("queue roles and licenses of %d people: %w", len(changed), err)
	}
	return nil
}

// settles says whether anything of a person follows from their groups, and so has to wait until these are known: roles,
// licenses, or teams.
func (e *Engine) settles() bool { return !e.grants.rules.None() || e.mapper.teamsOfGroups() }

// goesByNames says whether the name of a group decides about any of that.
func (e *Engine) goesByNames() bool {
	return len(e.grants.named) > 0 || slices.ContainsFunc(e.rules.Teams, func(r directory.TeamRule) bool {
		return r.Groups != nil && len(r.Groups.Names)+len(r.Groups.Exclude) > 0
	})
}

// settledBasis tells the rules about all of that from others; empty when there are none.
func (e *Engine) settledBasis() (string, error) {
	basis, err := e.grants.basis()
	if err != nil || !e.mapper.teamsOfGroups() {
		return basis, err
	}
	text, err := json.Marshal(e.rules.Teams)
	if err != nil {
		return "", fmt.Errorf("encode the rules about teams: %w", err)
	}
	digest := sha256.Sum256(text)
	return basis + "+" + hex.EncodeToString(digest[:16]), nil
}

// decidesBy says whether the field of a group decides about any of that.
func (e *Engine) decidesBy(f directory.FieldChange) bool {
	return f.Field == "name" && e.goesByNames() || f.Field == assignedField && e.mapper.teamsOfGroups()
}

// settled is what became of the roles and licenses of some people.
type settled struct {
	gone, made []directory.Change
	superseded int
}

// loadGrantees loads people with what decides about their roles and licenses, in order of id.
func (e *Engine) loadGrantees(ctx context.Context, tx Tx, ids []string) ([]grantee, error) {
	people, err := tx.People(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load %d people: %w", len(ids), err)
	}
	wanted, named := e.grants.lookedFor(), len(e.grants.named) > 0
	if e.mapper.teamsOfGroups() {
		wanted, named = nil, true
	}
	groups, err := tx.GroupsOfPeople(ctx, ids, wanted, named)
	if err != nil {
		return nil, fmt.Errorf("load the groups of %d people: %w", len(ids), err)
	}
	roles, err := tx.RoleGrants(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load the roles of %d people: %w", len(ids), err)
	}
	licenses, err := tx.LicenseClaims(ctx, ids)
	if err != nil {
		return nil, fmt.Errorf("load the licenses of %d people: %w", len(ids), err)
	}
	rows := byID(people, func(p directory.Person) string { return p.ID })
	all := make([]grantee, 0, len(ids))
	at := make(map[string]int, len(ids))
	for i, id := range slices.Sorted(slices.Values(ids)) {
		g := grantee{person: rows[id]}
		g.person.ID = id // who has no row has nothing, and may lose what is left
		all, at[id] = append(all, g), i
	}
	for _, g := range groups {
		all[at[g.PersonID]].groups = append(all[at[g.PersonID]].groups, g)
	}
	for _, r := range roles {
		all[at[r.PersonID]].roles = append(all[at[r.PersonID]].roles, r)
	}
	for _, l := range licenses {
		all[at[l.PersonID]].licenses = append(all[at[l.PersonID]].licenses, l)
	}
	return all, nil
}

// settleGrants gives people what the rules give them by the rows as they are now, takes what these no
// longer give, and hands on the licenses that this frees. planned is what a plan said would happen to them.
func (e *Engine) settleGrants(ctx context.Context, tx Tx, ids []string, planned []directory.PlannedChange, cause directory.Cause) (settled, error) {
	if len(ids) == 0 {
		return settled{}, nil
	}
	s, err := e.settling(ctx, tx, ids, cause)
	if err != nil {
		return settled{}, err
	}
	s.planned = planned
	for _, step := range []func(context.Context) error{s.keepLast, s.writeRoles, s.writeClaims, s.lowerPools, s.handOn} {
		if err := step(ctx); err != nil {
			return settled{}, err
		}
	}
	if err := tx.DropGrantsDirty(ctx, ids); err != nil {
		return settled{}, fmt.Errorf("take %d people out of the queue: %w", len(ids), err)
	}
	s.count()
	err = s.letGo(ctx)
	return s.out, err
}

// freeLicenses takes licenses that the rules no longer give, and hands them on. All else waits for settleGrants.
func (e *Engine) freeLicenses(ctx context.Context, tx Tx, ids []string, cause directory.Cause) (settled, error) {
	s, err := e.settling(ctx, tx, ids, cause)
	if err != nil {
		return settled{}, err
	}
	s.diff = grantDiff{drop: s.diff.drop}
	if err := s.writeClaims(ctx); err != nil {
		return settled{}, err
	}
	err = s.handOn(ctx)
	return s.out, err
}

// settling compares what people have with what the rules give them.
func (e *Engine) settling(ctx context.Context, tx Tx, ids []string, cause directory.Cause) (*settling, error) {
	grantees, err := e.loadGrantees(ctx, tx, ids)
	if err != nil {
		return nil, err
	}
	s := &settling{engine: e, tx: tx, cause: cause, people: map[string]directory.Person{}, pools: map[string]bool{}, soon: map[roleAt]bool{}}
	fits := groupRules{}
	for _, g := range grantees {
		s.people[g.person.ID] = g.person
		s.had = append(s.had, g)
		s.diff.add(e.grants.diff(g, e.grants.resolve(g.groups, fits), tx.Now()))
	}
	return s, nil
}

// roleAt is a role as one person has it.
type roleAt struct{ person, role, team string }

func atOf(r directory.RoleGrant) roleAt { return roleAt{r.PersonID, r.Role, r.Team} }

// settling is one call of settleGrants.
type settling struct {
	engine  *Engine
	tx      Tx
	cause   directory.Cause
	planned []directory.PlannedChange
	people  map[string]directory.Person
	had     []grantee // in order of id
	diff    grantDiff
	pools   map[string]bool // with claims that came or went
	soon    map[roleAt]bool // roles that stay until the run has given them to somebody else
	out     settled
}

func (s *settling) put(to *[]directory.Change, c directory.PlannedChange) {
	*to = append(*to, directory.Change{Type: c.Type, Subject: c.Subject, SubjectID: c.SubjectID, PersonID: c.PersonID, Fields: c.Fields, Cause: s.cause})
}

func (s *settling) writeRoles(ctx context.Context) error {
	if err := s.tx.DropRoleGrants(ctx, s.diff.revoke); err != nil {
		return fmt.Errorf("take %d roles: %w", len(s.diff.revoke), err)
	}
	if err := s.tx.PutRoleGrants(ctx, slices.Concat(s.diff.grant, s.diff.amend)); err != nil {
		return fmt.Errorf("give %d roles: %w", len(s.diff.grant), err)
	}
	for _, r := range s.diff.revoke {
		s.put(&s.out.gone, roleChange(directory.RoleRevoked, r))
	}
	for _, r := range s.diff.grant {
		s.put(&s.out.made, roleChange(directory.RoleGranted, r))
	}
	return nil
}

func (s *settling) writeClaims(ctx context.Context) error {
	if err := s.tx.DropLicenseClaims(ctx, s.diff.drop); err != nil {
		return fmt.Errorf("end %d claims to licenses: %w", len(s.diff.drop), err)
	}
	if err := s.tx.PutLicenseClaims(ctx, slices.Concat(s.diff.claim, s.diff.adjust)); err != nil {
		return fmt.Errorf("write %d claims to licenses: %w", len(s.diff.claim), err)
	}
	for _, c := range s.diff.drop {
		s.pools[c.Pool] = true
		s.put(&s.out.gone, endedClaim(c))
	}
	for _, c := range s.diff.claim {
		s.pools[c.Pool] = true
		if c.Held {
			s.put(&s.out.made, licenseChange(directory.LicenseGranted, c, "", "held"))
		}
	}
	for _, c := range s.planned {
		if c.Subject == directory.SubjectLicense {
			s.pools[c.SubjectID] = true
		}
	}
	return nil
}

// handOn gives the licenses that are free to those who have been entitled for the longest time.
func (s *settling) handOn(ctx context.Context) error {
	fresh := map[string]directory.LicenseClaim{} // those who would otherwise begin to wait
	for _, c := range s.diff.claim {
		if !c.Held {
			fresh[c.Pool+"/"+c.PersonID] = c
		}
	}
	for _, pool := range sortedKeys(s.pools) {
		given, err := s.engine.handOn(ctx, s.tx, pool)
		if err != nil {
			return err
		}
		for _, c := range given {
			before := "waiting"
			if _, isNew := fresh[c.Pool+"/"+c.PersonID]; isNew {
				before = ""
				delete(fresh, c.Pool+"/"+c.PersonID)
			}
			s.put(&s.out.made, licenseChange(directory.LicenseGranted, c, before, "held"))
		}
	}
	for _, key := range sortedKeys(fresh) {
		s.put(&s.out.made, licenseChange(directory.LicenseWaiting, fresh[key], "", "waiting"))
	}
	return nil
}

// handOn gives up to pageSize free licenses of a pool to those who wait, and returns their claims.
func (e *Engine) handOn(ctx context.Context, tx Tx, name string) ([]directory.LicenseClaim, error) {
	pool, exists := e.grants.pools[name]
	if !exists {
		return nil, nil
	}
	free := pageSize
	if pool.Cap >= 0 {
		held, err := tx.LicensesHeld(ctx, name)
		if err != nil {
			return nil, fmt.Errorf("count the licenses of pool %s that are held: %w", name, err)
		}
		free = min(free, pool.Cap-held)
	}
	if free <= 0 {
		return nil, nil
	}
	next, err := tx.FirstInLine(ctx, name, "", directory.LicenseClaim{}, free)
	if err != nil {
		return nil, fmt.Errorf("look who waits for a license of pool %s: %w", name, err)
	}
	for i := range next {
		next[i].Held, next[i].HeldAt = true, tx.Now()
	}
	if err := tx.PutLicenseClaims(ctx, next); err != nil {
		return nil, fmt.Errorf("give %d licenses of pool %s: %w", len(next), name, err)
	}
	return next, nil
}

// lowerPools takes the licenses that a plan takes because there are fewer now than are held. The people
// stay entitled, and wait.
func (s *settling) lowerPools(ctx context.Context) error {
	over := map[string]int{}
	for _, c := range s.planned {
		pool, exists := s.engine.grants.pools[c.SubjectID]
		if c.Type != directory.LicenseReleased || !exists || pool.Cap < 0 || pool.OnLower == directory.CapStop {
			continue
		}
		if _, counted := over[pool.Name]; !counted {
			held, err := s.tx.LicensesHeld(ctx, pool.Name)
			if err != nil {
				return fmt.Errorf("count the licenses of pool %s that are held: %w", pool.Name, err)
			}
			over[pool.Name] = held - pool.Cap
		}
		if over[pool.Name] <= 0 || s.engine.grants.protects(s.people[c.PersonID]) {
			continue
		}
		claims, err := s.tx.LicenseClaims(ctx, []string{c.PersonID})
		if err != nil {
			return fmt.Errorf("load the licenses of person %s: %w", c.PersonID, err)
		}
		for _, claim := range claims {
			if claim.Pool != pool.Name || !claim.Held {
				continue
			}
			claim.Held, claim.HeldAt = false, time.Time{}
			if err := s.tx.PutLicenseClaims(ctx, []directory.LicenseClaim{claim}); err != nil {
				return fmt.Errorf("take the license %s of person %s: %w", pool.Name, c.PersonID, err)
			}
			over[pool.Name]--
			s.put(&s.out.gone, licenseChange(directory.LicenseReleased, claim, "held", "waiting"))
		}
	}
	return nil
}

// count counts what the plan said and what did not come true, because something has moved on since. A person
// whose changes stand in two batches of the plan has had all of them with the first.
func (s *settling) count() {
	done := map[string]bool{}
	key := func(t directory.ChangeType, subject, person string) string {
		return string(t) + "/" + subject + "/" + person
	}
	for _, c := range slices.Concat(s.out.gone, s.out.made) {
		done[key(c.Type, c.SubjectID, c.PersonID)] = true
	}
	for _, c := range s.planned {
		// A license that is planned may be freed further on: its person waits that long. So does who is to hand on a role.
		soon := c.Type == directory.LicenseGranted && done[key(directory.LicenseWaiting, c.SubjectID, c.PersonID)] ||
			c.Type == directory.RoleRevoked && s.soon[roleAt{c.PersonID, c.SubjectID, teamOf(c)}]
		if c.Type != grantsDue && !done[key(c.Type, c.SubjectID, c.PersonID)] && !soon && !s.wasSo(c) {
			s.out.superseded++
		}
	}
}

// wasSo says whether a planned change had come true before.
func (s *settling) wasSo(c directory.PlannedChange) bool {
	at, found := slices.BinarySearchFunc(s.had, c.PersonID, func(g grantee, id string) int { return cmp.Compare(g.person.ID, id) })
	if !found {
		return false
	}
	team := teamOf(c)
	hasRole := slices.ContainsFunc(s.had[at].roles, func(r directory.RoleGrant) bool { return r.Role == c.SubjectID && r.Team == team })
	claims := func(held bool) bool {
		return slices.ContainsFunc(s.had[at].licenses, func(l directory.LicenseClaim) bool { return l.Pool == c.SubjectID && l.Held == held })
	}
	switch c.Type {
	case directory.RoleGranted:
		return hasRole
	case directory.RoleRevoked:
		return !hasRole
	case directory.LicenseGranted:
		return claims(true)
	case directory.LicenseWaiting:
		return claims(false)
	case directory.LicenseReleased:
		return !claims(true)
	case directory.LicenseWithdrawn:
		return !claims(false)
	default:
		return false
	}
}

// teamOf is the team that a planned change of a role names.
func teamOf(c directory.PlannedChange) string {
	team, _ := cmp.Or(fieldOf(c, "team").After, fieldOf(c, "team").Before).(string)
	return team
}

func roleChange(t directory.ChangeType, r directory.RoleGrant) directory.PlannedChange {
	c := directory.PlannedChange{Type: t, Subject: directory.SubjectRole, SubjectID: r.Role, PersonID: r.PersonID}
	c.Fields = sided(t == directory.RoleGranted, [][2]string{{"set", r.Set}, {"role", r.Role}, {"team", r.Team}, {"rule", r.Rule}, {"via", r.Via}})
	return c
}

// sided are fields that have a value after the change, or before it.
func sided(after bool, values [][2]string) []directory.FieldChange {
	var fields []directory.FieldChange
	for _, v := range values {
		switch {
		case v[1] == "":
		case after:
			fields = append(fields, directory.FieldChange{Field: v[0], After: v[1]})
		default:
			fields = append(fields, directory.FieldChange{Field: v[0], Before: v[1]})
		}
	}
	return fields
}

func licenseChange(t directory.ChangeType, l directory.LicenseClaim, before, after string) directory.PlannedChange {
	fields := []directory.FieldChange{{Field: "license", Before: orNil(before), After: orNil(after)}}
	return directory.PlannedChange{
		Type: t, Subject: directory.SubjectLicense, SubjectID: l.Pool, PersonID: l.PersonID,
		Fields: append(fields, sided(after != "", [][2]string{{"rule", l.Rule}, {"via", l.Via}})...),
	}
}

// endedClaim is the change for a claim that ends, held or waited for.
func endedClaim(c directory.LicenseClaim) directory.PlannedChange {
	if c.Held {
		return licenseChange(directory.LicenseReleased, c, "held", "")
	}
	return licenseChange(directory.LicenseWithdrawn, c, "waiting", "")
}
