package main

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/oktasync/oktasync/api/client"
	"github.com/oktasync/oktasync/api/v1"
	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/emulator"
)

type demoCommand struct {
	People int    `default:"500" help:"How many people work in the emulated org."`
	Data   string `default:"data/demo" type:"path" help:"Folder for the directory; a second start goes on with it."`
	Listen string `default:"127.0.0.1:8080" help:"Address of the service."`
	Once   bool   `help:"End after the story, as it does without a terminal."`
}

// demoStepLimit is how long a step of the story may take before it counts as failed.
const demoStepLimit = 20 * time.Second

// Run shows the main job: an emulated org, a first full sync, then hooks.
func (c demoCommand) Run(e *env) error {
	if err := os.MkdirAll(c.Data, 0o755); err != nil {
		return fmt.Errorf("make the demo's folder: %w", err)
	}
	rounds := demoRounds{path: filepath.Join(c.Data, "rounds")}
	told, err := rounds.read()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(e.err, &slog.HandlerOptions{Level: slog.LevelWarn}))
	org, err := emulator.Start(e.ctx, "127.0.0.1:0", emulator.Options{People: c.People, Groups: 25, Departments: 40, Logger: log})
	if err != nil {
		return err
	}
	defer func() {
		stopping, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := org.Close(stopping); err != nil {
			log.Warn("the emulated org did not stop cleanly", "error", err)
		}
	}()
	// The org lives in memory, the directory on disk: what was told before is
	// told to the org again, so that both go on from the same point.
	for round := range told {
		for _, step := range story(org.Org, round) {
			if _, err := step.act(); err != nil {
				return fmt.Errorf("repeat round %d of the story: %s: %w", round+1, step.title, err)
			}
		}
	}
	return c.show(e, org, rounds, told, log)
}

func (c demoCommand) show(e *env, org *emulator.Server, rounds demoRounds, told int, log *slog.Logger) error {
	listener, err := net.Listen("tcp", c.Listen)
	if err != nil {
		if listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return fmt.Errorf("listen: %w", err)
		}
	}
	address := "http://" + listener.Addr().String()
	secret, token := uuid.NewString(), "demo-"+uuid.NewString()
	cfg, err := demoConfig(filepath.Join(c.Data, "oktasync.db"), org, secret, token)
	if err != nil {
		return err
	}
	service, err := newService(e.ctx, cfg, true, log)
	if err != nil {
		return err
	}
	defer service.close()
	running, stop := context.WithCancel(e.ctx)
	defer stop()
	ended := make(chan error, 1)
	go func() { ended <- service.run(running, listener) }()

	api, err := client.New(address, token, nil)
	if err != nil {
		return err
	}
	d := &demo{env: e, org: org, api: api, address: address, token: token, secret: secret, round: told}
	err = d.play(running, rounds)
	if err == nil && !c.Once && isTerminal(e.out) {
		fmt.Fprintln(e.out, "\nIt goes on running. Stop it with Ctrl-C.")
		select {
		case <-e.ctx.Done():
		case err = <-ended:
			return err
		}
	}
	stop()
	return errors.Join(ignoreCancel(err), <-ended)
}

// ignoreCancel treats Ctrl-C as the clean end that it is.
func ignoreCancel(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// demoConfig is a configuration as a user would write it into the environment.
func demoConfig(database string, org *emulator.Server, secret, token string) (config.Config, error) {
	sum := sha256.Sum256([]byte(token))
	file := fmt.Sprintf("api:\n  tokens:\n    - name: demo\n      sha256: %s\n      role: approve\n", hex.EncodeToString(sum[:]))
	return config.Load(config.Options{
		Path:     "demo.yml",
		ReadFile: func(string) ([]byte, error) { return []byte(file), nil },
		Environ: []string{
			"OKTASYNC_DATABASE_URL=sqlite:" + database,
			"OKTASYNC_OKTA_URL=" + org.URL,
			"OKTASYNC_OKTA_ALLOW_HTTP=true",
			"OKTASYNC_OKTA_TOKEN=" + emulator.DefaultToken,
			"OKTASYNC_OKTA_APP_ID=" + org.Org.AppID(),
			"OKTASYNC_HOOK_SECRETS=" + secret,
		},
	})
}

// demo tells one round of the story.
type demo struct {
	*env
	org     *emulator.Server
	api     *client.Client
	address string
	token   string
	secret  string
	round   int
}

func (d *demo) say(format string, args ...any) { fmt.Fprintf(d.out, format+"\n", args...) }

func (d *demo) play(ctx context.Context, rounds demoRounds) error {
	d.say("An emulated Okta org with %d people runs at %s, oktasync at %s.\n", d.org.Org.People(), d.org.URL, d.address)
	d.say("1. Full sync")
	if err := d.fullSync(ctx); err != nil {
		return err
	}
	if _, err := d.org.Org.RegisterHook(emulator.NewHook{URL: d.address + "/webhooks/okta", Secret: d.secret}); err != nil {
		return fmt.Errorf("register the event hook: %w", err)
	}
	d.say("\n2. Event hooks (registered at Okta and verified)")
	// A round that is cut short counts as told: the next start tells it to the org
	// whole, and the full sync brings the rest of it into the directory.
	if err := rounds.write(d.round + 1); err != nil {
		return err
	}
	steps := story(d.org.Org, d.round)
	for _, step := range steps {
		if err := d.tell(ctx, step); err != nil {
			return err
		}
	}
	d.say("\n3. Look around")
	for _, path := range []string{"people?limit=3", "people/" + steps[1].who, "teams?limit=5", "changes?newest=true&limit=5", "runs"} {
		d.say(`   curl -s -H "Authorization: Bearer %s" "%s/api/v1/tenants/default/%s"`, d.token, d.address, path)
	}
	d.say("   curl -s %s/readyz", d.address)
	return nil
}

// fullSync follows the sync that a new tenant gets by itself, or asks for one.
func (d *demo) fullSync(ctx context.Context) error {
	tenant, err := d.api.Tenant(ctx, config.DefaultSlug)
	if err != nil {
		return err
	}
	started := time.Now()
	var run v1.Run
	for tenant.LastFullSync == nil && run.ID == "" {
		if time.Since(started) > demoStepLimit {
			return errors.New("the first full sync did not start by itself")
		}
		page, err := d.api.Runs(ctx, config.DefaultSlug, 1)
		if err != nil {
			return err
		}
		if len(page.Items) == 1 {
			run = page.Items[0]
			break
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
	if run.ID == "" {
		if run, err = d.api.Resync(ctx, config.DefaultSlug, "full", ""); err != nil {
			return err
		}
	}
	return waitForRun(d.env, run.ID, func(ctx context.Context) (v1.Run, error) { return d.api.Run(ctx, config.DefaultSlug, run.ID) })
}

// tell makes one thing happen in Okta and waits for what it changes in the directory.
func (d *demo) tell(ctx context.Context, step storyStep) error {
	act, err := step.act()
	if err != nil {
		return fmt.Errorf("%s: %w", step.title, err)
	}
	if len(act.Events) == 0 {
		return fmt.Errorf("%s: the org wrote no event", step.title)
	}
	event := act.Events[0]
	who := step.who
	if who == "" {
		who = act.ID
	}
	deadline := time.Now().Add(demoStepLimit)
	for time.Now().Before(deadline) {
		changes, err := d.changesBy(ctx, who, step.want, event.Published)
		if err != nil {
			return err
		}
		if changes != nil {
			d.report(step, changes, event.Published)
			return nil
		}
		if err := pause(ctx); err != nil {
			return err
		}
	}
	return fmt.Errorf("%s: no %s reached the directory within %s", step.title, strings.Join(step.want, " and "), demoStepLimit)
}

// report prints what a step changed and how long it took from Okta's event to
// the committed directory.
func (d *demo) report(step storyStep, changes []v1.Change, since time.Time) {
	d.say("   %-58s %5d ms", step.title, changes[len(changes)-1].At.Sub(since).Milliseconds())
	for _, change := range changes {
		d.say("      #%d %s", change.Seq, change.Type)
		for _, f := range change.Fields {
			if step.shows[f.Field] {
				d.say("         %s: %s -> %s", f.Field, valueWords(f.Before), valueWords(f.After))
			}
		}
	}
}

// changesBy finds one change of each type that a hook caused after the event;
// nil while one is missing.
func (d *demo) changesBy(ctx context.Context, who string, want []string, since time.Time) ([]v1.Change, error) {
	page, err := d.api.PersonChanges(ctx, config.DefaultSlug, who, client.ChangeFilter{Newest: true, Limit: 50})
	if client.NotFound(err) {
		return nil, nil // a joiner who is not here yet
	}
	if err != nil {
		return nil, err
	}
	var found []v1.Change
	for _, t := range want {
		i := slices.IndexFunc(page.Items, func(c v1.Change) bool {
			return c.Type == t && c.At.After(since) && c.Cause.Kind == "hook"
		})
		if i < 0 {
			return nil, nil
		}
		found = append(found, page.Items[i])
	}
	return found, nil
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(20 * time.Millisecond):
		return nil
	}
}
