package postgres_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/oktasync/oktasync/store"
)

// Statistics know the plan of a run that is long over, and nothing of one that was written since. A planner that looks the
// new run up among them expects no rows of it, takes any index that begins with the run, and reads the whole plan for
// each person: a night's plan of 10,000 people took five minutes longer.
func TestAPlanThatStatisticsDoNotKnow(t *testing.T) {
	t.Parallel()
	b := newBeside(t)
	const people = 4000
	write := func(run string) {
		const query = `insert into plan select 'acme', $1, n, 'person.updated', 'person', 'u' || n, 'u' || n, '', now(), '[]', '{}' from generate_series(1, $2::int) n`
		if _, err := b.raw.ExecContext(t.Context(), query, run, people); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	for _, query := range []string{
		`analyze plan`,
		`insert into role_grants (tenant, person_id, role, team, role_set, rule, via, kept, since)
			select 'acme', 'u' || n, 'admin', '', 'access', 'r', '', '', now() from generate_series(1, 500) n`,
		`analyze role_grants`,
	} {
		if _, err := b.raw.ExecContext(t.Context(), query); err != nil {
			t.Fatalf("%s: %v", query, err)
		}
	}
	write("new")

	var ids []string
	for n := range 500 {
		ids = append(ids, fmt.Sprint("u", n+1))
	}
	b.must(b.Update(t.Context(), "acme", func(ctx context.Context, tx *store.Tx) error {
		planned, err := tx.PlannedFor(ctx, "new", ids)
		if err == nil && len(planned) != len(ids) {
			err = fmt.Errorf("%d changes were planned for %d people", len(planned), len(ids))
		}
		_, joiners := tx.Joiners(ctx, "new", ids)
		_, last := tx.LastToLose(ctx, "new", "admin")
		return errors.Join(err, joiners, last)
	}))
	affected, after := 0, ""
	for {
		var some []string
		b.must(b.Update(t.Context(), "acme", func(ctx context.Context, tx *store.Tx) (err error) {
			some, err = tx.AffectedPeople(ctx, "new", false, false, after, 100)
			return err
		}))
		if len(some) == 0 {
			break
		}
		affected, after = affected+len(some), some[len(some)-1]
	}
	if affected != people {
		t.Errorf("%d people are affected by a plan for %d", affected, people)
	}
	b.must(b.Close()) // what a connection has counted is known when it has ended

	const reads = `select coalesce(sum(idx_tup_read), 0), coalesce(sum(idx_scan) filter (where indexrelname in ('plan_persons', 'plan_pkey')), 0)
		from pg_stat_user_indexes where relname = 'plan'`
	var rows, scans int
	for deadline := time.Now().Add(time.Minute); scans < len(ids) && time.Now().Before(deadline); {
		b.must(b.raw.QueryRowContext(t.Context(), reads).Scan(&rows, &scans))
	}
	if most := 10 * people; scans < len(ids) || rows > most {
		t.Errorf("%d rows of the plan were read in %d look-ups; expected at most %d in at least %d", rows, scans, most, len(ids))
	}
}
