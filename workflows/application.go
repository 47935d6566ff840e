package workflows

import (
	"encoding/json"
	"errors"
	"time"

	"github.com/google/uuid"
	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
)

// The updates an application answers to. Each carries the id of a decision kept in SQL, and codes.
const (
	TryLivenessUpdate   = "try-liveness"   // the student answers another challenge (B1)
	ChooseCounterUpdate = "choose-counter" // the student asks for the check in person (B3)
	VerifyUpdate        = "verify"         // the card centre has looked at the person (B2)
	ReviewUpdate        = "review"         // a reviewer decides (C3)
	BringEvidenceUpdate = "bring-evidence" // the student brings what was asked for
	ActivateUpdate      = "activate"       // the student activates the card (D1)
	ReopenUpdate        = "reopen"         // the student wants a lapsed activation back
	WithdrawUpdate      = "withdraw"       // the student takes the application back
)

// Decide is a decision of a person about a case. What they wrote or handed in stays in SQL under Decision.
type Decide struct {
	Decision uuid.UUID    `json:"decision"`
	Seen     int64        `json:"seen,omitempty"` // version of the case that it is about
	By       campus.Actor `json:"by"`
	Action   string       `json:"action,omitempty"` // of a review: approve, reject, ask_more; of a verification: pass, fail
	Reason   string       `json:"reason,omitempty"` // a code
}

// Decided is where a case stands after a decision.
type Decided struct {
	Stage   campus.Stage   `json:"stage"`
	Outcome campus.Outcome `json:"outcome,omitempty"`
}

// application is one run of the process that turns a student into a card holder.
type application struct {
	*casework
	plan   activities.ApplicationPlan
	state  applicationState
	ending *ending
	cancel workflow.CancelFunc // of the flow
	leave  workflow.CancelFunc // of what is done about the face while the student may still choose another way
}

// applicationState is what a run hands to the next.
type applicationState struct {
	Plan          activities.ApplicationPlan
	Card          uuid.UUID        // from the approval on
	Identified    bool             // the identity has been established
	Papers        []campus.Finding `json:",omitempty"` // how what was handed in stands
	Tried         bool             `json:",omitempty"` // a liveness check has been answered
	Counter       bool             `json:",omitempty"` // the student has chosen the check in person (B3)
	PhotoVersion  string           // of the registry's photo that did not match
	PhotoReminded bool
	Polls         int       `json:",omitempty"` // looks for the enrolment
	Since         time.Time // when the wait for a photo began
}

// ending is how an application that leads to no card ends.
type ending struct {
	outcome  campus.Outcome
	reason   string
	by       campus.Actor
	decision uuid.UUID
}

// Application is the process of an application: checks, identity, review, provisioning, activation.
func Application(ctx workflow.Context, input campus.CaseInput) error {
	w := &application{casework: newCasework(ctx, input)}
	if err := w.setup(ctx); err != nil {
		return err
	}
	return w.run(ctx)
}

func (w *application) setup(ctx workflow.Context) error {
	if err := w.casework.setup(ctx); err != nil {
		return err
	}
	for _, h := range []struct {
		name   string
		stages []campus.Stage
		handle func(workflow.Context, Decide) (Decided, error)
	}{
		{TryLivenessUpdate, []campus.Stage{campus.StageLiveness}, w.tryLiveness},
		{ChooseCounterUpdate, beforeIdentity, w.chooseCounter},
		{VerifyUpdate, []campus.Stage{campus.StageInPerson}, w.verify},
		{ReviewUpdate, []campus.Stage{campus.StageReview}, w.review},
		{BringEvidenceUpdate, []campus.Stage{campus.StageEvidence}, w.bringEvidence},
		{ActivateUpdate, []campus.Stage{campus.StageActivation, campus.StageEnrolment}, w.activate},
		{ReopenUpdate, []campus.Stage{campus.StageLapsed}, w.reopen},
		{WithdrawUpdate, withdrawable, w.withdraw},
	} {
		validate := func(d Decide) error { return w.admits(d.Seen, h.stages...) }
		if err := workflow.SetUpdateHandlerWithOptions(ctx, h.name, h.handle, workflow.UpdateHandlerOptions{Validator: validate}); err != nil {
			return err
		}
	}
	return nil
}

// beforeIdentity are the stages at which the route without a face can be chosen (B3).
var beforeIdentity = []campus.Stage{campus.StageChecking, campus.StageEvidence, campus.StageIdentity, campus.StageLiveness, campus.StagePhoto}

// withdrawable are all stages at which there is something to take back.
var withdrawable = []campus.Stage{campus.StageQueued, campus.StageChecking, campus.StageIdentity, campus.StageLiveness,
	campus.StagePhoto, campus.StageInPerson, campus.StageReview, campus.StageEvidence, campus.StageProvisioning,
	campus.StageActivation, campus.StageLapsed, campus.StageEnrolment}

func (w *application) run(ctx workflow.Context) error {
	begun, err := w.begin(ctx)
	if err != nil || !begun {
		return err
	}
	flow, cancel := workflow.WithCancel(ctx)
	defer cancel()
	w.cancel = cancel
	if w.ending != nil { // withdrawn while it began
		cancel()
	}
	err = w.flow(flow)
	if next, ok := errors.AsType[*workflow.ContinueAsNewError](err); ok {
		return next
	}
	if errors.Is(err, errAborted) {
		w.end(ending{outcome: campus.Aborted, by: campus.System()})
		err = nil
	}
	if err != nil && (w.ending == nil || !temporal.IsCanceledError(err)) {
		return err
	}
	if err := w.finish(ctx); err != nil {
		return err
	}
	return drain(ctx)
}

// begin takes the case out of the queue, or goes on where the run before has stopped.
func (w *application) begin(ctx workflow.Context) (bool, error) {
	if p := w.input.Progress; p != nil {
		if err := json.Unmarshal(p.State, &w.state); err != nil {
			return false, err
		}
		w.adopt(w.state.Plan)
		if w.state.Card != uuid.Nil { // what the run before has set up
			w.keepRevocations()
		}
		return true, nil
	}
	m := campus.Move{Stage: campus.StageChecking, WaitsFor: campus.WaitsForSchool,
		Events: []campus.Event{event("checking", campus.System())}}
	err := w.move(ctx, m, func(ctx workflow.Context, m campus.Move) workflow.Future {
		f := workflow.ExecuteLocalActivity(ctx, steps.BeginApplication, activities.BeginCase{Move: m, University: w.input.University})
		return withResult(ctx, f, &w.plan)
	})
	if err != nil {
		return false, err
	}
	w.adopt(w.plan)
	w.state.Papers, w.state.Tried, w.state.Counter = w.plan.Papers, w.plan.Tried, w.plan.Counter
	if w.plan.Withdrawn {
		closed := campus.Move{Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: campus.Withdrawn}
		w.stage, w.outcome = closed.Stage, closed.Outcome
		return false, errors.Join(w.show(ctx, closed), w.forget(ctx), drain(ctx))
	}
	return true, nil
}

func (w *application) adopt(plan activities.ApplicationPlan) {
	w.plan, w.state.Plan, w.casework.steps = plan, plan, plan.Steps
}

// flow goes from stage to stage until the card is active or an ending is found.
func (w *application) flow(ctx workflow.Context) error {
	stages := map[campus.Stage]func(workflow.Context) error{
		campus.StageChecking:     w.check,
		campus.StageIdentity:     w.identify,
		campus.StageLiveness:     w.awaitLiveness,
		campus.StagePhoto:        w.awaitPhoto,
		campus.StageInPerson:     w.awaitCounter,
		campus.StageReview:       w.awaitReview,
		campus.StageEvidence:     w.awaitEvidence,
		campus.StageProvisioning: w.provision,
		campus.StageActivation:   w.awaitActivation,
		campus.StageLapsed:       w.awaitReopening,
		campus.StageEnrolment:    w.awaitEnrolment,
	}
	for w.outcome == "" && w.ending == nil {
		if err := stages[w.stage](ctx); err != nil {
			return err
		}
	}
	return nil
}

// finish ends an application that leads to no card: everything is undone, the pictures are deleted, the case is closed.
func (w *application) finish(ctx workflow.Context) error {
	if err := w.quiet(ctx); err != nil {
		return err
	}
	if w.outcome != "" {
		return nil
	}
	if w.stage != campus.StageClosing {
		m := campus.Move{Stage: campus.StageClosing, WaitsFor: campus.WaitsForSchool, Reason: w.ending.reason}
		err := w.move(ctx, m, nil)
		if w.outcome != "" { // the student activated the card in the same moment
			return nil
		}
		if err != nil {
			return err
		}
	}
	if err := w.undo(ctx); err != nil {
		return err
	}
	if err := w.forget(ctx); err != nil {
		return err
	}
	return w.move(ctx, campus.Move{
		Stage: campus.StageDone, WaitsFor: campus.WaitsForNobody, Outcome: w.ending.outcome, Reason: w.ending.reason,
		Decision: w.ending.decision,
		Events:   []campus.Event{event(string(w.ending.outcome), w.ending.by, "reason", w.ending.reason)},
		Notices:  []campus.Notice{{Template: "notice." + string(w.ending.outcome), Params: map[string]string{"reason": w.ending.reason}}},
	}, func(ctx workflow.Context, m campus.Move) workflow.Future {
		return workflow.ExecuteLocalActivity(ctx, steps.CloseApplication, m)
	})
}

// forget deletes all pictures of the application (B4).
func (w *application) forget(ctx workflow.Context) error {
	return w.forgetImages(ctx, allImages)
}

// allImages are all pictures of an application.
var allImages = campus.Images{Photo: true, Purposes: []campus.UploadPurpose{campus.DocumentUpload, campus.CertificateUpload,
	campus.FrameUpload, campus.ResidenceUpload, campus.LetterUpload}}

func (w *application) forgetImages(ctx workflow.Context, what campus.Images) error {
	ctx, cancel := workflow.NewDisconnectedContext(ctx)
	defer cancel()
	return workflow.ExecuteLocalActivity(workflow.WithLocalActivityOptions(ctx, ownStep), steps.ForgetImages,
		activities.ForgetImages{Application: w.input.Case.ID, Images: what}).Get(ctx, nil)
}

// withdraw takes the application back at any point; it answers when everything is undone.
func (w *application) withdraw(ctx workflow.Context, d Decide) (Decided, error) {
	if w.ending == nil {
		w.end(ending{outcome: campus.Withdrawn, by: d.By, decision: d.Decision})
		if w.cancel != nil {
			w.cancel()
		}
	}
	if err := workflow.Await(ctx, func() bool { return w.outcome != "" }); err != nil {
		return Decided{}, err
	}
	if w.outcome != campus.Withdrawn {
		return Decided{}, w.wrongStage()
	}
	return w.decided(), nil
}

func (w *application) decided() Decided { return Decided{Stage: w.stage, Outcome: w.outcome} }

// end keeps how the application ends; the first ending stands.
func (w *application) end(e ending) {
	if w.ending == nil {
		w.ending = &e
	}
}

// expire ends a wait at a stage that nobody has ended in time; a decision that was first stands.
func (w *application) expire(ctx workflow.Context, from campus.Stage, reason string) error {
	err := w.advance(ctx, from, campus.Move{Stage: campus.StageClosing, WaitsFor: campus.WaitsForSchool, Reason: reason}, nil)
	if err == nil && w.stage == campus.StageClosing {
		w.end(ending{outcome: campus.Expired, reason: reason, by: campus.System()})
	}
	return err
}

// remind is a rung of a ladder that reminds the student.
func (w *application) remind(after campus.Duration, what string) rung {
	return rung{after: after.Std(), name: what + ": remind the student", climb: w.sendReminder}
}

func (w *application) sendReminder(ctx workflow.Context) error {
	return w.advance(ctx, w.stage, campus.Move{
		Events:  []campus.Event{event("reminded", campus.System())},
		Notices: []campus.Notice{{Template: "notice.remind_" + string(w.stage)}},
	}, nil)
}

// until is the due time of a wait that begins now.
func until(ctx workflow.Context, limit campus.Duration) *time.Time {
	t := workflow.Now(ctx).Add(limit.Std())
	return &t
}
