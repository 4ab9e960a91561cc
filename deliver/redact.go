package deliver

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// hidden stands for what is not kept.
const hidden = "[…]"

// redacted makes an answer fit to be kept: without control characters, secrets and signatures, and without the
// values that it repeats from what was sent, which may be about a person.
func redacted(answer, body []byte, signature string) string {
	text := strings.ToValidUTF8(string(answer), "�")
	for _, own := range append(strings.Fields(signature), values(body)...) {
		text = strings.ReplaceAll(text, own, hidden)
	}
	text = regexp.MustCompile(`(?:whsec_|whsk_|v1a?,)[A-Za-z0-9+/=_-]{8,}`).ReplaceAllString(text, hidden)
	text = regexp.MustCompile(`[^\s"'<>()\[\],;:=]+@[^\s"'<>()\[\],;:=]+`).ReplaceAllString(text, hidden)
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t':
			return r
		case unicode.IsControl(r) || unicode.In(r, unicode.Cf):
			return -1
		default:
			return r
		}
	}, text))
}

// values are the texts of a message that may be about a person, the longest first: all but those that name
// what it is about.
func values(body []byte) []string {
	var message any
	if json.Unmarshal(body, &message) != nil {
		return nil
	}
	plain := []string{"type", "tenant", "subject", "subject_id", "person_id", "id", "field", "kind", "cause", "at", "timestamp", "status", "okta_status", "assignment"}
	var found []string
	var walk func(any)
	walk = func(v any) {
		switch v := v.(type) {
		case string:
			if len(v) > 2 {
				found = append(found, v)
			}
		case []any:
			for _, item := range v {
				walk(item)
			}
		case map[string]any:
			for name, item := range v {
				if !slices.Contains(plain, name) {
					walk(item)
				}
			}
		}
	}
	walk(message)
	slices.SortFunc(found, func(a, b string) int { return len(b) - len(a) })
	return found
}
