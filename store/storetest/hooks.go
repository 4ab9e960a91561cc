package storetest

import (
	"fmt"
	"sync"
	"time"

	"github.com/oktasync/oktasync/directory"
)

func testHookRecord(f *fixture) {
	f.same("nothing known", must(f.db.Hook(f.ctx, tenant))(f), directory.HookRecord{})
	record := directory.HookRecord{ID: "who1", URL: "https://sync.example/webhooks/okta", Secret: "aa", NextID: "who2", NextSecret: "bb"}
	f.must(f.db.SaveHook(f.ctx, tenant, record))
	f.same("kept", must(f.db.Hook(f.ctx, tenant))(f), record)
	f.fails(f.db.SaveHook(f.ctx, "nobody", record), directory.ErrNotFound)

	before := f.now()
	f.same("state before the first check", must(f.db.NoteHookCheck(f.ctx, tenant, "inactive", "activate it"))(f), "")
	first := must(f.db.Hook(f.ctx, tenant))(f)
	if first.State != "inactive" || first.Problem != "activate it" || first.Since == nil || first.Since.Before(before) || !first.Checked.Equal(*first.Since) {
		f.Errorf("after a check: %+v", first)
	}
	f.same("state before", must(f.db.NoteHookCheck(f.ctx, tenant, "inactive", "activate it, please"))(f), "inactive")
	second := must(f.db.Hook(f.ctx, tenant))(f)
	if second.Problem != "activate it, please" || !second.Since.Equal(*first.Since) || !second.Checked.After(*first.Checked) {
		f.Errorf("after the same again: %+v, first %+v", second, first)
	}
	f.same("state before", must(f.db.NoteHookCheck(f.ctx, tenant, "sound", ""))(f), "inactive")
	third := must(f.db.Hook(f.ctx, tenant))(f)
	if third.State != "sound" || third.Problem != "" || !third.Since.After(*first.Since) {
		f.Errorf("when it is mended: %+v", third)
	}
	f.must(f.db.SaveHook(f.ctx, tenant, directory.HookRecord{ID: "who2", URL: record.URL, Secret: "bb"}))
	third.ID, third.Secret, third.NextID, third.NextSecret = "who2", "bb", "", ""
	f.same("saving leaves the state", must(f.db.Hook(f.ctx, tenant))(f), third)
	_, err := f.db.NoteHookCheck(f.ctx, "nobody", "missing", "x")
	f.fails(err, directory.ErrNotFound)
}

func testHookUses(f *fixture) {
	note := func(uses ...directory.HookUse) { f.must(f.db.NoteHookUses(f.ctx, uses)) }
	read := func() map[string]int64 {
		counts := map[string]int64{}
		for _, u := range must(f.db.HookUses(f.ctx, tenant))(f) {
			counts[u.Secret] = u.Uses
		}
		return counts
	}
	note()
	note(directory.HookUse{Tenant: tenant, Secret: "aa", Uses: 2},
		directory.HookUse{Tenant: "nobody", Secret: "aa", Uses: 1}, directory.HookUse{Tenant: tenant, Uses: 1, Age: time.Hour})
	note(directory.HookUse{Tenant: tenant, Secret: "aa", Uses: 3, Age: time.Minute})
	f.same("counts", read(), map[string]int64{"aa": 5, "": 1})
	uses := must(f.db.HookUses(f.ctx, tenant))(f)
	if age := f.now().Sub(uses[0].Last); uses[0].Secret != "aa" || age > 50*time.Second || f.now().Sub(uses[1].Last) < time.Hour {
		f.Errorf("an older use moved the last one back, or the order is wrong: %+v", uses)
	}
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			if err := f.db.NoteHookUses(f.ctx, []directory.HookUse{{Tenant: tenant, Secret: "aa", Uses: 1}, {Tenant: tenant, Secret: "bb", Uses: 1}}); err != nil {
				f.Error(err)
			}
		})
	}
	all.Wait()
	f.same("after twenty at once", read(), map[string]int64{"aa": 25, "bb": 20, "": 1})
}

func testHookDoors(f *fixture) {
	names := func(within time.Duration) string {
		text := ""
		for _, d := range must(f.db.HookDoors(f.ctx, within))(f) {
			text += fmt.Sprintf("%s %v; ", d.Owner, d.Secrets[tenant])
		}
		return text
	}
	f.same("none", names(time.Minute), "")
	f.fails(f.db.OpenHookDoor(f.ctx, "a", nil), directory.ErrNotFound)
	f.must(f.db.OpenHookDoor(f.ctx, "b", map[string][]string{tenant: {"aa"}}))
	f.must(f.db.OpenHookDoor(f.ctx, "a", map[string][]string{}))
	f.same("two", names(time.Minute), "a []; b [aa]; ")
	f.must(f.db.OpenHookDoor(f.ctx, "b", map[string][]string{tenant: {"aa", "bb"}}))
	seen := must(f.db.HookDoors(f.ctx, time.Minute))(f)[1].Seen
	f.must(f.db.OpenHookDoor(f.ctx, "b", nil))
	f.same("another secret", names(time.Minute), "a []; b [aa bb]; ")
	if again := must(f.db.HookDoors(f.ctx, time.Minute))(f)[1].Seen; !again.After(seen) {
		f.Errorf("seen %s after %s", again, seen)
	}
	f.must(f.db.CloseHookDoor(f.ctx, "a"))
	f.same("one is closed", names(time.Minute), "b [aa bb]; ")
	f.same("seen too long ago", names(0), "")
}
