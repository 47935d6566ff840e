package db_test

import (
	"database/sql"
	"os"
	"testing"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver that goose is given
	"github.com/pressly/goose/v3"
	"github.com/stretchr/testify/require"

	"campuscard/storage"
	"campuscard/storage/storagetest"
)

// schema is everything that migrations make, in one text.
const schema = `select string_agg(line, E'\n' order by line) from (
	select format('column %s.%s %s %s %s', table_name, column_name, data_type, is_nullable, column_default) as line
		from information_schema.columns where table_schema = 'public'
	union all select 'index ' || indexdef from pg_indexes where schemaname = 'public'
	union all select format('constraint %s %s', conrelid::regclass, pg_get_constraintdef(oid)) from pg_constraint where connamespace = 'public'::regnamespace
	union all select 'sequence ' || sequencename from pg_sequences where schemaname = 'public') lines
	where line !~ 'goose'`

func TestMigrationsUpDownUp(t *testing.T) {
	t.Parallel()
	db, err := sql.Open("pgx", storagetest.Empty(t).OwnerURL)
	require.NoError(t, err)
	defer db.Close() //nolint:errcheck // the database goes with the test
	provider, err := goose.NewProvider(goose.DialectPostgres, db, os.DirFS("migrations"))
	require.NoError(t, err)
	look := func() (lines sql.NullString) {
		require.NoError(t, db.QueryRowContext(t.Context(), schema).Scan(&lines))
		return lines
	}
	require.False(t, look().Valid, "empty")
	_, err = provider.Up(t.Context())
	require.NoError(t, err)
	first := look()
	require.Contains(t, first.String, "plastics_one_alive")
	_, err = provider.DownTo(t.Context(), 0)
	require.NoError(t, err)
	require.False(t, look().Valid, "nothing is left")
	_, err = provider.Up(t.Context())
	require.NoError(t, err)
	require.Equal(t, first, look())
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	empty := storagetest.Empty(t)
	owner, program := storagetest.OpenStore(t, empty.Owner()), storagetest.OpenStore(t, empty.Config)
	role, err := storage.RoleOf(empty.DatabaseURL)
	require.NoError(t, err)
	errs := storagetest.AtOnce(3, func(int) error { return owner.Migrate(t.Context(), role) })
	require.Equal(t, map[string]int{"done": 3}, storagetest.Outcomes(errs), "%v", errs)
	require.NoError(t, owner.Migrate(t.Context(), role), "again")
	require.NoError(t, program.Casework.KeepPolicy(t.Context(), "v1", nil))
	require.ErrorContains(t, program.Migrate(t.Context(), role), "one of its own")
	require.ErrorContains(t, owner.Migrate(t.Context(), "nobody"), "nobody")
}
