package school

import (
	"context"
	"errors"
	"fmt"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"campuscard/campus"
)

// newTiming returns the histogram of all calls, for the process's metrics if it has any. Its count by outcome is the
// number of calls that ended so.
func newTiming() (metric.Float64Histogram, error) {
	timing, err := otel.Meter("campuscard/school").Float64Histogram("campuscard_school_call_duration_seconds",
		metric.WithDescription("Time a call of a school system takes, by system and outcome: ok or the code of the error."),
		metric.WithExplicitBucketBoundaries(.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10))
	if err != nil {
		return nil, fmt.Errorf("measure the school's systems: %w", err)
	}
	return timing, nil
}

// measure notes how long a call took and how it ended; deferred, it sees the error the call returns. A call that we
// gave up ourselves says nothing about the system.
func measure(ctx context.Context, timing metric.Float64Histogram, system string, began time.Time, err *error) {
	outcome := "ok"
	switch {
	case errors.Is(*err, context.Canceled):
		return
	case *err != nil:
		outcome = string(campus.CodeOf(*err))
	}
	timing.Record(ctx, time.Since(began).Seconds(), metric.WithAttributes(
		attribute.String("system", system), attribute.String("outcome", outcome)))
}
