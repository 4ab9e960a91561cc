package emulator

import (
	"encoding/json"
	"net/http"
	"strings"
)

const (
	groupBytes      = 700
	groupsPerPage   = 200
	groupsMost      = 10_000
	membersPerPage  = 1000
	groupsByNameMax = 300
)

func (o *Org) groupRoutes(add adder) {
	const groups, one = "/api/v1/groups", "/api/v1/groups/{id}"
	add(bucketGroups, "groups", http.MethodGet, groups, o.listGroups)
	add(bucketGroups, "groups", http.MethodPost, groups, o.createGroup)
	add(bucketGroup, "groups", http.MethodGet, one, o.getGroup)
	add(bucketGroup, "groups", http.MethodPut, one, o.replaceGroup)
	add(bucketGroup, "groups", http.MethodDelete, one, o.deleteGroup)
	add(bucketOther, "groups", http.MethodGet, one+"/users", o.listMembers)
	add(bucketOther, "groups", http.MethodPut, one+"/users/{userId}", o.addMember)
	add(bucketOther, "groups", http.MethodDelete, one+"/users/{userId}", o.removeMember)
	add(bucketOther, "groups", http.MethodGet, one+"/apps", o.listGroupApps)
	add(bucketOther, "groups", http.MethodGet, one+"/owners", o.listGroupOwners)
	add(bucketOther, "groups", http.MethodGet, groups+"/rules", o.listGroupRules)
}

// groupBy finds a group. The caller holds the lock.
func (o *Org) groupBy(id string) (*group, error) {
	i, ok := findGroup(o.groups, id)
	if !ok {
		return nil, errNotFound(id, "UserGroup")
	}
	return o.groups[i], nil
}

func (o *Org) getGroup(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	g, err := o.groupBy(c.id("id"))
	if err != nil {
		return nil, err
	}
	return jsonReply(o.appendGroup(nil, c.base, g, c.expands("stats"))), nil
}

func (o *Org) listGroups(c *call) (*reply, error) {
	byDefault, most := groupsPerPage, groupsMost
	q := strings.ToLower(c.query.Get("q"))
	if q != "" {
		byDefault, most = groupsByNameMax, groupsByNameMax
	}
	limit, err := c.limit(byDefault, most)
	if err != nil {
		return nil, err
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	want, err := groupCondition(c)
	if err != nil {
		return nil, err
	}
	if q == "" {
		return o.groupPage(c, o.groups, limit, want, c.expands("stats"))
	}
	w := newListWriter(groupBytes)
	for _, g := range o.groups {
		if len(w.ends) < limit && want(g) && strings.HasPrefix(strings.ToLower(g.name), q) {
			w.item(func(b []byte) []byte { return o.appendGroup(b, c.base, g, c.expands("stats")) })
		}
	}
	return w.reply(), nil
}

func groupCondition(c *call) (func(*group) bool, error) {
	text, d, wrong := c.query.Get("search"), groupSearch(), errSearch
	if text == "" {
		text, d = c.query.Get("filter"), groupFilter()
		wrong = func(cause string) *Error { return errFilter(text, cause) }
	}
	if text == "" {
		return func(*group) bool { return true }, nil
	}
	n, err := parseFilter(text, d)
	if err != nil {
		return nil, wrong(err.Error())
	}
	return func(g *group) bool {
		return n.match(func(name string) value { return groupField(g, name) })
	}, nil
}

// groupPage writes one page of groups after the cursor.
func (o *Org) groupPage(c *call, list []*group, limit int, want func(*group) bool, stats bool) (*reply, error) {
	from := 0
	if cursor := c.query.Get("after"); cursor != "" {
		if len(cursor) != idLength {
			return nil, errCursor()
		}
		i, found := findGroup(list, cursor)
		from = i
		if found {
			from++
		}
	}
	w := newListWriter(min(limit, len(list)) * groupBytes)
	last := ""
	for _, g := range list[from:] {
		if !want(g) {
			continue
		}
		if len(w.ends) == limit {
			return c.page(w.reply(), limit, last), nil
		}
		w.item(func(b []byte) []byte { return o.appendGroup(b, c.base, g, stats) })
		last = g.id
	}
	return c.page(w.reply(), limit, ""), nil
}

// listMembers answers /groups/{id}/users: whole users, the deactivated too.
// search narrows them (Okta: release notes of July 2026).
func (o *Org) listMembers(c *call) (*reply, error) {
	limit, err := c.limit(membersPerPage, membersPerPage)
	if err != nil {
		return nil, err
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	g, err := o.groupBy(c.id("id"))
	if err != nil {
		return nil, err
	}
	list := o.membersOf(g)
	from, err := afterPerson(list, c.query.Get("after"))
	if err != nil {
		return nil, err
	}
	want := func(*person) bool { return true }
	if c.query.Get("search") != "" {
		if want, err = o.userCondition(c); err != nil {
			return nil, err
		}
	}
	return o.userPage(c, list[from:], limit, want)
}

// groupBody is what create and replace read of a group.
type groupBody struct {
	Profile *struct {
		Name        string          `json:"name"`
		Description json.RawMessage `json:"description"`
	} `json:"profile"`
}

func (b groupBody) description() (text string, none bool) {
	raw := string(b.Profile.Description)
	if raw == "" || raw == "null" {
		return "", true
	}
	return rawText(raw), false
}

func (c *call) groupBody() (groupBody, error) {
	var body groupBody
	if err := c.decode(&body); err != nil {
		return body, err
	}
	if body.Profile == nil {
		return body, errValidation("profile", "profile: The field cannot be left blank")
	}
	return body, nil
}

func (o *Org) createGroup(c *call) (*reply, error) {
	body, err := c.groupBody()
	if err != nil {
		return nil, err
	}
	return o.change(c, func(t *tx) (*reply, error) {
		text, none := body.description()
		g, err := t.createGroup(body.Profile.Name, text, none)
		if err != nil {
			return nil, err
		}
		return jsonReply(o.appendGroup(nil, c.base, g, false)), nil
	})
}

func (o *Org) replaceGroup(c *call) (*reply, error) {
	body, err := c.groupBody()
	if err != nil {
		return nil, err
	}
	return o.change(c, func(t *tx) (*reply, error) {
		g, err := o.groupBy(c.id("id"))
		if err != nil {
			return nil, err
		}
		text, none := body.description()
		if err := t.updateGroup(g, body.Profile.Name, text, none); err != nil {
			return nil, err
		}
		return jsonReply(o.appendGroup(nil, c.base, g, false)), nil
	})
}

func (o *Org) deleteGroup(c *call) (*reply, error) {
	return o.change(c, func(t *tx) (*reply, error) {
		g, err := o.groupBy(c.id("id"))
		if err != nil {
			return nil, err
		}
		if err := t.deleteGroup(g); err != nil {
			return nil, err
		}
		return noContent(), nil
	})
}

func (o *Org) addMember(c *call) (*reply, error) { return o.changeMember(c, (*tx).addMember) }

func (o *Org) removeMember(c *call) (*reply, error) { return o.changeMember(c, (*tx).removeMember) }

func (o *Org) changeMember(c *call, apply func(*tx, *group, *person) error) (*reply, error) {
	return o.change(c, func(t *tx) (*reply, error) {
		g, err := o.groupBy(c.id("id"))
		if err != nil {
			return nil, err
		}
		p, err := o.userBy(c, c.id("userId"))
		if err != nil {
			return nil, err
		}
		if err := apply(t, g, p); err != nil {
			return nil, err
		}
		return noContent(), nil
	})
}

// listGroupApps answers /groups/{id}/apps.
func (o *Org) listGroupApps(c *call) (*reply, error) {
	limit, err := c.limit(20, groupsPerPage)
	if err != nil {
		return nil, err
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	g, err := o.groupBy(c.id("id"))
	if err != nil {
		return nil, err
	}
	var list []*app
	for _, a := range o.apps {
		if _, ok := findAppGroup(a.groups, g.id); ok {
			list = append(list, a)
		}
	}
	return o.appPage(c, list, limit, func(*app) bool { return true })
}

// listGroupOwners answers what no group has: owners and roles.
func (o *Org) listGroupOwners(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if _, err := o.groupBy(c.id("id")); err != nil {
		return nil, err
	}
	return newListWriter(0).reply(), nil
}

// listGroupRules: the emulator evaluates no rules, so there are none.
func (o *Org) listGroupRules(c *call) (*reply, error) {
	limit, err := c.limit(50, 300)
	if err != nil {
		return nil, err
	}
	return c.page(newListWriter(0).reply(), limit, ""), nil
}
