package activities

import (
	"context"
)

// BeginEnding takes the case of a card that has ended out of the queue.
func (a *Activities) BeginEnding(ctx context.Context, in BeginCase) (began Began[struct{}], err error) {
	version, err := a.store.Casework.CasePolicy(ctx, in.Move.Case.ID)
	if err != nil {
		return began, err
	}
	policy, err := a.policies.find(ctx, version, in.University)
	if err != nil {
		return began, err
	}
	began.Steps = policy.Steps
	began.Begun, err = a.store.Casework.Begin(ctx, in.Move)
	return began, err
}
