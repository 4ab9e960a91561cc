package main

import (
	"fmt"
	"strings"

	"github.com/oktasync/oktasync/directory"
)

type configReloadCommand struct{ server }

// Run asks the service for it and says what became of each tenant's rules.
func (c configReloadCommand) Run(e *env) error {
	service, err := c.connect(e)
	if err != nil {
		return err
	}
	done, err := service.Reload(e.ctx)
	if err != nil {
		return err
	}
	for _, t := range done.Tenants {
		switch {
		case t.Next != "":
			fmt.Fprintf(e.out, "%s: the rules have changed (%s); those of %s stay in force until the run is applied: oktasync runs list --tenant %s\n",
				t.Tenant, directory.ShortHash(t.Next), directory.ShortHash(t.InForce), t.Tenant)
		case t.Refused != "":
			fmt.Fprintf(e.out, "%s: rules %s are in force; those of %s were rejected\n", t.Tenant, directory.ShortHash(t.InForce), directory.ShortHash(t.Refused))
		default:
			fmt.Fprintf(e.out, "%s: rules %s are in force\n", t.Tenant, directory.ShortHash(t.InForce))
		}
	}
	if len(done.NeedRestart) > 0 {
		fmt.Fprintf(e.out, "These settings have changed and count only after a restart: %s\n", strings.Join(done.NeedRestart, ", "))
	}
	return nil
}
