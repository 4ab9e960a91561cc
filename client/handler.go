package client

import (
	"context"
	"errors"
	"io"
	"net/http"
)

// maxWebhook is how large a webhook may be, in bytes: an event with a MiB of custom fields, before, after and in the
// state, if need be all of it escaped.
const maxWebhook = 20 << 20

// Handler receives webhooks. It answers 204 when handle returns nil, 400 to whatever is not genuine, and 500 when handle
// fails: then the service sends the event again later. failed is told of each failure; nil: nobody.
func (v *Verifier) Handler(handle func(context.Context, Event) error, failed func(error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		status, err := http.StatusNoContent, error(nil)
		var event Event
		body, readErr := io.ReadAll(http.MaxBytesReader(w, r.Body, maxWebhook))
		if readErr != nil {
			status, err = http.StatusBadRequest, readErr
		} else if event, err = v.Verify(r.Header, body); err != nil {
			status = http.StatusBadRequest
		} else if err = handle(r.Context(), event); err != nil {
			status = http.StatusInternalServerError
		}
		if err != nil && failed != nil && !errors.Is(err, context.Canceled) {
			failed(err)
		}
		w.WriteHeader(status)
	})
}
