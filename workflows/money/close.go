// Package money holds the processes about money.
package money

import (
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/workflows/engine"
)

// closing is one run of the process that closes a day of a university's books (L8).
type closing struct {
	casework *engine.Casework
	engine.Memory[closeState]
	plan activities.ClosePlan
}

// closeState is what the process knows: it is written with each move.
type closeState struct {
	Silent   int `json:"silent,omitempty"`   // tills that are waited for, as was last told
	Compared int `json:"compared,omitempty"` // channels
}

// closeFlow is the process of a close: tills are waited for, the books close, merchants are settled, channels compared,
// and finance signs.
var closeFlow = engine.Flow[*closing]{
	New:   func(c *engine.Casework) *closing { return &closing{casework: c} },
	Begin: (*closing).begin, Stages: closeStages, Decides: closeHandlers, GiveUp: (*closing).giveUp,
}

var closeStages = engine.Stages[*closing]{
	campus.StageWatermarks: (*closing).awaitTills,
	campus.StageBooks:      (*closing).awaitWriters,
	campus.StageSettling:   (*closing).settle,
	campus.StageComparing:  (*closing).compare,
	campus.StageReporting:  (*closing).report,
	campus.StageSigning:    (*closing).awaitSignature,
}

var closeHandlers = engine.Handlers[*closing]{
	campus.SignUpdate:             (*closing).sign,
	campus.SettleDifferenceUpdate: (*closing).settleDifference,
}

func (w *closing) begin(ctx workflow.Context) (err error) {
	w.plan, _, err = engine.Begin[activities.ClosePlan](ctx, w.casework, engine.Steps.BeginClose,
		campus.Move{Name: "close_begun", Stage: campus.StageWatermarks, WaitsFor: campus.WaitsForTills,
			Events: []campus.Event{engine.InternalEvent("close_begun", campus.System())}})
	return err
}

// awaitTills waits until each till that sells without network has said that we have all it sold on the day, but not
// longer than the policy says. Then the books close.
func (w *closing) awaitTills(ctx workflow.Context) error {
	var silent int
	err := w.casework.Own(ctx, "count-tills", engine.Steps.CountSilentTills, activities.SilentTills{
		Close: w.casework.Input.Case.ID, Contact: w.plan.Contact.Std()}, &silent)
	if err != nil {
		return err
	}
	left := w.casework.Since().Add(w.plan.Close.Tills.Std()).Sub(workflow.Now(ctx))
	if silent == 0 || left <= 0 {
		return w.closeBooks(ctx, silent)
	}
	if silent != w.State.Silent {
		return w.casework.Advance(ctx, engine.Change{Knows: w.Knowing(func(s *closeState) { s.Silent = silent }),
			Move: campus.Move{Name: "tills:" + strconv.Itoa(silent), Reason: "tills_awaited",
				Events: []campus.Event{engine.InternalEvent("tills_awaited", campus.System(), "count", strconv.Itoa(silent))}}})
	}
	return w.pause(ctx, min(w.plan.Close.Look.Std(), left), "wait for "+strconv.Itoa(silent)+" tills")
}

// closeBooks closes the books of the day; the tills that were silent are somebody's work.
func (w *closing) closeBooks(ctx workflow.Context, silent int) error {
	ch := engine.Change{
		Move: campus.Move{Name: "books_closed", Stage: campus.StageBooks, WaitsFor: campus.WaitsForEngine,
			Events: []campus.Event{engine.InternalEvent("books_closed", campus.System(), "count", strconv.Itoa(silent))}},
		Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
			return engine.Written(ctx, engine.Steps.CloseBooks, activities.CloseBooks{Move: m, Silent: silent})
		},
	}
	if silent > 0 {
		ch.Opens = []campus.NewWorkItem{{Kind: campus.SilentTillsItem, Reason: "tills_silent"}}
	}
	return w.casework.Advance(ctx, ch)
}

// awaitWriters waits for whoever began to post before the books were closed, and may still post to the day. A run that
// begins here asks Postgres for its moment anew: it is later, and as right.
func (w *closing) awaitWriters(ctx workflow.Context) error {
	seen := activities.Writers{}
	for pause := 100 * time.Millisecond; ; pause = min(2*pause, w.plan.Close.Look.Std()) {
		if err := w.casework.Own(ctx, "look-for-writers", engine.Steps.LookForWriters, seen, &seen); err != nil {
			return err
		}
		if seen.Count == 0 {
			return w.next(ctx, "writers_gone", campus.StageSettling, campus.WaitsForEngine)
		}
		if err := w.pause(ctx, pause, "wait for "+strconv.Itoa(seen.Count)+" who may still post to the day"); err != nil {
			return err
		}
	}
}

// settle settles what each merchant has taken, a page at a time.
func (w *closing) settle(ctx workflow.Context) error {
	in := activities.SettleMerchants{Close: w.casework.Input.Case.ID, Policy: w.plan.Close}
	for {
		var last uuid.UUID
		if err := w.casework.Own(ctx, "settle-merchants", engine.Steps.SettleMerchants, in, &last); err != nil {
			return err
		}
		if in.After = last; last == uuid.Nil {
			return w.next(ctx, "merchants_settled", campus.StageComparing, campus.WaitsForSchool)
		}
	}
}

// compare compares the journals of tills (E4), then the file of each channel (L2), one after the other. Two people may
// skip one whose file does not come.
func (w *closing) compare(ctx workflow.Context) error {
	if err := w.casework.Own(ctx, "compare-tills", engine.Steps.CompareTills,
		activities.CompareTills{Close: w.casework.Input.Case.ID}, nil); err != nil {
		return err
	}
	for w.State.Compared < len(w.plan.Channels) {
		channel, said := w.plan.Channels[w.State.Compared], "channel_compared"
		_, err := engine.Step[struct{}](ctx, w.casework,
			engine.StepKind{Name: campus.ChannelFileStep + "-" + channel},
			engine.Call{Queue: engine.ChannelQueue, Summary: "compare the file of " + channel,
				Activity: engine.Steps.CompareChannel, Input: func(ref campus.StepRef) any {
					return activities.CompareChannel{Ref: ref, Channel: channel}
				}})
		if errors.Is(err, engine.ErrSkipped) {
			said, err = "channel_skipped", nil
		}
		if err != nil {
			return err
		}
		compared := w.State.Compared + 1
		if err := w.casework.Advance(ctx, engine.Change{Knows: w.Knowing(func(s *closeState) { s.Compared = compared }),
			Move: campus.Move{Name: said + ":" + channel,
				Events: []campus.Event{engine.InternalEvent(said, campus.System(), "channel", channel)}}}); err != nil {
			return err
		}
	}
	return w.next(ctx, "channels_compared", campus.StageReporting, campus.WaitsForEngine)
}

// report writes the report, and has people look at what differs.
func (w *closing) report(ctx workflow.Context) error {
	_, err := engine.Step[struct{}](ctx, w.casework, engine.StepKind{Name: "close-report", NoSkip: true},
		engine.Call{Queue: engine.ChannelQueue, Summary: "write the report", Activity: engine.Steps.WriteReport})
	if err != nil {
		return err
	}
	var open []int
	if err := w.casework.Own(ctx, "list-differences", engine.Steps.OpenDifferences,
		activities.ListDifferences{Close: w.casework.Input.Case.ID}, &open); err != nil {
		return err
	}
	move := campus.Move{Name: "report_written", Stage: campus.StageSigning, WaitsFor: campus.WaitsForFinance,
		Due:    engine.Until(ctx, w.plan.Close.SignWithin),
		Events: []campus.Event{engine.InternalEvent("report_written", campus.System(), "count", strconv.Itoa(len(open)))}}
	for _, number := range open {
		move.Opens = append(move.Opens, campus.NewWorkItem{Kind: campus.DifferenceItem, Step: campus.DifferenceStep(number),
			Reason: "channel_differs", Due: move.Due})
	}
	return w.casework.Advance(ctx, engine.Change{Move: move})
}

// awaitSignature waits for finance. Who is late is told, and again each time after as long: a day is signed by a
// person.
func (w *closing) awaitSignature(ctx workflow.Context) error {
	for {
		due := *w.casework.Due
		signed, err := engine.AwaitFor(ctx, max(due.Sub(workflow.Now(ctx)), 0), "wait for the signature of finance",
			func() bool { return w.casework.Stage != campus.StageSigning })
		if err != nil || signed {
			return err
		}
		next := workflow.Now(ctx).Add(w.plan.Close.SignWithin.Std())
		err = w.casework.Advance(ctx, engine.Change{At: campus.StageSigning, Move: campus.Move{Name: "close_unsigned",
			Stage: campus.StageSigning, WaitsFor: campus.WaitsForFinance, Due: &next,
			Events: []campus.Event{engine.InternalEvent("close_unsigned", campus.System())},
			Opens:  []campus.NewWorkItem{{Kind: campus.UnsignedItem, Reason: "close_unsigned", Due: &due}}}})
		if err != nil || w.casework.Stage != campus.StageSigning {
			return err
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return w.casework.ContinueAsNew(ctx)
		}
	}
}

// next goes on to another stage.
func (w *closing) next(ctx workflow.Context, said string, stage campus.Stage, waits campus.Party) error {
	return w.casework.Advance(ctx, engine.Change{Move: campus.Move{Name: said, Stage: stage, WaitsFor: waits,
		Events: []campus.Event{engine.InternalEvent(said, campus.System())}}})
}

// pause waits between two looks, and keeps the history short.
func (w *closing) pause(ctx workflow.Context, wait time.Duration, what string) error {
	if _, err := engine.AwaitFor(ctx, wait, what, func() bool { return false }); err != nil {
		return err
	}
	if !workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
		return nil
	}
	return w.casework.ContinueAsNew(ctx)
}

// sign signs the day. Refused while a difference is open.
func (w *closing) sign(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	return w.casework.Decided(w.casework.Decide(ctx, d, engine.Change{
		Move: campus.Move{Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: campus.Completed,
			Events: []campus.Event{engine.InternalEvent("close_signed", d.By)}},
		Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
			return engine.Written(ctx, engine.Steps.SignClose, m)
		},
	}))
}

// settleDifference keeps what finance has found about a difference, or why it is accepted.
func (w *closing) settleDifference(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	return w.casework.Decided(w.casework.Decide(ctx, d, engine.Change{
		Move: campus.Move{Events: []campus.Event{engine.InternalEvent("difference_settled", d.By, "step", d.Step)},
			Closes: []campus.WorkItemKey{{Kind: campus.DifferenceItem, Step: d.Step}}},
		Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
			return engine.Written(ctx, engine.Steps.SettleDifference, m)
		},
	}))
}

// giveUp ends a close that two people have given up. Its books stay closed, and what was settled stays settled.
func (w *closing) giveUp(ctx workflow.Context) error {
	if err := w.casework.Quiet(ctx); err != nil {
		return err
	}
	return w.casework.Advance(ctx, engine.Change{Move: campus.Move{Name: "close_given_up", Stage: campus.StageDone,
		WaitsFor: campus.WaitsForNobody, Outcome: campus.Aborted, Reason: "close_given_up",
		Events: []campus.Event{engine.InternalEvent("close_given_up", campus.System())}}})
}
