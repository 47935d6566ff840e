package engine

import (
	"errors"
	"maps"
	"slices"

	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// Process is what is done about a kind of case.
type Process struct {
	Run     func(workflow.Context, *Casework) error
	Stages  []campus.Stage // at which a run can begin: all of the kind
	Decides []string       // the decisions that it carries out: all about the kind, but for those about steps
}

// Workflow is the process as Temporal runs it. The process works beside it, so that the run can end whatever the
// process is at when the run and its case are found to be apart.
func (p Process) Workflow(ctx workflow.Context, input campus.CaseInput) (err error) {
	c, over := newCasework(ctx, input), false
	workflow.GoNamed(ctx, "process", func(ctx workflow.Context) {
		err = p.Run(ctx, c)
		over = true
	})
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if failed := workflow.Await(ctx, func() bool { return over || c.apart != nil }); failed != nil {
		return failed
	}
	if over {
		return err
	}
	return c.beginAgain(ctx)
}

// Stages are what a process does at each of its stages: the next thing there is to do. Any of them can be the first
// that a run comes to.
type Stages[W any] map[campus.Stage]func(W, workflow.Context) error

// Handlers are what a process does when people decide, by the names of the updates.
type Handlers[W any] map[string]func(W, workflow.Context, campus.Decision) (campus.Decided, error)

// Of are the handlers of one run.
func (h Handlers[W]) Of(w W) map[string]Handler {
	handlers := make(map[string]Handler, len(h))
	for name, handle := range h {
		handlers[name] = func(ctx workflow.Context, d campus.Decision) (campus.Decided, error) { return handle(w, ctx, d) }
	}
	return handlers
}

// Flow is a process that goes from stage to stage until there is an outcome. W is what one run of it knows.
type Flow[W process] struct {
	New     func(*Casework) W
	Begin   func(W, workflow.Context) error // takes the case out of the queue, or reads where it stands
	Stages  Stages[W]
	Decides Handlers[W]
	GiveUp  func(W, workflow.Context) error // what comes of a step that two people have given up; none: its stage sees to that
}

// Process is the flow as the process of a kind of case.
func (f Flow[W]) Process() Process { return f.Stages.Process(f.run, f.Decides) }

func (f Flow[W]) run(ctx workflow.Context, c *Casework) error {
	w := f.New(c)
	if err := c.Setup(ctx, w, f.Decides.Of(w)); err != nil {
		return err
	}
	if err := f.Begin(w, ctx); err != nil {
		return err
	}
	for c.Outcome == "" {
		err := f.Stages.Do(ctx, c, w)
		if errors.Is(err, ErrAborted) && c.Outcome == "" && f.GiveUp != nil {
			err = f.GiveUp(w, ctx)
		}
		if err != nil && c.Outcome == "" { // a decision that was faster than what has failed stands
			return err
		}
	}
	return Drain(ctx)
}

// Process is the process that works at these stages, and carries out these decisions.
func (s Stages[W]) Process(run func(workflow.Context, *Casework) error, handlers Handlers[W]) Process {
	return Process{Run: run, Stages: slices.Sorted(maps.Keys(s)), Decides: slices.Sorted(maps.Keys(handlers))}
}

// Do works at the stage where the case is, until something leads away from it. A process with more than one stage calls
// it again until there is an outcome.
func (s Stages[W]) Do(ctx workflow.Context, c *Casework, w W) error {
	c.Doing = c.Stage
	do, found := s[c.Stage]
	if !found {
		return campus.Errorf(campus.Internal, "", "case %s is at %s, to which there is no way in", c.Input.Case.ID, c.Stage)
	}
	return do(w, ctx)
}
