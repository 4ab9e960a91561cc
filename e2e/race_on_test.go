//go:build race

package e2e

// raceBuild makes the binary watch for data races when the tests do.
const raceBuild = true

// slower is how much longer everything may take.
const slower = 4
