package engine

import (
	"errors"

	"github.com/google/uuid"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// ErrSkipped and ErrAborted are what a step answers when two people have skipped it or given the case up.
var (
	ErrSkipped = errors.New("the step was skipped")
	ErrAborted = errors.New("the case was given up")
)

// StepKind is a step of a process.
type StepKind struct {
	Name   string
	NoSkip bool // nothing can go on without it
	Moves  bool // when it has gone well a move follows, before it is taken again; that move closes its attempt
	// Knows is what the process knows from when the step is parked: what it was told by the steps before, and would have
	// to ask for again. None: what it does.
	Knows func() any
}

// ParkedStep is a step whose budget is spent or whose answer is final. It waits for staff.
type ParkedStep struct {
	Ref        campus.StepRef
	NoSkip     bool
	Cause      error
	Try        func(ctx workflow.Context, ref campus.StepRef) error
	NoCall     bool             // nothing is called: it waits for staff to have seen to something
	knows      func() any       // what the process knows from then on
	resumed    bool             // it was parked before this run began, and nobody has come to it yet
	again      uuid.UUID        // the decision of a retry that a run before has begun
	busy       bool             // a settlement is at work
	proposal   *campus.Decision // skip or abort, waiting for a second person
	settlement campus.Settlement
}

// Step runs one call of another system with its budget. When the budget is spent or the answer is final, the case
// parks and staff settle it: a retry that works is the answer, a skip is ErrSkipped, an abort ErrAborted.
func Step[R any](ctx workflow.Context, c *Casework, kind StepKind, call Call) (R, error) {
	var result R
	p := &ParkedStep{NoSkip: kind.NoSkip, knows: kind.Knows}
	p.Try = func(ctx workflow.Context, ref campus.StepRef) error {
		return FromTemporal(c.Outlast(ctx,
			Rounds{Ref: ref, Files: true, unseen: lostRounds, Round: func(ctx workflow.Context, _ int) error {
				return call.start(c.OneTry(ctx), ref).Get(ctx, &result)
			}}))
	}
	if before, err := c.before(kind.Name); before {
		if err == nil {
			p.Ref.Step = kind.Name
			err = c.Park(ctx, p)
		}
		return result, err
	}
	ref := c.ref(kind)
	err := c.Outlast(ctx, Rounds{Ref: ref, Files: true, failed: c.failedBefore(kind.Name), unseen: lostRounds,
		Round: func(ctx workflow.Context, failed int) error {
			return call.start(c.budget(ctx, failed), ref).Get(ctx, &result)
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
	p.Ref, p.Cause = ref, FromTemporal(err)
	err = c.Park(ctx, p)
	return result, err
}

// ref names the attempt at a step that a stay at a stage begins with: under the key of before where this stay has made
// one, so that it acts once; else under the next, for it asks about something else.
func (c *Casework) ref(kind StepKind) campus.StepRef {
	last := c.calls[kind.Name]
	if last.Attempt == 0 || last.Stay != c.entered {
		last = campus.StepCall{Step: kind.Name, Attempt: last.Attempt + 1, Key: last.Key + 1, Stay: c.entered}
		c.calls[kind.Name] = last
	}
	return campus.StepRef{Case: c.Input.Case, Step: kind.Name, Attempt: last.Attempt, Key: last.Key, By: campus.System(),
		Stay: last.Stay, Moves: kind.Moves}
}

// failedBefore is how many tries of a step runs before this one have spent, in the same attempt: they count once (K3).
func (c *Casework) failedBefore(step string) int {
	last := c.calls[step]
	failed := last.Failed
	last.Failed = 0
	c.calls[step] = last
	return failed
}

// before tells that a run before this one has come to a step in this stay already: it waits for staff, or they have
// skipped it or given it up, which is the error.
func (c *Casework) before(step string) (bool, error) {
	switch c.stay.Settled[step] {
	case campus.SkipStep:
		return true, ErrSkipped
	case campus.AbortSteps:
		return true, ErrAborted
	}
	p, parked := c.Parked[step]
	return parked && p.resumed, nil
}

// CameTo tells that a run before this one has parked a step in this stay, or had it settled.
func (c *Casework) CameTo(step string) bool {
	before, _ := c.before(step)
	return before
}

// Waits tells that a step is parked.
func (c *Casework) Waits(step string) bool { return c.Parked[step] != nil }

// Park opens an incident and waits until staff have settled it, or the case is given up otherwise. One that is open
// from before is waited for.
func (c *Casework) Park(ctx workflow.Context, p *ParkedStep) error {
	if c.stay.Settled[p.Ref.Step] == campus.RetryStep { // a run before has waited for staff, who have seen to it
		return nil
	}
	before, settled := c.before(p.Ref.Step)
	switch {
	case settled != nil:
		return settled
	case before:
		if err := c.resume(ctx, p); err != nil {
			return err
		}
	default:
		err := c.Advance(ctx, Change{parks: p, Knows: p.knows, Move: campus.Move{
			Name: "park:" + p.Ref.Step,
			Events: []campus.Event{InternalEvent("step_parked", campus.System(), "step", p.Ref.Step, "cause",
				string(campus.CodeOf(p.Cause)))},
			Opens: []campus.NewWorkItem{p.incident()},
		}})
		if err != nil {
			return err
		}
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

// resume takes over a step that a run before has parked, and ends the retry that it has begun.
func (c *Casework) resume(ctx workflow.Context, p *ParkedStep) error {
	before := c.Parked[p.Ref.Step]
	p.Ref, p.Cause, p.proposal = before.Ref, before.Cause, before.proposal
	c.Parked[p.Ref.Step] = p
	if before.again == uuid.Nil {
		return nil
	}
	p.busy = true
	c.busy++
	ctx, cancel := workflow.NewDisconnectedContext(ctx) // staff have asked for it, and not the flow
	defer cancel()
	_, err := c.tryAgain(ctx, p, campus.Decision{ID: before.again, By: p.Ref.By, Said: campus.Said{Step: p.Ref.Step,
		Action: string(campus.RetryStep)}})
	return err
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

// admitSettle lets a settlement in that is about the case as it is. A step that is stuck may be what keeps the run from
// the version that was seen.
func (c *Casework) admitSettle(d campus.Decision) error {
	admits := c.known
	if _, stuck := c.stuck[d.Step]; stuck {
		admits = made
	}
	if err := admits(d); err != nil {
		return err
	}
	if c.retries(d) {
		return nil
	}
	return c.checkSettle(d)
}

// retries tells that a decision is the one whose retry is being made: it was sent again to a run that goes on with it.
func (c *Casework) retries(d campus.Decision) bool {
	return c.stay.Retried[d.Step].Decision == d.ID && d.ID != uuid.Nil
}

// settle is what staff do with a parked step. It answers after the outcome is recorded.
func (c *Casework) settle(ctx workflow.Context, d campus.Decision) (campus.Settled, error) {
	d.Update = campus.SettleStepUpdate
	if c.retries(d) { // its answer is what the tables say of the attempt
		if err := workflow.Await(ctx, func() bool { return !c.retries(d) || c.Outcome != "" }); err != nil {
			return campus.Settled{}, err
		}
		return campus.Settled{}, campus.Errorf(campus.Conflict, campus.DecisionPassed, "the step was tried again")
	}
	if err := c.checkSettle(d); err != nil { // another settlement may have been admitted in the same moment
		return campus.Settled{}, err
	}
	if s, found := c.stuck[d.Step]; found {
		return c.retryStuck(ctx, s, d)
	}
	// Somebody may settle a step before the flow has come to it, in a run that has only begun.
	p := c.Parked[d.Step]
	err := workflow.Await(ctx, func() bool { p = c.Parked[d.Step]; return p == nil || !p.resumed || c.Outcome != "" })
	if err == nil {
		err = c.checkSettle(d)
	}
	if err != nil {
		return campus.Settled{}, err
	}
	switch action := campus.Settlement(d.Action); {
	case action == campus.RetryStep:
		return c.retry(ctx, p, d)
	case p.waitsForSecond(action):
		return c.confirm(ctx, p, d)
	default:
		return c.propose(ctx, p, d)
	}
}

// decideStep is decide for a settlement. It looks once more, in the turn of its move, whether that is about the step as
// it is.
func (c *Casework) decideStep(ctx workflow.Context, d campus.Decision, ch Change) error {
	return c.DecideInTurn(ctx, d, func() (Change, error) { return ch, c.checkSettle(d) })
}

// retry makes one more attempt, once it is written who asks for it; a try that our own parts have ended is made again,
// as the same attempt. An unclear attempt is repeated under its old key, so that it acts once; after a confirmed
// failure the key is the next (K3).
func (c *Casework) retry(ctx workflow.Context, p *ParkedStep, d campus.Decision) (campus.Settled, error) {
	again := retried{By: d.By, Decision: d.ID, Attempt: p.Ref.Attempt + 1, Key: p.Ref.Key}
	if !campus.CodeOf(p.Cause).Retryable() {
		again.Key++
	}
	err := c.decideStep(ctx, d, Change{Move: campus.Move{Name: campus.SettleMove(d.Said, false)},
		stays: func(s *stay) { s.retry(d.Step, again) },
		Then: func() {
			p.busy = true
			c.busy++
			p.Ref.Attempt, p.Ref.Key, p.Ref.By, p.proposal = again.Attempt, again.Key, d.By, nil
		}})
	if err != nil {
		return campus.Settled{}, err
	}
	return c.tryAgain(ctx, p, d)
}

// tryAgain makes the attempt that a retry asks for, and writes what became of it.
func (c *Casework) tryAgain(ctx workflow.Context, p *ParkedStep, d campus.Decision) (campus.Settled, error) {
	defer func() { p.busy = false; c.busy-- }()
	c.calls[d.Step] = campus.StepCall{Step: d.Step, Attempt: p.Ref.Attempt, Key: p.Ref.Key, Stay: p.Ref.Stay}
	over := func(s *stay) { delete(s.Retried, d.Step) }
	well, failed := campus.RetriedMoves(d.Step)
	result := campus.Settled{Step: d.Step, Attempt: p.Ref.Attempt, Outcome: campus.StepOK}
	if err := p.Try(ctx, p.Ref); err != nil {
		result.Failed(err)
		return result, c.Advance(ctx, Change{Move: campus.Move{
			Name:   failed,
			Events: []campus.Event{InternalEvent("step_failed_again", d.By, "step", d.Step, "cause", string(result.Code))},
			Opens:  []campus.NewWorkItem{p.failed(err)},
		}, stays: over, Then: func() { p.Cause = err }})
	}
	ch := c.settled(p, d, well, "step_retried")
	ch.stays = func(s *stay) {
		over(s)
		if p.NoCall {
			s.settle(d.Step, campus.RetryStep)
		}
	}
	return result, c.Advance(ctx, ch)
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
	ch := c.settled(p, d, campus.SettleMove(d.Said, false), kind)
	ch.stays = func(s *stay) { s.settle(d.Step, campus.Settlement(d.Action)) }
	return result, c.decideStep(ctx, d, ch)
}

// settled is the move that records that a step is settled, and lets the step go on.
func (c *Casework) settled(p *ParkedStep, d campus.Decision, name, kind string) Change {
	return Change{Drops: []string{d.Step}, Move: campus.Move{
		Name:   name,
		Events: []campus.Event{InternalEvent(kind, d.By, "step", d.Step)},
		Closes: []campus.WorkItemKey{{Kind: campus.IncidentItem, Step: d.Step}},
	}, Then: func() { p.settlement = campus.Settlement(d.Action) }}
}
