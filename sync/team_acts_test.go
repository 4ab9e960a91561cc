package sync_test

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/oktasync/oktasync/directory"
	dirsync "github.com/oktasync/oktasync/sync"
)

func (f *fixture) rename(team, name string) {
	f.t.Helper()
	f.act(func(ctx context.Context, act directory.Act) (dirsync.Result, error) {
		return f.engine.RenameTeam(ctx, team, name, act)
	})
}

func TestRenamedTeam(t *testing.T) {
	t.Parallel()
	f := led(t, directory.ManagersOverride)
	id := f.team("Sales").ID
	f.lead("Sales", "zoe")
	f.rename(id, " Field  Sales ")
	if team := f.team("Sales"); team.Name != "Field Sales" || team.OktaName != "Sales" || team.ManagerID != "zoe" {
		t.Errorf("the team is %+v", team)
	}
	named := f.lastChange()
	want := []directory.FieldChange{{Field: "name", Before: "Sales", After: "Field Sales"}, {Field: "okta_name", After: "Sales"}}
	if diff := cmp.Diff(want, named.Fields); diff != "" || named.Type != directory.TeamUpdated || named.Cause.Kind != directory.CauseManual || named.Cause.Actor != "anna" {
		t.Errorf("the change is %+v", named)
	}
	// The same word in Okta leads to the same team, and does not take the name back.
	f.arrive("ivo", map[string]any{"department": " Sales"})
	f.mustFull()
	f.event(directory.PersonScope("eve"))
	rows, err := f.db.People(t.Context(), f.tenant, []string{"eve", "ivo"})
	if err != nil || rows[0].TeamID != id || rows[1].TeamID != id {
		t.Errorf("people: %+v, %v", rows, err)
	}
	f.rename(id, "Field Sales")
	if last := f.lastChange(); last.Type == directory.TeamUpdated {
		t.Errorf("the same name again is a change: %+v", last)
	}
	f.rename(id, "Vertrieb")
	f.rename(id, "")
	if team := f.team("Sales"); team.Name != "Sales" || team.OktaName != "" || team.ManagerID != "zoe" {
		t.Errorf("taken back, the team is %+v", team)
	}
	if _, err := f.engine.RenameTeam(t.Context(), "nothing", "x", directory.Act{}); !errors.Is(err, directory.ErrNotFound) {
		t.Errorf("no team: %v", err)
	}
	acts, err := f.db.Acts(t.Context(), f.tenant, directory.ActQuery{Limit: 10})
	if err != nil || len(acts) != 5 || acts[0].Subject != "team:"+id {
		t.Errorf("acts: %+v, %v", acts, err)
	}
}
