package main

import (
	"errors"
	"fmt"

	"github.com/oktasync/oktasync/config"
	"github.com/oktasync/oktasync/okta"
)

type hookTerraformCommand struct {
	hookTarget
	ID string `placeholder:"ID" help:"The hook that there is already, for the import."`
}

// Run prints the hook for Terraform. It does not ask Okta.
func (c hookTerraformCommand) Run(e *env) error {
	cfg, err := e.load(true)
	if err != nil {
		return err
	}
	tenant, cfg, err := c.look(e, cfg)
	if err != nil {
		return err
	}
	spec, err := c.spec(cfg, tenant)
	if err != nil {
		return err
	}
	if spec.URI == "" {
		return errors.New("say with --url at which address Okta reaches the service, or set server.public_url")
	}
	fmt.Fprint(e.out, okta.HookTerraform(spec, c.ID))
	return nil
}

// look finds the tenant. Where the file has it, no database is needed.
func (c hookTerraformCommand) look(e *env, cfg config.Config) (config.Tenant, config.Config, error) {
	if t, found := cfg.Tenant(c.Tenant); found {
		return t, cfg, nil
	}
	if c.Tenant == "" && len(cfg.Tenants) == 1 && len(cfg.Encryption.Keys) == 0 {
		return cfg.Tenants[0], cfg, nil
	}
	db, err := openReadyStore(e.ctx, cfg, false)
	if err != nil {
		return config.Tenant{}, cfg, err
	}
	defer db.Close()
	all, err := readTenants(e.ctx, cfg, db)
	if err != nil {
		return config.Tenant{}, cfg, err
	}
	t, err := all.the(c.Tenant)
	return t, all.config(), err
}
