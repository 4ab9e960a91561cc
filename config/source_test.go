package config

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestLoadMappingSteps(t *testing.T) {
	t.Parallel()
	c := mustLoad(t, oktaBlock+hookBlock+`
mapping:
  title: {from: user.title, case: title, map: {SWE: Software Engineer, "0070": "", "true": "Yes"}, only_mapped: true, default: Employee}
  department: {from: [], join: [user.division, user.department], with: " / "}
  location: {join: [user.city, user.countryCode]}
  language: {from: user.since, date: [DD.MM.YYYY, YYYY-MM-DD], date_as: "MMMM D, YYYY"}
custom_fields:
  - {name: shift, type: choice, choices: [day, night], from: user.shift, map: {T: Day}, default: day}
  - {name: start, type: date, from: user.start, date: MM/DD/YYYY}
  - {name: skills, type: list, join: [user.skills, app.skills], case: lower}
required: [email, custom.start]
`, "OKTASYNC_MAPPING_TITLE_CASE=upper")
	got := c.Tenants[0]
	for field, want := range map[string]Source{
		"title": {
			From: []string{"user.title"}, Case: "upper", Map: map[string]string{"SWE": "Software Engineer", "0070": "", "true": "Yes"},
			OnlyMapped: true, Default: "Employee",
		},
		"department": {From: []string{}, Join: []string{"user.division", "user.department"}, With: " / "},
		"location":   {From: []string{"user.city"}, Join: []string{"user.city", "user.countryCode"}, With: " "},
		"language":   {From: []string{"user.since"}, Dates: []string{"DD.MM.YYYY", "YYYY-MM-DD"}, DateAs: "MMMM D, YYYY"},
	} {
		if diff := cmp.Diff(want, got.Mapping[field]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", field, diff)
		}
	}
	if diff := cmp.Diff([]CustomField{
		{Name: "shift", Type: "choice", Choices: []string{"day", "night"}, Source: Source{From: []string{"user.shift"}, Map: map[string]string{"T": "Day"}, Default: "day"}},
		{Name: "start", Type: "date", Source: Source{From: []string{"user.start"}, Dates: []string{"MM/DD/YYYY"}}},
		{Name: "skills", Type: "list", Source: Source{Join: []string{"user.skills", "app.skills"}, With: " ", Case: "lower"}},
	}, got.CustomFields); diff != "" {
		t.Errorf("custom fields (-want +got):\n%s", diff)
	}
}

// All that is wrong is told at once, each with what may have been meant.
func TestBadMappings(t *testing.T) {
	t.Parallel()
	_, err := load(oktaBlock + hookBlock + `
mapping:
  title: {from: user.title, cas: upper, case: uper, map: [a], date: DD.MM.YY, with: "\t"}
  title: user.other
  email: {lower: true}
  location: {from: [], map: {a: b, A: c, "": d, x: [1], y: }}
  first_name: {from: user.x, with: " "}
custom_fields:
  - {name: a, from: mapping.title, typ: text}
  - {name: b, type: choice, from: user.b, map: {x: nigth}, choices: [day, night], default: dya}
  - {name: b, type: number, from: user.b, default: 0x10, choices: [1]}
  - {name: c, type: boolean, from: user.c, default: "yes", date: YYYY-MM-DD, only_mapped: true}
  - {name: title, from: user.c, regex: ".*"}
`)
	var got []string
	for _, p := range Problems(err) {
		got = append(got, p.Error())
	}
	want := []string{
		"mapping.title.cas (c.yml:5:29): there is no such setting; did you mean mapping.title.case?",
		"mapping.title.map (c.yml:5:58): is not a table; write each value and what stands for it, such as { SWE: Software Engineer }",
		"mapping.title (c.yml:6:3): is given twice; remove one",
		"mapping.email.lower (c.yml:7:11): there is no such setting; allowed here are case, date, date_as, default, from, join, map, only_mapped, with",
		`mapping.title.with (c.yml:5:85): is not a separator; give at most 20 characters, without line breaks`,
		`mapping.title.case (c.yml:5:47): "uper" is not known; give one of lower, upper, title; did you mean upper?`,
		`mapping.title.date (c.yml:5:69): "DD.MM.YY" is not a date format; write the year as YYYY, the month as MM, M, MMM (Jan) or MMMM, the day as DD or D, such as DD.MM.YYYY`,
		`mapping.location.map (c.yml:8:29): "A" is given twice, for case does not count; remove one`,
		`mapping.location.map (c.yml:8:29): has an entry without a value; a blank attribute gets the default`,
		`mapping.location.map (c.yml:8:29): "x": is not a single value; give one text or number`,
		`mapping.location.map (c.yml:8:29): "y" has nothing beside it; give what stands for it, or "" for no value`,
		`custom_fields (c.yml:11:3): entry 1: "typ" is not known here; allowed are name, type, choices, from, join, with, case, map, only_mapped, date, date_as, default; did you mean type?`,
		`custom_fields (c.yml:11:3): entry 1: from: "mapping.title" is not an attribute; give user.<name> from the Okta profile or app.<name> from the app's profile`,
		`custom_fields (c.yml:11:3): entry 2: default: "dya" is not one of the choices; did you mean day?`,
		`custom_fields (c.yml:11:3): entry 2: map: "nigth" is not one of the choices; did you mean night?`,
		`custom_fields (c.yml:11:3): entry 3: choices are given with the type choice, and only with it`,
		`custom_fields (c.yml:11:3): entry 3: default: "0x10" is not a number`,
		`custom_fields (c.yml:11:3): entry 3: the name "b" is used twice; remove one`,
		`custom_fields (c.yml:11:3): entry 4: date goes with the types date and text only`,
		`custom_fields (c.yml:11:3): entry 4: default: "yes" is not true or false`,
		`custom_fields (c.yml:11:3): entry 4: only_mapped has no effect without map; remove it, or add map`,
		`custom_fields (c.yml:11:3): entry 5: "regex" is not known here; allowed are name, type, choices, from, join, with, case, map, only_mapped, date, date_as, default`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestStepsWithoutEffect(t *testing.T) {
	t.Parallel()
	tests := map[string]string{
		"mapping: {title: {with: ', '}}":                                                              "mapping.title: with has no effect without join; remove it, or add join",
		"mapping: {title: {only_mapped: true}}":                                                       "mapping.title: only_mapped has no effect without map; remove it, or add map",
		"mapping: {title: {date_as: DD.MM.YYYY}}":                                                     "mapping.title: date_as has no effect without date; remove it, or add date",
		"mapping: {title: {from: [], case: upper}}":                                                   "mapping.title: has no attribute to begin with; give from or join",
		"mapping: {picture: {default: 'http://a/b.png'}}":                                             `mapping.picture.default (c.yml:3:30): "http://a/b.png" is not an https address`,
		"required: [custom.badge]":                                                                    "required (c.yml:3:11): custom.badge is not declared; add it to custom_fields, or take it off the list",
		"unique: [custom.badge]":                                                                      `unique (c.yml:3:9): custom.badge is not declared; add it to custom_fields, or take it off the list`,
		"unique: [custom.on]\ncustom_fields: [{name: on, type: boolean, from: user.on}]":              `unique (c.yml:3:9): custom.on is of the type boolean, which cannot be unique; take it off the list`,
		"unique: [custom.tags]\ncustom_fields: [{name: tags, type: list, from: user.tags}]":           `unique (c.yml:3:9): custom.tags is of the type list, which cannot be unique; take it off the list`,
		"unique: [custom.badge]\ncustom_fields: [{name: badge, from: user.badge, default: \"0\"}]":    `unique (c.yml:3:9): custom.badge must be unique but has a default, which two people could share; remove it from custom_fields`,
		"custom_fields: [{name: a, type: date, from: user.a, date_as: YYYY-MM-DD, date: YYYY-MM-DD}]": "custom_fields (c.yml:3:16): entry 1: date_as has no effect: a date is kept as YYYY-MM-DD; remove it, or give the type text",
	}
	for content, want := range tests {
		_, err := load(oktaBlock + hookBlock + content + "\n")
		problems := Problems(err)
		if len(problems) != 1 || problems[0].Error() != want {
			t.Errorf("%s\ngot  %v\nwant %s", content, err, want)
		}
	}
}

func TestDateFormats(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, time.March, 7, 0, 0, 0, 0, time.UTC)
	for format, want := range map[string]string{
		"YYYY-MM-DD": "2026-03-07", "DD.MM.YYYY": "07.03.2026", "M/D/YYYY": "3/7/2026", "D MMM YYYY": "7 Mar 2026",
		"MMMM D, YYYY": "March 7, 2026", "YYYYMMDD": "20260307", "YYYY-MM-DD HH:mm:ss": "2026-03-07 00:00:00",
	} {
		if err := checkDateFormat(format); err != nil {
			t.Errorf("%s: %v", format, err)
		}
		if got := day.Format(DateLayout(format)); got != want {
			t.Errorf("%s gives %s, want %s", format, got, want)
		}
	}
	for _, format := range []string{"", "YY-MM-DD", "YYYY", "MM.DD", "2006-01-02", "YYYY-MM-DDZ07:00", "DD.DD.YYYY", "YYYY-MM-DD %d", "yyyy-mm-dd"} {
		if err := checkDateFormat(format); err == nil {
			t.Errorf("%q is taken for a date format", format)
		}
	}
}
