package emulator

import (
	"encoding/json"
	"slices"
	"strings"
)

// Which attributes and operators each parameter takes (Okta: users, groups,
// apps and System Log API references), and where their values come from.

const orderOperators = "gt ge lt le"

// userSearch is the search parameter of /users.
func (s *schema) userSearch() dialect {
	return dialect{operators: "eq " + orderOperators + " sw pr co", allows: func(name, op string) string {
		attribute, isProfile := strings.CutPrefix(name, "profile.")
		switch {
		case isProfile && !s.knows(attribute):
			return "unrecognized attribute " + name
		case !isProfile && !slices.Contains([]string{"id", "status", "created", "activated", "statusChanged", "lastUpdated", "type.id"}, name):
			return "unrecognized attribute " + name
		case op == "co" && !slices.Contains([]string{"firstName", "lastName", "email", "login"}, attribute):
			return "operator co is not supported for " + name
		default:
			return ""
		}
	}}
}

// userFilter is the filter parameter of /users.
func userFilter() dialect {
	return dialect{operators: "eq " + orderOperators, allows: func(name, op string) string {
		if name == "lastUpdated" {
			return ""
		}
		if !slices.Contains([]string{"status", "id", "profile.login", "profile.email", "profile.firstName", "profile.lastName"}, name) {
			return "unrecognized attribute " + name
		}
		if op != "eq" {
			return "operator " + op + " is not supported for " + name
		}
		return ""
	}}
}

func groupSearch() dialect {
	return dialect{operators: "eq sw co pr " + orderOperators, allows: func(name, _ string) string {
		known := []string{"id", "created", "type", "lastUpdated", "lastMembershipUpdated", "source.id"}
		if slices.Contains(known, name) || strings.HasPrefix(name, "profile.") {
			return ""
		}
		return "unrecognized attribute " + name
	}}
}

func groupFilter() dialect {
	return dialect{operators: "eq " + orderOperators, allows: func(name, op string) string {
		switch name {
		case "lastUpdated", "lastMembershipUpdated":
			return ""
		case "id", "type":
			if op == "eq" {
				return ""
			}
			return "operator " + op + " is not supported for " + name
		default:
			return "unrecognized attribute " + name
		}
	}}
}

func appFilter() dialect {
	return dialect{operators: "eq", allows: func(name, _ string) string {
		if slices.Contains([]string{"id", "status", "name", "user.id", "group.id", "credentials.signing.kid"}, name) {
			return ""
		}
		return "unrecognized attribute " + name
	}}
}

// logFilter is the filter parameter of /logs. published cannot be filtered
// (Okta: System Log query).
func logFilter() dialect {
	return dialect{operators: "eq ne sw co ew pr " + orderOperators, not: true, allows: func(name, op string) string {
		if name == "debugContext.debugData.url" && op == "co" {
			return "operator co is not supported for " + name
		}
		if strings.HasPrefix(name, "debugContext.debugData.") || slices.Contains(logFields(), name) {
			return ""
		}
		return "unrecognized attribute " + name
	}}
}

func logFields() []string {
	return []string{"uuid", "eventType", "legacyEventType", "displayMessage", "severity", "version",
		"outcome.result", "outcome.reason", "transaction.id", "transaction.type",
		"client.ipAddress", "client.userAgent.rawUserAgent", "authenticationContext.externalSessionId",
		"actor.id", "actor.type", "actor.alternateId", "actor.displayName",
		"target.id", "target.type", "target.alternateId", "target.displayName"}
}

// userField gives an attribute of a person.
func (o *Org) userField(p *person, name string) value {
	switch name {
	case "id":
		return textValue(p.id)
	case "status":
		return textValue(string(p.status))
	case "created":
		return timeValue(p.created)
	case "activated":
		return timeValue(p.activated)
	case "statusChanged":
		return timeValue(p.statusChanged)
	case "lastUpdated":
		return timeValue(p.lastUpdated)
	case "type.id":
		return textValue(o.typeID)
	case "profile.login":
		return textValue(p.login)
	}
	attribute, ok := strings.CutPrefix(name, "profile.")
	if !ok {
		return value{}
	}
	raw, ok := profileRaw(p.profile, attribute)
	if !ok {
		return value{}
	}
	if raw[0] != '[' {
		return textValue(rawText(raw))
	}
	var list []json.RawMessage
	if json.Unmarshal([]byte(raw), &list) != nil || len(list) == 0 {
		return value{}
	}
	v := value{set: true, text: rawText(string(list[0]))}
	for _, item := range list[1:] {
		v.more = append(v.more, rawText(string(item)))
	}
	return v
}

func groupField(g *group, name string) value {
	switch name {
	case "id":
		return textValue(g.id)
	case "type":
		return textValue(g.kind)
	case "created":
		return timeValue(g.created)
	case "lastUpdated":
		return timeValue(g.updated)
	case "lastMembershipUpdated":
		return timeValue(g.membersUpdated)
	case "profile.name":
		return textValue(g.name)
	case "profile.description":
		return textValue(g.description)
	default:
		return value{}
	}
}

func (o *Org) appField(a *app, name string) value {
	switch name {
	case "id":
		return textValue(a.id)
	case "name":
		return textValue(a.name)
	case "status":
		return textValue(a.status())
	case "user.id":
		v := value{}
		for _, u := range a.users {
			v.set = true
			v.more = append(v.more, u.person.id)
		}
		return v
	case "group.id":
		v := value{}
		for _, ag := range a.groups {
			v.set = true
			v.more = append(v.more, ag.group.id)
		}
		return v
	default:
		return value{}
	}
}

func eventField(e *event, name string) value {
	switch name {
	case "uuid":
		return textValue(e.uuid)
	case "eventType":
		return textValue(e.kind.name)
	case "legacyEventType":
		return textValue(e.kind.legacy)
	case "displayMessage":
		return textValue(e.kind.message)
	case "severity":
		return textValue(e.severity())
	case "version":
		return textValue("0")
	case "outcome.result":
		if e.failed != "" {
			return textValue("FAILURE")
		}
		return textValue("SUCCESS")
	case "outcome.reason":
		return textValue(e.failed)
	case "transaction.id":
		return textValue(e.txID)
	case "transaction.type":
		return textValue(e.transactionType())
	case "client.ipAddress":
		return e.clientValue(e.from.ip)
	case "client.userAgent.rawUserAgent":
		return e.clientValue(e.from.userAgent)
	case "authenticationContext.externalSessionId":
		return textValue("trs" + e.txID)
	}
	if part, ok := strings.CutPrefix(name, "actor."); ok {
		return textValue(e.from.actor.field(part))
	}
	if part, ok := strings.CutPrefix(name, "target."); ok {
		v := value{set: len(e.targets) > 0}
		for _, t := range e.targets {
			v.more = append(v.more, t.field(part))
		}
		return v
	}
	return e.debugValue(strings.TrimPrefix(name, "debugContext.debugData."))
}

func (e *event) clientValue(s string) value {
	if e.job {
		return value{}
	}
	return textValue(s)
}

func (e *event) debugValue(key string) value {
	switch key {
	case "requestId":
		return textValue(e.from.requestID)
	case "requestUri":
		return textValue(e.from.uri)
	case "url":
		return textValue(e.from.uri + "?")
	}
	for _, p := range e.debug {
		if p.key == key {
			return textValue(p.value)
		}
	}
	return value{}
}

func (t entity) field(part string) string {
	switch part {
	case "id":
		return t.id
	case "type":
		return t.kind
	case "alternateId":
		return t.alternate
	default:
		return t.name
	}
}

func (a *app) status() string {
	if a.active {
		return "ACTIVE"
	}
	return "INACTIVE"
}
