package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A comment is read at one look: its lines have at most 120 characters. What stands beside code is left.
func TestLinesOfComments(t *testing.T) {
	t.Parallel()
	seen := 0
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".go" {
			return err
		}
		source, err := os.ReadFile(path)
		number := 0
		for line := range strings.Lines(string(source)) {
			number++
			if line = strings.TrimRight(line, "\n"); strings.HasPrefix(strings.TrimLeft(line, "\t"), "// ") {
				seen++
				assert.LessOrEqual(t, utf8.RuneCountInString(line), 120, "%s:%d: a line of a comment", path, number)
			}
		}
		return err
	})
	require.NoError(t, err)
	require.Greater(t, seen, 1000, "the comments are found")
}
