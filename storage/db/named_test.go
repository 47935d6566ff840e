package db

import (
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// A statement is read once, and means what pgx says it means, whatever was asked of it before.
func TestNamesOfAStatement(t *testing.T) {
	t.Parallel()
	const sql = `select @b, @a, '@a', "@b", @b -- @c
		where x @> @c`
	for _, values := range []map[string]any{
		{"a": 1, "b": "@a", "c": nil}, {"a": 2, "b": "two", "c": 3, "more": 4}, {"a": 5}, {}, {"a": 6, "b": 7, "c": 8},
	} {
		wantSQL, wantArgs, err := pgx.NamedArgs(values).RewriteQuery(t.Context(), nil, sql, nil)
		require.NoError(t, err)
		for range 2 {
			gotSQL, gotArgs, err := Named(values).RewriteQuery(t.Context(), nil, sql, nil)
			require.NoError(t, err)
			require.Equal(t, []any{wantSQL, wantArgs}, []any{gotSQL, gotArgs})
		}
	}
}

// A name that was without a value is not taken for one that is never given.
func TestANameThatIsGivenLater(t *testing.T) {
	t.Parallel()
	const sql = `select @first, @second`
	_, args, err := Named{"first": 1}.RewriteQuery(t.Context(), nil, sql, nil)
	require.NoError(t, err)
	require.Equal(t, []any{1, nil}, args)
	_, args, err = Named{"first": 1, "second": 2}.RewriteQuery(t.Context(), nil, sql, nil)
	require.NoError(t, err)
	require.Equal(t, []any{1, 2}, args)
}
