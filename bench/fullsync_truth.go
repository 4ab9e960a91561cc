package main

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/oktasync/oktasync/emulator"
)

// otherCalls is what a full sync calls beside the pages of lists: it reads the app.
const otherCalls = 1

// Sizes of pages that the reader asks for. Okta: Apps API (500), Groups API.
const (
	peoplePage = 500
	groupsPage = 1000
	memberPage = 1000
)

// calls are the calls of one full sync, in parts.
type calls struct{ people, groups, members int }

func (c calls) all() int { return c.people + c.groups + c.members + otherCalls }

func (c calls) String() string {
	return fmt.Sprintf("%s people + %s groups + %s members + %d", count(c.people), count(c.groups), count(c.members), otherCalls)
}

// pages is how many pages a list has; an empty one has a page as well.
func pages(items, size int) int { return max(1, (items+size-1)/size) }

// expectedCalls counts the pages of all lists that a full sync needs.
func expectedCalls(org *emulator.Org) calls {
	groups := org.Groups()
	c := calls{people: pages(org.People(), peoplePage), groups: pages(len(groups), groupsPage)}
	for _, g := range groups {
		if g.Type == "OKTA_GROUP" { // what the default rules select
			c.members += pages(len(g.Members), memberPage)
		}
	}
	return c
}

// truth is how much a complete directory holds.
type truth struct{ people, teams, groups, members, managers int }

// truthOf counts the org. Everybody there is assigned to the app.
func truthOf(org *emulator.Org) truth {
	var t truth
	teams := map[string]bool{}
	org.EachPerson(func(p emulator.Person) bool {
		t.people++
		if p.ManagerID != "" {
			t.managers++
		}
		if team := p.Text("department"); team != "" {
			teams[team] = true
		}
		return true
	})
	t.teams = len(teams)
	for _, g := range org.Groups() {
		if g.Type == "OKTA_GROUP" {
			t.groups++
			t.members += len(g.Members)
		}
	}
	return t
}

// compare returns a sentence for each number in which the directory differs.
func (t truth) compare(ctx context.Context, db *sql.DB) ([]string, error) {
	var wrong []string
	for _, c := range []struct {
		what, query string
		want        int
	}{
		{"present people", "select count(*) from people where status in ('active', 'suspended')", t.people},
		{"teams", "select count(*) from teams", t.teams},
		{"groups", "select count(*) from groups where not removed", t.groups},
		{"memberships", "select count(*) from memberships where present", t.members},
		{"people with a manager", "select count(*) from people where manager_id <> ''", t.managers},
		{"changes of people made", "select count(*) from changes where type = 'person.created'", t.people},
	} {
		var have int
		if err := db.QueryRowContext(ctx, c.query).Scan(&have); err != nil {
			return nil, fmt.Errorf("count the %s: %w", c.what, err)
		}
		if have != c.want {
			wrong = append(wrong, fmt.Sprintf("the directory has %d %s, Okta has %d", have, c.what, c.want))
		}
	}
	return wrong, nil
}
