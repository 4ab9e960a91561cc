package emulator

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"sync"
	"time"
)

// FaultKind is one way to misbehave.
type FaultKind string

// Faults of the API. Each applies to calls that match [Fault.Endpoint].
const (
	FaultRateLimited    FaultKind = "rate_limited"          // 429 with a reset in Delay (default 1 s)
	FaultRateNoReset    FaultKind = "rate_limited_no_reset" // 429 without X-Rate-Limit-Reset
	FaultConcurrency    FaultKind = "concurrency"           // 429 with limit 0
	FaultServerError    FaultKind = "server_error"          // 500 E0000009, or Status
	FaultEOF            FaultKind = "eof"                   // connection closed without an answer
	FaultSlow           FaultKind = "slow"                  // Delay before the answer
	FaultTruncated      FaultKind = "truncated"             // the connection ends in the middle of the body
	FaultCutJSON        FaultKind = "cut_json"              // half of the JSON, well delivered
	FaultHTML           FaultKind = "html"                  // a web page with status 200
	FaultEmptyList      FaultKind = "empty_list"            // 200 and [] without a next link
	FaultEmptyBody      FaultKind = "empty_body"            // 200 and nothing
	FaultPartialPage    FaultKind = "partial_page"          // half of the page, next link kept
	FaultCutPage        FaultKind = "cut_list"              // half of the page, next link lost
	FaultRepeatCursor   FaultKind = "repeat_cursor"         // the next link leads to the same page
	FaultFoldedLinks    FaultKind = "folded_links"          // Link headers joined into one line
	FaultUnquotedNext   FaultKind = "unquoted_next"         // rel=next without quotes
	FaultDropExpand     FaultKind = "drop_expand"           // expand is lost from the second page on
	FaultRevokedToken   FaultKind = "revoked_token"         // 401 E0000011
	FaultFeatureMissing FaultKind = "feature_missing"       // 401 E0000015
	FaultForbidden      FaultKind = "forbidden"             // 403 E0000006
	FaultMissingRole    FaultKind = "missing_role"          // what a service app without role gets
	FaultNotFound       FaultKind = "not_found"             // 404 E0000007 for something that exists
	FaultStale          FaultKind = "stale"                 // for Delay after a change, reads made before are answered as before it
	FaultBadRequest     FaultKind = "bad_request"           // 400 E0000053
	FaultCursorRefused  FaultKind = "cursor_refused"        // 400 for calls with a cursor, as if it had run out
)

// FaultLogLate lets events arrive in the System Log only after Delay, with the time at
// which they happened; hooks have them at once. Endpoint is an event type, or empty
// for all.
const FaultLogLate FaultKind = "log_late"

// Faults of hook deliveries. Endpoint is a hook id, or empty for all hooks.
const (
	FaultHookDrop      FaultKind = "hook_drop"      // never sent, no trace
	FaultHookDuplicate FaultKind = "hook_duplicate" // sent twice
	FaultHookDelay     FaultKind = "hook_delay"     // sent after Delay; later ones overtake it
	FaultHookReorder   FaultKind = "hook_reorder"   // events reversed, and sent after the next delivery
)

// Fault is one order to misbehave. The state of the org is never touched, only
// what a client is told.
type Fault struct {
	ID   string    `json:"id,omitempty"` // given by the org
	Kind FaultKind `json:"kind"`
	// Endpoint says which calls: a pattern such as
	// "GET /api/v1/apps/{appId}/users" or "/api/v1/groups/**", matched against
	// the operation and against the path called. A segment * or {name} stands
	// for any one segment, a final ** for any rest; the method may be left out.
	// Empty means all calls.
	Endpoint string `json:"endpoint,omitempty"`
	// Probability is the chance of each matching call; 0 means always.
	Probability float64 `json:"probability,omitempty"`
	// Count ends the fault after so many hits; 0 means never.
	Count int `json:"count,omitempty"`
	// Skip lets so many matching calls pass first.
	Skip int `json:"skip,omitempty"`
	// Seed makes the draws of Probability repeatable.
	Seed uint64 `json:"seed,omitempty"`
	// Delay is for slow, stale, hook_delay, hook_reorder, log_late and rate_limited.
	Delay Duration `json:"delay,omitempty"`
	// Status is the status of server_error; 0 = 500.
	Status int `json:"status,omitempty"`
	// Hits counts how often the fault has struck so far.
	Hits int `json:"hits"`

	rand *rand.Rand
	seen int
}

// Duration is a time.Duration that is written as text ("250ms") in JSON.
type Duration time.Duration

// MarshalText writes the duration as Go writes it, such as 1.5s.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText reads what MarshalText writes.
func (d *Duration) UnmarshalText(b []byte) error {
	v, err := time.ParseDuration(string(b))
	if err != nil {
		return fmt.Errorf("%q is no length of time; write a number with a unit, such as 250ms or 30s", b)
	}
	*d = Duration(v)
	return nil
}

func (k FaultKind) forHooks() bool { return strings.HasPrefix(string(k), "hook_") }

// forCalls says whether the fault strikes calls of the API.
func (k FaultKind) forCalls() bool { return !k.forHooks() && k != FaultLogLate }

func (k FaultKind) known() bool {
	switch k {
	case FaultRateLimited, FaultRateNoReset, FaultConcurrency, FaultServerError, FaultEOF, FaultSlow, FaultTruncated,
		FaultCutJSON, FaultHTML, FaultEmptyList, FaultEmptyBody, FaultPartialPage, FaultCutPage, FaultRepeatCursor,
		FaultFoldedLinks, FaultUnquotedNext, FaultDropExpand, FaultRevokedToken, FaultFeatureMissing, FaultForbidden,
		FaultMissingRole, FaultNotFound, FaultStale, FaultBadRequest, FaultCursorRefused,
		FaultHookDrop, FaultHookDuplicate, FaultHookDelay, FaultHookReorder, FaultLogLate:
		return true
	default:
		return false
	}
}

// faultSet holds the faults in the order in which they were added.
type faultSet struct {
	mu   sync.Mutex
	list []*Fault
	next int
	old  map[string]oldAnswer // by path and query, for stale reads
}

// AddFault starts a fault and gives its id.
func (o *Org) AddFault(f Fault) (string, error) { return o.faults.add(f) }

// SetFaults replaces all faults.
func (o *Org) SetFaults(list []Fault) error {
	for _, f := range list {
		if !f.Kind.known() {
			return errUnknownFault(f.Kind)
		}
	}
	o.faults.clear()
	for _, f := range list {
		if _, err := o.faults.add(f); err != nil {
			return err
		}
	}
	return nil
}

// RemoveFault ends one fault; it says false when there is none with this id.
func (o *Org) RemoveFault(id string) bool { return o.faults.remove(id) }

// ClearFaults ends all faults.
func (o *Org) ClearFaults() { o.faults.clear() }

// Faults gives the faults with their counts of hits.
func (o *Org) Faults() []Fault {
	o.faults.mu.Lock()
	defer o.faults.mu.Unlock()
	out := make([]Fault, 0, len(o.faults.list))
	for _, f := range o.faults.list {
		out = append(out, *f)
	}
	return out
}

func errUnknownFault(k FaultKind) error {
	return errValidation("kind", fmt.Sprintf("kind: there is no fault %q", k))
}

func (s *faultSet) add(f Fault) (string, error) {
	if !f.Kind.known() {
		return "", errUnknownFault(f.Kind)
	}
	if f.Probability < 0 || f.Probability > 1 {
		return "", errValidation("probability", "probability: must lie between 0 and 1")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.next++
	f.ID = "flt" + strconv.Itoa(s.next)
	f.Hits = 0
	f.rand = rand.New(rand.NewPCG(f.Seed, mix(f.Seed)))
	s.list = append(s.list, &f)
	return f.ID, nil
}

func (s *faultSet) remove(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i, f := range s.list {
		if f.ID == id {
			s.list = append(s.list[:i:i], s.list[i+1:]...)
			return true
		}
	}
	return false
}

func (s *faultSet) clear() {
	s.mu.Lock()
	s.list = nil
	s.mu.Unlock()
}

// hits gives the faults that strike this call.
func (s *faultSet) hits(c *call) []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Fault
	for _, f := range s.list {
		if !f.Kind.forCalls() {
			continue
		}
		if !matchEndpoint(f.Endpoint, c.route.name()) && !matchEndpoint(f.Endpoint, c.r.Method+" "+c.r.URL.Path) {
			continue
		}
		if f.Kind == FaultDropExpand && !c.query.Has("after") && !c.query.Has("expand") {
			continue
		}
		if f.Kind == FaultCursorRefused && !c.query.Has("after") {
			continue
		}
		if f.strikes() {
			out = append(out, *f)
		}
	}
	return out
}

// late tells how long an event of this type takes into the log.
func (s *faultSet) late(eventType string) time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	longest := time.Duration(0)
	for _, f := range s.list {
		if f.Kind == FaultLogLate && (f.Endpoint == "" || f.Endpoint == eventType) && f.strikes() {
			longest = max(longest, time.Duration(f.Delay))
		}
	}
	return longest
}

// hookHits gives the faults that strike a delivery of this hook.
func (s *faultSet) hookHits(hookID string) []Fault {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []Fault
	for _, f := range s.list {
		if f.Kind.forHooks() && (f.Endpoint == "" || f.Endpoint == hookID) && f.strikes() {
			out = append(out, *f)
		}
	}
	return out
}

// strikes draws for one matching call. The caller holds the lock.
func (f *Fault) strikes() bool {
	f.seen++
	if f.seen <= f.Skip || f.Count > 0 && f.Hits >= f.Count {
		return false
	}
	if f.Probability > 0 && f.rand.Float64() >= f.Probability {
		return false
	}
	f.Hits++
	return true
}

// matchEndpoint tells whether "METHOD /path" fits a pattern.
func matchEndpoint(pattern, call string) bool {
	if pattern == "" {
		return true
	}
	method, path, found := strings.Cut(pattern, " ")
	if !found {
		method, path = "", pattern
	}
	callMethod, callPath, _ := strings.Cut(call, " ")
	if method != "" && method != "*" && !strings.EqualFold(method, callMethod) {
		return false
	}
	want := strings.Split(strings.Trim(path, "/"), "/")
	have := strings.Split(strings.Trim(callPath, "/"), "/")
	for i, seg := range want {
		if seg == "**" {
			return true
		}
		if i >= len(have) {
			return false
		}
		if seg != "*" && !isVariable(seg) && seg != have[i] {
			return false
		}
	}
	return len(want) == len(have)
}
