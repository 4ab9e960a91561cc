package directory

import (
	"errors"
	"fmt"
	"time"
)

var (
	// ErrNotFound says that the thing asked for does not exist.
	ErrNotFound = errors.New("not found")
	// ErrAmbiguous says that more than one thing matches.
	ErrAmbiguous = errors.New("more than one matches")
	// ErrConflict says that the act does not fit the present state.
	ErrConflict = errors.New("conflict")
	// ErrAppUnusable says that the Okta app is inactive or gone, so that its assignments mean nothing.
	ErrAppUnusable = errors.New("the Okta app cannot be used")
	// ErrBusy says that another worker holds the run; it will finish it.
	ErrBusy = errors.New("another worker is at it")
)

// RetryAfterError asks to come back later. It is back-pressure, not a failure,
// and costs no attempt.
type RetryAfterError struct {
	Wait time.Duration
	Err  error
}

func (e *RetryAfterError) Error() string {
	return fmt.Sprintf("try again in %s: %v", e.Wait.Round(time.Millisecond), e.Err)
}

func (e *RetryAfterError) Unwrap() error { return e.Err }

// AttemptError says that an attempt at a run failed. The run's row says what follows.
type AttemptError struct {
	Attempt int           // its number, from 1
	RetryIn time.Duration // until the next; zero: it was the last, and the run has failed
	Err     error
}

func (e *AttemptError) Error() string { return e.Err.Error() }

func (e *AttemptError) Unwrap() error { return e.Err }

// CredentialsError says that Okta refuses our credentials or their rights. It is
// never "gone": the tenant's jobs rest until an admin mends it.
type CredentialsError struct {
	Case   string // its name, as the documentation lists it
	Advice string // what it means, and what an admin has to do
	Err    error
}

func (e *CredentialsError) Error() string { return fmt.Sprintf("%v; %s", e.Err, e.Advice) }

func (e *CredentialsError) Unwrap() error { return e.Err }

// StorageFullError says that the database has no room on its disk. Nothing of what was to be written is
// there, and it is tried again until there is room.
type StorageFullError struct {
	Where string // the database, without a password
	Err   error
}

func (e *StorageFullError) Error() string {
	return fmt.Sprintf("the disk of %s is full (%v); nothing of this was written, and what is waiting is kept; "+
		"make room on that disk, or move the database to a larger one; it goes on by itself then", e.Where, e.Err)
}

func (e *StorageFullError) Unwrap() error { return e.Err }

// TerminalError says that trying again cannot help.
type TerminalError struct{ Err error }

func (e *TerminalError) Error() string { return e.Err.Error() }

func (e *TerminalError) Unwrap() error { return e.Err }

// CursorError says that a list cannot go on where it was left: the cursor is no longer
// taken, or belongs to other lists than are read now. From its beginning it can be read.
type CursorError struct{ Err error }

func (e *CursorError) Error() string { return e.Err.Error() }

func (e *CursorError) Unwrap() error { return e.Err }

// HeldError says that the guard stopped a plan, which waits for an admin. Nothing of it was applied
// but for what Safe counts.
type HeldError struct {
	RunID   string   // set once the run waits
	Reasons []string // sentences, one per limit
	Safe    int      // deactivations and suspensions that were applied all the same
}

func (e *HeldError) Error() string {
	text := "the plan was held back and nothing was applied"
	if e.Safe > 0 {
		text = fmt.Sprintf("the plan was held back; of it only %d deactivations and suspensions were applied, which Okta states itself", e.Safe)
	}
	for _, r := range e.Reasons {
		text += "; " + r
	}
	return text
}

// RefusedError is one of the errors above with a sentence for the admin who asked.
type RefusedError struct {
	Says string
	Kind error
}

// Refuse returns a RefusedError of a kind.
func Refuse(kind error, format string, values ...any) error {
	return &RefusedError{Says: fmt.Sprintf(format, values...), Kind: kind}
}

func (e *RefusedError) Error() string { return e.Says }

func (e *RefusedError) Unwrap() error { return e.Kind }

// InvalidError says everything that is wrong with what an admin sent.
type InvalidError struct{ Problems []InvalidSetting }

// InvalidSetting is one thing that is wrong.
type InvalidSetting struct {
	Key  string // the setting; may be empty
	Says string // without any secret
}

func (e *InvalidError) Error() string {
	text := "not valid"
	for i, p := range e.Problems {
		separator := "; "
		if i == 0 {
			separator = ": "
		}
		text += separator + p.Key + " " + p.Says
	}
	return text
}
