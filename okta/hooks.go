package okta

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
)

// EventHook is an event hook as Okta keeps it. Okta: Event Hooks API. The SDK's own
// model loses description and filter.
type EventHook struct {
	ID                 string       `json:"id,omitempty"`
	Name               string       `json:"name"`
	Description        *string      `json:"description,omitempty"`
	Status             string       `json:"status,omitempty"`             // ACTIVE or INACTIVE
	VerificationStatus string       `json:"verificationStatus,omitempty"` // VERIFIED or UNVERIFIED
	Created            string       `json:"created,omitempty"`
	LastUpdated        string       `json:"lastUpdated,omitempty"`
	Events             Subscription `json:"events"`
	Channel            Channel      `json:"channel"`
	// Raw is the whole answer, for writing back what we do not know of.
	Raw json.RawMessage `json:"-"`
}

// Delivers says whether Okta sends events to the hook: it must be active and verified.
func (h EventHook) Delivers() bool { return h.Status == "ACTIVE" && h.VerificationStatus == "VERIFIED" }

// Subscription is what a hook is told about.
type Subscription struct {
	Type   string          `json:"type"` // EVENT_TYPE
	Items  []string        `json:"items"`
	Filter json.RawMessage `json:"filter,omitempty"` // early access; may keep events from us
}

// Channel is where and how events are sent.
type Channel struct {
	Type    string        `json:"type"`    // HTTP
	Version string        `json:"version"` // 1.0.0
	Config  ChannelConfig `json:"config"`
}

// ChannelConfig is a channel's address and authentication.
type ChannelConfig struct {
	URI        string     `json:"uri"`
	Method     string     `json:"method,omitempty"` // POST, set by Okta
	Headers    []Header   `json:"headers"`
	AuthScheme AuthScheme `json:"authScheme"`
}

// Header is a header that Okta adds to each delivery.
type Header struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// AuthScheme is the header that carries the secret. Okta never returns Value.
type AuthScheme struct {
	Type  string `json:"type"` // HEADER
	Key   string `json:"key"`
	Value string `json:"value,omitempty"`
}

// NewHook is what RegisterHook needs.
type NewHook struct {
	Name       string
	URI        string   // https, reachable by Okta
	AuthHeader string   // empty: Authorization
	Secret     string   // sent as it is in that header
	Events     []string // event types
	Headers    []Header
}

const hooksPath = "/api/v1/eventHooks"

// EventHooks lists all event hooks of the org, other people's included.
func (r *Reader) EventHooks(ctx context.Context) ([]EventHook, error) {
	hooks := []EventHook{}
	const what = "list event hooks"
	err := eachPage(ctx, r, plainly, what, hooksPath, func(p page[json.RawMessage]) error {
		for _, raw := range p.items {
			h, err := readHook(raw)
			if err != nil {
				return incomplete(what, err)
			}
			hooks = append(hooks, h)
		}
		return nil
	})
	if err != nil {
		return nil, notAbsence(err)
	}
	return hooks, nil
}

// RegisterHook creates an event hook. It is active but not verified afterwards, so
// nothing is delivered before VerifyHook. Needs the right okta.eventHooks.manage.
func (r *Reader) RegisterHook(ctx context.Context, n NewHook) (EventHook, error) {
	if n.Name == "" || n.URI == "" || n.Secret == "" || len(n.Events) == 0 {
		return EventHook{}, terminalf("register an event hook: name, address, secret and event types are needed; nothing was registered")
	}
	if n.AuthHeader == "" {
		n.AuthHeader = "Authorization"
	}
	if n.Headers == nil {
		n.Headers = []Header{}
	}
	body := EventHook{
		Name:   n.Name,
		Events: Subscription{Type: "EVENT_TYPE", Items: n.Events},
		Channel: Channel{Type: "HTTP", Version: "1.0.0", Config: ChannelConfig{
			URI: n.URI, Headers: n.Headers,
			AuthScheme: AuthScheme{Type: "HEADER", Key: n.AuthHeader, Value: n.Secret},
		}},
	}
	return r.hook(ctx, call{what: "register event hook " + n.Name, method: http.MethodPost, path: hooksPath, body: body})
}

// VerifyHook makes Okta send its challenge to the hook's address and returns the hook, verified.
// When the address does not answer the challenge within three seconds the error
// is a directory.TerminalError with Okta's reason. Okta: Event Hooks API.
func (r *Reader) VerifyHook(ctx context.Context, id string) (EventHook, error) {
	escaped, err := segment("event hook", id)
	if err != nil {
		return EventHook{}, err
	}
	return r.hook(ctx, call{what: "verify event hook " + id, method: http.MethodPost, path: hooksPath + "/" + escaped + "/lifecycle/verify"})
}

func (r *Reader) hook(ctx context.Context, c call) (EventHook, error) {
	var h EventHook
	err := r.do(ctx, c, func(a answer) error {
		raw, err := decodeObject[json.RawMessage](a.body)
		if err != nil {
			return err
		}
		h, err = readHook(raw)
		return err
	})
	return h, notAbsence(err)
}

func readHook(raw json.RawMessage) (EventHook, error) {
	h, err := decodeObject[EventHook](raw)
	if err != nil {
		return EventHook{}, err
	}
	if h.ID == "" {
		return EventHook{}, errors.New("an event hook has no id")
	}
	h.Raw = raw
	return h, nil
}
