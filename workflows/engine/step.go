package engine

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// errSkipped and errAborted are what a step answers when two people have skipped it or given the case up.
var (
	ErrSkipped = errors.New("the step was skipped")
	ErrAborted = errors.New("the case was given up")
)

// StepKind is a step of a process.
type StepKind struct {
	Name   string
	NoSkip bool // nothing can go on without it
	Moves  bool // when it has gone well a move follows, before it is taken again; that move closes its attempt
}

// ParkedStep is a step whose budget is spent or whose answer is final. It waits for staff.
type ParkedStep struct {
	Ref        campus.StepRef
	NoSkip     bool
	Cause      error
	Try        func(ctx workflow.Context, ref campus.StepRef) error
	busy       bool             // a settlement is at work
	proposal   *campus.Decision // skip or abort, waiting for a second person
	settlement campus.Settlement
}

// Step runs one call of another system with its budget. When the budget is spent or the answer is final, the case
// parks and staff settle it: a retry that works is the answer, a skip is errSkipped, an abort errAborted.
func Step[R any](ctx workflow.Context, c *Casework, kind StepKind,
	call func(workflow.Context, campus.StepRef) workflow.Future) (R, error) {
	var result R
	ref := campus.StepRef{Case: c.Input.Case, Step: kind.Name, Attempt: 1, Key: 1, By: campus.System(), Moves: kind.Moves}
	err := c.Outlast(ctx, Rounds{Ref: ref, Files: true, unseen: lostRounds,
		Round: func(ctx workflow.Context, failed int) error {
			return call(c.budget(ctx, failed), ref).Get(ctx, &result)
		}})
	if err == nil && kind.Moves {
		c.Pending.finished = append(c.Pending.finished, campus.FinishedStep{Step: kind.Name, At: workflow.Now(ctx)})
	}
	ref.Moves = false
	switch {
	case err == nil, temporal.IsCanceledError(err):
		return result, err
	case ctx.Err() != nil: // given up while it was failing: that is no incident, and must not read as a failure
		return result, ctx.Err()
	}
	p := &ParkedStep{Ref: ref, NoSkip: kind.NoSkip, Cause: FromTemporal(err)}
	p.Try = func(ctx workflow.Context, ref campus.StepRef) error {
		return FromTemporal(c.Outlast(ctx,
			Rounds{Ref: ref, Files: true, unseen: lostRounds, Round: func(ctx workflow.Context, _ int) error {
				return call(c.OneTry(ctx), ref).Get(ctx, &result)
			}}))
	}
	err = c.Park(ctx, p)
	return result, err
}

// Park opens an incident and waits until staff have settled it, or the case is given up otherwise.
func (c *Casework) Park(ctx workflow.Context, p *ParkedStep) error {
	err := c.Advance(ctx, Change{parks: p, Move: campus.Move{
		Name: "park:" + p.Ref.Step,
		Events: []campus.Event{InternalEvent("step_parked", campus.System(), "step", p.Ref.Step, "cause",
			string(campus.CodeOf(p.Cause)))},
		Opens: []campus.NewWorkItem{p.incident()},
	}})
	if err != nil {
		return err
	}
	if err := workflow.Await(ctx, func() bool { return p.settlement != "" || c.Outcome != "" }); err != nil {
		c.drop(p.Ref.Step)
		return err
	}
	switch p.settlement {
	case campus.SkipStep:
		return ErrSkipped
	case campus.RetryStep:
		return nil
	default: // also when the case has ended behind us
		return ErrAborted
	}
}

// drop lets go of a parked step that nobody needs any more; the next move closes its incident.
func (c *Casework) drop(step string) {
	if _, found := c.Parked[step]; found {
		delete(c.Parked, step)
		c.Pending.closes = append(c.Pending.closes, campus.WorkItemKey{Kind: campus.IncidentItem, Step: step})
	}
}

func (p *ParkedStep) incident() campus.NewWorkItem {
	return campus.NewWorkItem{
		Kind: campus.IncidentItem, Step: p.Ref.Step, Attempt: p.Ref.Attempt,
		Cause: campus.CodeOf(p.Cause), Reason: campus.ReasonOf(p.Cause),
	}
}

// checkSettle refuses a settlement that comes too late, of another attempt, or by the same person twice.
func (c *Casework) checkSettle(d campus.Decision) error {
	if s, found := c.stuck[d.Step]; found {
		return checkStuck(s, d)
	}
	p, found := c.Parked[d.Step]
	action := campus.Settlement(d.Action)
	switch {
	case !found:
		return campus.Errorf(campus.Conflict, campus.StepNotParked, "step %s is not parked", d.Step)
	case action != campus.RetryStep && action != campus.SkipStep && action != campus.AbortSteps:
		return campus.FieldErrorf("action", "action_unknown", "a step is retried, skipped or aborted")
	case d.Attempt != p.Ref.Attempt:
		return campus.Errorf(campus.Conflict, "stale_step", "step %s is at attempt %d, not %d", d.Step, p.Ref.Attempt,
			d.Attempt)
	case p.busy:
		return campus.Errorf(campus.Conflict, "step_busy", "step %s is being settled", d.Step)
	case action == campus.SkipStep && p.NoSkip:
		return campus.Errorf(campus.Conflict, "step_not_skippable", "nothing can go on without step %s", d.Step)
	case p.waitsForSecond(action) && p.proposal.By == d.By:
		return campus.Errorf(campus.Forbidden, "same_person", "a second person must confirm")
	}
	return nil
}

func checkStuck(s *stuckStep, d campus.Decision) error {
	switch {
	case d.Action != string(campus.RetryStep):
		return campus.Errorf(campus.Conflict, "step_not_skippable", "nothing can go on without step %s", d.Step)
	case d.Attempt != s.attempt:
		return campus.Errorf(campus.Conflict, "stale_step", "step %s is at attempt %d, not %d", d.Step, s.attempt, d.Attempt)
	case s.retry:
		return campus.Errorf(campus.Conflict, "step_busy", "step %s is being settled", d.Step)
	}
	return nil
}

// waitsForSecond tells whether somebody has proposed the same.
func (p *ParkedStep) waitsForSecond(action campus.Settlement) bool {
	return action.FourEyes() && p.proposal != nil && p.proposal.Action == string(action)
}

// admitSettle lets a settlement in that is about the case as it is. A step that is stuck may be what keeps the run from the
// version that was seen.
func (c *Casework) admitSettle(d campus.Decision) error {
	if _, stuck := c.stuck[d.Step]; stuck {
		d.Seen = 0
	}
	if err := c.known(d); err != nil {
		return err
	}
	return c.checkSettle(d)
}

// settle is what staff do with a parked step. It answers after the outcome is recorded.
func (c *Casework) settle(ctx workflow.Context, d campus.Decision) (campus.Settled, error) {
	d.Update = campus.SettleStepUpdate
	if err := c.checkSettle(d); err != nil { // another settlement may have been admitted in the same moment
		return campus.Settled{}, err
	}
	if s, found := c.stuck[d.Step]; found {
		return c.retryStuck(ctx, s, d)
	}
	p := c.Parked[d.Step]
	switch action := campus.Settlement(d.Action); {
	case action == campus.RetryStep:
		return c.retry(ctx, p, d)
	case p.waitsForSecond(action):
		return c.confirm(ctx, p, d)
	default:
		return c.propose(ctx, p, d)
	}
}

// decideStep is decide for a settlement. It looks once more, in the turn of its move, whether that is about the step as it is.
func (c *Casework) decideStep(ctx workflow.Context, d campus.Decision, ch Change) error {
	return c.DecideInTurn(ctx, d, func() (Change, error) { return ch, c.checkSettle(d) })
}

// retry makes one more attempt, once it is written who asks for it; a try that our own parts have ended is made again,
// as the same attempt. An unclear attempt is repeated under its old key, so that it acts once; after a confirmed
// failure the key is the next (K3).
func (c *Casework) retry(ctx workflow.Context, p *ParkedStep, d campus.Decision) (campus.Settled, error) {
	err := c.decideStep(ctx, d, Change{Move: campus.Move{Name: campus.SettleMove(d.Said, false)}, Then: func() {
		p.busy = true
		c.busy++
		p.Ref.Attempt, p.Ref.By, p.proposal = p.Ref.Attempt+1, d.By, nil
		if !campus.CodeOf(p.Cause).Retryable() {
			p.Ref.Key++
		}
	}})
	if err != nil {
		return campus.Settled{}, err
	}
	defer func() { p.busy = false; c.busy-- }()
	result := campus.Settled{Step: d.Step, Attempt: p.Ref.Attempt, Outcome: campus.StepOK}
	if err := p.Try(ctx, p.Ref); err != nil {
		result.Failed(err)
		return result, c.Advance(ctx, Change{Move: campus.Move{
			Name:   "failed-again:" + d.Step,
			Events: []campus.Event{InternalEvent("step_failed_again", d.By, "step", d.Step, "cause", string(result.Code))},
			Opens:  []campus.NewWorkItem{p.failed(err)},
		}, Then: func() { p.Cause = err }})
	}
	return result, c.Advance(ctx, c.settled(p, d, "retried:"+d.Step, "step_retried"))
}

// failed is the incident of a step after another failure.
func (p *ParkedStep) failed(cause error) campus.NewWorkItem {
	again := *p
	again.Cause = cause
	return again.incident()
}

// propose keeps a skip or an abort until a second person confirms it.
func (c *Casework) propose(ctx workflow.Context, p *ParkedStep, d campus.Decision) (campus.Settled, error) {
	action := campus.Settlement(d.Action)
	return campus.Settled{Step: d.Step, Attempt: p.Ref.Attempt, Outcome: campus.StepSecondPerson}, c.decideStep(ctx, d,
		Change{Move: campus.Move{
			Name:     campus.SettleMove(d.Said, true),
			Events:   []campus.Event{InternalEvent("step_proposed", d.By, "step", d.Step, "action", d.Action)},
			Proposes: []campus.Proposal{{Step: d.Step, Action: action, By: d.By}},
		}, Then: func() { p.proposal = &d }})
}

// confirm skips a step or gives the case up, as another person has proposed: the tables have to know that, too.
func (c *Casework) confirm(ctx workflow.Context, p *ParkedStep, d campus.Decision) (campus.Settled, error) {
	result := campus.Settled{Step: d.Step, Attempt: p.Ref.Attempt, Outcome: campus.StepSkipped}
	kind := "step_skipped"
	if d.Action == string(campus.AbortSteps) {
		result.Outcome, kind = campus.StepAborted, "step_aborted"
	}
	return result, c.decideStep(ctx, d, c.settled(p, d, campus.SettleMove(d.Said, false), kind))
}

// settled is the move that records that a step is settled, and lets the step go on.
func (c *Casework) settled(p *ParkedStep, d campus.Decision, name, kind string) Change {
	return Change{Drops: []string{d.Step}, Move: campus.Move{
		Name:   name,
		Events: []campus.Event{InternalEvent(kind, d.By, "step", d.Step)},
		Closes: []campus.WorkItemKey{{Kind: campus.IncidentItem, Step: d.Step}},
	}, Then: func() { p.settlement = campus.Settlement(d.Action) }}
}
