package money

import (
	"slices"

	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
	"campuscard/workflows/engine"
)

// said is the local activity that keeps what a decision says, with its move.
func said(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
	return engine.Written(ctx, engine.Steps.SayOfAppeal, m)
}

// answer is what the merchant says. Staff decide next, and not who has spoken for the merchant.
func (w *appeal) answer(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	action := campus.AppealAction(d.Action)
	ch := engine.Change{Move: w.askVerdict(ctx, ""), Fact: said}
	ch.Closes = []campus.WorkItemKey{{Kind: campus.AppealAnswerItem}}
	switch action {
	case campus.AgreeAppeal:
		ch.Events = []campus.Event{engine.Event("appeal_agreed", d.By)}
	case campus.ContestAppeal:
		ch.Events = []campus.Event{engine.Event("appeal_contested", d.By, "reason", d.Reason)}
	default:
		return campus.Decided{}, unknownAction()
	}
	ch.Knows = w.Knowing(func(s *appealState) { s.Deciders = append(slices.Clone(s.Deciders), d.By) })
	return w.casework.Decided(w.decides(ctx, d, ch))
}

// decides makes the move of a decision whose reason fits it.
func (w *appeal) decides(ctx workflow.Context, d campus.Decision, ch engine.Change) error {
	if err := campus.CheckAppealReason(campus.AppealAction(d.Action), d.Reason); err != nil {
		return err
	}
	return w.casework.Decide(ctx, d, ch)
}

// decide is the decision of staff: all, a part, or nothing.
func (w *appeal) decide(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	if err := campus.CheckAppealReason(campus.AppealAction(d.Action), d.Reason); err != nil {
		return campus.Decided{}, err
	}
	return w.casework.Decided(w.casework.DecideInTurn(ctx, d, func() (engine.Change, error) {
		if w.State.decided(d.By) {
			return engine.Change{}, samePerson()
		}
		return w.verdict(ctx, d)
	}))
}

// verdict is the move of a decision: to a second person, to the refund, or back to the holder.
func (w *appeal) verdict(ctx workflow.Context, d campus.Decision) (ch engine.Change, err error) {
	action := campus.AppealAction(d.Action)
	switch {
	case action == campus.RefundNothing && w.State.Objected:
		ch.Move = over("", campus.Rejected, d.Reason)
		if w.State.Back {
			ch.Move = over("", campus.Completed, "appeal_part")
		}
	case action == campus.RefundNothing:
		ch.Move = w.askHolder(ctx, "")
		ch.Reason = d.Reason
	case action != campus.RefundAll && action != campus.RefundPart:
		return ch, unknownAction()
	case w.plan.TwoPeople:
		ch.Move = w.askStaff(ctx, "", campus.StageSecondPerson, campus.AppealSecondItem)
	default:
		ch.Move = campus.Move{Stage: campus.StageRefund, WaitsFor: campus.WaitsForEngine}
	}
	ch.Name, ch.Fact = campus.DecideAppealUpdate+":"+d.Action, said
	ch.Events = append([]campus.Event{engine.Event("appeal_"+d.Action, d.By, "reason", d.Reason)}, ch.Events...)
	ch.Closes = []campus.WorkItemKey{{Kind: campus.AppealItem}}
	ch.Knows = w.Knowing(func(s *appealState) {
		s.Verdict, s.Reason, s.First = action, d.Reason, d.By
		if ch.Stage != campus.StageSecondPerson {
			s.Deciders = append(slices.Clone(s.Deciders), d.By)
		}
	})
	return ch, nil
}

// confirm is what a second person says about a large refund.
func (w *appeal) confirm(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	return w.casework.Decided(w.casework.DecideInTurn(ctx, d, func() (ch engine.Change, err error) {
		switch {
		case w.State.First == d.By || w.State.decided(d.By):
			return ch, samePerson()
		case d.Action == string(campus.ConfirmVerdict):
			ch.Move = campus.Move{Stage: campus.StageRefund, WaitsFor: campus.WaitsForEngine,
				Events: []campus.Event{engine.Event("appeal_confirmed", d.By)}}
			ch.Knows = w.Knowing(func(s *appealState) { s.Deciders = append(slices.Clone(s.Deciders), s.First, d.By) })
		case d.Action == string(campus.SendBack):
			ch.Move = w.askVerdict(ctx, "")
			ch.Events = []campus.Event{engine.Event("appeal_sent_back", d.By)}
		default:
			return ch, unknownAction()
		}
		ch.Name = campus.ConfirmAppealUpdate + ":" + d.Action
		ch.Closes = []campus.WorkItemKey{{Kind: campus.AppealSecondItem}}
		return ch, nil
	}))
}

// object is the holder's objection to a refusal, or to a part: somebody else decides about it, for good.
func (w *appeal) object(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	ch := engine.Change{Move: w.askVerdict(ctx, ""), Fact: said,
		Knows: w.Knowing(func(s *appealState) { s.Objected = true })}
	ch.Events = []campus.Event{engine.Event("appeal_objected", d.By)}
	return w.casework.Decided(w.casework.Decide(ctx, d, ch))
}

// contest is the merchant's objection to the refund of a duplicate.
func (w *appeal) contest(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	ch := engine.Change{Move: w.askStaff(ctx, "", campus.StageDispute, campus.DuplicateObjected), Fact: said,
		Knows: w.Knowing(func(s *appealState) { s.Deciders = append(slices.Clone(s.Deciders), d.By) })}
	ch.Events = []campus.Event{engine.Event("appeal_refund_contested", d.By, "reason", d.Reason)}
	ch.Closes = []campus.WorkItemKey{{Kind: campus.DuplicateItem}}
	return w.casework.Decided(w.decides(ctx, d, ch))
}

// settleDispute is the decision about the merchant's objection, by somebody who has not spoken for the merchant.
func (w *appeal) settleDispute(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	if err := campus.CheckAppealReason(campus.AppealAction(d.Action), d.Reason); err != nil {
		return campus.Decided{}, err
	}
	return w.casework.Decided(w.casework.DecideInTurn(ctx, d, func() (ch engine.Change, err error) {
		switch {
		case w.State.decided(d.By):
			return ch, samePerson()
		case d.Action == string(campus.UpholdObjection):
			ch.Move = campus.Move{Stage: campus.StageRecovery, WaitsFor: campus.WaitsForEngine,
				Events: []campus.Event{engine.Event("appeal_contest_upheld", d.By, "reason", d.Reason)}}
		case d.Action == string(campus.DismissObjection):
			ch.Move = over("", campus.Completed, "duplicate_refunded")
			ch.Events = append([]campus.Event{engine.Event("appeal_contest_dismissed", d.By)}, ch.Events...)
		default:
			return ch, unknownAction()
		}
		ch.Name, ch.Closes = campus.DecideDisputeUpdate+":"+d.Action, []campus.WorkItemKey{{Kind: campus.DuplicateObjected}}
		return ch, nil
	}))
}

// withdraw takes the appeal back before anything was given back.
func (w *appeal) withdraw(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	return w.casework.Decided(w.casework.DecideInTurn(ctx, d, func() (engine.Change, error) {
		if w.State.Back {
			return engine.Change{}, campus.Errorf(campus.Conflict, campus.WrongStage, "a part went back already")
		}
		items := map[campus.Stage]campus.WorkItemKind{campus.StageAnswer: campus.AppealAnswerItem,
			campus.StageVerdict: campus.AppealItem, campus.StageSecondPerson: campus.AppealSecondItem}
		return engine.Change{Move: campus.Move{Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody,
			Outcome: campus.Withdrawn, Events: []campus.Event{engine.Event("appeal_withdrawn", d.By)},
			Closes: []campus.WorkItemKey{{Kind: items[w.casework.Stage]}}}}, nil
	}))
}

func samePerson() error {
	return campus.Errorf(campus.Forbidden, "same_person", "somebody else has to decide")
}

func unknownAction() error {
	return campus.FieldErrorf("action", "action_unknown", "that is nothing to do at this stage")
}
