package api_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"campuscard/api"
	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/storagetest"
)

// While all our connections are taken Postgres is busy, and nobody is told that it is down: neither who probes nor
// who asks. What may have been done says so all the same.
func TestTakenConnectionsAreNotAnOutage(t *testing.T) {
	t.Parallel()
	h := newAPITest(t)
	const connections = 2
	cfg := h.Config
	cfg.MaxConns = connections
	store, err := storage.Open(t.Context(), cfg, h.Clock.Now, h.Log)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	limits := config(h.Env)
	limits.HandlerTime = 2 * time.Second
	server, err := api.New(limits, store, nowhere(t), h.Log)
	require.NoError(t, err)
	h.serve(t, server)

	lock, err := pgx.Connect(t.Context(), h.Config.DatabaseURL)
	require.NoError(t, err)
	defer lock.Close(t.Context()) //nolint:errcheck // only a lock
	_, err = lock.Exec(t.Context(), `begin; lock table cases in access exclusive mode`)
	require.NoError(t, err)
	ended := make(chan error, connections)
	for range connections {
		go func() {
			_, err := store.Casework.PersonCases(t.Context(), uuid.New(), "", uuid.Nil, 1)
			ended <- err
		}()
	}
	const waits = `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
	require.Eventually(t, func() bool { return storagetest.One[int](h.Env, waits) == connections }, patience,
		patience/1000)

	readyz := call{method: "GET", path: "/readyz"}
	got := h.do(t, readyz)
	require.Equal(t, http.StatusOK, got.status, "%s", got.body)
	state := read[map[string]string](t, got)
	require.Equal(t, "busy", state["database"], "%s", got.body)
	require.Equal(t, "degraded", state["status"])
	for name, line := range map[string]struct {
		call    call
		unknown bool
	}{
		"who reads":              {call{who: "student", method: "GET", path: "/api/v1/me"}, false},
		"who asks for something": {call{who: "student", method: "POST", path: "/api/v1/me/liveness-challenges"}, true},
		"who changes without a key": {call{who: "student", method: "PUT", path: "/api/v1/me/language",
			body: `{"language":"en"}`}, true},
	} {
		late := scenario{line.call.in(campus.English), 503, "database_late", ""}.check(t,
			h.do(t, line.call.in(campus.English)))
		requireUnknown(t, late, line.unknown, name)
	}

	_, err = lock.Exec(t.Context(), `rollback`)
	require.NoError(t, err)
	for range connections {
		require.NoError(t, <-ended)
	}
	require.Equal(t, "up", read[map[string]string](t, h.do(t, readyz))["database"])
	require.Equal(t, http.StatusOK, h.do(t, call{who: "student", method: "GET", path: "/api/v1/me"}).status)
}

// requireUnknown is what an outage of Postgres tells: who asked for a change that it may have been done, and who only
// reads nothing of the kind.
func requireUnknown(t *testing.T, p problem, unknown bool, name string) {
	t.Helper()
	if unknown {
		require.Contains(t, p.Detail, "not known whether this", name)
	} else {
		require.NotContains(t, p.Detail, "not known", name)
	}
	require.NotContains(t, p.Detail, "database", name)
}

// The file store is away: /readyz says so and stays 200, and what needs no file is answered.
func TestReadyWithoutTheFileStore(t *testing.T) {
	t.Parallel()
	for name, stop := range map[string]func(*storagetest.Proxy){
		"refuses": (*storagetest.Proxy).Refuse,
		"hangs":   (*storagetest.Proxy).Hang,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newAPITest(t)
			d := h.Detour(t)
			server, err := api.New(config(h.Env), d.Store, nowhere(t), h.Log)
			require.NoError(t, err)
			h.serve(t, server)
			stop(d.Objects)
			files := func() string {
				got := h.do(t, call{method: "GET", path: "/readyz"})
				require.Equal(t, http.StatusOK, got.status, "%s", got.body)
				require.Equal(t, "degraded", read[map[string]string](t, got)["status"])
				return read[map[string]string](t, got)["files"]
			}
			require.Equal(t, "down", files())
			require.Equal(t, http.StatusOK, h.do(t, call{who: "student", method: "GET", path: "/api/v1/me"}).status)
			d.Objects.Pass()
			require.Eventually(t, func() bool { return files() == "up" }, patience, patience/1000)
		})
	}
}
