package db_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

// small is the test's store once more, with so many connections.
func small(t *testing.T, h *storagetest.Env, connections int32) *storage.Store {
	t.Helper()
	cfg := h.Config
	cfg.MaxConns = connections
	store, err := storage.Open(t.Context(), cfg, h.Clock.Now, h.Log)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	return store
}

// takeAll has calls that wait for a lock take every connection of a store, until it lets them go.
func takeAll(t *testing.T, h *storagetest.Env, store *storage.Store, connections int32) (letGo func()) {
	t.Helper()
	lock, err := storagetest.Connect(t, h).Begin(t.Context())
	require.NoError(t, err)
	_, err = lock.Exec(t.Context(), `lock table cases in access exclusive mode`)
	require.NoError(t, err)
	ended := make(chan error, connections)
	for range connections {
		go func() { ended <- storagetest.Err(store.Casework.PersonCases(t.Context(), uuid.New(), "", uuid.Nil, 1)) }()
	}
	require.Eventually(t, func() bool {
		return storagetest.Count(h, `pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`) == int(connections)
	}, 20*time.Second, 5*time.Millisecond)
	return func() {
		require.NoError(t, lock.Rollback(t.Context()))
		for range connections {
			require.NoError(t, <-ended)
		}
	}
}

// briefly is a caller's time that is over soon.
func briefly(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	t.Cleanup(cancel)
	return ctx
}

// A Postgres whose connections we have all taken is busy; it is down when it does not answer apart from them either.
func TestBusyIsNotDown(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	store := small(t, h, 2)
	require.Equal(t, storage.DatabaseUp, store.Database(t.Context()))
	letGo := takeAll(t, h, store, 2)
	require.Equal(t, storage.DatabaseBusy, store.Database(t.Context()))
	for name, call := range map[string]func(ctx context.Context) error{
		"a statement": func(ctx context.Context) error {
			return storagetest.Err(store.Casework.CaseIsOpen(ctx, campus.CaseRef{}))
		},
		"a transaction": func(ctx context.Context) error { return store.Writable(ctx) },
		"a look together": func(ctx context.Context) error {
			return storagetest.Err(store.People.FindSession(ctx,
				"nobody's"))
		},
	} {
		err := call(briefly(t))
		require.Equal(t, campus.DatabaseLate, campus.ReasonOf(err), "%s: %v", name, err)
		require.True(t, campus.OwnOutage(err), name)
	}
	letGo()
	require.Equal(t, storage.DatabaseUp, store.Database(t.Context()))
}

func TestDatabaseThatDoesNotAnswerIsDown(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*storagetest.Proxy){
		"refuses": (*storagetest.Proxy).Refuse,
		"hangs":   (*storagetest.Proxy).Hang,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := storagetest.New(t).Detour(t)
			stop(d.Postgres)
			require.Equal(t, storage.DatabaseDown, d.Database(t.Context()))
			require.False(t, d.DatabaseAnswers(t.Context()))
			d.Postgres.Pass()
			require.Eventually(t, func() bool { return d.Database(t.Context()) == storage.DatabaseUp }, time.Minute,
				10*time.Millisecond)
		})
	}
}

// A server that has no connection to spare answers.
func TestNoConnectionToSpareIsBusy(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	store := small(t, h, 8)
	h.Exec(`select 1`) // by a connection that stays
	h.ExecAsOwner(`do $$ begin execute format('alter database %I connection limit 0', current_database()); end $$`)
	h.Exec(`select pg_terminate_backend(pid) from pg_stat_activity
		where datname = current_database() and application_name = 'campuscard' and pid <> pg_backend_pid()`)
	require.Eventually(t, func() bool { return store.Database(t.Context()) == storage.DatabaseBusy }, time.Minute,
		10*time.Millisecond)
	require.Equal(t, campus.DatabaseLate,
		campus.ReasonOf(storagetest.Err(store.Casework.CaseIsOpen(t.Context(), campus.CaseRef{}))))
}

// A file store that hangs, or has not our bucket, is down; what a prober who left has not heard is asked again.
func TestFilesDown(t *testing.T) {
	t.Parallel()
	d := storagetest.New(t).Detour(t)
	gone, leave := context.WithCancel(t.Context())
	leave()
	require.False(t, d.FilesDown(gone))
	d.Objects.Hang()
	require.Eventually(t, func() bool { return d.FilesDown(t.Context()) }, time.Minute, 10*time.Millisecond)
	d.Objects.Pass()
	require.Eventually(t, func() bool { return !d.FilesDown(t.Context()) }, time.Minute, 10*time.Millisecond)
}
