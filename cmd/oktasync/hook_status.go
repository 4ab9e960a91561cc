package main

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/oktasync/oktasync/directory"
	"github.com/oktasync/oktasync/okta"
	"github.com/oktasync/oktasync/webhook"
)

type hookStatusCommand struct {
	hookTarget
}

// Run shows the hook. It ends with status 1 when something is the matter.
func (c hookStatusCommand) Run(e *env) error {
	w, err := c.open(e, false)
	if err != nil {
		return err
	}
	defer w.close()
	ctx, cancel := w.patiently(time.Minute)
	defer cancel()
	hooks, err := w.reader.EventHooks(ctx)
	if err != nil {
		return needsRight(err)
	}
	review := okta.ReviewHook(w.spec, hooks)
	if err := w.show(ctx, review); err != nil {
		return err
	}
	bad := 0
	for _, p := range review.Doubting(w.uses).Problems {
		mark := "note"
		if !p.Minor {
			mark = "FAIL"
			bad++
		}
		fmt.Fprintf(e.out, "%s  %s. To do: %s.\n", mark, p.Says, p.Fix)
	}
	for _, note := range review.Notes {
		fmt.Fprintf(e.out, "note  %s\n", note)
	}
	if w.spec.URI = cmp.Or(review.Hook.Channel.Config.URI, w.spec.URI); w.spec.URI != "" {
		if err := w.check(ctx); err != nil {
			bad++
			fmt.Fprintf(e.out, "FAIL  %v.\n", err)
		} else {
			fmt.Fprintln(e.out, "ok    the service answers at this address and accepts the configured secret")
		}
	}
	if bad > 0 {
		return errSaid
	}
	fmt.Fprintln(e.out, "The hook does what it has to.")
	return nil
}

// show prints the hook as Okta has it, and what is known from its deliveries.
func (w *hookWork) show(ctx context.Context, review okta.HookReview) error {
	var rows [][]string
	if h := review.Hook; h.ID != "" {
		rows = [][]string{
			{"id", h.ID}, {"name", h.Name}, {"status", h.Status}, {"verification", h.VerificationStatus},
			{"address", h.Channel.Config.URI}, {"secret's header", h.Channel.Config.AuthScheme.Key},
			{"event types", fmt.Sprintf("%d; missing: %s; not needed: %s", len(h.Events.Items), listed(review.Missing), listed(review.Extra))},
			{"changed in Okta", cmp.Or(h.LastUpdated, "-")},
		}
	}
	doors, err := w.db.HookDoors(ctx, webhook.DoorLife)
	if err != nil {
		return err
	}
	for i, s := range w.tenant.Hook.Secrets {
		rows = append(rows, []string{fmt.Sprintf("secret %d of hook.secrets", i+1), w.secretWords(w.fingerprint(s), doors)})
	}
	for _, u := range w.uses {
		if u.Secret == "" {
			rows = append(rows, []string{"refused", fmt.Sprintf("%d deliveries with a wrong secret or none, the last at %s", u.Uses, stamp(&u.Last))})
		}
	}
	return table(w.out, "PROPERTY\tVALUE", rows)
}

// secretWords says where a secret is accepted and when it was used.
func (w *hookWork) secretWords(fingerprint string, doors []directory.HookDoor) string {
	words := []string{"Okta may have it"}
	switch {
	case fingerprint == w.record.NextSecret:
		words = []string{"Okta gets it now"}
	case fingerprint == w.record.Secret:
		words = []string{"Okta has it"}
	case w.record.Secret != "":
		words = []string{"Okta does not have it"}
	}
	accepting := len(doors) - len(webhook.DoorsWithout(doors, w.tenant.Slug, fingerprint))
	words = append(words, fmt.Sprintf("accepted by %d of %d running processes", accepting, len(doors)))
	i := slices.IndexFunc(w.uses, func(u directory.HookUse) bool { return u.Secret == fingerprint })
	if i < 0 {
		return strings.Join(append(words, "no delivery yet"), "; ")
	}
	return strings.Join(append(words, fmt.Sprintf("%d deliveries, the last at %s", w.uses[i].Uses, stamp(&w.uses[i].Last))), "; ")
}

func listed(names []string) string {
	return cmp.Or(strings.Join(names, ", "), "none")
}
