package sync

import (
	"math"
	"net/url"
	"strconv"
	"strings"
	"unicode"

	"github.com/oktasync/oktasync/directory"
)

// maxPicture is the length of a picture's address at most, in bytes.
const maxPicture = 2048

// value returns what the rule makes of somebody's attributes, nil for nothing, and why what Okta
// has does not fit. What is not of the field's type is never bent into it.
func (r *rule) value(seen *directory.PersonSeen) (any, directory.Unfit) {
	if r.kind == directory.CustomList {
		items, unfit := r.items(seen)
		if len(items) == 0 {
			return nil, unfit
		}
		return items, unfit
	}
	text, unfit := r.text(seen)
	value, why := r.typed(text)
	if why == "" {
		return value, unfit
	}
	if r.def != "" && r.def != text {
		value, _ = r.typed(r.def)
	}
	return value, why
}

// typed is a text as a value of the rule's type; nil when it is none.
func (r *rule) typed(text string) (any, directory.Unfit) {
	if text == "" {
		return nil, ""
	}
	switch r.kind {
	case directory.CustomNumber:
		// Neither hexadecimal nor infinite: JSON has neither.
		n, err := strconv.ParseFloat(text, 64)
		if err != nil || strings.Trim(text, "+-.0123456789eE") != "" || math.IsInf(n, 0) {
			return nil, directory.UnfitNumber
		}
		return n, ""
	case directory.CustomBoolean:
		switch directory.Fold(text) {
		case "true":
			return true, ""
		case "false":
			return false, ""
		default:
			return nil, directory.UnfitBoolean
		}
	case directory.CustomChoice:
		choice, declared := r.choices[directory.Fold(text)]
		if !declared {
			return nil, directory.UnfitChoice
		}
		return choice, ""
	}
	if r.field == directory.FieldPicture && !isPicture(text) {
		return nil, directory.UnfitPicture
	}
	return text, ""
}

// isPicture says whether a text is an address that a browser may be given as a picture's: https,
// with a host, without a user's name. Nobody asks what is there.
func isPicture(text string) bool {
	if len(text) > maxPicture || strings.ContainsFunc(text, func(r rune) bool { return unicode.IsControl(r) || unicode.IsSpace(r) }) {
		return false
	}
	address, err := url.Parse(text)
	return err == nil && address.Scheme == "https" && address.Hostname() != "" && address.User == nil
}
