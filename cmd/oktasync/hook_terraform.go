package main

import (
	"errors"
	"fmt"

	"github.com/oktasync/oktasync/okta"
)

type hookTerraformCommand struct {
	hookTarget
	ID string `placeholder:"ID" help:"The hook that there is already, for the import."`
}

// Run prints the hook for Terraform. It asks neither Okta nor the database.
func (c hookTerraformCommand) Run(e *env) error {
	cfg, err := e.load(true)
	if err != nil {
		return err
	}
	_, spec, err := c.resolve(cfg)
	if err != nil {
		return err
	}
	if spec.URI == "" {
		return errors.New("say with --url at which address Okta reaches the service, or set server.public_url")
	}
	fmt.Fprint(e.out, okta.HookTerraform(spec, c.ID))
	return nil
}
