package directory

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// What does not fit, and what the product emptied, can be told from the changes.
func TestStateKnowsWhatDoesNotFit(t *testing.T) {
	t.Parallel()
	shared := map[Field]Unfit{FieldPicture: UnfitPicture}
	p := Person{ID: "u1", Profile: Profile{Unfit: shared, Emptied: []Field{FieldTitle}}}
	c := Change{Type: PersonUpdated, Fields: []FieldChange{
		{Field: "unfit.picture", Before: "not_https"}, {Field: "unfit.custom.badge", After: "not_a_number"},
		{Field: "emptied.title", Before: true}, {Field: "emptied.custom.nickname", After: true},
	}}
	after := p.After(c)
	want := Profile{Unfit: map[Field]Unfit{"custom.badge": UnfitNumber}, Emptied: []Field{"custom.nickname"}}
	if diff := cmp.Diff(want, after.Profile); diff != "" {
		t.Errorf("after the change (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(p.Profile, after.Before(c).Profile); diff != "" {
		t.Errorf("before it (-want +got):\n%s", diff)
	}
	if len(shared) != 1 {
		t.Error("a state that others share was changed")
	}
}
