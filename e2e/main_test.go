package e2e

import (
	"context"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/oktasync/oktasync/e2e/installation"
)

// people is for trying sizes that take too long for every run:
//
//	go test ./e2e -run TestManyPeople -people 1000000 -timeout 2h
var people = flag.Int("people", 2_000, "how many people TestManyPeople reads")

// ports are those that servers and services of the tests listen on.
var ports = &installation.Ports{}

// plain and watched are the paths of the built oktasync; watched looks for data races
// when the tests do. TestMain sets them before any test runs.
var plain, watched string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	// Nearly all tests wait for other processes nearly all of their time.
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		at := "8"
		if raceBuild {
			at = "4"
		}
		if err := parallel.Value.Set(at); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
	}
	dir, err := os.MkdirTemp("", "oktasync-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	plain = filepath.Join(dir, "oktasync")
	watched = plain
	err = installation.Build(context.Background(), plain)
	if raceBuild && err == nil {
		watched = filepath.Join(dir, "oktasync-race")
		err = installation.Build(context.Background(), watched, "-race")
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
