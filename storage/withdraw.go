package storage

import (
	"campuscard/campus"
	"context"
	"errors"

	"github.com/google/uuid"
)

// WithdrawQueued takes back an application whose workflow has not begun, so that it can be done while Temporal is
// down; the workflow finds it withdrawn and ends. Answers the id of the request that did it, or none when the
// workflow has begun: it decides then.
func (s *Store) WithdrawQueued(ctx context.Context, req Request, id uuid.UUID) (uuid.UUID, error) {
	done, err := once(ctx, s, "withdraw a queued application", req, func(t tx) (uuid.UUID, error) {
		return req.ID, withdrawQueued(t, req.Actor, id)
	})
	if errors.Is(err, errBegun) {
		return uuid.Nil, nil
	}
	return done, err
}

// withdrawQueued takes back an application whose workflow has not begun; errBegun when it has.
func withdrawQueued(t tx, by campus.Actor, id uuid.UUID) error {
	c, err := lockCase(t, campus.CaseRef{Kind: campus.ApplicationCase, ID: id})
	if err != nil {
		return err
	}
	if c.Stage != campus.StageQueued {
		return errBegun
	}
	if err := closeQueued(t, c, "withdrawn-in-line", campus.Withdrawn); err != nil {
		return err
	}
	if err := leaveLine(t, id); err != nil {
		return err
	}
	if err := closeApplication(t, id); err != nil {
		return err
	}
	if err := addAudit(t, by, "application.withdraw", c.Ref().WorkflowID(), c.University); err != nil {
		return err
	}
	return addEvent(t, id, campus.Event{Kind: "withdrawn", Actor: by, Public: true}, uuid.Nil)
}
