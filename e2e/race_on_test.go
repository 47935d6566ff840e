//go:build race

package e2e

// raceFlags give the program under test the race detector that the test has.
func raceFlags() []string { return []string{"-race"} }
