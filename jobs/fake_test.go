package jobs

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// row is a scope with unmarked events.
type row struct {
	hint    directory.ScopeHint
	touched time.Time // received or swept
	parked  string
}

// tables is the database, in memory: it is Ledger, Backlog and Calendar.
type tables struct {
	mu      sync.Mutex
	waiting map[string]*row // by tenant and scope
	blocked map[string]string
	blocks  int // calls of Block
	runs    map[string]directory.Run
	swept   map[string]time.Time // runs
	synced  map[string]time.Time // last full sync
	chores  map[directory.ChoreHint]*chore
	failing error // returned by all reads and writes
	panics  bool

	secondLooks []directory.ScopeHint // due
}

func newTables() *tables {
	return &tables{
		waiting: map[string]*row{}, blocked: map[string]string{}, runs: map[string]directory.Run{},
		swept: map[string]time.Time{}, synced: map[string]time.Time{},
		chores: map[directory.ChoreHint]*chore{},
	}
}

func rowKey(tenant string, scope directory.Scope) string { return tenant + " " + scope.String() }

// receive is what the hook endpoint does before it enqueues.
func (t *tables) receive(hints ...directory.ScopeHint) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range hints {
		t.waiting[rowKey(h.Tenant, h.Scope)] = &row{hint: h, touched: time.Now()}
	}
}

// mark is what a commit does. It says whether anything waited.
func (t *tables) mark(tenant string, scope directory.Scope) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	_, found := t.waiting[rowKey(tenant, scope)]
	delete(t.waiting, rowKey(tenant, scope))
	return found
}

func (t *tables) left() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.waiting)
}

func (t *tables) parkedReason(tenant string, scope directory.Scope) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if r := t.waiting[rowKey(tenant, scope)]; r != nil {
		return r.parked
	}
	return ""
}

func (t *tables) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.failing = err
}

func (t *tables) run(id string) directory.Run {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.runs[id]
}

// nightlies returns the dates of a tenant's runs, sorted.
func (t *tables) nightlies(tenant string) []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var dates []string
	for _, r := range t.runs {
		if r.Tenant == tenant {
			dates = append(dates, r.Date)
		}
	}
	slices.Sort(dates)
	return dates
}

func (t *tables) Park(_ context.Context, tenant string, scope directory.Scope, reason string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failing != nil {
		return t.failing
	}
	if r := t.waiting[rowKey(tenant, scope)]; r != nil {
		r.parked = reason
	}
	return nil
}

func (t *tables) Block(_ context.Context, tenant, reason string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.blocked[tenant] = reason
	t.blocks++
	return t.failing
}

func (t *tables) Unblock(_ context.Context, tenant string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.blocked, tenant)
	return t.failing
}

func (t *tables) Blocked(_ context.Context, tenant string) (string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.blocked[tenant], t.failing
}

func (t *tables) WaitingLogins(_ context.Context, tenant string) ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var logins []string
	for _, r := range t.waiting {
		if r.hint.Tenant == tenant && strings.Contains(r.hint.Scope.ID, "@") {
			logins = append(logins, r.hint.Scope.ID)
		}
	}
	return logins, t.failing
}

// claim is what an engine does before it works on a run.
func (t *tables) claim(runID string, claims int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.runs[runID]
	if r.Claims != claims {
		return directory.ErrBusy
	}
	r.Claims++
	t.runs[runID] = r
	return nil
}

// retry is what an engine writes when an attempt has failed.
func (t *tables) retry(runID string, in time.Duration) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.runs[runID]
	at := time.Now().Add(in)
	r.Attempts, r.RetryAt = r.Attempts+1, &at
	t.runs[runID] = r
	return &directory.AttemptError{Attempt: r.Attempts, RetryIn: in, Err: errors.New("Okta answered 500")}
}

func (t *tables) BlockedIdle(context.Context) ([]string, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var idle []string
	for _, tenant := range slices.Sorted(maps.Keys(t.blocked)) {
		waits := func(r *row) bool { return r.hint.Tenant == tenant }
		if !slices.ContainsFunc(slices.Collect(maps.Values(t.waiting)), waits) {
			idle = append(idle, tenant)
		}
	}
	return idle, t.failing
}

func (t *tables) NightlyRefused(_ context.Context, tenant string) (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	refused := false
	for _, r := range t.runs {
		refused = refused || r.Tenant == tenant && r.Refused && r.Date != ""
	}
	return refused, t.failing
}

func (t *tables) StaleScopes(_ context.Context, urgent bool, olderThan time.Duration, limit int) ([]directory.ScopeHint, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.panics {
		panic("a defect in the store")
	}
	probing := map[string]bool{}
	var hints []directory.ScopeHint
	for _, key := range slices.Sorted(maps.Keys(t.waiting)) {
		r := t.waiting[key]
		isBlocked := t.blocked[r.hint.Tenant] != ""
		if r.hint.Urgent != urgent || r.parked != "" || time.Since(r.touched) < olderThan ||
			len(hints) >= limit || (isBlocked && probing[r.hint.Tenant]) {
			continue
		}
		probing[r.hint.Tenant] = isBlocked
		r.touched = time.Now()
		hints = append(hints, r.hint)
	}
	return hints, t.failing
}

func (t *tables) DueSecondLooks(context.Context, time.Duration, int) ([]directory.ScopeHint, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failing != nil {
		return nil, t.failing
	}
	due := t.secondLooks
	t.secondLooks = nil
	return due, nil
}

func (t *tables) StaleRuns(_ context.Context, olderThan time.Duration) ([]directory.Run, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var runs []directory.Run
	for _, id := range slices.Sorted(maps.Keys(t.runs)) {
		due := t.runs[id].RetryAt == nil || !t.runs[id].RetryAt.After(time.Now())
		if t.runs[id].State.Open() && due && time.Since(t.swept[id]) >= olderThan {
			t.swept[id] = time.Now()
			runs = append(runs, t.runs[id])
		}
	}
	return runs, t.failing
}

func (t *tables) CreateRun(_ context.Context, run directory.Run) (directory.Run, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.panics {
		panic("a defect in the store")
	}
	if t.failing != nil {
		return directory.Run{}, false, t.failing
	}
	for _, r := range t.runs {
		if run.Date != "" && r.Tenant == run.Tenant && r.Date == run.Date {
			return r, false, nil
		}
	}
	t.runs[run.ID] = run
	t.swept[run.ID] = time.Now()
	return run, true, nil
}

func (t *tables) LastNightly(_ context.Context, tenant string) (string, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	last := ""
	for _, r := range t.runs {
		if r.Tenant == tenant && r.Date > last {
			last = r.Date
		}
	}
	return last, last != "", t.failing
}

func (t *tables) LastFullSync(_ context.Context, tenant string) (time.Time, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	at, found := t.synced[tenant]
	return at, found, t.failing
}

// reconciler is the engine: it answers as the test says.
type reconciler struct {
	tables *tables
	scope  func(ctx context.Context, tenant string, scope directory.Scope) error
	run    func(ctx context.Context, tenant, runID string) error
	check  func(ctx context.Context, tenant string) error
}

// ReconcileScope marks the scope when the test's answer is no error.
func (r *reconciler) ReconcileScope(ctx context.Context, tenant string, scope directory.Scope) error {
	if r.scope != nil {
		if err := r.scope(ctx, tenant, scope); err != nil {
			return err
		}
	}
	r.tables.mark(tenant, scope)
	return nil
}

func (r *reconciler) ReconcileRun(ctx context.Context, tenant, runID string, claims int64) error {
	if err := r.tables.claim(runID, claims); err != nil {
		return err
	}
	if r.run != nil {
		if err := r.run(ctx, tenant, runID); err != nil {
			return err
		}
	}
	r.tables.mu.Lock()
	defer r.tables.mu.Unlock()
	done := r.tables.runs[runID]
	done.State = directory.RunSucceeded
	r.tables.runs[runID] = done
	return nil
}

// Check is the test's answer.
func (r *reconciler) Check(ctx context.Context, tenant string) error {
	if r.check == nil {
		return nil
	}
	return r.check(ctx, tenant)
}

// chore is the row of a chore.
type chore struct {
	due, swept, lease time.Time
	turns             int64
	last              directory.ChoreEnd
}

func (t *tables) EnsureChores(_ context.Context, plans []directory.ChorePlan) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range plans {
		hint := directory.ChoreHint{Tenant: p.Tenant, Chore: p.Chore}
		if t.chores[hint] == nil {
			t.chores[hint] = &chore{}
		}
	}
	return t.failing
}

func (t *tables) DueChores(_ context.Context, grace time.Duration) ([]directory.ChoreHint, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	var hints []directory.ChoreHint
	for hint, c := range t.chores {
		if !c.due.After(now) && !c.lease.After(now) && now.Sub(c.swept) >= grace {
			c.swept = now
			hints = append(hints, hint)
		}
	}
	return hints, t.failing
}

func (t *tables) BeginChore(_ context.Context, hint directory.ChoreHint, lease time.Duration) (int64, bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	now, c := time.Now(), t.chores[hint]
	if c == nil || c.due.After(now) || c.lease.After(now) {
		return 0, false, t.failing
	}
	c.turns, c.lease = c.turns+1, now.Add(lease)
	return c.turns, true, t.failing
}

func (t *tables) EndChore(_ context.Context, hint directory.ChoreHint, turn int64, end directory.ChoreEnd) (directory.ChoreResult, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	c := t.chores[hint]
	if c.turns != turn {
		return end.Result, t.failing
	}
	before := c.last.Result
	c.due, c.swept, c.lease = time.Now().Add(end.Next), time.Time{}, time.Time{}
	if end.Result != directory.ChorePutOff {
		c.last = end
	}
	return before, t.failing
}

func (t *tables) chore(hint directory.ChoreHint) chore {
	t.mu.Lock()
	defer t.mu.Unlock()
	if c := t.chores[hint]; c != nil {
		return *c
	}
	return chore{}
}
