package directory

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// MaxEndpoints is how many endpoints a tenant may have: each is a lane of its own, and a row of the metrics.
const MaxEndpoints = 20

// Endpoint is an address of the product that a tenant's changes are posted to.
type Endpoint struct {
	Tenant, ID, Name, URL string
	// Types are types of changes, or patterns such as person.*; none: all.
	Types []string
	// Teams are ids of teams: only what is about them or their people is sent; none: everything.
	Teams     []string
	Secrets   []EndpointSecret // the newest first
	Disabled  *EndpointDisabled
	Version   int64 // grows with every change of the settings
	CreatedAt time.Time
	CreatedBy string
	Health    EndpointHealth
}

// EndpointSecret is a key that requests are signed with.
type EndpointSecret struct {
	ID        string     `json:"id"`
	Kind      SecretKind `json:"kind"`
	Sealed    string     `json:"sealed"`
	Public    string     `json:"public,omitempty"` // of a key pair
	CreatedAt time.Time  `json:"created_at"`
	Until     *time.Time `json:"until,omitempty"` // it signs until then; nil: until another one takes its place
}

// Wanted returns which of types the endpoint asked for; of all types when there are none. False: it asked for none
// of them.
func (e Endpoint) Wanted(types []ChangeType) ([]ChangeType, bool) {
	asked, unknown := MatchTypes(e.Types)
	switch {
	case unknown != "": // of a later version: nothing can be sent to it
		return nil, false
	case len(asked) == 0:
		return types, true
	case len(types) == 0:
		return asked, true
	}
	both := slices.DeleteFunc(slices.Clone(types), func(t ChangeType) bool { return !slices.Contains(asked, t) })
	return both, len(both) > 0
}

// SecretKind says how a secret signs. Standard Webhooks: "Signature scheme".
type SecretKind string

// The kinds of secrets.
const (
	SecretShared  SecretKind = "hmac-sha256" // one secret that both sides know: whsec_
	SecretKeyPair SecretKind = "ed25519"     // we keep the private key, the receiver has the public one: whpk_
)

// EndpointDisabled says why nothing is sent.
type EndpointDisabled struct {
	At     time.Time
	By     string // name of the admin token, or oktasync itself
	Reason string
}

// EndpointHealth is how the deliveries go.
type EndpointHealth struct {
	Cursor       int64      // changes up to this one are done with, or among Waiting and Dead
	Behind       int64      // changes after it
	Waiting      int        // that failed or wait behind one that did
	Dead         int        // that were given up
	Missed       int64      // that were no longer kept when their turn came
	Oldest       *time.Time // when the first change that is still to be delivered was committed
	Attempts     int64      // so far
	FailingSince *time.Time // nothing has succeeded since; nil: the last one did
	LastSuccess  *time.Time
	LastProblem  string
	RestUntil    *time.Time // nothing is tried before, because everything fails
}

// Lane is an endpoint in the hands of the one who delivers to it.
type Lane struct {
	Endpoint
	Feed  string // id of the tenant's feed
	Turn  int64
	Rests int  // in a row, without a success in between
	Slow  bool // the receiver was slow, or failed, the last time
}

// LaneHint says that there is something to deliver.
type LaneHint struct {
	Tenant, Endpoint string
	Slow             bool
}

// DeliveryState says where a delivery stands.
type DeliveryState string

// The states of deliveries.
const (
	DeliveryWaiting   DeliveryState = "waiting"
	DeliveryDead      DeliveryState = "dead" // given up after the last attempt
	DeliveryDelivered DeliveryState = "delivered"
)

// Delivery is a change on its way to an endpoint, after an attempt failed or behind one that did.
type Delivery struct {
	Pos       int64 // set by the store; of one about, they are sent in this order
	Seq       int64 // of the change
	Replay    string
	About     string
	State     DeliveryState
	Attempts  int
	Wait      time.Duration // until the next attempt; below zero: until the one before is done with
	DueAt     *time.Time
	CreatedAt time.Time
	Status    int // of the last answer; zero: there was none
	Problem   string
}

// Attempt is one request to an endpoint.
type Attempt struct {
	No      int64 // of the endpoint; set by the store
	Seq     int64 // zero for a test
	Replay  string
	About   string
	Attempt int // of this delivery, from 1
	At      time.Time
	OK      bool
	Status  int
	Took    time.Duration
	Problem string
	Answer  string // the beginning of what the receiver said
}

// LaneStep is what one who delivers writes down.
type LaneStep struct {
	Cursor   int64
	Add      []Delivery // changes that did not arrive, and those behind them
	Done     []Delivery // rows that arrived; by Pos
	Again    []Delivery // rows that failed once more, or for good; by Pos
	Attempts []Attempt
	Missed   int64
	Gone     bool // the receiver wants no more
	Slow     bool
	Rests    int
	Rest     time.Duration
	End      bool   // of the turn
	Problem  string // why nothing can be sent at all; empty: the attempts tell
}

// About is what a change is about, in the sense of the order of deliveries: the person of a person and of a
// membership, else the team or group.
func (c Change) About() string {
	if c.PersonID != "" {
		return c.PersonID
	}
	return c.SubjectID
}

// MessageID names a change to receivers: the same at each attempt and for every endpoint. A replay has another
// one, or whoever remembers ids would pass it over.
func MessageID(feed string, seq int64, replay string) string {
	id := "msg_" + feed + "_" + strconv.FormatInt(seq, 10)
	if replay != "" {
		id += "_" + replay
	}
	return id
}

// ParseMessageID is its reverse.
func ParseMessageID(id string) (seq int64, replay string, ok bool) {
	parts := strings.Split(id, "_")
	if len(parts) < 3 || len(parts) > 4 || parts[0] != "msg" {
		return 0, "", false
	}
	seq, err := strconv.ParseInt(parts[2], 10, 64)
	if len(parts) == 4 {
		replay = parts[3]
	}
	return seq, replay, err == nil && seq > 0
}

// MatchTypes returns the types of changes that names stand for, sorted; person.* stands for all that begin so.
// A name that stands for none is returned as unknown.
func MatchTypes(names []string) (types []ChangeType, unknown string) {
	for _, name := range names {
		prefix, all := strings.CutSuffix(name, "*")
		before := len(types)
		for _, t := range ChangeTypes() {
			if string(t) == name || all && strings.HasSuffix(prefix, ".") && strings.HasPrefix(string(t), prefix) {
				types = append(types, t)
			}
		}
		if len(types) == before {
			return nil, name
		}
	}
	slices.Sort(types)
	return slices.Compact(types), ""
}
