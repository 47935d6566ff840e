package files

import (
	"os"
	"testing"
)

// TestMain reads a PDF if a server of the tests has started this program to do that.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == InspectPDFCommand {
		if InspectPDF(os.Args[2], os.Stdin, os.Stdout) != nil {
			os.Exit(Failed)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}
