// Package engine is what every process of a case is made of: its place, its moves, its steps, its waits and its end. It
// knows no nouns.
package engine

import (
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
)

// Steps names the activities; it is never called.
var Steps *activities.Activities

// Casework is what every case's workflow is made of: its place, its moves, its parked steps and its end.
// All handlers and coroutines of a run share it; moves are made one at a time.
type Casework struct {
	root    workflow.Context // of the run
	Input   campus.CaseInput
	process process
	turn    workflow.Mutex // one move at a time, because a move carries the next version
	version int64
	entered int64     // version at which the stage was entered
	since   time.Time // when
	stay    stay
	calls   map[string]campus.StepCall // the newest of each step
	Stage   campus.Stage
	Doing   campus.Stage // that the flow is working at; a decision may have moved the case on meanwhile
	waits   campus.Party // for whom the stage waits when no step is parked
	Due     *time.Time
	Outcome campus.Outcome
	Parked  map[string]*ParkedStep
	stuck   map[string]*stuckStep
	Pending Pending // goes with the next move
	begun   int64   // version from which the run has begun
	apart   error   // how the case and the run differ, once they do: the run ends
	ends    bool    // whoever waits for this run is answered
	busy    int     // settlements at work
	Nudges  int     // how often the facts have changed behind us
	Steps   campus.StepPolicy
	shown   attributes
	last    campus.Moved // the newest move
	passed  func()       // a stage that is shown once it lasts is over
}

// process is what a kind of case knows beside its stage. It is written with every move, and read from the move that was
// written.
type process interface {
	keep() any
	restore(state json.RawMessage) error
}

// newCasework prepares a run.
func newCasework(ctx workflow.Context, input campus.CaseInput) *Casework {
	c := &Casework{
		root: ctx, passed: func() {},
		Input: input, turn: workflow.NewMutex(ctx), Stage: campus.StageQueued, Doing: campus.StageQueued,
		waits:  campus.WaitsForEngine,
		Parked: map[string]*ParkedStep{}, stuck: map[string]*stuckStep{}, calls: map[string]campus.StepCall{},
		since: workflow.Now(ctx),
	}
	if c.shown = firstShown(input); input.Again.Times > 0 {
		c.shown = shownBefore
	}
	return c
}

// Handler carries out one kind of decision.
type Handler func(ctx workflow.Context, d campus.Decision) (campus.Decided, error)

// Setup registers what a case answers to: the question where it stands, the signal, and every decision that can be made
// about its kind. It comes before anything that blocks.
func (c *Casework) Setup(ctx workflow.Context, p process, handlers map[string]Handler) error {
	c.process = p
	if err := workflow.SetQueryHandler(ctx, campus.PlaceQuery, c.place); err != nil {
		return err
	}
	changed := workflow.GetSignalChannel(ctx, campus.FactsChanged)
	workflow.GoNamed(ctx, campus.FactsChanged, func(ctx workflow.Context) {
		for changed.Receive(ctx, nil) {
			c.Nudges++
		}
	})
	c.compares(ctx)
	for _, name := range campus.DecisionUpdates(c.Input.Case.Kind) {
		handle, found := handlers[name]
		if !found { // a step is settled by the engine; that no other is missing is seen to at the start
			continue
		}
		rule, _ := campus.RuleOf(c.Input.Case.Kind, name)
		err := workflow.SetUpdateHandlerWithOptions(ctx, name,
			func(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
				d.Update = name
				return answered(ctx, c, d, handle)
			},
			workflow.UpdateHandlerOptions{Validator: func(d campus.Decision) error { return c.admits(d, rule) }})
		if err != nil {
			return err
		}
	}
	settle := func(ctx workflow.Context, d campus.Decision) (campus.Settled, error) {
		return answered(ctx, c, d, c.settle)
	}
	return workflow.SetUpdateHandlerWithOptions(ctx, campus.SettleStepUpdate, settle,
		workflow.UpdateHandlerOptions{Validator: c.admitSettle, Description: "Retry, skip or abort a parked step"})
}

// place is where the run stands. Nothing waits for staff in a case that has ended, whatever the run still remembers.
func (c *Casework) place() (campus.Place, error) {
	at := campus.Place{Stage: c.Stage, Version: c.version, Outcome: c.Outcome}
	if c.Outcome == "" {
		at.Parked, at.Stuck = workflow.DeterministicKeys(c.Parked), workflow.DeterministicKeys(c.stuck)
	}
	return at, nil
}

// admits lets a decision in that is about the case as it is: at one of some stages, and at no later version. Validators
// use it; decide looks again.
func (c *Casework) admits(d campus.Decision, rule campus.DecisionRule) error {
	if err := c.known(d); err != nil {
		return err
	}
	return c.at(rule)
}

// known refuses a decision without an id, which nobody can have made, and for now one that is about a later version.
func (c *Casework) known(d campus.Decision) error {
	if err := made(d); err != nil {
		return err
	}
	return c.caughtUp(d.Seen)
}

func made(d campus.Decision) error {
	if d.ID == uuid.Nil {
		return campus.Errorf(campus.Forbidden, "decision_missing", "%s is a person's, and no decision is there", d.Update)
	}
	return nil
}

// caughtUp refuses for now what is about a version that this run does not know, and everything once the run ends. A
// move is written before Temporal hears of it; when the worker, or Temporal, dies in between, the case is ahead of its
// workflow until the move has been made again, or another run goes on from it.
func (c *Casework) caughtUp(seen int64) error {
	if seen > c.version || c.apart != nil {
		return campus.Errorf(campus.Unavailable, campus.EngineBehind, "the workflow is at version %d, the decision saw %d",
			c.version, seen)
	}
	return nil
}

// at refuses what is asked for at another stage.
func (c *Casework) at(rule campus.DecisionRule) error {
	if c.Outcome != "" || !rule.At(c.Stage) {
		return c.wrongStage()
	}
	return nil
}

func (c *Casework) wrongStage() error {
	return campus.Errorf(campus.Conflict, campus.WrongStage, "the case is at stage %s", c.Stage)
}

// Decided is how a case stands after a decision that was carried out.
func (c *Casework) Decided(err error) (campus.Decided, error) {
	if err != nil {
		return campus.Decided{}, err
	}
	return campus.Decided{Stage: c.Stage, Outcome: c.Outcome}, nil
}

// Undoing is what takes back a step when the case leads to nothing. It follows from what the case has come to and not
// from what went well, because a step whose outcome is unknown may have been taken; undoing what never happened is
// harmless.
type Undoing struct {
	Kind StepKind
	Call Call
}

// Undo takes everything back, newest first, whether or not the flow was cancelled. What fails parks like any step; a
// second skip or abort lets it be.
func (c *Casework) Undo(ctx workflow.Context, undoings ...Undoing) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	for _, u := range slices.Backward(undoings) {
		_, err := Step[struct{}](ctx, c, u.Kind, u.Call)
		if err != nil && !errors.Is(err, ErrSkipped) && !errors.Is(err, ErrAborted) {
			return err
		}
	}
	return nil
}

// NotBusy refuses what would come into the middle of a settlement.
func (c *Casework) NotBusy() error {
	if c.busy > 0 {
		return campus.Errorf(campus.Conflict, "step_busy", "a step is being settled")
	}
	return nil
}

// Quiet waits until nobody is in the middle of settling a step.
func (c *Casework) Quiet(ctx workflow.Context) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	return workflow.Await(ctx, func() bool { return c.busy == 0 })
}

// Drain waits until every handler has given its answer: a run may end only then.
func Drain(ctx workflow.Context) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	return workflow.Await(ctx, func() bool { return workflow.AllHandlersFinished(ctx) })
}

// Event is a line of the timeline that the student sees too.
func Event(kind string, by campus.Actor, data ...string) campus.Event {
	return campus.Event{Kind: kind, Actor: by, Data: pairs(data), Public: true}
}

// InternalEvent is a line of the timeline for staff only.
func InternalEvent(kind string, by campus.Actor, data ...string) campus.Event {
	return campus.Event{Kind: kind, Actor: by, Data: pairs(data)}
}

func pairs(data []string) map[string]string {
	if len(data) == 0 {
		return nil
	}
	m := make(map[string]string, len(data)/2)
	for i := 0; i+1 < len(data); i += 2 {
		m[data[i]] = data[i+1]
	}
	return m
}

// Parallel runs fns at the same time and waits for all. The first error that is not a cancellation is the answer,
// and cancels the others.
func Parallel(ctx workflow.Context, names []string, fn func(ctx workflow.Context, i int) error) error {
	ctx, cancel := workflow.WithCancel(ctx)
	defer cancel()
	failures := make([]error, len(names))
	group := workflow.NewWaitGroup(ctx)
	group.Add(len(names))
	for i, name := range names {
		workflow.GoNamed(ctx, name, func(ctx workflow.Context) {
			defer group.Done()
			if failures[i] = fn(ctx, i); failures[i] != nil {
				cancel()
			}
		})
	}
	waiting, stop := workflow.NewDisconnectedContext(ctx)
	defer stop()
	group.Wait(waiting)
	return firstFailure(failures)
}

// firstFailure prefers the error that cancelled the others to their cancellation.
func firstFailure(failures []error) error {
	var cancelled error
	for _, err := range failures {
		if err != nil && !temporal.IsCanceledError(err) {
			return err
		}
		if cancelled == nil {
			cancelled = err
		}
	}
	return cancelled
}
