package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/oktasync/oktasync/presets"
)

type configPresetsCommand struct {
	Name string `arg:"" optional:"" help:"A ready preset; without one their names are listed."`
}

// Run prints a ready preset as it is, with its comments, to be read or copied.
func (c configPresetsCommand) Run(e *env) error {
	ready, err := presets.All()
	if err != nil {
		return err
	}
	names := slices.Sorted(maps.Keys(ready))
	if c.Name == "" {
		fmt.Fprintln(e.out, strings.Join(names, "\n"))
		return nil
	}
	content, found := ready[c.Name]
	if !found {
		return fmt.Errorf("there is no ready preset %q; there are %s", c.Name, strings.Join(names, ", "))
	}
	_, err = e.out.Write(content)
	return err
}
