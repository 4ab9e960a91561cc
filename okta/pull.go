package okta

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	gosync "sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/oktasync/oktasync/directory"
)

// pagesAhead is how many pages wait for the consumer. More would only hold memory:
// the consumer writes to a database and is the faster side.
const pagesAhead = 4

// groupsPath lists groups. Okta allows up to 10,000 a page and advises a figure of
// one's own; should a page of this size be too slow, smaller ones follow.
const groupsPath = "/api/v1/groups?limit=1000"

// Pull streams the pages of the full scope or of one group. It ends without an
// error only after the last page of everything; an error comes last, and means
// that the whole reading is incomplete. Pages of different lists come in any order.
// Leaving the loop early stops everything that was under way before Pull returns.
func (r *Reader) Pull(ctx context.Context, request directory.PullRequest) iter.Seq2[directory.Page, error] {
	return func(yield func(directory.Page, error) bool) {
		read, err := r.reading(request)
		if err != nil {
			yield(directory.Page{}, err)
			return
		}
		ctx, cancel := context.WithCancel(ctx)
		p := &pull{reader: r, pages: make(chan directory.Page, pagesAhead), peopleUnknown: request.Scope.Kind == directory.ScopeFull,
			// What was learned of linked objects would be lost with a rest, and asked for again.
			rests: request.Scope.Kind == directory.ScopeFull && len(request.Links) == 0, still: stillness{waiting: map[int]time.Duration{}}, selection: r.groups}
		if request.Groups != nil {
			p.selection = *request.Groups
		}
		failed := make(chan error, 1)
		go func() {
			err := read(ctx, p)
			close(p.pages)
			failed <- err
		}()
		// However the loop ends, by a panic of the consumer too, nothing stays behind.
		finished := false
		defer func() {
			cancel()
			for range p.pages { // lets senders go
			}
			if !finished {
				<-failed
			}
		}()

		for page := range p.pages {
			if !yield(page, nil) {
				return
			}
		}
		err = <-failed
		finished = true
		if err != nil {
			yield(directory.Page{}, err)
		}
	}
}

// reading picks what a request asks for.
func (r *Reader) reading(request directory.PullRequest) (func(context.Context, *pull) error, error) {
	if err := request.Scope.Validate(); err != nil {
		return nil, terminalf("pull: %w", err)
	}
	switch request.Scope.Kind {
	case directory.ScopeFull:
		from, err := r.progress(request.From)
		if err != nil {
			return nil, err
		}
		return func(ctx context.Context, p *pull) error { return p.full(orBulk(ctx), from, request) }, nil
	case directory.ScopeGroup:
		if _, err := segment("group", request.Scope.ID); err != nil {
			return nil, err
		}
		return func(ctx context.Context, p *pull) error { return p.group(ctx, request.Scope.ID) }, nil
	default:
		return nil, terminalf("pull of scope %s: only full and group can be pulled; read a person by id", request.Scope)
	}
}

// pull is one reading under way.
type pull struct {
	reader *Reader
	pages  chan directory.Page
	rests  bool // it may end for now, see wait

	selection directory.GroupSelection
	linked    []*relation

	mu            gosync.Mutex
	calls         int
	left          int  // calls that are known to come
	peopleUnknown bool // how many pages of people follow is not known yet
	still         stillness
}

// full reads the app first: while it is gone or inactive nothing else means anything.
// Then the lists, side by side, each from where it stands.
func (p *pull) full(ctx context.Context, from progress, request directory.PullRequest) error {
	if err := p.activeApp(ctx); err != nil {
		return err
	}
	if err := p.relations(ctx, request.Links); err != nil {
		return err
	}
	lists, ctx := errgroup.WithContext(ctx)
	lists.Go(func() error { return p.people(ctx, from) })
	lists.Go(func() error { return p.groups(ctx, from) })
	if request.Deactivated {
		lists.Go(func() error { return p.deactivated(ctx, from) })
	}
	if err := lists.Wait(); err != nil {
		return err
	}
	p.reader.lastPull.Store(int64(p.calls))
	return nil
}

func (p *pull) activeApp(ctx context.Context) error {
	return p.patiently(ctx, "", func(string) error {
		_, err := p.reader.activeApp(ctx)
		return err
	})
}

// people reads everyone who is assigned to the app, in one chain of pages. Okta:
// Apps API, expand=user brings the user along.
func (p *pull) people(ctx context.Context, from progress) error {
	r := p.reader
	what := "list the users of app " + r.appID
	first := "/api/v1/apps/" + r.appID + "/users?expand=user&limit=500"
	start := from.of(r.peopleList(), first)
	if start == "" {
		p.peopleKnown()
	}
	err := eachPageFrom(ctx, r, p.patiently, what, first, start, func(got page[appUser]) error {
		people, err := p.seen(ctx, what, got)
		if err != nil {
			return err
		}
		if got.next == "" {
			p.peopleKnown()
		}
		return p.send(ctx, directory.Page{At: got.at, People: people, Positions: []directory.Position{{List: r.peopleList(), Next: got.next}}})
	})
	if refused := (*directory.CursorError)(nil); errors.As(err, &refused) {
		return notAbsence(err)
	}
	if isAbsent(err) {
		return terminalf("%w: %w; the app went away while it was read; nothing was changed", directory.ErrAppUnusable, refusalIn(err))
	}
	return err
}

// peopleKnown notes that no page of people follows.
func (p *pull) peopleKnown() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.peopleUnknown = false
}

// seen turns a page of app users into people. Okta has lost the embedded users
// of later pages before, so those that are missing are read by id.
func (p *pull) seen(ctx context.Context, what string, got page[appUser]) ([]directory.PersonSeen, error) {
	users := make([]user, len(got.items))
	reads, readCtx := errgroup.WithContext(ctx)
	reads.SetLimit(max(p.reader.concurrency/2, 1))
	for i, a := range got.items {
		if a.ID == "" {
			_ = reads.Wait() // the error below says more
			return nil, incomplete(what, fmt.Errorf("an app user has no id"))
		}
		if u := a.Embedded.User; u != nil && u.whole() && u.ID == a.ID {
			users[i] = *u
			continue
		}
		reads.Go(func() error {
			var err error
			users[i], err = p.user(readCtx, a.ID)
			return err
		})
	}
	if err := reads.Wait(); err != nil {
		return nil, err
	}
	people := make([]directory.PersonSeen, 0, len(users))
	for i, u := range users {
		if u.ID == "" {
			continue // deleted since the list was made; whoever is missing is confirmed by id
		}
		seen := directory.PersonSeen{ID: u.ID, At: got.at, Exists: true, OktaStatus: u.Status, Profile: u.Profile}
		assign(&seen, got.items[i])
		people = append(people, seen)
	}
	return p.links(ctx, people)
}

// user reads one user by id; an empty one when Okta does not know the id.
func (p *pull) user(ctx context.Context, id string) (user, error) {
	escaped, err := segment("user", id)
	if err != nil {
		return user{}, err
	}
	var u user
	err = p.patiently(ctx, "", func(string) error {
		var err error
		u, err = p.reader.user(ctx, "user "+id, escaped)
		return err
	})
	if isAbsent(err) {
		return user{}, nil
	}
	return u, err
}

// groups reads the list of groups whole and then the members of those that are
// selected, several groups at a time. The list comes first because cursors have an
// unknown life: none waits for the members of other groups.
func (p *pull) groups(ctx context.Context, from progress) error {
	r := p.reader
	const what = "list groups"
	selected := slices.Clone(from.groups)
	p.expect(len(selected))
	start := from.of(r.groupList(), groupsPath)
	assigned, assignedAt := map[string]bool{}, time.Time{}
	if p.selection.Assigned && start != "" {
		var err error
		if assigned, assignedAt, err = r.assignedGroups(ctx, p.patiently); err != nil {
			return err
		}
	}
	err := eachPageFrom(ctx, r, p.patiently, what, groupsPath, start, func(got page[group]) error {
		var seen []directory.GroupSeen
		stand := []directory.Position{{List: r.groupList(), Next: got.next}}
		for _, g := range got.items {
			if g.ID == "" {
				return incomplete(what, fmt.Errorf("a group has no id"))
			}
			s := g.seen(got.at)
			if p.selection.Assigned { // the older of the two sights is what may be relied on
				s.Assigned, s.At = assigned[g.ID], assignedAt
			}
			if p.selection.Selects(s) {
				seen = append(seen, s)
				selected = append(selected, g.ID)
				first, err := r.membersPath(g.ID)
				if err != nil {
					return err
				}
				stand = append(stand, directory.Position{List: r.memberList(g.ID), Next: first})
			}
		}
		p.expect(len(seen))
		return p.send(ctx, directory.Page{At: got.at, Groups: seen, Positions: stand})
	})
	if err != nil {
		return notAbsence(err)
	}
	workers, ctx := errgroup.WithContext(ctx)
	workers.SetLimit(r.concurrency)
	for _, id := range selected {
		workers.Go(func() error {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			p.expect(-1)
			return p.members(ctx, id, from)
		})
	}
	return workers.Wait()
}

// membersPath is the path of the first page of a group's members.
func (r *Reader) membersPath(id string) (string, error) {
	escaped, err := segment("group", id)
	if err != nil {
		return "", err
	}
	return fmt.Sprintf("/api/v1/groups/%s/users?limit=%d", escaped, r.memberLimit), nil
}

// members reads the members of one group, ids only.
func (p *pull) members(ctx context.Context, id string, from progress) error {
	first, err := p.reader.membersPath(id)
	if err != nil {
		return err
	}
	list := p.reader.memberList(id)
	what := "list the members of group " + id
	err = eachPageFrom(ctx, p.reader, p.patiently, what, first, from.of(list, first), func(got page[identified]) error {
		ids, err := idsOf(what, got.items)
		if err != nil {
			return err
		}
		return p.send(ctx, directory.Page{
			At: got.at, Members: &directory.MemberPage{GroupID: id, IDs: ids, Last: got.next == ""},
			Positions: []directory.Position{{List: list, Next: got.next}},
		})
	})
	if !isAbsent(err) {
		return err
	}
	// Deleted since the list was made? Only a read by id can tell.
	refused := err
	var seen directory.GroupSeen
	if err := p.patiently(ctx, "", func(string) error {
		var err error
		seen, err = p.reader.readGroup(ctx, id, false)
		return err
	}); err != nil {
		return err
	}
	if cursor := (*directory.CursorError)(nil); seen.Exists && errors.As(refused, &cursor) {
		return notAbsence(refused)
	}
	if seen.Exists {
		return incomplete(what, fmt.Errorf("okta found no members although the group exists"))
	}
	return p.send(ctx, directory.Page{At: seen.At, Groups: []directory.GroupSeen{seen}, Positions: []directory.Position{{List: list}}})
}

// deactivated lists the people whom Okta has deactivated: plain lists leave them out.
// Okta: Users API, "filter".
func (p *pull) deactivated(ctx context.Context, from progress) error {
	list := p.reader.deactivatedList()
	const what = "list deactivated users"
	const first = "/api/v1/users?filter=status+eq+%22DEPROVISIONED%22&limit=200"
	err := eachPageFrom(ctx, p.reader, p.patiently, what, first, from.of(list, first), func(got page[user]) error {
		people := make([]directory.PersonSeen, len(got.items))
		for i, u := range got.items {
			if !u.whole() {
				return incomplete(what, fmt.Errorf("a user has no id, status or profile"))
			}
			people[i] = directory.PersonSeen{ID: u.ID, At: got.at, Exists: true, OktaStatus: u.Status, Profile: u.Profile}
		}
		return p.send(ctx, directory.Page{At: got.at, Deactivated: people, Positions: []directory.Position{{List: list, Next: got.next}}})
	})
	return notAbsence(err)
}

// group reads one group, and its members if it is there and selected.
func (p *pull) group(ctx context.Context, id string) error {
	var seen directory.GroupSeen
	err := p.patiently(ctx, "", func(string) error {
		var err error
		seen, err = p.reader.readGroup(ctx, id, p.selection.Assigned)
		return err
	})
	if err != nil {
		return err
	}
	wanted := seen.Exists && p.selection.Selects(seen)
	if wanted {
		p.expect(1)
	}
	if err := p.send(ctx, directory.Page{At: seen.At, Groups: []directory.GroupSeen{seen}}); err != nil || !wanted {
		return err
	}
	p.expect(-1)
	return p.members(ctx, id, progress{})
}

func idsOf(what string, items []identified) ([]string, error) {
	ids := make([]string, len(items))
	for i, item := range items {
		if item.ID == "" {
			return nil, incomplete(what, fmt.Errorf("a user has no id"))
		}
		ids[i] = item.ID
	}
	return ids, nil
}

// notAbsence makes a 404 to a list an ordinary error: lists prove no absence.
func notAbsence(err error) error {
	var refused *directory.CursorError
	if isAbsent(err) && errors.As(err, &refused) {
		return &directory.CursorError{Err: refusalIn(err)}
	}
	if isAbsent(err) {
		return &passingError{err: refusalIn(err)}
	}
	return err
}

// patiently is the reader's policy; it counts the calls.
func (p *pull) patiently(ctx context.Context, path string, attempt func(path string) error) error {
	return p.reader.patiently(ctx, path, p.wait, func(path string) error {
		p.mu.Lock()
		p.still.flying++
		p.mu.Unlock()
		err := attempt(path)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.still.flying--
		if err == nil {
			p.still.gains++
		}
		if !errors.Is(err, errNoBudget) { // then nothing was sent
			p.calls++
		}
		return err
	})
}

// expect notes calls that are known to come, or that have begun.
func (p *pull) expect(calls int) {
	p.mu.Lock()
	p.left += calls
	p.mu.Unlock()
}

// send hands a page to the consumer.
func (p *pull) send(ctx context.Context, page directory.Page) error {
	p.mu.Lock()
	page.Calls, page.CallsLeft = p.calls, p.estimate()
	p.mu.Unlock()
	select {
	case p.pages <- page:
		p.mu.Lock()
		p.still.gains++
		p.mu.Unlock()
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the pull was stopped: %w", context.Cause(ctx))
	}
}

// estimate tells how many calls are left, -1 when nothing is known: then the last
// pull is the measure, if there was one.
func (p *pull) estimate() int {
	if !p.peopleUnknown {
		return p.left
	}
	if last := int(p.reader.lastPull.Load()); last > 0 {
		return max(last-p.calls, p.left+1)
	}
	return -1
}
