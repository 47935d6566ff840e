package db

import (
	"context"

	"go.opentelemetry.io/otel/propagation"
)

// Traceparent is the W3C name of the span in ctx, empty when there is none: it lets a trace go on through the outbox.
func Traceparent(ctx context.Context) string {
	carrier := propagation.MapCarrier{}
	propagation.TraceContext{}.Inject(ctx, carrier)
	return carrier["traceparent"]
}
