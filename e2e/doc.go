// Package e2e drives the built binary as its users do, and compares the
// directory with the emulated Okta org.
//
// It holds tests only; what they share with the chaos kit is in the package installation.
// TestMain builds oktasync once. Each test runs an org of its
// own inside the test process, and the binary as processes of their own: configured by
// a YAML file and by variables, on SQLite with the embedded Redis, or on
// PostgreSQL with a redis-server that the test starts and may stop, kill or empty.
//
// Data flows as in production: the org sends event hooks to the service (through a
// relay that notes each answer and how long it took), the service reads the org
// back, and the tests read the directory through the admin API, its Go client and
// the command line.
//
// When a test fails it shows the end of what each process has logged. A test
// that needs PostgreSQL fails when OKTASYNC_TEST_POSTGRES is not set; make test
// sets it.
package e2e
