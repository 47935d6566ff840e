package storagetest

import (
	"cmp"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
)

// AtOnce runs fn n times at the same time and answers what each said.
func AtOnce(n int, fn func(i int) error) []error {
	errs := make([]error, n)
	start := make(chan struct{})
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() {
			<-start
			errs[i] = fn(i)
		})
	}
	close(start)
	all.Wait()
	return errs
}

// Outcome is an error in a word: "done", its reason, or its code when it has none.
func Outcome(err error) string {
	switch {
	case err == nil:
		return "done"
	case campus.ReasonOf(err) != "":
		return campus.ReasonOf(err)
	}
	return string(campus.CodeOf(err))
}

// Outcomes counts what each of many said.
func Outcomes(errs []error) map[string]int {
	counts := map[string]int{}
	for _, err := range errs {
		counts[Outcome(err)]++
	}
	return counts
}

// Err is the second of two results: the error.
func Err[T any](_ T, err error) error { return err }

// Count is how many rows a condition finds.
func Count(h *Env, from string, args ...any) int {
	return One[int](h, `select count(*) from `+from, args...)
}

// Everything is the content of all tables, so that "nothing has changed" can be said of the whole database.
func Everything(t *testing.T, h *Env) map[string]string {
	t.Helper()
	tables := One[[]string](h, `select array_agg(tablename::text) from pg_tables where schemaname = 'public'`)
	queries := make([]string, len(tables))
	for i, table := range tables {
		queries[i] = fmt.Sprintf(`select '%[1]s' as name, coalesce(string_agg(r::text, E'\n' order by r::text), '') as rows from %[1]s r`, table)
	}
	conn := Connect(t, h)
	rows, err := conn.Query(t.Context(), strings.Join(queries, " union all "))
	require.NoError(t, err)
	type content struct{ Name, Rows string }
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[content])
	require.NoError(t, err)
	all := map[string]string{}
	for _, table := range found {
		all[table.Name] = table.Rows
	}
	return all
}

// Connect opens a connection of its own to the test's database.
func Connect(t *testing.T, h *Env) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), h.Config.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) }) // the database goes with the test
	return conn
}

// RequireWritten checks that a row is a move as it was written.
func RequireWritten(t *testing.T, m campus.Move, row campus.Moved) {
	t.Helper()
	require.Equal(t, []any{m.Version, m.Stage, m.WaitsFor, m.Outcome, m.Reason, m.Cause, len(m.Parked)},
		[]any{row.Version, row.Stage, row.WaitsFor, row.Outcome, row.Reason, row.Cause, len(row.Parked)})
	require.Equal(t, m.Due == nil, row.Due == nil)
	require.JSONEq(t, cmp.Or(string(m.State), "{}"), cmp.Or(string(row.State), "{}"))
}
