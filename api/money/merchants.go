package money

import (
	"context"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/money"
)

// MerchantView is a merchant as finance sees it.
type MerchantView struct {
	money.Merchant
	StateText string `json:"state_text"`
}

func merchantOf(in campus.Language) func(money.Merchant) MerchantView {
	return func(m money.Merchant) MerchantView {
		return MerchantView{m, campus.Text(in, "merchant."+string(m.State), nil)}
	}
}

func merchantAnswer(ctx context.Context, m money.Merchant, err error) (*core.Answer[MerchantView], error) {
	return core.Answered(merchantOf(core.Language(ctx))(m)), err
}

func (s *Server) getMerchant(ctx context.Context, in *idInput) (*core.Answer[MerchantView], error) {
	m, err := s.Store.Money.Merchant(ctx, core.Member(ctx).University, in.ID)
	return merchantAnswer(ctx, m, err)
}

func (s *Server) listMerchants(ctx context.Context, in *core.PageQuery) (*core.Answer[core.Page[MerchantView]], error) {
	return core.Listed(*in, func(after uuid.UUID, limit int) ([]money.Merchant, error) {
		return s.Store.Money.Merchants(ctx, core.Member(ctx).University, after, limit)
	}, merchantOf(core.Language(ctx)), func(m money.Merchant) uuid.UUID { return m.ID })
}

type newMerchantInput struct {
	Body struct {
		NameZH string `json:"name_zh" minLength:"1" maxLength:"60" words:"line"`
		NameEN string `json:"name_en" minLength:"1" maxLength:"60" words:"line"`
		Trade  string `json:"trade" enum:"canteen,supermarket,print,service" doc:"Decides where a subsidy may be spent"`
	}
}

// proposeMerchant is the first of the two people who take a merchant on (L3).
func (s *Server) proposeMerchant(ctx context.Context, in *newMerchantInput) (*core.Answer[MerchantView], error) {
	m, err := s.Store.Money.ProposeMerchant(ctx, s.Request(ctx), core.Member(ctx),
		money.NewMerchant{NameZH: in.Body.NameZH, NameEN: in.Body.NameEN, Trade: in.Body.Trade})
	return merchantAnswer(ctx, m, err)
}

// openMerchant is the second.
func (s *Server) openMerchant(ctx context.Context, in *idInput) (*core.Answer[MerchantView], error) {
	m, err := s.Store.Money.OpenMerchant(ctx, s.Request(ctx), core.Member(ctx), in.ID)
	return merchantAnswer(ctx, m, err)
}

type merchantStateInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		State campus.MerchantState `json:"state" enum:"open,stopped,retired"`
	}
}

func (s *Server) setMerchantState(ctx context.Context, in *merchantStateInput) (*core.Answer[MerchantView], error) {
	m, err := s.Store.Money.SetMerchantState(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Body.State)
	return merchantAnswer(ctx, m, err)
}
