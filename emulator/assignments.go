package emulator

import "net/http"

// grantBy finds the row of a user in an app. The caller holds the lock.
func (o *Org) grantBy(c *call) (*appUser, error) {
	a, err := o.appBy(c.id("appId"))
	if err != nil {
		return nil, err
	}
	return grantIn(a, c.id("userId"))
}

// grantIn finds the row by the user's id alone: the path takes no login.
func grantIn(a *app, userID string) (*appUser, error) {
	i, ok := findAppUser(a.users, userID)
	if !ok {
		return nil, errNotFound(userID, "AppUser")
	}
	return a.users[i], nil
}

func (o *Org) getAppUser(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	u, err := o.grantBy(c)
	if err != nil {
		return nil, err
	}
	return jsonReply(o.appendAppUser(nil, c.base, u, c.expands("user"))), nil
}

func (o *Org) assignUser(c *call) (*reply, error) {
	var body struct {
		ID    string `json:"id"`
		Scope string `json:"scope"`
	}
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	if body.ID == "" {
		return nil, errValidation("id", "id: The field cannot be left blank")
	}
	return o.changeApp(c, func(t *tx, a *app) (*reply, error) {
		p := o.findUser(body.ID)
		if p == nil {
			return nil, errNotFound(body.ID, "User")
		}
		u, err := t.assign(a, p)
		if err != nil {
			return nil, err
		}
		return jsonReply(o.appendAppUser(nil, c.base, u, false)), nil
	})
}

// updateAppUser takes an app profile and keeps none: the app has no attributes
// of its own. It answers the row.
func (o *Org) updateAppUser(c *call) (*reply, error) {
	return o.change(c, func(t *tx) (*reply, error) {
		u, err := o.grantBy(c)
		if err != nil {
			return nil, err
		}
		u.updated = t.at()
		t.emit(evAppUserUpdate, t.appUserTargets(u))
		return jsonReply(o.appendAppUser(nil, c.base, u, false)), nil
	})
}

func (o *Org) unassignUser(c *call) (*reply, error) {
	return o.change(c, func(t *tx) (*reply, error) {
		u, err := o.grantBy(c)
		if err != nil {
			return nil, err
		}
		if err := t.unassign(u); err != nil {
			return nil, err
		}
		return noContent(), nil
	})
}

func (o *Org) listAppGroups(c *call) (*reply, error) {
	limit, err := c.limit(20, 200)
	if err != nil {
		return nil, err
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	a, err := o.appBy(c.id("appId"))
	if err != nil {
		return nil, err
	}
	return o.appGroupPage(c, a, limit, c.expands("group"))
}

// appGroupBy finds the assignment of a group. The caller holds the lock.
func (o *Org) appGroupBy(c *call) (*appGroup, error) {
	a, err := o.appBy(c.id("appId"))
	if err != nil {
		return nil, err
	}
	i, ok := findAppGroup(a.groups, c.id("groupId"))
	if !ok {
		return nil, errNotFound(c.id("groupId"), "ApplicationGroupAssignment")
	}
	return a.groups[i], nil
}

func (o *Org) getAppGroup(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	ag, err := o.appGroupBy(c)
	if err != nil {
		return nil, err
	}
	return jsonReply(o.appendAppGroup(nil, c.base, ag, c.expands("group"))), nil
}

func (o *Org) assignGroup(c *call) (*reply, error) {
	var body struct {
		Priority *int `json:"priority"`
	}
	if len(c.body) > 0 {
		if err := c.decode(&body); err != nil {
			return nil, err
		}
	}
	return o.changeApp(c, func(t *tx, a *app) (*reply, error) {
		g, err := o.groupBy(c.id("groupId"))
		if err != nil {
			return nil, err
		}
		ag := t.assignGroup(a, g, body.Priority)
		return &reply{status: http.StatusOK, body: o.appendAppGroup(nil, c.base, ag, false)}, nil
	})
}

func (o *Org) unassignGroup(c *call) (*reply, error) {
	return o.change(c, func(t *tx) (*reply, error) {
		ag, err := o.appGroupBy(c)
		if err != nil {
			return nil, err
		}
		t.unassignGroup(ag)
		return noContent(), nil
	})
}
