package okta

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// The structs here hold only what is used. Okta adds members at any time, so
// decoding is lenient about what is there and strict about the form.

// user is an Okta user. Okta: Users API.
type user struct {
	ID      string         `json:"id"`
	Status  string         `json:"status"`
	Profile map[string]any `json:"profile"`
}

func (u user) whole() bool { return u.ID != "" && u.Status != "" && u.Profile != nil }

// appUser is an assignment to the app; its id is that of the Okta user. Okta: Apps API,
// application users.
type appUser struct {
	ID          string         `json:"id"`
	Scope       string         `json:"scope"`
	Status      string         `json:"status"`
	Created     string         `json:"created"` // a date that is no date must not cost the whole person
	Profile     map[string]any `json:"profile"`
	Credentials struct {
		UserName string `json:"userName"`
	} `json:"credentials"`
	Embedded struct {
		User *user `json:"user"`
	} `json:"_embedded"`
}

// assigned says whether a row means that the person may use the app. Okta keeps
// rows for a while after the assignment has ended. STAGED, PENDING, APPROVED and
// the like are on their way; SUSPENDED keeps the assignment.
func (a appUser) assigned() bool {
	switch a.Status {
	case "UNASSIGNED", "DEPROVISIONED", "REVOKED", "INACTIVE":
		return false
	default:
		return true
	}
}

// group is an Okta group. Okta: Groups API. Groups imported from an app have other
// members in their profile, so it is kept loose.
type group struct {
	ID      string         `json:"id"`
	Type    string         `json:"type"`
	Profile map[string]any `json:"profile"`
}

func (g group) seen(at time.Time) directory.GroupSeen {
	name, _ := g.Profile["name"].(string)
	description, _ := g.Profile["description"].(string)
	return directory.GroupSeen{ID: g.ID, At: at, Exists: true, Name: name, Description: description, Type: g.Type}
}

// identified is anything of which only the id is wanted.
type identified struct {
	ID string `json:"id"`
}

// application is an Okta app. Okta: Apps API.
type application struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Label  string `json:"label"`
	Status string `json:"status"`

	Settings struct {
		ImplicitAssignment bool `json:"implicitAssignment"`
	} `json:"settings"`
}

// decodeObject reads one object. An empty body, null, HTML and half an object are errors.
func decodeObject[T any](body []byte) (T, error) {
	return decodeAs[T](body, '{')
}

// decodeList reads a list into a fresh slice: decoding into an old one would
// leave values of earlier items where a later item has none.
func decodeList[T any](body []byte) ([]T, error) {
	return decodeAs[[]T](body, '[')
}

func decodeAs[T any](body []byte, first byte) (T, error) {
	var value T
	text := bytes.TrimLeft(body, " \t\r\n")
	if len(text) == 0 {
		return value, errors.New("the answer is empty")
	}
	if text[0] != first {
		return value, fmt.Errorf("the answer is not JSON that begins with %c", first)
	}
	err := json.Unmarshal(text, &value)
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &kind):
		// Its own text may repeat a value.
		return value, fmt.Errorf("member %s of the answer is of the wrong type at byte %d", kind.Field, kind.Offset)
	case err != nil:
		return value, fmt.Errorf("the answer is not whole JSON: %w", err)
	}
	return value, nil
}
