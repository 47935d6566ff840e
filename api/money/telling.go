package money

import (
	"context"

	"campuscard/api/core"
	"campuscard/campus"
)

// TellingView is what a holder is told of their money (E1).
type TellingView struct {
	Payments       bool  `json:"payments" doc:"Each payment, and what is given back of one"`
	OwnPayments    bool  `json:"own_payments" doc:"The holder has chosen that; else it is the university's"`
	LowCents       int64 `json:"low_balance_cents" doc:"A balance below it is told, once until there is enough; 0: none is"`
	OwnLow         bool  `json:"own_low_balance" doc:"The holder has chosen that; else it is the university's"`
	LowBalanceMost int64 `json:"low_balance_most_cents" doc:"The highest that may be chosen"`
}

// getTelling shows what the holder is told. Top-ups and refunds of them are told in any case.
func (s *Server) getTelling(ctx context.Context, _ *struct{}) (*core.Answer[TellingView], error) {
	who := core.Person(ctx)
	chosen, err := s.Store.Money.Choice(ctx, who.ID)
	if err != nil {
		return nil, err
	}
	policy := s.Policies.For(who.University).Money.Telling
	told := policy.For(chosen)
	return core.Answered(TellingView{Payments: told.Payments, OwnPayments: chosen.Payments != nil, LowCents: told.LowCents,
		OwnLow: chosen.LowCents != nil, LowBalanceMost: policy.LowBalanceMost}), nil
}

type tellingInput struct {
	Body struct {
		Payments *bool  `json:"payments,omitempty" doc:"Left out: as the university has it"`
		LowCents *int64 `json:"low_balance_cents,omitempty" minimum:"0" maximum:"2000000000" doc:"0: never. Left out: as the university"`
	}
}

// setTelling chooses what the holder is told, all of it at once.
func (s *Server) setTelling(ctx context.Context, in *tellingInput) (*core.Answer[TellingView], error) {
	who := core.Person(ctx)
	if low := in.Body.LowCents; low != nil {
		if err := s.Policies.For(who.University).Money.Telling.CheckLow(*low); err != nil {
			return nil, err
		}
	}
	err := s.Store.Money.Choose(ctx, core.Actor(ctx), who.ID, who.University,
		campus.TellingChoice{Payments: in.Body.Payments, LowCents: in.Body.LowCents})
	if err != nil {
		return nil, err
	}
	return s.getTelling(ctx, nil)
}
