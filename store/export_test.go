package store

import (
	"context"

	"github.com/oktasync/oktasync/directory"
)

// PlansOfHistories is how SQLite finds the changes of subjects, by their kind.
func (d *DB) PlansOfHistories(ctx context.Context) (map[directory.SubjectKind][]string, error) {
	plans := map[directory.SubjectKind][]string{}
	for kind, query := range map[directory.SubjectKind]string{
		directory.SubjectPerson: ofPerson, directory.SubjectTeam: ofTeam, directory.SubjectGroup: ofGroup,
	} {
		scan := func(s scanner) (detail string, err error) {
			return detail, s.Scan(new(int), new(int), new(int), &detail)
		}
		steps, err := list(ctx, d, d.read, scan, "explain query plan "+query, "acme", []string{"a", "b"}, 5)
		if err != nil {
			return nil, err
		}
		plans[kind] = steps
	}
	return plans, nil
}
