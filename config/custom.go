package config

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// CustomField is a custom attribute of the directory.
type CustomField struct {
	Name    string
	Type    string   // one of customTypes
	Choices []string // for the type choice
	Source
}

func customTypes() []string { return []string{"text", "number", "boolean", "date", "list", "choice"} }

func customFieldsField() field {
	return field{
		kind:   "list of name, type, choices, and the steps of a mapping",
		object: true,
		set: func(t target, in input) error {
			list := []CustomField{}
			var all []error
			for i, item := range in.node.items {
				custom, problems := newCustomField(item)
				if slices.ContainsFunc(list, func(o CustomField) bool { return o.Name == custom.Name }) {
					problems = append(problems, fmt.Errorf("the name %s is used twice; remove one", quote(custom.Name)))
				}
				for _, err := range problems {
					all = append(all, fmt.Errorf("entry %d: %w", i+1, err))
				}
				list = append(list, custom)
			}
			t.tenant.CustomFields = list
			return errors.Join(all...)
		},
		show: func(t target) string {
			var shown []string
			for _, c := range t.tenant.CustomFields {
				shown = append(shown, c.Name+" ("+c.Type+") from "+strings.Join(c.attributes(), ", "))
			}
			return "[" + strings.Join(shown, "; ") + "]"
		},
	}
}

// newCustomField reads one entry, and says all that is wrong with it.
func newCustomField(item *node) (CustomField, []error) {
	custom := CustomField{Type: "text"}
	if item.kind != mapNode {
		return custom, []error{errors.New("is not of the form { name: …, type: …, from: … }")}
	}
	known := []string{"name", "type", "choices"}
	for _, part := range sourceParts() {
		known = append(known, part.key)
	}
	var all []error
	given := map[string]*node{}
	for _, e := range item.entries {
		switch {
		case !slices.Contains(known, e.key):
			all = append(all, fmt.Errorf("%s is not known here; allowed are %s%s", quote(e.key), strings.Join(known, ", "), didYouMean(e.key, known)))
		case given[e.key] != nil:
			all = append(all, fmt.Errorf("%s is given twice; remove one", e.key))
		case e.value.kind != nullNode:
			given[e.key] = e.value
		}
	}
	read := func(key string, several bool) []string {
		if given[key] == nil {
			return nil
		}
		values, err := scalars(given[key], several)
		if err != nil {
			all = append(all, fmt.Errorf("%s: %w", key, err))
		}
		return values
	}
	custom.Name, custom.Choices = first(read("name", false)), read("choices", true)
	if text := first(read("type", false)); text != "" {
		custom.Type = text
	}
	for _, part := range sourceParts() {
		if n := given[part.key]; n != nil {
			if err := part.readIn(&custom.Source, n); err != nil {
				all = append(all, fmt.Errorf("%s: %w", part.key, err))
			}
		}
	}
	if len(all) > 0 {
		return custom, all
	}
	all = append(custom.check(), checkSource(custom.Source, given["with"] != nil)...)
	return custom, all
}

// readIn takes the part's value from the file.
func (p sourcePart) readIn(s *Source, n *node) error {
	in := input{node: n}
	if p.pairs && n.kind != mapNode {
		return errNotPairs
	}
	if !p.object {
		texts, err := scalars(n, p.list)
		if err != nil {
			return err
		}
		in = input{text: first(texts), list: texts, isList: p.list}
	}
	return p.setIn(s, in)
}

var errNotPairs = errors.New("is not a table; write each value and what stands for it, such as { SWE: Software Engineer }")

func (c CustomField) check() []error {
	var all []error
	add := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	switch {
	case !customName.MatchString(c.Name):
		add("%s is not a name; give 1 to 63 letters, digits or underscores, beginning with a letter", quote(c.Name))
	case slices.Contains(fields(), c.Name):
		add("%s is a profile field; map it under mapping.%s", c.Name, c.Name)
	}
	if err := oneOf(customTypes()...)(c.Type); err != nil {
		add("type: %w", err)
		return all
	}
	if (c.Type == "choice") != (len(c.Choices) > 0) {
		add("choices are given with the type choice, and only with it")
	}
	if c.DateAs != "" && c.Type == "date" {
		add("date_as has no effect: a date is kept as YYYY-MM-DD; remove it, or give the type text")
	}
	if len(c.Dates) > 0 && c.Type != "date" && c.Type != "text" {
		add("date goes with the types date and text only")
	}
	seen := map[string]bool{}
	for _, choice := range c.Choices {
		folded := strings.ToLower(strings.TrimSpace(choice))
		if err := cleanText(choice); err != nil || folded == "" || seen[folded] {
			add("choices: %s is blank, not plain text, or there twice", quote(choice))
		}
		seen[folded] = true
	}
	if len(c.Choices) > 500 {
		add("choices has %d entries; give at most 500", len(c.Choices))
	}
	all = append(all, c.checkValues(seen)...)
	return all
}

// checkValues checks what the rule itself brings in: the default and the results of the table.
func (c CustomField) checkValues(choices map[string]bool) []error {
	var all []error
	fits := func(key, value string) {
		wrong := ""
		switch c.Type {
		case "number":
			if _, err := strconv.ParseFloat(value, 64); err != nil || strings.Trim(value, "+-.0123456789eE") != "" {
				wrong = "a number"
			}
		case "boolean":
			if value != "true" && value != "false" {
				wrong = "true or false"
			}
		case "date":
			if _, err := time.Parse(time.DateOnly, value); err != nil && (key == "default" || len(c.Dates) == 0) {
				wrong = "a date such as 2026-01-31"
			}
		case "choice":
			if !choices[strings.ToLower(strings.TrimSpace(value))] {
				wrong = "one of the choices"
			}
		}
		if wrong != "" {
			all = append(all, fmt.Errorf("%s: %s is not %s%s", key, quote(value), wrong, didYouMean(value, c.Choices)))
		}
	}
	if c.Default != "" {
		fits("default", c.Default)
	}
	for _, to := range sortedValues(c.Map) {
		if to != "" {
			fits("map", to)
		}
	}
	return all
}

func sortedValues(table map[string]string) []string {
	var values []string
	for _, value := range table {
		values = append(values, value)
	}
	slices.Sort(values)
	return slices.Compact(values)
}
