package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands is the command line.
type commands struct {
	All        allCommand        `cmd:"" default:"1" help:"Everything, with the default sizes."`
	Hooks      hooksCommand      `cmd:"" help:"Hook intake on Postgres and Redis, against a bare insert and commit."`
	Latency    latencyCommand    `cmd:"" help:"From Okta's event to the committed directory, on an idle system."`
	Leavers    leaversCommand    `cmd:"" help:"From a leaver's event to the commit, at Okta's limits and with many profile updates waiting."`
	Tenants    tenantsCommand    `cmd:"" help:"From an event of one of 200 tenants to the commit, while another one floods."`
	Fullsync   fullsyncCommand   `cmd:"" help:"First and second full sync: time, calls, memory, rows written."`
	Burst      burstCommand      `cmd:"" help:"Calls that many assignments at once take."`
	RuleChange ruleChangeCommand `cmd:"" name:"rulechange" help:"Changed rules: everybody mapped again on what was last seen."`
	Plan       planCommand       `cmd:"" help:"A plan that the guard holds: read, paged, approved, applied."`
	Feed       feedCommand       `cmd:"" help:"The feed read from its beginning, against one SELECT of the same rows."`
	Deliver    deliverCommand    `cmd:"" help:"Webhooks over loopback, against a bare loop of signed requests."`
	Isolation  isolationCommand  `cmd:"" help:"Three healthy receivers beside a dead and a slow one, against five healthy ones."`
	Floor      floorCommand      `cmd:"" hidden:"" help:"Serve the floor of the hook intake (started by hooks)."`
}

// env is what a command gets from the process.
type env struct {
	ctx context.Context
	out io.Writer // tables
	err io.Writer // progress
}

func (e *env) note(format string, args ...any) { fmt.Fprintf(e.err, format+"\n", args...) }

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run executes one command line and returns the exit status: 0 done, 1 failed,
// 2 not understood.
func run(ctx context.Context, args []string, out, errOut io.Writer) int {
	var cli commands
	status := -1
	parser, err := kong.New(&cli, kong.Name("bench"), kong.Description("Measures oktasync against the floors."),
		kong.UsageOnError(), kong.Writers(out, errOut), kong.Exit(func(code int) { status = code }))
	if err != nil {
		fmt.Fprintf(errOut, "bench: %v\n", err)
		return 2
	}
	command, err := parser.Parse(longFlags(args))
	if status >= 0 { // --help has been printed
		return status
	}
	if err != nil {
		fmt.Fprintf(errOut, "bench: %v\n", err)
		return 2
	}
	if err := command.Run(&env{ctx: ctx, out: out, err: errOut}); err != nil {
		fmt.Fprintf(errOut, "bench: %v\n", err)
		return 1
	}
	return 0
}

// longFlags lets flags begin with one dash too, as those of go test do.
func longFlags(args []string) []string {
	long := make([]string, len(args))
	for i, arg := range args {
		long[i] = arg
		if len(arg) > 2 && arg[0] == '-' && arg[1] != '-' {
			long[i] = "-" + arg
		}
	}
	return long
}

type allCommand struct{}

// Run measures everything once.
func (allCommand) Run(e *env) error {
	for _, command := range []string{"hooks", "latency", "fullsync -check", "fullsync -people 10000 -groups 200 -latency 30ms -check"} {
		if status := run(e.ctx, strings.Fields(command), e.out, e.err); status != 0 {
			return fmt.Errorf("%s ended with status %d", command, status)
		}
	}
	return nil
}
