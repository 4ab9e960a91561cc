package emulator

import (
	"net/http"
	"net/url"
	"strings"
)

// route is one operation. Its name, method and pattern, is what counters,
// faults and logs speak of.
type route struct {
	method  string
	pattern string
	segs    []string
	bucket  string // rate-limit bucket
	scope   string // OAuth scope family, such as users; empty = none needed
	write   bool   // needs the manage scope
	handle  func(*call) (*reply, error)
}

func (r *route) name() string { return r.method + " " + r.pattern }

// router finds the route of a request. It compares escaped segments, so that
// an escaped slash stays inside an id.
type router struct {
	byLength map[int][]*route
}

func newRouter(routes []*route) *router {
	r := &router{byLength: map[int][]*route{}}
	for _, rt := range routes {
		rt.segs = strings.Split(strings.Trim(rt.pattern, "/"), "/")
		r.byLength[len(rt.segs)] = append(r.byLength[len(rt.segs)], rt)
	}
	return r
}

// find gives the route and the values of its variables. A path that exists with
// another method gives errMethod.
func (r *router) find(method, escapedPath string) (*route, map[string]string, error) {
	segs := strings.FieldsFunc(escapedPath, func(c rune) bool { return c == '/' })
	var best *route
	otherMethod := false
	for _, rt := range r.byLength[len(segs)] {
		if !rt.matches(segs) {
			continue
		}
		if rt.method != method {
			otherMethod = true
			continue
		}
		// A literal segment wins over a variable: /groups/rules over /groups/{id}.
		if best == nil || rt.literals() > best.literals() {
			best = rt
		}
	}
	if best == nil && otherMethod {
		return nil, nil, errMethod()
	}
	if best == nil {
		return nil, nil, errNoPath()
	}
	vars := map[string]string{}
	for i, s := range best.segs {
		if !isVariable(s) {
			continue
		}
		v, err := url.PathUnescape(segs[i])
		if err != nil {
			return nil, nil, errNoPath()
		}
		vars[s[1:len(s)-1]] = v
	}
	return best, vars, nil
}

func isVariable(seg string) bool { return strings.HasPrefix(seg, "{") }

func (r *route) matches(segs []string) bool {
	for i, s := range r.segs {
		if !isVariable(s) && s != segs[i] {
			return false
		}
	}
	return true
}

func (r *route) literals() int {
	n := 0
	for _, s := range r.segs {
		if !isVariable(s) {
			n++
		}
	}
	return n
}

// routes lists every operation of Okta's API that the emulator serves.
func (o *Org) routes() []*route {
	var all []*route
	add := func(bucket, scope, method, pattern string, h func(*call) (*reply, error)) {
		all = append(all, &route{method: method, pattern: pattern, bucket: bucket, scope: scope,
			write: method != http.MethodGet, handle: h})
	}
	o.userRoutes(add)
	o.groupRoutes(add)
	o.appRoutes(add)
	o.hookRoutes(add)
	o.metaRoutes(add)
	o.linkedObjectRoutes(add)
	o.adminRoutes(add)
	o.tokenRoutes(add)
	add(bucketLogs, "logs", http.MethodGet, "/api/v1/logs", o.listLogs)
	add(bucketOAuth, "", http.MethodPost, "/oauth2/v1/token", o.issueToken)
	return all
}

// adder registers one operation.
type adder func(bucket, scope, method, pattern string, h func(*call) (*reply, error))
