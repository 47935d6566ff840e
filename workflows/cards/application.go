// Package cards holds the processes of an application, of the packages of a card, and of what a card leaves behind
// when it ends.
package cards

import (
	"errors"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/workflows/engine"
)

// application is one run of the process that turns a student into a card holder.
type application struct {
	casework *engine.Casework
	engine.Memory[applicationState]
	plan   activities.ApplicationPlan
	cancel workflow.CancelFunc // of the flow
	leave  workflow.CancelFunc // of what is done about the face while the student may still choose another way
}

// applicationState is what the process knows: it is written with each move.
type applicationState struct {
	Card          uuid.UUID  `json:"card,omitzero"`        // from the approval on
	Identified    bool       `json:"identified,omitempty"` // the identity has been established
	Tried         bool       `json:"tried,omitempty"`      // a liveness check has been answered
	Counter       bool       `json:"counter,omitempty"`    // the student has chosen the check in person (B3)
	PhotoVersion  string     `json:"photo_version,omitempty"`
	Compared      string     `json:"compared,omitempty"` // version of the photo whose comparison waits for staff
	PhotoReminded bool       `json:"photo_reminded,omitempty"`
	EnrolsOn      *time.Time `json:"enrols_on,omitempty"` // A6: the day that an approved freshman waits for
	Ending        *ending    `json:"ending,omitempty"`
}

// ending is how an application that leads to no card ends.
type ending struct {
	Outcome campus.Outcome `json:"outcome"`
	Reason  string         `json:"reason,omitempty"`
	By      campus.Actor   `json:"by"`
}

// Processes are the processes of this area.
func Processes() map[campus.CaseKind]engine.Process {
	return map[campus.CaseKind]engine.Process{
		campus.ApplicationCase: applicationStages.Process(Application, applicationHandlers),
		campus.PackageCase:     packageFlow.Process(),
		campus.EndingCase:      endingFlow.Process(),
	}
}

// Application is the process of an application: checks, identity, review, provisioning, activation.
func Application(ctx workflow.Context, c *engine.Casework) error {
	w := &application{casework: c}
	if err := c.Setup(ctx, w, applicationHandlers.Of(w)); err != nil {
		return err
	}
	return w.run(ctx)
}

var applicationHandlers = engine.Handlers[*application]{
	campus.TryLivenessUpdate:   (*application).tryLiveness,
	campus.ChooseCounterUpdate: (*application).chooseCounter,
	campus.VerifyUpdate:        (*application).verify,
	campus.ReviewUpdate:        (*application).review,
	campus.BringEvidenceUpdate: (*application).bringEvidence,
	campus.ActivateUpdate:      (*application).activate,
	campus.ReopenUpdate:        (*application).reopen,
	campus.WithdrawUpdate:      (*application).withdraw,
}

// endingAs is the state of an application that ends from now on; the first ending stands.
func (w *application) endingAs(e ending) func() any {
	return w.Knowing(func(s *applicationState) {
		if s.Ending == nil {
			s.Ending = &e
		}
	})
}

// closing is the move to the stage in which everything is undone, because the application leads to no card.
func (w *application) closing(name string, e ending) engine.Change {
	return engine.Change{Knows: w.endingAs(e),
		Move: campus.Move{Name: name, Stage: campus.StageClosing, WaitsFor: campus.WaitsForSchool, Reason: e.Reason}}
}

func (w *application) run(ctx workflow.Context) error {
	if err := w.begin(ctx); err != nil {
		return err
	}
	for w.casework.Outcome == "" && w.State.Ending == nil { // a decision that was faster than an abort stands
		err := w.flow(ctx)
		if next, ok := errors.AsType[*workflow.ContinueAsNewError](err); ok {
			return next
		}
		if err == nil || w.casework.Outcome != "" {
			continue
		}
		if err := w.stop(ctx, err); err != nil {
			return err
		}
	}
	if err := w.finish(ctx); err != nil {
		return err
	}
	return engine.Drain(ctx)
}

// stop deals with a flow that was stopped: two people have given the case up, or the application is ending.
func (w *application) stop(ctx workflow.Context, cause error) error {
	switch {
	case errors.Is(cause, engine.ErrAborted) && w.State.Ending == nil:
		return w.casework.Advance(ctx, w.closing("abort", ending{Outcome: campus.Aborted, By: campus.System()}))
	case errors.Is(cause, engine.ErrAborted), w.State.Ending != nil && temporal.IsCanceledError(cause):
		return nil
	}
	return cause
}

// begin takes the case out of the queue, or goes on where it stands.
func (w *application) begin(ctx workflow.Context) error {
	plan, fresh, err := engine.Begin[activities.ApplicationPlan](ctx, w.casework, engine.Steps.BeginApplication,
		campus.Move{Name: "begin", Stage: campus.StageChecking, WaitsFor: campus.WaitsForSchool,
			Events: []campus.Event{engine.Event("checking", campus.System())}})
	if err != nil {
		return err
	}
	w.plan = plan
	if fresh {
		w.State.Tried, w.State.Counter = plan.Tried, plan.Counter
	}
	if w.casework.Outcome != "" { // taken back while it was queued
		return w.forget(ctx)
	}
	return nil
}

// flow goes from stage to stage until the card is active or an ending is found.
func (w *application) flow(ctx workflow.Context) error {
	ctx, w.cancel = workflow.WithCancel(ctx)
	defer w.cancel()
	for w.casework.Outcome == "" && w.State.Ending == nil {
		if err := applicationStages.Do(ctx, w.casework, w); err != nil {
			return err
		}
	}
	return nil
}

var applicationStages = engine.Stages[*application]{
	campus.StageChecking:     (*application).check,
	campus.StageIdentity:     (*application).identify,
	campus.StageLiveness:     (*application).awaitLiveness,
	campus.StagePhoto:        (*application).awaitPhoto,
	campus.StageInPerson:     (*application).awaitCounter,
	campus.StageReview:       (*application).awaitReview,
	campus.StageEvidence:     (*application).awaitEvidence,
	campus.StageProvisioning: (*application).provision,
	campus.StageActivation:   (*application).awaitActivation,
	campus.StageLapsed:       (*application).awaitReopening,
	campus.StageEnrolment:    (*application).awaitEnrolment,
	campus.StageClosing:      (*application).finish,
}

// finish ends an application that leads to no card: everything is undone, the pictures are deleted, the case is closed.
func (w *application) finish(ctx workflow.Context) error {
	if err := w.casework.Quiet(ctx); err != nil || w.casework.Outcome != "" {
		return err
	}
	w.casework.Doing = campus.StageClosing
	if err := w.casework.Undo(ctx, w.revocations()...); err != nil {
		return err
	}
	if err := w.forget(ctx); err != nil {
		return err
	}
	e := *w.State.Ending
	return w.casework.Advance(ctx, engine.Change{
		Move: campus.Move{
			Name: "end", Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: e.Outcome, Reason: e.Reason,
			Events:  []campus.Event{engine.Event(string(e.Outcome), e.By, "reason", e.Reason)},
			Notices: []campus.Notice{{Template: "notice." + string(e.Outcome), Params: map[string]string{"reason": e.Reason}}},
		},
		Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
			return engine.Written(ctx, engine.Steps.CloseApplication, m)
		},
	})
}

// forget deletes all pictures of the application (B4).
func (w *application) forget(ctx workflow.Context) error {
	return w.forgetImages(ctx, allImages)
}

// allImages are all pictures of an application.
var allImages = campus.Images{Photo: true,
	Purposes: []campus.UploadPurpose{campus.DocumentUpload, campus.CertificateUpload,
		campus.FrameUpload, campus.ResidenceUpload, campus.LetterUpload}}

func (w *application) forgetImages(ctx workflow.Context, what campus.Images) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	return w.casework.Own(ctx, "forget-images", engine.Steps.ForgetImages,
		activities.ForgetImages{Application: w.casework.Input.Case.ID, Images: what}, nil)
}

// withdraw takes the application back at any point; it answers when everything is undone.
func (w *application) withdraw(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	ch := w.closing(campus.WithdrawUpdate, ending{Outcome: campus.Withdrawn, By: d.By})
	ch.Then = func() {
		if w.cancel != nil {
			w.cancel()
		}
	}
	if err := w.casework.Decide(ctx, d, ch); err != nil {
		return campus.Decided{}, err
	}
	if err := workflow.Await(ctx, func() bool { return w.casework.Outcome != "" }); err != nil {
		return campus.Decided{}, err
	}
	return w.casework.Decided(nil)
}

// expire ends a wait at the stage that nobody has ended in time; a decision that was first stands.
func (w *application) expire(ctx workflow.Context, reason string) error {
	return w.casework.Advance(ctx, w.closing("expire:"+string(w.casework.Stage),
		ending{Outcome: campus.Expired, Reason: reason, By: campus.System()}))
}

// remind is a rung of a ladder that reminds the student.
func (w *application) remind(after campus.Duration, what string) engine.Rung {
	return engine.Rung{After: after.Std(), Name: what + ": remind the student", Climb: w.reminder}
}

func (w *application) reminder() engine.Change {
	return engine.Change{At: w.casework.Stage, Move: campus.Move{
		Name:    "remind:" + string(w.casework.Stage),
		Events:  []campus.Event{engine.Event("reminded", campus.System())},
		Notices: []campus.Notice{{Template: "notice.remind_" + string(w.casework.Stage)}},
	}}
}
