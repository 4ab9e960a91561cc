package jobs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/oktasync/oktasync/directory"
)

// BenchmarkEnqueueToStart measures how long a task waits on an idle system until
// its work starts, and what the polling of idle workers costs Redis, for several
// intervals. Run it with -benchtime=200x.
func BenchmarkEnqueueToStart(b *testing.B) {
	for _, poll := range []time.Duration{time.Second, 200 * time.Millisecond, 50 * time.Millisecond, 25 * time.Millisecond, 10 * time.Millisecond} {
		b.Run(fmt.Sprintf("poll=%s", poll), func(b *testing.B) {
			r := realRedis(b)
			store, c := newTables(), newClient(r)
			begun := make(chan time.Time)
			startServer(b, ServerOptions{Redis: r, Ledger: store, Poll: poll, Reconciler: &reconciler{tables: store, scope: func(context.Context, string, directory.Scope) error {
				begun <- time.Now()
				return nil
			}}})
			commands, since := commandCount(b, r), time.Now()
			idle(3 * time.Second)
			perSecond := float64(commandCount(b, r)-commands) / time.Since(since).Seconds()

			for _, kind := range []struct {
				name string
				hint directory.ScopeHint
			}{{"leaver", leaver(1)}, {"person", person(1)}, {"group", group(1)}} {
				var waits []time.Duration
				for range b.N {
					idle(rand.N(poll)) // so that the moments do not follow the polls
					start := time.Now()
					if err := c.Enqueue(b.Context(), []directory.ScopeHint{kind.hint}); err != nil {
						b.Fatal(err)
					}
					waits = append(waits, receive(b, "the work starts", begun).Sub(start))
				}
				slices.Sort(waits)
				b.ReportMetric(ms(waits[len(waits)/2]), kind.name+"-p50-ms")
				b.ReportMetric(ms(waits[len(waits)*99/100]), kind.name+"-p99-ms")
			}
			b.ReportMetric(perSecond, "idle-commands/s")
		})
	}
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func idle(d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	<-timer.C
}

func commandCount(tb testing.TB, r *Redis) int {
	tb.Helper()
	info, err := r.Info(tb.Context(), "stats").Result()
	if err != nil {
		tb.Fatal(err)
	}
	for line := range strings.Lines(info) {
		if text, found := strings.CutPrefix(line, "total_commands_processed:"); found {
			n, err := strconv.Atoi(strings.TrimSpace(text))
			if err != nil {
				tb.Fatal(err)
			}
			return n
		}
	}
	tb.Fatal("Redis does not say how many commands it has processed")
	return 0
}
