package config

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"
)

// target is what a setting is written to.
type target struct {
	config *Config
	tenant *Tenant // nil for settings of the installation
}

// input is the value of a setting before it is read, whatever its origin.
type input struct {
	text   string   // a single value
	list   []string // several values; files and items of secrets are read already
	isList bool
	node   *node // set for lists of objects in the file
}

// values are the input's values as a list.
func (in input) values() []string {
	if in.isList {
		return in.list
	}
	return []string{in.text}
}

// field reads and shows one setting. Its errors say what is wrong and what is
// allowed, and never repeat a secret.
type field struct {
	kind   string // as the documentation calls it
	secret bool
	list   bool // takes several values
	object bool // takes a list of objects, from the file only unless it is also a list
	short  bool // an object that takes a single text in place of the list
	pairs  bool // an object that takes a group of names with a value each
	set    func(target, input) error
	show   func(target) string
}

func textField(at func(target) *string, check func(string) error) field {
	return field{
		kind: "text",
		set: func(t target, in input) error {
			if err := cleanText(in.text); err != nil {
				return err
			}
			if in.text != "" && check != nil {
				if err := check(in.text); err != nil {
					return err
				}
			}
			*at(t) = in.text
			return nil
		},
		show: func(t target) string { return *at(t) },
	}
}

// cleanText refuses what can only be an accident: control characters, and spaces at
// the ends.
func cleanText(value string) error {
	if strings.ContainsFunc(value, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		return errors.New("holds a line break or another control character; give one line of plain text")
	}
	if strings.TrimSpace(value) != value {
		return errors.New("begins or ends with a space; remove it")
	}
	return nil
}

func choiceField(at func(target) *string, allowed ...string) field {
	f := textField(at, oneOf(allowed...))
	f.kind = "one of " + strings.Join(allowed, ", ")
	return f
}

func oneOf(allowed ...string) func(string) error {
	return func(value string) error {
		if slices.Contains(allowed, value) {
			return nil
		}
		return fmt.Errorf("%s is not known; give one of %s%s", quote(value), strings.Join(allowed, ", "), didYouMean(value, allowed))
	}
}

func switchField(at func(target) *bool) field {
	return field{
		kind: "true or false",
		set: func(t target, in input) error {
			switch in.text {
			case "true":
				*at(t) = true
			case "false":
				*at(t) = false
			default:
				return fmt.Errorf("%s is neither true nor false", quote(in.text))
			}
			return nil
		},
		show: func(t target) string { return strconv.FormatBool(*at(t)) },
	}
}

func countField(at func(target) *int, least, most int) field {
	return field{
		kind: fmt.Sprintf("number from %d to %d", least, most),
		set: func(t target, in input) error {
			n, err := strconv.Atoi(in.text)
			if err != nil || n < least || n > most {
				return fmt.Errorf("%s is not a whole number from %d to %d", quote(in.text), least, most)
			}
			*at(t) = n
			return nil
		},
		show: func(t target) string { return strconv.Itoa(*at(t)) },
	}
}

func fractionField(at func(target) *float64, least, most float64) field {
	return field{
		kind: fmt.Sprintf("fraction from %g to %g", least, most),
		set: func(t target, in input) error {
			n, err := strconv.ParseFloat(in.text, 64)
			// Written this way round, NaN is refused as well.
			if err != nil || !(n >= least && n <= most) {
				return fmt.Errorf("%s is not a fraction from %g to %g, such as 0.5", quote(in.text), least, most)
			}
			*at(t) = n
			return nil
		},
		show: func(t target) string { return strconv.FormatFloat(*at(t), 'g', -1, 64) },
	}
}

func durationField(at func(target) *time.Duration, least, most time.Duration) field {
	return field{
		kind: fmt.Sprintf("duration from %s to %s", showDuration(least), showDuration(most)),
		set: func(t target, in input) error {
			d, err := parseDuration(in.text)
			if err != nil {
				return fmt.Errorf("%s is not a duration; give a number with a unit, such as 50ms, 30s, 15m, 12h or 30d", quote(in.text))
			}
			if d < least || d > most {
				return fmt.Errorf("%s is out of range; give a duration from %s to %s", in.text, showDuration(least), showDuration(most))
			}
			*at(t) = d
			return nil
		},
		show: func(t target) string { return showDuration(*at(t)) },
	}
}

// forever is how a setting of keepField says that nothing is deleted.
const forever = "forever"

// keepField is a duration after which things are deleted. Zero stands for never.
func keepField(at func(target) *time.Duration, least, most time.Duration) field {
	f := durationField(at, least, most)
	limited, shown := f.set, f.show
	f.kind = forever + ", or a " + f.kind
	f.set = func(t target, in input) error {
		if in.text == forever {
			*at(t) = 0
			return nil
		}
		if err := limited(t, in); err != nil {
			return fmt.Errorf("%w, or %s", err, forever)
		}
		return nil
	}
	f.show = func(t target) string {
		if *at(t) == 0 {
			return forever
		}
		return shown(t)
	}
	return f
}

func levelField(at func(target) *slog.Level) field {
	allowed := []string{"debug", "info", "warn", "error"}
	return field{
		kind: "one of " + strings.Join(allowed, ", "),
		set: func(t target, in input) error {
			if err := oneOf(allowed...)(in.text); err != nil {
				return err
			}
			return at(t).UnmarshalText([]byte(in.text))
		},
		show: func(t target) string { return strings.ToLower(at(t).String()) },
	}
}

// listField takes several texts. Doubles are refused: they are slips of the hand that hide
// what was meant.
func listField(at func(target) *[]string, most int, check func(string) error) field {
	return field{
		kind: "list",
		list: true,
		set: func(t target, in input) error {
			seen := map[string]bool{}
			var all []error
			list := []string{}
			for _, value := range in.values() {
				err := cleanText(value)
				if err == nil && value == "" {
					err = errors.New("an entry is empty; remove it")
				}
				if err == nil && check != nil {
					err = check(value)
				}
				if err == nil && seen[value] {
					err = fmt.Errorf("%s is listed twice; remove one", quote(value))
				}
				if err != nil {
					all = append(all, err)
					continue
				}
				seen[value] = true
				list = append(list, value)
			}
			if len(in.values()) > most {
				all = append(all, fmt.Errorf("has %d entries; give at most %d", len(in.values()), most))
			}
			if len(all) > 0 {
				return errors.Join(all...)
			}
			*at(t) = list
			return nil
		},
		show: func(t target) string { return showList(*at(t)) },
	}
}

func showList(values []string) string { return "[" + strings.Join(values, ", ") + "]" }

func secretField(at func(target) *Secret, check func(string) error) field {
	return field{
		kind:   "text",
		secret: true,
		set: func(t target, in input) error {
			if check != nil {
				if err := check(in.text); err != nil {
					return err
				}
			}
			*at(t) = NewSecret(in.text)
			return nil
		},
		show: func(t target) string {
			if !at(t).IsSet() {
				return ""
			}
			return redacted
		},
	}
}

func secretsField(at func(target) *[]Secret, most int, check func(string) error) field {
	return field{
		kind:   "list",
		secret: true,
		list:   true,
		set: func(t target, in input) error {
			var secrets []Secret
			for _, value := range in.values() {
				if err := check(value); err != nil {
					return err
				}
				secret := NewSecret(value)
				if slices.ContainsFunc(secrets, secret.Equal) {
					return errors.New("holds the same secret twice; remove one")
				}
				secrets = append(secrets, secret)
			}
			if len(secrets) > most {
				return fmt.Errorf("has %d secrets; give one, or up to %d while you replace the old one", len(secrets), most)
			}
			*at(t) = secrets
			return nil
		},
		show: func(t target) string {
			shown := make([]string, 0, len(*at(t)))
			for range *at(t) {
				shown = append(shown, redacted)
			}
			return strings.Join(shown, ", ")
		},
	}
}

// urlField takes an address that may hold a password, so no error repeats it.
func urlField(at func(target) *URL, check func(string) error) field {
	return field{
		kind: "address",
		set: func(t target, in input) error {
			if err := check(in.text); err != nil {
				return err
			}
			*at(t) = NewURL(in.text)
			return nil
		},
		show: func(t target) string { return at(t).String() },
	}
}
