package store

import (
	"context"
	"fmt"

	"github.com/oktasync/oktasync/directory"
)

// laterAtOnce is how many later changes of people are taken back for one page: more take seconds.
const laterAtOnce = 50_000

// cut ends a page before the person whose later changes would be too many, with those of the people before. So whoever
// reads from its beginning a history in which many changed often gets smaller pages, and not none in time. Near the end of
// the history nothing is asked.
func (d *DB) cut(ctx context.Context, tenant string, q directory.ChangeQuery, page *directory.FeedPage) error {
	most := int64(q.Later)
	if most == 0 {
		most = laterAtOnce
	}
	if q.Newest || len(page.Changes) == 0 || page.Last-page.Changes[0].Seq < most {
		return nil
	}
	var people []string
	for _, c := range page.Changes {
		if c.PersonID != "" {
			people = append(people, c.PersonID)
		}
	}
	type count struct {
		person string
		last   int64
	}
	scan := func(s scanner) (c count, err error) { return c, s.Scan(&c.person, &c.last) }
	const query = keyed + `
		select key, coalesce((select c.person_seq from changes c where c.tenant = of_tenant and c.person_id <> '' and c.person_id = key order by c.seq desc limit 1), 0) from wanted`
	counts, err := list(ctx, d, d.read, scan, query, tenant, people)
	if err != nil {
		return fmt.Errorf("count the later changes of %d people of tenant %s: %w", len(people), tenant, err)
	}
	last := make(map[string]int64, len(counts))
	for _, c := range counts {
		last[c.person] = c.last
	}
	seen, later := map[string]bool{}, int64(0)
	for i, c := range page.Changes {
		if c.PersonID == "" || seen[c.PersonID] {
			continue
		}
		seen[c.PersonID] = true
		if later += last[c.PersonID] - c.PersonSeq; later > most && i > 0 {
			page.Changes, page.Cut = page.Changes[:i], true
			return nil
		}
	}
	return nil
}
