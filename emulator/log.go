package emulator

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	logDefault  = 100
	logMost     = 1000
	logReach    = 180 * 24 * time.Hour // since may lie no further back
	logKept     = 90 * 24 * time.Hour  // events are kept so long
	logWindow   = 7 * 24 * time.Hour   // default distance of since from until
	logBytes    = 2200
	logWordsMax = 10
)

// logQuery is a read of the System Log.
type logQuery struct {
	since, until millis
	bounded      bool // until or descending order was asked for
	descending   bool
	after        string
	limit        int
	want         func(*event) bool
}

// listLogs answers GET /logs. A polling request (ascending, no until) follows
// the order of arrival and always has a next link; a bounded one follows
// published and ends (Okta: System Log query).
func (o *Org) listLogs(c *call) (*reply, error) {
	q, err := o.logQuery(c)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	o.log.arrive(o.now())
	o.mu.Unlock()
	o.mu.RLock()
	defer o.mu.RUnlock()
	if q.bounded {
		return o.boundedLog(c, q)
	}
	return o.pollLog(c, q)
}

func (o *Org) logQuery(c *call) (logQuery, error) {
	now := o.now()
	q := logQuery{until: toMillis(now) + 1, after: c.query.Get("after")}
	var err error
	if q.limit, err = logLimit(c.query.Get("limit")); err != nil {
		return q, err
	}
	switch strings.ToUpper(c.query.Get("sortOrder")) {
	case "", "ASCENDING":
	case "DESCENDING":
		q.descending, q.bounded = true, true
	default:
		return q, errValidation("sortOrder", "sortOrder: must be ASCENDING or DESCENDING")
	}
	if s := c.query.Get("until"); s != "" {
		t, err := logTime("until", s)
		if err != nil {
			return q, err
		}
		q.until, q.bounded = toMillis(t), true
	}
	q.since = q.until - millis(logWindow/time.Millisecond)
	if s := c.query.Get("since"); s != "" {
		t, err := logTime("since", s)
		if err != nil {
			return q, err
		}
		if now.Sub(t) > logReach {
			return q, errFilter("since", "the date lies more than 180 days back")
		}
		q.since = toMillis(t)
	}
	want, err := logCondition(c.query.Get("filter"), c.query.Get("q"))
	oldest := toMillis(now.Add(-logKept))
	q.want = func(e *event) bool { return e.published >= oldest && want(e) }
	return q, err
}

// logLimit: unlike other lists, the log takes 0, and refuses more than 1000.
func logLimit(s string) (int, error) {
	if s == "" {
		return logDefault, nil
	}
	n, err := strconv.Atoi(s)
	if err != nil || n < 0 || n > logMost {
		return 0, errValidation("limit", "limit: must be a number from 0 to 1000")
	}
	return n, nil
}

func logTime(name, s string) (time.Time, error) {
	for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999Z0700", "2006-01-02"} {
		if t, err := time.Parse(layout, s); err == nil {
			return t, nil
		}
	}
	return time.Time{}, errValidation(name, name+": must be a time such as 2026-08-20T09:15:04.512Z")
}

func logCondition(filter, q string) (func(*event) bool, error) {
	want := func(*event) bool { return true }
	if filter != "" {
		n, err := parseFilter(filter, logFilter())
		if err != nil {
			return nil, errSearch(err.Error())
		}
		want = func(e *event) bool {
			return n.match(func(name string) value { return eventField(e, name) })
		}
	}
	words := strings.Fields(strings.ToLower(q))
	if len(words) == 0 {
		return want, nil
	}
	if len(words) > logWordsMax {
		return nil, errValidation("q", "q: at most 10 words are allowed")
	}
	for _, w := range words {
		if len(w) > 40 {
			return nil, errValidation("q", "q: words of at most 40 characters are allowed")
		}
	}
	inner := want
	return func(e *event) bool { return inner(e) && e.holds(words) }, nil
}

// holds tells whether every word occurs in the texts of the event.
func (e *event) holds(words []string) bool {
	text := strings.ToLower(string(appendEvent(nil, e, false)))
	for _, w := range words {
		if !strings.Contains(text, w) {
			return false
		}
	}
	return true
}

// pollLog gives events in the order of arrival. The cursor is the last event
// looked at, so that an unchanged log gives the same next link again.
func (o *Org) pollLog(c *call, q logQuery) (*reply, error) {
	seq := uint64(0)
	if q.after != "" {
		var err error
		if _, seq, err = readLogCursor(q.after); err != nil {
			return nil, err
		}
	}
	events := o.log.events
	w := newListWriter(min(q.limit, len(events)) * logBytes)
	cursor := q.after
	for _, e := range events[o.log.after(seq):] {
		if len(w.ends) >= q.limit {
			break
		}
		// With a cursor, late arrivals count whatever their time is.
		if q.after == "" && e.published < q.since {
			cursor = e.cursor()
			continue
		}
		if q.want(e) {
			w.item(func(b []byte) []byte { return appendEvent(b, e, false) })
		}
		cursor = e.cursor()
	}
	if cursor == "" {
		cursor = strconv.FormatInt(int64(q.since), 10) + "_0"
	}
	return c.page(w.reply(), q.limit, cursor), nil
}

// boundedLog gives the events of a window by the time they were published.
func (o *Org) boundedLog(c *call, q logQuery) (*reply, error) {
	var rows []*event
	for _, e := range o.log.events {
		if e.published >= q.since && e.published < q.until && q.want(e) {
			rows = append(rows, e)
		}
	}
	order := func(x, y *event) int {
		d := compare(int64(x.published), int64(y.published))
		if d == 0 {
			d = compare(int64(x.seq), int64(y.seq))
		}
		if q.descending {
			return -d
		}
		return d
	}
	slices.SortFunc(rows, order)
	if q.after != "" {
		at, seq, err := readLogCursor(q.after)
		if err != nil {
			return nil, err
		}
		i, found := slices.BinarySearchFunc(rows, &event{published: at, seq: seq}, order)
		if found {
			i++
		}
		rows = rows[i:]
	}
	n := min(q.limit, len(rows))
	w := newListWriter(n * logBytes)
	for _, e := range rows[:n] {
		w.item(func(b []byte) []byte { return appendEvent(b, e, false) })
	}
	after := ""
	if n > 0 && n < len(rows) {
		after = rows[n-1].cursor()
	}
	return c.page(w.reply(), q.limit, after), nil
}

func readLogCursor(s string) (millis, uint64, error) {
	at, seq, found := strings.Cut(s, "_")
	t, errTime := strconv.ParseInt(at, 10, 64)
	n, errSeq := strconv.ParseUint(seq, 10, 64)
	if !found || errTime != nil || errSeq != nil {
		return 0, 0, errCursor()
	}
	return millis(t), n, nil
}
