package storetest

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/oktasync/oktasync/directory"
)

const tidy = directory.Chore("tidy")

func tidyOf(of string) directory.ChoreHint { return directory.ChoreHint{Tenant: of, Chore: tidy} }

func (f *fixture) planChore(hint directory.ChoreHint, every time.Duration) {
	f.Helper()
	f.must(f.db.EnsureChores(f.ctx, []directory.ChorePlan{{Tenant: hint.Tenant, Chore: hint.Chore, Every: every}}))
}

// choreState is a tenant's only chore.
func (f *fixture) choreState(of string) directory.ChoreState {
	f.Helper()
	all := must(f.db.Chores(f.ctx, of))(f)
	if len(all) != 1 {
		f.Fatalf("the tenant has the chores %v, want one", all)
	}
	return all[0]
}

// due expects the next turn of a chore in about so long from now.
func (f *fixture) due(what string, want time.Duration) {
	f.Helper()
	if got := f.choreState(tenant).Due.Sub(f.now()); (got - want).Abs() > time.Minute/2 {
		f.Errorf("%s: the next turn is due in %s, want %s", what, got, want)
	}
}

func testChoreDue(f *fixture) {
	f.same("none", must(f.db.DueChores(f.ctx, 0))(f), nil)
	f.must(f.db.EnsureChores(f.ctx, nil))
	f.must(f.db.EnsureChores(f.ctx, []directory.ChorePlan{
		{Tenant: tenant, Chore: tidy, Every: time.Hour}, {Tenant: neighbour, Chore: tidy, Every: time.Hour}, {Tenant: "nobody", Chore: tidy, Every: time.Hour},
	}))
	both := []directory.ChoreHint{tidyOf(tenant), tidyOf(neighbour)}
	f.same("new ones are due at once", must(f.db.DueChores(f.ctx, time.Hour))(f), both)
	f.same("swept a moment ago", must(f.db.DueChores(f.ctx, time.Hour))(f), nil)
	f.same("the task of each was lost", must(f.db.DueChores(f.ctx, 0))(f), both)

	turn, ours, err := f.db.BeginChore(f.ctx, tidyOf(tenant), time.Hour)
	f.must(err)
	f.same("begun", ours, true)
	f.same("one is held", must(f.db.DueChores(f.ctx, 0))(f), both[1:])
	_, ours, err = f.db.BeginChore(f.ctx, tidyOf(tenant), time.Hour)
	f.must(err)
	f.same("begun twice", ours, false)
	_, ours, err = f.db.BeginChore(f.ctx, tidyOf("nobody"), time.Hour)
	f.must(err)
	f.same("an unknown tenant's", ours, false)

	_, err = f.db.EndChore(f.ctx, tidyOf(tenant), turn, directory.ChoreEnd{Result: directory.ChoreDone, Next: 40 * time.Minute})
	f.must(err)
	f.due("after a turn", 40*time.Minute)
	_, ours, err = f.db.BeginChore(f.ctx, tidyOf(tenant), time.Hour)
	f.must(err)
	f.same("begun before it is due", ours, false)
	f.planChore(tidyOf(tenant), time.Hour)
	f.due("the same interval", 40*time.Minute)
	f.planChore(tidyOf(tenant), time.Minute)
	f.due("a shorter interval", time.Minute)
}

func testChoreResults(f *fixture) {
	f.planChore(tidyOf(tenant), time.Hour)
	end := func(result directory.ChoreResult, problem string) directory.ChoreResult {
		f.Helper()
		turn, ours, err := f.db.BeginChore(f.ctx, tidyOf(tenant), time.Hour)
		f.must(err)
		if !ours {
			f.Fatal("the chore is not due")
		}
		return must(f.db.EndChore(f.ctx, tidyOf(tenant), turn, directory.ChoreEnd{Result: result, Problem: problem}))(f)
	}
	state := func() directory.ChoreState {
		f.Helper()
		s := f.choreState(tenant)
		s.Due = time.Time{}
		return s
	}
	f.same("before the first", state(), directory.ChoreState{Chore: tidy})
	f.same("the result before the first", end(directory.ChoreRefused, "grant it"), directory.ChoreResult(""))
	first := state()
	if first.Since == nil || f.now().Sub(*first.Since).Abs() > time.Minute/2 {
		f.Errorf("the problem is there since %v", first.Since)
	}
	want := directory.ChoreState{Chore: tidy, Result: directory.ChoreRefused, Problem: "grant it", Since: first.Since}
	f.same("refused", first, want)
	f.same("put off", end(directory.ChorePutOff, ""), directory.ChoreRefused)
	f.same("after it was put off", state(), want)
	f.same("another problem", end(directory.ChoreFailed, "500"), directory.ChoreRefused)
	want.Result, want.Problem = directory.ChoreFailed, "500"
	f.same("the problem is as old as before", state(), want)
	f.same("well again", end(directory.ChoreDone, ""), directory.ChoreFailed)
	well := state()
	if well.Done == nil || f.now().Sub(*well.Done).Abs() > time.Minute/2 {
		f.Errorf("done at %v", well.Done)
	}
	f.same("no problem is left", well, directory.ChoreState{Chore: tidy, Result: directory.ChoreDone, Done: well.Done})
}

// testChoreLost lets a worker hang until its lease has run out.
func testChoreLost(f *fixture) {
	f.planChore(tidyOf(tenant), time.Hour)
	lost, _, err := f.db.BeginChore(f.ctx, tidyOf(tenant), 0)
	f.must(err)
	f.same("its lease ran out", must(f.db.DueChores(f.ctx, 0))(f), []directory.ChoreHint{tidyOf(tenant)})
	_, ours, err := f.db.BeginChore(f.ctx, tidyOf(tenant), time.Hour)
	f.must(err)
	f.same("another takes it", ours, true)
	f.same("the result that was to be noted", must(f.db.EndChore(f.ctx, tidyOf(tenant), lost, directory.ChoreEnd{Result: directory.ChoreFailed, Problem: "late"}))(f), directory.ChoreFailed)
	if s := f.choreState(tenant); s.Problem != "" {
		f.Errorf("the turn that was lost has left %+v", s)
	}
	_, ours, err = f.db.BeginChore(f.ctx, tidyOf(tenant), time.Hour)
	f.must(err)
	f.same("the other's turn goes on", ours, false)
}

// testChoreAtOnce lets twenty replicas look at once.
func testChoreAtOnce(f *fixture) {
	f.planChore(tidyOf(tenant), time.Hour)
	var swept, begun atomic.Int32
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			hints, err := f.db.DueChores(f.ctx, time.Hour)
			if err != nil {
				f.Error(err)
			}
			swept.Add(int32(len(hints)))
			_, ours, err := f.db.BeginChore(f.ctx, tidyOf(tenant), time.Hour)
			if err != nil {
				f.Error(err)
			}
			if ours {
				begun.Add(1)
			}
		})
	}
	wait.Wait()
	if begun.Load() != 1 || swept.Load() > 1 {
		f.Errorf("swept %d times, begun %d times", swept.Load(), begun.Load())
	}
}
