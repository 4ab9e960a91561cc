// Command oktasync keeps a product's directory in step with Okta.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/jobs"
	"github.com/oktasync/oktasync/presets"
)

// version is set when the binary is built.
var version = "dev"

// commands is the command line.
type commands struct {
	Config string `short:"c" type:"path" placeholder:"FILE" help:"Configuration file (or OKTASYNC_CONFIG)."`

	Serve       serveCommand       `cmd:"" help:"Run the service."`
	Migrate     migrateCommand     `cmd:"" help:"Bring the database to this version's schema."`
	Doctor      doctorCommand      `cmd:"" help:"Check Okta, hook, Redis, database and clock, and say what to do."`
	Hook        hookCommand        `cmd:"" help:"Register, mend or look at the event hook in Okta."`
	ConfigFile  configCommand      `cmd:"" name:"config" help:"Check or print the configuration."`
	Token       tokenCommand       `cmd:"" help:"Make a token for the admin API."`
	Resync      resyncCommand      `cmd:"" help:"Ask the running service to read Okta again."`
	Plan        planCommand        `cmd:"" help:"Show what a sync would change, and change nothing."`
	Rules       rulesCommand       `cmd:"" help:"Try rules before they are used, on a person or on everybody, and see what no rule reads."`
	Runs        runsCommand        `cmd:"" help:"List and show syncs, and decide about those that wait."`
	Tenants     tenantsCommand     `cmd:"" help:"Add, test, pause, resume, remove and list tenants while the service runs."`
	Keys        keysCommand        `cmd:"" help:"Make, list and replace the keys that encrypt stored credentials."`
	Roles       rolesCommand       `cmd:"" help:"Show how many people have each role."`
	Licenses    licensesCommand    `cmd:"" help:"Show the license pools: caps, held, waiting."`
	Replay      replayCommand      `cmd:"" help:"Send old changes to an endpoint once more."`
	People      peopleCommand      `cmd:"" help:"Look people up, choose their managers, and erase who left."`
	Explain     explainCommand     `cmd:"" help:"Say why a person has what they have, and not the rest."`
	Teams       teamsCommand       `cmd:"" help:"List teams, set their managers, rename and merge them."`
	Export      exportCommand      `cmd:"" help:"Write the directory to a file, as NDJSON or CSV."`
	Invites     invitesCommand     `cmd:"" help:"List, preview, release, hold, resend and revoke invites to the product."`
	Acts        actsCommand        `cmd:"" help:"List what admins did, when and why."`
	Events      eventsCommand      `cmd:"" help:"Show how events came: by hook, by System Log, or by both."`
	Quarantine  quarantineCommand  `cmd:"" help:"List records that cannot be applied, with the reasons."`
	Archive     archiveCommand     `cmd:"" help:"List, retry or discard work that failed for good."`
	Endpoints   endpointsCommand   `cmd:"" help:"Have changes posted to your product, and see how that goes."`
	Deliveries  deliveriesCommand  `cmd:"" help:"List, show and repeat what was posted to an endpoint."`
	Emulator    emulatorCommand    `cmd:"" help:"Serve an emulated Okta org, for tests."`
	Demo        demoCommand        `cmd:"" help:"Show the main job on an emulated org."`
	Healthcheck healthcheckCommand `cmd:"" help:"Exit 0 when the service on this machine is alive."`
	Version     versionCommand     `cmd:"" help:"Print the version."`
}

// env is what a command gets from the process, so that tests can run it whole.
type env struct {
	ctx     context.Context
	config  string
	environ []string
	out     io.Writer
	err     io.Writer
}

func main() {
	// go-redis has one logger for the process and would write to standard error by itself;
	// whatever matters comes back to its callers as an error.
	jobs.LogRedis(slog.New(slog.DiscardHandler))
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Environ(), os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run executes one command line and returns the exit status: 0 done, 1 failed,
// 2 not understood.
func run(ctx context.Context, args, environ []string, out, errOut io.Writer) int {
	var cli commands
	status := -1
	parser, err := kong.New(&cli,
		kong.Name("oktasync"),
		kong.Description("Keeps a product's directory in step with Okta: within seconds of an event, and exactly every night."),
		kong.UsageOnError(), kong.Writers(out, errOut), kong.Exit(func(code int) { status = code }))
	if err != nil {
		fmt.Fprintf(errOut, "oktasync: %v\n", err)
		return 2
	}
	command, err := parser.Parse(args)
	if status >= 0 { // --help has been printed
		return status
	}
	if err != nil {
		// What may be left out is one of the choices to the parser, and none to people.
		fmt.Fprintf(&screen{to: errOut}, "oktasync: %s\n", strings.Replace(err.Error(), `,"" but got`, ` but got`, 1))
		return 2
	}
	e := &env{ctx: ctx, config: cli.Config, environ: environ, out: &screen{to: out}, err: errOut}
	if err := command.Run(e); err != nil {
		if !errors.Is(err, errSaid) {
			fmt.Fprintf(&screen{to: errOut}, "oktasync: %v\n", err)
		}
		return 1
	}
	return 0
}

// errSaid ends a command with status 1 after it has said why itself.
var errSaid = errors.New("failed")

// load reads the configuration.
func (e *env) load(needTenants bool) (config.Config, error) {
	ready, err := presets.All()
	if err != nil {
		return config.Config{}, err
	}
	return config.Load(config.Options{
		Path: e.config, Environ: e.environ, Presets: ready, KnownEnv: []string{apiURLVariable, apiTokenVariable, setupTokenVariable}, NoTenants: !needTenants,
	})
}

// logger writes log lines in the configured form. Every line carries ids only.
func (e *env) logger(cfg config.Log) *slog.Logger {
	options := &slog.HandlerOptions{Level: cfg.Level, ReplaceAttr: func(_ []string, a slog.Attr) slog.Attr {
		if a.Value.Kind() == slog.KindDuration { // JSON would show nanoseconds
			a.Value = slog.StringValue(a.Value.Duration().String())
		}
		return a
	}}
	log := slog.New(slog.NewJSONHandler(e.err, options))
	if cfg.Format == config.LogText {
		log = slog.New(slog.NewTextHandler(e.err, options))
	}
	return log
}
