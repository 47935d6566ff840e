package activities

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
)

// ApplicationPlan is what an application's workflow needs to know of its policy.
type ApplicationPlan struct {
	Withdrawn          bool // taken back while it was queued: there is nothing to do
	Steps              campus.StepPolicy
	Application        campus.ApplicationPolicy
	Identity           campus.IdentityPolicy
	Activation         campus.ActivationPolicy
	Calendar           campus.Calendar
	PromiseWorkingDays int
}

// BeginApplication takes the case out of the queue and reads the policy it keeps to its end.
func (a *Activities) BeginApplication(ctx context.Context, in BeginCase) (ApplicationPlan, error) {
	begun, err := a.store.BeginApplication(ctx, in.Move)
	if err != nil {
		return ApplicationPlan{}, err
	}
	policy, err := a.policies.find(ctx, begun.PolicyVersion, in.University)
	if err != nil {
		return ApplicationPlan{}, err
	}
	return ApplicationPlan{
		Withdrawn: begun.Withdrawn, Steps: policy.Steps, Application: policy.Application, Identity: policy.Identity,
		Activation: policy.Activation, Calendar: policy.Calendar, PromiseWorkingDays: policy.Plastic.PromiseWorkingDays,
	}, nil
}

// BeginCase begins a case of a university.
type BeginCase struct {
	Move       campus.Move
	University string
}

// SaveFindings is the move that verdicts cause.
type SaveFindings struct {
	Move     campus.Move
	Findings []campus.Finding
}

// SaveFindings keeps verdicts, with the move they cause.
func (a *Activities) SaveFindings(ctx context.Context, in SaveFindings) error {
	return a.store.SaveFindings(ctx, in.Move, in.Findings)
}

// FlagApplication is a mark for the reviewer.
type FlagApplication struct {
	Move    campus.Move
	Flag    string
	Finding campus.Finding
}

// FlagApplication marks an application for the reviewer (B2).
func (a *Activities) FlagApplication(ctx context.Context, in FlagApplication) error {
	return a.store.FlagApplication(ctx, in.Move, in.Flag, in.Finding)
}

// AddLivenessTry takes the answer of the move's decision (B1).
func (a *Activities) AddLivenessTry(ctx context.Context, m campus.Move) error {
	return a.store.AddLivenessTry(ctx, m)
}

// SaveReview keeps what the reviewer told the student, with the move it causes (C3).
func (a *Activities) SaveReview(ctx context.Context, m campus.Move) error {
	return a.store.SaveReview(ctx, m)
}

// ReplaceEvidence puts the evidence of the move's decision in the place of the old.
func (a *Activities) ReplaceEvidence(ctx context.Context, m campus.Move) error {
	return a.store.ReplaceEvidence(ctx, m)
}

// CloseApplication ends an application that leads to no card.
func (a *Activities) CloseApplication(ctx context.Context, m campus.Move) error {
	return a.store.CloseApplication(ctx, m)
}

// ForgetImages names the pictures that have had their verdict.
type ForgetImages struct {
	Application uuid.UUID
	Purposes    []campus.UploadPurpose
	KeepLive    bool // but for the one live frame that the next comparison needs
	Photo       bool // the registry's photo too
}

// ForgetImages deletes pictures for good; verdict, score and hash stay (B4).
func (a *Activities) ForgetImages(ctx context.Context, in ForgetImages) error {
	ids, err := a.store.ImagesOf(ctx, in.Application, in.Purposes, in.KeepLive)
	if err != nil {
		return err
	}
	if err := a.store.DeleteUploadContent(ctx, ids); err != nil {
		return err
	}
	if !in.Photo {
		return nil
	}
	return a.store.ForgetPhoto(ctx, in.Application)
}
