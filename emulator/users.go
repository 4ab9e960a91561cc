package emulator

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
)

const (
	userBytes    = 1200 // a user, roughly, for buffers
	usersPerPage = 200
	groupsOfUser = 200
)

func (o *Org) userRoutes(add adder) {
	const users, one = "/api/v1/users", "/api/v1/users/{id}"
	add(bucketUsers, "users", http.MethodGet, users, o.listUsers)
	add(bucketUsers, "users", http.MethodPost, users, o.createUser)
	add(bucketUserGet, "users", http.MethodGet, one, o.getUser)
	add(bucketUserWrite, "users", http.MethodPost, one, o.updateUser)
	add(bucketUserWrite, "users", http.MethodPut, one, o.replaceUser)
	add(bucketUserWrite, "users", http.MethodDelete, one, o.deleteUser)
	add(bucketOther, "users", http.MethodGet, one+"/groups", o.listUserGroups)
	add(bucketOther, "users", http.MethodGet, one+"/appLinks", o.listAppLinks)
	add(bucketOther, "roles", http.MethodGet, one+"/roles", o.listUserRoles)
	add(bucketOther, "users", http.MethodDelete, one+"/sessions", o.clearSessions)
	for _, op := range lifecycles() {
		add(bucketOther, "users", http.MethodPost, one+"/lifecycle/"+op.name, o.lifecycle(op))
	}
}

// userBy finds a user by id, login, short login or me. The caller holds the
// lock.
func (o *Org) userBy(c *call, ref string) (*person, error) {
	if ref == "me" {
		if c.who.isApp {
			return nil, errNotFound(ref, "User")
		}
		return o.admin, nil
	}
	if p := o.findUser(ref); p != nil {
		return p, nil
	}
	return nil, errNotFound(ref, "User")
}

func (o *Org) findUser(ref string) *person {
	if i, ok := findPerson(o.people, ref); ok {
		return o.people[i]
	}
	if ref == o.admin.id {
		return o.admin
	}
	if p := o.byLogin[foldLogin(ref)]; p != nil {
		return p
	}
	if ref == "" || strings.ContainsRune(ref, '@') {
		return nil
	}
	return o.byShortLogin(foldLogin(ref) + "@")
}

// byShortLogin finds the one user whose login begins so; two of them are none.
func (o *Org) byShortLogin(prefix string) *person {
	var found *person
	for login, p := range o.byLogin {
		if !strings.HasPrefix(login, prefix) {
			continue
		}
		if found != nil {
			return nil
		}
		found = p
	}
	return found
}

func (o *Org) getUser(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	p, err := o.userBy(c, c.id("id"))
	if err != nil {
		return nil, err
	}
	return jsonReply(o.appendUser(nil, c.base, p, true)), nil
}

// listUsers answers GET /users. Without filter and search the deactivated are
// left out (Okta: users API).
func (o *Org) listUsers(c *call) (*reply, error) {
	limit, err := c.limit(usersPerPage, usersPerPage)
	if err != nil {
		return nil, err
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	if q := c.query.Get("q"); q != "" {
		return o.findUsers(c, q)
	}
	want, err := o.userCondition(c)
	if err != nil {
		return nil, err
	}
	if sortBy := c.query.Get("sortBy"); sortBy != "" && c.query.Get("search") != "" {
		return o.sortedUsers(c, want, sortBy, limit)
	}
	from, err := afterPerson(o.people, c.query.Get("after"))
	if err != nil {
		return nil, err
	}
	return o.userPage(c, o.people[from:], limit, want)
}

// userPage writes the first users of a list that are wanted, and a next link
// when there is another one.
func (o *Org) userPage(c *call, list []*person, limit int, want func(*person) bool) (*reply, error) {
	w := newListWriter(min(limit, len(list)) * userBytes)
	last := ""
	for _, p := range list {
		if !want(p) {
			continue
		}
		if len(w.ends) == limit {
			return c.page(w.reply(), limit, last), nil
		}
		w.item(func(b []byte) []byte { return o.appendUser(b, c.base, p, false) })
		last = p.id
	}
	return c.page(w.reply(), limit, ""), nil
}

// userCondition reads search or filter.
func (o *Org) userCondition(c *call) (func(*person) bool, error) {
	text, d, wrong := c.query.Get("search"), o.schema.userSearch(), errSearch
	if text == "" {
		text, d = c.query.Get("filter"), userFilter()
		wrong = func(cause string) *Error { return errFilter(text, cause) }
	}
	if text == "" {
		return func(p *person) bool { return p.status != Deprovisioned }, nil
	}
	n, err := parseFilter(text, d)
	if err != nil {
		return nil, wrong(err.Error())
	}
	// One user by a unique attribute needs no walk over all people.
	for _, name := range []string{"id", "profile.login"} {
		if ref, ok := n.only(name); ok {
			one := o.findUser(ref)
			return func(p *person) bool { return p == one }, nil
		}
	}
	return func(p *person) bool {
		return n.match(func(name string) value { return o.userField(p, name) })
	}, nil
}

// afterPerson gives the place after the cursor, which is the id of the last row
// of the page before; that row may be gone by now.
func afterPerson(list []*person, cursor string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	if len(cursor) != idLength {
		return 0, errCursor()
	}
	i, found := findPerson(list, cursor)
	if found {
		i++
	}
	return i, nil
}

func errCursor() *Error {
	return errValidation("after", "after: Invalid cursor value")
}

// sortKey is one row of a sorted search.
type sortKey struct {
	key string
	at  int64
	p   *person
}

// sortedUsers orders all matches by an attribute, ties by id. The cursor holds
// key and id of the last row, so that a page is the same whatever was deleted
// before it.
func (o *Org) sortedUsers(c *call, want func(*person) bool, sortBy string, limit int) (*reply, error) {
	if cause := o.schema.userSearch().allows(sortBy, "eq"); cause != "" {
		return nil, errSearch(cause)
	}
	descending := strings.EqualFold(c.query.Get("sortOrder"), "desc")
	var rows []sortKey
	for _, p := range o.people {
		if want(p) {
			v := o.userField(p, sortBy)
			rows = append(rows, sortKey{strings.ToLower(v.text), v.at, p})
		}
	}
	less := func(x, y sortKey) int {
		d := compare(x.at, y.at)
		if d == 0 {
			d = strings.Compare(x.key, y.key)
		}
		if descending {
			d = -d
		}
		if d == 0 {
			d = strings.Compare(x.p.id, y.p.id)
		}
		return d
	}
	slices.SortFunc(rows, less)
	from := 0
	if cursor := c.query.Get("after"); cursor != "" {
		last, err := readSortCursor(cursor)
		if err != nil {
			return nil, err
		}
		i, found := slices.BinarySearchFunc(rows, last, less)
		from = i
		if found {
			from++
		}
	}
	end := min(from+limit, len(rows))
	w := newListWriter((end - from) * userBytes)
	for _, row := range rows[from:end] {
		w.item(func(b []byte) []byte { return o.appendUser(b, c.base, row.p, false) })
	}
	after := ""
	if end < len(rows) {
		after = writeSortCursor(rows[end-1])
	}
	return c.page(w.reply(), limit, after), nil
}

type sortCursor struct {
	Key string `json:"k"`
	At  int64  `json:"a"`
	ID  string `json:"i"`
}

func writeSortCursor(row sortKey) string {
	b, err := json.Marshal(sortCursor{row.key, row.at, row.p.id})
	if err != nil {
		return row.p.id // texts and numbers always marshal
	}
	return base64.RawURLEncoding.EncodeToString(b)
}

func readSortCursor(s string) (sortKey, error) {
	b, err := base64.RawURLEncoding.DecodeString(s)
	var sc sortCursor
	if err != nil || json.Unmarshal(b, &sc) != nil {
		return sortKey{}, errCursor()
	}
	return sortKey{sc.Key, sc.At, &person{id: sc.ID}}, nil
}

// findUsers answers the q parameter: the beginning of a name or address, at
// most 10 users, no paging.
func (o *Org) findUsers(c *call, q string) (*reply, error) {
	limit, err := c.limit(10, usersPerPage)
	if err != nil {
		return nil, err
	}
	q = strings.ToLower(q)
	w := newListWriter(10 * userBytes)
	for _, p := range o.people {
		if len(w.ends) == limit {
			break
		}
		if p.status != Deprovisioned && p.startsWith(q) {
			w.item(func(b []byte) []byte { return o.appendUser(b, c.base, p, false) })
		}
	}
	return w.reply(), nil
}

// startsWith compares the first name, the last name and the e-mail with a
// lower-case beginning.
func (p *person) startsWith(q string) bool {
	for _, name := range []string{"firstName", "lastName", "email"} {
		if s, ok := profileText(p.profile, name); ok && strings.HasPrefix(strings.ToLower(s), q) {
			return true
		}
	}
	return false
}

// listUserGroups answers /users/{id}/groups, in pages of 200.
func (o *Org) listUserGroups(c *call) (*reply, error) {
	limit, err := c.limit(groupsOfUser, groupsOfUser)
	if err != nil {
		return nil, err
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	p, err := o.userBy(c, c.id("id"))
	if err != nil {
		return nil, err
	}
	i, _ := findGroup(p.groups, o.all.id)
	list := slices.Insert(slices.Clone(p.groups), i, o.all)
	return o.groupPage(c, list, limit, func(*group) bool { return true }, false)
}

// listAppLinks answers /users/{id}/appLinks: one row for each active app.
func (o *Org) listAppLinks(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	p, err := o.userBy(c, c.id("id"))
	if err != nil {
		return nil, err
	}
	w := newListWriter(1024)
	for i, u := range p.grants {
		if u.app.active {
			w.item(func(b []byte) []byte { return o.appendAppLink(b, c.base, u, i) })
		}
	}
	return w.reply(), nil
}

// listUserRoles answers what no user has: roles and factors.
func (o *Org) listUserRoles(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if _, err := o.userBy(c, c.id("id")); err != nil {
		return nil, err
	}
	return newListWriter(0).reply(), nil
}

func (o *Org) clearSessions(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if _, err := o.userBy(c, c.id("id")); err != nil {
		return nil, err
	}
	return noContent(), nil
}
