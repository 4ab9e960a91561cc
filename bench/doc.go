// Command bench measures oktasync against the floors that docs/performance.md
// states, and prints Markdown tables.
//
//	scripts/with-services.sh go run ./bench hooks
//	scripts/with-services.sh go run ./bench latency
//	scripts/with-services.sh go run ./bench leavers -check
//	scripts/with-services.sh go run ./bench tenants -check
//	scripts/with-services.sh go run ./bench rulechange -people 10000 -check
//	scripts/with-services.sh go run ./bench fullsync -people 10000 -groups 100 -check
//
// What is measured is the real binary, built by the command and run as a process
// of its own, so that its memory and processor time can be told from those of the
// emulated Okta org and of the load, which live in the process of the command.
// Everything goes over the loopback interface. Postgres and Redis are those that
// OKTASYNC_TEST_POSTGRES and OKTASYNC_TEST_REDIS name: each measurement makes a
// database of its own and empties Redis database 9.
//
// A measurement that cannot be completed, and with -check one whose calls,
// writes or completeness are not as they must be, ends with status 1. No time
// ever does, because the machine may be busy, but for one: that leavers are out within five
// seconds is a promise, and far above what a busy machine costs.
package main
