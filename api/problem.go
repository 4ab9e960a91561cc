package api

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/labstack/echo/v4"

	"github.com/oktasync/oktasync/directory"
)

// statement is an error with a sentence for the caller.
type statement struct {
	sentence string
	err      error
}

func (e *statement) Error() string { return e.sentence + ": " + e.err.Error() }

func (e *statement) Unwrap() error { return e.err }

// explain puts a sentence to an error of one of directory's kinds.
func explain(kind error, format string, values ...any) error {
	return &statement{sentence: fmt.Sprintf(format, values...), err: kind}
}

// problem maps an error to an answer, for every operation:
//
//	directory.RetryAfterError  503 with Retry-After
//	directory.HeldError        409
//	directory.TerminalError    422
//	directory.ErrNotFound      404
//	directory.ErrAmbiguous     409
//	directory.ErrConflict      409
//	directory.ErrBusy          409
//	directory.InvalidError     422 with all that is wrong
//	what huma made itself      as it is: bad input found by a handler
//	all others                 500 with a request id; the error is only logged
func (s *Server) problem(ctx context.Context, operation string, err error) error {
	sentence := err.Error()
	var said *statement
	if errors.As(err, &said) {
		sentence = said.sentence
	}
	if refused := (*directory.RefusedError)(nil); errors.As(err, &refused) {
		sentence = refused.Says
	}
	var ready huma.StatusError
	var later *directory.RetryAfterError
	var held *directory.HeldError
	var terminal *directory.TerminalError
	var invalid *directory.InvalidError
	switch {
	case errors.As(err, &ready):
		return err
	case errors.As(err, &later):
		wait := retryAfter(later.Wait.Seconds())
		return huma.ErrorWithHeaders(
			huma.NewError(http.StatusServiceUnavailable, "this is not possible right now; try again in "+wait+" s"),
			http.Header{"Retry-After": {wait}})
	case errors.As(err, &held):
		return huma.NewError(http.StatusConflict, held.Error())
	case errors.As(err, &terminal):
		return huma.NewError(http.StatusUnprocessableEntity, sentence)
	case errors.As(err, &invalid):
		return invalidAnswer(invalid)
	case errors.Is(err, directory.ErrNotFound):
		return huma.NewError(http.StatusNotFound, sentence)
	case errors.Is(err, directory.ErrAmbiguous), errors.Is(err, directory.ErrConflict), errors.Is(err, directory.ErrBusy):
		return huma.NewError(http.StatusConflict, sentence)
	default:
		id := requestID(ctx)
		// A caller that hung up is nobody's fault.
		level := slog.LevelError
		if errors.Is(err, context.Canceled) {
			level = slog.LevelDebug
		}
		s.log.Log(ctx, level, "admin API failed", "operation", operation, "request", id, "error", err)
		return huma.NewError(http.StatusInternalServerError, "something failed on our side; the log has the reason under request "+id)
	}
}

// invalidAnswer lists each problem with its place in the request.
func invalidAnswer(invalid *directory.InvalidError) error {
	var details []error
	for _, p := range invalid.Problems {
		location := "settings"
		if p.Key != "" {
			location = "settings." + p.Key
		}
		details = append(details, &huma.ErrorDetail{Location: location, Message: p.Says})
	}
	return huma.NewError(http.StatusUnprocessableEntity, "the settings are not valid", details...)
}

// writeProblem answers outside of any operation.
func writeProblem(c echo.Context, status int, sentence string) error {
	c.Response().Header().Set(echo.HeaderContentType, "application/problem+json")
	return c.JSON(status, &huma.ErrorModel{Status: status, Title: http.StatusText(status), Detail: sentence})
}

// ErrorHandler returns the handler for errors that reach Echo itself: unknown
// routes, wrong methods, panics that were recovered, errors of middleware, wrapped or
// not. It answers with a problem document and logs what is not the caller's fault.
func ErrorHandler(log *slog.Logger) echo.HTTPErrorHandler {
	return func(err error, c echo.Context) {
		if c.Response().Committed {
			return
		}
		status := http.StatusInternalServerError
		var known *echo.HTTPError
		var tooLarge *http.MaxBytesError
		switch {
		case errors.As(err, &known):
			status = known.Code
		case errors.As(err, &tooLarge):
			status = http.StatusRequestEntityTooLarge
		}
		sentence := http.StatusText(status)
		if status >= http.StatusInternalServerError {
			id := c.Response().Header().Get(echo.HeaderXRequestID)
			log.Error("request failed", "method", c.Request().Method, "route", c.Path(), "request", id, "error", err)
			sentence = "something failed on our side; the log has the reason"
		}
		if c.Request().Method == http.MethodHead {
			err = c.NoContent(status)
		} else {
			err = writeProblem(c, status, sentence)
		}
		if err != nil {
			log.Debug("answer not delivered", "error", err)
		}
	}
}
