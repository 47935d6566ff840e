// Package money holds the processes that are about money.
package money

import (
	"slices"
	"time"

	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/workflows/engine"
)

// appeal is one run of the process in which a holder asks for a payment back (E3).
type appeal struct {
	casework *engine.Casework
	engine.Memory[appealState]
	plan   activities.AppealPlan
	looked int // nudges that had come when the payment was last looked at
}

// appealState is what the process knows: codes and ids, no amounts.
type appealState struct {
	Verdict  campus.AppealAction `json:"verdict,omitempty"` // the decision that stands
	Reason   string              `json:"reason,omitempty"`
	Deciders []campus.Actor      `json:"deciders,omitempty"` // who may not decide (once more)
	First    campus.Actor        `json:"first,omitzero"`     // of two people
	Objected bool                `json:"objected,omitempty"` // the holder has, and may not again
	Back     bool                `json:"back,omitempty"`     // something went back
}

// Processes are the processes of this area.
func Processes() map[campus.CaseKind]engine.Process {
	return map[campus.CaseKind]engine.Process{campus.AppealCase: appealFlow.Process(),
		campus.CloseCase: closeFlow.Process()}
}

// appealFlow is the process of an appeal: an obvious duplicate goes back at once, of all others the merchant is heard,
// then staff decide, and the holder may object once.
var appealFlow = engine.Flow[*appeal]{
	New:   newAppeal,
	Begin: (*appeal).begin, Stages: appealStages, Decides: appealHandlers,
}

// newAppeal is a run that looks at the payment when it begins: an earlier one may have been nudged.
func newAppeal(c *engine.Casework) *appeal { return &appeal{casework: c, looked: -1} }

var appealStages = engine.Stages[*appeal]{
	campus.StageWeighing:     (*appeal).weigh,
	campus.StageAnswer:       (*appeal).awaitAnswer,
	campus.StageVerdict:      (*appeal).awaitVerdict,
	campus.StageSecondPerson: (*appeal).awaitSecond,
	campus.StageRefund:       (*appeal).refund,
	campus.StageObjection:    (*appeal).awaitObjection,
	campus.StageContest:      (*appeal).awaitContest,
	campus.StageDispute:      (*appeal).awaitDispute,
	campus.StageRecovery:     (*appeal).recover,
}

var appealHandlers = engine.Handlers[*appeal]{
	campus.AnswerAppealUpdate:  (*appeal).answer,
	campus.DecideAppealUpdate:  (*appeal).decide,
	campus.ConfirmAppealUpdate: (*appeal).confirm,
	campus.ObjectAppealUpdate:  (*appeal).object,
	campus.ContestUpdate:       (*appeal).contest,
	campus.DecideDisputeUpdate: (*appeal).settleDispute,
	campus.WithdrawUpdate:      (*appeal).withdraw,
}

func (w *appeal) begin(ctx workflow.Context) (err error) {
	w.plan, _, err = engine.Begin[activities.AppealPlan](ctx, w.casework, engine.Steps.BeginAppeal,
		campus.Move{Name: "begin", Stage: campus.StageWeighing, WaitsFor: campus.WaitsForEngine})
	return err
}

// weigh sends an obvious duplicate to its refund, and asks the merchant about all else.
func (w *appeal) weigh(ctx workflow.Context) error {
	if w.plan.Duplicate {
		return w.casework.Advance(ctx, engine.Change{Move: campus.Move{Name: "duplicate", Stage: campus.StageRefund,
			WaitsFor: campus.WaitsForEngine, Events: []campus.Event{engine.Event("appeal_duplicate", campus.System())}}})
	}
	due := w.plan.Calendar.AddWorkingDays(workflow.Now(ctx), w.plan.Policy.MerchantWorkingDays)
	return w.casework.Advance(ctx, engine.Change{Move: campus.Move{
		Name: "ask-merchant", Stage: campus.StageAnswer, WaitsFor: campus.WaitsForMerchant, Due: &due,
		Events:  []campus.Event{engine.Event("appeal_merchant_asked", campus.System())},
		Opens:   []campus.NewWorkItem{{Kind: campus.AppealAnswerItem, Due: &due}},
		Notices: []campus.Notice{{Template: "notice.appeal_opened"}},
	}})
}

// awaitAnswer waits for the merchant until its date. Its silence is told, and staff decide without it.
func (w *appeal) awaitAnswer(ctx workflow.Context) error {
	done, err := w.untilDue(ctx, campus.StageAnswer, campus.AppealAnswerItem)
	if err != nil || done {
		return err
	}
	m := w.askVerdict(ctx, "merchant-silent")
	m.Events = []campus.Event{engine.Event("appeal_merchant_silent", campus.System())}
	m.Closes = []campus.WorkItemKey{{Kind: campus.AppealAnswerItem}}
	return w.casework.Advance(ctx, engine.Change{Move: m})
}

// awaitVerdict waits for staff. They are asked again and again: no appeal is lost by their silence.
func (w *appeal) awaitVerdict(ctx workflow.Context) error {
	return w.untilDecided(ctx, campus.StageVerdict, campus.AppealItem)
}

func (w *appeal) awaitSecond(ctx workflow.Context) error {
	return w.untilDecided(ctx, campus.StageSecondPerson, campus.AppealSecondItem)
}

func (w *appeal) awaitDispute(ctx workflow.Context) error {
	return w.untilDecided(ctx, campus.StageDispute, campus.DuplicateObjected)
}

// awaitObjection waits until the holder objects or may no more.
func (w *appeal) awaitObjection(ctx workflow.Context) error {
	done, err := w.heeding(ctx, campus.StageObjection, nil, func(done func() bool) (bool, error) {
		return w.casework.Wait(ctx, w.plan.Policy.Objection.Std(), "objection", done)
	})
	if err != nil || done {
		return err
	}
	return w.casework.Advance(ctx, engine.Change{Move: w.ending("end:decided")})
}

// awaitContest waits until the merchant objects to the refund of a duplicate or may no more.
func (w *appeal) awaitContest(ctx workflow.Context) error {
	done, err := w.casework.Wait(ctx, w.plan.Policy.Duplicates.Contest.Std(), "contest", w.left(campus.StageContest))
	if err != nil || done {
		return err
	}
	m := over("end:duplicate", campus.Completed, "duplicate_refunded")
	m.Closes = []campus.WorkItemKey{{Kind: campus.DuplicateItem}}
	return w.casework.Advance(ctx, engine.Change{Move: m})
}

// refund gives back what was granted, once whatever crashes. What was given back otherwise meanwhile is not given
// twice.
func (w *appeal) refund(ctx workflow.Context) error {
	var back activities.GivenBack
	if err := w.casework.Own(ctx, "refund-appeal", engine.Steps.RefundAppeal, w.casework.Input.Case, &back); err != nil {
		return err
	}
	return w.casework.Advance(ctx, w.refunded(ctx, back))
}

// refunded is the move after a refund: to the merchant, to the holder, or to the end.
func (w *appeal) refunded(ctx workflow.Context, back activities.GivenBack) engine.Change {
	events := []campus.Event{engine.Event("appeal_refunded", campus.System())}
	ch := engine.Change{}
	switch {
	case !back.Some:
		ch.Move, events = over("end:nothing-left", campus.Completed, "appeal_nothing_left"), nil
	case w.State.Verdict == "": // a duplicate
		until := engine.Until(ctx, w.plan.Policy.Duplicates.Contest)
		ch.Move = campus.Move{Name: "refunded", Stage: campus.StageContest, WaitsFor: campus.WaitsForMerchant, Due: until,
			Opens: []campus.NewWorkItem{{Kind: campus.DuplicateItem, Due: until}}}
	case w.State.Verdict == campus.RefundPart && back.All && !w.State.Objected:
		ch.Move = w.askHolder(ctx, "refunded")
	default:
		ch.Move = over("end:refunded", campus.Completed, "appeal_granted")
	}
	ch.Events = append(events, ch.Events...)
	ch.Knows = w.Knowing(func(s *appealState) { s.Back = s.Back || back.Some })
	return ch
}

// recover takes what went back of a duplicate again, because the merchant was right.
func (w *appeal) recover(ctx workflow.Context) error {
	if err := w.casework.Own(ctx, "recover-appeal", engine.Steps.RecoverAppeal, w.casework.Input.Case, nil); err != nil {
		return err
	}
	return w.casework.Advance(ctx, engine.Change{Move: over("end:recovered", campus.Rejected, "contest_upheld")})
}

// askVerdict is the move that puts the appeal before staff.
func (w *appeal) askVerdict(ctx workflow.Context, name string) campus.Move {
	return w.askStaff(ctx, name, campus.StageVerdict, campus.AppealItem)
}

// askStaff is the move to a stage at which staff decide, with the date by which they do.
func (w *appeal) askStaff(ctx workflow.Context, name string, stage campus.Stage, kind campus.WorkItemKind) campus.Move {
	due := w.plan.Calendar.AddWorkingDays(workflow.Now(ctx), w.plan.Policy.DecisionWorkingDays)
	return campus.Move{Name: name, Stage: stage, WaitsFor: campus.WaitsForFinance, Due: &due,
		Opens: []campus.NewWorkItem{{Kind: kind, Due: &due}}}
}

// askHolder is the move after which the holder may object, once.
func (w *appeal) askHolder(ctx workflow.Context, name string) campus.Move {
	until := engine.Until(ctx, w.plan.Policy.Objection)
	return campus.Move{Name: name, Stage: campus.StageObjection, WaitsFor: campus.WaitsForStudent, Due: until, Reason: w.State.Reason,
		Notices: []campus.Notice{{Template: "notice.appeal_may_object",
			Params: map[string]string{"until": until.UTC().Format(time.RFC3339)}}}}
}

// ending is how an appeal ends whose decision stands.
func (w *appeal) ending(name string) campus.Move {
	if w.State.Back {
		return over(name, campus.Completed, "appeal_part")
	}
	return over(name, campus.Rejected, w.State.Reason)
}

// over is the move that ends the case, and tells the holder.
func over(name string, outcome campus.Outcome, reason string) campus.Move {
	return campus.Move{
		Name: name, Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: outcome, Reason: reason,
		Events:  []campus.Event{engine.Event("appeal_over", campus.System(), "reason", reason)},
		Notices: []campus.Notice{{Template: "notice.appeal_over", Params: map[string]string{"reason": reason}}},
	}
}

// untilDue waits for whoever decides an item until its date, and reminds of it before.
func (w *appeal) untilDue(ctx workflow.Context, stage campus.Stage, kind campus.WorkItemKind) (bool, error) {
	p, c := w.plan.Policy, w.casework
	limit := c.Due.Sub(c.Since())
	item := []campus.WorkItemKey{{Kind: kind}}
	rung := func(before campus.Duration, m campus.Move) engine.Rung {
		return engine.Rung{After: limit - before.Std(), Name: m.Name,
			Climb: func() engine.Change { return engine.Change{At: stage, Move: m} }}
	}
	return w.heeding(ctx, stage, item, func(done func() bool) (bool, error) {
		return c.Wait(ctx, limit, string(stage), done,
			rung(p.Reminder, campus.Move{Name: "remind:" + string(stage), Remind: item}),
			rung(p.Escalation, campus.Move{Name: "escalate:" + string(stage), Escalate: item}))
	})
}

// untilDecided is untilDue for what has no end but a decision: after the date heads are told, again and again.
func (w *appeal) untilDecided(ctx workflow.Context, stage campus.Stage, kind campus.WorkItemKind) error {
	done, err := w.untilDue(ctx, stage, kind)
	for err == nil && !done {
		if err = w.casework.Advance(ctx, engine.Change{At: stage, Move: campus.Move{Name: "overdue:" + string(stage),
			Events:   []campus.Event{engine.InternalEvent("appeal_overdue", campus.System())},
			Escalate: []campus.WorkItemKey{{Kind: kind}}}}); err != nil {
			return err
		}
		done, err = w.heeding(ctx, stage, []campus.WorkItemKey{{Kind: kind}}, func(done func() bool) (bool, error) {
			return engine.AwaitFor(ctx, w.plan.Policy.Again.Std(), string(stage)+": overdue", done)
		})
	}
	return err
}

// heeding waits at a stage, and ends the appeal as refunded once merchant, till or staff have given back all of the
// payment in another way (E3). Whoever does so nudges; each nudge is looked at once. It answers true when the case has
// left the stage. In a dispute there is nothing to heed: all of the payment went back by the appeal itself.
func (w *appeal) heeding(ctx workflow.Context, stage campus.Stage, items []campus.WorkItemKey,
	wait func(done func() bool) (bool, error)) (bool, error) {
	left := w.left(stage)
	nudged := func() bool { return stage != campus.StageDispute && w.casework.Nudges > w.looked }
	for {
		if nudged() {
			if err := w.endIfRefunded(ctx, items); err != nil || left() {
				return left(), err
			}
		}
		done, err := wait(func() bool { return left() || nudged() })
		if err != nil || !done || left() {
			return done, err
		}
	}
}

// endIfRefunded ends the appeal if nothing is left of its payment.
func (w *appeal) endIfRefunded(ctx workflow.Context, items []campus.WorkItemKey) error {
	w.looked = w.casework.Nudges // before looking, so that none is lost in between
	var nothing bool
	if err := w.casework.Own(ctx, "look", engine.Steps.AppealRefunded, w.casework.Input.Case, &nothing); err != nil || !nothing {
		return err
	}
	m := over("end:refunded-elsewhere", campus.Completed, "appeal_refunded_elsewhere")
	m.Closes = items
	return w.casework.Advance(ctx, engine.Change{Move: m})
}

// left tells that the case is at a stage no more.
func (w *appeal) left(stage campus.Stage) func() bool {
	return func() bool { return w.casework.Stage != stage || w.casework.Outcome != "" }
}

// decided tells whether somebody has had a say that keeps them from deciding.
func (s appealState) decided(by campus.Actor) bool { return slices.Contains(s.Deciders, by) }
