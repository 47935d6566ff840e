package storagetest

import (
	"log/slog"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/storage"
)

// LockWaits is how many of the store's statements wait for a lock.
func LockWaits(h *Env, statement string) int {
	return Count(h, `pg_stat_activity where datname = current_database() and application_name = 'campuscard'
		and wait_event_type = 'Lock' and query like $1`, statement)
}

// HoldCommits has every transaction that changed a table wait before it commits, with all its locks, until it is let
// go.
func HoldCommits(t *testing.T, h *Env, table string) (release func()) {
	t.Helper()
	h.ExecAsOwner(`create function wait_to_commit() returns trigger language plpgsql as
		$$ begin perform pg_advisory_xact_lock_shared(1); return null; end $$`)
	h.ExecAsOwner(`create constraint trigger wait_to_commit after insert or update on ` + table + `
		deferrable initially deferred for each row execute function wait_to_commit()`)
	holder, err := Connect(t, h).Begin(t.Context())
	require.NoError(t, err)
	_, err = holder.Exec(t.Context(), `select pg_advisory_xact_lock(1)`)
	require.NoError(t, err)
	return func() { require.NoError(t, holder.Commit(t.Context())) }
}

// Terminate kills the store's connections that a condition finds, as a restart of Postgres does.
func Terminate(t *testing.T, h *Env, condition string) {
	t.Helper()
	require.Positive(t, One[int](h, `select count(pg_terminate_backend(pid)) from pg_stat_activity
		where datname = current_database() and application_name = 'campuscard' and pid <> pg_backend_pid() and `+condition))
}

// OpenStore is a store of a database, closed when the test ends.
func OpenStore(t *testing.T, config storage.Config) *storage.Store {
	t.Helper()
	store, err := storage.Open(t.Context(), config, time.Now, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	t.Cleanup(store.Close)
	return store
}
