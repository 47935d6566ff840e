package engine

import (
	"cmp"
	"encoding/json"
	"slices"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// Change is a move that a run wants to make: what is written, the fact it stands for, and what the run does once it has
// gone on from what was written.
type Change struct {
	campus.Move
	Fact  fact
	At    campus.Stage // it is only right at this stage, of all that it could be made at; empty: at any of them
	Knows func() any   // what the process knows afterwards; nil: what it does
	Drops []string     // steps that are parked no more
	parks *ParkedStep
	stays func(*stay) // what the engine knows afterwards, if the case stays where it is
	Then  func()
}

// fact is the local activity that records a move, with the fact it stands for. It answers the move as it is written,
// which may have been before.
type fact func(ctx workflow.Context, m campus.Move) (campus.Moved, error)

func record(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
	return Written(ctx, Steps.Record, m)
}

// Written runs a local activity that answers a move as it is written.
func Written(ctx workflow.Context, activity, in any) (row campus.Moved, err error) {
	err = workflow.ExecuteLocalActivity(ctx, activity, in).Get(ctx, &row)
	return row, err
}

// Decide records the move that a decision stands for. wrong_stage when the case is at no stage at which it can be made:
// another decision or a timer may have been first. Nothing is changed in the run before the move is written.
func (c *Casework) Decide(ctx workflow.Context, d campus.Decision, ch Change) error {
	return c.DecideInTurn(ctx, d, func() (Change, error) { return ch, nil })
}

// DecideInTurn is decide with a move that depends on how the case stands when its turn comes: until then another move
// may have been made, or made again.
func (c *Casework) DecideInTurn(ctx workflow.Context, d campus.Decision, build func() (Change, error)) error {
	if err := c.known(d); err != nil { // without its id the move would be one of the process itself
		return err
	}
	rule, _ := campus.RuleOf(c.Input.Case.Kind, d.Update)
	return c.make(ctx, func() (Change, error) {
		if !rule.At(c.Stage) {
			return Change{}, c.wrongStage()
		}
		ch, err := build()
		if ch.Decision = d; ch.Name == "" {
			ch.Name = d.Update
		}
		return ch, err
	})
}

// Advance records a move of the process itself that is only right at the stage that the flow is working at, or that
// stays wherever the case is; a reminder says at which stage it is one. When the case has been moved on meanwhile, that
// stands and nothing happens.
func (c *Casework) Advance(ctx workflow.Context, ch Change) error {
	from := c.Doing
	err := c.make(ctx, func() (Change, error) {
		if ch.Stage != "" && c.Stage != from || ch.At != "" && c.Stage != ch.At {
			return Change{}, c.wrongStage()
		}
		return ch, nil
	})
	if campus.ReasonOf(err) == campus.WrongStage {
		return nil
	}
	return err
}

// make makes a move. It does not stop for a cancelled flow: what has been decided is written. When the case is not
// where this run has left it, the run ends, and make does not come back: what is left to do is the next run's.
func (c *Casework) make(ctx workflow.Context, build func() (Change, error)) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	err := c.makeOnce(ctx, build)
	if campus.ReasonOf(err) != campus.Apart {
		return err
	}
	c.leave(err)
	return workflow.Await(ctx, func() bool { return false })
}

// makeOnce makes a move in its turn, and goes on from what was written.
func (c *Casework) makeOnce(ctx workflow.Context, build func() (Change, error)) error {
	if err := c.turn.Lock(ctx); err != nil {
		return err
	}
	defer c.turn.Unlock()
	switch {
	case c.apart != nil:
		return c.apart
	case c.Outcome != "":
		return c.wrongStage()
	}
	ch, err := build()
	if err != nil {
		return err
	}
	if ch.Fact == nil {
		ch.Fact = record
	}
	ch = c.letGo(ch)
	told := c.Pending
	m := c.fill(ch, told)
	c.Pending = Pending{}
	row, err := c.write(ctx, m, ch.Fact)
	if err == nil && row.Version <= c.version {
		err = campus.Errorf(campus.Conflict, campus.DecisionPassed, "the decision was carried out at version %d", row.Version)
	}
	if err == nil && row.Version > m.Version && row.Outcome == "" {
		err = campus.Errorf(campus.Conflict, campus.Apart, "the decision is at version %d, the run at %d", row.Version,
			c.version)
	}
	switch {
	case err != nil:
		c.Pending = told.And(c.Pending)
		return err
	case row.Repeated:
		c.Pending = told.again().And(c.Pending)
	}
	return c.adopt(ctx, ch, m, row)
}

// write writes a move. What Postgres refuses for good is the decision's fault, and is told to who made it; a move of
// the process waits for staff, and keeps its turn: nothing may go on without it.
func (c *Casework) write(ctx workflow.Context, m campus.Move, do fact) (row campus.Moved, err error) {
	if m.Decision.ID != uuid.Nil {
		row, err = do(workflow.WithLocalActivityOptions(ctx, ownStep), m)
		return row, FromTemporal(err)
	}
	err = c.insist(ctx, m.Name, func(ctx workflow.Context) (err error) {
		row, err = do(ctx, m)
		return err
	})
	return row, err
}

// adopt goes on from a move as it is written, never from values of the run's own: an honest repetition has other
// moments.
func (c *Casework) adopt(ctx workflow.Context, ch Change, m campus.Move, row campus.Moved) error {
	var known kept
	if err := json.Unmarshal(row.State, &known); err != nil {
		return err
	}
	if err := c.process.restore(known.Process); err != nil {
		return err
	}
	if row.Stage != c.Stage {
		c.entered, c.since = row.Version, workflow.Now(ctx)
	}
	c.stay, c.last = known.stay, row
	c.version, c.Stage, c.Due, c.Outcome = row.Version, row.Stage, row.Due, row.Outcome
	c.waits = cmp.Or(c.stay.Waits, row.WaitsFor)
	// not another that has ended the case
	if row.Version == m.Version && row.Stage == m.Stage && row.Outcome == m.Outcome {
		for _, step := range ch.Drops {
			delete(c.Parked, step)
		}
		if ch.parks != nil {
			c.Parked[ch.parks.Ref.Step] = ch.parks
		}
		if ch.Then != nil {
			ch.Then()
		}
	}
	return c.show(ctx, row)
}

// fill completes a move with what the case knows: its place, its version, its news, its state and its parked steps. A
// move without a stage stays where the case is.
func (c *Casework) fill(ch Change, told Pending) (m campus.Move) {
	m = ch.Move
	m.Case, m.Version = c.Input.Case, c.version+1
	if m.Stage == "" {
		m.Stage, m.WaitsFor, m.Due = c.Stage, c.waits, c.Due
	}
	told.without(c.stay.Said).add(&m)
	next := c.next(ch, m)
	defer func() { m.State = c.state(ch, next) }()
	if m.Outcome != "" {
		return m
	}
	causes := map[string]campus.Code{}
	for _, step := range workflow.DeterministicKeys(c.Parked) {
		causes[step] = campus.CodeOf(c.Parked[step].Cause)
	}
	if ch.parks != nil {
		causes[ch.parks.Ref.Step] = campus.CodeOf(ch.parks.Cause)
	}
	for _, step := range ch.Drops {
		delete(causes, step)
	}
	if m.Parked = workflow.DeterministicKeys(causes); len(m.Parked) > 0 {
		next.Waits = m.WaitsFor
		m.WaitsFor, m.Cause = campus.WaitsForOperator, causes[m.Parked[0]]
	}
	return m
}

// next is what the engine knows after a move; with its stage a case leaves what it knew of that.
func (c *Casework) next(ch Change, m campus.Move) stay {
	if m.Stage != c.Stage {
		return stay{}
	}
	next := c.stay.clone()
	next.Waits = ""
	for _, event := range m.Earlier {
		next.Said = append(next.Said, event.Kind)
	}
	if ch.stays != nil {
		ch.stays(&next)
	}
	return next
}

// state is what process and engine know after a move, as the move keeps it.
func (c *Casework) state(ch Change, next stay) json.RawMessage {
	if ch.Knows == nil {
		ch.Knows = c.process.keep
	}
	return asJSON(kept{Process: asJSON(ch.Knows()), stay: next})
}

func asJSON(known any) json.RawMessage {
	raw, err := json.Marshal(known)
	if err != nil {
		panic(err) // by its type: no value changes that
	}
	return raw
}

// letGo drops the steps that were parked before this run began and that nobody has come to, with a move that leaves
// their stage.
func (c *Casework) letGo(ch Change) Change {
	if ch.Stage == "" || ch.Stage == c.Stage {
		return ch
	}
	for _, step := range workflow.DeterministicKeys(c.Parked) {
		if c.Parked[step].resumed && !slices.Contains(ch.Drops, step) {
			ch.Drops = append(slices.Clip(ch.Drops), step)
			ch.Closes = append(slices.Clip(ch.Closes), campus.WorkItemKey{Kind: campus.IncidentItem, Step: step})
		}
	}
	return ch
}
