package emulator

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// A profile is kept as the JSON text that is served: one string per person,
// without white space, in a fixed order of members. Reading one member scans
// that text; it is made by appendProfile only, so the scanner may rely on its
// form.

// leadingMembers come first, as in recorded answers. The two nullable ones are
// always written, null when unset; every other unset member is left out
// (recorded traffic).
var leadingMembers = [...]string{"firstName", "lastName", "mobilePhone", "secondEmail", "login", "email"}

func alwaysWritten(name string) bool { return name == "mobilePhone" || name == "secondEmail" }

// members maps attribute names to JSON values. null means unset.
type members map[string]json.RawMessage

// appendProfile appends the members in their fixed order.
func appendProfile(b []byte, m members) []byte {
	b = append(b, '{')
	first := true
	put := func(name string, raw []byte) {
		if !first {
			b = append(b, ',')
		}
		first = false
		b = appendText(b, name)
		b = append(b, ':')
		b = append(b, raw...)
	}
	for _, name := range leadingMembers {
		raw, ok := m[name]
		unset := !ok || isNull(raw)
		if unset && !alwaysWritten(name) {
			continue
		}
		if unset {
			raw = json.RawMessage("null")
		}
		put(name, raw)
	}
	rest := make([]string, 0, len(m))
	for name, raw := range m {
		if isNull(raw) || slices.Contains(leadingMembers[:], name) {
			continue
		}
		rest = append(rest, name)
	}
	slices.Sort(rest)
	for _, name := range rest {
		put(name, m[name])
	}
	return append(b, '}')
}

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// decodeProfile is the inverse of appendProfile; nulls are left out.
func decodeProfile(text string) members {
	m := members{}
	eachMember(text, func(name, raw string) bool {
		if raw != "null" {
			m[name] = json.RawMessage(raw)
		}
		return true
	})
	return m
}

// eachMember calls f for each member of a profile text until f says no.
func eachMember(text string, f func(name, raw string) bool) {
	i := 1
	for i < len(text) && text[i] == '"' {
		end := stringEnd(text, i)
		name := text[i+1 : end-1]
		i = end + 1 // past the colon
		end = valueEnd(text, i)
		if !f(name, text[i:end]) {
			return
		}
		i = end + 1 // past the comma or the brace
	}
}

// stringEnd gives the index after the closing quote of the string at i.
func stringEnd(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(s)
}

// valueEnd gives the index after the JSON value at i.
func valueEnd(s string, i int) int {
	if i >= len(s) {
		return i
	}
	if s[i] == '"' {
		return stringEnd(s, i)
	}
	depth := 0
	for i < len(s) {
		switch s[i] {
		case '"':
			i = stringEnd(s, i)
			continue
		case '[', '{':
			depth++
		case ']', '}':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

// profileRaw gives the JSON value of a member.
func profileRaw(text, name string) (string, bool) {
	found, ok := "", false
	eachMember(text, func(n, raw string) bool {
		if n != name {
			return true
		}
		found, ok = raw, raw != "null"
		return false
	})
	return found, ok
}

// profileText gives a member as text: strings unquoted, other values as they
// are written.
func profileText(text, name string) (string, bool) {
	raw, ok := profileRaw(text, name)
	if !ok {
		return "", false
	}
	return rawText(raw), true
}

func rawText(raw string) string {
	if len(raw) < 2 || raw[0] != '"' {
		return raw
	}
	if strings.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1] // shares the memory of the profile
	}
	var s string
	if json.Unmarshal([]byte(raw), &s) != nil {
		return raw
	}
	return s
}

// foldLogin is the form in which logins are compared: Okta compares them
// without case and without diacritics.
func foldLogin(login string) string {
	ascii := true
	for i := range len(login) {
		if login[i] >= utf8.RuneSelf {
			ascii = false
			break
		}
	}
	if ascii {
		return strings.ToLower(login) // the same string when already lower
	}
	var b strings.Builder
	for _, r := range norm.NFD.String(login) {
		if r >= 0x300 && r <= 0x36f {
			continue // a combining accent
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// compactMembers reads a profile object from a request and puts every value
// into the form that the scanner expects.
func compactMembers(body json.RawMessage) (members, error) {
	var in members
	if err := json.Unmarshal(body, &in); err != nil {
		return nil, err
	}
	for name, raw := range in {
		c, err := compactValue(raw)
		if err != nil {
			return nil, err
		}
		in[name] = c
	}
	return in, nil
}

// compactValue rewrites a value without white space and with our own escapes.
func compactValue(raw json.RawMessage) (json.RawMessage, error) {
	if len(raw) > 0 && raw[0] == '"' {
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			return nil, err
		}
		return appendText(nil, s), nil
	}
	var b bytes.Buffer
	if err := json.Compact(&b, raw); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}

// membersOf turns Go values into members, for the control methods.
func membersOf(values map[string]any) (members, error) {
	m := make(members, len(values))
	for name, v := range values {
		if s, ok := v.(string); ok {
			m[name] = appendText(nil, s)
			continue
		}
		raw, err := json.Marshal(v)
		if err != nil {
			return nil, errValidation(name, name+": the value cannot be written as JSON")
		}
		if raw, err = compactValue(raw); err != nil {
			return nil, errValidation(name, name+": the value cannot be written as JSON")
		}
		m[name] = raw
	}
	return m, nil
}

// valueOf is the inverse of membersOf for one value.
func valueOf(raw string) any {
	if raw == "" || raw == "null" {
		return nil
	}
	if raw[0] == '"' {
		return rawText(raw)
	}
	if f, err := strconv.ParseFloat(raw, 64); err == nil {
		return f
	}
	var v any
	if json.Unmarshal([]byte(raw), &v) != nil {
		return raw
	}
	return v
}
