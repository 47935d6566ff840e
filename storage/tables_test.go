package storage_test

import (
	"go/ast"
	"go/token"
	"go/types"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// An area writes its own tables only; which these are, the file says in which they are made. The root writes none: it
// calls the areas in its transactions. An area may offer its part of a statement to others as a constant, so each
// piece of text is looked at where it stands.
func TestAreasWriteTheirOwnTables(t *testing.T) {
	t.Parallel()
	owner := tableOwners(t)
	seen := 0
	ours := allSources(t)
	ours.eachLiteral(func(area, text string, at token.Position) {
		assert.NotRegexp(t, cutWrite, lockers.ReplaceAllString(text, ""), "%s: what is written stands in another piece", at)
		for _, table := range written(text) {
			seen++
			of, known := owner[table]
			assert.True(t, known && of == area, "%s: area %q writes table %s of %q; "+
				"what spans areas is a method of storage itself, which calls a function of each", at, area, table, of)
		}
	})
	require.Greater(t, seen, 100, "the statements are found")
}

// Rows of these tables are of every process. Each is made by one function, and by one for lots where a crowd needs it.
func TestRowsOfEveryProcessAreMadeInOnePlace(t *testing.T) {
	t.Parallel()
	made := map[string]int{}
	allSources(t).eachLiteral(func(_, text string, _ token.Position) {
		for _, found := range writes.FindAllStringSubmatch(text, -1) {
			if strings.HasPrefix(strings.ToLower(found[0]), "insert") {
				made[found[1]]++
			}
		}
	})
	for table, places := range map[string]int{
		"cases": 2, "moves": 1, "events": 2, "outbox": 2, "audit": 2, "notices": 2, "work_items": 1,
	} {
		require.Equal(t, places, made[table], "how many statements make rows of %s: "+
			"call the function of casework that does", table)
	}
}

// What gorm writes goes to a table of the area too: rows of a type of its own, and no table that is named beside them.
func TestGormWritesRowsOfItsArea(t *testing.T) {
	t.Parallel()
	owner, tables := tableOwners(t), gormTables(t)
	ours := allSources(t)
	seen := 0
	ours.each(func(area string, info types.Info, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			call, ok := n.(*ast.CallExpr)
			if !ok || !gormWrites(info, call) {
				return true
			}
			seen++
			row := rowType(info, call.Args[0])
			own := row != "" && owner[tables[row]] == area && !slices.Contains(chain(call), "Table")
			assert.True(t, own, "%s: gorm writes what is no row of a table of area %q: "+
				"hand it a type of the area that has TableName", ours.fset.Position(call.Pos()), area)
			return true
		})
	})
	require.Positive(t, seen, "what gorm writes is found")
}

const verbs = `insert\s+into|update|delete\s+from|merge\s+into|truncate(?:\s+table)?`

var (
	made = regexp.MustCompile(`(?m)^create table (\w+)`)
	// lockers are no writes: for update, for no key update, on conflict do update; nor is a word of that name.
	lockers  = regexp.MustCompile(`(?i)(\b(for|key|do)\s+|@)update\b`)
	writes   = regexp.MustCompile(`(?i)\b(?:` + verbs + `)\s+(?:only\s+)?(?:public\.)?"?(\w+)`)
	cutWrite = regexp.MustCompile(`(?i)\b(?:` + verbs + `)\s+(?:only\s+)?(?:public\.)?"?$`)
)

// written are the tables to which a piece of SQL writes.
func written(text string) (tables []string) {
	for _, found := range writes.FindAllStringSubmatch(lockers.ReplaceAllString(text, ""), -1) {
		tables = append(tables, found[1])
	}
	return tables
}

// tableOwners are the areas by their tables: those of 00002_people.sql are of people.
func tableOwners(t *testing.T) map[string]string {
	t.Helper()
	files, err := filepath.Glob("db/migrations/*.sql")
	require.NoError(t, err)
	owner := map[string]string{}
	for _, name := range files {
		_, area, _ := strings.Cut(strings.TrimSuffix(filepath.Base(name), ".sql"), "_")
		if area == "counter" { // what people do with people
			area = "people"
		}
		require.DirExists(t, area, "the area whose tables %s makes", name)
		content, err := os.ReadFile(name)
		require.NoError(t, err)
		for _, table := range made.FindAllStringSubmatch(string(content), -1) {
			owner[table[1]] = area
		}
	}
	require.Greater(t, len(owner), 40, "the tables are found")
	return owner
}

// eachLiteral hands out each text that stands in the packages, with its area.
func (s *sources) eachLiteral(look func(area, text string, at token.Position)) {
	s.each(func(area string, _ types.Info, file *ast.File) {
		ast.Inspect(file, func(n ast.Node) bool {
			if literal, ok := n.(*ast.BasicLit); ok && literal.Kind == token.STRING {
				text, _ := strconv.Unquote(literal.Value)
				look(area, text, s.fset.Position(literal.Pos()))
			}
			return true
		})
	})
}

// gormTables are the tables by the type of their rows, as TableName says for each.
func gormTables(t *testing.T) map[string]string {
	t.Helper()
	tables := map[string]string{}
	allSources(t).each(func(area string, _ types.Info, file *ast.File) {
		for _, declared := range file.Decls {
			method, ok := declared.(*ast.FuncDecl)
			if !ok || method.Name.Name != "TableName" || method.Recv == nil {
				continue
			}
			name, err := strconv.Unquote(method.Body.List[0].(*ast.ReturnStmt).Results[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			tables[home+"/"+area+"."+types.ExprString(method.Recv.List[0].Type)] = name
		}
	})
	require.NotEmpty(t, tables)
	return tables
}

// gormWrites tells whether a call is gorm's, or pgx's, and writes rows without SQL, or says which.
func gormWrites(info types.Info, call *ast.CallExpr) bool {
	method, ok := call.Fun.(*ast.SelectorExpr)
	if !ok || len(call.Args) == 0 || !slices.Contains(gormWriters, method.Sel.Name) {
		return false
	}
	of := info.Types[method.X].Type // what is not of ours is unknown here
	return of == nil || !strings.Contains(of.String(), home) || strings.HasSuffix(of.String(), "/db.Tx")
}

var gormWriters = []string{"Create", "CreateInBatches", "FirstOrCreate", "Save", "Update", "Updates", "UpdateColumn",
	"UpdateColumns", "Delete", "Model", "CopyFrom"}

// rowType is the type of the rows that are handed to gorm.
func rowType(info types.Info, arg ast.Expr) string {
	of := info.Types[arg].Type
	if of == nil {
		return ""
	}
	return strings.TrimLeft(of.String(), "[]*&")
}

// chain are the calls that a call goes on from.
func chain(call *ast.CallExpr) (names []string) {
	for {
		names = append(names, calledName(call))
		method, ok := call.Fun.(*ast.SelectorExpr)
		if !ok {
			return names
		}
		if call, ok = method.X.(*ast.CallExpr); !ok {
			return names
		}
	}
}
