package activities

import (
	"context"
	"crypto/sha256"
	"encoding/hex"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage/cards"
)

// CheckPhone asks the carrier whether the phone is registered in the applicant's name (A3).
func (a *Activities) CheckPhone(ctx context.Context, ref campus.StepRef) (campus.Finding, error) {
	return attemptFor(ctx, a, ref, func(ctx context.Context, who cards.Applicant) (campus.Finding, error) {
		finding := campus.Finding{Item: campus.PhoneItem}
		match, err := a.school.Carrier.VerifyHolder(ctx, who.Phone, who.Name, who.DocumentNumber, who.NameDelivered)
		if err != nil {
			return finding, err
		}
		finding.Verdict = campus.Pass
		if !match {
			finding.Verdict, finding.Reason = campus.Fail, "phone_of_another"
		}
		return finding, nil
	})
}

// Liveness is the verdict on a try and how many tries have really failed.
type Liveness struct {
	Finding campus.Finding
	Failed  int
}

// CheckLiveness has the face service judge the newest try (B1).
func (a *Activities) CheckLiveness(ctx context.Context, ref campus.StepRef) (Liveness, error) {
	var judged uuid.UUID
	call := func(ctx context.Context, try cards.LivenessTry) (Liveness, error) {
		judged = try.ID
		frames, err := a.store.Cards.ReadFrames(ctx, try, len(try.Frames))
		if err != nil {
			return Liveness{}, err
		}
		result, err := a.school.Face.Liveness(ctx, ref.IdempotencyKey()+"/"+try.ID.String(), string(try.Gesture), frames)
		if err != nil {
			return Liveness{}, err
		}
		finding := campus.Finding{Item: campus.LivenessItem, Verdict: campus.Pass, Score: result.Score,
			Hash: pictureHash(frames[0])}
		switch {
		case result.Unusable: // no try that has really failed (B1)
			finding.Verdict, finding.Reason = campus.Unknown, "frames_unusable"
		case !result.Passed:
			finding.Verdict, finding.Reason = campus.Fail, result.Reason
		}
		return Liveness{Finding: finding}, nil
	}
	return attemptKept(ctx, a, ref, a.store.Cards.OpenLivenessAttempt, call,
		func(ctx context.Context, attempt uuid.UUID, live *Liveness) (err error) {
			live.Failed, err = a.store.Cards.JudgeLiveness(ctx, attempt, judged, live.Finding)
			return err
		})
}

// FetchPhoto fetches the photo on file for the comparison and answers its version, empty when there is none (B2). That
// of staff is HR's.
func (a *Activities) FetchPhoto(ctx context.Context, ref campus.StepRef) (string, error) {
	return attemptAbout(ctx, a, ref, a.store.Cards.OpenPhotoAttempt,
		func(ctx context.Context, who cards.Applicant) (string, error) {
			fetch := a.school.Academic.Photo
			if who.Route == campus.StaffRoute {
				fetch = a.school.HR.Photo
			}
			photo, err := fetch(ctx, who.University, who.Number)
			if campus.CodeOf(err) == campus.NotFound {
				return "", nil
			}
			if err != nil {
				return "", err
			}
			return photo.Version, a.store.Cards.KeepPhoto(ctx, ref.Case.ID, photo.Content)
		})
}

// LookForPhoto asks which version of the photo is on file, without fetching it (B2).
func (a *Activities) LookForPhoto(ctx context.Context, ref campus.StepRef) (string, error) {
	return attemptFor(ctx, a, ref, func(ctx context.Context, who cards.Applicant) (string, error) {
		found, err := a.lookUp(ctx, who.Route, who.Identity)
		return found.photo, err
	})
}

// CompareFaces is one comparison: the live frame of the newest try with the photo fetched under a version.
type CompareFaces struct {
	Ref     campus.StepRef
	Version string
}

// Compared is the verdict of a comparison. When the live frame was the photo itself, it is one on the liveness (B1),
// with how many tries have really failed.
type Compared struct {
	campus.Finding
	Failed int `json:",omitempty"`
}

// CompareFaces has the face service compare the live frame with the registry's photo (B2).
func (a *Activities) CompareFaces(ctx context.Context, in CompareFaces) (Compared, error) {
	return attemptAbout(ctx, a, in.Ref, a.store.Cards.OpenLivenessAttempt,
		func(ctx context.Context, try cards.LivenessTry) (Compared, error) {
			if in.Version == "" {
				return Compared{Finding: campus.Finding{Item: campus.PhotoItem, Verdict: campus.Fail, Reason: "photo_absent"}}, nil
			}
			photo, err := a.store.Cards.Photo(ctx, in.Ref.Case.ID)
			if err != nil {
				return Compared{}, err
			}
			frames, err := a.store.Cards.ReadFrames(ctx, try, 1) // the others may be gone already
			if err != nil {
				return Compared{}, err
			}
			// One photo may be compared with the frames of several tries.
			result, err := a.school.Face.Compare(ctx, in.Ref.IdempotencyKey()+"/"+in.Version+"/"+try.ID.String(), photo,
				frames[0])
			if err != nil {
				return Compared{}, err
			}
			if result.Reason == school.PhotoOfPhoto {
				return a.noLivePicture(ctx, try, result, frames[0])
			}
			finding := campus.Finding{Item: campus.PhotoItem, Verdict: campus.Pass, Score: result.Score,
				Hash: pictureHash(photo)}
			switch {
			case result.Unusable: // the service has taken the live frame before, so it is the photo on file
				finding.Verdict, finding.Reason = campus.Fail, "photo_unusable"
			case !result.Same:
				finding.Verdict, finding.Reason = campus.Fail, "photo_differs"
			}
			return Compared{Finding: finding}, nil
		})
}

// noLivePicture takes back that a try has passed: its live frame is the photo on file, and says nothing about anybody.
func (a *Activities) noLivePicture(ctx context.Context, try cards.LivenessTry, result school.Comparison,
	frame []byte) (Compared, error) {
	finding := campus.Finding{Item: campus.LivenessItem, Verdict: campus.Fail, Reason: result.Reason, Score: result.Score,
		Hash: pictureHash(frame)}
	failed, err := a.store.Cards.JudgeLiveness(ctx, uuid.Nil, try.ID, finding)
	return Compared{finding, failed}, err
}

// pictureHash returns what stays of a picture (B4), nothing of one that has no bytes.
func pictureHash(picture []byte) string {
	if len(picture) == 0 {
		return ""
	}
	sum := sha256.Sum256(picture)
	return hex.EncodeToString(sum[:])
}

// holder returns how access control, library and canteen get to know a card holder.
func holder(h cards.CardHolder) school.Holder {
	return school.Holder{CardID: h.Card.ID.String(), Number: h.HolderNumber, Name: h.HolderName, Group: h.HolderLevel,
		Campus: h.HolderCampus}
}
