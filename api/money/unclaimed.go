package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/money"
)

// unclaimedRoutes are what finance does with money that can go neither back to its source nor to an account (L2).
func (s *Server) unclaimedRoutes() {
	correct := core.Staff(campus.CorrectMoney)
	core.Handle(s.Server, core.Get("/api/v1/staff/unclaimed-money",
		"Money of channels that can go neither back nor to an account, oldest first", correct), s.listUnclaimed)
	core.Handle(s.Server, core.Post("/api/v1/staff/unclaimed-money/{id}/settlement",
		"Propose what becomes of unclaimed money", correct, core.Created), s.proposeUnclaimed)
	core.Handle(s.Server, core.Get("/api/v1/staff/unclaimed-settlements",
		"What was proposed and done with unclaimed money, newest first", correct), s.listUnclaimedSettlements)
	core.Handle(s.Server, core.Post("/api/v1/staff/unclaimed-settlements/{id}/decision",
		"Do what was proposed with unclaimed money, as a second person, or refuse it", correct), s.decideUnclaimed)
}

// SettlementView is what two people do with unclaimed money.
type SettlementView struct {
	money.UnclaimedSettlement
	WayText   string `json:"way_text"`
	StateText string `json:"state_text"`
}

func settlementOf(in campus.Language) func(money.UnclaimedSettlement) SettlementView {
	return func(u money.UnclaimedSettlement) SettlementView {
		return SettlementView{u, campus.Text(in, "unclaimed.way."+string(u.Way), nil),
			campus.Text(in, "unclaimed.state."+string(u.State), nil)}
	}
}

// UnclaimedView is money that nobody has claimed.
type UnclaimedView struct {
	StuckRefundView
	Reference string          `json:"reference,omitempty" doc:"By which the holder knows the top-up, if it was paid for one"`
	OrderedAt *time.Time      `json:"ordered_at,omitempty" doc:"When the holder asked for it"`
	Proposed  *SettlementView `json:"proposed,omitempty" doc:"What waits for a second person"`
}

func unclaimedOf(in campus.Language) func(money.Unclaimed) UnclaimedView {
	return func(u money.Unclaimed) UnclaimedView {
		view := UnclaimedView{StuckRefundView: stuckOf(in)(u.Refunding), OrderedAt: u.OrderedAt}
		if u.OrderID.Valid {
			view.Reference = campus.ShortRef(u.OrderID.UUID)
		}
		if u.Proposed != nil {
			proposed := settlementOf(in)(*u.Proposed)
			view.Proposed = &proposed
		}
		return view
	}
}

func (s *Server) listUnclaimed(ctx context.Context, in *core.PageQuery) (*core.Answer[core.Page[UnclaimedView]], error) {
	return core.Listed(*in, func(after uuid.UUID, limit int) ([]money.Unclaimed, error) {
		return s.Store.Money.UnclaimedMoney(ctx, core.Member(ctx).University, after, limit)
	}, unclaimedOf(core.Language(ctx)), func(u money.Unclaimed) uuid.UUID { return u.ID })
}

func (s *Server) listUnclaimedSettlements(ctx context.Context, in *core.PageQuery) (*core.Answer[core.Page[SettlementView]], error) {
	return core.Listed(*in, func(after uuid.UUID, limit int) ([]money.UnclaimedSettlement, error) {
		return s.Store.Money.UnclaimedSettlements(ctx, core.Member(ctx).University, after, limit)
	}, settlementOf(core.Language(ctx)), func(u money.UnclaimedSettlement) uuid.UUID { return u.ID })
}

type unclaimedInput struct {
	ID   uuid.UUID `path:"id" format:"uuid" doc:"Of the money, from the list"`
	Body struct {
		Way    campus.UnclaimedWay `json:"way" enum:"source,bank,keep" doc:"source: the channel is asked for it once more; bank: to a bank account of the payer; keep: it stays with the university for good"`
		Reason string              `json:"reason" minLength:"1" maxLength:"1000" words:"lines"`
		Holder string              `json:"holder,omitempty" required:"false" maxLength:"100" words:"line" doc:"Of the bank account: in whose name it is"`
		Bank   string              `json:"bank,omitempty" required:"false" maxLength:"100" words:"line"`
		Number string              `json:"number,omitempty" required:"false" maxLength:"60" words:"line" doc:"Digits; spaces and hyphens are left out"`
	}
}

// proposeUnclaimed is the first of the two people whom it takes.
func (s *Server) proposeUnclaimed(ctx context.Context, in *unclaimedInput) (*core.Answer[SettlementView], error) {
	u, err := s.Store.Money.ProposeUnclaimed(ctx, s.Request(ctx), core.Member(ctx), money.NewSettlement{Refund: in.ID,
		Way: in.Body.Way, Reason: in.Body.Reason,
		Where: campus.BankAccount{Holder: in.Body.Holder, Bank: in.Body.Bank, Number: in.Body.Number}})
	return core.Answered(settlementOf(core.Language(ctx))(u)), err
}

// decideUnclaimed is the second.
func (s *Server) decideUnclaimed(ctx context.Context, in *decisionInput) (*core.Answer[SettlementView], error) {
	u, err := s.Store.Money.DecideUnclaimed(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Body.Confirm)
	return core.Answered(settlementOf(core.Language(ctx))(u)), err
}
