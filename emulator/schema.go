package emulator

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"
)

// Attribute declares a custom profile attribute of the org's user schema.
type Attribute struct {
	Name  string `json:"name"`
	Title string `json:"title,omitempty"` // default: the name
	// Type is string, number, integer, boolean or array (of strings).
	Type string `json:"type"`
}

// baseAttribute is one of the 31 base attributes with its limits (Okta: users
// API, profile object; schemas API).
type baseAttribute struct {
	name, title string
	min, max    int
	required    bool
}

func baseAttributes() []baseAttribute {
	return []baseAttribute{
		{"login", "Username", 5, 100, true},
		{"firstName", "First name", 1, 50, true},
		{"lastName", "Last name", 1, 50, true},
		{"middleName", "Middle name", 0, 0, false},
		{"honorificPrefix", "Honorific prefix", 0, 0, false},
		{"honorificSuffix", "Honorific suffix", 0, 0, false},
		{"email", "Primary email", 5, 100, true},
		{"title", "Title", 0, 0, false},
		{"displayName", "Display name", 0, 0, false},
		{"nickName", "Nickname", 0, 0, false},
		{"profileUrl", "Profile Url", 0, 0, false},
		{"secondEmail", "Secondary email", 5, 100, false},
		{"mobilePhone", "Mobile phone", 0, 100, false},
		{"primaryPhone", "Primary phone", 0, 100, false},
		{"streetAddress", "Street address", 0, 1024, false},
		{"city", "City", 0, 128, false},
		{"state", "State", 0, 128, false},
		{"zipCode", "Zip code", 0, 50, false},
		{"countryCode", "Country code", 2, 2, false},
		{"postalAddress", "Postal Address", 0, 4096, false},
		{"preferredLanguage", "Preferred language", 0, 0, false},
		{"locale", "Locale", 0, 0, false},
		{"timezone", "Time zone", 0, 0, false},
		{"userType", "User type", 0, 0, false},
		{"employeeNumber", "Employee number", 0, 0, false},
		{"costCenter", "Cost center", 0, 0, false},
		{"organization", "Organization", 0, 0, false},
		{"division", "Division", 0, 0, false},
		{"department", "Department", 0, 0, false},
		{"managerId", "ManagerId", 0, 0, false},
		{"manager", "Manager", 0, 0, false},
	}
}

// schema is what a profile may hold.
type schema struct {
	base   []baseAttribute
	index  map[string]int
	custom map[string]Attribute
}

func newSchema(custom []Attribute) (*schema, error) {
	s := &schema{base: baseAttributes(), index: map[string]int{}, custom: map[string]Attribute{}}
	for i, a := range s.base {
		s.index[a.name] = i
	}
	for _, a := range custom {
		if err := s.declare(a); err != nil {
			return nil, err
		}
	}
	return s, nil
}

func (s *schema) declare(a Attribute) error {
	if a.Name == "" {
		return errValidation("name", "name: The field cannot be left blank")
	}
	if strings.Trim(a.Name, idDigits+"_-") != "" {
		// The scanner of profiles relies on names that need no escapes.
		return errValidation("name", "name: only letters, digits, underscores and hyphens are allowed in an attribute's name")
	}
	if _, taken := s.index[a.Name]; taken {
		return errValidation(a.Name, a.Name+": a base attribute has this name")
	}
	switch a.Type {
	case "string", "number", "integer", "boolean", "array":
	default:
		return errValidation("type", a.Name+": the type must be string, number, integer, boolean or array")
	}
	s.custom[a.Name] = a
	return nil
}

func (s *schema) knows(name string) bool {
	_, base := s.index[name]
	_, custom := s.custom[name]
	return base || custom
}

// check tells what is wrong with a whole profile, one cause for each fault.
// With lax set, missing names and e-mail are let through: an org may make them
// optional, and the emulator offers that for tests of incomplete people.
func (s *schema) check(m members, lax bool) []string {
	var causes []string
	for _, name := range slices.Sorted(maps.Keys(m)) {
		raw := m[name]
		if isNull(raw) {
			continue
		}
		if a, ok := s.custom[name]; ok {
			if cause := checkType(a, raw); cause != "" {
				causes = append(causes, cause)
			}
			continue
		}
		i, ok := s.index[name]
		if !ok {
			causes = append(causes, name+": Property name is not declared in the user schema")
			continue
		}
		if cause := s.base[i].check(raw); cause != "" {
			causes = append(causes, cause)
		}
	}
	for _, a := range s.base {
		raw, ok := m[a.name]
		missing := !ok || isNull(raw) || string(raw) == `""`
		if a.required && missing && (!lax || a.name == "login") {
			causes = append(causes, a.name+": The field cannot be left blank")
		}
	}
	return causes
}

func (a baseAttribute) check(raw json.RawMessage) string {
	if len(raw) == 0 || raw[0] != '"' {
		return a.name + ": must be a string"
	}
	text := rawText(string(raw))
	if text == "" {
		return ""
	}
	n := 0
	for _, r := range text {
		n++
		if utf8.RuneLen(r) > 3 {
			return a.name + ": characters outside the basic multilingual plane are not supported"
		}
	}
	if a.max > 0 && n > a.max {
		return fmt.Sprintf("%s: must be at most %d characters", a.name, a.max)
	}
	if a.min > 0 && n < a.min {
		return fmt.Sprintf("%s: must be at least %d characters", a.name, a.min)
	}
	isAddress := a.name == "email" || a.name == "secondEmail" || a.name == "login"
	if at := strings.LastIndexByte(text, '@'); isAddress && (at < 1 || at == len(text)-1) {
		return a.name + ": Does not match required pattern"
	}
	return ""
}

func checkType(a Attribute, raw json.RawMessage) string {
	ok := false
	switch a.Type {
	case "string":
		ok = raw[0] == '"'
	case "boolean":
		ok = raw[0] == 't' || raw[0] == 'f'
	case "array":
		ok = raw[0] == '['
	case "integer":
		var n int64
		ok = json.Unmarshal(raw, &n) == nil
	case "number":
		ok = raw[0] == '-' || raw[0] >= '0' && raw[0] <= '9'
	}
	if ok {
		return ""
	}
	return fmt.Sprintf("%s: must be of type %s", a.Name, a.Type)
}

// tidy clears what counts as unset: an empty text is stored as null.
func (m members) tidy() {
	for name, raw := range m {
		if string(raw) == `""` {
			m[name] = json.RawMessage("null")
		}
	}
}
