package main

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestQuantile(t *testing.T) {
	t.Parallel()
	hundred := make([]int, 100)
	for i := range hundred {
		hundred[i] = 100 - i
	}
	for _, c := range []struct {
		name   string
		values []int
		q      float64
		want   int
	}{
		{"nothing", nil, 0.5, 0},
		{"one value", []int{7}, 0.99, 7},
		{"median of three", []int{3, 1, 2}, 0.5, 2},
		{"median of four is the lower", []int{4, 3, 2, 1}, 0.5, 2},
		{"p99 of a hundred", hundred, 0.99, 99},
		{"longest", hundred, 1, 100},
		{"shortest", hundred, 0, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if got := quantile(slices.Clone(c.values), c.q); got != c.want {
				t.Errorf("quantile(%v) = %d, want %d", c.q, got, c.want)
			}
		})
	}
}

func TestWords(t *testing.T) {
	t.Parallel()
	got := []string{
		count(0), count(999), count(1000), count(1234567), count(-1234), count(-123),
		ms(1500 * time.Microsecond), ms(10 * time.Millisecond), ms(1234 * time.Millisecond), seconds(1234 * time.Millisecond),
	}
	want := []string{"0", "999", "1,000", "1,234,567", "-1,234", "-123", "1.5 ms", "10 ms", "1234 ms", "1.23 s"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	sheet := table{head: []string{"What", "µs"}}
	sheet.add("a", "1,000")
	sheet.add("longer", "2")
	sheet.print(&out)
	want := "" +
		"| What   |    µs |\n" +
		"| ------ | ----: |\n" +
		"| a      | 1,000 |\n" +
		"| longer |     2 |\n\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestLongFlags(t *testing.T) {
	t.Parallel()
	got := longFlags([]string{"fullsync", "-people", "10", "--groups=2", "-check", "-5", "-latency=30ms"})
	want := []string{"fullsync", "--people", "10", "--groups=2", "--check", "-5", "--latency=30ms"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}
