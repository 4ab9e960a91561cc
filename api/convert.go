package api

import (
	"fmt"
	"time"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/directory"
)

// convert turns each row into its answer. The result is never nil, so that an
// empty list is [] and not null.
func convert[R, A any](rows []R, one func(R) A) []A {
	answers := make([]A, len(rows))
	for i, row := range rows {
		answers[i] = one(row)
	}
	return answers
}

func utc(t *time.Time) *time.Time {
	if t == nil {
		return nil
	}
	u := t.UTC()
	return &u
}

func personOf(p directory.Person) v1.Person {
	answer := v1.Person{
		ID: p.ID, Status: string(p.Status), OktaStatus: p.OktaStatus, Assignment: p.Assignment,
		Profile: v1.Profile{
			FirstName: p.Profile.FirstName, LastName: p.Profile.LastName, Email: p.Profile.Email, Login: p.Profile.Login,
			Picture: p.Profile.Picture, Title: p.Profile.Title, Language: p.Profile.Language, Location: p.Profile.Location,
			Department: p.Profile.Department, EmployeeNumber: p.Profile.EmployeeNumber, Custom: p.Profile.Custom,
		},
		Manager: v1.Manager{
			ID: p.ManagerID, Source: string(p.ManagerSource), Problem: string(p.ManagerProblem),
			IDText: p.Profile.ManagerIDText, Text: p.Profile.ManagerText, Link: p.Profile.ManagerLink,
		},
		ObservedAt: p.ObservedAt.UTC(), CreatedAt: p.CreatedAt.UTC(), UpdatedAt: p.UpdatedAt.UTC(),
	}
	for f, why := range p.Profile.Unfit {
		if answer.Unfit == nil {
			answer.Unfit = map[string]string{}
		}
		answer.Unfit[string(f)] = string(why)
	}
	if len(p.Profile.Emptied) > 0 {
		answer.Emptied = fieldNames(p.Profile.Emptied)
	}
	if p.TeamID != "" {
		answer.Team = &v1.Ref{ID: p.TeamID}
	}
	for _, id := range p.FurtherTeams {
		answer.FurtherTeams = append(answer.FurtherTeams, v1.Ref{ID: id})
	}
	if !p.LeftAt.IsZero() {
		answer.LeftAt = utc(&p.LeftAt)
	}
	return answer
}

func teamOf(t directory.TeamSize) v1.Team {
	return v1.Team{
		ID: t.ID, Name: t.Name, OktaName: t.OktaName, Source: t.Source, ParentID: t.ParentID, GroupID: t.GroupID, People: t.People, CreatedAt: t.CreatedAt.UTC(),
		ManagerID: t.ManagerID, FirstPerson: t.FirstPerson, FirstManagerID: t.FirstManagerID,
	}
}

func groupOf(g directory.GroupSize) v1.Group {
	return v1.Group{
		ID: g.ID, Name: g.Name, Description: g.Description, Type: g.Type, Assigned: g.Assigned, Members: g.Members,
		ObservedAt: g.ObservedAt.UTC(),
	}
}

func fieldAnswer(f directory.FieldChange) v1.FieldChange {
	return v1.FieldChange{Field: f.Field, Before: f.Before, After: f.After}
}

func changeOf(c directory.Change) v1.Change {
	return v1.Change{
		ID: c.ID, Tenant: c.Tenant, Seq: c.Seq, PersonSeq: c.PersonSeq, State: stateOf(c.State), At: c.At.UTC(), Type: string(c.Type), Subject: string(c.Subject), SubjectID: c.SubjectID, PersonID: c.PersonID,
		Fields: convert(c.Fields, fieldAnswer),
		Cause:  causeOf(c.Cause),
	}
}

func causeOf(c directory.Cause) v1.Cause {
	return v1.Cause{
		Kind: string(c.Kind), RunID: c.RunID, Events: c.Events, EventTypes: c.EventTypes,
		Actor: c.Actor, Rules: c.Rules, Published: utc(c.Published), Approval: decisionOf(c.Approval),
	}
}

func actAnswer(a directory.Act) v1.Act {
	return v1.Act{
		ID: a.ID, At: a.At.UTC(), Actor: a.Actor, Role: string(a.Role), Act: string(a.Kind),
		Subject: a.Subject, RunID: a.RunID, Reason: a.Reason,
	}
}

func decisionOf(d *directory.Decision) *v1.Decision {
	if d == nil {
		return nil
	}
	verdict := "rejected"
	if d.Approved {
		verdict = "approved"
	}
	return &v1.Decision{Verdict: verdict, By: d.By, At: d.At.UTC(), Reason: d.Reason}
}

func planOf(p *directory.PlanSummary) *v1.Plan {
	if p == nil {
		return nil
	}
	effect := func(e directory.PlanEffect) v1.Effect {
		return v1.Effect{Kind: string(e.Kind), ID: e.ID, Name: e.Name, Gained: e.Gained, Lost: e.Lost}
	}
	answer := &v1.Plan{
		Joiners: p.Joiners, Leavers: p.Leavers, Suspended: p.Suspended, Returning: p.Returning, Moves: p.Moves,
		Managers: v1.ManagerEffect{Gained: p.Managers.Gained, Lost: p.Managers.Lost, Changed: p.Managers.Changed},
		Changes:  make(map[string]int, len(p.Changes)), Teams: convert(p.Teams, effect), Effects: convert(p.Effects, effect),
	}
	for kind, n := range p.Changes {
		answer.Changes[string(kind)] = n
	}
	return answer
}

func runOf(r directory.Run) v1.Run {
	answer := v1.Run{
		ID: r.ID, Tenant: r.Tenant, Scope: r.Scope.String(), Cause: string(r.Cause), Rules: r.Rules, Date: r.Date, By: r.By,
		State: string(r.State), CreatedAt: r.CreatedAt.UTC(), StartedAt: utc(r.StartedAt), FinishedAt: utc(r.FinishedAt),
		Progress: v1.Progress{
			Pages: r.Progress.Pages, People: r.Progress.People, Groups: r.Progress.Groups, Members: r.Progress.Members,
			Calls: r.Progress.Calls, CallsLeft: r.Progress.CallsLeft,
			Planned: r.Progress.Planned, Applied: r.Progress.Applied, ETA: utc(r.Progress.ETA),
			Resumed: r.Progress.Resumed, Note: r.Progress.Note,
		},
		Counts: v1.Counts{Superseded: r.Counts.Superseded, Quarantined: r.Counts.Quarantined, Confirmed: r.Counts.Confirmed},
		Error:  r.Error, DryRun: r.DryRun, PlannedAt: utc(r.PlannedAt), Decision: decisionOf(r.Decision), Plan: planOf(r.Plan),
	}
	if r.State.Open() && r.RetryAt != nil {
		answer.RetryAt, answer.AttemptsLeft = utc(r.RetryAt), directory.RunAttempts-r.Attempts
		answer.WaitsFor = waitsFor(r)
	}
	if r.State.Waiting() && r.PlannedAt != nil {
		answer.ApproveUntil = utc(r.WaitsUntil)
	}
	if len(r.Counts.Changes) > 0 {
		answer.Counts.Changes = make(map[string]int, len(r.Counts.Changes))
		for kind, n := range r.Counts.Changes {
			answer.Counts.Changes[string(kind)] = n
		}
	}
	return answer
}

// waitsFor is a sentence's end: the run waits for …
func waitsFor(r directory.Run) string {
	if r.Progress.Waits != "" {
		return "a pause to end, which costs no attempt: " + r.Progress.Waits
	}
	return fmt.Sprintf("its next attempt, %d of %d are left: %s", directory.RunAttempts-r.Attempts, directory.RunAttempts, r.Error)
}

func tenantOf(l directory.TenantListing, t directory.TenantState) v1.Tenant {
	answer := v1.Tenant{
		Tenant: l.Tenant, Source: string(l.Source), Problem: l.Problem, Warning: l.Warning,
		Blocked: t.Blocked, BlockedSince: utc(t.BlockedSince), LastFullSync: utc(t.LastFullSync),
		Waiting: t.Waiting, OldestWaiting: utc(t.OldestWait), Parked: t.Parked, People: t.People, Quarantined: t.Quarantined, Hook: hookOf(t.Hook),
	}
	if l.Pause != nil {
		answer.Paused = &v1.Pause{At: l.Pause.At.UTC(), By: l.Pause.By, Reason: l.Pause.Reason}
	}
	if l.Removal != nil {
		answer.RemovedAt = utc(&l.Removal.At)
	}
	return answer
}

func quarantinedOf(q directory.Quarantined) v1.Quarantined {
	return v1.Quarantined{
		PersonID: q.PersonID, Reason: q.Reason, Since: q.Since.UTC(), LastSeen: q.Seen.UTC(),
		Fields: convert(q.Fields, func(f directory.Field) string { return string(f) }),
	}
}

func hookOf(h directory.HookHealth) *v1.Hook {
	if h == (directory.HookHealth{}) {
		return nil
	}
	return &v1.Hook{
		ID: h.ID, URL: h.URL, State: h.State, Problem: h.Problem, Since: utc(h.Since), CheckedAt: utc(h.Checked),
		LastDelivery: utc(h.LastDelivery), LastRefused: utc(h.LastRefused),
	}
}

func parkedOf(p directory.Parked) v1.Parked {
	return v1.Parked{Scope: p.Scope.String(), Events: p.Events, Reason: p.Reason, ParkedAt: p.ParkedAt.UTC()}
}
