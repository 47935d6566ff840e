package activities

import (
	"context"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage/cards"
	"campuscard/storage/people"
)

// PackagePlan is what the workflow of a package's change needs to know.
type PackagePlan struct {
	Change  campus.PackageChange
	Package uuid.UUID
	Code    string
	System  string       // that provides it
	Name    campus.Words // what the holder calls it
}

// BeginPackage takes the case out of the queue, to the stage of what it is to do with a package, and reads the policy
// it keeps to its end.
func (a *Activities) BeginPackage(ctx context.Context, in BeginCase) (began Began[PackagePlan], err error) {
	found, err := a.store.Cards.PackageChange(ctx, in.Move.Case.ID)
	if err != nil {
		return began, err
	}
	policy, err := a.policies.find(ctx, found.PolicyVersion, in.University)
	if err != nil {
		return began, err
	}
	in.Move.Stage = found.Change.Stage()
	if began.Begun, err = a.store.Casework.Begin(ctx, in.Move); err != nil {
		return began, err
	}
	p := found.Package
	name := policy.Packages[p.Code].Name
	if name == (campus.Words{}) { // it has left the policy before the holder gave it back
		name = campus.Words{ZH: p.Code, EN: p.Code}
	}
	began.Steps = policy.Steps
	began.Plan = PackagePlan{Change: found.Change, Package: p.ID, Code: p.Code, System: p.System, Name: name}
	return began, nil
}

// PackageStep is one step of a package's case at its system.
type PackageStep struct {
	Ref campus.StepRef
}

// PackageAnswer is what a system said about a card.
type PackageAnswer struct {
	Refused bool   `json:"refused,omitempty"`
	Refusal string `json:"refusal,omitempty"` // the system's own word for no
}

// SubscribePackage makes a card known to the system of its package (C2). A refusal is an answer, not a failure.
func (a *Activities) SubscribePackage(ctx context.Context, in PackageStep) (PackageAnswer, error) {
	_, err := attempt(ctx, a, in.Ref, func(ctx context.Context) (struct{}, error) {
		p, card, err := a.packageOf(ctx, in)
		if err != nil {
			return struct{}{}, err
		}
		who, err := a.store.People.Person(ctx, card.PersonID)
		if err != nil {
			return struct{}{}, err
		}
		grant, err := a.school.Services.Subscribe(ctx, p.System, card.University, in.Ref.IdempotencyKey(),
			subscriber(card, who))
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, a.store.Cards.SavePackageReference(ctx, p.ID, grant.Reference)
	})
	if campus.CodeOf(err) == campus.Refused {
		return PackageAnswer{Refused: true, Refusal: campus.ReasonOf(err)}, nil
	}
	return PackageAnswer{}, err
}

// subscriber returns how the system of a package gets to know a card holder.
func subscriber(card cards.Card, who people.Person) school.Holder {
	return holder(cards.CardHolder{Card: card, HolderNumber: who.Number, HolderName: who.Name, HolderLevel: who.Level,
		HolderCampus: who.Campus})
}

// UnsubscribePackage takes a card out of the system of its package; harmless where it never was.
func (a *Activities) UnsubscribePackage(ctx context.Context, in PackageStep) (PackageAnswer, error) {
	return attempt(ctx, a, in.Ref, func(ctx context.Context) (PackageAnswer, error) {
		p, card, err := a.packageOf(ctx, in)
		if err != nil {
			return PackageAnswer{}, err
		}
		return PackageAnswer{}, a.school.Services.Unsubscribe(ctx, p.System, card.University, in.Ref.IdempotencyKey(),
			card.ID.String())
	})
}

func (a *Activities) packageOf(ctx context.Context, in PackageStep) (cards.Package, cards.Card, error) {
	found, err := a.store.Cards.PackageChange(ctx, in.Ref.Case.ID)
	if err != nil {
		return cards.Package{}, cards.Card{}, err
	}
	card, err := a.store.Cards.Card(ctx, found.Package.CardID)
	return found.Package, card, err
}

// SettlePackage is the end of one change of a package.
type SettlePackage struct {
	Move    campus.Move
	Package uuid.UUID
	State   campus.PackageState
	Refusal string
}

// SettlePackage keeps what became of a package, with the move that says so.
func (a *Activities) SettlePackage(ctx context.Context, in SettlePackage) (campus.Moved, error) {
	return a.store.Cards.SettlePackage(ctx, in.Move, in.Package, in.State, in.Refusal)
}
