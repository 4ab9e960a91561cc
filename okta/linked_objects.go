package okta

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strings"
	gosync "sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/oktasync/oktasync/directory"
)

// A linked object is a relationship between users which an org defines for itself, such as manager and subordinate. A user
// has one primary user in it at most, and a primary user any number of associated ones. Okta: Linked Objects API.

// definition is what an org calls the two sides.
type definition struct {
	Primary    named `json:"primary"`
	Associated named `json:"associated"`
}

type named struct {
	Name string `json:"name"`
}

// linkedUser is one user at the other side of a relationship, as a link and nothing else.
type linkedUser struct {
	Links struct {
		Self struct {
			Href string `json:"href"`
		} `json:"self"`
	} `json:"_links"`
}

func (u linkedUser) id() (string, error) {
	address, err := url.Parse(u.Links.Self.Href)
	if err != nil {
		return "", errors.New("the link to a user is not an address")
	}
	id, found := strings.CutPrefix(address.Path, "/api/v1/users/")
	if _, err := segment("user", id); !found || err != nil {
		return "", errors.New("the link to a user has no user id")
	}
	return strings.Clone(id), nil // the answer is not to be kept for it
}

// LinkedObject returns what the associated side of a relationship is called, of which the name is that of the primary side.
func (r *Reader) LinkedObject(ctx context.Context, name string) (associated string, err error) {
	escaped, err := segment("linked object", name)
	if err != nil {
		return "", err
	}
	what := "read the linked object " + name
	got, err := object[definition](ctx, r, what, "/api/v1/meta/schemas/user/linkedObjects/"+escaped)
	switch {
	case isAbsent(err):
		return "", terminalf("%w; the org has no linked object of this name: correct mapping, or define it in Okta; nothing was changed", refusalIn(err))
	case err != nil:
		return "", err
	case got.Primary.Name != name:
		return "", terminalf("%s: %q is not the primary side of it, which is %q: correct mapping; nothing was changed", what, name, clip(got.Primary.Name, 100))
	case got.Associated.Name == "":
		return "", incomplete(what, errors.New("its associated side has no name"))
	}
	return got.Associated.Name, nil
}

// linked reads the ids of the users at one side of a relationship with a user, by the name of that side.
func (r *Reader) linked(ctx context.Context, id, side string) ([]string, error) {
	user, err := segment("user", id)
	if err != nil {
		return nil, err
	}
	what := fmt.Sprintf("read whom user %s is linked to as %s", id, side)
	var ids []string
	err = eachPage(ctx, r, plainly, what, "/api/v1/users/"+user+"/linkedObjects/"+url.PathEscape(side), func(p page[linkedUser]) error {
		for _, u := range p.items {
			other, err := u.id()
			if err != nil {
				return incomplete(what, err)
			}
			ids = append(ids, other)
		}
		return nil
	})
	return ids, err
}

// primary reads to whom a user is linked, empty when to nobody.
func (r *Reader) primary(ctx context.Context, id, name string) (string, error) {
	ids, err := r.linked(ctx, id, name)
	switch {
	case err != nil || len(ids) == 0:
		return "", err
	case len(ids) > 1:
		return "", &passingError{err: fmt.Errorf("read whom user %s is linked to as %s: okta names %d users where there can be one, "+
			"so the answer is not used; nothing was changed", id, name, len(ids))}
	}
	return ids[0], nil
}

// links completes somebody who was seen a moment ago.
func (r *Reader) links(ctx context.Context, seen *directory.PersonSeen, names []string) error {
	for _, name := range names {
		id, err := r.primary(ctx, seen.ID, name)
		if isAbsent(err) {
			// The same 404 comes when the org has no such relationship.
			if _, err := r.LinkedObject(ctx, name); err != nil {
				return err
			}
			return &passingError{err: fmt.Errorf("%w; the user was there a moment ago and will be read again", refusalIn(err))}
		}
		if err != nil {
			return err
		}
		noteLink(seen, name, id)
	}
	return nil
}

// noteLink notes to whom somebody is linked.
func noteLink(seen *directory.PersonSeen, name, id string) {
	if id == "" {
		return
	}
	if seen.Links == nil {
		seen.Links = map[string]string{}
	}
	seen.Links[name] = id
}

// mostLinked is how many people a pull remembers of whom it has learned in advance to whom they are linked. Beyond
// that it asks for each, so that its memory is bounded.
const mostLinked = 100_000

// relation is a linked object in a pull. Okta shows it one user at a time. But of a primary user it shows all who are
// linked to them, so that one call more answers for a whole team: two calls a manager and one for whoever has
// none, instead of one for everybody.
type relation struct {
	name, associated string

	mu     gosync.Mutex
	known  map[string]*team // by the id of a user who was not seen yet
	listed map[string]bool  // primary users
}

// team is a primary user, and when it was seen who is linked to them.
type team struct {
	primary string
	at      time.Time
}

// relations asks what the linked objects are called.
func (p *pull) relations(ctx context.Context, names []string) error {
	for _, name := range names {
		rel := &relation{name: name, known: map[string]*team{}, listed: map[string]bool{}}
		if err := p.patiently(ctx, "", func(string) (err error) {
			rel.associated, err = p.reader.LinkedObject(ctx, name)
			return err
		}); err != nil {
			return err
		}
		p.linked = append(p.linked, rel)
	}
	return nil
}

// links completes a page of people. Those who went away meanwhile are left out, as if the list had not shown them.
func (p *pull) links(ctx context.Context, people []directory.PersonSeen) ([]directory.PersonSeen, error) {
	if len(p.linked) == 0 {
		return people, nil
	}
	gone := make([]bool, len(people))
	reads, readCtx := errgroup.WithContext(ctx)
	reads.SetLimit(max(p.reader.concurrency/2, 1))
	for i := range people {
		if !people[i].Assigned {
			continue
		}
		reads.Go(func() error {
			for _, rel := range p.linked {
				err := p.link(readCtx, rel, &people[i])
				if isAbsent(err) {
					gone[i] = true
					return nil
				}
				if err != nil {
					return err
				}
			}
			return nil
		})
	}
	if err := reads.Wait(); err != nil {
		return nil, err
	}
	there := people[:0]
	for i, seen := range people {
		if !gone[i] {
			there = append(there, seen)
		}
	}
	return there, nil
}

// link finds out to whom a person is linked. The sight of the person is then as old as the older of the two.
func (p *pull) link(ctx context.Context, rel *relation, seen *directory.PersonSeen) error {
	if t := rel.take(seen.ID); t != nil {
		noteLink(seen, rel.name, t.primary)
		if t.at.Before(seen.At) {
			seen.At = t.at
		}
		return nil
	}
	primary := ""
	err := p.patiently(ctx, "", func(string) (err error) {
		primary, err = p.reader.primary(ctx, seen.ID, rel.name)
		return err
	})
	if err != nil {
		return err
	}
	noteLink(seen, rel.name, primary)
	if !rel.mayList(primary) {
		return nil
	}
	t := &team{primary: primary}
	var ids []string
	err = p.patiently(ctx, "", func(string) (err error) {
		if t.at, err = p.reader.time(ctx); err != nil {
			return err
		}
		ids, err = p.reader.linked(ctx, primary, rel.associated)
		return err
	})
	if isAbsent(err) {
		return nil // the primary user went away; those who are left are asked for one by one
	}
	if err != nil {
		return err
	}
	rel.put(t, ids, seen.ID)
	return nil
}

// take returns what is known of a user, once.
func (rel *relation) take(id string) *team {
	rel.mu.Lock()
	defer rel.mu.Unlock()
	t := rel.known[id]
	delete(rel.known, id)
	return t
}

// mayList says whether the primary user's list is to be read, and notes that it is.
func (rel *relation) mayList(primary string) bool {
	rel.mu.Lock()
	defer rel.mu.Unlock()
	if primary == "" || rel.listed[primary] || len(rel.known) >= mostLinked {
		return false
	}
	rel.listed[primary] = true
	return true
}

// put notes who is linked to a primary user, but for whoever was just asked for.
func (rel *relation) put(t *team, ids []string, but string) {
	rel.mu.Lock()
	defer rel.mu.Unlock()
	for _, id := range ids {
		if id != but {
			rel.known[id] = t
		}
	}
}
