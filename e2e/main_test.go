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

// watch has the binary look for data races too, which makes it several times slower.
var watch = flag.Bool("watch", false, "build the binary with the race detector")

// ports are those that servers and services of the tests listen on.
var ports = &installation.Ports{}

// binary is the path of the built oktasync. TestMain sets it before any test runs.
var binary string

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(buildAndRun(m))
}

func buildAndRun(m *testing.M) int {
	// Nearly all tests wait for other processes nearly all of their time.
	if parallel := flag.Lookup("test.parallel"); parallel.Value.String() == parallel.DefValue {
		at := "8"
		if raceBuild {
			at = "6"
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
	binary = filepath.Join(dir, "oktasync")
	var flags []string
	if *watch {
		// All is watched but the C in SQLite, as in the Makefile.
		flags = []string{"-race", "-gcflags=modernc.org/...=-race=false"}
	}
	err = installation.Build(context.Background(), binary, flags...)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return m.Run()
}
