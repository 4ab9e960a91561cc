package main

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/e2e/installation"
)

// settle waits until all that happened is in the directory, and notes what is not when
// the time is over.
func (t *tenant) settle(ctx context.Context, api *client.Client, since time.Time, limit time.Duration) error {
	waiting, cancel := context.WithTimeout(ctx, time.Until(since.Add(limit)))
	defer cancel()
	if err := t.org.Org.WaitHooks(waiting); err != nil {
		return fmt.Errorf("the org's hooks were not all delivered: %w", err)
	}
	var open []string
	// A pause between looks: many tenants look at the same time.
	for {
		var err error
		if open, err = t.open(ctx, api); err != nil {
			open = []string{err.Error()}
		}
		if len(open) == 0 {
			t.calm = time.Since(since)
			return nil
		}
		if wait(waiting, 500*time.Millisecond) != nil {
			break
		}
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	t.wrong = append(t.wrong, fmt.Sprintf("%s after all trouble was over the directory was not right:", limit))
	t.wrong = append(t.wrong, open...)
	return nil
}

// open says what is not done, or not right.
func (t *tenant) open(ctx context.Context, api *client.Client) ([]string, error) {
	state, err := api.Tenant(ctx, t.slug)
	if err != nil {
		return nil, err
	}
	var open []string
	if state.Waiting > 0 {
		open = append(open, fmt.Sprintf("%d scopes wait", state.Waiting))
	}
	if state.Blocked != "" {
		open = append(open, "the tenant is blocked: "+state.Blocked)
	}
	if state.Parked > 0 {
		parked, err := api.Archive(ctx, t.slug, 100)
		if err != nil {
			return nil, err
		}
		for _, p := range parked.Items {
			open = append(open, fmt.Sprintf("%s was given up: %s", p.Scope, p.Reason))
		}
	}
	if len(open) > 0 {
		return open, nil
	}
	lines, _, err := t.comparison(api).Differences(ctx, t.org.Org.Truth())
	return lines, err
}

func (t *tenant) comparison(api *client.Client) installation.Comparison {
	return installation.Comparison{API: api, Tenant: t.slug, App: t.org.Org.AppID(), Before: t.before,
		// Everything fell together here.
		Loose: func(string) bool { return true }}
}

// judge looks at how the directory came to be what it is.
func (t *tenant) judge(ctx context.Context, s *site) error {
	api := s.api
	runs, err := api.Runs(ctx, t.slug, 1000)
	if err != nil {
		return err
	}
	full := 0
	for _, run := range runs.Items {
		if run.Scope == "full" {
			full++
		}
		if run.State == "held" || run.State == "outdated" || run.State == "failed" && run.Scope == "full" {
			t.wrong = append(t.wrong, fmt.Sprintf("run %s of %s is %s: %s", run.ID, run.Scope, run.State, run.Error))
		}
	}
	if full != 1 {
		t.wrong = append(t.wrong, fmt.Sprintf("there were %d full syncs, want the first one alone", full))
	}
	if err := t.kept(ctx, s); err != nil {
		return err
	}
	changes, err := history(ctx, api, t.slug)
	if err != nil {
		return err
	}
	t.changes = len(changes)
	have, err := installation.Read(ctx, api, t.slug)
	if err != nil {
		return err
	}
	t.wrong = append(t.wrong, replayed(changes).differences(have)...)
	for _, thread := range t.truth.threads(changes) {
		t.wrong = append(t.wrong, t.truth.untrue(thread)...)
	}
	return nil
}

// kept checks that every event which the service said it had taken over is in its inbox,
// whatever became of the process and the database right after it.
func (t *tenant) kept(ctx context.Context, s *site) error {
	hooked, err := t.inbox(ctx, s)
	if err != nil {
		return err
	}
	for _, answer := range s.relay.Answers(0) {
		if answer.Path != "/webhooks/okta/"+t.slug || !answer.Accepted() {
			continue
		}
		for _, uuid := range answer.Events {
			if !hooked[uuid] {
				t.wrong = append(t.wrong, fmt.Sprintf("event %s was answered %d and is not in the inbox as one that came by hook", uuid, answer.Status))
			}
		}
	}
	return nil
}

// inbox says of each event in the inbox whether a hook has brought it.
func (t *tenant) inbox(ctx context.Context, s *site) (map[string]bool, error) {
	rows, err := s.rows.QueryContext(ctx, "select uuid, via = 'hook' or other_at is not null from inbox where tenant = $1", t.slug)
	if err != nil {
		return nil, fmt.Errorf("read the inbox: %w", err)
	}
	defer func() { _ = rows.Close() }()
	hooked := map[string]bool{}
	for rows.Next() {
		var uuid string
		var byHook bool
		if err := rows.Scan(&uuid, &byHook); err != nil {
			return nil, fmt.Errorf("read the inbox: %w", err)
		}
		hooked[uuid] = byHook
	}
	return hooked, rows.Err()
}

// history reads all changes of a tenant, oldest first.
func history(ctx context.Context, api *client.Client, tenant string) ([]v1.Change, error) {
	var all []v1.Change
	for after := ""; ; {
		page, err := api.Changes(ctx, tenant, client.ChangeFilter{After: after, Limit: 1000})
		if err != nil {
			return nil, fmt.Errorf("read the history: %w", err)
		}
		all = append(all, page.Items...)
		if page.Next == "" {
			return all, nil
		}
		after = page.Next
	}
}

// resync asks for a full sync in the end, which must find nothing to do.
func (t *tenant) resync(ctx context.Context, api *client.Client, limit time.Duration) error {
	run, err := api.Resync(ctx, t.slug, "full", "")
	if err != nil {
		return err
	}
	err = installation.Eventually(ctx, limit, "the full sync in the end is over", func() string {
		if run, err = api.Run(ctx, t.slug, run.ID); err != nil {
			return err.Error()
		}
		if !run.Final() {
			return run.State + ": " + run.Error
		}
		return ""
	})
	if err != nil {
		t.wrong = append(t.wrong, err.Error())
		return nil
	}
	if run.State != "succeeded" || len(run.Counts.Changes) > 0 {
		t.wrong = append(t.wrong, fmt.Sprintf("a full sync in the end is %s and found %v: %s", run.State, run.Counts.Changes, run.Error))
	}
	return nil
}
