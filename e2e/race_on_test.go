//go:build race

package e2e

import (
	"cmp"
	"os"
	"strings"
)

// raceFlags give the program under test the race detector that the test has. The Makefile says what it does not watch.
func raceFlags() []string { return strings.Fields(cmp.Or(os.Getenv("RACE_FLAGS"), "-race")) }
