package okta

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// Credentials are an API token, or a service app: exactly one of them.
type Credentials struct {
	Token      string // SSWS API token
	ServiceApp *ServiceApp
}

// ServiceApp is an OAuth 2.0 service app that signs in with a private key. Okta:
// "Implement OAuth for Okta with a service app".
type ServiceApp struct {
	ClientID   string
	PrivateKey string   // PEM: PKCS#1 or PKCS#8, RSA or EC
	KeyID      string   // kid of the public key that the app knows
	Scopes     []string // empty: DefaultScopes
}

// DefaultScopes are the scopes that reading needs.
func DefaultScopes() []string {
	return []string{"okta.users.read", "okta.groups.read", "okta.apps.read", "okta.logs.read"}
}

// Options are what a Reader is made of. Tenant, OrgURL, Credentials, AppID and
// Clock are required.
type Options struct {
	Tenant      string // slug, for log lines and the shared budget
	OrgURL      string // https://acme.okta.com
	Credentials Credentials
	AppID       string // the app whose assignments count
	Groups      directory.GroupSelection
	// Clock reads the database's clock: what is seen carries its time.
	Clock func(ctx context.Context) (time.Time, error)

	Governor    *Governor         // nil: one of its own, in this process only
	Transport   http.RoundTripper // nil: one with sensible limits
	AllowHTTP   bool              // http to this machine, for an emulator
	Timeout     time.Duration     // of one call, answer included; 0: 30 s
	Concurrency int               // calls at a time, urgent ones not counted; 0: 8
	MemberLimit int               // members a page, 1 to 1000; 0: 1000
	MaxPages    int               // of one list; 0: 20,000
	Logger      *slog.Logger      // nil: none
	// Observe is told about every call: its bucket, the HTTP status (0 when no
	// answer came), how long the budget made it wait and how long Okta took.
	Observe func(bucket string, status int, wait, took time.Duration)
	Now     func() time.Time // local clock, for tokens and waits; nil: time.Now
}

func (o *Options) complete() error {
	var problems []error
	need := func(ok bool, sentence string) {
		if !ok {
			problems = append(problems, errors.New(sentence))
		}
	}
	org, err := ParseOrgURL(o.OrgURL, o.AllowHTTP)
	if err != nil {
		problems = append(problems, err)
	}
	o.OrgURL = org
	need(o.Tenant != "", "okta reader needs the tenant's slug")
	need(o.Clock != nil, "okta reader needs the database's clock")
	if _, err := segment("app", o.AppID); err != nil {
		problems = append(problems, fmt.Errorf("okta app id: %w", err))
	}
	app := o.Credentials.ServiceApp
	need(o.Credentials.Token != "" || app != nil, "okta credentials are missing; give an API token or a service app")
	need(o.Credentials.Token == "" || app == nil, "okta credentials hold a token and a service app; give one of them")
	need(!strings.ContainsFunc(o.Credentials.Token, unfitForHeader), "okta API token holds a space or line break; copy it again")
	if app != nil {
		need(app.ClientID != "", "okta service app needs its client id")
		need(app.PrivateKey != "", "okta service app needs its private key in PEM form")
	}
	need(o.Timeout >= 0 && o.Concurrency >= 0 && o.MaxPages >= 0, "okta timeout, concurrency and page cap cannot be negative")
	need(o.MemberLimit >= 0 && o.MemberLimit <= 1000, "okta member limit is 1 to 1000; Okta allows no more")
	if err := errors.Join(problems...); err != nil {
		return err
	}

	if o.Timeout == 0 {
		o.Timeout = 30 * time.Second
	}
	if o.Concurrency == 0 {
		o.Concurrency = 8
	}
	if o.MemberLimit == 0 {
		o.MemberLimit = 1000
	}
	if o.MaxPages == 0 {
		o.MaxPages = 20_000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	if o.Observe == nil {
		o.Observe = func(string, int, time.Duration, time.Duration) {}
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return nil
}

func unfitForHeader(c rune) bool { return c <= ' ' || c > '~' }
