package emulator

import (
	"fmt"
	"log/slog"
	"time"
)

// DefaultToken is the SSWS token that the org accepts when [Options.Tokens] is
// empty.
const DefaultToken = "00emulatorDefaultTokenForLocalUseOnly00000"

// Options describe the org. The zero value is a small, healthy org: 500 people
// in 40 departments, 25 groups, one SSO app that everyone is assigned to, real
// rate limits. The same options give the same org, ids included.
type Options struct {
	People int // 0 = 500; -1 = none
	Groups int // OKTA_GROUPs beside Everyone; 0 = 25; -1 = none
	// Departments is the number of departments that people are spread over;
	// 0 = 40. Beyond 40 the names get a number.
	Departments int
	// GroupSize is the number of members of each group; 0 = a tenth of the
	// people, at most 50.
	GroupSize int
	Seed      uint64 // 0 = 1

	// AppLabel is the label of the SSO app; empty = "Learning Portal".
	AppLabel string
	// AssignThroughGroup assigns the app to one group that holds everyone,
	// instead of to each person directly.
	AssignThroughGroup bool
	// EmailDomain is where everyone's address is; empty = "acme.example".
	EmailDomain string
	// CustomAttributes are declared in the user schema beside Okta's 31.
	CustomAttributes []Attribute
	// Flaws put people into the org that a directory cannot take as they are.
	Flaws Flaws
	// OptionalNames lets users exist without first name, last name or e-mail,
	// as an org may choose. It is implied by Flaws.
	OptionalNames bool

	// Tokens are the SSWS tokens accepted; nil = [DefaultToken] alone.
	Tokens []string
	// ServiceApps may fetch OAuth tokens with private_key_jwt.
	ServiceApps []ServiceApp
	// TokenLife is how long an OAuth token lasts; 0 = one hour, as at Okta.
	TokenLife time.Duration

	Limits Limits
	Hooks  HookOptions
	// LogCap is the number of System Log events kept; 0 = 500,000.
	LogCap int

	// BaseURL is the org's address in hook deliveries that no HTTP request
	// caused; empty = "https://acme.okta.example", or the listening address
	// once [Start] knows it.
	BaseURL string
	// Now is the clock; nil = time.Now. Rate-limit windows, timestamps and
	// token lives follow it; delays and timeouts use the real clock.
	Now func() time.Time
	// Logger gets one line per request at debug level and one per failed hook
	// delivery at warn level; nil = none. Ids only are logged.
	Logger *slog.Logger
}

// Flaws ask for people that need special care, beside those of
// [Options.People]. All are zero by default: every person and manager of a
// default org can be resolved.
type Flaws struct {
	NoEmail          int // people without e-mail
	NoName           int // people without first and last name
	SharedEmail      int // people whose e-mail is another's
	UnknownManager   int // people whose managerId leads nowhere
	ManagerLoop      int // people in one loop of managers (0 or at least 1; 1 = own manager)
	SuspendedPeople  int // of the ordinary people, so many are SUSPENDED
	DeactivatedUsers int // people who are DEPROVISIONED, still in their groups
}

func (f Flaws) any() bool {
	return f != Flaws{}
}

// HookOptions shape the deliveries of event hooks.
type HookOptions struct {
	// Window is how long events are gathered into one delivery; 0 = 20 ms,
	// negative = none. Okta documents that events close in time may be merged.
	Window time.Duration
	// MaxBatch is the largest number of events in one delivery; 0 = 100.
	MaxBatch int
	// Timeout is the time for a complete answer; 0 = 3 s (Okta: event hooks).
	Timeout time.Duration
	// RetryPause is the pause before the one retry; 0 = 50 ms. Okta documents
	// no figure.
	RetryPause time.Duration
	// Parallel is the number of deliveries of one hook under way at once;
	// 0 = 1, which keeps them in order. Okta promises no order.
	Parallel int
	// DailyCap is the number of events that trigger hooks in 24 hours, all
	// hooks together; 0 = 400,000 (Okta: event hooks), negative = none.
	DailyCap int
	// RequireHTTPS refuses http:// addresses, as Okta does. Off by default,
	// because receivers in tests listen on loopback without certificates.
	RequireHTTPS bool
}

func (opt Options) withDefaults() (Options, error) {
	opt.People = orDefault(opt.People, 500)
	opt.Groups = orDefault(opt.Groups, 25)
	opt.Departments = orDefault(opt.Departments, 40)
	if opt.Departments < 1 {
		return opt, fmt.Errorf("make the org: %d departments asked for, at least 1 is needed", opt.Departments)
	}
	if opt.GroupSize == 0 {
		opt.GroupSize = min(50, (opt.People+9)/10)
	}
	if opt.GroupSize < 0 {
		return opt, fmt.Errorf("make the org: groups of %d members asked for, the size cannot be negative", opt.GroupSize)
	}
	opt.GroupSize = min(opt.GroupSize, opt.People)
	if opt.Seed == 0 {
		opt.Seed = 1
	}
	if opt.AppLabel == "" {
		opt.AppLabel = "Learning Portal"
	}
	if opt.EmailDomain == "" {
		opt.EmailDomain = "acme.example"
	}
	if opt.Tokens == nil {
		opt.Tokens = []string{DefaultToken}
	}
	if opt.TokenLife == 0 {
		opt.TokenLife = time.Hour
	}
	if opt.LogCap == 0 {
		opt.LogCap = 500_000
	}
	if opt.BaseURL == "" {
		opt.BaseURL = "https://acme.okta.example"
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Logger == nil {
		opt.Logger = slog.New(slog.DiscardHandler)
	}
	opt.OptionalNames = opt.OptionalNames || opt.Flaws.any()
	opt.Hooks = opt.Hooks.withDefaults()
	var err error
	opt.Limits, err = opt.Limits.withDefaults()
	return opt, err
}

// orDefault reads 0 as the default and a negative number as none.
func orDefault(n, byDefault int) int {
	if n == 0 {
		return byDefault
	}
	return max(n, 0)
}

func (h HookOptions) withDefaults() HookOptions {
	if h.Window == 0 {
		h.Window = 20 * time.Millisecond
	}
	if h.MaxBatch <= 0 {
		h.MaxBatch = 100
	}
	if h.Timeout == 0 {
		h.Timeout = 3 * time.Second
	}
	if h.RetryPause == 0 {
		h.RetryPause = 50 * time.Millisecond
	}
	if h.Parallel <= 0 {
		h.Parallel = 1
	}
	if h.DailyCap == 0 {
		h.DailyCap = 400_000
	}
	return h
}
