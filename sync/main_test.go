package sync_test

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"github.com/oktasync/oktasync/store/storetest"
)

func TestMain(m *testing.M) {
	flag.Parse()
	if err := fewer(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(storetest.Main(m))
}
