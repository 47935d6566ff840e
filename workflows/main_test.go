package workflows_test

import (
	"flag"
	"os"
	"testing"

	"campuscard/workflows/workflowtest"
)

// TestMain is a worker when a test has started this program to be one. Otherwise it lets more tests run at once than
// there are processors: most of the time they wait for a server.
func TestMain(m *testing.M) {
	workflowtest.RunProcess()
	flag.Parse()
	if err := flag.Set("test.parallel", "8"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}
