package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/money"
)

type enrolmentInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		Code string `json:"code" maxLength:"40" doc:"Twelve digits, from staff"`
	}
}

// EnrolmentView is what a till needs to work. Its secret is shown this once.
type EnrolmentView struct {
	money.Terminal
	Secret []byte    `json:"secret" doc:"Base64; signs all that the till asks for"`
	Now    time.Time `json:"now" doc:"Our clock"`
}

// enrol gives a till its secret for the code that staff have made. Whose a till is nobody is told without its code, so
// the policy is the common one.
func (s *Server) enrol(ctx context.Context, in *enrolmentInput) (*core.Answer[EnrolmentView], error) {
	code, err := campus.ParseCode(in.Body.Code, campus.EnrolmentDigits, campus.EnrolmentCodeForm)
	if err != nil {
		return nil, err
	}
	enrolled, err := s.Store.Money.Enrol(ctx, s.Policies.For("").SignIn, in.ID, code, core.CallOf(ctx).Address)
	s.Metrics.CountSignIn("till", err)
	if err != nil {
		return nil, err
	}
	s.ForgetTill(in.ID)
	return core.Answered(EnrolmentView{enrolled.Terminal, enrolled.Secret, s.Store.Now()}), nil
}

type heartbeatInput struct {
	Body struct {
		Clock time.Time `json:"clock" doc:"The till's"`
	}
}

// HeartbeatView tells a till what it has to know.
type HeartbeatView struct {
	Now        time.Time `json:"now" doc:"Our clock"`
	MerchantZH string    `json:"merchant_zh"`
	MerchantEN string    `json:"merchant_en"`
}

// heartbeat notes that a till is there (L8).
func (s *Server) heartbeat(ctx context.Context, in *heartbeatInput) (*core.Answer[HeartbeatView], error) {
	till := core.TillOf(ctx)
	now, err := s.Store.Money.Heartbeat(ctx, *till, in.Body.Clock)
	if err != nil {
		return nil, err
	}
	return core.Answered(HeartbeatView{now, till.MerchantZH, till.MerchantEN}), nil
}

type totalsInput struct {
	From  time.Time `query:"from" required:"true" doc:"Of the shift"`
	Until time.Time `query:"until" required:"true"`
}

// totals adds up what a till has taken and given back, by our clock: its shift.
func (s *Server) totals(ctx context.Context, in *totalsInput) (*core.Answer[money.Totals], error) {
	if !in.From.Before(in.Until) || in.Until.Sub(in.From) > 7*24*time.Hour {
		return nil, campus.FieldErrorf("until", "period_invalid", "a shift is longer than nothing and at most a week")
	}
	totals, err := s.Store.Money.Totals(ctx, core.TillOf(ctx).ID, in.From, in.Until)
	return core.Answered(totals), err
}

type terminalListInput struct {
	core.PageQuery
	Merchant uuid.UUID `query:"merchant" format:"uuid" doc:"Only of this one"`
}

func (s *Server) listTerminals(ctx context.Context, in *terminalListInput) (*core.Answer[core.Page[money.Terminal]],
	error) {
	after, err := core.ReadCursor[uuid.UUID](in.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := s.Store.Money.Terminals(ctx, core.Member(ctx).University, in.Merchant, after, in.Limit+1)
	if err != nil {
		return nil, err
	}
	return core.Answered(core.NewPage(found, in.Limit, itself, func(t money.Terminal) uuid.UUID { return t.ID })), nil
}

func itself[T any](t T) T { return t }

type newTerminalInput struct {
	ID   uuid.UUID `path:"id" format:"uuid" doc:"The merchant"`
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"60" words:"line" doc:"Where it stands"`
	}
}

func (s *Server) addTerminal(ctx context.Context, in *newTerminalInput) (*core.Answer[money.Terminal], error) {
	x, err := s.Store.Money.AddTerminal(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Body.Name)
	return core.Answered(x), err
}

type idInput struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}

func (s *Server) makeEnrolmentCode(ctx context.Context, in *idInput) (*core.Answer[money.EnrolmentCode], error) {
	code, err := s.Store.Money.MakeEnrolmentCode(ctx, core.Member(ctx), in.ID)
	return core.Answered(code), err
}

type terminalStateInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body struct {
		State campus.TerminalState `json:"state" enum:"active,stopped,retired"`
	}
}

func (s *Server) setTerminalState(ctx context.Context, in *terminalStateInput) (*core.Answer[money.Terminal], error) {
	x, err := s.Store.Money.SetTerminalState(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Body.State)
	return core.Answered(x), err
}
