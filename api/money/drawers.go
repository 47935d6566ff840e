package money

import (
	"context"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/money"
)

// DrawerView is the cash of a counter.
type DrawerView struct {
	money.Drawer
	StateText       string `json:"state_text"`
	ExpectedCents   int64  `json:"expected_cents" doc:"What lies in it if nothing is wrong"`
	DifferenceCents int64  `json:"difference_cents" doc:"What was counted beyond that; below nothing if something lacks"`
}

func drawerOf(in campus.Language) func(money.Drawer) DrawerView {
	return func(d money.Drawer) DrawerView {
		return DrawerView{Drawer: d, StateText: campus.Text(in, "drawer."+string(d.State), nil),
			ExpectedCents: d.ExpectedCents(), DifferenceCents: d.DifferenceCents()}
	}
}

// terms are the policy of top-ups at the member's university.
func (s *Server) terms(ctx context.Context) campus.TopUpPolicy {
	return s.Policies.For(core.Member(ctx).University).Money.TopUp
}

type drawerInput struct {
	Body struct {
		Campus     string `json:"campus" maxLength:"40" words:"line"`
		FloatCents int64  `json:"float_cents" minimum:"0" maximum:"2000000000" doc:"What was counted into it"`
	}
}

func (s *Server) openDrawer(ctx context.Context, in *drawerInput) (*core.Answer[DrawerView], error) {
	d, err := s.Store.Money.OpenDrawer(ctx, s.Request(ctx), core.Member(ctx), in.Body.Campus, in.Body.FloatCents,
		s.terms(ctx))
	return core.Answered(drawerOf(core.Language(ctx))(d)), err
}

type drawerListInput struct {
	core.PageQuery
	Open bool `query:"open" doc:"Only those that are not closed"`
}

// listDrawers returns the drawers of the campuses on which the member handles cash.
func (s *Server) listDrawers(ctx context.Context, in *drawerListInput) (*core.Answer[core.Page[DrawerView]], error) {
	after, err := core.ReadCursor[uuid.UUID](in.Cursor)
	if err != nil {
		return nil, err
	}
	drawers, err := s.Store.Money.Drawers(ctx, core.Member(ctx), in.Open, after, in.Limit+1)
	return core.Answered(core.NewPage(drawers, in.Limit, drawerOf(core.Language(ctx)),
		func(d money.Drawer) uuid.UUID { return d.ID })), err
}

func (s *Server) getDrawer(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*core.Answer[DrawerView], error) {
	d, err := s.Store.Money.Drawer(ctx, core.Member(ctx), in.ID)
	return core.Answered(drawerOf(core.Language(ctx))(d)), err
}

type cashInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Person      uuid.UUID `json:"person" format:"uuid" doc:"Whose card; as the search at the counter has found them"`
		AmountCents int64     `json:"amount_cents" minimum:"1" maximum:"2000000000" doc:"Whole fen"`
	}
}

type cashView struct {
	storage.CashTaken
	Receipt string `json:"receipt" doc:"Where the receipt is"`
}

// takeCash puts cash on somebody's card; the receipt is that of an act at the counter (L1).
func (s *Server) takeCash(ctx context.Context, in *cashInput) (*core.Answer[cashView], error) {
	taken, err := s.Store.TakeCashAtCounter(ctx, s.Request(ctx), core.Member(ctx), money.CashTaking{Drawer: in.ID,
		Person: in.Body.Person, Cents: in.Body.AmountCents, Terms: s.terms(ctx)})
	return core.Answered(cashView{taken, core.ReceiptPath(taken.ID)}), err
}

type countInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		CountedCents int64 `json:"counted_cents" minimum:"0" maximum:"2000000000" doc:"All that lies in it, the float included"`
	}
}

func (s *Server) countDrawer(ctx context.Context, in *countInput) (*core.Answer[DrawerView], error) {
	d, err := s.Store.Money.CountDrawer(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Body.CountedCents)
	return core.Answered(drawerOf(core.Language(ctx))(d)), err
}

// closeDrawer is for a second person, who has counted too.
func (s *Server) closeDrawer(ctx context.Context, in *countInput) (*core.Answer[DrawerView], error) {
	d, err := s.Store.Money.CloseDrawer(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Body.CountedCents)
	return core.Answered(drawerOf(core.Language(ctx))(d)), err
}
