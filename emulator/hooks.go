package emulator

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
)

// hook is one event hook. The secret is write-only: no answer holds it.
type hook struct {
	id, name         string
	description      string
	active, verified bool
	created, updated millis
	events           []string
	wants            map[string]bool
	channel          hookChannel
	base             string // address of the org, as in the source of deliveries
	gone             bool
}

type hookChannel struct {
	Type    string     `json:"type"`
	Version string     `json:"version"`
	Config  hookConfig `json:"config"`
}

type hookConfig struct {
	URI        string       `json:"uri"`
	Headers    []hookHeader `json:"headers"`
	AuthScheme *hookAuth    `json:"authScheme"`
}

type hookHeader struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

type hookAuth struct {
	Type  string `json:"type"`
	Key   string `json:"key"`
	Value string `json:"value"`
}

// hookBody is what create and replace read.
type hookBody struct {
	Name        string       `json:"name"`
	Description *string      `json:"description"`
	Events      *hookEvents  `json:"events"`
	Channel     *hookChannel `json:"channel"`
}

type hookEvents struct {
	Type   string          `json:"type"`
	Items  []string        `json:"items"`
	Filter json.RawMessage `json:"filter"`
}

const (
	hooksMost      = 25  // active and verified hooks of an org
	hookEventsMost = 300 // event types of one hook
)

func (o *Org) hookRoutes(add adder) {
	const hooks, one = "/api/v1/eventHooks", "/api/v1/eventHooks/{id}"
	add(bucketOther, "eventHooks", http.MethodGet, hooks, o.listHooks)
	add(bucketOther, "eventHooks", http.MethodPost, hooks, o.createHook)
	add(bucketOther, "eventHooks", http.MethodGet, one, o.getHook)
	add(bucketOther, "eventHooks", http.MethodPut, one, o.replaceHook)
	add(bucketOther, "eventHooks", http.MethodDelete, one, o.deleteHook)
	add(bucketOther, "eventHooks", http.MethodPost, one+"/lifecycle/activate", o.activateHook)
	add(bucketOther, "eventHooks", http.MethodPost, one+"/lifecycle/deactivate", o.deactivateHook)
	add(bucketOther, "eventHooks", http.MethodPost, one+"/lifecycle/verify", o.verifyHook)
}

// check tells what is wrong with a hook.
func (b hookBody) check(requireHTTPS bool) error {
	var causes []string
	if strings.TrimSpace(b.Name) == "" {
		causes = append(causes, "name: The field cannot be left blank")
	}
	if b.Events == nil || len(b.Events.Items) == 0 {
		causes = append(causes, "events: The field cannot be left blank")
	} else {
		if len(b.Events.Items) > hookEventsMost {
			causes = append(causes, "events.items: at most 300 event types are allowed")
		}
		for _, name := range b.Events.Items {
			if !hookEligible(name) {
				causes = append(causes, "events.items: the event type '"+name+"' cannot be subscribed to by an event hook")
			}
		}
		if len(b.Events.Filter) > 0 && !isNull(b.Events.Filter) {
			return errFeature()
		}
	}
	if b.Channel == nil {
		causes = append(causes, "channel: The field cannot be left blank")
	} else if cause := b.Channel.check(requireHTTPS); cause != "" {
		causes = append(causes, cause)
	}
	if len(causes) > 0 {
		return errValidation(fieldOf(causes[0]), causes...)
	}
	return nil
}

func (ch hookChannel) check(requireHTTPS bool) string {
	u, err := url.Parse(ch.Config.URI)
	if err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" {
		return "channel.config.uri: must be an absolute URL"
	}
	if requireHTTPS && u.Scheme != "https" {
		return "channel.config.uri: must use https"
	}
	for _, h := range ch.Config.Headers {
		if h.Key == "" {
			return "channel.config.headers: a header needs a key"
		}
	}
	if ch.Config.AuthScheme != nil && ch.Config.AuthScheme.Key == "" {
		return "channel.config.authScheme.key: The field cannot be left blank"
	}
	return ""
}

// hookEligible refuses the types of the catalogue that exist in the System Log
// only (Okta: event types). Unknown names are taken, as they match nothing.
func hookEligible(name string) bool {
	for _, k := range eventKinds() {
		if k.name == name {
			return k.hooked
		}
	}
	for _, prefix := range []string{"event_hook.", "system.import.user.", "group.user_membership.rule.",
		"directory.", "system.operation.rate_limit."} {
		if strings.HasPrefix(name, prefix) {
			return false
		}
	}
	return !slices.Contains([]string{"user.account.update_user_type", "user.account.update_primary_email",
		"user.account.update_secondary_email", "application.user_membership.change_username"}, name)
}

// hookBy finds a hook. The caller holds the lock.
func (o *Org) hookBy(id string) (*hook, error) {
	for _, h := range o.hooks {
		if h.id == id {
			return h, nil
		}
	}
	return nil, errNotFound(id, "EventHook")
}

func (o *Org) listHooks(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	w := newListWriter(len(o.hooks) * 1024)
	for _, h := range o.hooks {
		w.item(func(b []byte) []byte { return o.appendHook(b, c.base, h) })
	}
	return w.reply(), nil
}

func (o *Org) getHook(c *call) (*reply, error) {
	o.mu.RLock()
	defer o.mu.RUnlock()
	h, err := o.hookBy(c.id("id"))
	if err != nil {
		return nil, err
	}
	return jsonReply(o.appendHook(nil, c.base, h)), nil
}

// set takes over the content of a body. A changed channel must be verified
// again.
func (h *hook) set(b hookBody) {
	h.name = b.Name
	h.description = ""
	if b.Description != nil {
		h.description = *b.Description
	}
	h.events = slices.Clone(b.Events.Items)
	h.wants = make(map[string]bool, len(h.events))
	for _, e := range h.events {
		h.wants[e] = true
	}
	before, err := json.Marshal(h.channel)
	after, err2 := json.Marshal(*b.Channel)
	if err != nil || err2 != nil || string(before) != string(after) {
		h.verified = false
	}
	h.channel = *b.Channel
}

func (t *tx) createHook(b hookBody, base string) (*hook, error) {
	o := t.o
	if err := b.check(o.opt.Hooks.RequireHTTPS); err != nil {
		return nil, err
	}
	h := &hook{id: makeID(prefixHook, o.opt.Seed, o.nextHook), active: true, created: t.at(), updated: t.at(), base: base}
	o.nextHook++
	h.set(b)
	o.hooks = append(o.hooks, h)
	t.emit(evHookCreate, []entity{hookEntity(h)})
	return h, nil
}

func (o *Org) createHook(c *call) (*reply, error) {
	var body hookBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return o.change(c, func(t *tx) (*reply, error) {
		h, err := t.createHook(body, c.base)
		if err != nil {
			return nil, err
		}
		return jsonReply(o.appendHook(nil, c.base, h)), nil
	})
}

func (o *Org) replaceHook(c *call) (*reply, error) {
	var body hookBody
	if err := c.decode(&body); err != nil {
		return nil, err
	}
	return o.change(c, func(t *tx) (*reply, error) {
		h, err := o.hookBy(c.id("id"))
		if err != nil {
			return nil, err
		}
		if err := body.check(o.opt.Hooks.RequireHTTPS); err != nil {
			return nil, err
		}
		// The secret cannot be read back, so a body without one keeps it.
		if a := body.Channel.Config.AuthScheme; a != nil && a.Value == "" && h.channel.Config.AuthScheme != nil {
			a.Value = h.channel.Config.AuthScheme.Value
		}
		h.set(body)
		h.updated = t.at()
		t.emit(evHookUpdate, []entity{hookEntity(h)})
		return jsonReply(o.appendHook(nil, c.base, h)), nil
	})
}

// deleteHook needs an inactive hook.
func (o *Org) deleteHook(c *call) (*reply, error) {
	return o.change(c, func(t *tx) (*reply, error) {
		h, err := o.hookBy(c.id("id"))
		if err != nil {
			return nil, err
		}
		if h.active {
			return nil, errValidation("status", "status: an event hook must be deactivated before it can be deleted")
		}
		h.gone = true
		o.hooks = slices.DeleteFunc(o.hooks, func(x *hook) bool { return x == h })
		t.emit(evHookDelete, []entity{hookEntity(h)})
		return noContent(), nil
	})
}

func (o *Org) activateHook(c *call) (*reply, error) { return o.setHookActive(c, true) }

func (o *Org) deactivateHook(c *call) (*reply, error) { return o.setHookActive(c, false) }

func (o *Org) setHookActive(c *call, active bool) (*reply, error) {
	return o.change(c, func(t *tx) (*reply, error) {
		h, err := o.hookBy(c.id("id"))
		if err != nil {
			return nil, err
		}
		if active && o.liveHooks() >= hooksMost && !h.active {
			return nil, errValidation("status", "status: the org has 25 active event hooks, which is the most allowed")
		}
		if h.active != active {
			h.active = active
			h.updated = t.at()
			kind := evHookDeactivate
			if active {
				kind = evHookActivate
			}
			t.emit(kind, []entity{hookEntity(h)})
		}
		return jsonReply(o.appendHook(nil, c.base, h)), nil
	})
}

func (o *Org) liveHooks() int {
	n := 0
	for _, h := range o.hooks {
		if h.active && h.verified {
			n++
		}
	}
	return n
}

// verifyHook sends the challenge without holding the lock, because the
// receiver may call the org while it answers.
func (o *Org) verifyHook(c *call) (*reply, error) {
	if err := o.verify(c.id("id"), c.origin()); err != nil {
		return nil, err
	}
	return o.getHook(c)
}

// appendHook appends a hook without its secret.
func (o *Org) appendHook(b []byte, base string, h *hook) []byte {
	self := base + "/api/v1/eventHooks/" + h.id
	status, verification := "INACTIVE", "UNVERIFIED"
	if h.active {
		status = "ACTIVE"
	}
	if h.verified {
		verification = "VERIFIED"
	}
	b = append(b, `{"id":"`+h.id+`","status":"`+status+`","verificationStatus":"`+verification+`","name":`...)
	b = appendText(b, h.name)
	b = append(b, `,"description":`...)
	b = appendTextOrNull(b, h.description)
	b = append(b, `,"created":`...)
	b = appendTime(b, h.created)
	b = append(b, `,"createdBy":"`+o.admin.id+`","lastUpdated":`...)
	b = appendTime(b, h.updated)
	b = append(b, `,"events":{"type":"EVENT_TYPE","items":[`...)
	for i, e := range h.events {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendText(b, e)
	}
	b = append(b, `],"filter":null},"channel":{"type":"HTTP","version":"1.0.0","config":{"uri":`...)
	b = appendText(b, h.channel.Config.URI)
	b = append(b, `,"headers":[`...)
	for i, hd := range h.channel.Config.Headers {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"key":`...)
		b = appendText(b, hd.Key)
		b = append(b, `,"value":`...)
		b = appendText(b, hd.Value)
		b = append(b, '}')
	}
	b = append(b, `],"method":"POST","authScheme":`...)
	if a := h.channel.Config.AuthScheme; a != nil {
		b = append(b, `{"type":"HEADER","key":`...)
		b = appendText(b, a.Key)
		b = append(b, '}')
	} else {
		b = append(b, "null"...)
	}
	b = append(b, `}},"_links":{"self":{"href":"`+self+`"}`...)
	if h.active {
		b = appendHookLink(b, self, "verify")
		b = appendHookLink(b, self, "deactivate")
		return append(b, `}}`...)
	}
	b = appendHookLink(b, self, "activate")
	return append(b, `,"delete":{"href":"`+self+`","hints":{"allow":["DELETE"]}}}}`...)
}

func appendHookLink(b []byte, self, op string) []byte {
	return append(b, `,"`+op+`":{"href":"`+self+`/lifecycle/`+op+`","hints":{"allow":["POST"]}}`...)
}
