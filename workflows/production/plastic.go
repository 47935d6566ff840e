// Package production holds the processes of a plastic, and of a batch of them.
package production

import (
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/workflows/engine"
)

// plastic is one run of the process that brings a physical card into its holder's hand (D2, D3).
type plastic struct {
	casework *engine.Casework
	engine.Memory[plasticState]
	plan   activities.PlasticPlan
	looked int // nudges that had come when the facts were last looked at
}

// plasticState is what the process knows: it is written with each move.
type plasticState struct {
	Plastic   uuid.UUID `json:"plastic,omitzero"` // the one that is being made
	Seq       int       `json:"seq,omitempty"`
	Promised  time.Time `json:"promised,omitzero"` // D2: the end of the promised day
	Since     time.Time `json:"since,omitzero"`    // when the bureau got the first order
	Escalated bool      `json:"escalated,omitempty"`
	Urged     bool      `json:"urged,omitempty"` // a batch was opened because the promise nears
}

// plasticFlow is the process of a physical card: order, production, pickup. It starts at the activation of the card.
var plasticFlow = engine.Flow[*plastic]{
	New:   func(c *engine.Casework) *plastic { return &plastic{casework: c} },
	Begin: (*plastic).begin, Stages: plasticStages, Decides: plasticHandlers,
	GiveUp: func(w *plastic, ctx workflow.Context) error { return w.giveUp(ctx, campus.Aborted, "order_given_up") },
}

var plasticStages = engine.Stages[*plastic]{
	campus.StageOrdering:   (*plastic).order,
	campus.StageBatching:   (*plastic).awaitBatch,
	campus.StageProduction: (*plastic).produce,
	campus.StagePickup:     (*plastic).awaitPickup,
	campus.StageReturned:   (*plastic).awaitResend,
}

var plasticHandlers = engine.Handlers[*plastic]{campus.ResendUpdate: (*plastic).resend}

// Processes are the processes of this area.
func Processes() map[campus.CaseKind]engine.Process {
	return map[campus.CaseKind]engine.Process{
		campus.PlasticCase: plasticFlow.Process(),
		campus.BatchCase:   batchFlow.Process(),
	}
}

func (w *plastic) begin(ctx workflow.Context) error {
	m := campus.Move{Name: "begin", Stage: campus.StageOrdering, WaitsFor: campus.WaitsForBureau,
		Events: []campus.Event{engine.Event("plastic_begun", campus.System())}}
	if w.casework.Input.Stage == campus.StageBatching { // it waits for a batch from the beginning
		m.Stage, m.WaitsFor, m.Due = w.casework.Input.Stage, w.casework.Input.WaitsFor, w.casework.Input.Due
		m.Events = append(m.Events, engine.Event("plastic_queued", campus.System()))
	}
	plan, fresh, err := engine.Begin[activities.PlasticPlan](ctx, w.casework, engine.Steps.BeginPlastic, m)
	if w.plan = plan; fresh {
		w.State.Plastic, w.State.Seq, w.State.Promised, w.State.Since = plan.ID, plan.Seq, plan.Promised, w.casework.Since()
	} else {
		w.plan.Found, w.looked = nil, -1 // it is looked at where it is needed, whether or not there is news
	}
	return err
}

// order sends the order of the present plastic to the bureau, unless it goes there with others. Nothing can go on
// without it, so it cannot be skipped.
func (w *plastic) order(ctx workflow.Context) error {
	if w.plan.Batched {
		return w.queue(ctx)
	}
	kind := engine.StepKind{Name: fmt.Sprintf("order-%d", w.State.Seq), NoSkip: true}
	_, err := engine.Step[struct{}](ctx, w.casework, kind, engine.Call{Queue: engine.BureauQueue,
		Summary: "order the plastic", Activity: engine.Steps.OrderPlastic, Input: w.stepInput})
	if err != nil {
		return err
	}
	return w.casework.Advance(ctx, w.ordered())
}

// stepInput is what a step at the bureau is about: the present plastic.
func (w *plastic) stepInput(ref campus.StepRef) any {
	return activities.PlasticStep{Ref: ref, Plastic: w.State.Plastic}
}

// ordered is the move that says that the bureau has the plastic.
func (w *plastic) ordered() engine.Change {
	return engine.Change{Move: campus.Move{
		Name: "ordered", Stage: campus.StageProduction, WaitsFor: campus.WaitsForBureau, Due: &w.State.Promised,
		Events: []campus.Event{engine.Event("plastic_ordered", campus.System())},
	}}
}

// produce waits for the bureau. Call-backs write the facts and nudge; one that never comes is asked for.
func (w *plastic) produce(ctx workflow.Context) error {
	for {
		seen := w.casework.Nudges // before looking, so that none is lost in between
		status, err := w.look(ctx)
		if err != nil {
			return err
		}
		if followed, err := w.follow(ctx, status); followed || err != nil {
			return err
		}
		if w.plan.Batched && status.Waits { // its batch was given up
			return w.queue(ctx)
		}
		limit := w.State.Since.Add(w.plan.Plastic.ProductionLimit.Std()).Sub(workflow.Now(ctx))
		if limit <= 0 {
			return w.giveUp(ctx, campus.Expired, "never_produced")
		}
		pause := min(limit, w.untilEscalation(ctx))
		if !w.plan.Batched { // else its batch asks
			pause = min(pause, w.plan.Plastic.Poll.Std())
		}
		nudged, err := engine.AwaitFor(ctx, pause, "ask the bureau", func() bool { return w.casework.Nudges != seen })
		if err != nil {
			return err
		}
		if err := w.afterWait(ctx, nudged); err != nil {
			return err
		}
	}
}

// follow does what follows from what has become of the plastic; false when it is still under way.
func (w *plastic) follow(ctx workflow.Context, status activities.PlasticStatus) (bool, error) {
	if status.CardOver && status.State != campus.PlasticPickedUp {
		return true, w.cardOver(ctx)
	}
	switch status.State {
	case campus.PlasticReady, campus.PlasticPickedUp:
		return true, w.announce(ctx)
	case campus.PlasticSpoilt, campus.PlasticLost, campus.PlasticDamaged:
		return true, w.remake(ctx, status)
	case campus.PlasticCancelled:
		return true, w.giveUp(ctx, campus.Expired, "bureau_cancelled")
	}
	return false, nil
}

func (w *plastic) look(ctx workflow.Context) (activities.PlasticStatus, error) {
	w.looked = w.casework.Nudges
	var status activities.PlasticStatus
	err := w.casework.Own(ctx, "look", engine.Steps.ReadPlastic, w.casework.Input.Case.ID, &status)
	return status, err
}

// untilEscalation is how long it is until the promise has to become somebody's work (D2).
func (w *plastic) untilEscalation(ctx workflow.Context) time.Duration {
	at := w.State.Promised.Add(-w.plan.Plastic.EscalateBefore.Std())
	if w.State.Escalated && w.plan.Batched {
		return w.plan.Plastic.ProductionLimit.Std()
	}
	if w.State.Escalated {
		return w.plan.Plastic.Poll.Std()
	}
	return max(at.Sub(workflow.Now(ctx)), 0)
}

// afterWait escalates in time, asks the bureau when it has been silent, and keeps the history short.
func (w *plastic) afterWait(ctx workflow.Context, nudged bool) error {
	if w.untilEscalation(ctx) == 0 {
		return w.casework.Advance(ctx, engine.Change{
			At: w.casework.Doing, Knows: w.Knowing(func(s *plasticState) { s.Escalated = true }),
			Move: campus.Move{
				Name:   "escalate",
				Events: []campus.Event{engine.InternalEvent("promise_in_danger", campus.System())},
				Opens:  []campus.NewWorkItem{{Kind: campus.OverdueItem, Reason: "promise_in_danger", Due: &w.State.Promised}},
			}})
	}
	if !nudged && !w.plan.Batched {
		w.ask(ctx)
	}
	if !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		return nil
	}
	return w.casework.ContinueAsNew(ctx)
}

// ask looks at the bureau's own state. A look that fails is no news; its attempt is kept and the next one comes.
func (w *plastic) ask(ctx workflow.Context) {
	err := w.casework.Look(ctx, "poll-bureau", engine.Call{Queue: engine.BureauQueue, Summary: "ask the bureau",
		Activity: engine.Steps.AskBureau, Input: w.stepInput}, nil)
	if err != nil {
		workflow.GetLogger(ctx).Warn("the bureau gave no answer", "code", campus.CodeOf(engine.FromTemporal(err)))
	}
}

// remade is what the timeline says of a plastic that has to be made again.
var remade = map[campus.PlasticState]string{
	campus.PlasticSpoilt: "plastic_spoilt", campus.PlasticLost: "plastic_lost", campus.PlasticDamaged: "plastic_damaged",
}

// remake orders another plastic in the place of a spoilt, lost or damaged one; one remade too often becomes somebody's
// work as well. One that the bureau would not make waits for staff first: the next would fare no better.
func (w *plastic) remake(ctx workflow.Context, status activities.PlasticStatus) error {
	if status.State == campus.PlasticSpoilt && status.Rejected != "" {
		if err := w.parkRejected(ctx); err != nil {
			return err
		}
	}
	m := campus.Move{
		Name: "remake:" + string(status.State), Stage: campus.StageOrdering, WaitsFor: campus.WaitsForBureau, Due: &w.State.Promised,
	}
	if status.Rejected == "" {
		m.Events = w.missed()
	}
	m.Events = append(m.Events, engine.Event(remade[status.State], campus.System()))
	if w.plan.Batched {
		m.Stage, m.WaitsFor = campus.StageBatching, campus.WaitsForEngine
	}
	if w.casework.Stage == campus.StagePickup { // they were told to come for it
		m.Notices = []campus.Notice{{Template: "notice.plastic_remade"}}
	}
	if w.State.Seq >= w.plan.Plastic.SpoiltLimit {
		m.Opens = []campus.NewWorkItem{{Kind: campus.OverdueItem, Reason: "spoilt_often", Due: &w.State.Promised}}
	}
	next := uuid.NewSHA1(w.casework.Input.Case.ID, fmt.Appendf(nil, "plastic %d", w.State.Seq+1))
	return w.casework.Advance(ctx, engine.Change{
		Move:  m,
		Knows: w.Knowing(func(s *plasticState) { s.Plastic, s.Seq, s.Urged = next, s.Seq+1, false }),
		Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
			if w.plan.Batched {
				return engine.Written(ctx, engine.Steps.RemakeInBatch, w.queued(m, next))
			}
			return engine.Written(ctx, engine.Steps.RemakePlastic, activities.RemakePlastic{Move: m, Plastic: next})
		},
	})
}

// missed is what the timeline has to say first when no worker was there to see it: what the bureau has made was
// ordered.
func (w *plastic) missed() []campus.Event {
	if w.casework.Stage != campus.StageBatching {
		return nil
	}
	return []campus.Event{engine.Event("plastic_ordered", campus.System())}
}

// announce tells the student where the card waits, and with which code it is handed out (D3).
func (w *plastic) announce(ctx workflow.Context) error {
	return w.casework.Advance(ctx, engine.Change{Move: campus.Move{
		Name: "ready", Stage: campus.StagePickup, WaitsFor: campus.WaitsForStudent, Due: engine.Until(ctx,
			w.plan.Plastic.PickupWait),
		Events: append(w.missed(), engine.Event("plastic_ready", campus.System())),
		Closes: []campus.WorkItemKey{{Kind: campus.OverdueItem}},
	}, Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
		return engine.Written(ctx, engine.Steps.AnnouncePickup, activities.AnnouncePickup{Move: m, Plastic: w.State.Plastic})
	}})
}

// awaitPickup waits for the holder at the kiosk. The kiosk hands out in SQL and nudges.
func (w *plastic) awaitPickup(ctx workflow.Context) error {
	p := w.plan.Plastic
	for {
		seen := w.casework.Nudges
		status, err := w.look(ctx)
		if err != nil {
			return err
		}
		if status.State == campus.PlasticPickedUp {
			break
		}
		if status.CardOver { // the kiosk hands it out no more
			return w.cardOver(ctx)
		}
		if status.State == campus.PlasticLost || status.State == campus.PlasticDamaged {
			return w.remake(ctx, status)
		}
		done, err := w.casework.Wait(ctx, p.PickupWait.Std(), "pickup", func() bool { return w.casework.Nudges != seen },
			w.remind(p.PickupFirstReminder), w.remind(p.PickupLastReminder))
		if err != nil {
			return err
		}
		if !done {
			return w.takeBack(ctx)
		}
	}
	return w.pickedUp(ctx)
}

// pickedUp ends the case of a plastic that is in its holder's hand.
func (w *plastic) pickedUp(ctx workflow.Context) error {
	return w.casework.Advance(ctx, engine.Change{Move: campus.Move{
		Name: "picked-up", Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: campus.Completed,
		Events: []campus.Event{engine.Event("picked_up", campus.System())},
	}})
}

// remind is a rung of a ladder that reminds the student to come.
func (w *plastic) remind(after campus.Duration) engine.Rung {
	return engine.Rung{After: after.Std(), Name: "pickup: remind the student", Climb: func() engine.Change {
		return engine.Change{At: campus.StagePickup, Move: campus.Move{
			Name:    "remind:pickup",
			Events:  []campus.Event{engine.Event("reminded", campus.System())},
			Notices: []campus.Notice{{Template: "notice.remind_pickup"}},
		}}
	}}
}

// cardOver ends the case of a plastic whose card was replaced before the plastic came into a hand (D4).
func (w *plastic) cardOver(ctx workflow.Context) error {
	return w.giveUp(ctx, campus.Expired, campus.CardReplacedReason)
}

// giveUp ends the case of a plastic nobody will hold: the order is taken back where it still can be.
func (w *plastic) giveUp(ctx workflow.Context, outcome campus.Outcome, reason string) error {
	if err := w.casework.Quiet(ctx); err != nil {
		return err
	}
	_, err := engine.Step[struct{}](ctx, w.casework, engine.StepKind{Name: "cancel-order"},
		engine.Call{Queue: engine.BureauQueue, Summary: "take the order back", Activity: engine.Steps.CancelOrder,
			Input: w.stepInput})
	if err != nil && !errors.Is(err, engine.ErrSkipped) && !errors.Is(err, engine.ErrAborted) {
		return err
	}
	status, err := w.look(ctx)
	if err != nil {
		return err
	}
	if status.State == campus.PlasticPickedUp { // the holder came at last, maybe while the bureau did not answer
		return w.pickedUp(ctx)
	}
	err = w.casework.Advance(ctx, engine.Change{Move: campus.Move{
		Name: "give-up:" + reason, Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: outcome, Reason: reason,
		Events:  []campus.Event{engine.Event("plastic_ended", campus.System(), "reason", reason)},
		Notices: []campus.Notice{{Template: "notice.plastic_ended", Params: map[string]string{"reason": reason}}},
	}, Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
		return engine.Written(ctx, engine.Steps.EndPlastic,
			activities.EndPlastic{Move: m, Plastic: w.State.Plastic, State: campus.PlasticReturned, Reason: reason})
	}})
	if campus.ReasonOf(err) == "picked_up_meanwhile" {
		return w.announce(ctx) // the holder was faster
	}
	return err
}
