package cards

import (
	"errors"

	"go.temporal.io/sdk/workflow"

	"campuscard/campus"
	"campuscard/workflows/engine"
)

// awaitPhoto waits for Academic Affairs to renew the photo and resumes by itself (B2), unless the student leaves for
// the counter: then nobody needs what is being done here any more.
func (w *application) awaitPhoto(ctx workflow.Context) error {
	return w.untilLeft(ctx, campus.StagePhoto, w.watchPhoto)
}

// watchPhoto asks for the photo again and again. A look that fails is no news; the next one comes.
func (w *application) watchPhoto(ctx workflow.Context) error {
	switch { // there is a new one
	case w.casework.CameTo(string(campus.PhotoItem)):
		return w.compare(ctx, w.State.Compared)
	case w.casework.CameTo("fetch-photo"):
		return w.compareRenewed(ctx)
	}
	p := w.plan.Identity
	for {
		left := w.casework.Since().Add(p.PhotoWait.Std()).Sub(workflow.Now(ctx))
		if left <= 0 {
			return w.photoWaitIsOver(ctx)
		}
		gone, err := engine.AwaitFor(ctx, min(p.PhotoPoll.Std(), left), "look for a new photo", w.left(campus.StagePhoto))
		if err != nil || gone {
			return err
		}
		if err := w.remindPhoto(ctx); err != nil {
			return err
		}
		if left <= p.PhotoPoll.Std() {
			continue // the look at the end is no poll
		}
		version, err := w.lookForPhoto(ctx)
		if err != nil {
			return err
		}
		if w.left(campus.StagePhoto)() {
			return nil
		}
		if version != w.State.PhotoVersion {
			return w.compareRenewed(ctx)
		}
		if workflow.GetInfo(ctx).GetContinueAsNewSuggested() {
			return w.continueAsNew(ctx, campus.StagePhoto)
		}
	}
}

// lastPhotoLook is the step of the last look for a new photo.
const lastPhotoLook = "last-look-photo"

// photoWaitIsOver looks a last time before a person looks. That is a step: an outage is not a photo that was not
// renewed.
func (w *application) photoWaitIsOver(ctx workflow.Context) error {
	late := campus.Finding{Item: campus.PhotoItem, Verdict: campus.Fail, Reason: "photo_not_renewed"}
	version, err := engine.Step[string](ctx, w.casework, engine.StepKind{Name: lastPhotoLook},
		engine.Call{Queue: w.registerQueue(), Summary: "look for a new photo a last time",
			Activity: engine.Steps.LookForPhoto})
	switch {
	case errors.Is(err, engine.ErrSkipped):
		return w.toCounter(ctx, skipped(campus.PhotoItem))
	case err != nil:
		return err
	case version != w.State.PhotoVersion:
		return w.compareRenewed(ctx)
	}
	return w.toCounter(ctx, late)
}

// remindPhoto reminds the student once, when the photo has not come for a while.
func (w *application) remindPhoto(ctx workflow.Context) error {
	late := w.casework.Since().Add(w.plan.Identity.PhotoReminder.Std())
	if w.State.PhotoReminded || workflow.Now(ctx).Before(late) {
		return nil
	}
	ch := w.reminder()
	ch.Knows = w.Knowing(func(s *applicationState) { s.PhotoReminded = true })
	return w.casework.Advance(ctx, ch)
}

// compareRenewed fetches the new photo and compares it with the live frame kept for it.
func (w *application) compareRenewed(ctx workflow.Context) error {
	version, err := w.fetchPhoto(ctx)
	if errors.Is(err, engine.ErrSkipped) {
		return w.toCounter(ctx, skipped(campus.PhotoItem))
	}
	if err != nil {
		return err
	}
	return w.compare(ctx, version)
}

// lookForPhoto asks which photo is on file; an outage answers as if nothing were new.
func (w *application) lookForPhoto(ctx workflow.Context) (string, error) {
	var version string
	err := w.casework.Look(ctx, "poll-photo", engine.Call{Queue: w.registerQueue(), Summary: "look for a new photo",
		Activity: engine.Steps.LookForPhoto}, &version)
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err != nil {
		return w.State.PhotoVersion, nil
	}
	return version, nil
}
