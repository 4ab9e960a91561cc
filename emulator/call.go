package emulator

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// call is one request on its way through the emulator.
type call struct {
	r         *http.Request
	route     *route
	vars      map[string]string
	query     url.Values
	body      []byte
	base      string // scheme and host that links are made with
	requestID string
	who       *principal
	noExpand  bool // a fault took the expand parameter away
	delay     time.Duration
}

func (c *call) id(name string) string { return c.vars[name] }

// origin is what events of this call say about it.
func (c *call) origin() *origin {
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		host = "203.0.113.10"
	}
	agent := c.r.UserAgent()
	if agent == "" {
		agent = "UNKNOWN"
	}
	return &origin{actor: c.who.actor, ip: host, userAgent: agent, requestID: c.requestID, uri: c.r.URL.Path}
}

// decode reads the JSON body into v.
func (c *call) decode(v any) error {
	if len(c.body) == 0 || json.Unmarshal(c.body, v) != nil {
		return errBody()
	}
	return nil
}

// flag reads a boolean query parameter.
func (c *call) flag(name string, byDefault bool) bool {
	s := c.query.Get(name)
	if s == "" {
		return byDefault
	}
	return strings.EqualFold(s, "true")
}

// limit reads the limit parameter. Values above the maximum are cut to it.
func (c *call) limit(byDefault, most int) (int, error) {
	s := c.query.Get("limit")
	if s == "" {
		return byDefault, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 {
		return 0, errValidation("limit", "limit: must be a number of at least 1")
	}
	if n == 0 {
		return byDefault, nil
	}
	return min(n, most), nil
}

func (c *call) expands(what string) bool {
	if c.noExpand {
		return false
	}
	for part := range strings.SplitSeq(c.query.Get("expand"), ",") {
		if strings.TrimSpace(part) == what {
			return true
		}
	}
	return false
}

// reply is an answer before faults and headers.
type reply struct {
	status int
	body   []byte
	next   string // URL of the next page
	self   string // URL of this page
	header http.Header
	// ends are the offsets after each item of a list, for faults that cut it.
	ends []int
	list bool
	// hangUpAfter closes the connection after so many bytes; 0 = never.
	hangUpAfter int
}

func jsonReply(body []byte) *reply { return &reply{status: http.StatusOK, body: body} }

func noContent() *reply { return &reply{status: http.StatusNoContent} }

// listWriter builds the body of a list.
type listWriter struct {
	b    []byte
	ends []int
}

func newListWriter(sizeHint int) *listWriter {
	return &listWriter{b: append(make([]byte, 0, sizeHint+64), '[')}
}

// item calls f to append one item.
func (w *listWriter) item(f func(b []byte) []byte) {
	if len(w.ends) > 0 {
		w.b = append(w.b, ',')
	}
	w.b = f(w.b)
	w.ends = append(w.ends, len(w.b))
}

func (w *listWriter) reply() *reply {
	return &reply{status: http.StatusOK, body: append(w.b, ']'), ends: w.ends, list: true}
}

// page sets the links of a list: self always, next when there is more. after is
// the cursor of the next page, empty on the last one.
func (c *call) page(r *reply, limit int, after string) *reply {
	q := url.Values{}
	for k, v := range c.query {
		q[k] = v
	}
	q.Set("limit", strconv.Itoa(limit))
	r.self = c.base + c.r.URL.EscapedPath() + "?" + q.Encode()
	if after == "" {
		return r
	}
	q.Set("after", after)
	r.next = c.base + c.r.URL.EscapedPath() + "?" + q.Encode()
	return r
}
