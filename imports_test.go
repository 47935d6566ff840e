package main

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The direction of imports: what each part of the product may import of ours. What is not listed may import everything
// below main.
func TestImports(t *testing.T) {
	t.Parallel()
	allowed := map[string][]string{
		"campus":                  {},
		"deploy":                  {},
		"deploy/stack":            {},
		"school":                  {"campus"},
		"school/portrait":         {},
		"school/simulator":        {"campus", "school", "school/portrait", "school/simulator/vision"},
		"school/simulator/vision": {},
		"storage":                 {"campus"},
		"activities":              {"campus", "school", "storage"},
		"workflows":               {"activities", "campus"},
		"decisions":               {"campus", "storage", "workflows"},
		"worker":                  {"activities", "campus", "decisions", "school", "storage", "workflows"},
		"doctor":                  {"campus", "school", "storage", "worker", "workflows"},
		"api":                     {"activities", "campus", "decisions", "school", "storage", "workflows"},
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	out, err := list.Output()
	require.NoError(t, err)
	seen := 0
	for line := range strings.Lines(string(out)) {
		pkg, imports, _ := strings.Cut(strings.TrimSpace(line), " ")
		may, listed := allowed[strings.TrimPrefix(pkg, "campuscard/")]
		if !listed {
			continue
		}
		seen++
		for imported := range strings.FieldsSeq(imports) {
			if ours, ok := strings.CutPrefix(imported, "campuscard/"); ok {
				require.Contains(t, may, ours, "%s imports %s", pkg, imported)
			}
		}
	}
	require.Equal(t, len(allowed), seen, "a part of the house has gone")
}
