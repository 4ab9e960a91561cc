package sync

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// mapper turns Okta's attributes into profile fields by a tenant's rules.
type mapper struct {
	rules  directory.Rules
	fields []rule
	used   map[string]bool // attributes that some rule reads, as "user.x", "app.x" or "link.x"
	named  []string        // the same, sorted
	links  []string        // of these, the names of linked objects
	basis  string          // their name as a set
	// granting are those that rules about roles, licenses and teams read, which are kept in the profile: an event
	// about a group brings nobody's attributes.
	granting []attribute
}

// rule makes one field.
type rule struct {
	field   directory.Field
	custom  string // the name of a custom field; empty for others
	kind    directory.CustomType
	choices map[string]string // as declared, by folded text
	partial bool              // it reads what is not to be had of people who are not assigned
	owned   bool              // by the product
	source
}

func newMapper(rules directory.Rules) *mapper {
	m := &mapper{rules: rules, used: map[string]bool{}}
	for _, f := range directory.Fields() {
		m.add(rule{field: f, source: newSource(rules.Mapping[f])})
	}
	for _, c := range rules.Custom {
		r := rule{field: directory.CustomOf(c.Name), custom: c.Name, kind: c.Type, source: newSource(c.Source)}
		if c.Type == directory.CustomDate {
			r.dateAs = time.DateOnly
			if len(r.dates) == 0 {
				r.dates = []string{time.DateOnly}
			}
		}
		if c.Type == directory.CustomChoice {
			r.choices = make(map[string]string, len(c.Choices))
			for _, choice := range c.Choices {
				r.choices[directory.Fold(choice)] = choice
			}
		}
		m.add(r)
	}
	names := rules.Grants.Attributes()
	for _, rule := range rules.Teams {
		names = append(names, rule.Attributes()...)
	}
	slices.Sort(names)
	m.granting = attributes(slices.Compact(names))
	for _, a := range m.granting {
		m.used[a.String()] = true
	}
	m.named = sortedKeys(m.used) // when every rule has said what it reads
	for _, a := range attributes(m.named) {
		if a.kind == ofLink {
			m.links = append(m.links, a.name)
		}
	}
	m.basis = basisOf(m.named)
	return m
}

func (m *mapper) add(r rule) {
	r.partial, r.owned = r.assignedOnly(), slices.Contains(m.rules.Owned, r.field)
	m.fields = append(m.fields, r)
	for _, a := range slices.Concat(r.from, r.join) {
		m.used[a.String()] = true
	}
}

// profile maps what was seen. Where the app-user profile and linked objects were not to be had
// (somebody who is no longer assigned), fields that come from them stay as they are in keep. So do
// those that the product owns.
func (m *mapper) profile(seen directory.PersonSeen, keep directory.Profile) directory.Profile {
	var p directory.Profile
	for i := range m.fields {
		r := &m.fields[i]
		value, unfit := any(nil), directory.Unfit("")
		if r.keeps(&keep) {
			if value = valueIn(&keep, r.field); value == nil {
				p.Emptied = append(p.Emptied, r.field)
			}
		} else if r.partial && !seen.Assigned {
			value, unfit = valueIn(&keep, r.field), keep.Unfit[r.field]
		} else {
			value, unfit = r.value(&seen)
		}
		setIn(&p, r.field, value)
		if unfit != "" {
			if p.Unfit == nil {
				p.Unfit = map[directory.Field]directory.Unfit{}
			}
			p.Unfit[r.field] = unfit
		}
	}
	for _, a := range m.granting {
		name := a.String()
		values := a.texts(&seen)
		if a.assignedOnly() && !seen.Assigned {
			values = keep.Attributes[name]
		}
		if len(values) == 0 {
			continue
		}
		if p.Attributes == nil {
			p.Attributes = map[string][]string{}
		}
		p.Attributes[name] = values
	}
	slices.Sort(p.Emptied)
	return p
}

// valueIn returns a field's value, nil when it has none.
func valueIn(p *directory.Profile, f directory.Field) any {
	if name, isCustom := f.Custom(); isCustom {
		return p.Custom[name]
	}
	return orNil(*p.Field(f))
}

// setIn writes a field, or empties it when the value is nil.
func setIn(p *directory.Profile, f directory.Field, value any) {
	name, isCustom := f.Custom()
	switch {
	case !isCustom:
		*p.Field(f), _ = value.(string)
	case value == nil:
		delete(p.Custom, name)
	default:
		if p.Custom == nil {
			p.Custom = map[string]any{}
		}
		p.Custom[name] = value
	}
}

// asText renders an attribute's value; lists are joined by a comma. Text is
// trimmed, and freed of what a database cannot keep: NUL and invalid UTF-8.
func asText(value any) string {
	switch v := value.(type) {
	case nil:
		return ""
	case string:
		return strings.TrimSpace(strings.ReplaceAll(strings.ToValidUTF8(v, "\uFFFD"), "\x00", ""))
	case bool:
		return strconv.FormatBool(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case json.Number:
		return v.String()
	case []any:
		return strings.Join(asList(v), ", ")
	default:
		return ""
	}
}

func asList(values []any) []string {
	var texts []string
	for _, item := range values {
		if text := asText(item); text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// ignored adds to names every attribute that has a value but that no rule reads. Apps have Okta's base attributes by
// default, as copies of the user's: there they say nothing new.
func (m *mapper) ignored(seen directory.PersonSeen, names map[string]bool) {
	note := func(prefix string, profile map[string]any) {
		for key, value := range profile {
			name := prefix + key
			if value == nil || m.used[name] || names[name] || len(names) >= maxIgnored {
				continue
			}
			if prefix == "app." && isBaseAttribute(key) {
				continue
			}
			names[name] = true
		}
	}
	note("user.", seen.Profile)
	note("app.", seen.AppProfile)
}

// maxIgnored bounds the report of ignored attributes: an org with more than
// this many has been told enough.
const maxIgnored = 500

// isBaseAttribute says whether Okta's default user schema has the attribute.
// Okta: Users API, "Default profile properties".
func isBaseAttribute(name string) bool {
	switch name {
	case "login", "email", "secondEmail", "firstName", "lastName", "middleName", "honorificPrefix",
		"honorificSuffix", "title", "displayName", "nickName", "profileUrl", "primaryPhone", "mobilePhone",
		"streetAddress", "city", "state", "zipCode", "countryCode", "postalAddress", "preferredLanguage",
		"locale", "timezone", "userType", "employeeNumber", "costCenter", "organization", "division",
		"department", "managerId", "manager":
		return true
	default:
		return false
	}
}

// fault returns the quarantine entry for a profile that lacks a required field, and whether there is one.
func (m *mapper) fault(personID string, p directory.Profile) (directory.Quarantined, bool) {
	var missing []directory.Field
	var names []string
	unfit := ""
	for _, f := range m.rules.Required {
		if p.Has(f) {
			continue
		}
		missing = append(missing, f)
		names = append(names, string(f))
		if why := p.Unfit[f]; why != "" {
			unfit += fmt.Sprintf("; the %s that Okta has %s", f, why.Words())
		}
	}
	if len(missing) == 0 {
		return directory.Quarantined{}, false
	}
	return directory.Quarantined{
		PersonID: personID,
		Fields:   missing,
		Reason: fmt.Sprintf("Okta has no %s for this person, and the rules require it; "+
			"fill it in in Okta, or change the mapping or the list of required fields%s",
			strings.Join(names, ", "), unfit),
	}, true
}

// personHash is the content hash of a row without its manager. Of the teams it knows those that the profile
// gives by the rules: they can be told before anything is known of groups.
func (m *mapper) personHash(p directory.Person) string {
	h := sha256.New()
	write := func(text string) {
		// The length keeps "a","bc" and "ab","c" apart.
		h.Write(strconv.AppendInt(nil, int64(len(text)), 10))
		h.Write([]byte{':'})
		h.Write([]byte(text))
	}
	write(string(p.Status))
	write(p.OktaStatus)
	write(p.Assignment)
	if p.Detached() {
		write("")
		write("detached")
	} else {
		var ids []string
		for _, t := range m.teamsOf(&p.Profile, nil, nil) {
			ids = append(ids, t.team.ID)
		}
		write(strings.Join(ids, " "))
	}
	for _, f := range directory.Fields() {
		if f == directory.FieldManagerLink && p.Profile.ManagerLink == "" {
			continue // so that the hashes of those who have none are as they were before there was the field
		}
		write(*p.Profile.Field(f))
	}
	for _, key := range sortedKeys(p.Profile.Custom) {
		write(key)
		value, err := json.Marshal(p.Profile.Custom[key])
		if err != nil { // only our own rules fill the map, with values that JSON can hold
			value = []byte(fmt.Sprint(p.Profile.Custom[key]))
		}
		write(string(value))
	}
	for _, f := range sortedKeys(p.Profile.Unfit) {
		write("unfit " + string(f))
		write(string(p.Profile.Unfit[f]))
	}
	for _, f := range p.Profile.Emptied {
		write("emptied " + string(f))
	}
	for _, key := range sortedKeys(p.Profile.Attributes) {
		write("attribute " + key)
		write(strconv.Itoa(len(p.Profile.Attributes[key])))
		for _, value := range p.Profile.Attributes[key] {
			write(value)
		}
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// seenHash is the hash that the row of somebody who was seen in the app's list
// has when nothing differs.
func (m *mapper) seenHash(seen directory.PersonSeen) string {
	status, raw := statusOf(seen)
	p := directory.Person{Status: status, OktaStatus: raw, Assignment: seen.AssignmentScope}
	p.Profile = m.profile(seen, directory.Profile{})
	return m.personHash(p)
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
