package worker

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"

	"campuscard/storage"
)

// Telemetry is what a process tells about itself: metrics for Prometheus, and traces where a collector is named by
// OTEL_EXPORTER_OTLP_ENDPOINT.
type Telemetry struct {
	Registry *prometheus.Registry
	Metrics  client.MetricsHandler   // of the Temporal SDK, into Registry
	Tracing  interceptor.Interceptor // spans of workflows and activities

	traces *trace.TracerProvider
}

// NewTelemetry starts the telemetry of a job.
func NewTelemetry(ctx context.Context, job string) (*Telemetry, error) {
	t := &Telemetry{Registry: prometheus.NewRegistry()}
	t.Registry.MustRegister(collectors.NewGoCollector(), collectors.NewBuildInfoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if err := t.startTraces(ctx, job); err != nil {
		return nil, err
	}
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(t.Registry))
	if err != nil {
		return nil, fmt.Errorf("export metrics: %w", err)
	}
	meter := metric.NewMeterProvider(metric.WithReader(exporter)).Meter("temporal-sdk")
	t.Metrics = opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{Meter: meter})
	t.Tracing, err = opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{Tracer: otel.Tracer("campuscard/temporal")})
	if err != nil {
		return nil, fmt.Errorf("trace workflows: %w", err)
	}
	return t, nil
}

// startTraces sends traces to a collector if one is configured; without one, only their ids are passed on.
func (t *Telemetry) startTraces(ctx context.Context, job string) error {
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{}))
	if os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" {
		return nil
	}
	exporter, err := otlptracegrpc.New(ctx)
	if err != nil {
		return fmt.Errorf("export traces: %w", err)
	}
	name := resource.NewSchemaless(semconv.ServiceName("campuscard-" + job))
	t.traces = trace.NewTracerProvider(trace.WithBatcher(exporter), trace.WithResource(name))
	otel.SetTracerProvider(t.traces)
	return nil
}

// Close sends what is left.
func (t *Telemetry) Close() {
	if t.traces == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	_ = t.traces.Shutdown(ctx) // the collector may be gone; nobody waits for it
}

// Ops answers health and metrics of a worker.
func Ops(store *storage.Store, temporal client.Client, registry *prometheus.Registry) http.Handler {
	backlog := func(measure func(rows int64, oldest *time.Time) float64) func() float64 {
		return func() float64 {
			ctx, cancel := context.WithTimeout(context.Background(), time.Second)
			defer cancel()
			rows, oldest, err := store.OutboxBacklog(ctx)
			if err != nil {
				return -1
			}
			return measure(rows, oldest)
		}
	}
	registry.MustRegister(
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "campuscard_outbox_rows", Help: "Rows that wait for Temporal; -1 when unknown."},
			backlog(func(rows int64, _ *time.Time) float64 { return float64(rows) })),
		prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "campuscard_outbox_oldest_seconds", Help: "Age of the oldest row; -1 when unknown."},
			backlog(func(_ int64, oldest *time.Time) float64 {
				if oldest == nil {
					return 0
				}
				return store.Now().Sub(*oldest).Seconds()
			})))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok\n")) })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		ctx, cancel := context.WithTimeout(r.Context(), 2*time.Second)
		defer cancel()
		if err := ready(ctx, store, temporal); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		_, _ = w.Write([]byte("ok\n"))
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	return mux
}

func ready(ctx context.Context, store *storage.Store, temporal client.Client) error {
	if err := store.Ready(ctx); err != nil {
		return fmt.Errorf("database: %w", err)
	}
	if _, err := temporal.CheckHealth(ctx, nil); err != nil {
		return fmt.Errorf("temporal: %w", err)
	}
	return nil
}
