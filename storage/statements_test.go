package storage_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The functions that are given the text of a statement.
var sqlCalls = []string{"Raw", "Exec", "Query", "QueryRow", "Queue", "Write", "Ask", "One", "All", "Statement"}

// Every SQL statement is a constant: none is put together at run time. But for the grants of a migration, which name a
// role, and a name can be no argument.
func TestStatementsAreConstants(t *testing.T) {
	t.Parallel()
	ours := allSources(t)
	seen := 0
	ours.each(func(_ string, info types.Info, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !slices.Contains(sqlCalls, calledName(call)) || otherWriter(info, call) {
				return true
			}
			arg := sqlOf(call)
			if _, function := arg.(*ast.FuncLit); function {
				return true
			}
			seen++
			assert.True(t, isConstant(info, arg), "%s: the statement is put together at run time",
				ours.fset.Position(call.Pos()))
			return true
		})
	})
	require.Greater(t, seen, 300, "the statements are found")
}

// home is where the packages with statements are.
const home = "campuscard/storage"

// areas are the packages with statements; the root is the one without a name.
var areas = []string{"", "db", "casework", "people", "cards", "production", "outreach", "money"}

// allSources reads every area.
func allSources(t *testing.T) *sources {
	t.Helper()
	ours := &sources{fset: token.NewFileSet(), known: map[string]*source{}}
	for _, area := range areas {
		_, err := ours.Import(path.Join(home, area))
		require.NoError(t, err)
	}
	return ours
}

// source is a package with its syntax.
type source struct {
	pkg   *types.Package
	info  types.Info
	files []*ast.File
}

// sources reads our own packages. What they import from elsewhere is not needed to know what is a constant here.
type sources struct {
	fset  *token.FileSet
	known map[string]*source
}

// Import implements types.Importer.
func (s *sources) Import(name string) (*types.Package, error) {
	dir, ours := strings.CutPrefix(name, home)
	if !ours {
		return nil, errors.New("not needed")
	}
	if found := s.known[name]; found != nil {
		return found.pkg, nil
	}
	paths, err := filepath.Glob(filepath.Join(".", dir, "*.go"))
	if err != nil {
		return nil, err
	}
	read := &source{info: types.Info{Types: map[ast.Expr]types.TypeAndValue{}}}
	for _, path := range paths {
		if strings.HasSuffix(path, "_test.go") || filepath.Base(path) == "migrate.go" {
			continue
		}
		file, err := parser.ParseFile(s.fset, path, nil, 0)
		if err != nil {
			return nil, err
		}
		read.files = append(read.files, file)
	}
	config := types.Config{Importer: s, Error: func(error) {}}
	read.pkg, _ = config.Check(name, s.fset, read.files, &read.info)
	s.known[name] = read
	return read.pkg, nil
}

// each hands out every file with its area.
func (s *sources) each(look func(area string, info types.Info, file *ast.File)) {
	for name, read := range s.known {
		for _, file := range read.files {
			look(strings.TrimPrefix(strings.TrimPrefix(name, home), "/"), read.info, file)
		}
	}
}

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

// otherWriter tells whether a Write is not a transaction's.
func otherWriter(info types.Info, call *ast.CallExpr) bool {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || method.Sel.Name != "Write" {
		return false
	}
	of := info.Types[method.X].Type
	return of == nil || of.String() != home+"/db.Tx"
}

// sqlOf is the argument that has the statement: the first that is neither a context nor the store.
func sqlOf(call *ast.CallExpr) ast.Expr {
	return call.Args[slices.IndexFunc(call.Args, func(arg ast.Expr) bool {
		switch arg := arg.(type) {
		case *ast.Ident:
			return arg.Name != "ctx" && arg.Name != "s"
		case *ast.SelectorExpr:
			return !slices.Contains([]string{"Context", "DB", "Reports", "Alone"}, arg.Sel.Name)
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
	return value.Value != nil || value.Type != nil && value.Type.String() == home+"/db.Statement"
}
