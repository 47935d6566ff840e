package db

import (
	"context"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"campuscard/campus"
)

// objectTiming returns the histogram of the calls of the object store, for the process's metrics if it has any.
func objectTiming() (metric.Float64Histogram, error) {
	timing, err := otel.Meter("campuscard/storage").Float64Histogram("campuscard_objects_call_duration_seconds",
		metric.WithDescription("Time a call of the object store takes, by operation and outcome."),
		metric.WithExplicitBucketBoundaries(.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	if err != nil {
		return nil, fmt.Errorf("measure the object store: %w", err)
	}
	return timing, nil
}

// measure notes how long a call took and how it ended; deferred, it sees the error the call returns.
func (o *objects) measure(ctx context.Context, operation string, began time.Time, err *error) {
	outcome := "ok"
	if *err != nil {
		outcome = string(campus.CodeOf(*err))
	}
	o.timing.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(
		attribute.String("operation", operation), attribute.String("outcome", outcome)))
}
