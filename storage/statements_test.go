package storage_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"go/types"
	"io/fs"
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
			assert.False(t, addsToStatement(info, n), "a statement is put together at run time: %v", position(ours, n))
			call, ok := n.(*ast.CallExpr)
			if !ok || !slices.Contains(sqlCalls, calledName(call)) || otherWriter(info, call) {
				return true
			}
			arg := sqlOf(call)
			if _, function := arg.(*ast.FuncLit); function {
				return true
			}
			seen++
			assert.True(t, isConstant(info, arg), "%s: the statement is put together at run time; make it a constant (AGENTS.md, Rules)",
				ours.fset.Position(call.Pos()))
			return true
		})
	})
	require.Greater(t, seen, 300, "the statements are found")
}

// addsToStatement tells whether text is added to a statement at run time.
func addsToStatement(info types.Info, n ast.Node) bool {
	isStatement := func(e ast.Expr) bool {
		of := info.Types[e]
		return of.Value == nil && of.Type != nil && of.Type.String() == home+"/db.Statement"
	}
	switch n := n.(type) {
	case *ast.BinaryExpr:
		return isStatement(n)
	case *ast.AssignStmt:
		return n.Tok == token.ADD_ASSIGN && isStatement(n.Lhs[0])
	}
	return false
}

// position is where something stands; nothing is at the end of a visit.
func position(ours *sources, n ast.Node) token.Position {
	if n == nil {
		return token.Position{}
	}
	return ours.fset.Position(n.Pos())
}

// The functions of gorm that are given a part of a statement, or what it is about in another form.
var clauseCalls = []string{"Where", "Or", "Not", "Joins", "Select", "Order", "Group", "Having", "Table"}

// What gorm makes statements of is constant as well.
func TestPartsOfStatementsAreConstants(t *testing.T) {
	t.Parallel()
	ours := allSources(t)
	seen := 0
	ours.each(func(_ string, info types.Info, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || len(call.Args) == 0 || !slices.Contains(clauseCalls, calledName(call)) ||
				isConstant(info, call.Args[0]) || types.ExprString(call.Fun) == "cmp.Or" {
				return true
			}
			seen++
			assert.False(t, isText(info, call.Args[0]), "%s: a part of a statement is put together at run time; "+
				"make it a constant (AGENTS.md, Rules)", ours.fset.Position(call.Pos()))
			return true
		})
	})
	require.Positive(t, seen, "what gorm is given is found")
}

// isText tells whether a value that is no constant is a text, as far as is known here: what others give back is not.
func isText(info types.Info, arg ast.Expr) bool {
	if call, ok := arg.(*ast.CallExpr); ok {
		if method, ok := call.Fun.(*ast.SelectorExpr); ok {
			pkg, _ := method.X.(*ast.Ident)
			return pkg != nil && slices.Contains([]string{"fmt", "strings", "strconv"}, pkg.Name)
		}
	}
	of := info.Types[arg].Type
	if of == nil {
		return false
	}
	basic, ok := of.Underlying().(*types.Basic)
	return ok && basic.Info()&types.IsString != 0
}

// home is where the packages with statements are.
const home = "campuscard/storage"

// allSources reads every package with statements: the root, and every area below it, whatever areas there are.
func allSources(t *testing.T) *sources {
	t.Helper()
	ours := &sources{fset: token.NewFileSet(), known: map[string]*source{}}
	require.NoError(t, filepath.WalkDir(".", func(dir string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() || dir == "storagetest" || dir == "db/migrations" {
			return err
		}
		_, err = ours.Import(path.Join(home, filepath.ToSlash(dir)))
		return err
	}))
	require.Greater(t, len(ours.known), 7, "the areas are found")
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
