package okta

import (
	"strings"
	"testing"
)

func TestNextLink(t *testing.T) {
	t.Parallel()
	const self = `<https://acme.okta.com/api/v1/users?limit=200>; rel="self"`
	const target = "https://acme.okta.com/api/v1/users?after=00u1,x;y&limit=200"
	const next = `<` + target + `>; rel="next"`
	tests := []struct {
		name  string
		lines []string
		want  string
		fails string
	}{
		{"no header", nil, "", ""},
		{"only self", []string{self}, "", ""},
		{"repeated lines", []string{self, next}, target, ""},
		{"folded into one line", []string{self + ", " + next}, target, ""},
		{"folded without space", []string{self + "," + next}, target, ""},
		{"folded, next first", []string{next + "," + self}, target, ""},
		{"unquoted", []string{`<` + target + `>; rel=next`}, target, ""},
		{"unquoted and folded", []string{`<` + target + `>;rel=next,` + self}, target, ""},
		{"upper case", []string{`<` + target + `>; REL="NEXT"`}, target, ""},
		{"other parameters before", []string{`<` + target + `>; title="a, b; rel=\"self\""; type=x; rel="next"`}, target, ""},
		{"other parameters after", []string{`<` + target + `>; rel="next"; title="x"`}, target, ""},
		{"several relations", []string{`<` + target + `>; rel="last next"`}, target, ""},
		{"spaces", []string{` <` + target + `> ; rel = "next" `}, target, ""},
		{"a parameter without value", []string{`<` + target + `>; crossorigin; rel=next`}, target, ""},
		{"the same next twice", []string{next, next}, target, ""},
		{"the first rel counts", []string{`<` + target + `>; rel=self; rel=next`}, "", ""},
		{"empty entries", []string{",, " + next + ","}, target, ""},
		{"a link of something else", []string{"</style.css>; rel=preload; as=style", next}, target, ""},
		{"two different nexts", []string{next, `<https://acme.okta.com/x>; rel="next"`}, "", "two different"},
		{"no brackets", []string{target + `; rel="next"`}, "", "does not begin with <"},
		{"bracket not closed", []string{`<` + target + `; rel="next"`}, "", "no target"},
		{"empty target", []string{`<>; rel="next"`}, "", "no target"},
		{"no relation", []string{`<` + target + `>`}, "", "does not say its relation"},
		{"quote not closed", []string{`<` + target + `>; rel="next`}, "", "not closed"},
		{"rubbish after the entry", []string{next + " x"}, "", "not a comma"},
		{"rubbish in another line", []string{self, "%%%"}, "", "does not begin with <"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := nextLink(test.lines)
			checkFailure(t, err, test.fails)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestFollow(t *testing.T) {
	t.Parallel()
	const first = "/api/v1/apps/0oa1/users?expand=user&limit=500"
	tests := []struct {
		name, first, target, want, fails string
	}{
		{"another host", first, "https://login.acme.com/api/v1/apps/0oa1/users?after=x&expand=user&limit=500", "/api/v1/apps/0oa1/users?after=x&expand=user&limit=500", ""},
		{"expand was lost", first, "https://acme.okta.com/api/v1/apps/0oa1/users?after=x&limit=500", "/api/v1/apps/0oa1/users?after=x&expand=user&limit=500", ""},
		{"a smaller page stays small", first, "https://acme.okta.com/api/v1/apps/0oa1/users?after=x&limit=250", "/api/v1/apps/0oa1/users?after=x&expand=user&limit=250", ""},
		{"a cursor with odd characters", first, "/api/v1/apps/0oa1/users?after=a%2Bb%3D%26&limit=1", "/api/v1/apps/0oa1/users?after=a%2Bb%3D%26&expand=user&limit=1", ""},
		{"no cursor", first, "https://acme.okta.com/api/v1/apps/0oa1/users?limit=500", "", "no cursor"},
		{"not the API", first, "https://acme.okta.com/login?after=x", "", "does not lead to"},
		{"out of the API", first, "https://acme.okta.com/api/v1/../../x?after=x", "", "does not lead to"},
		{"out of the API at the end", first, "https://acme.okta.com/api/v1/..?after=x", "", "does not lead to"},
		{"not a url", first, "https://acme.okta.com/%zz?after=1", "", "not a url"},
		{"a broken query", first, "https://acme.okta.com/api/v1/users?after=1;2", "", "cannot be read"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := follow(test.first, test.target)
			checkFailure(t, err, test.fails)
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestTrail(t *testing.T) {
	t.Parallel()
	trail := newTrail(2)
	for _, step := range []struct{ path, fails string }{
		{"a", ""}, {"", ""}, {"", ""}, {"b", ""}, {"a", "second time"}, {"c", "more than 2 pages"},
	} {
		checkFailure(t, trail.step(step.path), step.fails)
	}
}

// checkFailure wants an error that says fails, or none when fails is empty.
func checkFailure(t *testing.T, err error, fails string) {
	t.Helper()
	switch {
	case fails == "" && err != nil:
		t.Errorf("unexpected error: %v", err)
	case fails != "" && err == nil:
		t.Errorf("no error, want one that says %q", fails)
	case fails != "" && !strings.Contains(err.Error(), fails):
		t.Errorf("error %q does not say %q", err, fails)
	}
}
