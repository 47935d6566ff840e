package casework

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"campuscard/campus"
	"campuscard/storage/db"
)

// OutboxKind is what a row of the outbox asks Temporal to do.
type OutboxKind string

// The kinds of row.
const (
	StartRow   OutboxKind = "start"   // start the workflow named
	RestartRow OutboxKind = "restart" // start it although it has run before
	SignalRow  OutboxKind = "signal"  // send the signal named
)

// OutboxRow is one thing to ask Temporal, written in the transaction of the fact it follows from.
type OutboxRow struct {
	ID         int64
	Kind       OutboxKind
	Workflow   string // registered name of the workflow, or name of the signal
	WorkflowID string
	Input      []byte // JSON
	Trace      string // W3C traceparent of the request it came from
	CreatedAt  time.Time
	Tries      int
}

// EnqueueStart asks for the workflow of a case. The case's id makes a second start harmless.
func EnqueueStart(ctx context.Context, t db.Tx, ref campus.CaseRef, workflow string, input any) error {
	return enqueue(ctx, t, OutboxRow{Kind: StartRow, Workflow: workflow, WorkflowID: ref.WorkflowID()}, input)
}

// EnqueueRestart asks for another run of a case that goes on. While one runs it is harmless.
func EnqueueRestart(ctx context.Context, t db.Tx, input campus.CaseInput) error {
	return enqueue(ctx, t, OutboxRow{Kind: RestartRow, Workflow: string(input.Case.Kind),
		WorkflowID: input.Case.WorkflowID()}, input)
}

// EnqueueSignal tells the workflow of a case to look at the facts again.
func EnqueueSignal(ctx context.Context, t db.Tx, ref campus.CaseRef, signal string) error {
	return enqueue(ctx, t, OutboxRow{Kind: SignalRow, Workflow: signal, WorkflowID: ref.WorkflowID()}, struct{}{})
}

func enqueue(ctx context.Context, t db.Tx, row OutboxRow, input any) error {
	body, err := json.Marshal(input)
	if err != nil {
		return fmt.Errorf("write to the outbox: %w", err)
	}
	return t.Write(`insert into outbox (kind, workflow, workflow_id, input, trace, created_at, next_try)
		values (@kind, @workflow, @workflow_id, cast(@input as jsonb), @trace, @now, @now)`, map[string]any{
		"kind": row.Kind, "workflow": row.Workflow, "workflow_id": row.WorkflowID, "input": string(body),
		"trace": db.Traceparent(ctx), "now": t.Now,
	})
}

// Start is the start of a case's workflow, of which a row of the outbox or of the line consists.
type Start struct {
	Case       campus.CaseRef
	University string
	Place      time.Time // in the line
	Input      string    // JSON
	Trace      string
}

// EnqueueStarts asks for the workflows of many cases, in their order.
func EnqueueStarts(t db.Tx, lot []Start) error {
	return t.Write(`insert into outbox (kind, workflow, workflow_id, input, trace, created_at, next_try)
		select @kind, v.workflow, v.id, cast(v.input as jsonb), v.trace, cast(@now as timestamptz), cast(@now as timestamptz)
		from unnest(cast(@workflows as text[]), cast(@ids as text[]), cast(@inputs as text[]), cast(@traces as text[]))
			with ordinality v (workflow, id, input, trace, n) order by v.n`, map[string]any{
		"now": t.Now, "kind": StartRow,
		"workflows": db.Column(lot, func(s Start) string { return string(s.Case.Kind) }),
		"ids":       db.Column(lot, func(s Start) string { return s.Case.WorkflowID() }),
		"inputs":    db.Column(lot, func(s Start) string { return s.Input }),
		"traces":    db.Column(lot, func(s Start) string { return s.Trace }),
	})
}

// Delivery is what became of one row.
type Delivery struct {
	Done   bool          // delivered, or known to have been delivered before
	Drop   bool          // cannot ever be delivered and need not be: the workflow has ended
	Outage bool          // Temporal does not answer: the row keeps its place
	Wait   time.Duration // until the next try, when the row itself is at fault
	Reason string
}

// DeliverOutbox takes up to limit due rows that no other dispatcher holds, hands them to deliver, which answers for
// each in order, and keeps the results. It returns how many rows it took. A row stays until its delivery is known,
// so a crash in between delivers it twice and never not at all.
func (s *Store) DeliverOutbox(ctx context.Context, limit int,
	deliver func(context.Context, []OutboxRow) []Delivery) (int, error) {
	// Most looks find nothing, and a transaction is three times as much. In the order of the index, as with the line.
	var due int
	err := s.Pool.QueryRow(ctx,
		`select count(*) from (select 1 from outbox where next_try <= $1 order by next_try, id limit 1) o`,
		s.Now()).Scan(&due)
	if err != nil || due == 0 {
		return 0, db.Wrap("look into the outbox", err)
	}
	var rows []OutboxRow
	err = s.InTx(ctx, "deliver the outbox", func(t db.Tx) error {
		err := t.Raw(`select id, kind, workflow, workflow_id, input, trace, created_at, tries from outbox
			where next_try <= ? order by next_try, id limit ? for update skip locked`, t.Now, limit).Scan(&rows).Error
		if err != nil || len(rows) == 0 {
			return err
		}
		var done []int64
		for i, result := range deliver(ctx, rows) {
			switch {
			case result.Done, result.Drop:
				done = append(done, rows[i].ID)
			case result.Outage:
			default:
				err := t.Exec(`update outbox set tries = tries + 1, next_try = ?, failure = ? where id = ?`,
					t.Now.Add(result.Wait), result.Reason, rows[i].ID).Error
				if err != nil {
					return err
				}
			}
		}
		if len(done) == 0 {
			return nil
		}
		return t.Exec(`delete from outbox where id in ?`, done).Error
	})
	return len(rows), err
}
