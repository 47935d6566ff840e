package doctor_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// Everything that is seen has words, and what is not well says what to do.
func TestEveryFindingHasWords(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("*.go")
	require.NoError(t, err)
	codes := 0
	for _, file := range files {
		source, err := os.ReadFile(file)
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`\b(well|warn|fail)(?:\(|, )"([a-z0-9_.]+)"`).FindAllStringSubmatch(string(source), -1) {
			require.True(t, campus.HasText("doctor."+found[2]), "%s: %s has no words", file, found[2])
			require.True(t, found[1] == "well" || campus.HasText("doctor."+found[2]+".do"), "%s: %s says nothing to do", file,
				found[2])
			codes++
		}
	}
	require.Greater(t, codes, 40)
}
