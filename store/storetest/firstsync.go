package storetest

import (
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/store"
)

// BenchmarkFirstSync measures what the store does in the first full run of an
// empty tenant: stage, plan and apply 10,000 people and 10,000 memberships in
// 200 groups, with their changes, then find their managers. Each part is reported in
// milliseconds.
func BenchmarkFirstSync(b *testing.B, open func(b *testing.B) *store.DB) {
	const size, groups, batch = 10000, 200, 500
	total := map[string]time.Duration{}
	for b.Loop() {
		b.StopTimer()
		s := &firstSync{B: b, db: open(b), ctx: b.Context(), spent: total}
		s.must(s.db.EnsureTenants(s.ctx, []string{tenant}))
		_, _, err := s.db.CreateRun(s.ctx, directory.Run{Tenant: tenant, ID: "r1", Scope: directory.FullScope()})
		s.must(err)
		s.run, err = s.db.ClaimRun(s.ctx, tenant, "r1", "w1", directory.AnyClaim, time.Minute)
		s.must(err)
		s.must(s.db.ResetRun(s.ctx, tenant, "r1", "w1"))
		s.rows = employees(size)
		b.StartTimer()
		s.readPeople(batch)
		s.readGroups(groups)
		s.planMembers(batch)
		s.apply(batch)
		s.managers(batch)
	}
	b.ReportMetric(0, "ns/op")
	sum := time.Duration(0)
	for part, spent := range total {
		b.ReportMetric(float64(spent.Milliseconds())/float64(b.N), part+"-ms")
		sum += spent
	}
	b.ReportMetric(float64(sum.Milliseconds())/float64(b.N), "total-ms")
}

type firstSync struct {
	*testing.B
	db    *store.DB
	ctx   context.Context
	run   directory.Run
	rows  []directory.Person
	spent map[string]time.Duration
}

func (s *firstSync) must(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// part measures fn as a part of the whole.
func (s *firstSync) part(name string, fn func() error) {
	s.Helper()
	start := time.Now()
	s.must(fn())
	s.spent[name] += time.Since(start)
}

func (s *firstSync) save() {
	s.part("save", func() error { return s.db.SaveRun(s.ctx, s.run, "w1", time.Minute) })
}

func (s *firstSync) step(page directory.Page, planned []directory.PlannedChange) {
	step := directory.Step{Pages: []directory.Page{page}, Planned: planned, Notes: json.RawMessage(`{}`)}
	s.part("step", func() error { return s.db.SaveStep(s.ctx, s.run, "w1", time.Minute, step) })
}

func (s *firstSync) update(part string, fn func(context.Context, *store.Tx) error) {
	s.part(part, func() error { return s.db.Update(s.ctx, tenant, fn) })
}

// employees makes people of realistic size; each but the first has a manager.
func employees(n int) []directory.Person {
	rows := make([]directory.Person, n)
	for i := range rows {
		login := func(i int) string { return fmt.Sprintf("first%d.last%d@example.com", i*7919%n, i) }
		rows[i] = directory.Person{
			ID: fmt.Sprintf("00u%017x", uint64(i+1)*0x9E3779B97F4A7C15>>4), Status: directory.StatusActive, OktaStatus: "ACTIVE", Assignment: "GROUP",
			Profile: directory.Profile{
				FirstName: fmt.Sprint("First", i), LastName: fmt.Sprint("Last", i), Email: login(i), Login: login(i),
				Picture: "https://pictures.example.com/" + login(i), Title: "Senior Specialist", Language: "en_GB", Location: "Springfield",
				Department: fmt.Sprint("Department ", i%40), EmployeeNumber: fmt.Sprint(100000 + i),
				Custom: map[string]any{"costCenter": fmt.Sprint(i % 90)},
			},
			TeamID: fmt.Sprint("team_", i%40), Hash: fmt.Sprintf("%064x", i), ObservedAt: at(0), GroupsObservedAt: at(0),
		}
		if i > 0 {
			rows[i].Profile.ManagerIDText = login(i / 8)
			rows[i].Profile.ManagerText = fmt.Sprint("First", i/8, " Last", i/8)
		}
	}
	return rows
}

func idsOf(rows []directory.Person) []string {
	all := make([]string, len(rows))
	for i, p := range rows {
		all[i] = p.ID
	}
	return all
}

func (s *firstSync) readPeople(batch int) {
	for from := 0; from < len(s.rows); from += batch {
		rows := s.rows[from : from+batch]
		page := directory.Page{At: at(0)}
		planned := make([]directory.PlannedChange, len(rows))
		for i, p := range rows {
			page.People = append(page.People, directory.PersonSeen{ID: p.ID})
			after, err := json.Marshal(p)
			s.must(err)
			planned[i] = directory.PlannedChange{
				Type: directory.PersonCreated, Subject: directory.SubjectPerson, SubjectID: p.ID, PersonID: p.ID, ObservedAt: at(0), After: after,
			}
			for _, field := range directory.Fields() {
				planned[i].Fields = append(planned[i].Fields, directory.FieldChange{Field: string(field), After: *p.Profile.Field(field)})
			}
		}
		s.part("read", func() error {
			if _, err := s.db.Hashes(s.ctx, tenant, idsOf(rows)); err != nil {
				return err
			}
			_, err := s.db.People(s.ctx, tenant, idsOf(rows))
			return err
		})
		s.step(page, planned)
	}
}

func (s *firstSync) readGroups(groups int) {
	size := len(s.rows) / groups
	for g := range groups {
		page := directory.Page{At: at(0), Members: &directory.MemberPage{
			GroupID: fmt.Sprintf("00g%017d", g), IDs: idsOf(s.rows[g*size : (g+1)*size]), Last: true,
		}}
		s.step(page, nil)
	}
}

func (s *firstSync) planMembers(batch int) {
	s.part("unseen", func() error {
		if _, err := s.db.CountUnseenPeople(s.ctx, tenant, "r1", directory.StatusActive); err != nil {
			return err
		}
		_, err := s.db.UnseenPeople(s.ctx, tenant, "r1", directory.StatusActive, "", batch)
		return err
	})
	var after directory.Membership
	for {
		var found []directory.Membership
		s.part("unseen", func() (err error) {
			found, err = s.db.MissingMembers(s.ctx, tenant, "r1", after, batch)
			return err
		})
		if len(found) == 0 {
			break
		}
		after = found[len(found)-1]
		planned := make([]directory.PlannedChange, len(found))
		for i, m := range found {
			row, err := json.Marshal(m)
			s.must(err)
			planned[i] = directory.PlannedChange{
				Type: directory.MembershipAdded, Subject: directory.SubjectMembership, SubjectID: m.GroupID, PersonID: m.PersonID, ObservedAt: m.ObservedAt, After: row,
			}
		}
		s.part("plan", func() error { return s.db.AppendPlan(s.ctx, tenant, "r1", "w1", planned) })
		s.save()
	}
	s.part("unseen", func() error {
		if _, err := s.db.UnseenMembers(s.ctx, tenant, "r1", directory.Membership{}, batch); err != nil {
			return err
		}
		_, err := s.db.PlanCounts(s.ctx, tenant, "r1")
		return err
	})
}

func (s *firstSync) apply(batch int) {
	after := int64(0)
	for {
		var planned []directory.PlannedChange
		s.part("read", func() (err error) {
			planned, err = s.db.Plan(s.ctx, tenant, "r1", after, batch)
			return err
		})
		if len(planned) == 0 {
			return
		}
		after = planned[len(planned)-1].Seq
		people, memberships, changes := decode(s, planned)
		s.update("apply", func(ctx context.Context, tx *store.Tx) error {
			refs := make([]string, 0, 4*len(people))
			for _, p := range people {
				refs = append(refs, p.ID, p.Profile.Login, p.Profile.Email, p.Profile.EmployeeNumber)
			}
			steps := []func() error{
				func() error { _, err := tx.People(ctx, idsOf(people)); return err },
				func() error { _, err := tx.Memberships(ctx, memberships); return err },
				func() error { return tx.PutPeople(ctx, people) },
				func() error { return tx.PutMemberships(ctx, memberships) },
				func() error { return tx.MarkManagersDirty(ctx, idsOf(people), refs) },
				func() error { _, err := tx.Append(ctx, changes); return err },
				func() error { return tx.SaveRun(ctx, s.run, "w1", time.Minute) },
			}
			for _, step := range steps {
				if err := step(); err != nil {
					return err
				}
			}
			return nil
		})
	}
}

func decode(s *firstSync, planned []directory.PlannedChange) (people []directory.Person, memberships []directory.Membership, changes []directory.Change) {
	for _, c := range planned {
		if c.Subject == directory.SubjectPerson {
			var p directory.Person
			s.must(json.Unmarshal(c.After, &p))
			people = append(people, p)
		} else {
			var m directory.Membership
			s.must(json.Unmarshal(c.After, &m))
			memberships = append(memberships, m)
		}
		changes = append(changes, directory.Change{
			Type: c.Type, Subject: c.Subject, SubjectID: c.SubjectID, PersonID: c.PersonID, Fields: c.Fields,
			Cause: directory.Cause{Kind: directory.CauseNightly, RunID: "r1"},
		})
	}
	return people, memberships, changes
}

func (s *firstSync) managers(batch int) {
	for more := true; more; {
		s.update("managers", func(ctx context.Context, tx *store.Tx) error {
			ids, err := tx.TakeDirtyManagers(ctx, batch)
			if err != nil || len(ids) == 0 {
				more = false
				return err
			}
			edges, err := tx.ManagerEdges(ctx, ids)
			if err != nil {
				return err
			}
			var refs []string
			for _, e := range edges {
				refs = append(refs, e.IDText, e.Text)
			}
			found, err := tx.Identify(ctx, refs)
			if err != nil {
				return err
			}
			byLogin := map[string]string{}
			for _, i := range found {
				byLogin[i.Login] = i.PersonID
			}
			var changes []directory.Change
			for i := range edges {
				edges[i].Wanted = byLogin[edges[i].IDText]
				edges[i].ManagerID = edges[i].Wanted
				changes = append(changes, directory.Change{
					Type: directory.PersonManagerChanged, Subject: directory.SubjectPerson, SubjectID: edges[i].PersonID, PersonID: edges[i].PersonID,
					Fields: []directory.FieldChange{{Field: "manager", After: edges[i].ManagerID}},
				})
			}
			if err := tx.PutManagers(ctx, edges); err != nil {
				return err
			}
			_, err = tx.Append(ctx, changes)
			return err
		})
	}
}
