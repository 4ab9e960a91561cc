package sync

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/oktasync/oktasync/directory"
)

// mapper turns Okta's attributes into profile fields by a tenant's rules.
type mapper struct {
	rules directory.Rules
	used  map[string]bool // attributes that some rule reads, as "user.x" or "app.x"
	named []string        // the same, sorted
	basis string          // their name as a set
}

func newMapper(rules directory.Rules) *mapper {
	m := &mapper{rules: rules, used: map[string]bool{}}
	for _, source := range rules.Mapping {
		m.use(source.From)
	}
	for _, custom := range rules.Custom {
		m.use(custom.From)
	}
	m.named = sortedKeys(m.used) // when every rule has said what it reads
	m.basis = basisOf(m.named)
	return m
}

func (m *mapper) use(attributes []string) {
	for _, a := range attributes {
		m.used[a] = true
	}
}

// profile maps what was seen. Where the app-user profile was not to be had
// (somebody who is no longer assigned), fields that come from it stay as they are in keep.
func (m *mapper) profile(seen directory.PersonSeen, keep directory.Profile) directory.Profile {
	var p directory.Profile
	for _, f := range directory.Fields() {
		source := m.rules.Mapping[f]
		if !seen.Assigned && slices.ContainsFunc(source.From, fromApp) {
			*p.Field(f) = *keep.Field(f)
			continue
		}
		*p.Field(f) = cmp.Or(firstText(seen, source.From), source.Default)
	}
	for _, c := range m.rules.Custom {
		value, ok := any(nil), false
		if !seen.Assigned && slices.ContainsFunc(c.From, fromApp) {
			value, ok = keep.Custom[c.Name]
		} else {
			value, ok = custom(seen, c)
		}
		if ok {
			if p.Custom == nil {
				p.Custom = map[string]any{}
			}
			p.Custom[c.Name] = value
		}
	}
	return p
}

func fromApp(attribute string) bool { return strings.HasPrefix(attribute, "app.") }

func attribute(seen directory.PersonSeen, name string) any {
	if name == "app.userName" {
		return seen.AppUserName
	}
	if key, found := strings.CutPrefix(name, "app."); found {
		return seen.AppProfile[key]
	}
	return seen.Profile[strings.TrimPrefix(name, "user.")]
}

func firstText(seen directory.PersonSeen, from []string) string {
	for _, name := range from {
		if text := asText(attribute(seen, name)); text != "" {
			return text
		}
	}
	return ""
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

// custom returns the value of a declared custom field in its type; false when Okta has none,
// or one that is not of the type.
func custom(seen directory.PersonSeen, c directory.CustomField) (any, bool) {
	for _, name := range c.From {
		raw := attribute(seen, name)
		text := asText(raw)
		if text == "" {
			continue
		}
		switch c.Type {
		case directory.CustomText:
			return text, true
		case directory.CustomNumber:
			n, err := strconv.ParseFloat(text, 64)
			return n, err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) // JSON has neither
		case directory.CustomBoolean:
			b, err := strconv.ParseBool(text)
			return b, err == nil
		case directory.CustomList:
			if items, isList := raw.([]any); isList {
				return anySlice(asList(items)), true
			}
			return []any{text}, true
		default:
			return nil, false
		}
	}
	return nil, false
}

func anySlice(texts []string) []any {
	values := make([]any, len(texts))
	for i, t := range texts {
		values[i] = t
	}
	return values
}

// ignored adds to names every attribute that has a value but that no rule reads, and that is
// not one of Okta's own base attributes.
func (m *mapper) ignored(seen directory.PersonSeen, names map[string]bool) {
	note := func(prefix string, profile map[string]any) {
		for key, value := range profile {
			name := prefix + key
			if value == nil || m.used[name] || names[name] || len(names) >= maxIgnored {
				continue
			}
			if isBaseAttribute(key) { // apps get the same names by default
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
	for _, f := range m.rules.Required {
		if *p.Field(f) == "" {
			missing = append(missing, f)
			names = append(names, string(f))
		}
	}
	if len(missing) == 0 {
		return directory.Quarantined{}, false
	}
	return directory.Quarantined{
		PersonID: personID,
		Fields:   missing,
		Reason: fmt.Sprintf("Okta has no %s for this person, and the rules require it; "+
			"fill it in in Okta, or change the mapping or the list of required fields",
			strings.Join(names, ", ")),
	}, true
}

// team returns the person's primary team by the rules.
func (m *mapper) team(p directory.Profile) (directory.Team, bool) {
	if m.rules.TeamFrom == "" {
		return directory.Team{}, false
	}
	return directory.TeamFor(string(m.rules.TeamFrom), *p.Field(m.rules.TeamFrom))
}

// personHash is the content hash of a row without its manager.
func personHash(p directory.Person) string {
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
	write(p.TeamID)
	if p.Detached() {
		write("detached")
	}
	for _, f := range directory.Fields() {
		write(*p.Profile.Field(f))
	}
	for _, key := range sortedKeys(p.Profile.Custom) {
		write(key)
		value, err := json.Marshal(p.Profile.Custom[key])
		if err != nil { // only our own custom() fills the map, with values that JSON can hold
			value = []byte(fmt.Sprint(p.Profile.Custom[key]))
		}
		write(string(value))
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// seenHash is the hash that the row of somebody who was seen in the app's list
// has when nothing differs.
func (m *mapper) seenHash(seen directory.PersonSeen) string {
	status, raw := statusOf(seen)
	p := directory.Person{Status: status, OktaStatus: raw, Assignment: seen.AssignmentScope}
	p.Profile = m.profile(seen, directory.Profile{})
	team, _ := m.team(p.Profile)
	p.TeamID = team.ID
	return personHash(p)
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
