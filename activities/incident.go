package activities

import (
	"context"

	"campuscard/campus"
)

// Incident is something that a case cannot get past by itself.
type Incident struct {
	Case campus.CaseRef
	Item campus.NewWorkItem
}

// OpenIncident asks staff for help, without the turn or the version of the case: what fails may hold both.
func (a *Activities) OpenIncident(ctx context.Context, in Incident) error {
	return a.store.Casework.OpenIncident(ctx, in.Case, in.Item)
}

// CloseIncident takes that back when it is mended.
func (a *Activities) CloseIncident(ctx context.Context, in Incident) error {
	return a.store.Casework.CloseIncident(ctx, in.Case, in.Item.Step)
}
