package engine

import (
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
)

// A run and its case are apart when the case has a move that the run has not made, because Temporal has lost it, or
// when it lacks one that the run has made, because Postgres was set back. There is one way on from there: the run ends,
// and another begins from the row of the case (K8).

// mostAgain is how many runs in a row may end so before staff are asked, while the case does not move: what repetition
// does not mend is not repeated in silence.
const mostAgain = 3

// leave has the run end: the case is not where the run has left it.
func (c *Casework) leave(why error) {
	if c.apart == nil {
		c.apart = why
	}
}

// compares looks whether the case is where the run has left it, whenever somebody asks for that: a flow finds out when
// it makes a move, but one that waits makes none for a long time.
func (c *Casework) compares(ctx workflow.Context) {
	asked := workflow.GetSignalChannel(ctx, campus.BeginAgain)
	workflow.GoNamed(ctx, campus.BeginAgain, func(ctx workflow.Context) {
		for asked.Receive(ctx, nil) {
			c.tryStuck()
			err := c.compare(ctx)
			if temporal.IsCanceledError(err) {
				return
			}
			if err != nil {
				workflow.GetLogger(ctx).Error("a run does not know where its case is", "error", err)
			}
		}
	})
}

// tryStuck has the steps that wait for staff tried once more. One that makes a move has the turn, and may be stuck only
// because its case was not there for a while: now the move itself finds out that run and case are apart.
func (c *Casework) tryStuck() {
	for _, name := range workflow.DeterministicKeys(c.stuck) {
		c.stuck[name].retry = true
	}
}

// compare looks for the case when no move is under way.
func (c *Casework) compare(ctx workflow.Context) error {
	if err := c.turn.Lock(ctx); err != nil {
		return err
	}
	defer c.turn.Unlock()
	if c.version == 0 || c.Outcome != "" || c.apart != nil { // not begun, over, or known
		return nil
	}
	var now campus.Place
	if err := Once(ctx, Steps.ReadPlace, c.Input.Case, &now); err != nil {
		return err
	}
	if now.Version != c.version || now.Stage != c.Stage || now.Outcome != c.Outcome {
		c.leave(campus.Errorf(campus.Conflict, campus.Apart, "the case is at version %d and %s, the run at %d and %s",
			now.Version, now.Stage, c.version, c.Stage))
	}
	return nil
}

// beginAgain ends the run, and has the next begin from the row of the case. Whoever waits for this one is told that
// their decision is still open, and it is sent to the next; a call of another system that is under way is made again
// under its key.
func (c *Casework) beginAgain(ctx workflow.Context) error {
	next := c.Input
	if next.Again.Times++; next.Again.Version != c.begun {
		next.Again = campus.Again{Version: c.begun, Times: 1}
	}
	workflow.GetLogger(ctx).Warn("a run and its case are apart, and another begins", "error", c.apart)
	if next.Again.Times > mostAgain {
		if err := c.askBeforeAgain(ctx); err != nil {
			return err
		}
	}
	if err := Once(ctx, Steps.NoteBegunAgain, c.Input.Case, nil); err != nil { // a run that ended for it would leave its case
		workflow.GetLogger(ctx).Error("it is not noted that a run begins again", "error", err)
	}
	c.ends = true
	if err := Drain(ctx); err != nil {
		return err
	}
	return workflow.NewContinueAsNewError(ctx, string(c.Input.Case.Kind), next)
}

// askBeforeAgain waits until staff say that another run is to begin, or for as long as a stuck step does.
func (c *Casework) askBeforeAgain(ctx workflow.Context) error {
	apart := campus.Errorf(campus.Internal, campus.Apart, "%d runs in a row were apart from their case", mostAgain)
	if err := c.askForHelp(ctx, campus.BeginAgain, apart, func() bool { return false }); err != nil {
		return err
	}
	return c.mended(ctx, campus.BeginAgain)
}

// answered carries a decision out beside the update that it answers. When the run ends first, the decision is left
// open: whether it was carried out is read from Postgres, and the next run is sent it.
func answered[R any](ctx workflow.Context, c *Casework, d campus.Decision,
	handle func(workflow.Context, campus.Decision) (R, error)) (R, error) {
	var result, none R
	var err error
	over := false
	workflow.GoNamed(ctx, d.Update, func(ctx workflow.Context) {
		result, err = handle(ctx, d)
		over = true
	})
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	if failed := workflow.Await(ctx, func() bool { return over || c.ends }); failed != nil {
		return none, failed
	}
	if over {
		return result, err
	}
	return none, campus.Errorf(campus.Unavailable, campus.EngineBehind, "the run ends, and another goes on with the case")
}
