package activities

import (
	"context"

	"campuscard/campus"
	"campuscard/storage/money"
)

// AppealPlan is what the workflow of an appeal needs to know. Amounts stay in the tables.
type AppealPlan struct {
	Policy    campus.AppealPolicy
	Calendar  campus.Calendar
	Duplicate bool `json:",omitempty"` // our own tables say so (E3)
	TwoPeople bool `json:",omitempty"` // so much is asked for
}

// BeginAppeal takes the case out of the queue and reads the policy it keeps to its end.
func (a *Activities) BeginAppeal(ctx context.Context, in BeginCase) (began Began[AppealPlan], err error) {
	appeal, err := a.store.Money.Appeal(ctx, in.Move.Case.ID)
	if err != nil {
		return began, err
	}
	policy, err := a.policies.find(ctx, appeal.PolicyVersion, in.University)
	if err != nil {
		return began, err
	}
	if began.Begun, err = a.store.Casework.Begin(ctx, in.Move); err != nil {
		return began, err
	}
	began.Steps = policy.Steps
	began.Plan = AppealPlan{Policy: policy.Money.Appeals, Calendar: policy.Calendar, Duplicate: appeal.Duplicate(),
		TwoPeople: appeal.AskedCents > policy.Money.Appeals.TwoPeopleAbove}
	return began, nil
}

// SayOfAppeal keeps what a person has said about an appeal, with the move that says so.
func (a *Activities) SayOfAppeal(ctx context.Context, m campus.Move) (campus.Moved, error) {
	return a.store.Money.SayOfAppeal(ctx, m)
}

// GivenBack is what became of the refund of an appeal.
type GivenBack = money.GivenBack

// RefundAppeal gives back what was granted of an appeal, once.
func (a *Activities) RefundAppeal(ctx context.Context, ref campus.CaseRef) (GivenBack, error) {
	return a.store.Money.RefundAppeal(ctx, ref.ID)
}

// AppealRefunded tells whether nothing is left of the payment of an appeal: it was given back in another way.
func (a *Activities) AppealRefunded(ctx context.Context, ref campus.CaseRef) (bool, error) {
	appeal, err := a.store.Money.Appeal(ctx, ref.ID)
	return err == nil && appeal.LeftCents == 0, err
}

// RecoverAppeal takes what went back of a duplicate again, once.
func (a *Activities) RecoverAppeal(ctx context.Context, ref campus.CaseRef) error {
	return a.store.Money.RecoverAppeal(ctx, ref.ID)
}
