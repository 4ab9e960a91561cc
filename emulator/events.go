package emulator

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// entity is an actor or target of an event, as it was when the event happened.
type entity struct {
	id, kind, alternate, name string
}

// origin is where a change came from: who, from which client, by which path.
type origin struct {
	actor     entity
	ip        string
	userAgent string
	requestID string
	uri       string
}

// event is one System Log event. It keeps names as they were; only the JSON is
// made when asked for.
type event struct {
	seq       uint64
	uuid      string
	published millis
	kind      eventKind
	from      *origin
	targets   []entity
	debug     []pair
	job       bool   // written by a background job: transaction.type JOB
	txID      string // transaction.id
	failed    string // outcome.reason of a failure; empty = success
}

type pair struct{ key, value string }

// eventLog holds events in the order of their arrival.
type eventLog struct {
	events []*event
	next   uint64 // seq of the next event
	cap    int
	late   []lateEvent
}

// lateEvent arrives in the log later than it happened.
type lateEvent struct {
	event *event
	due   time.Time
}

// arrive adds the late events that are due by now.
func (l *eventLog) arrive(now time.Time) {
	slices.SortStableFunc(l.late, func(a, b lateEvent) int { return a.due.Compare(b.due) })
	for len(l.late) > 0 && !l.late[0].due.After(now) {
		l.add(l.late[0].event)
		l.late = l.late[1:]
	}
}

func (l *eventLog) add(e *event) {
	l.next++
	e.seq = l.next
	l.events = append(l.events, e)
	if len(l.events) > l.cap {
		// Drop a tenth at once, so that the copy is rare.
		keep := l.events[l.cap/10+1:]
		l.events = append(make([]*event, 0, l.cap+1), keep...)
	}
}

// EventRef names a System Log event that a change has written.
type EventRef struct {
	UUID      string    `json:"uuid"`
	Type      string    `json:"eventType"`
	Published time.Time `json:"published"`
}

// tx is one change: everything that happens because of one call. It is used
// under the org's write lock.
type tx struct {
	o     *Org
	now   time.Time
	from  *origin
	id    string // transaction id of the call
	jobID string // transaction id of the background job that it starts
	refs  []EventRef
}

// begin starts a change. The caller holds the write lock.
func (o *Org) begin(from *origin) *tx {
	return &tx{o: o, now: o.now(), from: from, id: randomText(o.rand, 27)}
}

// emit writes an event and queues it for the hooks.
func (t *tx) emit(name string, targets []entity, debug ...pair) {
	t.write(&event{kind: t.o.kinds[name], from: t.from, targets: targets, debug: debug, txID: t.id})
}

// emitJob writes an event of the background job that this change has started:
// its client fields are null and its transaction is a JOB (Okta: assigning a
// group to an app).
func (t *tx) emitJob(name string, targets []entity, debug ...pair) {
	if t.jobID == "" {
		t.jobID = "gam" + randomText(t.o.rand, 13) + orgSuffix
	}
	t.write(&event{kind: t.o.kinds[name], from: t.from, targets: targets, debug: debug, txID: t.jobID, job: true})
}

func (t *tx) write(e *event) {
	e.uuid = newUUID(t.o.rand)
	e.published = toMillis(t.now)
	t.o.log.arrive(t.now)
	if wait := t.o.faults.late(e.kind.name); wait > 0 {
		t.o.log.late = append(t.o.log.late, lateEvent{e, t.now.Add(wait)})
	} else {
		t.o.log.add(e)
	}
	t.refs = append(t.refs, EventRef{UUID: e.uuid, Type: e.kind.name, Published: e.published.time()})
	t.o.deliver.offer(e, t.o.hooks)
}

// at is the time that the change writes into objects, in whole seconds.
func (t *tx) at() millis { return toSecond(t.now) }

func userEntity(p *person) entity {
	return entity{id: p.id, kind: "User", alternate: p.login, name: p.displayName()}
}

// groupEntity: the alternateId of a group is the word unknown (recorded events).
func groupEntity(g *group) entity {
	return entity{id: g.id, kind: "UserGroup", alternate: "unknown", name: g.name}
}

func appEntity(a *app) entity {
	return entity{id: a.id, kind: "AppInstance", alternate: a.label, name: a.label}
}

func hookEntity(h *hook) entity {
	return entity{id: h.id, kind: "EventHook", alternate: "unknown", name: h.name}
}

// appUserTargets are the three targets of an assignment event, in the order of
// recorded ones: AppUser, AppInstance, User.
func (t *tx) appUserTargets(u *appUser) []entity {
	return []entity{
		{id: makeID(prefixAppUser, t.o.opt.Seed, u.number), kind: "AppUser", alternate: u.person.login, name: u.person.displayName()},
		appEntity(u.app),
		userEntity(u.person),
	}
}

// find gives the index of the first event that arrived after seq.
func (l *eventLog) after(seq uint64) int {
	i, _ := slices.BinarySearchFunc(l.events, seq+1, func(e *event, s uint64) int {
		switch {
		case e.seq < s:
			return -1
		case e.seq > s:
			return 1
		default:
			return 0
		}
	})
	return i
}

// appendEvent appends an event. The log and a hook differ in where the chain
// of addresses stands, and only a hook has insertionTimestamp (Okta: event
// hooks guide and System Log API).
func appendEvent(b []byte, e *event, forHook bool) []byte {
	b = append(b, `{"actor":`...)
	b = appendEntity(b, e.from.actor)
	b = append(b, `,"client":`...)
	b = e.appendClient(b, forHook)
	b = append(b, `,"device":null,"authenticationContext":{"authenticationProvider":null,"credentialProvider":null,`+
		`"credentialType":null,"issuer":null,"interface":null,"authenticationStep":0,"externalSessionId":"trs`...)
	b = append(b, e.txID...)
	b = append(b, `"},"displayMessage":`...)
	b = appendText(b, e.kind.message)
	b = append(b, `,"eventType":`...)
	b = appendText(b, e.kind.name)
	if e.failed == "" {
		b = append(b, `,"outcome":{"result":"SUCCESS","reason":null}`...)
	} else {
		b = append(b, `,"outcome":{"result":"FAILURE","reason":`...)
		b = appendText(b, e.failed)
		b = append(b, '}')
	}
	b = append(b, `,"published":`...)
	b = appendTime(b, e.published)
	b = append(b, `,"securityContext":`...)
	if e.job {
		b = append(b, `{"asNumber":null,"asOrg":null,"isp":null,"domain":null,"isProxy":null}`...)
	} else {
		b = append(b, `{"asNumber":64496,"asOrg":"example","isp":"example networks","domain":"example.net","isProxy":false}`...)
	}
	b = append(b, `,"severity":"`...)
	b = append(b, e.severity()...)
	b = append(b, `","debugContext":{"debugData":`...)
	b = e.appendDebug(b)
	b = append(b, `},"legacyEventType":`...)
	b = appendText(b, e.kind.legacy)
	b = append(b, `,"transaction":{"type":"`...)
	b = append(b, e.transactionType()...)
	b = append(b, `","id":"`...)
	b = append(b, e.txID...)
	b = append(b, `","detail":{}},"uuid":"`...)
	b = append(b, e.uuid...)
	b = append(b, `","version":"0"`...)
	if forHook {
		b = append(b, `,"insertionTimestamp":null`...)
	} else {
		b = append(b, `,"request":{"ipChain":`...)
		b = e.appendChain(b)
		b = append(b, '}')
	}
	b = append(b, `,"target":`...)
	if e.targets == nil {
		return append(b, `null}`...)
	}
	b = append(b, '[')
	for i, t := range e.targets {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendEntity(b, t)
	}
	return append(b, `]}`...)
}

func (e *event) severity() string {
	if e.failed != "" {
		return "ERROR"
	}
	return "INFO"
}

func (e *event) transactionType() string {
	if e.job {
		return "JOB"
	}
	return "WEB"
}

func appendEntity(b []byte, t entity) []byte {
	b = append(b, `{"id":`...)
	b = appendText(b, t.id)
	b = append(b, `,"type":`...)
	b = appendText(b, t.kind)
	b = append(b, `,"alternateId":`...)
	b = appendText(b, t.alternate)
	b = append(b, `,"displayName":`...)
	b = appendText(b, t.name)
	return append(b, `,"detailEntry":null}`...)
}

const place = `{"city":"Springfield","state":"Example State","country":"United States","postalCode":"00000",` +
	`"geolocation":{"lat":45,"lon":-90}}`

func (e *event) appendClient(b []byte, forHook bool) []byte {
	if e.job {
		b = append(b, `{"userAgent":null,"zone":null,"device":null,"id":null,"ipAddress":null,"geographicalContext":null`...)
	} else {
		b = append(b, `{"userAgent":{"rawUserAgent":`...)
		b = appendText(b, e.from.userAgent)
		b = append(b, `,"os":"Unknown","browser":"UNKNOWN"},"zone":"null","device":"Unknown","id":null,"ipAddress":`...)
		b = appendText(b, e.from.ip)
		b = append(b, `,"geographicalContext":`+place...)
	}
	if forHook {
		b = append(b, `,"ipChain":`...)
		b = e.appendChain(b)
	}
	return append(b, '}')
}

func (e *event) appendChain(b []byte) []byte {
	if e.job {
		return append(b, `[]`...)
	}
	version := "V4"
	if strings.Contains(e.from.ip, ":") {
		version = "V6"
	}
	b = append(b, `[{"ip":`...)
	b = appendText(b, e.from.ip)
	b = append(b, `,"geographicalContext":`+place+`,"version":"`...)
	b = append(b, version...)
	return append(b, `","source":null}]`...)
}

func (e *event) appendDebug(b []byte) []byte {
	b = append(b, `{"requestId":`...)
	b = appendText(b, e.from.requestID)
	b = append(b, `,"requestUri":`...)
	b = appendText(b, e.from.uri)
	b = append(b, `,"url":`...)
	b = appendText(b, e.from.uri+"?")
	for _, p := range e.debug {
		b = append(b, ',')
		b = appendText(b, p.key)
		b = append(b, ':')
		b = appendText(b, p.value)
	}
	return append(b, '}')
}

// cursor is where an event stands in the log, as the after parameter of its
// links: the time and the place of arrival.
func (e *event) cursor() string {
	return strconv.FormatInt(int64(e.published), 10) + "_" + strconv.FormatUint(e.seq, 10)
}
