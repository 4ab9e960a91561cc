package okta

import (
	"fmt"
	"net/url"
	"strings"
	"unicode"

	"github.com/oktasync/oktasync/directory"
)

// segment returns an Okta id as a path segment. Ids are opaque and case sensitive; those
// seen have 20 letters and digits. Anything that could change the
// path is refused rather than escaped: it is not an id.
func segment(kind, id string) (string, error) {
	switch {
	case id == "":
		return "", terminalf("%s id is empty, so nothing was read", kind)
	case id == "me":
		// Okta: Users API. "me" is the owner of the token, whoever that is.
		return "", terminalf("%s id %q means the owner of the token in Okta, so nothing was read; give an id", kind, id)
	case len(id) > 100:
		return "", terminalf("%s id of %d characters is too long to be one, so nothing was read", kind, len(id))
	case strings.ContainsFunc(id, notInID):
		return "", terminalf("%s id %q holds a character that no Okta id has, so nothing was read; give the id as Okta shows it", kind, id)
	}
	return url.PathEscape(id), nil
}

func notInID(c rune) bool {
	return strings.ContainsRune(`/?#%.\`, c) || unicode.IsSpace(c) || !unicode.IsPrint(c)
}

// isLogin says whether a person was named by login. Okta ids never hold an @.
func isLogin(idOrLogin string) bool { return strings.Contains(idOrLogin, "@") }

// person returns an id or login as a path segment, and then a name for sentences
// that does not tell a login.
func person(idOrLogin string) (string, string, error) {
	if !isLogin(idOrLogin) {
		path, err := segment("user", idOrLogin)
		return path, "user " + idOrLogin, err
	}
	// Okta: Users API. A login with a slash can only be read by id.
	unfit := func(c rune) bool { return c == '/' || c == '\\' || unicode.IsControl(c) }
	if strings.ContainsFunc(idOrLogin, unfit) || len(idOrLogin) > 400 {
		return "", "", terminalf("a login with a slash or control character, or of over 400 bytes, can't be read, so nothing was; give the Okta id")
	}
	return url.PathEscape(idOrLogin), "the user with the login asked for", nil
}

func terminalf(format string, args ...any) error {
	return &directory.TerminalError{Err: fmt.Errorf(format, args...)}
}
