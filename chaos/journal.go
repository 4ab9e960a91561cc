package main

import (
	"fmt"
	"sync"
	"time"
)

// journal notes what happened and when, since the histories began.
type journal struct {
	mu    sync.Mutex
	lines []note
}

type note struct {
	at   time.Time
	what string
}

func (j *journal) note(format string, args ...any) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.lines = append(j.lines, note{time.Now(), fmt.Sprintf(format, args...)})
}

// entries returns the lines, each with its time since start.
func (j *journal) entries(start time.Time) []string {
	j.mu.Lock()
	defer j.mu.Unlock()
	out := make([]string, len(j.lines))
	for i, l := range j.lines {
		out[i] = fmt.Sprintf("%8.3f s  %s", l.at.Sub(start).Seconds(), l.what)
	}
	return out
}
