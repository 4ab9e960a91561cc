package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

type hooksCommand struct {
	Connections int           `default:"64" help:"Connections that post at the same time."`
	Events      []int         `default:"1,10,100" help:"Events in one body."`
	Length      time.Duration `default:"5s" help:"How long each measurement takes."`
	Rounds      int           `default:"3" help:"Of this many rounds the medians are printed."`
	Fsync       bool          `help:"Let Postgres wait for the disk (ALTER SYSTEM, put back at the end): the test services do not."`
	Profile     string        `help:"Prefix of files for profiles of the service."`
}

// measured is one case of one round.
type measured struct {
	load
	service  time.Duration // processor time for each request
	postgres time.Duration
}

// Run measures the floor and the service in turns, so that both meet the same load
// of the machine.
func (c hooksCommand) Run(e *env) (err error) {
	fmt.Fprintf(e.out, "%s\n\n", machine())
	template, err := recordHook(e.ctx)
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "oktasync-bench-")
	if err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path, err := binary(e.ctx, dir, c.Profile != "")
	if err != nil {
		return err
	}
	i, err := install(e.ctx, setup{
		kind: onPostgres, binary: path, profile: c.Profile,
		// Without workers, which would take processor time as soon as tasks wait.
		settings: []string{"OKTASYNC_ROLES=web"},
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, i.remove()) }()
	if c.Fsync {
		back, err := fsyncOn(e.ctx, i)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, back()) }()
	}
	floor, at, err := startFloor(e.ctx, dir, i.database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, floor.stop()) }()

	queue, _, err := newRedis(e.ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, queue.Close()) }()
	m := &hookMeter{hooksCommand: c, i: i, template: template, queue: queue,
		targets: map[bool]target{
			true:  {floor, at, floorPath},
			false: {i.service, strings.TrimPrefix(i.address, "http://"), "/webhooks/okta"},
		},
		got: map[hookCase][]measured{}}
	for round := range c.Rounds {
		for _, events := range c.Events {
			for _, isFloor := range []bool{true, false} {
				if err := m.measure(e.ctx, hookCase{events, isFloor}, uint64(round)); err != nil {
					return err
				}
			}
		}
		e.note("hooks: round %d of %d done", round+1, c.Rounds)
	}
	m.print(e)
	return nil
}

type hookCase struct {
	events int
	floor  bool
}

type target struct {
	process *process
	address string
	path    string
}

// hookMeter keeps what was measured.
type hookMeter struct {
	hooksCommand
	i        *installation
	template hookTemplate
	queue    *redis.Client
	targets  map[bool]target
	got      map[hookCase][]measured
}

func (m *hookMeter) measure(ctx context.Context, k hookCase, round uint64) error {
	// Each case begins with empty tables and an empty queue.
	if _, err := m.i.db.ExecContext(ctx, "truncate floor, inbox, inbox_scopes"); err != nil {
		return fmt.Errorf("empty the tables: %w", err)
	}
	if err := m.queue.FlushDB(ctx).Err(); err != nil {
		return fmt.Errorf("empty the queue: %w", err)
	}
	t := m.targets[k.floor]
	run := func(length time.Duration, salt uint64) (load, error) {
		return drive(ctx, t.address, m.Connections, length, func(n int) *hookRequest {
			return m.template.request(t.address, t.path, k.events, salt<<40|round<<32|uint64(k.events)<<16|uint64(n))
		})
	}
	if _, err := run(min(m.Length/5, time.Second), 1); err != nil { // connections, caches
		return err
	}
	if !k.floor {
		defer m.i.profileFrom()()
	}
	busy, err := processorTime(t.process.pid())
	if err != nil {
		return err
	}
	postgres := m.i.postgresTime(ctx)
	l, err := run(m.Length, 2)
	if err != nil {
		return err
	}
	busyNow, err := processorTime(t.process.pid())
	if err != nil {
		return err
	}
	each := time.Duration(l.requests)
	m.got[k] = append(m.got[k], measured{load: l, service: (busyNow - busy) / each, postgres: (m.i.postgresTime(ctx) - postgres) / each})
	if k.floor {
		return nil
	}
	return m.stored(ctx, k, l.requests)
}

// stored fails when the inbox lacks events of requests that were answered 204.
func (m *hookMeter) stored(ctx context.Context, k hookCase, requests int) error {
	var events int
	if err := m.i.db.QueryRowContext(ctx, "select count(*) from inbox").Scan(&events); err != nil {
		return fmt.Errorf("count the inbox: %w", err)
	}
	if least := requests * k.events; events < least {
		return fmt.Errorf("the inbox has %d events after %d requests with %d each", events, requests, k.events)
	}
	return nil
}

// of returns the median over the rounds.
func (m *hookMeter) of(k hookCase, value func(measured) float64) float64 {
	var all []float64
	for _, one := range m.got[k] {
		all = append(all, value(one))
	}
	return median(all)
}

func (m *hookMeter) print(e *env) {
	rate := func(x measured) float64 { return x.perSecond() }
	wait := func(q float64) func(measured) float64 {
		return func(x measured) float64 { return float64(quantile(x.waits, q)) }
	}
	micros := func(f float64) string { return fmt.Sprintf("%.0f µs", f/1000) }
	t := table{head: []string{"Events per body", "Bodies/s", "Events/s", "p50", "p99", "Floor bodies/s", "Ratio to the floor",
		"CPU per body: service, Postgres", "Floor's CPU per body"}}
	for _, events := range m.Events {
		own, floor := hookCase{events, false}, hookCase{events, true}
		var ratios []float64
		for round := range m.got[own] {
			ratios = append(ratios, m.got[own][round].perSecond()/m.got[floor][round].perSecond())
		}
		t.add(fmt.Sprint(events), count(int(m.of(own, rate))), count(int(m.of(own, rate))*events),
			ms(time.Duration(m.of(own, wait(0.5)))), ms(time.Duration(m.of(own, wait(0.99)))),
			count(int(m.of(floor, rate))), fmt.Sprintf("%.2f", median(ratios)),
			micros(m.of(own, func(x measured) float64 { return float64(x.service) }))+", "+
				micros(m.of(own, func(x measured) float64 { return float64(x.postgres) })),
			micros(m.of(floor, func(x measured) float64 { return float64(x.service) }))+", "+
				micros(m.of(floor, func(x measured) float64 { return float64(x.postgres) })))
	}
	t.print(e.out)
	for _, events := range m.Events {
		for _, one := range m.got[hookCase{events, false}] {
			if one.refused > 0 {
				fmt.Fprintf(e.out, "With %d events %s bodies of %s were answered 503, because Postgres did not store them in time.\n\n",
					events, count(one.refused), count(one.refused+one.requests))
			}
		}
	}
	one, hundred := hookCase{1, false}, hookCase{100, false}
	if len(m.got[one]) > 0 && len(m.got[hundred]) > 0 {
		fmt.Fprintf(e.out, "A body of 100 events costs %.1f times as much as one of a single event.\n\n", m.of(one, rate)/m.of(hundred, rate))
	}
}

func startFloor(ctx context.Context, dir, database string) (*process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", fmt.Errorf("find this program: %w", err)
	}
	at, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	p, err := begin(exec.Command(self, "floor", "--listen", at, "--database", database), filepath.Join(dir, "floor.log"))
	if err != nil {
		return nil, "", err
	}
	if err := p.ready(ctx, "http://"+at+"/healthz"); err != nil {
		return nil, "", errors.Join(err, p.stop())
	}
	return p, at, nil
}

// fsyncOn makes the server wait for the disk and returns what undoes it.
func fsyncOn(ctx context.Context, i *installation) (func() error, error) {
	set := func(ctx context.Context, statement string) error {
		for _, s := range []string{statement, "select pg_reload_conf()"} {
			if _, err := i.db.ExecContext(ctx, s); err != nil {
				return fmt.Errorf("change the server's settings: %w", err)
			}
		}
		return nil
	}
	back := func() error {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		return set(ctx, "alter system reset fsync")
	}
	if err := set(ctx, "alter system set fsync = on"); err != nil {
		return nil, errors.Join(err, back())
	}
	return back, nil
}
