package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// The direction of imports: what each part of the product may import of ours. What is not listed may import everything
// below main.
func TestImports(t *testing.T) {
	t.Parallel()
	below := []string{"campus", "storage/db", "storage/casework", "storage/people"} // what every area of storage stands on
	areas := []string{"storage/people", "storage/casework", "storage/cards", "storage/production", "storage/outreach",
		"storage/money"}
	facts := slices.Concat([]string{"campus", "storage"}, areas) // what those above storage may know of it
	pages := slices.Concat(facts, []string{"activities", "api/core", "api/files", "decisions", "school",
		"workflows/engine"})
	allowed := map[string][]string{
		"campus":                  {},
		"deploy":                  {},
		"deploy/stack":            {},
		"school":                  {"campus"},
		"school/portrait":         {},
		"school/simulator":        {"campus", "school", "school/portrait", "school/simulator/intime", "school/simulator/vision"},
		"school/simulator/intime": {},
		"school/simulator/vision": {},
		"storage/db":              {"campus"},
		"storage/casework":        {"campus", "storage/db"},
		"storage/people":          {"campus", "storage/db", "storage/casework"},
		"storage/cards":           below,
		"storage/production":      below,
		"storage/outreach":        below,
		"storage/money":           below,
		"storage":                 slices.Concat(below, areas),
		"activities":              slices.Concat(facts, []string{"school"}),
		"workflows/engine":        {"activities", "campus"},
		"workflows/cards":         {"activities", "campus", "workflows/engine"},
		"workflows/production":    {"activities", "campus", "workflows/engine"},
		"workflows/outreach":      {"activities", "campus", "workflows/engine"},
		"workflows/money":         {"activities", "campus", "workflows/engine"},
		"workflows": {"campus", "workflows/cards", "workflows/engine", "workflows/money", "workflows/outreach",
			"workflows/production"},
		"decisions": slices.Concat(facts, []string{"workflows/engine"}),
		"worker": slices.Concat(facts,
			[]string{"activities", "decisions", "school", "workflows", "workflows/engine"}),
		"doctor":         slices.Concat(facts, []string{"school", "worker", "workflows/engine"}),
		"api/files":      {"campus"},
		"api/core":       slices.Concat(facts, []string{"api/files", "decisions", "school", "workflows/engine"}),
		"api/people":     pages,
		"api/cards":      pages,
		"api/work":       pages,
		"api/production": pages,
		"api/outreach":   pages,
		"api/money":      pages,
		"api": slices.Concat(pages,
			[]string{"api/people", "api/cards", "api/work", "api/production", "api/outreach",
				"api/money"}),
	}
	list := exec.CommandContext(t.Context(), "go", "list", "-f", `{{.ImportPath}} {{join .Imports " "}}`, "./...")
	out, err := list.Output()
	require.NoError(t, err)
	seen := 0
	for line := range strings.Lines(string(out)) {
		pkg, imports, _ := strings.Cut(strings.TrimSpace(line), " ")
		name := strings.TrimPrefix(pkg, "campuscard/")
		may, listed := allowed[name]
		if !listed {
			layer, _, _ := strings.Cut(name, "/")
			require.False(t, slices.Contains([]string{"storage", "api", "workflows"}, layer) &&
				!strings.HasSuffix(name, "test"), "no rule for %s: say in `allowed` what it may import",
				name)
			continue
		}
		seen++
		for imported := range strings.FieldsSeq(imports) {
			if ours, ok := strings.CutPrefix(imported, "campuscard/"); ok {
				require.Contains(t, may, ours, "%s imports %s, which is none of what it may (AGENTS.md, Direction of imports): "+
					"what spans areas is a method of the root package, which calls both", pkg, imported)
			}
		}
	}
	require.Equal(t, len(allowed), seen, "a package of `allowed` has gone")
}

// The Makefile takes the race detector off packages that only compute. Ours among them start nothing and share nothing:
// they have no goroutine, no lock, no variable of the package but errors.
func TestWhatIsNotWatchedSharesNothing(t *testing.T) {
	t.Parallel()
	makefile, err := os.ReadFile("Makefile")
	require.NoError(t, err)
	line := regexp.MustCompile(`(?m)^unwatched := ((?:.*\\\n)*.*)$`).FindSubmatch(makefile)
	require.NotNil(t, line)
	ours := 0
	for name := range strings.FieldsSeq(string(line[1])) {
		dir, is := strings.CutPrefix(name, "campuscard/")
		if !is {
			continue
		}
		ours++
		for _, file := range sources(t, dir) {
			requireNothingShared(t, name, file)
		}
	}
	require.NotZero(t, ours)
}

func requireNothingShared(t *testing.T, name string, file *ast.File) {
	t.Helper()
	for _, imported := range file.Imports {
		require.NotContains(t, []string{`"sync"`, `"sync/atomic"`, `"context"`, `"time"`}, imported.Path.Value, name)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		_, starts := n.(*ast.GoStmt)
		require.False(t, starts, "%s starts a goroutine", name)
		return true
	})
	for _, declared := range file.Decls {
		list, _ := declared.(*ast.GenDecl)
		if list == nil || list.Tok != token.VAR {
			continue
		}
		for _, spec := range list.Specs {
			for _, variable := range spec.(*ast.ValueSpec).Names {
				require.Regexp(t, "^Err", variable.Name, "%s has a variable that is no error", name)
			}
		}
	}
}

// sources are the files of a package without its tests.
func sources(t *testing.T, dir string) (files []*ast.File) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, "*.go"))
	require.NoError(t, err)
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
		require.NoError(t, err)
		files = append(files, file)
	}
	require.NotEmpty(t, files, dir)
	return files
}
