package main

import (
	"strings"
	"testing"
	"time"
)

// TestChoicesAreExplained: whoever names something else is told the choices, without the empty one.
func TestChoicesAreExplained(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		"explain ivo@acme.example thing": `"license","invite" but got "thing"`,
		"invites list --state lost":      `"uncertain","revoked" but got "lost"`,
	} {
		var problems strings.Builder
		if status := run(t.Context(), strings.Fields(line), nil, &strings.Builder{}, &problems); status != 2 || !strings.Contains(problems.String(), want) {
			t.Errorf("%s: status %d, %s", line, status, problems.String())
		}
	}
}

func TestMoment(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Time{
		"2026-11-22T03:00:00Z":      time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC),
		"2026-11-22T03:00:00+09:00": time.Date(2026, 11, 21, 18, 0, 0, 0, time.UTC),
		"2026-11-22 03:00:07":       time.Date(2026, 11, 22, 3, 0, 7, 0, time.UTC),
		"2026-11-22 03:00":          time.Date(2026, 11, 22, 3, 0, 0, 0, time.UTC),
		"2026-11-22":                time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC),
	} {
		var m moment
		if err := m.UnmarshalText([]byte(text)); err != nil || !m.Equal(want) {
			t.Errorf("%q is %s, %v; want %s", text, m.Time, err, want)
		}
	}
}

// TestTimesAreExplained: whoever writes a time that is none is told in our words what to write.
func TestTimesAreExplained(t *testing.T) {
	t.Parallel()
	const when, long = `"yesterday" is no point in time; write it as 2026-11-22T03:00:00Z, or in UTC as 2026-11-22 03:00 or 2026-11-22`,
		`is no length of time; write a number with a unit, such as 30s, 10m or 24h`
	for line, want := range map[string]string{
		"replay --to crm --since yesterday": when,
		"events health --grace soon":        `"soon" ` + long,
		"events health --grace=-1m":         `"-1m" ` + long,
		"hook rotate --wait 5":              `"5" ` + long,
		"hook rotate --overlap 1d":          `"1d" ` + long,
		"endpoints rotate crm --overlap 1d": `"1d" ` + long,
	} {
		var out, problems strings.Builder
		status := run(t.Context(), strings.Fields(line), nil, &out, &problems)
		said := problems.String()
		if status != 2 || !strings.Contains(said, want) {
			t.Errorf("%s: status %d, %s; want %s", line, status, said, want)
		}
		for _, raw := range []string{"parsing time", "cannot parse", "unknown unit", "missing unit", "invalid duration"} {
			if strings.Contains(said, raw) {
				t.Errorf("%s: the raw error is shown: %s", line, said)
			}
		}
	}
}
