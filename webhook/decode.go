package webhook

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const (
	// maxEvents is far above what fits: real events take over 500 bytes each,
	// so 4 MiB hold fewer. It keeps a body of tiny pieces from growing a
	// thousandfold in memory.
	maxEvents = 10_000
	// maxTargets is how many targets of one event are looked at; real ones have up to five.
	maxTargets = 200
	// maxText is the longest id, type or login that is taken over.
	maxText = 320
)

var (
	errMalformed = errors.New("the body is not a JSON object")
	errTooMany   = fmt.Errorf("the body holds more than %d events", maxEvents)
)

// delivery is what is taken over from one body.
type delivery struct {
	id         string // eventId
	events     []directory.Event
	unreadable int // elements of the list that are no events
}

// decode reads a delivery. It is as lenient as can be, because Okta adds members at
// any time, leaves out or nulls others, and lets admins edit preview bodies by hand
// (Okta: event hooks guide, "preview an event hook"): only a body that is no
// JSON object, or holds an absurd number of events, is an error.
//
// Events without a usable uuid are keyed by a hash of their content, so that a
// repeated delivery is still recognized. Events with an unusable date, or one that lies
// in the future, count as published now. Events of one uuid are merged.
func decode(body []byte, appID string, now time.Time) (delivery, error) {
	body = bytes.TrimPrefix(body, []byte("\xef\xbb\xbf"))
	if !json.Valid(body) {
		return delivery{}, errMalformed
	}
	c := &cursor{text: body}
	var d delivery
	var err error
	elements, byUUID := 0, map[string]int{}
	element := func() {
		if elements++; elements > maxEvents {
			err = errTooMany
			c.skip()
			return
		}
		e, read := readEvent(c, appID, now)
		if !read {
			d.unreadable++
			return
		}
		if i, twice := byUUID[e.UUID]; twice {
			merge(&d.events[i], e)
			return
		}
		byUUID[e.UUID] = len(d.events)
		d.events = append(d.events, e)
	}
	object := c.object(func(name []byte) {
		switch string(name) {
		case "eventId", "eventID": // an older page of Okta's has the second spelling
			d.id = clean(c.string())
		case "data":
			c.object(func(name []byte) {
				if string(name) == "events" {
					c.array(element)
					return
				}
				c.skip()
			})
		default:
			c.skip()
		}
	})
	if !object {
		return delivery{}, errMalformed
	}
	if err != nil {
		return delivery{}, err
	}
	for i := range d.events {
		d.events[i].DeliveryID = d.id // it may stand after the events
	}
	return d, nil
}

// readEvent reads the log event at the cursor; false when there is none.
func readEvent(c *cursor, appID string, now time.Time) (directory.Event, bool) {
	c.space()
	start := c.at
	e := directory.Event{Via: directory.ViaHook}
	var targets []directory.Target
	object := c.object(func(name []byte) {
		switch string(name) {
		case "uuid":
			e.UUID = clean(c.string())
		case "eventType":
			e.Type = clean(c.string())
		case "published":
			e.Published = publishedAt(c.string(), now)
		case "outcome":
			c.object(func(name []byte) {
				if string(name) == "result" {
					e.Outcome = clean(c.string())
					return
				}
				c.skip()
			})
		case "target":
			targets = targets[:0]
			c.array(func() {
				t := readTarget(c)
				if t.ID != "" && len(targets) < maxTargets {
					targets = append(targets, t)
				}
			})
		default:
			c.skip()
		}
	})
	if !object {
		return directory.Event{}, false
	}
	if e.UUID == "" {
		e.UUID = contentKey(c.text[start:c.at])
	}
	if e.Published.IsZero() {
		e.Published = now
	}
	e.Scopes = directory.ScopesOf(e.Type, targets, appID)
	e.Urgent = directory.UrgentEvent(e.Type)
	return e, true
}

// readTarget reads the target at the cursor; one without an id when there is none.
func readTarget(c *cursor) directory.Target {
	var t directory.Target
	c.object(func(name []byte) {
		switch string(name) {
		case "id":
			t.ID = clean(c.string())
		case "type":
			t.Type = clean(c.string())
		case "alternateId":
			t.AlternateID = clean(c.string())
		default:
			c.skip()
		}
	})
	return t
}

// merge adds to an event what another of the same uuid asks for besides: no
// hint is lost, whichever of them is the true one.
func merge(e *directory.Event, other directory.Event) {
	for _, s := range other.Scopes {
		if !slices.Contains(e.Scopes, s) {
			e.Scopes = append(e.Scopes, s)
		}
	}
	e.Urgent = e.Urgent || other.Urgent
}

// clean returns a text that a database can store and a log line can show, or
// nothing: no id, type or login of Okta's is long or has control characters.
func clean(s string) string {
	if len(s) > maxText {
		return ""
	}
	for i := range len(s) {
		if s[i] < ' ' || s[i] == 0x7f {
			return ""
		}
	}
	return strings.TrimSpace(s)
}

// publishedAt reads a time. Okta writes RFC 3339 with milliseconds (System Log
// API); other forms come from bodies that were edited by hand. The zero time means that
// it cannot be used.
func publishedAt(text string, now time.Time) time.Time {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999Z0700", "2006-01-02T15:04:05.999999999", time.DateTime, time.DateOnly} {
		t, err := time.Parse(layout, text)
		if err != nil {
			continue
		}
		// An event from the future would stay the newest for ever.
		if t.Year() < 2000 || t.After(now.Add(24*time.Hour)) {
			return time.Time{}
		}
		return t.UTC()
	}
	return time.Time{}
}

// contentKey is the key of an event without a uuid: the same content gives the
// same key, however it is spaced and in whichever order its members come.
func contentKey(event []byte) string {
	canonical := event
	decoder := json.NewDecoder(bytes.NewReader(event))
	decoder.UseNumber()
	var content any
	if decoder.Decode(&content) == nil {
		if sorted, err := json.Marshal(content); err == nil {
			canonical = sorted
		}
	}
	sum := sha256.Sum256(canonical)
	return "sha256-" + hex.EncodeToString(sum[:16])
}

// hints lists each scope of the events once, urgent if any of its events is.
func hints(tenant string, events []directory.Event) []directory.ScopeHint {
	var all []directory.ScopeHint
	byScope := map[directory.Scope]int{}
	for _, e := range events {
		for _, s := range e.Scopes {
			i, known := byScope[s]
			if !known {
				i = len(all)
				byScope[s] = i
				all = append(all, directory.ScopeHint{Tenant: tenant, Scope: s})
			}
			all[i].Urgent = all[i].Urgent || e.Urgent
		}
	}
	return all
}
