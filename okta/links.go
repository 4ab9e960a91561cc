package okta

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// link is one entry of a Link header. RFC 8288.
type link struct {
	target string
	rels   []string
}

// nextLink finds the target of rel="next" in the Link header lines of an
// answer; "" when there is none. Okta sends one line per link, proxies may fold lines
// into one. A header that cannot be read whole is an error, because the next link
// might be in the part that could not be read.
func nextLink(lines []string) (string, error) {
	next := ""
	for _, line := range lines {
		links, err := parseLinks(line)
		if err != nil {
			return "", fmt.Errorf("link header cannot be read, so the list may go on: %w", err)
		}
		for _, l := range links {
			if !isNext(l.rels) {
				continue
			}
			if next != "" && next != l.target {
				return "", errors.New("link header names two different next pages")
			}
			next = l.target
		}
	}
	return next, nil
}

func isNext(rels []string) bool {
	for _, r := range rels {
		if strings.EqualFold(r, "next") {
			return true
		}
	}
	return false
}

// parseLinks reads one header line: <target>; name=value; name="value", <target>; …
func parseLinks(line string) ([]link, error) {
	var links []link
	rest := strings.TrimSpace(line)
	for rest != "" {
		if rest[0] == ',' { // empty entries are allowed
			rest = strings.TrimSpace(rest[1:])
			continue
		}
		var l link
		var err error
		if l, rest, err = parseLink(rest); err != nil {
			return nil, err
		}
		links = append(links, l)
	}
	return links, nil
}

func parseLink(text string) (link, string, error) {
	if text[0] != '<' {
		return link{}, "", errors.New("an entry does not begin with <")
	}
	end := strings.IndexByte(text, '>')
	if end < 2 {
		return link{}, "", errors.New("an entry has no target")
	}
	l := link{target: strings.TrimSpace(text[1:end])}
	rest := strings.TrimSpace(text[end+1:])
	for strings.HasPrefix(rest, ";") {
		var p parameter
		var err error
		if p, rest, err = parseParameter(strings.TrimSpace(rest[1:])); err != nil {
			return link{}, "", err
		}
		// Only the first rel counts. RFC 8288, 3.3.
		if strings.EqualFold(p.name, "rel") && l.rels == nil {
			l.rels = strings.Fields(p.value)
		}
	}
	if len(l.rels) == 0 {
		return link{}, "", errors.New("an entry does not say its relation")
	}
	if rest != "" && rest[0] != ',' {
		return link{}, "", errors.New("an entry is followed by something that is not a comma")
	}
	return l, rest, nil
}

// parameter is one of a link's, such as rel="next".
type parameter struct{ name, value string }

// parseParameter reads one parameter and returns what follows it.
func parseParameter(text string) (parameter, string, error) {
	end := strings.IndexAny(text, "=;, \t")
	if end < 0 {
		return parameter{name: text}, "", nil
	}
	name, rest := text[:end], strings.TrimSpace(text[end:])
	if !strings.HasPrefix(rest, "=") {
		return parameter{name: name}, rest, nil
	}
	rest = strings.TrimSpace(rest[1:])
	if strings.HasPrefix(rest, `"`) {
		value, rest, err := parseQuoted(rest)
		return parameter{name, value}, rest, err
	}
	end = strings.IndexAny(rest, ";, \t")
	if end < 0 {
		return parameter{name, rest}, "", nil
	}
	return parameter{name, rest[:end]}, strings.TrimSpace(rest[end:]), nil
}

// parseQuoted reads a quoted value and returns what follows it.
func parseQuoted(text string) (string, string, error) {
	var b strings.Builder
	for i := 1; i < len(text); i++ {
		switch text[i] {
		case '"':
			return b.String(), strings.TrimSpace(text[i+1:]), nil
		case '\\':
			i++
			if i < len(text) {
				b.WriteByte(text[i])
			}
		default:
			b.WriteByte(text[i])
		}
	}
	return "", "", errors.New("a quoted value is not closed")
}

// follow turns the target of a next link into the path and query to ask for.
// The host of the link is dropped: it may be a custom domain, and our
// credentials go to the org alone. Parameters of the first request that the link
// lost are put back, because Okta's links used to drop expand (Okta: release
// notes 2026.08.0).
func follow(first, target string) (string, error) {
	from, err := url.Parse(first)
	if err != nil {
		return "", fmt.Errorf("parse the path of the first page: %w", err)
	}
	to, err := url.Parse(target)
	if err != nil {
		return "", errors.New("the next link is not a url")
	}
	if !strings.HasPrefix(to.Path, "/api/v1/") || slices.Contains(strings.Split(to.Path, "/"), "..") {
		return "", errors.New("the next link does not lead to Okta's API")
	}
	query, err := url.ParseQuery(to.RawQuery)
	if err != nil {
		return "", errors.New("the query of the next link cannot be read")
	}
	if query.Get("after") == "" {
		return "", errors.New("the next link has no cursor")
	}
	for name, values := range from.Query() {
		if !query.Has(name) && name != "after" {
			query[name] = values
		}
	}
	return to.EscapedPath() + "?" + query.Encode(), nil
}

// trail guards one list against a chain of pages that never ends. Okta has had
// such chains (okta-sdk-golang, issue 397).
type trail struct {
	seen     map[string]bool
	maxPages int
}

func newTrail(maxPages int) *trail { return &trail{seen: map[string]bool{}, maxPages: maxPages} }

// step notes the path of the next page, if there is one, and refuses a repeated one.
func (t *trail) step(path string) error {
	if path == "" {
		return nil
	}
	if t.seen[path] {
		return errors.New("a cursor came a second time, so the list would never end")
	}
	if len(t.seen) >= t.maxPages {
		return fmt.Errorf("the list has more than %d pages", t.maxPages)
	}
	t.seen[path] = true
	return nil
}
