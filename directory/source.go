package directory

import (
	"maps"
	"slices"
	"strings"
)

// Source is where a field's value comes from: a chain of steps in a fixed order, each of which may
// be left out. Pick, join, change the case, map, read as a date, default.
type Source struct {
	// From lists attributes in order of preference: "user.<name>" of the Okta
	// user profile, "app.<name>" of the app-user profile, or "app.userName".
	// The first that is not blank wins.
	From []string
	// Join lists attributes that are put together when none of From has a value. Blank ones are
	// left out, With stands between the others.
	Join []string
	With string
	Case TextCase
	// Map replaces texts, whatever their case. OnlyMapped takes what is not in it as no value.
	Map        map[string]string
	OnlyMapped bool
	// Dates are layouts of package time in which the text may be; DateAs is that of the result.
	Dates  []string
	DateAs string
	// Default is used when there is no value, or none that fits.
	Default string
	// Place is where the rule was set, in words; empty for a default, and when that is not known.
	Place string `json:"-"`
}

// Empty says whether the source can never have a value.
func (s Source) Empty() bool { return len(s.From) == 0 && len(s.Join) == 0 && s.Default == "" }

// TextCase is the case that a text is changed to. Empty: it stays as it is.
type TextCase string

// The cases.
const (
	CaseLower TextCase = "lower"
	CaseUpper TextCase = "upper"
	CaseTitle TextCase = "title" // the first letter of each word is a capital, the others are small
)

// CustomType is the type of a custom field.
type CustomType string

// The types of custom fields.
const (
	CustomText    CustomType = "text"
	CustomNumber  CustomType = "number"
	CustomBoolean CustomType = "boolean"
	CustomDate    CustomType = "date" // YYYY-MM-DD
	CustomList    CustomType = "list" // of texts
	CustomChoice  CustomType = "choice"
)

// CustomField declares a custom attribute. What is not declared is ignored.
type CustomField struct {
	Name    string
	Type    CustomType
	Choices []string // for CustomChoice: the values that there are
	Source
}

// CustomOf is the name of a custom field where it stands beside profile fields, as in the history:
// "custom.<name>".
func CustomOf(name string) Field { return Field(customField + name) }

// Custom returns the name of the custom field that f names; false when it is a profile field.
func (f Field) Custom() (string, bool) { return strings.CutPrefix(string(f), customField) }

// Unfit says why a value that Okta has is not taken over. The value itself is kept nowhere.
type Unfit string

// The reasons.
const (
	UnfitLong    Unfit = "too_long"
	UnfitNumber  Unfit = "not_a_number"
	UnfitBoolean Unfit = "not_a_boolean"
	UnfitDate    Unfit = "not_a_date"
	UnfitChoice  Unfit = "not_a_choice"
	UnfitPicture Unfit = "not_https"
)

// Words says the reason in a sentence's words: "the value in Okta …".
func (u Unfit) Words() string {
	switch u {
	case UnfitLong:
		return "is too long"
	case UnfitNumber:
		return "is not a number"
	case UnfitBoolean:
		return "is neither true nor false"
	case UnfitDate:
		return "is not a date in a format that the rule names"
	case UnfitChoice:
		return "is none of the declared choices"
	case UnfitPicture:
		return "is not an https address"
	default:
		return "does not fit (" + string(u) + ")"
	}
}

// What the names of fields of a change begin with that tell of Profile.Unfit and Profile.Emptied.
const (
	UnfitField   = "unfit."
	EmptiedField = "emptied."
)

// setNote writes what such a field of a change tells. It returns false when the field is another.
func (p *Profile) setNote(field string, value any) bool {
	if of, is := strings.CutPrefix(field, UnfitField); is {
		p.Unfit = maps.Clone(p.Unfit) // other states may share it
		why, _ := value.(string)
		switch {
		case why == "":
			delete(p.Unfit, Field(of))
		case p.Unfit == nil:
			p.Unfit = map[Field]Unfit{Field(of): Unfit(why)}
		default:
			p.Unfit[Field(of)] = Unfit(why)
		}
		return true
	}
	of, is := strings.CutPrefix(field, EmptiedField)
	if !is {
		return false
	}
	p.Emptied = slices.DeleteFunc(slices.Clone(p.Emptied), func(f Field) bool { return f == Field(of) })
	if value != nil {
		p.Emptied = append(p.Emptied, Field(of))
		slices.Sort(p.Emptied)
	}
	return true
}
