package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/storage/money"
)

// GiveBackView is what became of a refund or a void.
type GiveBackView struct {
	Transfer *uuid.UUID `json:"transfer,omitempty" doc:"To the account. When nothing went there, to the fund or to what nobody has claimed"`
	At       time.Time  `json:"at" doc:"By our clock"`
}

func giveBackView(a money.Answer) *core.Answer[GiveBackView] {
	view := GiveBackView{At: a.At}
	if a.Transfer != uuid.Nil {
		view.Transfer = &a.Transfer
	}
	return core.Answered(view)
}

type voidInput struct {
	Body struct {
		Key      string    `json:"key" minLength:"1" maxLength:"100" pattern:"^[!-,0-~-][!-.0-~]*$" doc:"Of the void, not of the payment"`
		Transfer uuid.UUID `json:"transfer" format:"uuid" doc:"The payment"`
		TakenAt  time.Time `json:"taken_at" doc:"By the till's clock; the same when it asks again"`
	}
}

// void undoes a whole payment before the books of its day close (撤销).
func (s *Server) void(ctx context.Context, in *voidInput) (*core.Answer[GiveBackView], error) {
	till := core.TillOf(ctx)
	answer, err := s.Store.Money.Refund(ctx, money.Refund{Terminal: till.ID.String(), Key: in.Body.Key,
		Payment: in.Body.Transfer, Void: true, TakenAt: in.Body.TakenAt, By: core.Actor(ctx), Till: till,
		RetryWithin: s.Policies.For(till.University).Money.RetryWithin.Std()})
	if err != nil {
		return nil, err
	}
	return giveBackView(answer), nil
}

type refundInput struct {
	Body struct {
		Key         string    `json:"key" minLength:"1" maxLength:"100" pattern:"^[!-,0-~-][!-.0-~]*$" doc:"Of the refund, not of the payment"`
		Transfer    uuid.UUID `json:"transfer" format:"uuid" doc:"The payment"`
		AmountCents int64     `json:"amount_cents" minimum:"1" maximum:"2000000000" doc:"Fen; at most what is left of the payment"`
		TakenAt     time.Time `json:"taken_at" doc:"By the till's clock; the same when it asks again"`
	}
}

// refund gives a part of a payment of the till's own merchant back.
func (s *Server) refund(ctx context.Context, in *refundInput) (*core.Answer[GiveBackView], error) {
	till, b := core.TillOf(ctx), in.Body
	answer, err := s.Store.Money.Refund(ctx, money.Refund{Terminal: till.ID.String(), Key: b.Key, Payment: b.Transfer,
		Cents: b.AmountCents, TakenAt: b.TakenAt, By: core.Actor(ctx), Till: till,
		RetryWithin: s.Policies.For(till.University).Money.RetryWithin.Std()})
	if err != nil {
		return nil, err
	}
	return giveBackView(answer), nil
}

type staffRefundInput struct {
	ID   uuid.UUID `path:"id" format:"uuid" doc:"The payment: a transfer"`
	Body struct {
		AmountCents int64 `json:"amount_cents" minimum:"1" maximum:"2000000000" doc:"Fen; at most what is left of the payment"`
	}
}

// refundByStaff gives a part of a payment at one's university back.
func (s *Server) refundByStaff(ctx context.Context, in *staffRefundInput) (*core.Answer[GiveBackView], error) {
	answer, err := s.Store.Money.RefundByStaff(ctx, s.Request(ctx), money.Refund{Payment: in.ID,
		Cents: in.Body.AmountCents, TakenAt: s.Store.Now(), University: core.Member(ctx).University})
	if err != nil {
		return nil, err
	}
	return giveBackView(answer), nil
}
