package cards

import (
	"errors"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/sdk/workflow"

	"campuscard/activities"
	"campuscard/campus"
	"campuscard/workflows/engine"
)

// identify has the identity established: by the face, unless the student has chosen the counter (B3). Then nobody needs
// what is being done about the face any more.
func (w *application) identify(ctx workflow.Context) error {
	switch {
	case w.State.Counter:
		return w.casework.Advance(ctx, engine.Change{Move: w.counterMove(ctx, "chosen")})
	case !w.State.Tried:
		return w.askForFace(ctx)
	}
	return w.untilLeft(ctx, campus.StageIdentity, w.identifyByFace)
}

// untilLeft does something at a stage that ends when the student leaves it, as for the counter.
func (w *application) untilLeft(ctx workflow.Context, stage campus.Stage, do func(workflow.Context) error) error {
	going, leave := workflow.WithCancel(ctx)
	defer leave()
	w.leave = leave
	err := do(going)
	if temporal.IsCanceledError(err) && ctx.Err() == nil && w.left(stage)() {
		return nil
	}
	return err
}

// askForFace waits for the first liveness check of somebody who has not shown their face yet (A2).
func (w *application) askForFace(ctx workflow.Context) error {
	return w.casework.Advance(ctx, engine.Change{Move: campus.Move{
		Name: "ask-liveness", Stage: campus.StageLiveness, WaitsFor: campus.WaitsForStudent,
		Due:     engine.Until(ctx, w.plan.Identity.LivenessWait),
		Events:  []campus.Event{engine.Event("liveness_asked", campus.System())},
		Notices: []campus.Notice{{Template: "notice.liveness_asked"}},
	}})
}

// identifyByFace judges the newest live frames, fetches the photo on file meanwhile, and compares (B1, B2).
func (w *application) identifyByFace(ctx workflow.Context) error {
	if w.casework.CameTo(string(campus.PhotoItem)) { // a run before has asked for all that comes before it
		return w.compare(ctx, w.State.Compared)
	}
	var live activities.Liveness
	var version string
	unknown, judged := campus.LivenessItem, false
	err := engine.Parallel(ctx, []string{"liveness", "fetch-photo"}, func(ctx workflow.Context, i int) (err error) {
		if i == 0 {
			live, err = w.liveness(ctx)
			judged = true
			return err
		}
		if version, err = w.fetchPhoto(ctx); errors.Is(err, engine.ErrSkipped) {
			unknown = campus.PhotoItem
			if given := workflow.Await(ctx, func() bool { return judged || w.casework.Waits("liveness") }); given != nil {
				return given // what is known of the face is told with it, but not waited for when it waits for staff
			}
		}
		return err
	})
	if errors.Is(err, engine.ErrSkipped) { // a person looks, and sees what is not known, and what is
		return w.toCounter(ctx, skipped(unknown), known(live.Finding)...)
	}
	if err != nil {
		return err
	}
	if live.Finding.Verdict != campus.Pass {
		return w.livenessFailed(ctx, live)
	}
	w.casework.Pending = w.casework.Pending.And(engine.Pending{
		Events: []campus.Event{engine.Event("liveness_passed", campus.System())},
		Facts:  campus.FindingFacts(live.Finding)})
	return w.compare(ctx, version)
}

// known leaves a finding out that was never made.
func known(found campus.Finding) []campus.Finding {
	if found.Verdict == "" {
		return nil
	}
	return []campus.Finding{found}
}

// frames are the pictures of a liveness check.
var frames = []campus.UploadPurpose{campus.FrameUpload}

func (w *application) liveness(ctx workflow.Context) (activities.Liveness, error) {
	return engine.Step[activities.Liveness](ctx, w.casework, engine.StepKind{Name: "liveness"},
		engine.Call{Queue: engine.FaceQueue, Summary: "judge the liveness try", Activity: engine.Steps.CheckLiveness})
}

func (w *application) fetchPhoto(ctx workflow.Context) (string, error) {
	return engine.Step[string](ctx, w.casework, engine.StepKind{Name: "fetch-photo", Moves: true},
		engine.Call{Queue: w.registerQueue(), Summary: "fetch the photo on file", Activity: engine.Steps.FetchPhoto})
}

// livenessFailed lets the student try again, until the tries are used up and the counter is what remains (B1).
func (w *application) livenessFailed(ctx workflow.Context, live activities.Liveness) error {
	if live.Failed >= w.plan.Identity.LivenessTries {
		return w.toCounter(ctx, live.Finding)
	}
	m := campus.Move{
		Name: "liveness-failed", Stage: campus.StageLiveness, WaitsFor: campus.WaitsForStudent, Reason: live.Finding.Reason,
		Due:    engine.Until(ctx, w.plan.Identity.LivenessWait),
		Events: []campus.Event{engine.Event("liveness_failed", campus.System(), "reason", live.Finding.Reason)},
	}
	if w.casework.Stage == campus.StagePhoto { // days after the student has last looked
		m.Notices = []campus.Notice{{Template: "notice.liveness_asked"}}
	}
	// they have had their verdict (B4)
	forgets := campus.NewFact(campus.PicturesFact, campus.Images{Purposes: frames, Photo: true})
	return w.saveFindings(ctx, engine.Change{Move: m.With(forgets)}, []campus.Finding{live.Finding})
}

// awaitLiveness waits for the student's next try.
func (w *application) awaitLiveness(ctx workflow.Context) error {
	p := w.plan.Identity
	done, err := w.casework.Wait(ctx, p.LivenessWait.Std(), "next liveness try",
		w.left(campus.StageLiveness),
		w.remind(p.LivenessReminder, "next liveness try"))
	if err == nil && !done {
		return w.expire(ctx, "liveness_not_tried")
	}
	return err
}

// left tells that the case has gone on from a stage, by whatever handler.
func (w *application) left(stage campus.Stage) func() bool {
	return func() bool { return w.casework.Stage != stage || w.casework.Outcome != "" || w.State.Ending != nil }
}

func (w *application) tryLiveness(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	return w.casework.Decided(w.casework.Decide(ctx, d, engine.Change{
		Move: campus.Move{Stage: campus.StageIdentity, WaitsFor: campus.WaitsForSchool,
			Events: []campus.Event{engine.Event("liveness_tried", d.By)}},
		Knows: w.Knowing(func(s *applicationState) { s.Tried = true }),
		Fact: func(ctx workflow.Context, m campus.Move) (campus.Moved, error) {
			return engine.Written(ctx, engine.Steps.AddLivenessTry, m)
		},
	}))
}

// compare compares the live frame with the photo fetched under a version. A match makes the pictures superfluous.
func (w *application) compare(ctx workflow.Context, version string) error {
	from := w.casework.Stage
	compared, err := w.compareFaces(ctx, version)
	if err != nil {
		return err
	}
	found := compared.Finding
	switch {
	case found.Item == campus.LivenessItem: // nobody was in front of the camera: no reason to have the photo renewed
		return w.livenessFailed(ctx, activities.Liveness{Finding: found, Failed: compared.Failed})
	case found.Verdict == campus.Pass:
		return w.identified(ctx, from, found)
	case found.Verdict == campus.Unknown, from == campus.StagePhoto: // still different: a person looks, and knows why
		return w.toCounter(ctx, found)
	}
	forgets := campus.NewFact(campus.PicturesFact, campus.Images{Purposes: frames, KeepLive: true, Photo: true})
	waiting := w.Knowing(func(s *applicationState) { s.PhotoVersion = version })
	m := campus.Move{
		Name: "photo-stale", Stage: campus.StagePhoto, WaitsFor: campus.WaitsForRegistry, Reason: found.Reason,
		Due:     engine.Until(ctx, w.plan.Identity.PhotoWait),
		Events:  []campus.Event{engine.Event("photo_stale", campus.System(), "reason", found.Reason)},
		Notices: []campus.Notice{{Template: "notice." + found.Reason}},
	}
	return w.saveFindings(ctx, engine.Change{Knows: waiting, Move: m.With(forgets)}, []campus.Finding{found})
}

// compareFaces asks the face service. A comparison that two people skip is unknown.
func (w *application) compareFaces(ctx workflow.Context, version string) (activities.Compared, error) {
	kind := engine.StepKind{Name: string(campus.PhotoItem), Moves: true,
		Knows: w.Knowing(func(s *applicationState) { s.Compared = version })}
	compared, err := engine.Step[activities.Compared](ctx, w.casework, kind,
		engine.Call{Queue: engine.FaceQueue, Summary: "compare live frame and photo", Activity: engine.Steps.CompareFaces,
			Input: func(ref campus.StepRef) any { return activities.CompareFaces{Ref: ref, Version: version} }})
	if errors.Is(err, engine.ErrSkipped) {
		return activities.Compared{Finding: skipped(campus.PhotoItem)}, nil
	}
	return compared, err
}

// identified goes on to the review; the biometric pictures have had their verdict and go (B4). Who has waited for a new
// photo is told that it is there (B2).
func (w *application) identified(ctx workflow.Context, from campus.Stage, found campus.Finding) error {
	forgets := campus.NewFact(campus.PicturesFact, campus.Images{Purposes: frames, Photo: true})
	m := w.reviewMove(ctx).With(forgets)
	m.Events = append([]campus.Event{engine.Event("photo_matched", campus.System())}, m.Events...)
	if from == campus.StagePhoto {
		m.Notices = append(m.Notices, campus.Notice{Template: "notice.photo_renewed"})
	}
	return w.saveFindings(ctx, engine.Change{Move: m, Knows: w.Knowing(func(s *applicationState) { s.Identified = true })},
		[]campus.Finding{found})
}

// continueAsNew hands the case to a new run with a short history. A withdrawal that comes meanwhile cancels this flow.
func (w *application) continueAsNew(ctx workflow.Context, stage campus.Stage) error {
	err := w.casework.ContinueAsNew(ctx)
	if w.left(stage)() {
		return nil
	}
	return err
}

// toCounter has the card centre look at the person, with the reason as a mark for the reviewer (B1, B2, B3).
func (w *application) toCounter(ctx workflow.Context, found campus.Finding, beside ...campus.Finding) error {
	facts := append(campus.FindingFacts(append(beside, found)...), campus.NewFact(campus.FlagFact, found.Reason))
	return w.casework.Advance(ctx, engine.Change{Move: w.counterMove(ctx, found.Reason).With(facts...)})
}

func (w *application) counterMove(ctx workflow.Context, reason string) campus.Move {
	due := engine.Until(ctx, w.plan.Identity.InPersonWait)
	return campus.Move{
		Name: "ask-in-person", Stage: campus.StageInPerson, WaitsFor: campus.WaitsForCardCentre, Reason: reason, Due: due,
		Events:  []campus.Event{engine.Event("counter_asked", campus.System(), "reason", reason)},
		Opens:   []campus.NewWorkItem{{Kind: campus.InPersonItem, Reason: reason, Due: due}},
		Notices: []campus.Notice{{Template: "notice.in_person"}},
	}
}

// chooseCounter is the student's own choice of the route without a face, at any point before the identity is
// established (B3). While papers are checked or asked for, it is kept for later.
func (w *application) chooseCounter(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	return w.casework.Decided(w.casework.DecideInTurn(ctx, d, func() (engine.Change, error) {
		if w.casework.Stage == campus.StageChecking || w.casework.Stage == campus.StageEvidence {
			return engine.Change{Knows: w.Knowing(func(s *applicationState) { s.Counter = true }),
				Move: campus.Move{Events: []campus.Event{engine.Event("counter_chosen", d.By)}}}, nil
		}
		return w.counterChoice(ctx, d), w.casework.NotBusy()
	}))
}

// counterChoice is the move of a choice that is made while a face is asked for: that is given up.
func (w *application) counterChoice(ctx workflow.Context, d campus.Decision) engine.Change {
	ch := engine.Change{Move: w.counterMove(ctx, "chosen"), Then: func() {
		if w.leave != nil {
			w.leave()
		}
	}}
	ch.Name, ch.Events[0].Actor = campus.ChooseCounterUpdate, d.By
	for _, step := range []string{string(campus.PhotoItem), "liveness", "fetch-photo", lastPhotoLook} {
		if _, parked := w.casework.Parked[step]; parked {
			ch.Drops = append(ch.Drops, step)
			ch.Closes = append(ch.Closes, campus.WorkItemKey{Kind: campus.IncidentItem, Step: step})
		}
	}
	return ch
}

func (w *application) awaitCounter(ctx workflow.Context) error {
	if err := w.forgetImages(ctx, campus.Images{Purposes: frames, Photo: true}); err != nil {
		return err
	}
	p := w.plan.Identity
	done, err := w.casework.Wait(ctx, p.InPersonWait.Std(), "check in person", w.left(campus.StageInPerson),
		w.remind(p.InPersonReminder, "check in person"))
	if err == nil && !done {
		return w.expire(ctx, "not_seen_in_person")
	}
	return err
}

// verify is the card centre's verdict on person and document (A3, B2).
func (w *application) verify(ctx workflow.Context, d campus.Decision) (campus.Decided, error) {
	found := campus.Finding{Item: campus.PhotoItem, Verdict: campus.Pass, Reason: "seen_in_person"}
	ch := engine.Change{Move: w.reviewMove(ctx), Knows: w.Knowing(func(s *applicationState) { s.Identified = true })}
	ch.Events = append([]campus.Event{engine.Event("verified", d.By)}, ch.Events...)
	if d.Action != string(campus.Pass) {
		found.Verdict, found.Reason = campus.Fail, "not_the_person"
		ch = w.closing("", ending{Outcome: campus.RefusedBy, Reason: found.Reason, By: d.By})
	}
	ch.Name = campus.VerifyUpdate + ":" + d.Action
	ch.Closes = []campus.WorkItemKey{{Kind: campus.InPersonItem}}
	ch.Move = ch.With(campus.FindingFacts(found)...)
	return w.casework.Decided(w.casework.Decide(ctx, d, ch))
}
