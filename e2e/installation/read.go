package installation

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
)

// Copy is a directory as the API shows it, by id.
type Copy struct {
	People      map[string]v1.Person
	Teams       map[string]v1.Team
	Groups      map[string]v1.Group
	Members     map[string][]string // by group, in order
	Quarantined map[string]v1.Quarantined
}

// Read reads the whole directory of a tenant.
func Read(ctx context.Context, api *client.Client, tenant string) (Copy, error) {
	c := Copy{Members: map[string][]string{}}
	page := func(after string) client.Paging { return client.Paging{After: after, Limit: 1000} }
	var err error
	if c.People, err = everything(func(after string) (v1.Page[v1.Person], error) {
		return api.People(ctx, tenant, client.PeopleFilter{Paging: page(after)})
	}, func(p v1.Person) string { return p.ID }); err != nil {
		return Copy{}, fmt.Errorf("read the people: %w", err)
	}
	if c.Teams, err = everything(func(after string) (v1.Page[v1.Team], error) { return api.Teams(ctx, tenant, page(after)) },
		func(t v1.Team) string { return t.ID }); err != nil {
		return Copy{}, fmt.Errorf("read the teams: %w", err)
	}
	if c.Groups, err = everything(func(after string) (v1.Page[v1.Group], error) { return api.Groups(ctx, tenant, page(after)) },
		func(g v1.Group) string { return g.ID }); err != nil {
		return Copy{}, fmt.Errorf("read the groups: %w", err)
	}
	if c.Quarantined, err = everything(func(after string) (v1.Page[v1.Quarantined], error) {
		return api.Quarantine(ctx, tenant, page(after))
	}, func(q v1.Quarantined) string { return q.PersonID }); err != nil {
		return Copy{}, fmt.Errorf("read the quarantine: %w", err)
	}
	for _, id := range slices.Sorted(maps.Keys(c.Groups)) {
		members, err := everything(func(after string) (v1.Page[v1.Member], error) {
			return api.Members(ctx, tenant, id, page(after))
		}, func(m v1.Member) string { return m.PersonID })
		if err != nil {
			return Copy{}, fmt.Errorf("read the members of group %s: %w", id, err)
		}
		c.Members[id] = slices.Sorted(maps.Keys(members))
	}
	return c, nil
}

// everything reads all pages of a list, in which nothing may come twice.
func everything[T any](read func(after string) (v1.Page[T], error), key func(T) string) (map[string]T, error) {
	all := map[string]T{}
	for after := ""; ; {
		page, err := read(after)
		if err != nil {
			return nil, err
		}
		for _, item := range page.Items {
			if _, twice := all[key(item)]; twice {
				return nil, fmt.Errorf("the list has %s twice", key(item))
			}
			all[key(item)] = item
		}
		if page.Next == "" {
			return all, nil
		}
		after = page.Next
	}
}
