package storage_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The functions that are given the text of a statement.
var sqlCalls = []string{"Raw", "Exec", "Query", "QueryRow", "Queue", "write", "ask", "one", "all", "statement"}

// Every SQL statement is a constant: none is put together at run time. But for the grants of a migration, which name a
// role, and a name can be no argument.
func TestStatementsAreConstants(t *testing.T) {
	t.Parallel()
	fset := token.NewFileSet()
	var files []*ast.File
	entries, err := os.ReadDir(".")
	require.NoError(t, err)
	for _, entry := range entries {
		if name := entry.Name(); strings.HasSuffix(name, ".go") && !strings.HasSuffix(name, "_test.go") && name != "migrate.go" {
			file, err := parser.ParseFile(fset, name, nil, 0)
			require.NoError(t, err)
			files = append(files, file)
		}
	}
	info := types.Info{Types: map[ast.Expr]types.TypeAndValue{}}
	// What is imported is not needed to know what is a constant here.
	config := types.Config{Importer: noImports{}, Error: func(error) {}}
	_, _ = config.Check("storage", fset, files, &info)
	seen := 0
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !slices.Contains(sqlCalls, calledName(call)) {
				return true
			}
			arg := sqlOf(call)
			if _, function := arg.(*ast.FuncLit); function {
				return true
			}
			seen++
			assert.True(t, isConstant(info, arg), "%s: the statement is put together at run time", fset.Position(call.Pos()))
			return true
		})
	}
	require.Greater(t, seen, 300, "the statements are found")
}

type noImports struct{}

// Import implements types.Importer.
func (noImports) Import(string) (*types.Package, error) { return nil, errors.New("not needed") }

func calledName(call *ast.CallExpr) string {
	fun := call.Fun
	if index, ok := fun.(*ast.IndexExpr); ok { // one[T]
		fun = index.X
	}
	switch fun := fun.(type) {
	case *ast.Ident:
		return fun.Name
	case *ast.SelectorExpr:
		return fun.Sel.Name
	}
	return ""
}

// sqlOf is the argument that has the statement: the first that is neither a context nor the store.
func sqlOf(call *ast.CallExpr) ast.Expr {
	return call.Args[slices.IndexFunc(call.Args, func(arg ast.Expr) bool {
		switch arg := arg.(type) {
		case *ast.Ident:
			return arg.Name != "ctx" && arg.Name != "s"
		case *ast.SelectorExpr:
			return arg.Sel.Name != "Context"
		}
		return true
	})]
}

// isConstant tells whether the compiler knows the text, or its type says that somebody else gave a constant.
func isConstant(info types.Info, arg ast.Expr) bool {
	if call, ok := arg.(*ast.CallExpr); ok && calledName(call) == "string" {
		arg = call.Args[0]
	}
	value := info.Types[arg]
	return value.Value != nil || value.Type != nil && value.Type.String() == "storage.statement"
}
