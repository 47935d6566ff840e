package engine

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
)

// stay is what the engine knows of a case for as long as it stays at its stage. It is written with every move, and read
// from the move that was written.
type stay struct {
	Waits   campus.Party                 `json:"waits,omitempty"`   // for whom the stage waits while a step is parked
	Settled map[string]campus.Settlement `json:"settled,omitempty"` // steps that two people have skipped or given up
	Retried map[string]retried           `json:"retried,omitempty"` // parked steps that staff have tried again just now
	Climbed int                          `json:"climbed,omitempty"` // rungs of the ladder of the stage
	Said    []string                     `json:"said,omitempty"`    // kinds of events that went with a move
}

// retried is an attempt that staff have asked for and that has not ended.
type retried struct {
	By       campus.Actor `json:"by"`
	Decision uuid.UUID    `json:"decision"`
	Attempt  int          `json:"attempt"`
	Key      int          `json:"key"`
}

// clone is a copy that can be changed for a move.
func (s stay) clone() stay {
	s.Settled, s.Retried, s.Said = maps.Clone(s.Settled), maps.Clone(s.Retried), slices.Clone(s.Said)
	return s
}

// settle notes that two people have skipped a step or given it up.
func (s *stay) settle(step string, how campus.Settlement) {
	if s.Settled == nil {
		s.Settled = map[string]campus.Settlement{}
	}
	s.Settled[step] = how
}

// retry notes that staff try a step again.
func (s *stay) retry(step string, again retried) {
	if s.Retried == nil {
		s.Retried = map[string]retried{}
	}
	s.Retried[step] = again
}

// kept is all that a move keeps beside what its row says.
type kept struct {
	Process json.RawMessage `json:"process,omitempty"`
	stay
}

// Begin takes a case out of the queue with its first move, or goes on from the row of one that has begun before: after
// a run that has continued as new, and after one that Temporal has lost (K8). fresh tells that nothing has happened
// since the first move, so that what the process knows follows from its plan. It comes after Setup. The activity
// answers activities.Began: it calls Begin or Begun of storage/casework, and tells steps and plan also of a case that
// has begun.
func Begin[P any](ctx workflow.Context, c *Casework, activity any, first campus.Move) (plan P, fresh bool, err error) {
	if err := c.turn.Lock(ctx); err != nil {
		return plan, false, err
	}
	defer c.turn.Unlock()
	m := c.fill(Change{Move: first}, Pending{})
	var began activities.Began[P]
	row, err := c.write(ctx, m, func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
		in := activities.BeginCase{Move: m, University: c.Input.University}
		err := workflow.ExecuteLocalActivity(ctx, activity, in).Get(ctx, &began)
		return began.Moved, err
	})
	if err != nil {
		return plan, false, err
	}
	c.Steps, c.begun = began.Steps, row.Version
	if began.Standing == nil {
		return began.Plan, true, c.adopt(ctx, Change{}, m, row)
	}
	if row.Version > 1 { // else this is the first move, delivered again
		c.shown = shownBefore
	}
	if err := c.goOn(ctx, row, *began.Standing); err != nil {
		return plan, false, err
	}
	return began.Plan, row.Version == 1, nil
}

// goOn takes a case over as it is written. The steps that wait for staff wait on, under the attempt and the key that
// they have; incidents of our own steps are closed, and opened again by a step that does not get on.
func (c *Casework) goOn(ctx workflow.Context, row campus.Moved, s campus.Standing) error {
	if err := c.adopt(ctx, Change{}, campus.Move{}, row); err != nil {
		return err
	}
	c.entered, c.since = s.Entered, s.EnteredAt
	for _, call := range s.Calls {
		c.calls[call.Step] = call
	}
	var over []string
	for _, item := range s.Waiting {
		switch call := c.calls[item.Step]; {
		case !slices.Contains(row.Parked, item.Step):
			over = append(over, item.Step)
		case call.Attempt == item.Attempt && call.Stay != 0 && call.Stay != c.entered:
			// of a stage that a decision has left; a call that a batch has made for the case is of none
			c.Pending.closes = append(c.Pending.closes, campus.WorkItemKey{Kind: campus.IncidentItem, Step: item.Step})
		default:
			c.Parked[item.Step] = c.waiting(item)
		}
	}
	c.closeIncidents(over)
	return nil
}

// closeIncidents closes what staff were asked beside moves, without keeping the run from going on.
func (c *Casework) closeIncidents(steps []string) {
	if len(steps) == 0 {
		return
	}
	workflow.GoNamed(c.root, "close incidents of the run before", func(ctx workflow.Context) {
		for _, step := range steps {
			if err := c.closeIncident(ctx, step); err != nil {
				return
			}
		}
	})
}

// waiting is a step that was parked before this run began.
func (c *Casework) waiting(item campus.ParkedItem) *ParkedStep {
	p := &ParkedStep{
		Ref: campus.StepRef{Case: c.Input.Case, Step: item.Step, Attempt: item.Attempt, Key: 1, By: campus.System(),
			Stay: c.entered},
		Cause:   campus.Errorf(item.Cause, item.Reason, "the step was parked before this run began"),
		resumed: true,
	}
	if call := c.calls[item.Step]; call.Attempt == item.Attempt {
		p.Ref.Key = call.Key
	} else { // our own parts kept it from being called at all
		p.Ref.Key = call.Key + 1
	}
	if again, found := c.stay.Retried[item.Step]; found {
		p.Ref.Attempt, p.Ref.Key, p.Ref.By, p.again = again.Attempt, again.Key, again.By, again.Decision
		return p // which has taken any proposal away
	}
	if item.Proposed != "" {
		p.proposal = &campus.Decision{By: item.ProposedBy, Said: campus.Said{Action: string(item.Proposed)}}
	}
	return p
}

// ContinueAsNew ends the run, and has the next one go on from the row of the case: the history is long. It comes when
// no handler is at work, and what is known is written before.
func (c *Casework) ContinueAsNew(ctx workflow.Context) error {
	if c.Outcome == "" && !c.Pending.empty() {
		if err := c.Advance(ctx, Change{Move: campus.Move{Name: "keep"}}); err != nil {
			return err
		}
	}
	if err := workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) }); err != nil {
		return err
	}
	next := c.Input
	next.Again = campus.Again{}
	return workflow.NewContinueAsNewError(ctx, string(c.Input.Case.Kind), next)
}
