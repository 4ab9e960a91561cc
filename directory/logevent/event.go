package logevent

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const (
	// MaxText is the longest id, type or login that is taken over, in bytes.
	MaxText = 320
	// maxTargets is how many targets of one event are looked at; real ones have up to five.
	maxTargets = 200
)

// List collects the events of one delivery or page.
type List struct {
	Via   directory.Via
	AppID string    // the tenant's app: events about others touch nothing of ours
	Now   time.Time // for events without a usable date

	Events     []directory.Event // each uuid once
	Unreadable int               // elements that are no events

	byUUID map[string]int
}

// Take reads the element at the cursor.
//
// Events without a usable uuid are keyed by a hash of their content, so that a
// repeated one is still recognized. Events with an unusable date, or one that lies
// in the future, count as published now. Events of one uuid are merged.
func (l *List) Take(c *Cursor) {
	e, read := l.read(c)
	if !read {
		l.Unreadable++
		return
	}
	if i, twice := l.byUUID[e.UUID]; twice {
		merge(&l.Events[i], e)
		return
	}
	if l.byUUID == nil {
		l.byUUID = make(map[string]int)
	}
	l.byUUID[e.UUID] = len(l.Events)
	l.Events = append(l.Events, e)
}

// read reads the log event at the cursor; false when there is none.
func (l *List) read(c *Cursor) (directory.Event, bool) {
	c.space()
	start := c.at
	e := directory.Event{Via: l.Via}
	var targets []directory.Target
	object := c.Object(func(name []byte) {
		switch string(name) {
		case "uuid":
			e.UUID = Clean(c.String())
		case "eventType":
			e.Type = Clean(c.String())
		case "published":
			e.Published = publishedAt(c.String(), l.Now)
		case "outcome":
			c.Object(func(name []byte) {
				if string(name) == "result" {
					e.Outcome = Clean(c.String())
					return
				}
				c.Skip()
			})
		case "target":
			targets = targets[:0]
			c.Array(func() {
				t := readTarget(c)
				if t.ID != "" && len(targets) < maxTargets {
					targets = append(targets, t)
				}
			})
		default:
			c.Skip()
		}
	})
	if !object {
		return directory.Event{}, false
	}
	if e.UUID == "" {
		e.UUID = contentKey(c.text[start:c.at])
	}
	if e.Published.IsZero() {
		e.Published = l.Now
	}
	e.Scopes = directory.ScopesOf(e.Type, targets, l.AppID)
	e.Urgent = directory.UrgentEvent(e.Type)
	return e, true
}

// readTarget reads the target at the cursor; one without an id when there is none.
func readTarget(c *Cursor) directory.Target {
	var t directory.Target
	c.Object(func(name []byte) {
		switch string(name) {
		case "id":
			t.ID = Clean(c.String())
		case "type":
			t.Type = Clean(c.String())
		case "alternateId":
			t.AlternateID = Clean(c.String())
		default:
			c.Skip()
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

// Clean returns a text that a database can store and a log line can show, or
// nothing: no id, type or login of Okta's is long or has control characters.
func Clean(s string) string {
	if len(s) > MaxText {
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
