package activities

import (
	"context"

	"campuscard/campus"
)

// PlanEnding reads how the steps of a case about an ended card are taken.
func (a *Activities) PlanEnding(ctx context.Context, in PlanCase) (campus.StepPolicy, error) {
	version, err := a.store.Casework.CasePolicy(ctx, in.Case)
	if err != nil {
		return campus.StepPolicy{}, err
	}
	policy, err := a.policies.find(ctx, version, in.University)
	return policy.Steps, err
}
