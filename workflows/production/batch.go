package production

import (
	"time"

	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/workflows/engine"
)

// batch is one run of the process that has many plastics made and brought to the kiosks (D3).
type batch struct {
	casework *engine.Casework
	engine.Memory[batchState]
	plan activities.BatchPlan
}

// batchState is what the process knows: it is written with each move.
type batchState struct {
	Since  time.Time `json:"since,omitzero"`   // when the bureau got it
	Warned bool      `json:"warned,omitempty"` // that a delivery has no receipt
}

// batchFlow is the process of a batch: order file, bureau, production, delivery.
var batchFlow = engine.Flow[*batch]{
	New:   func(c *engine.Casework) *batch { return &batch{casework: c} },
	Begin: (*batch).begin, Stages: batchStages,
	GiveUp: func(w *batch, ctx workflow.Context) error {
		return w.giveUp(ctx, campus.Aborted, "batch_given_up", false)
	},
}

var batchStages = engine.Stages[*batch]{
	campus.StageOrderFile:  (*batch).writeFile,
	campus.StageSending:    (*batch).send,
	campus.StageProduction: (*batch).watch,
	campus.StageDelivery:   (*batch).watch,
}

func (w *batch) begin(ctx workflow.Context) error {
	plan, _, err := engine.Begin[activities.BatchPlan](ctx, w.casework, engine.Steps.BeginBatch,
		campus.Move{Name: "begin", Stage: campus.StageOrderFile, WaitsFor: campus.WaitsForEngine,
			Events: []campus.Event{engine.InternalEvent("batch_begun", campus.System())}})
	w.plan = plan
	return err
}

// cancellation takes the batch back at the bureau.
func cancellation() engine.Undoing {
	return engine.Undoing{Kind: engine.StepKind{Name: "cancel-batch"},
		Call: engine.Call{Queue: engine.BureauQueue, Summary: "take the batch back", Activity: engine.Steps.CancelBatch}}
}

// writeFile writes the order file. It reaches for the object store, so it is a step that can park. Without it nothing
// can go on.
func (w *batch) writeFile(ctx workflow.Context) error {
	lines, err := engine.Step[int](ctx, w.casework, engine.StepKind{Name: "order-file", NoSkip: true},
		engine.Call{Queue: engine.BureauQueue, Summary: "write the order file", Activity: engine.Steps.WriteOrderFile})
	if err != nil {
		return err
	}
	if lines == 0 { // every card was given up meanwhile
		return w.end(ctx, campus.Completed, "", false)
	}
	return w.casework.Advance(ctx, engine.Change{Move: campus.Move{
		Name: "file-written", Stage: campus.StageSending, WaitsFor: campus.WaitsForBureau, Due: &w.plan.Promised,
		Events: []campus.Event{engine.InternalEvent("order_file_written", campus.System())},
	}})
}

// send hands the order file to the bureau.
func (w *batch) send(ctx workflow.Context) error {
	_, err := engine.Step[struct{}](ctx, w.casework, engine.StepKind{Name: "send-batch", NoSkip: true},
		engine.Call{Queue: engine.BureauQueue, Summary: "send the batch", Activity: engine.Steps.SendBatch})
	if err != nil {
		return err
	}
	now := workflow.Now(ctx)
	sent := w.Knowing(func(s *batchState) { s.Since = now })
	return w.casework.Advance(ctx, engine.Change{Knows: sent, Move: campus.Move{
		Name: "sent", Stage: campus.StageProduction, WaitsFor: campus.WaitsForBureau, Due: &w.plan.Promised,
		Events: []campus.Event{engine.InternalEvent("batch_sent", campus.System())},
	}})
}

// watch waits until every card has reached its kiosk or is made again. Call-backs and receipts write the facts; those
// that never come are asked for.
func (w *batch) watch(ctx workflow.Context) error {
	p := w.plan.Production
	for {
		seen := w.casework.Nudges // before looking, so that none is lost in between
		status, err := w.look(ctx)
		switch {
		case err != nil:
			return err
		case status.Making == 0 && status.Shipped == 0:
			return w.end(ctx, campus.Completed, "", false)
		case status.Making == 0 && w.casework.Stage == campus.StageProduction:
			return w.casework.Advance(ctx, engine.Change{Move: campus.Move{
				Name: "shipped", Stage: campus.StageDelivery, WaitsFor: campus.WaitsForCourier, Due: &w.plan.Promised,
				Events: []campus.Event{engine.InternalEvent("batch_shipped", campus.System())},
			}})
		}
		limit := w.State.Since.Add(p.Limit.Std()).Sub(workflow.Now(ctx))
		if limit <= 0 {
			return w.giveUp(ctx, campus.Expired, "batch_unfinished", true)
		}
		if status.LateSent > 0 && !w.State.Warned {
			if err := w.warn(ctx); err != nil {
				return err
			}
		}
		nudged, err := engine.AwaitFor(ctx, min(p.Poll.Std(), limit), "ask the bureau about the batch",
			func() bool { return w.casework.Nudges != seen })
		if err != nil {
			return err
		}
		if err := w.afterWait(ctx, nudged); err != nil {
			return err
		}
	}
}

func (w *batch) look(ctx workflow.Context) (activities.BatchCounts, error) {
	var status activities.BatchCounts
	late := workflow.Now(ctx).Add(-w.plan.Production.ReceiptWait.Std())
	in := activities.BatchStatus{Batch: w.casework.Input.Case.ID, Late: late}
	err := w.casework.Own(ctx, "look", engine.Steps.ReadBatch, in, &status)
	return status, err
}

// warn makes a delivery without a receipt somebody's work.
func (w *batch) warn(ctx workflow.Context) error {
	return w.casework.Advance(ctx, engine.Change{
		At: w.casework.Doing, Knows: w.Knowing(func(s *batchState) { s.Warned = true }),
		Move: campus.Move{
			Name:   "warn:receipt",
			Events: []campus.Event{engine.InternalEvent("receipt_missing", campus.System())},
			Opens:  []campus.NewWorkItem{{Kind: campus.OverdueItem, Reason: "receipt_missing", Due: &w.plan.Promised}},
		}})
}

// afterWait asks the bureau when it has been silent, and keeps the history short. A look that fails is no news; its
// attempt is kept and the next one comes.
func (w *batch) afterWait(ctx workflow.Context, nudged bool) error {
	if !nudged {
		err := w.casework.Look(ctx, "poll-batch", engine.Call{Queue: engine.BureauQueue, Summary: "ask about the batch",
			Activity: engine.Steps.AskAboutBatch}, nil)
		if err != nil {
			workflow.GetLogger(ctx).Warn("the bureau gave no answer", "code", campus.CodeOf(engine.FromTemporal(err)))
		}
	}
	if !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		return nil
	}
	return w.casework.ContinueAsNew(ctx)
}

// giveUp takes the batch back at the bureau; its cards wait for another one, and what never arrived is lost.
func (w *batch) giveUp(ctx workflow.Context, outcome campus.Outcome, reason string, lose bool) error {
	if err := w.casework.Quiet(ctx); err != nil {
		return err
	}
	if err := w.casework.Undo(ctx, cancellation()); err != nil {
		return err
	}
	return w.end(ctx, outcome, reason, lose)
}

func (w *batch) end(ctx workflow.Context, outcome campus.Outcome, reason string, lose bool) error {
	state, kind := campus.BatchDone, "batch_done"
	if outcome != campus.Completed {
		state, kind = campus.BatchFailed, "batch_failed"
	}
	return w.casework.Advance(ctx, engine.Change{Move: campus.Move{
		Name: "end:" + kind, Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: outcome, Reason: reason,
		Events: []campus.Event{engine.InternalEvent(kind, campus.System(), "reason", reason)},
	}, Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
		return engine.Written(ctx, engine.Steps.EndBatch, activities.EndBatch{Move: m, State: state, Lose: lose})
	}})
}
