package storage

import (
	"context"
	"errors"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/cards"
	"campuscard/storage/casework"
	"campuscard/storage/db"
	"campuscard/storage/outreach"
)

// WithdrawQueued takes back an application whose workflow has not begun, so that it can be done while Temporal is
// down; the workflow finds it withdrawn and ends. Answers the id of the request that did it, or none when the
// workflow has begun: it decides then.
func (s *Store) WithdrawQueued(ctx context.Context, req casework.Request, id uuid.UUID) (uuid.UUID, error) {
	done, err := casework.Once(ctx, s.Casework, "withdraw a queued application", req, func(t db.Tx) (uuid.UUID, error) {
		return req.ID, withdrawQueued(t, req.Actor, id)
	})
	if errors.Is(err, cards.ErrBegun) {
		return uuid.Nil, nil
	}
	return done, err
}

// withdrawQueued takes back an application whose workflow has not begun; errBegun when it has.
func withdrawQueued(t db.Tx, by campus.Actor, id uuid.UUID) error {
	c, err := casework.LockCase(t, campus.CaseRef{Kind: campus.ApplicationCase, ID: id})
	if err != nil {
		return err
	}
	if c.Stage != campus.StageQueued {
		return cards.ErrBegun
	}
	if err := cards.CloseQueued(t, c, "withdrawn-in-line", campus.Withdrawn); err != nil {
		return err
	}
	if err := outreach.LeaveLine(t, id); err != nil {
		return err
	}
	if err := cards.CloseApplication(t, id); err != nil {
		return err
	}
	if err := casework.AddAudit(t, by, "application.withdraw", c.Ref().WorkflowID(), c.University); err != nil {
		return err
	}
	return casework.AddEvent(t, id, campus.Event{Kind: "withdrawn", Actor: by, Public: true}, uuid.Nil)
}
