package emulator

import (
	"fmt"
	"net/http"
	"strings"
)

// Error is a refusal in Okta's form. Over HTTP it becomes the usual error
// body; the methods of [Org] return it as it is, so that errors.As gives the
// code.
type Error struct {
	Status  int      // HTTP status
	Code    string   // Okta's error code, such as E0000007
	Summary string   // errorSummary
	Causes  []string // errorCauses, one errorSummary each
	// Authenticate is the Www-Authenticate header, set when an OAuth token
	// was refused.
	Authenticate string
}

// Error gives the code, the summary and the causes in one line.
func (e *Error) Error() string {
	if len(e.Causes) == 0 {
		return e.Code + ": " + e.Summary
	}
	return e.Code + ": " + e.Summary + " (" + strings.Join(e.Causes, "; ") + ")"
}

// The codes and texts are those of Okta's error code list and of recorded
// answers; only the code is a contract.

func errNotFound(id, kind string) *Error {
	return &Error{Status: http.StatusNotFound, Code: "E0000007",
		Summary: fmt.Sprintf("Not found: Resource not found: %s (%s)", id, kind)}
}

func errNoPath() *Error {
	return &Error{Status: http.StatusNotFound, Code: "E0000008",
		Summary: "The requested path was not found"}
}

func errMethod() *Error {
	return &Error{Status: http.StatusMethodNotAllowed, Code: "E0000022",
		Summary: "The endpoint does not support the provided HTTP method"}
}

func errBody() *Error {
	return &Error{Status: http.StatusBadRequest, Code: "E0000003",
		Summary: "The request body was not well-formed."}
}

func errValidation(field string, causes ...string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "E0000001",
		Summary: "Api validation failed: " + field, Causes: causes}
}

func errSearch(cause string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "E0000031",
		Summary: "Invalid search criteria.", Causes: []string{cause}}
}

func errFilter(expression, cause string) *Error {
	return &Error{Status: http.StatusBadRequest, Code: "E0000053",
		Summary: "Invalid filter '" + expression + "': " + cause}
}

func errStatus() *Error {
	return &Error{Status: http.StatusForbidden, Code: "E0000038",
		Summary: "This operation is not allowed in the user's current status."}
}

func errAlreadyActive() *Error {
	return &Error{Status: http.StatusForbidden, Code: "E0000016",
		Summary: "Activation failed because the user is already active"}
}

func errUnlock() *Error {
	return &Error{Status: http.StatusForbidden, Code: "E0000032",
		Summary: "Unlock is not allowed for this user.", Causes: []string{"The user is not locked out."}}
}

func errForbidden() *Error {
	return &Error{Status: http.StatusForbidden, Code: "E0000006",
		Summary: "You do not have permission to perform the requested action"}
}

func errToken() *Error {
	return &Error{Status: http.StatusUnauthorized, Code: "E0000011", Summary: "Invalid token provided"}
}

func errSession() *Error {
	return &Error{Status: http.StatusForbidden, Code: "E0000005", Summary: "Invalid session"}
}

func errFeature() *Error {
	return &Error{Status: http.StatusUnauthorized, Code: "E0000015",
		Summary: "You do not have permission to access the feature you are requesting"}
}

func errRate() *Error {
	return &Error{Status: http.StatusTooManyRequests, Code: "E0000047",
		Summary: "API call exceeded rate limit due to too many requests."}
}

func errInternal() *Error {
	return &Error{Status: http.StatusInternalServerError, Code: "E0000009", Summary: "Internal Server Error"}
}

func errUnsupported() *Error {
	return &Error{Status: http.StatusNotImplemented, Code: "E0000060", Summary: "Unsupported operation."}
}

func errDeleteApp() *Error {
	return &Error{Status: http.StatusForbidden, Code: "E0000056", Summary: "Delete application forbidden.",
		Causes: []string{"The application must be deactivated before deletion."}}
}
