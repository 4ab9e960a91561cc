package sync

import (
	"strings"
	"time"
	"unicode"

	"github.com/oktasync/oktasync/directory"
)

// What a value may be at most. More is taken as no value, and reported.
const (
	maxText  = 4096 // bytes
	maxItems = 500  // of a list
)

// source is a directory.Source made ready. Evaluating it is pure, and goes over each text a
// fixed number of times: there is nothing in it that could repeat or refer to itself.
type source struct {
	from, join []attribute
	with       string
	textCase   directory.TextCase
	values     map[string]string // by folded text
	onlyMapped bool
	dates      []string
	dateAs     string
	def        string
	place      string
}

// attribute is one that Okta has: of the user, of the app user, or a linked object.
type attribute struct {
	kind attributeKind
	name string
}

// attributeKind is how the names of such attributes begin.
type attributeKind string

const (
	ofUser attributeKind = "user."
	ofApp  attributeKind = "app."
	ofLink attributeKind = "link." // the name is that of the primary relationship, the value an Okta id
)

func newSource(s directory.Source) source {
	ready := source{
		from: attributes(s.From), join: attributes(s.Join), with: s.With, textCase: s.Case, onlyMapped: s.OnlyMapped,
		dates: s.Dates, dateAs: s.DateAs, def: s.Default, place: s.Place,
	}
	if ready.dateAs == "" {
		ready.dateAs = time.DateOnly
	}
	if len(s.Map) > 0 || s.OnlyMapped {
		ready.values = make(map[string]string, len(s.Map))
		for from, to := range s.Map {
			ready.values[directory.Fold(from)] = to
		}
	}
	return ready
}

func attributes(names []string) []attribute {
	var all []attribute
	for _, name := range names {
		all = append(all, attributeOf(name))
	}
	return all
}

// attributeOf reads "user.<name>", "app.<name>" or "link.<name>".
func attributeOf(name string) attribute {
	for _, kind := range [2]attributeKind{ofApp, ofLink} {
		if key, found := strings.CutPrefix(name, string(kind)); found {
			return attribute{kind: kind, name: key}
		}
	}
	return attribute{kind: ofUser, name: strings.TrimPrefix(name, string(ofUser))}
}

func (a attribute) String() string { return string(a.kind) + a.name }

// assignedOnly says that Okta is asked for the attribute only of people who are assigned to the app.
func (a attribute) assignedOnly() bool { return a.kind != ofUser }

// of returns the attribute's value as Okta has it, nil when there is none.
func (a attribute) of(seen *directory.PersonSeen) any {
	switch {
	case a.kind == ofUser:
		return seen.Profile[a.name]
	case a.kind == ofLink:
		return orNil(seen.Links[a.name])
	case a.name == "userName":
		return seen.AppUserName
	default:
		return seen.AppProfile[a.name]
	}
}

// texts returns the attribute's values as texts: one, or those of a list.
func (a attribute) texts(seen *directory.PersonSeen) []string {
	value := a.of(seen)
	if items, isList := value.([]any); isList {
		return asList(items)
	}
	return asList([]any{value})
}

// assignedOnly says whether the source needs what Okta is asked for only of people who are assigned.
func (s *source) assignedOnly() bool {
	for _, list := range [2][]attribute{s.from, s.join} {
		for _, a := range list {
			if a.assignedOnly() {
				return true
			}
		}
	}
	return false
}

// text returns the source's text for somebody, and why what Okta has does not fit, empty when
// it does. The default stands for what does not fit as well.
func (s *source) text(seen *directory.PersonSeen) (string, directory.Unfit) {
	text, unfit := s.shaped(s.picked(seen))
	if text == "" {
		return s.def, unfit
	}
	return text, unfit
}

// picked is the first text of from, or else those of join together.
func (s *source) picked(seen *directory.PersonSeen) string {
	for _, a := range s.from {
		if text := asText(a.of(seen)); text != "" {
			return text
		}
	}
	if len(s.join) == 0 {
		return ""
	}
	var parts []string
	for _, a := range s.join {
		if text := asText(a.of(seen)); text != "" {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, s.with)
}

// items returns the source's texts for a list: those of the first of from that has any, or
// else those of all of join.
func (s *source) items(seen *directory.PersonSeen) ([]any, directory.Unfit) {
	var items []any
	var unfit directory.Unfit
	add := func(raw any) {
		list, isList := raw.([]any)
		if !isList {
			list = []any{raw}
		}
		for _, item := range list {
			text, why := s.shaped(asText(item))
			if why != "" {
				unfit = why
			}
			if text != "" {
				items = append(items, text)
			}
		}
	}
	for _, a := range s.from {
		if add(a.of(seen)); len(items) > 0 {
			break
		}
	}
	if len(items) == 0 {
		for _, a := range s.join {
			add(a.of(seen))
		}
	}
	if len(items) > maxItems {
		items, unfit = nil, directory.UnfitLong
	}
	if len(items) == 0 && s.def != "" {
		items = []any{s.def}
	}
	return items, unfit
}

// shaped is what the steps after the picking make of a text.
func (s *source) shaped(text string) (string, directory.Unfit) {
	if len(text) > maxText {
		return "", directory.UnfitLong
	}
	if text == "" {
		return "", ""
	}
	text = changeCase(text, s.textCase)
	if s.values != nil {
		mapped, known := s.values[directory.Fold(text)]
		if known || s.onlyMapped {
			text = mapped
		}
	}
	if len(s.dates) > 0 && text != "" {
		day, isDate := parseDate(text, s.dates)
		if !isDate {
			return "", directory.UnfitDate
		}
		text = day.Format(s.dateAs)
	}
	if len(text) > maxText { // a change of case can make a text longer
		return "", directory.UnfitLong
	}
	return text, ""
}

func changeCase(text string, to directory.TextCase) string {
	switch to {
	case directory.CaseLower:
		return strings.ToLower(text)
	case directory.CaseUpper:
		return strings.ToUpper(text)
	case directory.CaseTitle:
		inWord := false
		return strings.Map(func(r rune) rune {
			first := !inWord
			inWord = unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || inWord && (r == '\'' || r == '’')
			if first {
				return unicode.ToTitle(r)
			}
			return unicode.ToLower(r)
		}, text)
	default:
		return text
	}
}

// parseDate reads a day in the first layout that fits. Where one is that of plain dates, a point in
// time as RFC 3339 writes it counts for its day, as it is written.
func parseDate(text string, layouts []string) (time.Time, bool) {
	for _, layout := range layouts {
		if day, err := time.Parse(layout, text); err == nil {
			return day, true
		}
		if layout == time.DateOnly {
			if at, err := time.Parse(time.RFC3339, text); err == nil {
				return at, true
			}
		}
	}
	return time.Time{}, false
}
