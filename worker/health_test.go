package worker_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"campuscard/storage"
	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// The probes of a worker answer while Postgres, the file store or Temporal accept and never answer, and say which it
// is.
func TestProbesDoNotHang(t *testing.T) {
	t.Parallel()
	e := workflowtest.New(t, "").Engine()
	d := e.Detour(t)
	temporal := storagetest.NewProxy(t, e.Address)
	hung := e.Dial(temporal.Address())
	t.Cleanup(hung.Close)
	registry := prometheus.NewRegistry()
	worker.New(worker.Config{Unmanaged: true, Metrics: registry}, hung, d.Store, e.Systems, e.Policies, e.Log)
	ops := worker.Ops(d.Store, hung, registry)
	ask := func(path string, within time.Duration) *httptest.ResponseRecorder {
		answer, began := httptest.NewRecorder(), time.Now()
		ops.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		require.Less(t, time.Since(began), within, path)
		return answer
	}
	require.Eventually(t, func() bool { return ask("/readyz", time.Minute).Body.String() == "ok\n" }, time.Minute,
		50*time.Millisecond)

	d.Objects.Hang()
	require.Eventually(t, func() bool {
		answer := ask("/readyz", time.Minute)
		return answer.Body.String() == "files: down\n" && answer.Code == http.StatusOK
	}, time.Minute, 50*time.Millisecond, "it works on all the same")

	temporal.Hang()
	answer := ask("/readyz", probeTime)
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.Contains(t, answer.Body.String(), "temporal: ")
	require.NotContains(t, answer.Body.String(), "database: ")

	d.Postgres.Hang()
	require.Equal(t, http.StatusOK, ask("/healthz", probeTime).Code)
	answer = ask("/readyz", probeTime)
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.Contains(t, answer.Body.String(), "database: ")
	require.Contains(t, answer.Body.String(), "temporal: ")
	scraped := ask("/metrics", scrapeTime).Body.String()
	for _, part := range []string{"postgres", "temporal", "objects"} {
		require.Contains(t, scraped, `campuscard_part_up{part="`+part+`"} 0`)
	}
	require.Contains(t, scraped, "campuscard_figures_up 0")
	for _, figure := range []string{"", "_oldest_seconds"} { // exactly: an alarm rings for more
		require.Contains(t, scraped, "campuscard_cases_waiting"+figure+`{part="objects"} 0`+"\n")
	}
	require.Contains(t, scraped, "\ncampuscard_calendar_unknown_years ")
}

// A worker whose connections are all taken is busy, and does not tell operators that Postgres is away.
func TestTakenConnectionsAreNoOutageOfPostgres(t *testing.T) {
	t.Parallel()
	h := workflowtest.New(t, "")
	e := h.Engine()
	cfg := h.Config
	cfg.MaxConns = 1
	store, err := storage.Open(t.Context(), cfg, time.Now, h.Log)
	require.NoError(t, err)
	t.Cleanup(store.Close)
	registry := prometheus.NewRegistry()
	worker.New(worker.Config{Unmanaged: true, Metrics: registry}, e.Client, store, e.Systems, e.Policies, e.Log)
	ops := worker.Ops(store, e.Client, registry)
	lock, err := pgx.Connect(t.Context(), h.Config.DatabaseURL)
	require.NoError(t, err)
	defer lock.Close(t.Context()) //nolint:errcheck // only a lock
	_, err = lock.Exec(t.Context(), `begin; lock table cases in access exclusive mode`)
	require.NoError(t, err)
	ended := make(chan error, 1)
	go func() {
		_, err := store.Casework.PersonCases(t.Context(), uuid.New(), "", uuid.Nil, 1)
		ended <- err
	}()
	const waits = `select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`
	require.Eventually(t, func() bool { return storagetest.One[int](h.Env, waits) == 1 }, time.Minute, 10*time.Millisecond)
	ask := func(path string) *httptest.ResponseRecorder {
		answer := httptest.NewRecorder()
		ops.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
		return answer
	}
	require.Eventually(t, func() bool { // a busy machine may need longer for a connection than a probe waits
		answer := ask("/readyz")
		return answer.Code == http.StatusOK && strings.Contains(answer.Body.String(), "database: busy")
	}, time.Minute, 10*time.Millisecond)
	scraped := ask("/metrics").Body.String()
	require.Contains(t, scraped, `campuscard_part_up{part="postgres"} 1`)
	require.Contains(t, scraped, "campuscard_figures_up 0")
	_, err = lock.Exec(t.Context(), `rollback`)
	require.NoError(t, err)
	require.NoError(t, <-ended)
}

// A probe is answered within a second and a scrape within two; a busy machine may add as much again.
const (
	probeTime  = 2 * time.Second
	scrapeTime = 4 * time.Second
)
