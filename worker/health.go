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

// Ops answers health and metrics of a worker. Whatever hangs, the answers come: who asks must learn what does not
// answer.
func Ops(store *storage.Store, temporal client.Client, registry *prometheus.Registry) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		away, less := ready(r.Context(), store, temporal)
		switch {
		case len(away) > 0:
			http.Error(w, strings.Join(append(away, less...), "\n"), http.StatusServiceUnavailable)
		case len(less) > 0:
			_, _ = w.Write([]byte(strings.Join(less, "\n") + "\n"))
		default:
			_, _ = w.Write([]byte("ok\n"))
		}
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

// ready asks the parts at once. It tells which are away, and what else works less than it should: a busy Postgres,
// one that takes no writes, and a file store that is away, without which much goes on.
func ready(ctx context.Context, store *storage.Store, temporal client.Client) (away, less []string) {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	var state storage.DatabaseState
	var noWrites, noFiles bool
	database := ask(ctx, func() error { state = store.Database(ctx); return nil })
	engine := ask(ctx, func() error { _, err := temporal.CheckHealth(ctx, nil); return err })
	writes := ask(ctx, func() error { noWrites = store.WritesRefused(ctx); return nil })
	files := ask(ctx, func() error { noFiles = store.FilesDown(ctx); return nil })
	switch err := <-database; {
	case err != nil:
		away = append(away, fmt.Sprintf("database: %v", err))
	case state == storage.DatabaseDown:
		away = append(away, "database: down")
	case state == storage.DatabaseBusy:
		less = append(less, "database: busy")
	}
	if err := <-engine; err != nil {
		away = append(away, fmt.Sprintf("temporal: %v", err))
	}
	if <-writes == nil && noWrites {
		less = append(less, "writes: refused")
	}
	if <-files != nil || noFiles {
		less = append(less, "files: down")
	}
	return away, less
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
