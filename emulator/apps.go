package emulator

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
)

const (
	appBytes        = 1800
	appsPerPage     = 20
	appsMost        = 200
	appUserBytes    = 700
	appUsersPerPage = 50
	appUsersMost    = 500
)

func (o *Org) appRoutes(add adder) {
	const apps, one = "/api/v1/apps", "/api/v1/apps/{appId}"
	add(bucketApps, "apps", http.MethodGet, apps, o.listApps)
	add(bucketApps, "apps", http.MethodPost, apps, o.createApp)
	add(bucketApp, "apps", http.MethodGet, one, o.getApp)
	add(bucketApp, "apps", http.MethodPut, one, o.replaceApp)
	add(bucketApp, "apps", http.MethodDelete, one, o.deleteApp)
	add(bucketApps, "apps", http.MethodPost, one+"/lifecycle/activate", o.activateApp)
	add(bucketApps, "apps", http.MethodPost, one+"/lifecycle/deactivate", o.deactivateApp)
	add(bucketApps, "apps", http.MethodGet, one+"/users", o.listAppUsers)
	add(bucketApps, "apps", http.MethodPost, one+"/users", o.assignUser)
	add(bucketApps, "apps", http.MethodGet, one+"/users/{userId}", o.getAppUser)
	add(bucketApps, "apps", http.MethodPost, one+"/users/{userId}", o.updateAppUser)
	add(bucketApps, "apps", http.MethodDelete, one+"/users/{userId}", o.unassignUser)
	add(bucketApps, "apps", http.MethodGet, one+"/groups", o.listAppGroups)
	add(bucketApps, "apps", http.MethodGet, one+"/groups/{groupId}", o.getAppGroup)
	add(bucketApps, "apps", http.MethodPut, one+"/groups/{groupId}", o.assignGroup)
	add(bucketApps, "apps", http.MethodDelete, one+"/groups/{groupId}", o.unassignGroup)
	add(bucketApps, "apps", http.MethodGet, one+"/features", o.listAppFeatures)
}

// appBy finds an app. The caller holds the lock.
func (o *Org) appBy(id string) (*app, error) {
	i, ok := findApp(o.apps, id)
	if !ok {
		return nil, errNotFound(id, "AppInstance")
	}
	return o.apps[i], nil
}

func (o *Org) getApp(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	a, err := o.appBy(c.id("appId"))
	if err != nil {
		return nil, err
	}
	return jsonReply(o.appendApp(nil, c.base, a)), nil
}

func (o *Org) listApps(c *call) (*reply, error) {
	limit, err := c.limit(appsPerPage, appsMost)
	if err != nil {
		return nil, err
	}
	o.mu.RLock()
	defer o.mu.RUnlock()
	want := func(*app) bool { return true }
	if text := c.query.Get("filter"); text != "" {
		n, err := parseFilter(text, appFilter())
		if err != nil {
			return nil, errFilter(text, err.Error())
		}
		want = func(a *app) bool {
			if id, ok := n.only("user.id"); ok { // not a walk over all its users
				_, found := findAppUser(a.users, id)
				return found
			}
			return n.match(func(name string) value { return o.appField(a, name) })
		}
	}
	if q := strings.ToLower(c.query.Get("q")); q != "" {
		inner := want
		want = func(a *app) bool {
			return inner(a) && (strings.HasPrefix(strings.ToLower(a.label), q) || strings.HasPrefix(a.name, q))
		}
	}
	return o.appPage(c, o.apps, limit, want)
}

func (o *Org) appPage(c *call, list []*app, limit int, want func(*app) bool) (*reply, error) {
	from := 0
	if cursor := c.query.Get("after"); cursor != "" {
		if len(cursor) != idLength {
			return nil, errCursor()
		}
		i, found := findApp(list, cursor)
		from = i
		if found {
			from++
		}
	}
	w := newListWriter(min(limit, len(list)) * appBytes)
	last := ""
	for _, a := range list[from:] {
		if !want(a) {
			continue
		}
		if len(w.ends) == limit {
			return c.page(w.reply(), limit, last), nil
		}
		w.item(func(b []byte) []byte { return o.appendApp(b, c.base, a) })
		last = a.id
	}
	return c.page(w.reply(), limit, ""), nil
}

// appBody is what create and replace read of an app.
type appBody struct {
	Label string `json:"label"`
	Name  string `json:"name"`
}

func (o *Org) createApp(c *call) (*reply, error) {
	var body appBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return o.change(c, func(t *tx) (*reply, error) {
		a, err := t.createApp(body.Label, appName(body.Label), c.flag("activate", true))
		if err != nil {
			return nil, err
		}
		return jsonReply(o.appendApp(nil, c.base, a)), nil
	})
}

func (o *Org) replaceApp(c *call) (*reply, error) {
	var body appBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return o.changeApp(c, func(t *tx, a *app) (*reply, error) {
		if err := t.updateApp(a, body.Label); err != nil {
			return nil, err
		}
		return jsonReply(o.appendApp(nil, c.base, a)), nil
	})
}

func (o *Org) deleteApp(c *call) (*reply, error) {
	return o.changeApp(c, func(t *tx, a *app) (*reply, error) {
		if err := t.deleteApp(a); err != nil {
			return nil, err
		}
		return noContent(), nil
	})
}

func (o *Org) activateApp(c *call) (*reply, error) {
	return o.changeApp(c, func(t *tx, a *app) (*reply, error) {
		t.setAppActive(a, true)
		return jsonReply([]byte("{}")), nil
	})
}

func (o *Org) deactivateApp(c *call) (*reply, error) {
	return o.changeApp(c, func(t *tx, a *app) (*reply, error) {
		t.setAppActive(a, false)
		return jsonReply([]byte("{}")), nil
	})
}

func (o *Org) changeApp(c *call, f func(*tx, *app) (*reply, error)) (*reply, error) {
	return o.change(c, func(t *tx) (*reply, error) {
		a, err := o.appBy(c.id("appId"))
		if err != nil {
			return nil, err
		}
		return f(t, a)
	})
}

// listAppFeatures: the app only signs people in, so it has none.
func (o *Org) listAppFeatures(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	if _, err := o.appBy(c.id("appId")); err != nil {
		return nil, err
	}
	return newListWriter(0).reply(), nil
}

// appendApp appends an app as a custom SAML app without provisioning, with the
// members that recorded ones carry.
func (o *Org) appendApp(b []byte, base string, a *app) []byte {
	self := base + "/api/v1/apps/" + a.id
	kid := "kid-" + a.id
	site := "https://" + strings.ReplaceAll(a.name, "_", "-") + ".example"
	b = append(b, `{"id":"`...)
	b = append(b, a.id...)
	b = append(b, `","orn":"orn:okta:idp:`+o.orgID+`:apps:`+a.name+`:`+a.id+`","name":`...)
	b = appendText(b, a.name)
	b = append(b, `,"label":`...)
	b = appendText(b, a.label)
	b = append(b, `,"status":"`+a.status()+`","lastUpdated":`...)
	b = appendTime(b, a.updated)
	b = append(b, `,"created":`...)
	b = appendTime(b, a.created)
	b = append(b, `,"accessibility":{"selfService":false,"errorRedirectUrl":null,"loginRedirectUrl":null},`+
		`"visibility":{"autoLaunch":false,"autoSubmitToolbar":false,"hide":{"iOS":false,"web":false},"appLinks":{"`+
		a.name+`_link":true}},"features":[],"signOnMode":"SAML_2_0",`+
		`"credentials":{"userNameTemplate":{"template":"${source.login}","type":"BUILT_IN"},"signing":{"kid":"`+kid+`"}},`+
		`"universalLogout":null,"settings":{"app":{},"notifications":{"vpn":{"network":{"connection":"DISABLED"},`+
		`"message":null,"helpUrl":null}},"manualProvisioning":false,"implicitAssignment":false,"emOptInStatus":"NONE",`+
		`"notes":{"admin":null,"enduser":null},"signOn":{"defaultRelayState":"","ssoAcsUrl":"`+site+`/saml/acs",`+
		`"idpIssuer":"http://www.okta.com/${org.externalKey}","audience":"`+site+`","recipient":"`+site+`/saml/acs",`+
		`"destination":"`+site+`/saml/acs","subjectNameIdTemplate":"${user.userName}",`+
		`"subjectNameIdFormat":"urn:oasis:names:tc:SAML:1.1:nameid-format:emailAddress","responseSigned":true,`+
		`"assertionSigned":true,"signatureAlgorithm":"RSA_SHA256","digestAlgorithm":"SHA256","honorForceAuthn":true,`+
		`"authnContextClassRef":"urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport",`+
		`"requestCompressed":false,"allowMultipleAcsEndpoints":false,"acsEndpoints":[],"attributeStatements":[]}},`...)
	b = append(b, `"_links":{"help":{"href":"`+base+`/app/`+a.name+`/`+a.id+`/setup/help/SAML_2_0/instructions","type":"text/html"},`+
		`"metadata":{"href":"`+self+`/sso/saml/metadata","type":"application/xml"},`+
		`"appLinks":[{"name":"`+a.name+`_link","href":"`+base+`/home/`+a.name+`/`+a.id+`/aln1","type":"text/html"}],`+
		`"groups":{"href":"`+self+`/groups"},`+
		`"logo":[{"name":"medium","href":"`+base+`/assets/img/logos/default.png","type":"image/png"}],`+
		`"users":{"href":"`+self+`/users"},`...)
	op := "activate"
	if a.active {
		op = "deactivate"
	}
	return append(b, `"`+op+`":{"href":"`+self+`/lifecycle/`+op+`"}}}`...)
}

// appendAppLink appends one row of /users/{id}/appLinks.
func (o *Org) appendAppLink(b []byte, base string, u *appUser, place int) []byte {
	id := makeID(prefixAppUser, o.opt.Seed, u.number)
	b = append(b, `{"id":"`+u.app.id+`_`+u.app.name+`_link","label":`...)
	b = appendText(b, u.app.label)
	b = append(b, `,"linkUrl":"`+base+`/home/`+u.app.name+`/`+u.app.id+`/aln1","logoUrl":"`+
		base+`/assets/img/logos/default.png","appName":"`+u.app.name+`","appInstanceId":"`+u.app.id+
		`","appAssignmentId":"`+id+`","credentialsSetup":false,"hidden":false,"sortOrder":`...)
	b = strconv.AppendInt(b, int64(place), 10)
	return append(b, '}')
}

// afterAppUser gives the place after the cursor in a sorted list.
func afterAppUser(list []*appUser, cursor string) (int, error) {
	if cursor == "" {
		return 0, nil
	}
	if len(cursor) != idLength {
		return 0, errCursor()
	}
	i, found := findAppUser(list, cursor)
	if found {
		i++
	}
	return i, nil
}

// listAppUsers answers /apps/{id}/users. q is the beginning of the user name,
// a name or the e-mail.
func (o *Org) listAppUsers(c *call) (*reply, error) {
	limit, err := c.limit(appUsersPerPage, appUsersMost)
	if err != nil {
		return nil, err
	}
	expand := c.expands("user")
	o.mu.RLock()
	defer o.mu.RUnlock()
	a, err := o.appBy(c.id("appId"))
	if err != nil {
		return nil, err
	}
	from, err := afterAppUser(a.users, c.query.Get("after"))
	if err != nil {
		return nil, err
	}
	size := appUserBytes
	if expand {
		size += userBytes
	}
	q := strings.ToLower(c.query.Get("q"))
	w := newListWriter(min(limit, len(a.users)) * size)
	last := ""
	for _, u := range a.users[from:] {
		if q != "" && !strings.HasPrefix(strings.ToLower(u.person.login), q) && !u.person.startsWith(q) {
			continue
		}
		if len(w.ends) == limit {
			return c.page(w.reply(), limit, last), nil
		}
		w.item(func(b []byte) []byte { return o.appendAppUser(b, c.base, u, expand) })
		last = u.person.id
	}
	return c.page(w.reply(), limit, ""), nil
}

// appGroupPage writes one page of an app's groups.
func (o *Org) appGroupPage(c *call, a *app, limit int, expand bool) (*reply, error) {
	list := slices.Clone(a.groups)
	from := 0
	if cursor := c.query.Get("after"); cursor != "" {
		if len(cursor) != idLength {
			return nil, errCursor()
		}
		i, found := findAppGroup(list, cursor)
		from = i
		if found {
			from++
		}
	}
	end := min(from+limit, len(list))
	w := newListWriter((end - from) * groupBytes)
	for _, ag := range list[from:end] {
		w.item(func(b []byte) []byte { return o.appendAppGroup(b, c.base, ag, expand) })
	}
	after := ""
	if end < len(list) {
		after = list[end-1].group.id
	}
	return c.page(w.reply(), limit, after), nil
}
