package worker

import (
	"context"
	"fmt"
	"os"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.37.0"
	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/contrib/opentelemetry"
	"go.temporal.io/sdk/interceptor"

	"campuscard/storage"
	"campuscard/workflows/engine"
)

// Telemetry is what a process tells about itself: metrics for Prometheus, and traces where a collector is named by
// OTEL_EXPORTER_OTLP_ENDPOINT.
type Telemetry struct {
	Registry *prometheus.Registry
	Metrics  client.MetricsHandler // of the Temporal SDK, into Registry
	// spans of workflows and activities; workers have those of their client. None without a collector
	Tracing []interceptor.ClientInterceptor

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
	if err := t.startMetrics(); err != nil {
		return nil, err
	}
	return t, nil
}

// sdkScope is the name under which the Temporal SDK measures.
const sdkScope = "temporal-sdk"

// startMetrics collects what the Temporal SDK, the school's clients and the object store measure.
func (t *Telemetry) startMetrics() error {
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(t.Registry), otelprometheus.WithoutScopeInfo(),
		otelprometheus.WithoutTargetInfo())
	if err != nil {
		return fmt.Errorf("export metrics: %w", err)
	}
	// The SDK measures in seconds and names no buckets, and the usual ones are made for milliseconds.
	seconds := metric.NewView(metric.Instrument{Kind: metric.InstrumentKindHistogram,
		Scope: instrumentation.Scope{Name: sdkScope}},
		metric.Stream{Aggregation: metric.AggregationExplicitBucketHistogram{
			Boundaries: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 600, 3600, 86400},
		}})
	provider := metric.NewMeterProvider(metric.WithReader(exporter), metric.WithView(seconds),
		metric.WithExemplarFilter(exemplar.AlwaysOffFilter)) // nobody reads them
	otel.SetMeterProvider(provider)
	t.Metrics = opentelemetry.NewMetricsHandler(opentelemetry.MetricsHandlerOptions{Meter: provider.Meter(sdkScope),
		UseMonotonicCounters: true})
	for name, tags := range watchedFailures() {
		t.Metrics.WithTags(tags).Counter(name).Inc(0)
	}
	return nil
}

// watchedFailures are counters of the SDK that operators are woken by. They are shown from the start, because a counter
// that appears with its first failure has not increased.
func watchedFailures() map[string]map[string]string {
	return map[string]map[string]string{
		"temporal_workflow_task_execution_failed": {"task_queue": engine.CaseQueue,
			"failure_reason": "NonDeterminismError"},
		"temporal_workflow_failed": {"task_queue": engine.CaseQueue},
	}
}

// Watch adds what every job with a store shows: its build, its clock and its connections.
func (t *Telemetry) Watch(store *storage.Store, build Version) {
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "campuscard_build_info",
		Help: "1, for the build that runs."}, []string{"build"})
	info.WithLabelValues(string(build)).Set(1)
	t.Registry.MustRegister(info, prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "campuscard_clock_offset_seconds",
		Help: "How far Postgres's clock is ahead of this machine's; negative: behind.",
	}, func() float64 { return store.ClockOffset().Seconds() }))
	gauge := func(name, help string, value func(storage.PoolStats) float64) {
		for pool := range store.PoolStats() {
			t.Registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "campuscard_db_pool_" + name, Help: help,
				ConstLabels: prometheus.Labels{"pool": pool}}, func() float64 { return value(store.PoolStats()[pool]) }))
		}
	}
	counter := func(name, help string, value func(storage.PoolStats) float64) {
		for pool := range store.PoolStats() {
			t.Registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "campuscard_db_pool_" + name,
				Help: help, ConstLabels: prometheus.Labels{"pool": pool}},
				func() float64 { return value(store.PoolStats()[pool]) }))
		}
	}
	gauge("max", "Connections allowed.", func(p storage.PoolStats) float64 { return float64(p.Max) })
	gauge("open", "Connections open.", func(p storage.PoolStats) float64 { return float64(p.Total) })
	gauge("in_use", "Connections in use.", func(p storage.PoolStats) float64 { return float64(p.InUse) })
	counter("waits_total", "Times somebody waited for a connection.",
		func(p storage.PoolStats) float64 { return float64(p.Waits) })
	counter("wait_seconds_total", "Time spent waiting.", func(p storage.PoolStats) float64 { return p.Waited.Seconds() })
}

// startTraces sends traces to a collector if one is configured.
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
	tracing, err := opentelemetry.NewTracingInterceptor(opentelemetry.TracerOptions{Tracer: otel.Tracer("campuscard/temporal")})
	if err != nil {
		return fmt.Errorf("trace workflows: %w", err)
	}
	t.Tracing = []interceptor.ClientInterceptor{tracing}
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
