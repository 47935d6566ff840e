package engine

import (
	"time"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
)

// stuckStep is a step of our own that repetition does not mend. Staff can have it tried again; it cannot be skipped,
// and nothing of it is recorded as a move, because the move that fails has the turn and the version.
type stuckStep struct {
	attempt int // that waits for staff
	cause   error
	retry   bool // somebody asks for another try
	over    bool // it works again
}

// unseenRounds is how many rounds in a row of a step of our own may be ended by an outage that no look at our parts
// sees: what only this step runs into, such as a statement that takes too long, is a fault.
const unseenRounds = 2

// insist makes a step of our own until it works. Outages of our own parts are waited out. What repetition does not mend
// becomes an incident, and is tried again when staff say so.
func (c *Casework) insist(ctx workflow.Context, name string, call func(workflow.Context) error) error {
	tries := Rounds{
		Ref: campus.StepRef{Case: c.Input.Case, Step: name}, unseen: unseenRounds,
		Round: func(ctx workflow.Context, _ int) error {
			return fromOwn(call(workflow.WithLocalActivityOptions(ctx, ownRound)))
		},
	}
	for {
		err := c.Outlast(ctx, tries)
		if err == nil || isAnswer(err) || temporal.IsCanceledError(err) {
			if mending := c.mended(ctx, name); mending != nil {
				return mending
			}
			return err
		}
		if err := c.askForHelp(ctx, name, err, func() bool { return false }); err != nil {
			return err
		}
	}
}

// Own runs a step of our own that brings something back, and insists on it.
func (c *Casework) Own(ctx workflow.Context, name string, activity, in, result any) error {
	return c.insist(ctx, name, func(ctx workflow.Context) error {
		return workflow.ExecuteLocalActivity(ctx, activity, in).Get(ctx, result)
	})
}

// isAnswer tells that an error is an answer about the facts, on which a process goes on, and not a fault.
func isAnswer(err error) bool {
	code := campus.CodeOf(err)
	return code == campus.Conflict || code == campus.Refused
}

// helpPause is how long a stuck step waits for staff before it is tried once more: what was mended elsewhere goes on
// without them.
const helpPause = time.Hour

// askForHelp opens an incident, and waits until something is so by itself or the step is to be tried again.
func (c *Casework) askForHelp(ctx workflow.Context, name string, cause error, so func() bool) error {
	s, found := c.stuck[name]
	if !found {
		s = &stuckStep{}
		c.stuck[name] = s
	}
	s.attempt, s.cause, s.retry = s.attempt+1, cause, false
	workflow.GetLogger(ctx).Error("a step of our own does not get past a fault", "step", name, "error", cause)
	incident := activities.Incident{Case: c.Input.Case, Item: campus.NewWorkItem{Kind: campus.IncidentItem, Step: name,
		Attempt: s.attempt, Cause: campus.CodeOf(cause), Reason: campus.ReasonOf(cause)}}
	if err := Once(ctx, Steps.OpenIncident, incident, nil); temporal.IsCanceledError(err) {
		return err
	} else if err != nil { // a run that ended for it would leave an open case without one
		workflow.GetLogger(ctx).Error("an incident is not opened", "step", name, "error", err)
	}
	if err := c.upsert(ctx, attributes{stage: c.Stage, waits: campus.WaitsForOperator, due: utc(c.Due),
		parked: []string{name}, cause: campus.CodeOf(cause)}); err != nil {
		return err
	}
	_, err := AwaitFor(ctx, helpPause, name+": wait for staff", func() bool { return s.retry || so() })
	return err
}

// mended takes the incident of a step back, if there is one.
func (c *Casework) mended(ctx workflow.Context, name string) error {
	s, found := c.stuck[name]
	if !found {
		return nil
	}
	delete(c.stuck, name)
	s.over = true
	if err := c.closeIncident(ctx, name); err != nil || c.last.Version == 0 {
		return err
	}
	return c.show(ctx, c.last)
}

// closeIncident takes back that staff were asked for help with a step of our own.
func (c *Casework) closeIncident(ctx workflow.Context, name string) error {
	incident := activities.Incident{Case: c.Input.Case, Item: campus.NewWorkItem{Step: name}}
	err := Once(ctx, Steps.CloseIncident, incident, nil)
	if err != nil && !temporal.IsCanceledError(err) {
		workflow.GetLogger(ctx).Error("an incident is not closed", "step", name, "error", err)
		return nil
	}
	return err
}

// retryStuck has a stuck step tried once more, and answers what became of that. No move stands for it, so that its
// decision is looked for by itself.
func (c *Casework) retryStuck(ctx workflow.Context, s *stuckStep, d campus.Decision) (campus.Settled, error) {
	m := campus.Move{Case: c.Input.Case, Decision: d}
	if err := Once(ctx, Steps.CheckDecision, m, nil); err != nil {
		return campus.Settled{}, err
	}
	if err := checkStuck(s, d); err != nil { // it may have been tried meanwhile
		return campus.Settled{}, err
	}
	tried := s.attempt
	s.retry = true
	if err := workflow.Await(ctx, func() bool { return s.over || s.attempt != tried || c.Outcome != "" }); err != nil {
		return campus.Settled{}, err
	}
	if !s.over && s.attempt == tried {
		return campus.Settled{}, c.wrongStage()
	}
	result := campus.Settled{Step: d.Step, Attempt: tried, Outcome: campus.StepOK}
	if s.attempt != tried {
		result.Failed(s.cause)
	}
	return result, nil
}
