package webhook

import (
	"errors"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/directory/logevent"
)

// maxEvents is far above what fits: real events take over 500 bytes each,
// so 4 MiB hold fewer. It keeps a body of tiny pieces from growing a
// thousandfold in memory.
const maxEvents = 10_000

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

// decode reads a delivery. It is as lenient as package logevent: only a body that is no
// JSON object, or holds an absurd number of events, is an error.
func decode(body []byte, appID string, now time.Time) (delivery, error) {
	c, valid := logevent.NewCursor(body)
	if !valid {
		return delivery{}, errMalformed
	}
	list := logevent.List{Via: directory.ViaHook, AppID: appID, Now: now}
	var d delivery
	var err error
	elements := 0
	element := func() {
		if elements++; elements > maxEvents {
			err = errTooMany
			c.Skip()
			return
		}
		list.Take(c)
	}
	object := c.Object(func(name []byte) {
		switch string(name) {
		case "eventId", "eventID": // an older page of Okta's has the second spelling
			d.id = logevent.Clean(c.String())
		case "data":
			c.Object(func(name []byte) {
				if string(name) == "events" {
					c.Array(element)
					return
				}
				c.Skip()
			})
		default:
			c.Skip()
		}
	})
	if !object {
		return delivery{}, errMalformed
	}
	if err != nil {
		return delivery{}, err
	}
	d.events, d.unreadable = list.Events, list.Unreadable
	for i := range d.events {
		d.events[i].DeliveryID = d.id // it may stand after the events
	}
	return d, nil
}
