package deliver

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// hidden stands for what is not kept.
const hidden = "[…]"

// valuesAtMost is how many values are looked for, and valuesLength how many bytes they have together. Of an answer to
// more nothing is kept.
const (
	valuesAtMost = 500
	valuesLength = 16 << 10
)

// redacted makes an answer fit to be kept: its beginning, without control characters, secrets and signatures, and
// without the values that it repeats from what was sent, in whatever case and notation, which may be about a person.
func redacted(answer, body []byte, signature string) string {
	if len(bytes.TrimSpace(answer)) == 0 {
		return ""
	}
	text := strings.ToValidUTF8(string(answer), "�")
	sent, length := values(body), 0
	for _, value := range sent {
		length += len(value)
	}
	if len(sent) > valuesAtMost || length > valuesLength {
		return hidden
	}
	var own []string
	room := utf8.RuneCountInString(text)
	for _, value := range append(strings.Fields(signature), sent...) {
		if utf8.RuneCountInString(value) <= room { // or it is not in there, in no notation
			own = append(own, notations(value)...)
		}
	}
	if len(own) > 0 {
		slices.SortFunc(own, func(a, b string) int { return len(b) - len(a) })
		text = regexp.MustCompile(`(?i)`+strings.Join(own, "|")).ReplaceAllString(text, hidden)
	}
	text = regexp.MustCompile(`(?:whsec_|whsk_|v1a?,)[A-Za-z0-9+/=_-]{8,}`).ReplaceAllString(text, hidden)
	text = regexp.MustCompile(`[^\s"'<>()\[\],;:=]+@[^\s"'<>()\[\],;:=]+`).ReplaceAllString(text, hidden)
	text = strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r) || unicode.In(r, unicode.Cf):
			return -1
		default:
			return r
		}
	}, text))
	switch {
	case len(text) > answerKept: // only now, for a value that is cut in two would not be found
		return strings.ToValidUTF8(text[:answerKept], "")
	case len(answer) >= answerRead:
		return hidden // the end may be half of a value
	default:
		return text
	}
}

// notations are the expressions for a value as receivers write it: as it is, in JSON with all beyond ASCII
// escaped, in HTML, and in an address.
func notations(value string) []string {
	var escaped strings.Builder
	for _, r := range value {
		switch {
		case r < 0x80:
			escaped.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&escaped, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&escaped, `\u%04x`, r)
		}
	}
	slim, _ := json.Marshal(value) // a text always can be
	all := []string{value, escaped.String(), strings.Trim(string(slim), `"`), html.EscapeString(value), url.QueryEscape(value), url.PathEscape(value)}
	for i := range all {
		all[i] = regexp.QuoteMeta(all[i])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// values are the texts and numbers of a message that may be about a person: all but those that name what it is
// about, and those that are too short to tell anything. Custom fields may have any name.
func values(body []byte) []string {
	var message any
	decoder := json.NewDecoder(bytes.NewReader(body))
	decoder.UseNumber()
	if decoder.Decode(&message) != nil {
		return nil
	}
	plain := []string{"type", "tenant", "subject", "subject_id", "person_id", "id", "field", "kind", "cause", "timestamp", "seq", "person_seq", "status", "okta_status", "assignment"}
	var found []string
	var walk func(v any, custom bool)
	walk = func(v any, custom bool) {
		switch v := v.(type) {
		case string:
			if len(v) > 2 {
				found = append(found, v)
			}
		case json.Number:
			if len(v) > 3 {
				found = append(found, v.String())
			}
		case []any:
			for _, item := range v {
				walk(item, custom)
			}
		case map[string]any:
			for name, item := range v {
				if custom || !slices.Contains(plain, name) {
					walk(item, custom || name == "custom")
				}
			}
		}
	}
	walk(message, false)
	return found
}
