package config

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Source says where a profile field comes from, step by step: the first of the attributes
// that has a value, else several together; the case; a table; a date; else the default.
type Source struct {
	From       []string
	Join       []string
	With       string // between the parts of Join
	Case       string // lower, upper, title, or empty
	Map        map[string]string
	OnlyMapped bool
	Dates      []string // formats such as DD.MM.YYYY
	DateAs     string   // the format of the result; empty: YYYY-MM-DD
	Default    string
}

// attributes lists what the source reads.
func (s Source) attributes() []string { return slices.Concat(s.From, s.Join) }

// isEmpty says whether it never has a value.
func (s Source) isEmpty() bool { return len(s.attributes()) == 0 && s.Default == "" }

// sourcePart is one step of a source.
type sourcePart struct {
	key string
	doc string // what it does; %s is what the field holds
	field
	setIn  func(*Source, input) error
	showIn func(Source) string
}

// sourceParts lists the steps in the order in which they are read.
func sourceParts() []sourcePart {
	attributes := func(at func(target) *[]string) field { return listField(at, 10, checkMapped) }
	all := []sourcePart{
		stepOf("from", "The attributes that hold %s, best first. [] leaves it empty.",
			attributes, func(s *Source) *[]string { return &s.From }),
		stepOf("join", "Attributes that are put together as %s when none of from has a value. Blank ones are left out.",
			attributes, func(s *Source) *[]string { return &s.Join }),
		stepOf("with", "What stands between the parts of join: one space, if this is not set.",
			separatorField, func(s *Source) *string { return &s.With }),
		stepOf("case", "Changes the letters of %s: lower, upper, or title, where each word begins with a capital.",
			func(at func(target) *string) field { return choiceField(at, "lower", "upper", "title") }, func(s *Source) *string { return &s.Case }),
		stepOf("map", "A table of values that Okta has, in any case, and what stands for each.",
			pairsField, func(s *Source) *map[string]string { return &s.Map }),
		stepOf("only_mapped", "Takes what map does not list as no value. Otherwise it stays as it is.",
			switchField, func(s *Source) *bool { return &s.OnlyMapped }),
		stepOf("date", "Formats in which Okta has a date, such as DD.MM.YYYY. What is in none of them is reported and left out.",
			func(at func(target) *[]string) field { return listField(at, 5, checkDateFormat) }, func(s *Source) *[]string { return &s.Dates }),
		stepOf("date_as", "The format of the result of date: YYYY-MM-DD, if this is not set.",
			func(at func(target) *string) field { return textField(at, checkDateFormat) }, func(s *Source) *string { return &s.DateAs }),
		stepOf("default", "Used for %s when there is no value, or none that fits.",
			func(at func(target) *string) field { return textField(at, nil) }, func(s *Source) *string { return &s.Default }),
	}
	join := all[1].setIn
	all[1].setIn = func(s *Source, in input) error {
		s.With = " " // which comes next, and may be another
		return join(s, in)
	}
	return all
}

// stepOf makes a part of a kind of field.
func stepOf[T any](key, doc string, kind func(func(target) *T) field, of func(*Source) *T) sourcePart {
	return sourcePart{
		key: key, doc: doc, field: kind(nil),
		setIn:  func(s *Source, in input) error { return kind(func(target) *T { return of(s) }).set(target{}, in) },
		showIn: func(s Source) string { return kind(func(target) *T { return of(&s) }).show(target{}) },
	}
}

// separatorField is a short text that may be made of spaces.
func separatorField(at func(target) *string) field {
	return field{
		kind: "text",
		set: func(t target, in input) error {
			if utf8.RuneCountInString(in.text) > 20 || strings.ContainsFunc(in.text, unicode.IsControl) {
				return errors.New("is not a separator; give at most 20 characters, without line breaks")
			}
			*at(t) = in.text
			return nil
		},
		show: func(t target) string { return *at(t) },
	}
}

// pairsField is a table of texts and what stands for them.
func pairsField(at func(target) *map[string]string) field {
	const most = 1000
	return field{
		kind: "table", object: true, pairs: true,
		set: func(t target, in input) error {
			pairs, seen := map[string]string{}, map[string]bool{}
			var all []error
			for _, e := range in.node.entries {
				value, err := scalars(e.value, false)
				folded := strings.ToLower(strings.TrimSpace(e.key))
				switch {
				case err != nil:
					err = fmt.Errorf("%s: %w", quote(e.key), err)
				case value == nil:
					err = fmt.Errorf("%s has nothing beside it; give what stands for it, or \"\" for no value", quote(e.key))
				case folded == "":
					err = errors.New("has an entry without a value; a blank attribute gets the default")
				case seen[folded]:
					err = fmt.Errorf("%s is given twice, for case does not count; remove one", quote(e.key))
				default:
					err = cleanText(value[0])
				}
				if seen[folded] = true; err != nil {
					all = append(all, err)
					continue
				}
				pairs[e.key] = value[0]
			}
			if len(in.node.entries) > most {
				all = append(all, fmt.Errorf("has %d entries; give at most %d", len(in.node.entries), most))
			}
			*at(t) = pairs
			return errors.Join(all...)
		},
		show: func(t target) string {
			if len(*at(t)) == 0 {
				return ""
			}
			var shown []string
			for _, key := range slices.Sorted(maps.Keys(*at(t))) {
				shown = append(shown, key+": "+(*at(t))[key])
			}
			return "{" + strings.Join(shown, ", ") + "}"
		},
	}
}

// dateTokens are the parts of a date format with those of Go's layouts, longer ones first.
func dateTokens() [][2]string {
	return [][2]string{
		{"YYYY", "2006"}, {"MMMM", "January"}, {"MMM", "Jan"}, {"MM", "01"}, {"M", "1"}, {"DD", "02"}, {"D", "2"},
		{"HH", "15"}, {"mm", "04"}, {"ss", "05"},
	}
}

// DateLayout turns a format such as DD.MM.YYYY into a layout of package time. Empty stays empty.
func DateLayout(format string) string {
	var layout strings.Builder
next:
	for rest := format; rest != ""; {
		for _, token := range dateTokens() {
			if after, found := strings.CutPrefix(rest, token[0]); found {
				layout.WriteString(token[1])
				rest = after
				continue next
			}
		}
		layout.WriteByte(rest[0])
		rest = rest[1:]
	}
	return layout.String()
}

func checkDateFormat(format string) error {
	left := format
	for _, token := range dateTokens() {
		left = strings.Replace(left, token[0], "", 1)
	}
	// A day that is written and read again is the same: what repeats or lacks a part fails.
	day := time.Date(2026, time.November, 23, 0, 0, 0, 0, time.UTC)
	again, err := time.Parse(DateLayout(format), day.Format(DateLayout(format)))
	if err != nil || strings.Trim(left, " -/.,:") != "" || !again.Equal(day) {
		return fmt.Errorf("%s is not a date format; write the year as YYYY, the month as MM, M, MMM (Jan) or MMMM, the day as DD or D, such as DD.MM.YYYY", quote(format))
	}
	return nil
}

// checkSource tells steps that do nothing: whoever wrote them believes that they do.
func checkSource(s Source, with bool) []error {
	var all []error
	lacks := func(key, other string) {
		all = append(all, fmt.Errorf("%s has no effect without %s; remove it, or add %s", key, other, other))
	}
	if with && len(s.Join) == 0 {
		lacks("with", "join")
	}
	if s.OnlyMapped && len(s.Map) == 0 {
		lacks("only_mapped", "map")
	}
	if s.DateAs != "" && len(s.Dates) == 0 {
		lacks("date_as", "date")
	}
	if len(s.attributes()) == 0 && (s.Case != "" || len(s.Map) > 0 || len(s.Dates) > 0) {
		all = append(all, errors.New("has no attribute to begin with; give from or join"))
	}
	return all
}
