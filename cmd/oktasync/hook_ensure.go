package main

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/oktasync/oktasync/okta"
)

type hookEnsureCommand struct {
	hookTarget
	Adopt        string `placeholder:"ID" help:"Take this hook for ours, whatever its name and address."`
	DryRun       bool   `help:"Say what would be done, and do nothing."`
	ResendSecret bool   `help:"Write the secret again, although Okta can't show whether it differs."`
	Force        bool   `help:"Change a hook that works although its new address does not answer from here."`
}

// Run brings the hook in Okta into the state that the configuration asks for.
func (c hookEnsureCommand) Run(e *env) error {
	w, err := c.open(e, !c.DryRun)
	if err != nil {
		return err
	}
	defer w.close()
	if w.spec.URI == "" {
		return errors.New("say with --url at which address Okta reaches the service, or set server.public_url; nothing was done")
	}
	if c.Adopt != "" {
		w.spec.ID = c.Adopt
	}
	ctx, cancel := w.patiently(2 * time.Minute)
	defer cancel()
	secret := w.secret()
	result, err := w.reader.EnsureHook(ctx, okta.EnsureOptions{
		Spec: w.spec, Secret: secret.Reveal(), DryRun: c.DryRun, Resend: c.ResendSecret, Uses: w.uses, Check: w.check, Force: c.Force,
	})
	c.tell(w, result)
	// What was done is kept even when the rest failed.
	if !c.DryRun && result.Hook.ID != "" && (err == nil || result.SecretGiven) {
		err = errors.Join(err, w.save(w.ctx, result.Hook, result.SecretGiven))
	}
	if err != nil {
		return needsRight(err)
	}
	switch h := result.Hook; {
	case len(result.Steps) == 0:
		fmt.Fprintf(e.out, "The hook %s is as it should be: active, verified, %d event types, to %s. Nothing was changed.\n", h.ID, len(h.Events.Items), h.Channel.Config.URI)
	case c.DryRun:
		fmt.Fprintln(e.out, "Nothing was changed.")
	default:
		fmt.Fprintf(e.out, "The hook %s is active and verified, and delivers %d event types to %s. Some minutes can pass before the first event.\n", h.ID, len(h.Events.Items), h.Channel.Config.URI)
	}
	return nil
}

func (c hookEnsureCommand) tell(w *hookWork, result okta.EnsureResult) {
	for _, p := range result.Before.Problems {
		fmt.Fprintf(w.out, "found  %s\n", p.Says)
	}
	verb := "done "
	if c.DryRun {
		verb = "would"
	}
	for _, step := range result.Steps {
		fmt.Fprintf(w.out, "%s  %s\n", verb, step)
	}
	for _, note := range slices.Concat(result.Before.Notes, result.Doubts) {
		fmt.Fprintf(w.out, "note   %s\n", note)
	}
}
