package worker_test

import (
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/stretchr/testify/require"

	"campuscard/storage/storagetest"
	"campuscard/worker"
	"campuscard/workflows/workflowtest"
)

// The probes of a worker answer while Postgres, the file store or Temporal accept and never answer, and say which it is.
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
	require.Eventually(t, func() bool { return ask("/readyz", time.Minute).Body.String() == "ok\n" }, time.Minute, 50*time.Millisecond)

	temporal.Hang()
	answer := ask("/readyz", probeTime)
	require.Equal(t, http.StatusServiceUnavailable, answer.Code)
	require.Contains(t, answer.Body.String(), "temporal: ")
	require.NotContains(t, answer.Body.String(), "database: ")

	d.Postgres.Hang()
	d.Objects.Hang()
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
	require.Contains(t, scraped, "\ncampuscard_calendar_unknown_years ")
}

// A probe is answered within a second and a scrape within two; a busy machine may add as much again.
const (
	probeTime  = 2 * time.Second
	scrapeTime = 4 * time.Second
)
