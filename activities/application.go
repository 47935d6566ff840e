package activities

import (
	"context"
	"slices"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/cards"
)

// ApplicationPlan is what an application's workflow needs to know of its policy.
type ApplicationPlan struct {
	Application        campus.ApplicationPolicy
	Identity           campus.IdentityPolicy
	Activation         campus.ActivationPolicy
	Calendar           campus.Calendar
	PromiseWorkingDays int

	Route      campus.Route     `json:",omitempty"`
	Checks     []campus.Item    `json:",omitempty"` // to be asked of the school's systems
	Papers     []campus.Finding `json:",omitempty"` // how what was handed in stands
	Counter    bool             `json:",omitempty"` // B3: the route without a face was chosen at once
	Tried      bool             `json:",omitempty"` // a liveness check has been answered
	EnrolsOn   *time.Time       `json:",omitempty"` // A6: the beginning of the day
	Batched    bool             `json:",omitempty"` // D3: the plastic goes to the bureau with others
	NoPackages bool             `json:",omitempty"` // C2: no package was chosen
}

// BeginApplication takes the case out of the queue and reads the policy it keeps to its end.
func (a *Activities) BeginApplication(ctx context.Context, in BeginCase) (Began[ApplicationPlan], error) {
	begun, err := a.store.Cards.BeginApplication(ctx, in.Move)
	if err != nil {
		return Began[ApplicationPlan]{}, err
	}
	policy, err := a.policies.find(ctx, begun.PolicyVersion, in.University)
	if err != nil {
		return Began[ApplicationPlan]{}, err
	}
	return Began[ApplicationPlan]{begun.Case, policy.Steps, ApplicationPlan{
		Application: policy.Application, Identity: policy.Identity,
		Activation: policy.Activation, Calendar: policy.Calendar, PromiseWorkingDays: policy.Plastic.PromiseWorkingDays,
		Route: begun.Route, Papers: begun.Papers, Counter: begun.Counter, Tried: begun.Tried,
		Checks: checksOf(begun.Route, begun.Category), EnrolsOn: enrolment(begun), NoPackages: !begun.Packages,
		Batched: policy.Production.Batches,
	}}, nil
}

// checksOf returns the items of the checklist for which a system is asked; the rest is the reviewer's.
func checksOf(route campus.Route, category campus.Category) []campus.Item {
	return slices.DeleteFunc(campus.Checklist(route, category),
		func(item campus.Item) bool { return item == campus.DocumentItem })
}

func enrolment(begun cards.Begun) *time.Time {
	if begun.Route != campus.FreshmanRoute || begun.EnrolsOn.IsZero() {
		return nil
	}
	day := begun.EnrolsOn.Start()
	return &day
}

// Began is how a case stands with which a run begins, and what its workflow needs to know of its policy.
type Began[P any] struct {
	campus.Begun
	Steps campus.StepPolicy
	Plan  P
}

// BeginCase begins a case of a university with its first move, or goes on with one that has begun.
type BeginCase struct {
	Move       campus.Move
	University string
}

// AddLivenessTry takes the answer of the move's decision (B1).
func (a *Activities) AddLivenessTry(ctx context.Context, m campus.Move) (campus.Moved, error) {
	return a.store.Cards.AddLivenessTry(ctx, m)
}

// ReplaceEvidence puts the evidence of the move's decision in the place of the old, and answers how the papers stand
// then.
func (a *Activities) ReplaceEvidence(ctx context.Context, m campus.Move) (Replaced, error) {
	moved, papers, err := a.store.Cards.ReplaceEvidence(ctx, m)
	return Replaced{moved, papers}, err
}

// Replaced is how the papers of an application stand after others were brought.
type Replaced struct {
	Moved  campus.Moved
	Papers []campus.Finding
}

// CloseApplication ends an application that leads to no card.
func (a *Activities) CloseApplication(ctx context.Context, m campus.Move) (campus.Moved, error) {
	return a.store.Cards.CloseApplication(ctx, m)
}

// ForgetImages names the pictures of an application that have had their verdict.
type ForgetImages struct {
	Application uuid.UUID
	campus.Images
}

// ForgetImages deletes pictures for good; verdict, score and hash stay (B4).
func (a *Activities) ForgetImages(ctx context.Context, in ForgetImages) error {
	return a.store.Cards.ForgetImages(ctx, in.Application, in.Images)
}
