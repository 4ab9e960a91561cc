package sync

import "testing"

func TestListIsCheaper(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		waiting, known, perPerson, page, links int
		want                                   bool
	}{
		"nobody waits":                          {0, 0, 1, 500, 0, false},
		"one in an app that is not known":       {1, 0, 1, 500, 0, false},
		"one in a small app":                    {1, 10, 1, 500, 0, false},
		"two in a small app":                    {2, 10, 1, 500, 0, true},
		"fifty of 12,000 people":                {50, 12_000, 1, 500, 0, true},
		"fifty of a few more":                   {50, 12_500, 1, 500, 0, false},
		"twice as dear by id":                   {52, 12_500, 1, 500, 0, true},
		"10,000 newcomers":                      {10_000, 0, 1, 500, 0, true},
		"a thousand of a million":               {1000, 1_000_000, 1, 500, 0, false},
		"as many as the pages of a million":     {2000, 1_000_000, 1, 500, 0, false},
		"twice as many and those they bring":    {4100, 1_000_000, 1, 500, 0, true},
		"everybody of a million":                {1_000_000, 1_000_000, 1, 500, 0, true},
		"small pages":                           {100, 1000, 1, 20, 0, false},
		"two calls a person":                    {1000, 450_000, 2, 500, 0, true},
		"the same at one":                       {1000, 450_000, 1, 500, 0, false},
		"linked objects of few":                 {50, 12_000, 1, 500, 1, false},
		"linked objects of half of all":         {600, 1000, 1, 500, 1, true},
		"linked objects of newcomers":           {10_000, 0, 1, 500, 1, true},
		"reads by id that cost nothing of note": {10_000, 100, 0, 500, 0, false},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := listIsCheaper(test.waiting, test.known, test.perPerson, test.page, test.links); got != test.want {
				t.Errorf("listIsCheaper(%d, %d, %d, %d, %d) = %v", test.waiting, test.known, test.perPerson, test.page, test.links, got)
			}
		})
	}
}
