package directory

import "time"

// RunEnded returns what the feed tells of a run that ended or was held; false: nothing. A dry run changes nothing
// and is told to nobody. Neither is the end of a run that an event about a group asked for, and that went well:
// there is one for nearly each such event, and what it changed is told anyway.
func RunEnded(run Run) (Change, bool) {
	c := Change{Subject: SubjectRun, SubjectID: run.ID, Cause: Cause{Kind: run.Cause, RunID: run.ID, Actor: run.By, Approval: run.Decision}}
	switch {
	case run.DryRun:
		return Change{}, false
	case run.State == RunSucceeded && (run.Scope.Kind == ScopeFull || run.Cause == CauseManual):
		c.Type = SyncCompleted
	case run.State == RunHeld:
		c.Type = SyncHeld
	case run.State == RunFailed:
		c.Type = SyncFailed
	default:
		return Change{}, false
	}
	add := func(field string, value any) { c.Fields = append(c.Fields, FieldChange{Field: field, After: value}) }
	add("state", string(run.State))
	add("scope", run.Scope.Public())
	if run.StartedAt != nil {
		add("started_at", run.StartedAt.UTC().Format(time.RFC3339))
	}
	counts := make(map[string]any, len(run.Counts.Changes))
	for kind, n := range run.Counts.Changes {
		counts[string(kind)] = n
	}
	add("changes", counts)
	add("superseded", run.Counts.Superseded)
	add("quarantined", run.Counts.Quarantined)
	if run.Error != "" && run.Scope.Kind != ScopePerson { // which may quote Okta, and that may name the person
		add("error", run.Error)
	}
	return c, true
}
