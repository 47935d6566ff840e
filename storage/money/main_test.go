package money_test

import (
	"flag"
	"os"
	"testing"
)

// TestMain has properties tried less often than elsewhere, unless it is said otherwise: each try is hundreds of
// statements, and every one of them goes on from those before.
func TestMain(m *testing.M) {
	flag.Parse()
	said := false
	flag.Visit(func(f *flag.Flag) { said = said || f.Name == "rapid.checks" })
	if !said {
		if err := flag.Set("rapid.checks", "30"); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
