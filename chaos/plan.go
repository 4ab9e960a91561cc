package main

import (
	"cmp"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/oktasync/oktasync/emulator"
)

// The streams of randomness that a seed feeds; each is independent of how much the
// others were used.
const (
	streamPace = iota + 100
	streamOkta
	streamHooks
	streamInstallation
	streamClock
	streamForger
)

func stream(seed, which uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, which)) }

// between draws a duration.
func between(r *rand.Rand, least, most time.Duration) time.Duration {
	return least + time.Duration(r.Int64N(int64(most-least)+1))
}

// pauses says how long to wait before each step: mostly moments, as of a script that
// works through a list, now and then a real pause.
func pauses(seed uint64, steps int) []time.Duration {
	r := stream(seed, streamPace)
	out := make([]time.Duration, steps)
	for i := range out {
		switch r.IntN(10) {
		case 0, 1, 2, 3:
			out[i] = between(r, 0, 3*time.Millisecond)
		case 9:
			out[i] = between(r, 150*time.Millisecond, 600*time.Millisecond)
		default:
			out[i] = between(r, 5*time.Millisecond, 100*time.Millisecond)
		}
	}
	return out
}

func total(pauses []time.Duration) time.Duration {
	var sum time.Duration
	for _, p := range pauses {
		sum += p
	}
	return sum
}

// trouble is something that is wrong for a while.
type trouble struct {
	at, lasts time.Duration
	what      string
	on        int // which of several
	n         int // how many bytes
	fault     emulator.Fault
}

func (t trouble) String() string {
	if t.fault.Kind != "" {
		return fmt.Sprintf("Okta: %s for %d %% of the calls, %s", t.fault.Kind, int(t.fault.Probability*100), t.lasts)
	}
	if t.what == clockJumps {
		return fmt.Sprintf("%s to %s off", t.what, clockOffsets()[t.n])
	}
	return fmt.Sprintf("%s [%d] for %s", t.what, t.on, t.lasts)
}

// oktaKinds are the ways in which Okta's answers go wrong. Those that no service could
// see through are not among them: a 404 with E0000007 for somebody who is there is
// Okta's word that they are gone.
func oktaKinds() []emulator.FaultKind {
	return []emulator.FaultKind{
		emulator.FaultRateLimited, emulator.FaultConcurrency, emulator.FaultRateNoReset,
		emulator.FaultServerError, emulator.FaultEOF, emulator.FaultSlow, emulator.FaultTruncated, emulator.FaultCutJSON,
		emulator.FaultHTML, emulator.FaultEmptyList, emulator.FaultEmptyBody, emulator.FaultPartialPage,
		emulator.FaultCutPage, emulator.FaultRepeatCursor, emulator.FaultFoldedLinks, emulator.FaultUnquotedNext,
	}
}

// oktaTroubles plans when Okta misbehaves for one tenant.
func oktaTroubles(seed uint64, during time.Duration) []trouble {
	r := stream(seed, streamOkta)
	kinds := oktaKinds()
	var out []trouble
	for range 4 + r.IntN(4) {
		t := trouble{at: between(r, 0, during), lasts: between(r, 200*time.Millisecond, 1500*time.Millisecond)}
		if r.IntN(6) == 0 {
			t.what = []string{wireReset, wireCut, wireStall}[r.IntN(3)]
			t.n = 1 + r.IntN(20_000)
			out = append(out, t)
			continue
		}
		kind := kinds[r.IntN(len(kinds))]
		t.fault = emulator.Fault{Kind: kind, Probability: 0.1 + 0.9*r.Float64(), Seed: r.Uint64()}
		switch kind {
		case emulator.FaultEmptyList, emulator.FaultPartialPage, emulator.FaultCutPage:
			t.fault.Endpoint = "/api/v1/groups/**"
		case emulator.FaultSlow:
			t.fault.Delay = emulator.Duration(between(r, 20*time.Millisecond, 400*time.Millisecond))
		case emulator.FaultServerError:
			t.fault.Status = []int{500, 502, 503, 504}[r.IntN(4)]
		case emulator.FaultRateLimited:
			t.fault.Delay = emulator.Duration(between(r, time.Second, 3*time.Second))
		default:
		}
		out = append(out, t)
	}
	for range r.IntN(2) {
		out = append(out, trouble{at: between(r, 0, during), what: clockJumps, n: r.IntN(len(clockOffsets()))})
	}
	sortTroubles(out)
	return out
}

// clockOffsets are how far Okta's clock may be off.
func clockOffsets() []time.Duration { return []time.Duration{5 * time.Minute, -5 * time.Minute, 0} }

// firstOffset is how far it is off in the beginning.
func firstOffset(seed uint64) time.Duration {
	offsets := clockOffsets()
	return offsets[stream(seed, streamClock).IntN(len(offsets))]
}

// hookTroubles are there all the time: each strikes a fifth of the deliveries.
func hookTroubles(seed uint64, drops bool) []emulator.Fault {
	r := stream(seed, streamHooks)
	faults := []emulator.Fault{
		{Kind: emulator.FaultHookDuplicate},
		{Kind: emulator.FaultHookDelay, Delay: emulator.Duration(between(r, 50*time.Millisecond, 3*time.Second))},
		{Kind: emulator.FaultHookReorder, Delay: emulator.Duration(between(r, 50*time.Millisecond, time.Second))},
	}
	if drops {
		faults = append(faults, emulator.Fault{Kind: emulator.FaultHookDrop})
	}
	for i := range faults {
		faults[i].Probability, faults[i].Seed = 0.2, r.Uint64()
	}
	return faults
}

// What can happen to an installation.
const (
	killReplica    = "SIGKILL to the service"
	stopReplica    = "SIGTERM to the service"
	freezeReplica  = "SIGSTOP to the service"
	killRedis      = "redis-server killed"
	emptyRedis     = "Redis emptied"
	freezeRedis    = "SIGSTOP to redis-server"
	crashPostgres  = "PostgreSQL ended as in a crash"
	wireReset      = "connections reset"
	wireCut        = "connection cut within an answer"
	wireStall      = "network stalled"
	wirePartition  = "network partitioned"
	databaseReset  = "database: " + wireReset
	databaseCut    = "database: " + wireCut
	databaseStall  = "database: " + wireStall
	databaseGone   = "database: " + wirePartition
	redisReset     = "Redis: " + wireReset
	redisCut       = "Redis: " + wireCut
	redisStall     = "Redis: " + wireStall
	redisPartition = "Redis: " + wirePartition
	clockJumps     = "Okta's clock jumps"
)

// installationTroubles plans what happens to the installation that all tenants of a
// round share; seed is that of the round's first tenant.
func installationTroubles(seed uint64, mode string, replicas int, during time.Duration) []trouble {
	r := stream(seed, streamInstallation)
	kinds := []string{killReplica, killReplica, stopReplica, freezeReplica}
	n := 2 + r.IntN(2)
	if mode == modePostgres {
		n = 5 + r.IntN(4)
		kinds = append(kinds, killRedis, emptyRedis, freezeRedis, crashPostgres, databaseReset, databaseCut, databaseCut,
			databaseStall, databaseGone, redisReset, redisCut, redisStall, redisPartition)
	}
	var out []trouble
	for range n {
		out = append(out, trouble{
			what: kinds[r.IntN(len(kinds))], on: r.IntN(replicas), n: 1 + r.IntN(8_000),
			at: between(r, 0, during), lasts: between(r, 100*time.Millisecond, 2500*time.Millisecond),
		})
	}
	sortTroubles(out)
	return out
}

func sortTroubles(list []trouble) {
	slices.SortStableFunc(list, func(a, b trouble) int { return cmp.Compare(a.at, b.at) })
}
