package okta

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/directory"
)

// HookSpec says what a tenant's event hook has to be.
type HookSpec struct {
	ID     string   // of the hook that is known to be ours; empty: none is known
	NextID string   // of the one that takes over while the secret is being changed
	Name   string   // of a new one
	URI    string   // where it has to deliver; empty: where it delivers now, if Here agrees
	Header string   // that carries the secret
	Events []string // event types
	// Here says whether an address leads to this tenant's endpoint, by its path;
	// the host may be a proxy's.
	Here func(uri string) bool
}

// HookState is what is the matter with a hook, in one word.
type HookState string

// The states. All but HookSound need somebody to act.
const (
	HookSound      HookState = "sound"
	HookMissing    HookState = "missing"
	HookInactive   HookState = "inactive"
	HookElsewhere  HookState = "elsewhere"  // delivers to another address
	HookHeader     HookState = "header"     // sends the secret in another header
	HookEvents     HookState = "events"     // lacks event types
	HookAdvised    HookState = "advised"    // lacks event types that close gaps
	HookExtra      HookState = "extra"      // has event types that nobody needs
	HookUnverified HookState = "unverified" // Okta delivers nothing before it is verified
	HookRefused    HookState = "refused"    // deliveries are refused for their secret
)

// HookProblem is one thing that is the matter with a hook.
type HookProblem struct {
	State HookState
	Says  string // a sentence: what is wrong, and what it costs
	Fix   string // what to do by hand
	Minor bool   // the hook does what it has to all the same
}

// HookReview is how an org's hooks compare with what has to be.
type HookReview struct {
	Hook     EventHook     // ours; without an id there is none
	Problems []HookProblem // in the order in which to mend them
	Missing  []string      // event types
	Extra    []string      // event types
	Notes    []string      // what is right and worth knowing
	Alike    []EventHook   // not known to be ours, and named as ours would be
	Others   int           // hooks of others; never touched
}

// State is the first problem's, or HookSound.
func (v HookReview) State() HookState {
	if len(v.Problems) == 0 {
		return HookSound
	}
	return v.Problems[0].State
}

// Doubting adds what the hook's deliveries tell, and Okta does not.
func (v HookReview) Doubting(uses []directory.HookUse) HookReview {
	if says, doubt := DoubtSecret(v.Hook, uses); doubt && v.Hook.ID != "" {
		v.Problems = append(slices.Clone(v.Problems), HookProblem{State: HookRefused, Says: says, Fix: "run oktasync hook ensure, which writes the secret again"})
	}
	return v
}

// ReviewHook finds our hook among those of the org and says what is wrong with it. Ours is
// the one known by id; else the one with the wanted address; else, when no address is wanted,
// one that delivers here. A hook that only has our name may be another installation's.
func ReviewHook(spec HookSpec, hooks []EventHook) HookReview {
	ours, rest := split(hooks, func(h EventHook) bool { return spec.ID != "" && h.ID == spec.ID })
	same, rest := split(rest, spec.leadsHere)
	ours = append(ours, same...)
	// Of several, the one that delivers is the one that matters.
	slices.SortStableFunc(ours, func(a, b EventHook) int { return rank(spec, a) - rank(spec, b) })

	review := HookReview{Others: len(rest)}
	for _, h := range rest {
		if strings.EqualFold(h.Name, spec.Name) {
			review.Alike = append(review.Alike, h)
		}
	}
	if len(ours) == 0 {
		review.Problems = []HookProblem{{
			State: HookMissing,
			Says:  fmt.Sprintf("none of the org's %d hooks delivers to %s; changes arrive late, and leavers keep access until then", len(hooks), spec.place()),
			Fix:   "oktasync hook ensure registers it",
		}}
		return review
	}
	review.Hook = ours[0]
	spec.examine(&review)
	for _, twin := range ours[1:] {
		if twin.ID == spec.NextID {
			review.Notes = append(review.Notes, fmt.Sprintf("hook %s delivers here with the new secret; the change is not at its end: run oktasync hook rotate", twin.ID))
			continue
		}
		review.Notes = append(review.Notes, fmt.Sprintf("hook %s (%q) delivers here as well; its events are recognised as repeats, but count twice against Okta's daily limit: delete one of them", twin.ID, twin.Name))
	}
	return review
}

func split(hooks []EventHook, is func(EventHook) bool) (yes, no []EventHook) {
	for _, h := range hooks {
		if is(h) {
			yes = append(yes, h)
			continue
		}
		no = append(no, h)
	}
	return yes, no
}

// rank puts the known hook first, then those that deliver.
func rank(spec HookSpec, h EventHook) int {
	switch {
	case spec.ID != "" && h.ID == spec.ID:
		return 0
	case h.Delivers():
		return 1
	default:
		return 2
	}
}

func (s HookSpec) place() string {
	if s.URI == "" {
		return "this tenant's endpoint"
	}
	return s.URI
}

// leadsHere says whether a hook's address is the wanted one, or another of this tenant
// on the same host.
func (s HookSpec) leadsHere(h EventHook) bool {
	uri := h.Channel.Config.URI
	if s.URI == "" {
		return s.Here(uri)
	}
	return SameAddress(uri, s.URI) || s.Here(uri) && sameHost(uri, s.URI)
}

// examine lists what is wrong with the review's hook.
func (s HookSpec) examine(v *HookReview) {
	h := v.Hook
	add := func(state HookState, says, fix string) {
		v.Problems = append(v.Problems, HookProblem{State: state, Says: says, Fix: fix, Minor: state == HookAdvised || state == HookExtra})
	}
	if h.Status != "ACTIVE" {
		add(HookInactive, fmt.Sprintf("hook %s is %s, so Okta delivers nothing", h.ID, h.Status), "activate it in Okta, or run oktasync hook ensure")
	}
	if !s.leadsHere(h) {
		add(HookElsewhere, fmt.Sprintf("hook %s delivers to %s, not to %s", h.ID, h.Channel.Config.URI, s.place()), "run oktasync hook ensure, or correct the address in Okta and verify it again")
	}
	if key := h.Channel.Config.AuthScheme.Key; !strings.EqualFold(key, s.Header) {
		add(HookHeader, fmt.Sprintf("hook %s sends its secret in the header %q, and hook.header is %q, so its events are refused", h.ID, key, s.Header), "run oktasync hook ensure, or make the two agree and verify the hook again")
	}
	v.Missing = lacking(s.Events, h.Events.Items)
	v.Extra = lacking(h.Events.Items, s.Events)
	if vital := lacking(directory.GuideEvents(), h.Events.Items); len(vital) > 0 {
		add(HookEvents, fmt.Sprintf("hook %s is not subscribed to %s, so these changes wait for the next full sync", h.ID, strings.Join(vital, ", ")), "run oktasync hook ensure, or add them in Okta")
	}
	if h.VerificationStatus != "VERIFIED" {
		add(HookUnverified, fmt.Sprintf("hook %s is %s, so Okta delivers nothing", h.ID, h.VerificationStatus), "run oktasync hook ensure, or verify it in Okta while the service is reachable at its address")
	}
	if further := lacking(v.Missing, directory.GuideEvents()); len(further) > 0 {
		add(HookAdvised, fmt.Sprintf("hook %s works; these event types would close gaps: %s", h.ID, strings.Join(further, ", ")), "run oktasync hook ensure, or add them in Okta")
	}
	if len(v.Extra) > 0 {
		add(HookExtra, fmt.Sprintf("hook %s is subscribed to %s as well, which nobody needs and which counts against Okta's daily limit", h.ID, strings.Join(v.Extra, ", ")), "run oktasync hook ensure, or remove them in Okta")
	}
	if f := string(h.Events.Filter); f != "" && f != "null" {
		v.Notes = append(v.Notes, fmt.Sprintf("hook %s has filters, which may keep events back; they are left as they are", h.ID))
	}
}

// lacking lists what all has and some does not, in all's order.
func lacking(all, some []string) []string {
	var missing []string
	for _, e := range all {
		if !slices.Contains(some, e) {
			missing = append(missing, e)
		}
	}
	return missing
}

// SameAddress compares two addresses of endpoints: a final slash, the case of the host and
// a port that goes without saying make no difference.
func SameAddress(a, b string) bool {
	first, err := url.Parse(a)
	second, err2 := url.Parse(b)
	if err != nil || err2 != nil {
		return a == b
	}
	return first.Scheme == second.Scheme && hostOf(first) == hostOf(second) &&
		strings.TrimSuffix(first.Path, "/") == strings.TrimSuffix(second.Path, "/") && first.RawQuery == second.RawQuery
}

func sameHost(a, b string) bool {
	first, err := url.Parse(a)
	second, err2 := url.Parse(b)
	return err == nil && err2 == nil && hostOf(first) == hostOf(second)
}

func hostOf(u *url.URL) string {
	port := u.Port()
	if port == "" && u.Scheme == "https" {
		port = "443"
	}
	if port == "" && u.Scheme == "http" {
		port = "80"
	}
	return strings.ToLower(u.Hostname()) + ":" + port
}
