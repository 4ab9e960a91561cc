package main

import (
	"fmt"
	"time"
)

// moment is a point in time on the command line.
type moment struct{ time.Time }

// UnmarshalText takes what is written in documents and answers (RFC 3339), and what commands print, which is in UTC.
func (m *moment) UnmarshalText(text []byte) error {
	for _, form := range []string{time.RFC3339, time.DateTime, "2006-01-02 15:04", time.DateOnly} {
		if at, err := time.Parse(form, string(text)); err == nil {
			m.Time = at.UTC()
			return nil
		}
	}
	return fmt.Errorf("%q is no point in time; write it as 2026-11-22T03:00:00Z, or in UTC as 2026-11-22 03:00 or 2026-11-22", text)
}

// span is a length of time on the command line.
type span struct{ time.Duration }

// UnmarshalText takes what Go writes, such as 1h30m.
func (s *span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil || d < 0 {
		return fmt.Errorf("%q is no length of time; write a number with a unit, such as 30s, 10m or 24h", text)
	}
	s.Duration = d
	return nil
}
