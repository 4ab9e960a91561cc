package main

import (
	"context"
	"fmt"
	"time"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/emulator"
)

type emulatorCommand struct {
	People    int    `default:"500" help:"How many people work there."`
	Groups    int    `default:"25" help:"How many groups they have."`
	Port      int    `default:"9000" help:"Port on the loopback interface."`
	Seed      uint64 `default:"1" help:"The same seed gives the same people."`
	Unlimited bool   `help:"Without Okta's rate limits."`
}

// Run serves an emulated org until the process is told to stop.
func (c emulatorCommand) Run(e *env) error {
	limits := emulator.Limits{}
	if c.Unlimited {
		limits = emulator.Unlimited()
	}
	log := e.logger(config.Log{Format: config.LogText})
	org, err := emulator.Start(e.ctx, fmt.Sprintf("127.0.0.1:%d", c.Port), emulator.Options{
		People: c.People, Groups: c.Groups, Seed: c.Seed, Limits: limits, Logger: log,
	})
	if err != nil {
		return err
	}
	fmt.Fprintf(e.out, `An Okta org with %d people and %d groups.
  address    %s
  API token  %s
  app        %s
  control    %s/emulator/v1/
Nothing is kept when it stops. Stop it with Ctrl-C.
`, c.People, c.Groups, org.URL, emulator.DefaultToken, org.Org.AppID(), org.URL)
	<-e.ctx.Done()
	stopping, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	return org.Close(stopping)
}
