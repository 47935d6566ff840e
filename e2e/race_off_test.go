//go:build !race

package e2e

// raceFlags are none: the test has no race detector either.
func raceFlags() []string { return nil }
