package emulator

import (
	"bytes"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

const maxBody = 4 << 20

// serve answers one request: control first, then, for Okta's paths, route,
// faults, credentials, limits, the operation, faults again, headers.
func (o *Org) serve(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, controlPrefix) {
		o.serveControl(w, r)
		return
	}
	c := &call{r: r, query: r.URL.Query(), base: o.baseOf(r), who: &principal{}}
	c.requestID = anyText(27)
	w.Header().Set("X-Okta-Request-Id", c.requestID)
	now := o.now()
	w.Header().Set("Date", now.Format(http.TimeFormat))
	w.Header().Set("Cache-Control", "no-cache, no-store")

	var err error
	c.route, c.vars, err = o.mux.find(r.Method, r.URL.EscapedPath())
	if err != nil {
		o.send(w, c, o.errorReply(err), nil)
		return
	}
	if c.body, err = io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody)); err != nil {
		o.send(w, c, o.errorReply(errBody()), nil)
		return
	}
	hit := o.faults.hits(c)
	rep, err := o.answer(w, c, hit)
	if errors.Is(err, errHangUp) {
		o.counts.add(c.route.name(), 0)
		o.opt.Logger.Debug("emulator: connection closed by a fault", slog.String("endpoint", c.route.name()))
		panic(http.ErrAbortHandler) // closes the connection without an answer
	}
	if err != nil {
		rep = o.errorReply(err)
	}
	rep = o.distort(c, rep, hit)
	o.counts.add(c.route.name(), rep.status)
	o.opt.Logger.Debug("emulator: request answered", slog.String("endpoint", c.route.name()),
		slog.Int("status", rep.status), slog.Duration("took", o.now().Sub(now)), slog.String("request", c.requestID))
	o.send(w, c, rep, hit)
}

// errHangUp says that the connection is to be closed without an answer.
var errHangUp = errors.New("close the connection without an answer")

// answer runs the operation unless a fault, the credentials or a limit forbids.
func (o *Org) answer(w http.ResponseWriter, c *call, hit []Fault) (*reply, error) {
	if err := o.before(c, hit); err != nil {
		return o.faultReply(w, c, err)
	}
	if c.route.bucket == bucketOAuth || c.route.scope == scopePublic {
		if !o.limits.take(w.Header(), c.route.bucket, "", o.now()) {
			return nil, errRate()
		}
		return c.route.handle(c)
	}
	// Counted before anything waits for the state.
	defer o.inFlight.Add(-1)
	if o.limits.tooMany(o.inFlight.Add(1)) {
		o.limits.concurrent(w.Header(), o.now())
		return nil, errRate()
	}
	who, err := o.auth.check(o, c)
	if err != nil {
		return nil, err
	}
	c.who = who
	if !o.limits.take(w.Header(), c.route.bucket, who.key, o.now()) {
		return nil, errRate()
	}
	if err := who.allows(c.route); err != nil {
		return nil, err
	}
	if who.noRole {
		return withoutRole(c)
	}
	return c.route.handle(c)
}

// withoutRole is what a service app with scopes but without an admin role
// gets: empty lists, and refusals elsewhere.
func withoutRole(c *call) (*reply, error) {
	last := c.route.segs[len(c.route.segs)-1]
	if c.route.method == http.MethodGet && !isVariable(last) {
		return &reply{status: http.StatusOK, body: []byte("[]"), list: true}, nil
	}
	return nil, errForbidden()
}

// send writes headers and body.
func (o *Org) send(w http.ResponseWriter, c *call, rep *reply, hit []Fault) {
	h := w.Header()
	for k, v := range rep.header {
		h[k] = v
	}
	setLinks(h, rep, hit)
	if rep.status == http.StatusNoContent {
		w.WriteHeader(rep.status)
		return
	}
	if h.Get("Content-Type") == "" {
		h.Set("Content-Type", "application/json")
	}
	h.Set("Content-Length", strconv.Itoa(len(rep.body)))
	w.WriteHeader(rep.status)
	body := rep.body
	if rep.hangUpAfter > 0 {
		body = body[:rep.hangUpAfter]
	}
	_, err := w.Write(body)
	if rep.hangUpAfter > 0 {
		if err := http.NewResponseController(w).Flush(); err != nil {
			o.opt.Logger.Debug("emulator: half an answer could not be flushed", slog.String("request", c.requestID))
		}
		panic(http.ErrAbortHandler) // ends the connection in the middle of the body
	}
	if err != nil {
		o.opt.Logger.Debug("emulator: client went away before the answer was written",
			slog.String("request", c.requestID))
	}
}

// setLinks writes one Link header line per relation, as Okta does, unless a
// fault asks for another form.
func setLinks(h http.Header, rep *reply, hit []Fault) {
	var lines []string
	if rep.self != "" {
		lines = append(lines, "<"+rep.self+`>; rel="self"`)
	}
	if rep.next != "" {
		rel := `"next"`
		if has(hit, FaultUnquotedNext) {
			rel = "next"
		}
		lines = append(lines, "<"+rep.next+">; rel="+rel)
	}
	if len(lines) == 0 {
		return
	}
	if has(hit, FaultFoldedLinks) {
		lines = []string{strings.Join(lines, ", ")}
	}
	h["Link"] = lines
}

// errorReply makes the body of a refusal.
func (o *Org) errorReply(err error) *reply {
	var oauth *oauthError
	if errors.As(err, &oauth) {
		return oauth.reply()
	}
	var e *Error
	if !errors.As(err, &e) {
		o.opt.Logger.Error("emulator: operation failed", slog.String("error", err.Error()))
		e = errInternal()
	}
	id := "oae" + anyText(22)
	b := append([]byte(nil), `{"errorCode":`...)
	b = appendText(b, e.Code)
	b = append(b, `,"errorSummary":`...)
	b = appendText(b, e.Summary)
	b = append(b, `,"errorLink":`...)
	b = appendText(b, e.Code)
	b = append(b, `,"errorId":`...)
	b = appendText(b, id)
	b = append(b, `,"errorCauses":[`...)
	for i, cause := range e.Causes {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"errorSummary":`...)
		b = appendText(b, cause)
		b = append(b, '}')
	}
	rep := &reply{status: e.Status, body: append(b, `]}`...)}
	if e.Authenticate != "" {
		rep.header = http.Header{"Www-Authenticate": {e.Authenticate}}
	}
	return rep
}

// baseOf is the address that a client used, for links.
func (o *Org) baseOf(r *http.Request) string {
	if r.Host == "" || strings.ContainsAny(r.Host, `"\<> `) {
		return o.BaseURL()
	}
	scheme := "http"
	if r.TLS != nil || strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https") {
		scheme = "https"
	}
	return scheme + "://" + r.Host
}

// distort applies the faults that spoil a finished answer.
func (o *Org) distort(c *call, rep *reply, hit []Fault) *reply {
	for _, f := range hit {
		if f.Kind == FaultStale {
			rep = o.stale(c, rep, time.Duration(f.Delay))
			continue
		}
		rep = f.spoil(c, rep)
	}
	return rep
}

// wait pauses for d, or until the client gives up or the org closes.
func (o *Org) wait(c *call, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-c.r.Context().Done():
		return errHangUp
	case <-o.deliver.ctx.Done():
		return nil
	}
}

func has(hit []Fault, kind FaultKind) bool {
	return slices.ContainsFunc(hit, func(f Fault) bool { return f.Kind == kind })
}

// cutList keeps the first n items of a list.
func cutList(rep *reply, n int) *reply {
	if !rep.list || n >= len(rep.ends) {
		return rep
	}
	out := *rep
	end := 1
	if n > 0 {
		end = rep.ends[n-1]
	}
	out.body = append(bytes.Clone(rep.body[:end]), ']')
	out.ends = rep.ends[:n]
	return &out
}
