package okta

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

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
	return r.turnHook(ctx, id, "verify")
}

// HookChange is what UpdateHook puts in the place of what Okta has.
type HookChange struct {
	URI        string
	AuthHeader string
	Secret     string // always sent: what Okta does with a channel without one is not documented
	Events     []string
}

// UpdateHook replaces address, authentication and event types of a hook, and leaves its
// name, description, filters and custom headers as they were read. Okta may
// want the hook verified again afterwards: look at the result.
func (r *Reader) UpdateHook(ctx context.Context, h EventHook, c HookChange) (EventHook, error) {
	escaped, err := segment("event hook", h.ID)
	if err != nil {
		return EventHook{}, err
	}
	if c.URI == "" || c.AuthHeader == "" || c.Secret == "" || len(c.Events) == 0 {
		return EventHook{}, terminalf("change event hook %s: address, header, secret and event types are needed; nothing was changed", h.ID)
	}
	body, err := changed(h, c)
	if err != nil {
		return EventHook{}, fmt.Errorf("change event hook %s: %w; nothing was changed", h.ID, err)
	}
	return r.hook(ctx, call{what: "change event hook " + h.ID, method: http.MethodPut, path: hooksPath + "/" + escaped, body: body})
}

// changed is the whole hook with the change in it, members that we do not know included.
func changed(h EventHook, c HookChange) (map[string]any, error) {
	var body map[string]any
	if err := json.Unmarshal(h.Raw, &body); err != nil || body == nil {
		return nil, errors.New("the hook as Okta sent it can no longer be read")
	}
	// Read-only. Okta: Event Hooks API.
	for _, name := range []string{"id", "status", "verificationStatus", "created", "createdBy", "lastUpdated", "_links"} {
		delete(body, name)
	}
	events := member(body, "events")
	events["type"], events["items"] = "EVENT_TYPE", c.Events
	channel := member(body, "channel")
	channel["type"], channel["version"] = "HTTP", "1.0.0"
	config := member(channel, "config")
	delete(config, "method")
	config["uri"] = c.URI
	config["headers"] = otherHeaders(h.Channel.Config.Headers, c.AuthHeader)
	config["authScheme"] = AuthScheme{Type: "HEADER", Key: c.AuthHeader, Value: c.Secret}
	return body, nil
}

func member(of map[string]any, name string) map[string]any {
	m, ok := of[name].(map[string]any)
	if !ok {
		m = map[string]any{}
		of[name] = m
	}
	return m
}

// otherHeaders are those that do not stand in the way of the secret's.
func otherHeaders(headers []Header, authHeader string) []Header {
	kept := slices.DeleteFunc(slices.Clone(headers), func(h Header) bool { return strings.EqualFold(h.Key, authHeader) })
	if kept == nil {
		kept = []Header{}
	}
	return kept
}

// ActivateHook makes an inactive hook active again. It delivers only if it is verified, too.
func (r *Reader) ActivateHook(ctx context.Context, id string) (EventHook, error) {
	return r.turnHook(ctx, id, "activate")
}

// DeactivateHook ends a hook's deliveries.
func (r *Reader) DeactivateHook(ctx context.Context, id string) (EventHook, error) {
	return r.turnHook(ctx, id, "deactivate")
}

func (r *Reader) turnHook(ctx context.Context, id, act string) (EventHook, error) {
	escaped, err := segment("event hook", id)
	if err != nil {
		return EventHook{}, err
	}
	return r.hook(ctx, call{what: act + " event hook " + id, method: http.MethodPost, path: hooksPath + "/" + escaped + "/lifecycle/" + act})
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
