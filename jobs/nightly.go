package jobs

import (
	"errors"
	"fmt"
	"time"

	"github.com/robfig/cron/v3"
)

const (
	// DefaultNightly is when the nightly run starts unless configured: 03:00 UTC,
	// which is 03:00 GMT all year, whatever summer time does.
	DefaultNightly = "03:00"
	// NeverNightly turns the nightly run off.
	NeverNightly = "never"

	dateLayout = "2006-01-02"
)

// CheckNightly reports what is wrong with a setting: a time of day ("03:00"), a
// cron expression of five fields ("0 3 * * 1-5"), or "never"; empty means
// DefaultNightly. All are UTC.
func CheckNightly(text string) error {
	_, err := parseNightly(text)
	return err
}

// parseNightly returns nil for never.
func parseNightly(text string) (cron.Schedule, error) {
	switch text {
	case NeverNightly:
		return nil, nil
	case "":
		text = DefaultNightly
	}
	expression := text
	if at, err := time.Parse("15:04", text); err == nil {
		expression = fmt.Sprintf("%d %d * * *", at.Minute(), at.Hour())
	}
	// The parser without descriptors and seconds: "@every 5m" has no dates, and a
	// zone would bring summer time back.
	parser := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow)
	schedule, err := parser.Parse("CRON_TZ=UTC " + expression)
	if err != nil {
		return nil, fmt.Errorf("nightly %q is neither a time like 03:00, nor five cron fields, nor never: %w", text, err)
	}
	if err := checkDaily(schedule); err != nil {
		return nil, fmt.Errorf("nightly %q %w", text, err)
	}
	return schedule, nil
}

// checkDaily refuses schedules that never come, and those that come twice on a day:
// there is one nightly run per tenant and date.
func checkDaily(schedule cron.Schedule) error {
	// Any span of a year shows a day of each kind.
	from := time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC).Add(-time.Nanosecond)
	before := time.Time{}
	for range 367 {
		next := schedule.Next(from)
		if next.IsZero() {
			break
		}
		if !before.IsZero() && next.Format(dateLayout) == before.Format(dateLayout) {
			return errors.New("comes more than once on a day; there is one full sync a day, further ones can be asked for")
		}
		before, from = next, next
	}
	if before.IsZero() {
		return errors.New("never comes; write never to turn it off")
	}
	return nil
}

// latest returns the last scheduled moment that is not after now, or zero when there
// was none within a year.
func latest(schedule cron.Schedule, now time.Time) time.Time {
	last := time.Time{}
	for at := schedule.Next(now.UTC().AddDate(-1, 0, -1)); !at.IsZero() && !at.After(now); at = schedule.Next(at) {
		last = at
	}
	return last.UTC()
}
