package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
)

// memoryRatio is how much more memory the largest org may need than the smallest.
const memoryRatio = 1.5

// syncRow is one size on one database.
type syncRow struct {
	kind   string
	people int
	rounds []syncPair
}

// syncReport collects what was measured.
type syncReport struct {
	fullsyncCommand
	rows []syncRow
}

func (r *syncReport) add(kind string, people int, rounds []syncPair) {
	r.rows = append(r.rows, syncRow{kind, people, rounds})
}

// of returns the median over the rounds.
func of[T int | int64 | time.Duration](row syncRow, value func(syncPair) T) T {
	var all []T
	for _, p := range row.rounds {
		all = append(all, value(p))
	}
	return median(all)
}

func (r *syncReport) print(w io.Writer) {
	fmt.Fprintf(w, "%s groups of %d members; each answer of Okta takes %s longer than the emulator needs; medians of %d.\n\n",
		count(r.Groups), r.GroupSize, r.Latency, r.Rounds)
	t := table{head: []string{"People, database", "Sync", "Time", "People/s", "Okta calls", "Rows written", "Peak RSS", "CPU: service, Postgres, emulator"}}
	for _, row := range r.rows {
		for n, name := range []string{"first", "second"} {
			spent := of(row, func(p syncPair) time.Duration { return took(p.runs[n]) })
			written := "all"
			if n == 1 {
				written = writtenWords(row.rounds)
			}
			cpu := func(value func(syncPair) time.Duration) string { return fmt.Sprintf("%.1f", of(row, value).Seconds()) }
			t.add(count(row.people)+", "+row.kind, name, seconds(spent), count(int(float64(row.people)/spent.Seconds())),
				count(of(row, func(p syncPair) int { return p.calls[n] })), written,
				fmt.Sprintf("%d MiB", of(row, func(p syncPair) int64 { return p.peak[n] })>>20),
				cpu(func(p syncPair) time.Duration { return p.service[n] })+", "+
					cpu(func(p syncPair) time.Duration { return p.postgres[n] })+", "+
					cpu(func(p syncPair) time.Duration { return p.okta[n] })+" s")
		}
	}
	t.print(w)
	for _, row := range r.rows {
		fmt.Fprintf(w, "Pages of %s people: %s = %s calls.\n", count(row.people), row.rounds[0].want, count(row.rounds[0].want.all()))
	}
	fmt.Fprintln(w)
	for _, kind := range databases(r.DB) {
		if small, large, ratio, ok := r.memory(kind); ok {
			fmt.Fprintf(w, "Peak RSS of %s people to that of %s people on %s: %.2f (aim: at most %.1f).\n", count(large), count(small), kind, ratio, memoryRatio)
		}
	}
}

func writtenWords(rounds []syncPair) string {
	var parts []string
	for _, p := range rounds {
		for _, t := range p.writes {
			if t.rows > 0 {
				parts = append(parts, fmt.Sprintf("%s %s", count(t.rows), t.table))
			}
		}
	}
	if len(parts) == 0 {
		return "0"
	}
	return strings.Join(parts, ", ")
}

// memory compares the peak of the largest org with that of the smallest.
func (r *syncReport) memory(kind string) (small, large int, ratio float64, ok bool) {
	var peaks [2]int64
	for _, row := range r.rows {
		if row.kind != kind {
			continue
		}
		peak := of(row, func(p syncPair) int64 { return p.peak[1] })
		if small == 0 || row.people < small {
			small, peaks[0] = row.people, peak
		}
		if row.people > large {
			large, peaks[1] = row.people, peak
		}
	}
	if small == large {
		return 0, 0, 0, false
	}
	return small, large, float64(peaks[1]) / float64(peaks[0]), true
}

// problems says what is not as it must be, whatever the machine.
func (r *syncReport) problems() error {
	var all []error
	for _, row := range r.rows {
		for _, p := range row.rounds {
			where := fmt.Sprintf("%d people on %s", row.people, databaseName(row.kind))
			for n, name := range []string{"first", "second"} {
				if p.calls[n] != p.want.all() {
					all = append(all, fmt.Errorf("%s: the %s sync made %d calls, and %d are needed (%s)", where, name, p.calls[n], p.want.all(), p.want))
				}
				if p.runs[n].Progress.Calls != p.calls[n] {
					all = append(all, fmt.Errorf("%s: the %s sync says that it made %d calls, Okta counted %d", where, name, p.runs[n].Progress.Calls, p.calls[n]))
				}
			}
			for _, t := range p.writes {
				// The feed tells that a full sync has ended.
				if t.rows > 1 || t.rows == 1 && t.table != "changes" {
					all = append(all, fmt.Errorf("%s: the second sync wrote %d rows of table %s although nothing had changed", where, t.rows, t.table))
				}
			}
			for _, wrong := range p.missing {
				all = append(all, fmt.Errorf("%s: %s", where, wrong))
			}
		}
	}
	return errors.Join(all...)
}
