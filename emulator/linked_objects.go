package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
)

// linkedObject is a relationship between users. Each has one primary user in it at most. Okta: Linked Objects API.
type linkedObject struct {
	Primary    linkedSide `json:"primary"`
	Associated linkedSide `json:"associated"`

	primaryOf map[*person]*person // by the associated user
}

type linkedSide struct {
	Name        string `json:"name"`
	Title       string `json:"title"`
	Description string `json:"description"`
	Type        string `json:"type"`
}

func (o *Org) linkedObjectRoutes(add adder) {
	const definitions, values = "/api/v1/meta/schemas/user/linkedObjects", "/api/v1/users/{id}/linkedObjects/{name}"
	add(bucketOther, "linkedObjects", http.MethodGet, definitions, o.listLinkedObjects)
	add(bucketOther, "linkedObjects", http.MethodPost, definitions, o.createLinkedObject)
	add(bucketOther, "linkedObjects", http.MethodGet, definitions+"/{name}", o.getLinkedObject)
	add(bucketOther, "users", http.MethodGet, values, o.listLinked)
	add(bucketOther, "users", http.MethodPut, values+"/{primary}", o.setLinked)
	add(bucketOther, "users", http.MethodDelete, values, o.removeLinked)
}

// DefineLinkedObject makes a relationship with the names of its two sides, such as manager and subordinate.
func (o *Org) DefineLinkedObject(primary, associated string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.defineLinkedObject(linkedObject{Primary: linkedSide{Name: primary, Title: primary, Type: "USER"},
		Associated: linkedSide{Name: associated, Title: associated, Type: "USER"}})
}

// Link makes a user the primary one of another in a relationship, by the name of the primary side. An empty primary user ends
// that. Both users are named by id or login. No event tells of it: Okta documents none.
func (o *Org) Link(who, relationship, primary string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	p := o.findUser(who)
	if p == nil {
		return errNotFound(who, "User")
	}
	return o.link(p, relationship, primary)
}

// UndefineLinkedObject ends a relationship, with all links of it.
func (o *Org) UndefineLinkedObject(name string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.linked = slices.DeleteFunc(o.linked, func(l *linkedObject) bool { return l.Primary.Name == name })
}

func (o *Org) link(p *person, relationship, primary string) error {
	l := o.linkedObject(relationship)
	switch {
	case l == nil || l.Primary.Name != relationship:
		return errNotFound(relationship, "LinkedObject")
	case primary == "":
		delete(l.primaryOf, p)
		return nil
	}
	to := o.findUser(primary)
	if to == nil {
		return errNotFound(primary, "User")
	}
	l.primaryOf[p] = to
	return nil
}

// linkedObject finds a relationship by the name of either side, nil when there is none.
func (o *Org) linkedObject(name string) *linkedObject {
	for _, l := range o.linked {
		if name == l.Primary.Name || name == l.Associated.Name {
			return l
		}
	}
	return nil
}

func (o *Org) defineLinkedObject(l linkedObject) error {
	for _, side := range []string{l.Primary.Name, l.Associated.Name} {
		if side == "" || o.linkedObject(side) != nil || l.Primary.Name == l.Associated.Name {
			return errValidation("name", "name: a linked object needs two names that no other has")
		}
	}
	l.primaryOf = map[*person]*person{}
	o.linked = append(o.linked, &l)
	return nil
}

// unlink drops a deleted user from all relationships.
func (o *Org) unlink(gone *person) {
	for _, l := range o.linked {
		for p, primary := range l.primaryOf {
			if p == gone || primary == gone {
				delete(l.primaryOf, p)
			}
		}
	}
}

func (o *Org) listLinkedObjects(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	w := newListWriter(512 * len(o.linked))
	for _, l := range o.linked {
		w.item(func(b []byte) []byte { return append(b, l.shown(c)...) })
	}
	return w.reply(), nil
}

func (o *Org) createLinkedObject(c *call) (*reply, error) {
	var l linkedObject
	if err := c.decode(&l); err != nil {
		return nil, err
	}
	return o.change(c, func(*tx) (*reply, error) {
		if err := o.defineLinkedObject(l); err != nil {
			return nil, err
		}
		return &reply{status: http.StatusCreated, body: l.shown(c)}, nil
	})
}

func (o *Org) getLinkedObject(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	l := o.linkedObject(c.id("name"))
	if l == nil {
		return nil, errNotFound(c.id("name"), "LinkedObject")
	}
	return jsonReply(l.shown(c)), nil
}

func (l *linkedObject) shown(c *call) []byte {
	type address struct {
		Href string `json:"href"`
	}
	shown := struct {
		linkedObject
		Links struct {
			Self address `json:"self"`
		} `json:"_links"`
	}{linkedObject: *l}
	shown.Links.Self.Href = c.base + "/api/v1/meta/schemas/user/linkedObjects/" + url.PathEscape(l.Primary.Name)
	body, err := json.Marshal(shown)
	if err != nil {
		return []byte("{}") // texts always marshal
	}
	return body
}

// listLinked answers the primary user of a user, or all users whose primary user they are, by the name of the side.
func (o *Org) listLinked(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	p, err := o.userBy(c, c.id("id"))
	if err != nil {
		return nil, err
	}
	name := c.id("name")
	l := o.linkedObject(name)
	if l == nil {
		return nil, errNotFound(name, "LinkedObject")
	}
	var ids []string
	if primary := l.primaryOf[p]; name == l.Primary.Name && primary != nil {
		ids = []string{primary.id}
	}
	if name == l.Associated.Name {
		for other, primary := range l.primaryOf {
			if primary == p {
				ids = append(ids, other.id)
			}
		}
		slices.Sort(ids)
	}
	w := newListWriter(128 * len(ids))
	for _, id := range ids {
		w.item(func(b []byte) []byte {
			b = append(b, `{"_links":{"self":{"href":`...)
			b = appendText(b, c.base+"/api/v1/users/"+id)
			return append(b, `}}}`...)
		})
	}
	return w.reply(), nil
}

func (o *Org) setLinked(c *call) (*reply, error) { return o.changeLink(c, c.id("primary")) }

func (o *Org) removeLinked(c *call) (*reply, error) { return o.changeLink(c, "") }

func (o *Org) changeLink(c *call, primary string) (*reply, error) {
	return o.change(c, func(*tx) (*reply, error) {
		p, err := o.userBy(c, c.id("id"))
		if err != nil {
			return nil, err
		}
		if err := o.link(p, c.id("name"), primary); err != nil {
			return nil, err
		}
		return noContent(), nil
	})
}
