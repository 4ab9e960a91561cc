package emulator

import (
	"errors"
	"net/http"
	"strings"
	"time"
)

// errFaultRate and its siblings are refusals that faults ask for; the headers
// differ.
var (
	errFaultRate       = errors.New("rate limited by a fault")
	errFaultNoReset    = errors.New("rate limited by a fault, without a reset")
	errFaultConcurrent = errors.New("refused for concurrency by a fault")
	errFaultRole       = errors.New("answered as to an app without role")
)

// before applies the faults that act before the operation. An error ends the
// call.
func (o *Org) before(c *call, hit []Fault) error {
	for _, f := range hit {
		switch f.Kind {
		case FaultSlow:
			if err := o.wait(c, time.Duration(f.Delay)); err != nil {
				return err
			}
		case FaultRateLimited:
			c.delay = time.Duration(f.Delay)
			return errFaultRate
		case FaultRateNoReset:
			return errFaultNoReset
		case FaultConcurrency:
			return errFaultConcurrent
		case FaultServerError:
			return serverError(f.Status)
		case FaultEOF:
			return errHangUp
		case FaultRevokedToken:
			return errToken()
		case FaultFeatureMissing:
			return errFeature()
		case FaultForbidden:
			return errForbidden()
		case FaultNotFound:
			return errNotFound(lastVariable(c), "Resource")
		case FaultBadRequest:
			return errFilter("request", "refused by a fault")
		case FaultCursorRefused:
			return errCursor()
		case FaultMissingRole:
			return errFaultRole
		case FaultDropExpand:
			c.noExpand = c.query.Has("after")
		}
	}
	return nil
}

func lastVariable(c *call) string {
	segs := strings.Split(strings.Trim(c.r.URL.Path, "/"), "/")
	return segs[len(segs)-1]
}

func serverError(status int) *Error {
	e := errInternal()
	switch status {
	case 0:
	case http.StatusServiceUnavailable:
		return &Error{Status: status, Code: "E0000010", Summary: "Service is in read only mode"}
	default:
		e.Status = status
	}
	return e
}

// faultReply writes the headers that a refusal by a fault carries.
func (o *Org) faultReply(w http.ResponseWriter, c *call, err error) (*reply, error) {
	now, h := o.now(), w.Header()
	limit := o.opt.Limits.PerMinute[c.route.bucket]
	switch {
	case errors.Is(err, errFaultRate):
		wait := c.delay
		if wait <= 0 {
			wait = time.Second
		}
		writeRate(h, limit, 0, now.Add(wait))
		return nil, errRate()
	case errors.Is(err, errFaultNoReset):
		h.Set("X-Rate-Limit-Limit", "0")
		h.Set("X-Rate-Limit-Remaining", "0")
		return nil, errRate()
	case errors.Is(err, errFaultConcurrent):
		o.limits.concurrent(h, now)
		return nil, errRate()
	case errors.Is(err, errFaultRole):
		writeRate(h, limit, limit-1, now.Add(windowLength))
		return withoutRole(c)
	default:
		writeRate(h, limit, limit-1, now.Add(windowLength))
		return nil, err
	}
}

const webPage = "<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Sign in</h1></body></html>"

// spoil applies one fault to a finished answer. Refusals stay as they are.
func (f Fault) spoil(c *call, rep *reply) *reply {
	if rep.status >= http.StatusBadRequest {
		return rep
	}
	out := *rep
	switch f.Kind {
	case FaultTruncated:
		out.hangUpAfter = len(rep.body) / 2
		return &out
	case FaultCutJSON:
		out.body = rep.body[:len(rep.body)/2]
		return &out
	case FaultHTML:
		return &reply{status: http.StatusOK, body: []byte(webPage),
			header: http.Header{"Content-Type": {"text/html;charset=utf-8"}}}
	case FaultEmptyList:
		return &reply{status: http.StatusOK, body: []byte("[]"), self: rep.self, list: true}
	case FaultEmptyBody:
		return &reply{status: http.StatusOK, body: []byte{}}
	case FaultPartialPage:
		return cutList(rep, len(rep.ends)/2)
	case FaultCutPage:
		cut := *cutList(rep, len(rep.ends)/2)
		cut.next = ""
		return &cut
	case FaultRepeatCursor:
		if out.next != "" {
			out.next = out.self
		}
		return &out
	case FaultDropExpand:
		out.next = withoutParameter(out.next, "expand")
		return &out
	default:
		return rep
	}
}

// withoutParameter takes one query parameter out of a link.
func withoutParameter(link, name string) string {
	path, query, found := strings.Cut(link, "?")
	if !found {
		return link
	}
	var kept []string
	for part := range strings.SplitSeq(query, "&") {
		if !strings.HasPrefix(part, name+"=") {
			kept = append(kept, part)
		}
	}
	return path + "?" + strings.Join(kept, "&")
}
