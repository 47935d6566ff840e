package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/money"
)

// ConflictView is what a channel says that does not fit what it has said before.
type ConflictView struct {
	ID          uuid.UUID              `json:"id"`
	Channel     string                 `json:"channel"`
	Subject     campus.ConflictSubject `json:"subject" enum:"payment,refund"`
	SubjectText string                 `json:"subject_text"`
	Ref         string                 `json:"ref" doc:"The channel's name of the payment, or the id of the refund"`
	Kept        string                 `json:"kept" doc:"What it has said first, and what counts. Of a payment: currency, hundredths, what it was for; of a refund: its state"`
	Said        string                 `json:"said" doc:"What it says now"`
	ToldAt      time.Time              `json:"told_at"`
	LastAt      time.Time              `json:"last_at"`
	Times       int                    `json:"times"`
	SettledAt   *time.Time             `json:"settled_at,omitempty"`
	SettledBy   string                 `json:"settled_by_name,omitempty"`
	Note        string                 `json:"note,omitempty"`
}

func conflictOf(in campus.Language) func(money.ChannelConflict) ConflictView {
	return func(c money.ChannelConflict) ConflictView {
		return ConflictView{ID: c.ID, Channel: c.Channel, Subject: c.Subject,
			SubjectText: campus.Text(in, "conflict."+string(c.Subject), nil), Ref: c.Ref, Kept: c.Kept, Said: c.Said,
			ToldAt: c.ToldAt, LastAt: c.LastAt, Times: c.Times, SettledAt: c.SettledAt, SettledBy: c.SettledByName, Note: c.Note}
	}
}

// listConflicts returns the contradictions of channels that nobody has settled.
func (s *Server) listConflicts(ctx context.Context, in *core.PageQuery) (*core.Answer[core.Page[ConflictView]], error) {
	return core.Listed(*in, func(after uuid.UUID, limit int) ([]money.ChannelConflict, error) {
		return s.Store.Money.ChannelConflicts(ctx, core.Member(ctx).University, after, limit)
	}, conflictOf(core.Language(ctx)), func(c money.ChannelConflict) uuid.UUID { return c.ID })
}

type settleConflictInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Note string `json:"note" minLength:"1" maxLength:"1000" words:"lines" doc:"What the channel has said, and what was done"`
	}
}

// settleConflict keeps what people have found about a contradiction.
func (s *Server) settleConflict(ctx context.Context, in *settleConflictInput) (*core.Answer[ConflictView], error) {
	c, err := s.Store.Money.SettleConflict(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Body.Note)
	return core.Answered(conflictOf(core.Language(ctx))(c)), err
}
