package sync

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Lists prove no absence: Okta, or what stands between, may answer with a part of one and
// say that it is the whole. So a membership ends when two witnesses agree:
//
//	the person's list lacks the group    and as many events tell of an end, or two looks at the
//	                                     list agree, unless the events are younger than a minute
//	the group's list lacks the person    and the person's own list lacks the group
//	either                               and the group is gone, by a read by id
//
// Whatever else the list of a person shows is not taken over while it is in doubt, and the
// events wait for the next look.
const (
	// endOfMembership is the type of the event that tells of one end. Okta: event types.
	endOfMembership = "group.user_membership.remove"
	doubtFor        = time.Minute
	lookAgainAfter  = 10 * time.Second
	// confirmAtMost is how many people whom one group's list lacks are looked up before the answers
	// may speak for the rest.
	confirmAtMost = 100
)

// errDoubted says that a list lacked groups which no event took away, and that one more look, at once, is
// to say the same before it is believed.
var errDoubted = errors.New("okta's list lacks groups of the person that no event took away")

// lacks says whether a person's list of groups lacks more than the waiting events explain. What the look
// before has listed counts as listed. A deleted group is no loss of the person: it has an event of its own.
func (e *Engine) lacks(ctx context.Context, tx Tx, ticket directory.Ticket, seen, before *directory.PersonSeen) (bool, error) {
	if status, _ := statusOf(*seen); !seen.GroupsRead || status == directory.StatusRemoved {
		return false, nil
	}
	rows, err := tx.MembershipsOf(ctx, []string{seen.ID})
	if err != nil {
		return false, fmt.Errorf("load memberships of person %s: %w", seen.ID, err)
	}
	lost := 0
	for _, m := range rows {
		if _, listed := listing(seen, m.GroupID); listed || !m.Present || m.ObservedAt.After(seen.At) {
			continue
		}
		if g, listed := listing(before, m.GroupID); listed {
			seen.Groups = append(seen.Groups, g)
			continue
		}
		lost++
	}
	for _, event := range ticket.Events {
		if event.Type == endOfMembership {
			lost--
		}
	}
	return lost > 0, nil
}

// young says whether the ticket's events have waited for less than a minute, so that Okta may not show yet
// what they are about. A look without events has nothing to wait for.
func young(ticket directory.Ticket, now time.Time) bool {
	waited := func(w directory.Waiting) bool { return now.Sub(w.Received) >= doubtFor }
	return len(ticket.Events) > 0 && !slices.ContainsFunc(ticket.Events, waited)
}

// listing is the group as a person's list has it.
func listing(seen *directory.PersonSeen, group string) (directory.GroupSeen, bool) {
	if seen == nil {
		return directory.GroupSeen{}, false
	}
	i := slices.IndexFunc(seen.Groups, func(g directory.GroupSeen) bool { return g.ID == group })
	if i < 0 {
		return directory.GroupSeen{}, false
	}
	return seen.Groups[i], true
}

// witnessed counts what people's own lists said of those whom one group's list lacks.
type witnessed struct{ ended, stays int }

// proven returns those of a page of unseen members who are to lose the membership. In each group as
// many as confirmAtMost are looked up, in one call each. When all of them have left, so have the others whom
// the list lacks; when none has, the list is wrong and the others stay; else everybody is looked up.
func (x *execution) proven(ctx context.Context, unseen []directory.Membership, groups map[string]witnessed) ([]directory.Membership, error) {
	gone := map[string]bool{}
	for _, g := range x.gone {
		gone[g.ID] = true
	}
	own := map[string]map[string]bool{} // what was looked up for this page, by person
	var ended []directory.Membership
	for _, m := range unseen {
		if gone[m.GroupID] {
			ended = append(ended, m)
			continue
		}
		if !x.tellsOfEnds() {
			continue
		}
		of := groups[m.GroupID]
		switch {
		case of.ended >= confirmAtMost && of.stays == 0:
			ended = append(ended, m)
			continue
		case of.stays >= confirmAtMost && of.ended == 0:
			continue
		}
		list, known := own[m.PersonID]
		if !known {
			var err error
			if list, err = x.groupsOf(ctx, m.PersonID); err != nil {
				return nil, fmt.Errorf("confirm that person %s is no longer in group %s: %w", m.PersonID, m.GroupID, err)
			}
			own[m.PersonID] = list
		}
		switch {
		case list == nil: // deleted: leaving the directory ends the membership
			continue
		case list[m.GroupID]:
			of.stays++
			if err := x.refuteList(ctx, m); err != nil {
				return nil, err
			}
		default:
			of.ended++
			ended = append(ended, m)
		}
		groups[m.GroupID] = of
	}
	return ended, nil
}

// refuteList notes that a group's list lacks somebody whose own list has the group. Who joined after the group's
// list was read, by an event, is no fault of that list.
func (x *execution) refuteList(ctx context.Context, m directory.Membership) error {
	if x.run.Progress.ListsRefuted {
		return nil
	}
	rows, err := x.engine.store.People(ctx, x.engine.tenant, []string{m.PersonID})
	if err != nil {
		return fmt.Errorf("load person %s: %w", m.PersonID, err)
	}
	x.run.Progress.ListsRefuted = len(rows) == 1 && !rows[0].GroupsObservedAt.After(m.ObservedAt)
	return nil
}

// groupsOf asks for the ids of a person's groups; nil when nobody has the id.
func (x *execution) groupsOf(ctx context.Context, person string) (map[string]bool, error) {
	list, known, err := x.engine.source.GroupsOf(ctx, person)
	if err != nil || !known {
		return nil, err
	}
	x.run.Counts.Confirmed++
	ids := make(map[string]bool, len(list))
	for _, g := range list {
		ids[g.ID] = true
	}
	return ids, nil
}

// tellsOfEnds says whether the run may find ends of memberships at all. Events about a group
// itself, its name or its app, are no reason for one: each end has an event of its own. A run of everybody
// settles such events, and an import logs few of its changes.
func (x *execution) tellsOfEnds() bool {
	return x.run.Scope.Kind == directory.ScopeFull || len(x.ticket.Events) == 0 || slices.ContainsFunc(x.ticket.Events, func(w directory.Waiting) bool {
		return strings.HasPrefix(w.Type, "group.user_membership.")
	})
}
