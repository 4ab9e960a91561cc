package api

import (
	"os"
	"testing"

	"github.com/oktasync/oktasync/store/storetest"
)

func TestMain(m *testing.M) { os.Exit(storetest.Main(m)) }
