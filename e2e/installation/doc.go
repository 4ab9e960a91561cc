// Package installation has what end-to-end tests and the chaos kit need to run the
// real service: the binary, processes that can be killed, a redis-server and a
// PostgreSQL of their own, configuration files, and the comparison of the directory
// with the emulated Okta org.
//
// A harness builds the binary once, starts servers and processes, reads the
// directory through the admin API (Read), works out what it must be from the org's
// truth (Differences), and ends what it started. Everything runs on this machine
// and listens on the loopback interface.
//
// Nothing here decides whether a test fails: every function returns an error that says
// what was attempted. Processes die with the program that started them.
package installation
