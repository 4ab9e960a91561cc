package emulator

import (
	"strconv"
	"time"
	"unicode/utf8"
)

// The encoders append JSON to a buffer by hand. They are the reason that a
// page of 500 app users with their users costs about a millisecond, and they
// decide which members an object carries: recorded answers of Okta hold
// explicit nulls in some places and leave members out in others.

const hexDigits = "0123456789abcdef"

// appendText appends s as a JSON string.
func appendText(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			switch c {
			case '"', '\\':
				b = append(b, '\\', c)
			case '\n':
				b = append(b, '\\', 'n')
			case '\r':
				b = append(b, '\\', 'r')
			case '\t':
				b = append(b, '\\', 't')
			default:
				b = append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
			}
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(b, s[start:i]...)
			b = append(b, "\ufffd"...)
			i++
			start = i
			continue
		}
		i += size
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// appendTextOrNull writes null for an empty string.
func appendTextOrNull(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return appendText(b, s)
}

func appendTime(b []byte, m millis) []byte {
	if m == 0 {
		return append(b, "null"...)
	}
	b = append(b, '"')
	b = time.UnixMilli(int64(m)).UTC().AppendFormat(b, timeLayout)
	return append(b, '"')
}

// appendUser appends a user. A list item has a self link only; a single user
// also has the links of the operations that its status allows.
func (o *Org) appendUser(b []byte, base string, p *person, single bool) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, p.id...)
	b = append(b, `","status":"`...)
	b = append(b, p.status...)
	b = append(b, `","created":`...)
	b = appendTime(b, p.created)
	b = append(b, `,"activated":`...)
	b = appendTime(b, p.activated)
	b = append(b, `,"statusChanged":`...)
	b = appendTime(b, p.statusChanged)
	b = append(b, `,"lastLogin":`...)
	b = appendTime(b, p.lastLogin)
	b = append(b, `,"lastUpdated":`...)
	b = appendTime(b, p.lastUpdated)
	b = append(b, `,"passwordChanged":`...)
	b = appendTime(b, p.passwordChanged)
	b = append(b, `,"type":{"id":"`...)
	b = append(b, o.typeID...)
	b = append(b, `"},"profile":`...)
	b = append(b, p.profile...)
	b = append(b, `,"credentials":{`...)
	if p.passwordChanged != 0 {
		b = append(b, `"password":{},`...)
		if email, ok := profileRaw(p.profile, "email"); ok {
			b = append(b, `"emails":[{"value":`...)
			b = append(b, email...)
			b = append(b, `,"status":"VERIFIED","type":"PRIMARY"}],`...)
		}
	}
	b = append(b, `"provider":{"type":"OKTA","name":"OKTA"}},"_links":{`...)
	if single {
		b = o.appendUserLinks(b, base, p)
	}
	b = append(b, `"self":{"href":"`...)
	b = appendHref(b, base, "/api/v1/users/", p.id)
	return append(b, `"}}}`...)
}

func appendHref(b []byte, parts ...string) []byte {
	for _, s := range parts {
		b = append(b, s...)
	}
	return b
}

// userLinks names the operations offered for a user in each status, as seen in
// recorded answers.
func userLinks(s Status) []string {
	switch s {
	case Staged:
		return []string{"lifecycle/activate"}
	case Provisioned:
		return []string{"lifecycle/suspend", "lifecycle/reset_password", "lifecycle/reactivate",
			"lifecycle/reset_factors", "lifecycle/deactivate"}
	case Suspended:
		return []string{"lifecycle/unsuspend", "lifecycle/reset_password", "lifecycle/deactivate"}
	case LockedOut:
		return []string{"lifecycle/unlock", "lifecycle/reset_password", "lifecycle/deactivate"}
	case Deprovisioned:
		return []string{"lifecycle/activate"}
	case Recovery:
		return []string{"lifecycle/suspend", "lifecycle/reset_password", "lifecycle/reactivate",
			"lifecycle/expire_password", "lifecycle/reset_factors", "lifecycle/deactivate"}
	default:
		return []string{"lifecycle/suspend", "lifecycle/reset_password", "credentials/forgot_password",
			"lifecycle/expire_password", "credentials/change_recovery_question",
			"lifecycle/reset_factors", "credentials/change_password", "lifecycle/deactivate"}
	}
}

func (o *Org) appendUserLinks(b []byte, base string, p *person) []byte {
	b = append(b, `"schema":{"href":"`...)
	b = appendHref(b, base, "/api/v1/meta/schemas/user/", o.schemaID)
	b = append(b, `"},"type":{"href":"`...)
	b = appendHref(b, base, "/api/v1/meta/types/user/", o.typeID)
	b = append(b, `"},`...)
	for _, path := range userLinks(p.status) {
		b = append(b, '"')
		b = append(b, linkName(path)...)
		b = append(b, `":{"href":"`...)
		b = appendHref(b, base, "/api/v1/users/", p.id, "/", path)
		b = append(b, `","method":"POST"},`...)
	}
	return b
}

// linkName turns lifecycle/reset_password into resetPassword.
func linkName(path string) string {
	out := make([]byte, 0, len(path))
	upper := false
	for i := range len(path) {
		switch c := path[i]; {
		case c == '/':
			out = out[:0]
		case c == '_':
			upper = true
		case upper:
			out = append(out, c-'a'+'A')
			upper = false
		default:
			out = append(out, c)
		}
	}
	return string(out)
}

func (o *Org) appendGroup(b []byte, base string, g *group, stats bool) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, g.id...)
	b = append(b, `","created":`...)
	b = appendTime(b, g.created)
	b = append(b, `,"lastUpdated":`...)
	b = appendTime(b, g.updated)
	b = append(b, `,"lastMembershipUpdated":`...)
	b = appendTime(b, g.membersUpdated)
	b = append(b, `,"objectClass":["`...)
	b = append(b, g.objectClass()...)
	b = append(b, `"],"type":"`...)
	b = append(b, g.kind...)
	b = append(b, `","profile":{"name":`...)
	b = appendText(b, g.name)
	b = append(b, `,"description":`...)
	if g.noDescription {
		b = append(b, "null"...)
	} else {
		b = appendText(b, g.description)
	}
	b = append(b, `},`...)
	if stats {
		b = append(b, `"_embedded":{"stats":{"usersCount":`...)
		b = strconv.AppendInt(b, int64(len(o.membersOf(g))), 10)
		b = append(b, `,"appsCount":`...)
		b = strconv.AppendInt(b, int64(len(g.apps)), 10)
		b = append(b, `,"groupPushMappingsCount":0,"hasAdminPrivlege":false}},`...)
	}
	b = append(b, `"_links":{"logo":[{"name":"medium","href":"`...)
	b = appendHref(b, base, "/assets/img/logos/groups/okta-medium.png")
	b = append(b, `","type":"image/png"},{"name":"large","href":"`...)
	b = appendHref(b, base, "/assets/img/logos/groups/okta-large.png")
	b = append(b, `","type":"image/png"}],"owners":{"href":"`...)
	b = appendHref(b, base, "/api/v1/groups/", g.id, "/owners")
	b = append(b, `"},"users":{"href":"`...)
	b = appendHref(b, base, "/api/v1/groups/", g.id, "/users")
	b = append(b, `"},"apps":{"href":"`...)
	b = appendHref(b, base, "/api/v1/groups/", g.id, "/apps")
	return append(b, `"}}}`...)
}

func (g *group) objectClass() string {
	if g.kind == kindAppGroup {
		return "okta:windows_security_principal"
	}
	return "okta:user_group"
}

// membersOf gives the members of a group in the order of ids; Everyone holds
// all people.
func (o *Org) membersOf(g *group) []*person {
	if g.everyone {
		return o.people
	}
	return g.members
}

func (o *Org) appendAppUser(b []byte, base string, u *appUser, expand bool) []byte {
	p := u.person
	b = append(b, `{"id":"`...)
	b = append(b, p.id...)
	b = append(b, `","externalId":null,"created":`...)
	b = appendTime(b, u.created)
	b = append(b, `,"lastUpdated":`...)
	b = appendTime(b, u.updated)
	b = append(b, `,"scope":"`...)
	b = append(b, u.scope()...)
	b = append(b, `","status":"ACTIVE","statusChanged":`...)
	b = appendTime(b, u.created)
	b = append(b, `,"passwordChanged":null,"syncState":"DISABLED","credentials":{"userName":`...)
	b = appendText(b, p.login)
	b = append(b, `},"profile":{`...)
	if email, ok := profileRaw(p.profile, "email"); ok {
		b = append(b, `"email":`...)
		b = append(b, email...)
	}
	b = append(b, '}', ',')
	if expand {
		b = append(b, `"_embedded":{"user":`...)
		b = o.appendUser(b, base, p, false)
		b = append(b, `},`...)
	}
	b = append(b, `"_links":{"app":{"href":"`...)
	b = appendHref(b, base, "/api/v1/apps/", u.app.id)
	b = append(b, `"},"user":{"href":"`...)
	b = appendHref(b, base, "/api/v1/users/", p.id)
	b = append(b, `"}`...)
	if !u.direct {
		if ag := u.via(); ag != nil {
			b = append(b, `,"group":{"name":`...)
			b = appendText(b, ag.group.name)
			b = append(b, `,"href":"`...)
			b = appendHref(b, base, "/api/v1/groups/", ag.group.id)
			b = append(b, `"}`...)
		}
	}
	return append(b, `}}`...)
}

func (o *Org) appendAppGroup(b []byte, base string, ag *appGroup, expand bool) []byte {
	b = append(b, `{"id":"`...)
	b = append(b, ag.group.id...)
	b = append(b, `","lastUpdated":`...)
	b = appendTime(b, ag.updated)
	b = append(b, `,"priority":`...)
	b = strconv.AppendInt(b, int64(ag.priority), 10)
	b = append(b, `,"profile":{},`...)
	if expand {
		b = append(b, `"_embedded":{"group":`...)
		b = o.appendGroup(b, base, ag.group, false)
		b = append(b, `},`...)
	}
	b = append(b, `"_links":{"app":{"href":"`...)
	b = appendHref(b, base, "/api/v1/apps/", ag.app.id)
	b = append(b, `"},"self":{"href":"`...)
	b = appendHref(b, base, "/api/v1/apps/", ag.app.id, "/groups/", ag.group.id)
	b = append(b, `"},"group":{"href":"`...)
	b = appendHref(b, base, "/api/v1/groups/", ag.group.id)
	return append(b, `"}}}`...)
}
