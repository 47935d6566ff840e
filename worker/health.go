package worker

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.temporal.io/sdk/client"

	"campuscard/storage"
)

// readyTime is how long the parts may take to answer a probe, so that the probe itself is answered within a second.
const readyTime = 800 * time.Millisecond

// Ops answers health and metrics of a worker. Whatever hangs, the answers come: who asks must learn what does not answer.
func Ops(store *storage.Store, temporal client.Client, registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		away, refused := ready(r.Context(), store, temporal)
		switch {
		case len(away) > 0:
			http.Error(w, strings.Join(away, "\n"), http.StatusServiceUnavailable)
		case refused:
			_, _ = w.Write([]byte("writes: refused\n"))
		default:
			_, _ = w.Write([]byte("ok\n"))
		}
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// ready asks the parts at once, and tells which are away and whether Postgres takes no writes.
func ready(ctx context.Context, store *storage.Store, temporal client.Client) (away []string, refused bool) {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	database := ask(ctx, func() error { return store.Ready(ctx) })
	engine := ask(ctx, func() error { _, err := temporal.CheckHealth(ctx, nil); return err })
	var noWrites bool
	writes := ask(ctx, func() error { noWrites = store.WritesRefused(ctx); return nil })
	if err := <-database; err != nil {
		away = append(away, fmt.Sprintf("database: %v", err))
	}
	if err := <-engine; err != nil {
		away = append(away, fmt.Sprintf("temporal: %v", err))
	}
	return away, <-writes == nil && noWrites
}

// ask asks a part and answers when it does, or when ctx ends: a client that does not heed its context holds up nobody.
func ask(ctx context.Context, part func() error) <-chan error {
	asked, said := make(chan error, 1), make(chan error, 1)
	go func() { asked <- part() }()
	go func() {
		select {
		case err := <-asked:
			said <- err
		case <-ctx.Done():
			said <- fmt.Errorf("no answer: %w", ctx.Err())
		}
	}()
	return said
}
