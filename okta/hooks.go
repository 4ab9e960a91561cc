package okta

import (
	"context"
	"encoding/json"
	"errors"
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
