package worker

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/sdk/client"
	"golang.org/x/sync/errgroup"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/casework"
	"campuscard/workflows/engine"
)

const (
	outboxBatch    = 100
	outboxAtOnce   = 16
	outboxPause    = 50 * time.Millisecond // between looks at an empty outbox
	outboxPatience = 5 * time.Second       // for one call of Temporal
)

var errTemporalAway = errors.New("Temporal does not answer")

// dispatcher brings what transactions ask of Temporal to Temporal. Several may run: rows are locked while delivered.
type dispatcher struct {
	store    *storage.Store
	temporal client.Client
	eager    *eager
	log      *slog.Logger
}

// round delivers one lot.
func (d *dispatcher) round(ctx context.Context) (time.Duration, error) {
	var outage atomic.Bool
	taken, err := d.store.Casework.DeliverOutbox(ctx, outboxBatch,
		func(ctx context.Context, rows []casework.OutboxRow) []casework.Delivery {
			return d.deliver(ctx, rows, &outage)
		})
	switch {
	case err != nil:
		return outboxPause, err
	case outage.Load():
		return outboxPause, errTemporalAway
	case taken == outboxBatch: // more may wait
		return 0, nil
	}
	return outboxPause, nil
}

// deliver hands rows to Temporal, some at once. After the first sign of an outage the rest keep their places.
func (d *dispatcher) deliver(ctx context.Context, rows []casework.OutboxRow, outage *atomic.Bool) []casework.Delivery {
	results := make([]casework.Delivery, len(rows))
	eager := d.eager.allowed(ctx, time.Now()) // in this process alone, so a clock that is set right must not touch it
	var group errgroup.Group
	group.SetLimit(outboxAtOnce)
	for i, row := range rows {
		group.Go(func() error {
			if outage.Load() {
				results[i].Outage = true
				return nil
			}
			results[i] = d.deliverRow(ctx, row, eager)
			if results[i].Outage {
				outage.Store(true)
			}
			return nil
		})
	}
	_ = group.Wait() // what went wrong is in the results
	return results
}

func (d *dispatcher) deliverRow(ctx context.Context, row casework.OutboxRow, eager bool) casework.Delivery {
	ctx, cancel := context.WithTimeout(ctx, outboxPatience)
	defer cancel()
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": row.Trace})
	ctx, span := otel.Tracer("campuscard/outbox").Start(ctx, "outbox "+string(row.Kind))
	defer span.End()
	err := d.call(ctx, row, eager)
	delivery := judge(row, err)
	if !delivery.Done && !delivery.Drop && !delivery.Outage {
		d.log.ErrorContext(ctx, "an outbox row cannot be delivered", "workflow_id", row.WorkflowID, "kind", row.Kind, "error",
			err)
	}
	return delivery
}

func (d *dispatcher) call(ctx context.Context, row casework.OutboxRow, eager bool) error {
	if row.Kind == casework.SignalRow {
		return d.temporal.SignalWorkflow(ctx, row.WorkflowID, "", row.Workflow, nil)
	}
	var input campus.CaseInput
	if err := json.Unmarshal(row.Input, &input); err != nil {
		return err
	}
	if err := input.Check(); err != nil {
		return err
	}
	reuse := enumspb.WORKFLOW_ID_REUSE_POLICY_REJECT_DUPLICATE
	if row.Kind == casework.RestartRow {
		reuse = enumspb.WORKFLOW_ID_REUSE_POLICY_ALLOW_DUPLICATE
	}
	_, err := d.temporal.ExecuteWorkflow(ctx, client.StartWorkflowOptions{
		ID: row.WorkflowID, TaskQueue: engine.CaseQueue,
		WorkflowIDReusePolicy:                    reuse,
		WorkflowExecutionErrorWhenAlreadyStarted: true,
		EnableEagerStart:                         eager,
		TypedSearchAttributes:                    engine.StartAttributes(input),
		StaticSummary:                            row.Workflow + " · " + input.University + " · " + input.Campus,
	}, row.Workflow, input)
	return err
}

// judge tells what an answer of Temporal means for a row. A workflow that was started before is started; a signal to
// one that has not begun or has ended is not needed, because workflows look at the facts when they begin.
func judge(row casework.OutboxRow, err error) casework.Delivery {
	if err == nil {
		return casework.Delivery{Done: true}
	}
	if _, started := errors.AsType[*serviceerror.WorkflowExecutionAlreadyStarted](err); started {
		return casework.Delivery{Done: true}
	}
	if engine.IsGone(err) && row.Kind == casework.SignalRow {
		return casework.Delivery{Drop: true}
	}
	if engine.IsOutage(err) {
		return casework.Delivery{Outage: true}
	}
	wait := min(time.Second<<min(row.Tries, 9), 5*time.Minute)
	return casework.Delivery{Wait: wait, Reason: err.Error()}
}
