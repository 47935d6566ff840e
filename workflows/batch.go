package workflows

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
)

// openBatch opens a batch under an id made here, so that a step delivered twice opens one.
func openBatch(ctx workflow.Context, in activities.OpenBatch) error {
	made := workflow.SideEffect(ctx, func(workflow.Context) any { return uuid.Must(uuid.NewV7()) })
	if err := made.Get(&in.Batch); err != nil {
		return err
	}
	return once(ctx, steps.OpenBatch, in, nil)
}

// batch is one run of the process that has many plastics made and brought to the kiosks (D3).
type batch struct {
	*casework
	memory[batchState]
	plan  activities.BatchPlan
	polls int
}

// batchState is what the process knows: it is written with each move.
type batchState struct {
	Since  time.Time `json:"since,omitzero"`   // when the bureau got it
	Warned bool      `json:"warned,omitempty"` // that a delivery has no receipt
}

// batchCarried is what a run hands to the next.
type batchCarried struct {
	Plan  activities.BatchPlan
	State batchState
	Polls int
}

// Batch is the process of a batch: order file, bureau, production, delivery.
func Batch(ctx workflow.Context, input campus.CaseInput) error {
	w := &batch{casework: newCasework(ctx, input)}
	if err := w.setup(ctx, w, nil); err != nil {
		return err
	}
	return w.run(ctx)
}

func (w *batch) run(ctx workflow.Context) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	stages := map[campus.Stage]func(workflow.Context) error{
		campus.StageOrderFile:  w.writeFile,
		campus.StageSending:    w.send,
		campus.StageProduction: w.watch,
		campus.StageDelivery:   w.watch,
	}
	for w.outcome == "" {
		err := w.do(ctx, stages)
		if errors.Is(err, errAborted) && w.outcome == "" {
			err = w.giveUp(ctx, campus.Aborted, "batch_given_up", false)
		}
		if err != nil && w.outcome == "" {
			return err
		}
	}
	return drain(ctx)
}

func (w *batch) begin(ctx workflow.Context) error {
	w.undoings = append(w.undoings,
		undoing{kind: stepKind{Name: "cancel-batch"}, call: func(ctx workflow.Context, ref campus.StepRef) workflow.Future {
			return workflow.ExecuteActivity(on(ctx, BureauQueue, "take the batch back"), steps.CancelBatch, ref)
		}})
	if p := w.input.Progress; p != nil {
		var carried batchCarried
		err := json.Unmarshal(p.State, &carried)
		w.plan, w.state, w.polls = carried.Plan, carried.State, carried.Polls
		w.steps = w.plan.Steps
		return err
	}
	var began activities.Began[activities.BatchPlan]
	err := w.advance(ctx, change{
		Move: campus.Move{Name: "begin", Stage: campus.StageOrderFile, WaitsFor: campus.WaitsForEngine,
			Events: []campus.Event{internalEvent("batch_begun", campus.System())}},
		fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
			err := workflow.ExecuteLocalActivity(ctx, steps.BeginBatch,
				activities.BeginCase{Move: m, University: w.input.University}).Get(ctx, &began)
			return began.Moved, err
		},
	})
	w.plan = began.Plan
	w.steps = w.plan.Steps
	return err
}

// writeFile writes the order file. It reaches for the object store, so it is a step that can park. Without it nothing
// can go on.
func (w *batch) writeFile(ctx workflow.Context) error {
	lines, err := step[int](ctx, w.casework, stepKind{Name: "order-file", NoSkip: true},
		func(ctx workflow.Context, ref campus.StepRef) workflow.Future {
			return workflow.ExecuteActivity(on(ctx, BureauQueue, "write the order file"), steps.WriteOrderFile, ref)
		})
	if err != nil {
		return err
	}
	if lines == 0 { // every card was given up meanwhile
		return w.end(ctx, campus.Completed, "", false)
	}
	return w.advance(ctx, change{Move: campus.Move{
		Name: "file-written", Stage: campus.StageSending, WaitsFor: campus.WaitsForBureau, Due: &w.plan.Promised,
		Events: []campus.Event{internalEvent("order_file_written", campus.System())},
	}})
}

// send hands the order file to the bureau.
func (w *batch) send(ctx workflow.Context) error {
	_, err := step[struct{}](ctx, w.casework, stepKind{Name: "send-batch", NoSkip: true},
		func(ctx workflow.Context, ref campus.StepRef) workflow.Future {
			return workflow.ExecuteActivity(on(ctx, BureauQueue, "send the batch"), steps.SendBatch, ref)
		})
	if err != nil {
		return err
	}
	now := workflow.Now(ctx)
	return w.advance(ctx, change{knows: w.knowing(func(s *batchState) { s.Since = now }), Move: campus.Move{
		Name: "sent", Stage: campus.StageProduction, WaitsFor: campus.WaitsForBureau, Due: &w.plan.Promised,
		Events: []campus.Event{internalEvent("batch_sent", campus.System())},
	}})
}

// watch waits until every card has reached its kiosk or is made again. Call-backs and receipts write the facts; those
// that never come are asked for.
func (w *batch) watch(ctx workflow.Context) error {
	p := w.plan.Production
	for {
		seen := w.nudges // before looking, so that none is lost in between
		status, err := w.look(ctx)
		switch {
		case err != nil:
			return err
		case status.Making == 0 && status.Shipped == 0:
			return w.end(ctx, campus.Completed, "", false)
		case status.Making == 0 && w.stage == campus.StageProduction:
			return w.advance(ctx, change{Move: campus.Move{
				Name: "shipped", Stage: campus.StageDelivery, WaitsFor: campus.WaitsForCourier, Due: &w.plan.Promised,
				Events: []campus.Event{internalEvent("batch_shipped", campus.System())},
			}})
		}
		limit := w.state.Since.Add(p.Limit.Std()).Sub(workflow.Now(ctx))
		if limit <= 0 {
			return w.giveUp(ctx, campus.Expired, "batch_unfinished", true)
		}
		if status.LateSent > 0 && !w.state.Warned {
			if err := w.warn(ctx); err != nil {
				return err
			}
		}
		nudged, err := awaitFor(ctx, min(p.Poll.Std(), limit), "ask the bureau about the batch",
			func() bool { return w.nudges != seen })
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
	err := w.own(ctx, "look", steps.ReadBatch, activities.BatchStatus{Batch: w.input.Case.ID, Late: late}, &status)
	return status, err
}

// warn makes a delivery without a receipt somebody's work.
func (w *batch) warn(ctx workflow.Context) error {
	return w.advance(ctx, change{at: w.doing, knows: w.knowing(func(s *batchState) { s.Warned = true }), Move: campus.Move{
		Name:   "warn:receipt",
		Events: []campus.Event{internalEvent("receipt_missing", campus.System())},
		Opens:  []campus.NewWorkItem{{Kind: campus.OverdueItem, Reason: "receipt_missing", Due: &w.plan.Promised}},
	}})
}

// afterWait asks the bureau when it has been silent, and keeps the history short. A look that fails is no news; its
// attempt is kept and the next one comes.
func (w *batch) afterWait(ctx workflow.Context, nudged bool) error {
	if !nudged {
		w.polls++
		ref := campus.StepRef{Case: w.input.Case, Step: "poll-batch", Attempt: w.polls, Key: w.polls, By: campus.System()}
		err := workflow.ExecuteActivity(on(w.oneTry(ctx), BureauQueue, "ask about the batch"), steps.AskAboutBatch,
			ref).Get(ctx, nil)
		if err != nil {
			workflow.GetLogger(ctx).Warn("the bureau gave no answer", "code", campus.CodeOf(FromTemporal(err)))
		}
	}
	if !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		return nil
	}
	if err := drain(ctx); err != nil {
		return err
	}
	next := w.input
	var err error
	if next.Progress, err = w.progress(batchCarried{w.plan, w.state, w.polls}); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, string(campus.BatchCase), next)
}

// giveUp takes the batch back at the bureau; its cards wait for another one, and what never arrived is lost.
func (w *batch) giveUp(ctx workflow.Context, outcome campus.Outcome, reason string, lose bool) error {
	if err := w.quiet(ctx); err != nil {
		return err
	}
	if err := w.undo(ctx); err != nil {
		return err
	}
	return w.end(ctx, outcome, reason, lose)
}

func (w *batch) end(ctx workflow.Context, outcome campus.Outcome, reason string, lose bool) error {
	state, kind := campus.BatchDone, "batch_done"
	if outcome != campus.Completed {
		state, kind = campus.BatchFailed, "batch_failed"
	}
	return w.advance(ctx, change{Move: campus.Move{
		Name: "end:" + kind, Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: outcome, Reason: reason,
		Events: []campus.Event{internalEvent(kind, campus.System(), "reason", reason)},
	}, fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
		return written(ctx, steps.EndBatch, activities.EndBatch{Move: m, State: state, Lose: lose})
	}})
}
