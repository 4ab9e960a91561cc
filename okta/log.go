package okta

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/directory/logevent"
)

const (
	logPath  = "/api/v1/logs"
	logLimit = 1000 // Okta allows no more
)

// LogSince returns the place from which Log reads what was published since, of these event
// types. It is a polling request: no until, in the order of arrival, so that events which
// come late are not missed. Okta: System Log query.
func (r *Reader) LogSince(since time.Time, types []string) string {
	conditions := make([]string, len(types))
	for i, t := range types {
		conditions[i] = `eventType eq "` + t + `"`
	}
	query := url.Values{
		"since":     {since.UTC().Format("2006-01-02T15:04:05.000Z")},
		"sortOrder": {"ASCENDING"},
		"limit":     {fmt.Sprint(logLimit)},
		"filter":    {strings.Join(conditions, " or ")},
	}
	return logPath + "?" + query.Encode()
}

// Log reads one page of the System Log, from a place that LogSince or the page before
// has given. Okta gives the place to go on from even when there is nothing new, and then it
// may be the same again. A place that Okta refuses is directory.ErrLogPlace.
func (r *Reader) Log(ctx context.Context, place string) (directory.LogPage, error) {
	const what = "read the System Log"
	if !strings.HasPrefix(place, logPath+"?") {
		return directory.LogPage{}, fmt.Errorf("%s: %q is no place in it: %w", what, clip(place, 40), directory.ErrLogPlace)
	}
	var page directory.LogPage
	err := r.do(ctx, get(what, place), func(a answer) error {
		var err error
		page, err = r.logPage(a)
		return err
	})
	if placeRefused(err) {
		return directory.LogPage{}, fmt.Errorf("%w (%w)", refusalIn(err), directory.ErrLogPlace)
	}
	if err != nil {
		return directory.LogPage{}, err
	}
	return page, nil
}

// logPage reads one answer of the System Log.
func (r *Reader) logPage(a answer) (directory.LogPage, error) {
	target, err := nextLink(a.header["Link"])
	if err != nil {
		return directory.LogPage{}, err
	}
	next, err := logPlace(target)
	if err != nil {
		return directory.LogPage{}, err
	}
	c, valid := logevent.NewCursor(a.body)
	list := logevent.List{Via: directory.ViaLog, AppID: r.appID, Now: r.now().UTC()}
	elements := 0
	if !valid || !c.Array(func() { elements++; list.Take(c) }) {
		return directory.LogPage{}, errors.New("the answer is not a list in JSON")
	}
	return directory.LogPage{Events: list.Events, Unreadable: list.Unreadable, Next: next, Full: elements >= logLimit}, nil
}

// logPlace takes the path and query of a next link over, unchanged. Its host is dropped: our
// credentials go to the org alone.
func logPlace(target string) (string, error) {
	if target == "" {
		return "", errors.New("the answer has no next link, which a polling request always has")
	}
	link, err := url.Parse(target)
	if err != nil {
		return "", errors.New("the next link is not a url")
	}
	if link.Path != logPath || !link.Query().Has("after") || strings.ContainsFunc(link.RawQuery, unfitForHeader) {
		return "", errors.New("the next link does not lead on in the System Log")
	}
	return logPath + "?" + link.RawQuery, nil
}

// placeRefused says that Okta understood who asks and refused what was asked for.
func placeRefused(err error) bool {
	var e *Error
	if !errors.As(err, &e) || e.Code == "" { // not Okta's own answer
		return false
	}
	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden, http.StatusRequestTimeout, http.StatusLocked, http.StatusTooManyRequests:
		return false
	default:
		return e.Status >= 400 && e.Status < 500
	}
}
