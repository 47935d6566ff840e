package money

import (
	"context"
	"strconv"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/money"
	"campuscard/storage/people"
)

// DrawerView is the cash of a counter.
type DrawerView struct {
	money.Drawer
	StateText       string `json:"state_text"`
	ExpectedCents   int64  `json:"expected_cents" doc:"What lies in it if nothing is wrong"`
	DifferenceCents *int64 `json:"difference_cents,omitempty" doc:"What was counted beyond that; below nothing if something lacks. Left out until it is counted, and for colleagues until it is closed: they count by themselves"`
}

// drawerOf is a drawer as the member who asks sees it.
func drawerOf(ctx context.Context) func(money.Drawer) DrawerView {
	in, who := core.Language(ctx), core.Member(ctx)
	return func(d money.Drawer) DrawerView {
		d = d.For(who)
		view := DrawerView{Drawer: d, StateText: campus.Text(in, "drawer."+string(d.State), nil),
			ExpectedCents: d.ExpectedCents()}
		if d.CountedCents != nil {
			difference := d.DifferenceCents()
			view.DifferenceCents = &difference
		}
		return view
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
	return core.Answered(drawerOf(ctx)(d)), err
}

type drawerListInput struct {
	core.PageQuery
	Open bool `query:"open" doc:"Only those that are not closed"`
}

// listDrawers returns the drawers of the campuses on which the member handles cash.
func (s *Server) listDrawers(ctx context.Context, in *drawerListInput) (*core.Answer[core.Page[DrawerView]], error) {
	return core.Listed(in.PageQuery, func(after uuid.UUID, limit int) ([]money.Drawer, error) {
		return s.Store.Money.Drawers(ctx, core.Member(ctx), in.Open, after, limit)
	}, drawerOf(ctx), func(d money.Drawer) uuid.UUID { return d.ID })
}

func (s *Server) getDrawer(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*core.Answer[DrawerView], error) {
	d, err := s.Store.Money.Drawer(ctx, core.Member(ctx), in.ID)
	return core.Answered(drawerOf(ctx)(d)), err
}

// TakingView is cash that was taken for somebody's card, or anything else that was done with a drawer.
type TakingView struct {
	ID          uuid.UUID             `json:"id"`
	Kind        campus.CounterActKind `json:"kind"`
	KindText    string                `json:"kind_text"`
	Person      uuid.UUID             `json:"person"`
	AmountCents int64                 `json:"amount_cents"`
	At          time.Time             `json:"at"`
	By          uuid.UUID             `json:"by"`
	ByName      string                `json:"by_name"`
	Receipt     string                `json:"receipt" doc:"Where the receipt is"`
}

func takingOf(in campus.Language) func(people.CounterAct) TakingView {
	return func(a people.CounterAct) TakingView {
		cents, _ := strconv.ParseInt(a.Detail, 10, 64) // the detail of cash is its amount
		return TakingView{ID: a.ID, Kind: a.Kind, KindText: campus.Text(in, "act."+string(a.Kind), nil), Person: a.PersonID,
			AmountCents: cents, At: a.At, By: a.StaffID, ByName: a.StaffName, Receipt: core.ReceiptPath(a.ID)}
	}
}

type takingListInput struct {
	core.PageQuery
	ID uuid.UUID `path:"id" format:"uuid"`
}

// listTakings returns what was taken into a drawer, newest first.
func (s *Server) listTakings(ctx context.Context, in *takingListInput) (*core.Answer[core.Page[TakingView]], error) {
	if _, err := s.Store.Money.Drawer(ctx, core.Member(ctx), in.ID); err != nil {
		return nil, err
	}
	return core.Listed(in.PageQuery, func(after uuid.UUID, limit int) ([]people.CounterAct, error) {
		return s.Store.People.DrawerActs(ctx, in.ID, after, limit)
	}, takingOf(core.Language(ctx)), func(a people.CounterAct) uuid.UUID { return a.ID })
}

type cashInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Person      uuid.UUID `json:"person" format:"uuid" doc:"Whose card; as the search at the counter has found them"`
		AmountCents int64     `json:"amount_cents" minimum:"0" maximum:"2000000000" doc:"Whole fen, within the bounds of the university"`
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
	return core.Answered(drawerOf(ctx)(d)), err
}

// closeDrawer is for a second person, who has counted too.
func (s *Server) closeDrawer(ctx context.Context, in *countInput) (*core.Answer[DrawerView], error) {
	d, err := s.Store.Money.CloseDrawer(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Body.CountedCents)
	return core.Answered(drawerOf(ctx)(d)), err
}
