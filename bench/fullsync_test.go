package main

import (
	"strings"
	"testing"

	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/emulator"
)

func TestExpectedCalls(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name string
		org  emulator.Options
		want calls
	}{
		{"a full last page", emulator.Options{People: 500, Groups: 3}, calls{people: 1, groups: 1, members: 3}},
		{"one more", emulator.Options{People: 501, Groups: 3}, calls{people: 2, groups: 1, members: 3}},
		{"no groups but Everyone", emulator.Options{People: 10, Groups: -1}, calls{people: 1, groups: 1}},
		{"groups of several pages", emulator.Options{People: 1500, Groups: 2, GroupSize: 1001}, calls{people: 3, groups: 1, members: 4}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			org, err := emulator.New(c.org)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = org.Close() }()
			if got := expectedCalls(org); got != c.want {
				t.Errorf("expectedCalls = %v, want %v", got, c.want)
			}
		})
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	sound := func() syncPair {
		p := syncPair{want: calls{people: 2, groups: 1, members: 3}, calls: [2]int{7, 7}, writes: []tableWrites{{table: "people"}}}
		for n := range p.runs {
			p.runs[n].Progress = v1.Progress{Calls: 7}
		}
		return p
	}
	for _, c := range []struct {
		name  string
		spoil func(*syncPair)
		want  string
	}{
		{"all is well", func(*syncPair) {}, ""},
		{"one call too many", func(p *syncPair) { p.calls[1]++; p.runs[1].Progress.Calls++ }, "the second sync made 8 calls, and 7 are needed"},
		{"calls that the run does not know of", func(p *syncPair) { p.runs[0].Progress.Calls = 6 }, "says that it made 6 calls, Okta counted 7"},
		{"writes for nothing", func(p *syncPair) { p.writes[0].rows = 2 }, "wrote 2 rows of table people"},
		{"somebody is missing", func(p *syncPair) { p.missing = []string{"the directory has 9 teams"} }, "the directory has 9 teams"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := sound()
			c.spoil(&p)
			r := syncReport{}
			r.add(onSQLite, 1000, []syncPair{p})
			err := r.problems()
			if c.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("problems() = %v, want %q", err, c.want)
			}
		})
	}
}
