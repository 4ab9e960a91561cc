package config

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron/v3"
)

// clockTime reads "03:00" into cron's hour and minute.
func clockTime(text string) (hour, minute string, ok bool) {
	if len(text) != 5 {
		return "", "", false
	}
	at, err := time.Parse("15:04", text)
	if err != nil {
		return "", "", false
	}
	return strconv.Itoa(at.Hour()), strconv.Itoa(at.Minute()), true
}

func checkSchedule(text string) error {
	const want = "give a time such as 03:00, a cron expression of five fields such as \"0 3 * * 1-5\", or never"
	if text == never {
		return nil
	}
	if _, _, isTime := clockTime(text); isTime {
		return nil
	}
	// Checked before the parser sees it: times are UTC, so that they never shift with
	// summer time.
	if strings.Contains(text, "TZ=") {
		return errors.New("names a time zone; times are in UTC; " + want)
	}
	if len(strings.Fields(text)) != 5 {
		return fmt.Errorf("%s is not a schedule; %s", quote(text), want)
	}
	schedule, err := cron.NewParser(cron.Minute | cron.Hour | cron.Dom | cron.Month | cron.Dow).Parse(text)
	if err != nil {
		return fmt.Errorf("%s is not a schedule (%w); %s", quote(text), err, want)
	}
	return checkFirings(schedule, text)
}

// checkFirings looks at the schedule's next two firings. One full sync runs for
// each date, so a second one on the same day would be dropped without a word. Hours
// and minutes are the same for every date, so the first date tells for all.
func checkFirings(schedule cron.Schedule, text string) error {
	// A fixed moment, so that the answer never depends on today.
	first := schedule.Next(time.Date(2024, time.January, 1, 0, 0, 0, 0, time.UTC).Add(-time.Second))
	if first.IsZero() {
		return fmt.Errorf("%s never fires; write never if that is meant", quote(text))
	}
	if second := schedule.Next(first); second.Format(time.DateOnly) == first.Format(time.DateOnly) {
		return fmt.Errorf("%s fires more than once a day; the full sync runs once for each date", quote(text))
	}
	return nil
}
