package webhook

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// UseLedger keeps with which secrets deliveries came, and which secrets each process accepts.
type UseLedger interface {
	NoteHookUses(ctx context.Context, uses []directory.HookUse) error
	// OpenHookDoor says that the process takes hooks; secrets is nil while it accepts the
	// same as before, and the error is directory.ErrNotFound when nothing is known of before.
	OpenHookDoor(ctx context.Context, owner string, secrets map[string][]string) error
	CloseHookDoor(ctx context.Context, owner string) error
}

// UsesOptions are what Uses needs.
type UsesOptions struct {
	Ledger UseLedger
	Owner  string // name of this process
	// Secrets returns the fingerprints of the secrets accepted now, by tenant.
	Secrets func() map[string][]string
	Every   time.Duration // between two writes; zero means DoorBeat
	Log     *slog.Logger
	Now     func() time.Time // nil means time.Now
}

// DoorBeat is how often a process says that it takes hooks. One that was silent for
// DoorLife is taken for dead.
const (
	DoorBeat = 2 * time.Second
	DoorLife = 20 * time.Second
)

// DoorsWithout names the processes that do not accept the secret with the fingerprint.
func DoorsWithout(doors []directory.HookDoor, tenant, fingerprint string) []string {
	var without []string
	for _, d := range doors {
		if !slices.Contains(d.Secrets[tenant], fingerprint) {
			without = append(without, d.Owner)
		}
	}
	return without
}

// Uses remembers with which secret deliveries come and writes it down every few seconds, so
// that a delivery costs no write of its own. With the same beat it tells which secrets
// this process accepts: who changes a secret asks all processes before Okta gets it.
type Uses struct {
	o UsesOptions

	mu   sync.Mutex
	seen map[useKey]*use

	told    map[string][]string // what the door says
	failing bool
}

type useKey struct{ tenant, secret string } // secret: the fingerprint, empty for a refusal

type use struct {
	count int64
	last  time.Time
}

// NewUses returns Uses. Nothing is written before Run.
func NewUses(o UsesOptions) *Uses {
	if o.Every <= 0 {
		o.Every = DoorBeat
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Uses{o: o, seen: map[useKey]*use{}}
}

func (u *Uses) used(tenant, secret string) { u.note(useKey{tenant, Fingerprint(tenant, secret)}) }

func (u *Uses) refused(tenant string) { u.note(useKey{tenant: tenant}) }

// note counts. Strangers cannot fill the memory: only tenants that there are get here, and
// only right secrets have fingerprints.
func (u *Uses) note(k useKey) {
	now := u.o.Now()
	u.mu.Lock()
	defer u.mu.Unlock()
	n := u.seen[k]
	if n == nil {
		n = &use{}
		u.seen[k] = n
	}
	n.count++
	n.last = now
}

// Run writes until ctx ends, and then once more.
func (u *Uses) Run(ctx context.Context) {
	ticker := time.NewTicker(u.o.Every)
	defer ticker.Stop()
	for {
		u.tell(u.beat(ctx))
		select {
		case <-ticker.C:
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
			defer cancel()
			if err := errors.Join(u.flush(last), u.o.Ledger.CloseHookDoor(last, u.o.Owner)); err != nil {
				u.o.Log.Warn("could not write down with which secrets the last hooks came", "error", err)
			}
			return
		}
	}
}

func (u *Uses) beat(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	return errors.Join(u.flush(ctx), u.open(ctx))
}

// open says that this process takes hooks, and with which secrets when they are new.
func (u *Uses) open(ctx context.Context) error {
	secrets := u.o.Secrets()
	if u.told != nil && reflect.DeepEqual(secrets, u.told) {
		err := u.o.Ledger.OpenHookDoor(ctx, u.o.Owner, nil)
		if !errors.Is(err, directory.ErrNotFound) {
			return err
		}
	}
	err := u.o.Ledger.OpenHookDoor(ctx, u.o.Owner, secrets)
	if err == nil {
		u.told = secrets
	}
	return err
}

// flush writes what was counted since the last time. What could not be written is kept.
func (u *Uses) flush(ctx context.Context) error {
	u.mu.Lock()
	counted := u.seen
	u.seen = map[useKey]*use{}
	u.mu.Unlock()
	if len(counted) == 0 {
		return nil
	}
	keys := slices.SortedFunc(maps.Keys(counted), func(a, b useKey) int {
		return strings.Compare(a.tenant+"\n"+a.secret, b.tenant+"\n"+b.secret)
	})
	now := u.o.Now()
	uses := make([]directory.HookUse, len(keys))
	for i, k := range keys {
		uses[i] = directory.HookUse{Tenant: k.tenant, Secret: k.secret, Uses: counted[k].count, Age: now.Sub(counted[k].last)}
	}
	err := u.o.Ledger.NoteHookUses(ctx, uses)
	if err != nil {
		u.putBack(counted)
	}
	return err
}

func (u *Uses) putBack(counted map[useKey]*use) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for k, n := range counted {
		if since := u.seen[k]; since != nil {
			since.count += n.count
			continue
		}
		u.seen[k] = n
	}
}

// tell says once that writing fails, and once that it goes well again.
func (u *Uses) tell(err error) {
	if err != nil && !u.failing {
		u.o.Log.Warn("could not write down with which secrets hooks come; it is tried again", "in", u.o.Every, "error", err)
	}
	u.failing = err != nil
}
