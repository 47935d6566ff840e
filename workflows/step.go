package workflows

import (
	"errors"

	"github.com/google/uuid"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// SettleStepUpdate is the update with which staff settle a parked step (K3).
const SettleStepUpdate = "settle-step"

// SettleStep is what a member of staff does with a parked step. Their reason stays in SQL under the decision.
type SettleStep struct {
	Decision uuid.UUID         `json:"decision"`
	Seen     int64             `json:"seen,omitempty"` // version of the case that it is about
	By       campus.Actor      `json:"by"`
	Step     string            `json:"step"`
	Attempt  int               `json:"attempt"` // the one that was seen; another is stale
	Action   campus.Settlement `json:"action"`
}

// The results of a settlement.
const (
	StepOK           = "ok"
	StepFailed       = "failed"
	StepSkipped      = "skipped"
	StepAborted      = "aborted"
	StepSecondPerson = "second_person_needed"
)

// Settled is the outcome of a settlement: for a retry, that of the new attempt.
type Settled struct {
	Step    string      `json:"step"`
	Attempt int         `json:"attempt"`
	Outcome string      `json:"outcome"`
	Code    campus.Code `json:"code,omitempty"`
	Reason  string      `json:"reason,omitempty"`
	Message string      `json:"message,omitempty"`
}

// errSkipped and errAborted are what a step answers when two people have skipped it or given the case up.
var (
	errSkipped = errors.New("the step was skipped")
	errAborted = errors.New("the case was given up")
)

// stepKind is a step of a process.
type stepKind struct {
	Name   string
	NoSkip bool // nothing can go on without it
	Moves  bool // when it has gone well a move follows, before it is taken again; that move closes its attempt
}

// parkedStep is a step whose budget is spent or whose answer is final. It waits for staff.
type parkedStep struct {
	ref        campus.StepRef
	noSkip     bool
	cause      error
	try        func(ctx workflow.Context, ref campus.StepRef) error
	busy       bool        // a settlement is at work
	proposal   *SettleStep // skip or abort, waiting for a second person
	settlement campus.Settlement
}

// step runs one call of another system with its budget. When the budget is spent or the answer is final, the case
// parks and staff settle it: a retry that works is the answer, a skip is errSkipped, an abort errAborted.
func step[R any](ctx workflow.Context, c *casework, kind stepKind, call func(workflow.Context, campus.StepRef) workflow.Future) (R, error) {
	var result R
	ref := campus.StepRef{Case: c.input.Case, Step: kind.Name, Attempt: 1, Key: 1, By: campus.System(), Moves: kind.Moves}
	err := c.rounds(ctx, ref, func(ctx workflow.Context) error { return call(ctx, ref).Get(ctx, &result) })
	if err == nil && kind.Moves {
		c.news.finished = append(c.news.finished, campus.FinishedStep{Step: kind.Name, At: workflow.Now(ctx)})
	}
	ref.Moves = false
	switch {
	case err == nil, temporal.IsCanceledError(err):
		return result, err
	case ctx.Err() != nil: // given up while it was failing: that is no incident, and must not read as a failure
		return result, ctx.Err()
	}
	p := &parkedStep{ref: ref, noSkip: kind.NoSkip, cause: FromTemporal(err)}
	p.try = func(ctx workflow.Context, ref campus.StepRef) error {
		return FromTemporal(call(c.oneTry(ctx), ref).Get(ctx, &result))
	}
	err = c.park(ctx, p)
	return result, err
}

// park opens an incident and waits until staff have settled it, or the case is given up otherwise.
func (c *casework) park(ctx workflow.Context, p *parkedStep) error {
	c.parked[p.ref.Step] = p
	err := c.move(ctx, campus.Move{
		Events: []campus.Event{internalEvent("step_parked", campus.System(), "step", p.ref.Step, "cause", string(campus.CodeOf(p.cause)))},
		Opens:  []campus.NewWorkItem{p.incident()},
	}, nil)
	if err != nil {
		return err
	}
	if err := workflow.Await(ctx, func() bool { return p.settlement != "" }); err != nil {
		c.drop(p.ref.Step)
		return err
	}
	switch p.settlement {
	case campus.SkipStep:
		return errSkipped
	case campus.AbortSteps:
		return errAborted
	default:
		return nil
	}
}

// drop lets go of a parked step that nobody needs any more; the next move closes its incident.
func (c *casework) drop(step string) {
	if _, found := c.parked[step]; found {
		delete(c.parked, step)
		c.news.closes = append(c.news.closes, campus.WorkItemKey{Kind: campus.IncidentItem, Step: step})
	}
}

func (p *parkedStep) incident() campus.NewWorkItem {
	return campus.NewWorkItem{
		Kind: campus.IncidentItem, Step: p.ref.Step, Attempt: p.ref.Attempt,
		Cause: campus.CodeOf(p.cause), Reason: campus.ReasonOf(p.cause),
	}
}

// checkSettle refuses a settlement that comes too late, of another attempt, or by the same person twice.
func (c *casework) checkSettle(d SettleStep) error {
	p, found := c.parked[d.Step]
	switch {
	case !found:
		return campus.Errorf(campus.Conflict, "step_not_parked", "step %s is not parked", d.Step)
	case d.Action != campus.RetryStep && d.Action != campus.SkipStep && d.Action != campus.AbortSteps:
		return campus.FieldErrorf("action", "action_unknown", "a step is retried, skipped or aborted")
	case d.Attempt != p.ref.Attempt:
		return campus.Errorf(campus.Conflict, "stale_step", "step %s is at attempt %d, not %d", d.Step, p.ref.Attempt, d.Attempt)
	case p.busy:
		return campus.Errorf(campus.Conflict, "step_busy", "step %s is being settled", d.Step)
	case d.Action == campus.SkipStep && p.noSkip:
		return campus.Errorf(campus.Conflict, "step_not_skippable", "nothing can go on without step %s", d.Step)
	case d.Action.FourEyes() && p.proposal != nil && p.proposal.Action == d.Action && p.proposal.By == d.By:
		return campus.Errorf(campus.Forbidden, "same_person", "a second person must confirm")
	}
	return nil
}

// admitSettle lets a settlement in that is about the case as it is.
func (c *casework) admitSettle(d SettleStep) error {
	if err := c.caughtUp(d.Seen); err != nil {
		return err
	}
	return c.checkSettle(d)
}

// settle is what staff do with a parked step. It answers after the outcome is recorded.
func (c *casework) settle(ctx workflow.Context, d SettleStep) (Settled, error) {
	if err := c.checkSettle(d); err != nil { // another settlement may have been admitted in the same moment
		return Settled{}, err
	}
	p := c.parked[d.Step]
	p.busy = true
	c.busy++
	defer func() { p.busy = false; c.busy-- }()
	switch {
	case d.Action == campus.RetryStep:
		return c.retry(ctx, p, d)
	case p.proposal == nil || p.proposal.Action != d.Action:
		return c.propose(ctx, p, d)
	default:
		return c.confirm(ctx, p, d)
	}
}

// retry makes one more attempt. An unclear one is repeated under its old key, so that it acts once; after a
// confirmed failure the key is the next.
func (c *casework) retry(ctx workflow.Context, p *parkedStep, d SettleStep) (Settled, error) {
	p.ref.Attempt, p.ref.By, p.proposal = p.ref.Attempt+1, d.By, nil
	if !campus.CodeOf(p.cause).Retryable() {
		p.ref.Key++
	}
	result := Settled{Step: d.Step, Attempt: p.ref.Attempt, Outcome: StepOK}
	if err := p.try(ctx, p.ref); err != nil {
		p.cause = err
		result.Outcome, result.Code, result.Reason, result.Message = StepFailed, campus.CodeOf(err), campus.ReasonOf(err), err.Error()
		return result, c.move(ctx, campus.Move{
			Decision: d.Decision,
			Events:   []campus.Event{internalEvent("step_failed_again", d.By, "step", d.Step, "cause", string(result.Code))},
			Opens:    []campus.NewWorkItem{p.incident()},
		}, nil)
	}
	return result, c.unpark(ctx, p, d, "step_retried")
}

// propose keeps a skip or an abort until a second person confirms it.
func (c *casework) propose(ctx workflow.Context, p *parkedStep, d SettleStep) (Settled, error) {
	p.proposal = &d
	return Settled{Step: d.Step, Attempt: p.ref.Attempt, Outcome: StepSecondPerson}, c.move(ctx, campus.Move{
		Decision: d.Decision,
		Events:   []campus.Event{internalEvent("step_proposed", d.By, "step", d.Step, "action", string(d.Action))},
		Proposes: []campus.Proposal{{Step: d.Step, Action: d.Action, By: d.By}},
	}, nil)
}

func (c *casework) confirm(ctx workflow.Context, p *parkedStep, d SettleStep) (Settled, error) {
	result := Settled{Step: d.Step, Attempt: p.ref.Attempt, Outcome: StepSkipped}
	kind := "step_skipped"
	if d.Action == campus.AbortSteps {
		result.Outcome, kind = StepAborted, "step_aborted"
	}
	return result, c.unpark(ctx, p, d, kind)
}

// unpark records that a step is settled, and then lets the step go on.
func (c *casework) unpark(ctx workflow.Context, p *parkedStep, d SettleStep, kind string) error {
	delete(c.parked, d.Step)
	err := c.move(ctx, campus.Move{
		Decision: d.Decision,
		Events:   []campus.Event{internalEvent(kind, d.By, "step", d.Step)},
		Closes:   []campus.WorkItemKey{{Kind: campus.IncidentItem, Step: d.Step}},
	}, nil)
	p.settlement = d.Action
	return err
}
