package sync

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
)

func TestSourceSteps(t *testing.T) {
	t.Parallel()
	from := func(s directory.Source) directory.Source { s.From = []string{"user.a", "app.b"}; return s }
	join := directory.Source{Join: []string{"user.a", "user.gone", "app.b"}, With: " / "}
	german := []string{"02.01.2006", "2006-01-02"}
	tests := []struct {
		name   string
		source directory.Source
		a, b   any // user.a and app.b
		want   string
		unfit  directory.Unfit
	}{
		{"pick the first", from(directory.Source{}), "x", "y", "x", ""},
		{"pick the first that is not blank", from(directory.Source{}), " \t", "y", "y", ""},
		{"pick a number as it is written", from(directory.Source{}), 7.0, nil, "7", ""},
		{"pick a list", from(directory.Source{}), []any{"x", nil, "y"}, nil, "x, y", ""},
		{"an object is no value", from(directory.Source{Default: "d"}), map[string]any{"x": "y"}, nil, "d", ""},
		{"default", from(directory.Source{Default: "d"}), nil, nil, "d", ""},
		{"default alone", directory.Source{Default: "d"}, "x", "y", "d", ""},
		{"nothing", directory.Source{}, "x", "y", "", ""},
		{"join without the blank", join, "x", "y", "x / y", ""},
		{"join of one", join, nil, "y", "y", ""},
		{"join of none", join, nil, nil, "", ""},
		{"pick goes before join", directory.Source{From: []string{"app.b"}, Join: []string{"user.a", "user.a"}, With: "-"}, "x", "y", "y", ""},
		{"join when nothing is picked", directory.Source{From: []string{"app.b"}, Join: []string{"user.a", "user.a"}, With: "-"}, "x", nil, "x-x", ""},
		{"lower", from(directory.Source{Case: directory.CaseLower}), "ÄÖ STRASSE Ş", nil, "äö strasse ş", ""},
		{"upper", from(directory.Source{Case: directory.CaseUpper}), "straat ñ", nil, "STRAAT Ñ", ""},
		{"title", from(directory.Source{Case: directory.CaseTitle}), "o'neill-SMITH de la CRUZ 2ND", nil, "O'neill-Smith De La Cruz 2nd", ""},
		{"title of other scripts", from(directory.Source{Case: directory.CaseTitle}), "ДМИТРИЙ 山田 עברית ǆurđa", nil, "Дмитрий 山田 עברית ǅurđa", ""},
		{"map in any case", from(directory.Source{Map: map[string]string{"SWE": "Engineer"}}), " swe ", nil, "Engineer", ""},
		{"map leaves others", from(directory.Source{Map: map[string]string{"SWE": "Engineer"}}), "CEO", nil, "CEO", ""},
		{"map to nothing", from(directory.Source{Map: map[string]string{"n/a": ""}, Default: "d"}), "N/A", nil, "d", ""},
		{"only mapped", from(directory.Source{Map: map[string]string{"SWE": "Engineer"}, OnlyMapped: true, Default: "d"}), "CEO", nil, "d", ""},
		{"map after case", from(directory.Source{Case: directory.CaseUpper, Map: map[string]string{"a": "small"}}), "a", nil, "small", ""},
		{"date", from(directory.Source{Dates: german}), "31.01.2026", nil, "2026-01-31", ""},
		{"date in the second format", from(directory.Source{Dates: german, DateAs: "Jan 2, 2006"}), "2026-01-31", nil, "Jan 31, 2026", ""},
		{"date of a point in time", from(directory.Source{Dates: german}), "2026-01-31T23:59:00.000-08:00", nil, "2026-01-31", ""},
		{"a day that does not exist", from(directory.Source{Dates: german, Default: "d"}), "31.02.2026", nil, "d", directory.UnfitDate},
		{"too long", from(directory.Source{Default: "d"}), strings.Repeat("x", maxText+1), "y", "d", directory.UnfitLong},
		{"just not too long", from(directory.Source{}), strings.Repeat("x", maxText), nil, strings.Repeat("x", maxText), ""},
		{"grown too long", from(directory.Source{Case: directory.CaseUpper}), strings.Repeat("ɐ", maxText/2), nil, "", directory.UnfitLong},
		{"joined too long", join, strings.Repeat("x", maxText-1), "y", "", directory.UnfitLong},
		{"right to left, controls and markup stay", from(directory.Source{}), "\u202eاحمد <b>&\x1b[31m\r\n'--", nil, "\u202eاحمد <b>&\x1b[31m\r\n'--", ""},
		{"what no database keeps goes", from(directory.Source{}), "a\x00b\xff", nil, "ab\uFFFD", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			seen := directory.PersonSeen{Profile: map[string]any{"a": tt.a}, AppProfile: map[string]any{"b": tt.b}}
			s := newSource(tt.source)
			if got, unfit := s.text(&seen); got != tt.want || unfit != tt.unfit {
				t.Errorf("got %q (%s), want %q (%s)", got, unfit, tt.want, tt.unfit)
			}
		})
	}
}

func TestCustomTypes(t *testing.T) {
	t.Parallel()
	field := func(kind directory.CustomType, change ...func(*directory.CustomField)) directory.CustomField {
		c := directory.CustomField{Name: "x", Type: kind, Source: directory.Source{From: []string{"user.x"}}}
		for _, f := range change {
			f(&c)
		}
		return c
	}
	withDefault := func(text string) func(*directory.CustomField) {
		return func(c *directory.CustomField) { c.Default = text }
	}
	sizes := func(c *directory.CustomField) { c.Choices = []string{"Small", "Large"} }
	tests := []struct {
		name  string
		field directory.CustomField
		okta  any
		want  any
		unfit directory.Unfit
	}{
		{"text", field(directory.CustomText), "007", "007", ""},
		{"text of a boolean", field(directory.CustomText), true, "true", ""},
		{"number", field(directory.CustomNumber), 1.5, 1.5, ""},
		{"number in a text", field(directory.CustomNumber), " -1.5e3 ", -1500.0, ""},
		{"a word for a number", field(directory.CustomNumber), "many", nil, directory.UnfitNumber},
		{"infinite", field(directory.CustomNumber), "1e999", nil, directory.UnfitNumber},
		{"not a number", field(directory.CustomNumber), "NaN", nil, directory.UnfitNumber},
		{"hexadecimal", field(directory.CustomNumber), "0x10", nil, directory.UnfitNumber},
		{"a number with a comma", field(directory.CustomNumber), "1,5", nil, directory.UnfitNumber},
		{"a wrong number with a default", field(directory.CustomNumber, withDefault("3")), "many", 3.0, directory.UnfitNumber},
		{"a list for a number", field(directory.CustomNumber), []any{1.0, 2.0}, nil, directory.UnfitNumber},
		{"boolean", field(directory.CustomBoolean), false, false, ""},
		{"boolean in a text", field(directory.CustomBoolean), "TRUE", true, ""},
		{"a number for a boolean", field(directory.CustomBoolean), 1.0, nil, directory.UnfitBoolean},
		{"boolean by map", field(directory.CustomBoolean, func(c *directory.CustomField) { c.Map = map[string]string{"ja": "true"} }), "Ja", true, ""},
		{"date", field(directory.CustomDate), "2026-01-31", "2026-01-31", ""},
		{"date as Okta writes a point in time", field(directory.CustomDate), "2026-01-31T08:00:00.000Z", "2026-01-31", ""},
		{"date in a format", field(directory.CustomDate, func(c *directory.CustomField) { c.Dates = []string{"1/2/2006"} }), "3/7/2026", "2026-03-07", ""},
		{"date that could be two", field(directory.CustomDate), "03/07/2026", nil, directory.UnfitDate},
		{"date by default", field(directory.CustomDate, withDefault("2000-01-01")), nil, "2000-01-01", ""},
		{"choice", field(directory.CustomChoice, sizes), "LARGE", "Large", ""},
		{"another", field(directory.CustomChoice, sizes), "Huge", nil, directory.UnfitChoice},
		{"another with a default", field(directory.CustomChoice, sizes, withDefault("Small")), "Huge", "Small", directory.UnfitChoice},
		{"list", field(directory.CustomList), []any{"go", "", 7.0}, []any{"go", "7"}, ""},
		{"list of one", field(directory.CustomList), "go", []any{"go"}, ""},
		{"empty list", field(directory.CustomList), []any{}, nil, ""},
		{"list by default", field(directory.CustomList, withDefault("x")), nil, []any{"x"}, ""},
		{"list by join", field(directory.CustomList, func(c *directory.CustomField) {
			c.From, c.Join, c.Case = nil, []string{"user.x", "user.y"}, directory.CaseUpper
		}), []any{"a", "b"}, []any{"A", "B", "Y"}, ""},
		{"too many", field(directory.CustomList), make1000(), nil, directory.UnfitLong},
		{"nothing", field(directory.CustomNumber), nil, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			m := newMapper(directory.Rules{Custom: []directory.CustomField{tt.field}})
			p := m.profile(directory.PersonSeen{Profile: map[string]any{"x": tt.okta, "y": "y"}}, directory.Profile{})
			if diff := cmp.Diff(tt.want, p.Custom["x"]); diff != "" || p.Unfit["custom.x"] != tt.unfit {
				t.Errorf("unfit %q, want %q; value (-want +got):\n%s", p.Unfit["custom.x"], tt.unfit, diff)
			}
		})
	}
}

func make1000() []any {
	many := make([]any, 1000)
	for i := range many {
		many[i] = "x"
	}
	return many
}

// Rows 17 to 21: the fields of a person, the picture among them, which is checked and never fetched.
func TestRow21PictureIsAnAddressForBrowsers(t *testing.T) {
	t.Parallel()
	m := newMapper(directory.DefaultRules())
	for text, fits := range map[string]bool{
		"https://pictures.example/ada.png?s=80#x":                     true,
		"https://[2001:db8::1]:8443/ada":                              true,
		"https://bücher.example/ada":                                  true,
		"http://pictures.example/ada.png":                             false,
		"HTTPS://pictures.example/ada.png":                            true,
		"//pictures.example/ada.png":                                  false,
		"javascript:alert(1)":                                         false,
		"data:image/png;base64,AAAA":                                  false,
		"https:javascript:alert(1)":                                   false,
		"https://":                                                    false,
		"https://ada@pictures.example/":                               false,
		"https://ada:secret@pictures.example/":                        false,
		"https://pictures.example/a b":                                false,
		"https://pictures.example/a\tb":                               false,
		"https://pictures.example/%zz":                                false,
		"https://pictures.example/" + strings.Repeat("x", maxPicture): false,
		"pictures.example/ada.png":                                    false,
	} {
		p := m.profile(directory.PersonSeen{Assigned: true, Profile: map[string]any{"profileUrl": text}}, directory.Profile{})
		if fits != (p.Picture == text) || fits != (p.Unfit[directory.FieldPicture] == "") || !fits && p.Picture != "" {
			t.Errorf("%.60q became %.60q (%s)", text, p.Picture, p.Unfit[directory.FieldPicture])
		}
	}
}

// What does not fit is dropped and told, and keeps nobody out.
func TestUnfitValuesStopNobody(t *testing.T) {
	t.Parallel()
	rules := directory.DefaultRules()
	rules.Custom = []directory.CustomField{{Name: "badge", Type: directory.CustomNumber, Source: directory.Source{From: []string{"user.badge"}}}}
	m := newMapper(rules)
	seen := adaSeen(func(s *directory.PersonSeen) {
		s.Profile["profileUrl"], s.Profile["badge"] = "javascript:alert(1)", "many"
	})
	out, err := m.diffPerson(nil, seen)
	if err != nil || out.quarantined != nil || out.change == nil {
		t.Fatalf("decided %+v, %v; want the person to be created", out, err)
	}
	var row directory.Person
	if err := json.Unmarshal(out.change.After, &row); err != nil {
		t.Fatal(err)
	}
	if row.Hash != m.seenHash(seen) {
		t.Error("the full sync would look at the row again each night")
	}
	var told []string
	for _, f := range out.change.Fields {
		if strings.HasPrefix(f.Field, "unfit.") {
			told = append(told, f.Field+" "+f.After.(string))
		}
	}
	if diff := cmp.Diff([]string{"unfit.custom.badge not_a_number", "unfit.picture not_https"}, told); diff != "" {
		t.Errorf("told (-want +got):\n%s", diff)
	}
	profile, err := json.Marshal(row.Profile)
	if err != nil || strings.Contains(string(profile), "javascript") || strings.Contains(string(profile), "many") {
		t.Errorf("the profile keeps what does not fit: %s (%v)", profile, err)
	}

	m.rules.Required = append(m.rules.Required, directory.CustomOf("badge"))
	out, err = m.diffPerson(nil, seen)
	if err != nil || out.quarantined == nil || out.change != nil {
		t.Fatalf("decided %+v, %v; want the person in quarantine: the badge is required", out, err)
	}
	want := "Okta has no custom.badge for this person, and the rules require it; fill it in in Okta, or change the mapping or the list of required fields; the custom.badge that Okta has is not a number"
	if out.quarantined.Reason != want {
		t.Errorf("the reason is\n%s\nwant\n%s", out.quarantined.Reason, want)
	}
}

// TestMappingIsPureTotalAndBounded: whatever Okta sends and the rules say, mapping ends, gives the same each
// time, changes nothing, and its results are what JSON and the databases can hold.
func TestMappingIsPureTotalAndBounded(t *testing.T) {
	t.Parallel()
	for seed := range uint64(300) {
		r := rand.New(rand.NewPCG(seed, 16))
		rules, seen := randomRules(r), randomSeen(r)
		before, err := json.Marshal(seen)
		if err != nil {
			t.Fatal(err)
		}
		m := newMapper(rules)
		first, second := m.profile(seen, directory.Profile{}), newMapper(rules).profile(seen, directory.Profile{})
		if diff := cmp.Diff(first, second); diff != "" {
			t.Fatalf("seed %d: two evaluations differ:\n%s", seed, diff)
		}
		if after, _ := json.Marshal(seen); string(after) != string(before) {
			t.Fatalf("seed %d: mapping changed what was seen", seed)
		}
		text, err := json.Marshal(first)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		var again directory.Profile
		if err := json.Unmarshal(text, &again); err != nil || !reflect.DeepEqual(first, again) {
			t.Fatalf("seed %d: a plan that is stored and read is another (%v):\n%s", seed, err, cmp.Diff(first, again))
		}
		for _, f := range m.fields {
			if value, isText := valueIn(&first, f.field).(string); isText && (len(value) > maxText || !utf8.ValidString(value) || strings.Contains(value, "\x00")) {
				t.Fatalf("seed %d: %s has %d bytes, or what no database keeps", seed, f.field, len(value))
			}
		}
	}
}

func randomText(r *rand.Rand) string {
	pieces := []string{
		"a", "Zoë ", "\u202e", "山", "<script>", "\x00", "\xff", "\x1b[2J", "ǆ", "ß", "2026-01-31", "31.01.2026", "true", "1e9", "\n", "عربى",
		strings.Repeat("x", 3000), "👩‍👩‍👧", "https://", "'; drop table people; --",
	}
	var text strings.Builder
	for range r.IntN(4) {
		text.WriteString(pieces[r.IntN(len(pieces))])
	}
	return text.String()
}

func randomValue(r *rand.Rand, depth int) any {
	switch r.IntN(8) {
	case 0:
		return nil
	case 1:
		return r.IntN(2) == 0
	case 2:
		return r.NormFloat64() * 1e6
	case 3:
		return map[string]any{"a": randomText(r)}
	case 4:
		if depth == 0 {
			return []any{}
		}
		var list []any
		for range r.IntN(5) {
			list = append(list, randomValue(r, depth-1))
		}
		return list
	default:
		return randomText(r)
	}
}

func randomSeen(r *rand.Rand) directory.PersonSeen {
	seen := directory.PersonSeen{ID: "00u1", Exists: true, Assigned: true, Profile: map[string]any{}, AppProfile: map[string]any{}}
	for _, name := range []string{"a", "b", "c", "d"} {
		seen.Profile[name], seen.AppProfile[name] = randomValue(r, 2), randomValue(r, 2)
	}
	return seen
}

func randomRules(r *rand.Rand) directory.Rules {
	names := []string{"user.a", "user.b", "user.c", "user.gone", "app.a", "app.d", "app.userName"}
	some := func() []string {
		var chosen []string
		for range r.IntN(4) {
			chosen = append(chosen, names[r.IntN(len(names))])
		}
		return chosen
	}
	random := func() directory.Source {
		s := directory.Source{From: some(), Join: some(), With: ", ", OnlyMapped: r.IntN(8) == 0}
		s.Case = []directory.TextCase{"", directory.CaseLower, directory.CaseUpper, directory.CaseTitle}[r.IntN(4)]
		if r.IntN(3) == 0 {
			s.Map = map[string]string{"true": "false", "a": "https://x.example", "山": ""}
		}
		if r.IntN(4) == 0 {
			s.Dates = []string{"02.01.2006", "2006-01-02"}
		}
		return s
	}
	rules := directory.Rules{Mapping: map[directory.Field]directory.Source{}}
	for _, f := range directory.Fields() {
		rules.Mapping[f] = random()
	}
	for _, kind := range []directory.CustomType{
		directory.CustomText, directory.CustomNumber, directory.CustomBoolean, directory.CustomDate, directory.CustomList, directory.CustomChoice,
	} {
		rules.Custom = append(rules.Custom, directory.CustomField{Name: string(kind), Type: kind, Choices: []string{"a", "true"}, Source: random()})
	}
	return rules
}

func BenchmarkMapPerson(b *testing.B) {
	rules := directory.DefaultRules()
	rules.Mapping[directory.FieldTitle] = directory.Source{From: []string{"app.title", "user.title"}, Case: directory.CaseTitle, Map: map[string]string{"swe": "Engineer"}}
	rules.Mapping[directory.FieldDepartment] = directory.Source{Join: []string{"user.division", "user.department"}, With: " / "}
	for _, kind := range []directory.CustomType{
		directory.CustomText, directory.CustomNumber, directory.CustomBoolean, directory.CustomDate, directory.CustomList, directory.CustomChoice,
	} {
		rules.Custom = append(rules.Custom, directory.CustomField{Name: string(kind), Type: kind, Choices: []string{"day", "night"}, Source: directory.Source{From: []string{"user." + string(kind)}}})
	}
	m := newMapper(rules)
	seen := directory.PersonSeen{
		ID: "00u1", Exists: true, Assigned: true, AppProfile: map[string]any{"title": "senior engineer"},
		Profile: map[string]any{
			"firstName": "Ada", "lastName": "Lovelace", "email": "ada@example.com", "login": "ada@example.com", "profileUrl": "https://pictures.example/ada.png",
			"locale": "en_GB", "city": "London", "division": "Research", "department": "Engines", "employeeNumber": "1815", "managerId": "charles@example.com",
			"text": "x", "number": "36", "boolean": true, "date": "2026-01-31", "list": []any{"looms", "engines"}, "choice": "Day",
		},
	}
	b.ReportAllocs()
	for b.Loop() {
		if p := m.profile(seen, directory.Profile{}); p.FirstName != "Ada" || len(p.Custom) != 6 {
			b.Fatal("not mapped")
		}
	}
}
