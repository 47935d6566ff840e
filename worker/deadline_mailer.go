package worker

import (
	"context"
	"errors"
	"fmt"
	"time"

	"campuscard/campus"
	"campuscard/storage"
)

// deadlineMailer tells staff of work whose deadline nears (C3). Workflows only mark the items: many deadlines fall on
// the same moment, and one mail about all of them is read where a hundred are not.
type deadlineMailer struct {
	store    *storage.Store
	policies *campus.Policies
}

const deadlineMailerPause = 2 * time.Second

// round tells the staff of every university. What goes wrong at one is no reason to leave the next out.
func (m *deadlineMailer) round(ctx context.Context) (time.Duration, error) {
	universities, err := m.store.Casework.UniversitiesWithLateWork(ctx)
	if err != nil {
		return deadlineMailerPause, err
	}
	var wrong []error
	for _, university := range universities {
		if _, err := m.store.Casework.TellStaff(ctx, university, m.policies.For(university)); err != nil {
			wrong = append(wrong, fmt.Errorf("tell the staff of %s: %w", university, err))
		}
	}
	return deadlineMailerPause, errors.Join(wrong...)
}
