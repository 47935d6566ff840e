package db_test

import (
	"maps"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"campuscard/storage"
	"campuscard/storage/storagetest"
)

// rights are what the role of a connection may do with every table, sequences left out.
func rights(t *testing.T, conn *pgx.Conn) map[string]string {
	t.Helper()
	rows, err := conn.Query(t.Context(), `select relname, (select coalesce(string_agg(may, ' ' order by place), '')
			from unnest(array['select', 'insert', 'update', 'delete', 'truncate', 'references', 'trigger']) with ordinality as asked (may, place)
			where has_table_privilege(c.oid, may)
				or may in ('select', 'insert', 'update', 'references') and has_any_column_privilege(c.oid, may))
		from pg_class c where relnamespace = 'public'::regnamespace and relkind in ('r', 'p', 'v', 'm', 'f')`)
	require.NoError(t, err)
	type right struct{ Table, May string }
	found, err := pgx.CollectRows(rows, pgx.RowToStructByPos[right])
	require.NoError(t, err)
	all := map[string]string{}
	for _, r := range found {
		all[r.Table] = r.May
	}
	return all
}

// Which tables are only added to, and that the program may read and write every other.
func TestWhatTheProgramMayDo(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	found := rights(t, storagetest.Connect(t, h))
	require.Greater(t, len(found), 40)
	others := maps.Clone(found)
	for table, may := range map[string]string{
		"audit": "select insert", "moves": "select insert", "transfers": "select insert", "goose_db_version": "select",
		"accounts": "select insert update", "account_checks": "select insert update", "books": "select insert",
		"books_closed": "select insert", "denials": "select insert", "offline_records": "select insert", "offline_variants": "select insert", "offline_settlements": "select insert update",
		"lost_generations": "select insert update", "chips": "select insert update", "refundables": "select insert update", "dropped_answers": "select update",
		"settlements": "select insert update", "appeals": "select insert update", "till_journals": "select insert",
		"closes": "select insert update", "close_differences": "select insert update", "channel_lines": "select insert",
		"compared_files": "select insert", "compared_journals": "select insert",
	} {
		require.Equal(t, may, found[table], table)
		delete(others, table)
	}
	months := 0
	for table, may := range others {
		if strings.HasPrefix(table, "transfers_") {
			require.Equal(t, "select", may, "%s is written by way of transfers", table)
			delete(others, table)
			months++
		}
	}
	require.GreaterOrEqual(t, months, 4)
	for table, may := range others {
		require.Equal(t, "select insert update delete", may, table)
	}
	require.Zero(t, storagetest.One[int](h, `select count(*) from pg_class where pg_has_role(relowner, 'member')`),
		"it owns nothing")

	role, err := h.Role(t.Context())
	require.NoError(t, err)
	require.Equal(t, storage.RoleFacts{Name: "campuscard"}, role)
	config := h.Config
	config.DatabaseURL = h.Owner()
	owner, err := storagetest.OpenStore(t, config).Role(t.Context())
	require.NoError(t, err)
	require.Equal(t, storage.RoleFacts{Name: "campuscard_owner", Alters: true}, owner)
}

func TestTheProgramCannotRewriteWhatItAdded(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	s.Exec(`insert into moves (case_id, version, name, stage, waits_for, at) select id, 1, 'apply', stage, waits_for, now() from cases`)
	require.Positive(t, storagetest.Count(s.Env, `audit`))
	conn := storagetest.Connect(t, s.Env)
	for name, sql := range map[string]string{
		"change audit":                   `update audit set actor = 'nobody'`,
		"delete from audit":              `delete from audit`,
		"empty audit":                    `truncate audit`,
		"overwrite in audit":             `insert into audit (id, at, actor, action, subject) overriding system value select id, at, 'nobody', action, subject from audit on conflict (id) do update set actor = 'nobody'`,
		"change moves":                   `update moves set stage = 'done'`,
		"delete from moves":              `delete from moves`,
		"empty moves, by way of cases":   `truncate cases cascade`,
		"drop moves":                     `drop table moves`,
		"alter moves":                    `alter table moves disable trigger all`,
		"alter another table":            `alter table cases add column mine text`,
		"drop an index":                  `drop index cases_person`,
		"put a trigger on a table":       `create trigger mine before insert on audit execute function suppress_redundant_updates_trigger()`,
		"make a table":                   `create table mine (id int)`,
		"take rights":                    `grant update on audit to campuscard with grant option; update audit set actor = 'nobody'`,
		"take the owner's place":         `set role campuscard_owner`,
		"say that migrations never were": `delete from goose_db_version`,
	} {
		_, err := conn.Exec(t.Context(), sql)
		var refused *pgconn.PgError
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, "42501", refused.Code, "%s: %v", name, err)
	}
	require.Zero(t, storagetest.Count(s.Env, `audit where actor = 'nobody'`))
	require.Equal(t, 1, storagetest.Count(s.Env, `moves`))
}

// A table of a later migration needs no grant of its own, and a right that was given by hand is taken again.
func TestGrantsAreMadeAnew(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.ExecAsOwner(`create table later (id bigint generated always as identity, at timestamptz)`)
	h.ExecAsOwner(`create sequence later_number`)
	h.ExecAsOwner(`grant all on audit, moves to campuscard`)
	h.ExecAsOwner(`grant update (actor) on audit to campuscard`)
	config := h.Config
	config.DatabaseURL = h.Owner()
	require.NoError(t, storagetest.OpenStore(t, config).Migrate(t.Context(), "campuscard"))
	found := rights(t, storagetest.Connect(t, h))
	require.Equal(t, "select insert update delete", found["later"])
	require.Equal(t, "select insert", found["audit"])
	require.Equal(t, "select insert", found["moves"])
	h.Exec(`insert into later (at) values (now())`)
	require.Equal(t, 1, storagetest.One[int](h, `select nextval('later_number')::int`))
}
