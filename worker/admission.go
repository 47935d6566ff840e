package worker

import (
	"context"
	"time"

	"campuscard/campus"
	"campuscard/storage"
)

// admission lets applications in from the line, as fast as the house can work them (C5).
type admission struct {
	store    *storage.Store
	policies *campus.Policies
}

const (
	admissionBatch = 50
	admissionPause = 100 * time.Millisecond
)

func (a *admission) round(ctx context.Context) (time.Duration, error) {
	_, err := a.store.Outreach.Admit(ctx, a.policies.For("").Rush, admissionBatch)
	return admissionPause, err
}
