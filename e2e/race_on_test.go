//go:build race

package e2e

// raceBuild says that the tests look for data races.
const raceBuild = true

// slower is how much longer everything may take.
const slower = 4
