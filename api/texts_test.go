package api_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// Every reason that the source gives has a text in both languages: people read those, and never a code.
func TestEveryReasonHasAText(t *testing.T) {
	t.Parallel()
	var missing []string
	for _, folder := range []string{"../campus", "../storage", "."} {
		entries, err := os.ReadDir(folder)
		require.NoError(t, err)
		for _, entry := range entries {
			if !strings.HasSuffix(entry.Name(), ".go") || strings.HasSuffix(entry.Name(), "_test.go") {
				continue
			}
			for _, reason := range reasonsOf(t, filepath.Join(folder, entry.Name())) {
				key := "problem." + reason
				if !campus.HasText(key) || campus.Text(campus.Chinese, key, nil) == "" || campus.Text(campus.English, key, nil) == "" {
					missing = append(missing, entry.Name()+": "+key)
				}
			}
		}
	}
	require.Empty(t, missing)
}

// reasonsOf are the second arguments of Errorf, FieldErrorf and fileError in a file.
func reasonsOf(t *testing.T, path string) []string {
	t.Helper()
	parsed, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution)
	require.NoError(t, err)
	var reasons []string
	ast.Inspect(parsed, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) < 3 {
			return true
		}
		name := ""
		switch fn := call.Fun.(type) {
		case *ast.Ident:
			name = fn.Name
		case *ast.SelectorExpr:
			if pkg, ok := fn.X.(*ast.Ident); ok && pkg.Name == "fmt" {
				return true
			}
			name = fn.Sel.Name
		}
		literal, ok := call.Args[1].(*ast.BasicLit)
		if !ok || name != "Errorf" && name != "FieldErrorf" && name != "fileError" {
			return true
		}
		if reason, err := strconv.Unquote(literal.Value); err == nil && reason != "" {
			reasons = append(reasons, reason)
		}
		return true
	})
	return reasons
}
