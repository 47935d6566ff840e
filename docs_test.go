package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// Files that pages and records name are there: `storage/cards/card.go` at that place, `card.go` somewhere.
func TestFilesThatDocsNameExist(t *testing.T) {
	t.Parallel()
	files := map[string]bool{}
	var pages []string
	require.NoError(t, filepath.WalkDir(".", func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() && strings.HasPrefix(entry.Name(), ".") && path != "." {
			return filepath.SkipDir
		}
		files[path], files[filepath.Base(path)] = true, true
		if filepath.Ext(path) == ".md" {
			pages = append(pages, path)
		}
		return nil
	}))
	named := regexp.MustCompile("`([a-z_/]+\\.(?:go|sql|yaml))`")
	require.NotEmpty(t, pages)
	for _, page := range pages {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, match := range named.FindAllStringSubmatch(string(text), -1) {
			assert.True(t, files[match[1]],
				"%s names %s, which is not there", page, match[1])
		}
	}
}
