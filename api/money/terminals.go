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
		Code     string `json:"code" maxLength:"40" doc:"Twelve digits, from staff"`
		Sequence *int64 `json:"offline_sequence,omitempty" minimum:"0" maximum:"2147483647" doc:"Of the last sale without network in the till's journal since its enrolment before; none: it has no such journal. What is in it and was not sent is lost"`
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
	enrolled, err := s.Store.Money.Enrol(ctx, s.Policies.For("").SignIn, in.ID, code, core.CallOf(ctx).Address,
		in.Body.Sequence)
	s.Metrics.CountSignIn("till", err)
	if err != nil {
		return nil, err
	}
	s.ForgetTill(in.ID)
	return core.Answered(EnrolmentView{enrolled.Terminal, enrolled.Secret, s.Store.Now()}), nil
}

type heartbeatInput struct {
	Body struct {
		Clock    time.Time `json:"clock" doc:"The till's"`
		Epoch    int64     `json:"epoch,omitempty" minimum:"0" maximum:"2147483647" doc:"Of the newest denial that it knows"`
		Sequence int64     `json:"offline_sequence,omitempty" minimum:"0" maximum:"2147483647" doc:"Of the last sale without network that it has made since its enrolment"`
	}
}

// HeartbeatView tells a till what it has to know.
type HeartbeatView struct {
	Now        time.Time `json:"now" doc:"Our clock"`
	MerchantZH string    `json:"merchant_zh"`
	MerchantEN string    `json:"merchant_en"`

	Sequence  int64      `json:"offline_sequence" doc:"Of the last sale without network that we have"`
	Watermark *time.Time `json:"watermark,omitempty" doc:"When we last had all of them. So long after it the till may sell without network"`
	Until     *time.Time `json:"offline_until,omitempty" doc:"When that is over; none: it may not sell without network"`

	University string       `json:"university" doc:"Of the till: it stands in the certificates of phones"`
	Issuers    []IssuerView `json:"issuers" nullable:"false" doc:"The two keys that may have signed certificates of phones until then"`
}

// IssuerView is the public half of a key that signs certificates of phones.
type IssuerView struct {
	Number int    `json:"number"`
	Public []byte `json:"public" doc:"Ed25519, 32 bytes in base64"`
}

// heartbeat notes that a till is there (L8), and whether we have all of its sales without network (E1).
func (s *Server) heartbeat(ctx context.Context, in *heartbeatInput) (*core.Answer[HeartbeatView], error) {
	till, offline := core.TillOf(ctx), s.Policies.For(core.TillOf(ctx).University).Money.Offline
	h, err := s.Store.Money.Beat(ctx, *till, offline.ClockOff.Std(),
		money.Heartbeat{Clock: in.Body.Clock, Epoch: in.Body.Epoch, Sequence: in.Body.Sequence})
	if err != nil {
		return nil, err
	}
	view := HeartbeatView{Now: h.At, MerchantZH: till.MerchantZH, MerchantEN: till.MerchantEN, Sequence: h.Sequence,
		Watermark: h.Watermark, University: till.University}
	for _, number := range campus.IssuersAt(h.At) {
		view.Issuers = append(view.Issuers, IssuerView{number, s.Store.Money.Issuer(number)})
	}
	if h.Watermark != nil && h.EndedAt == nil {
		until := h.Watermark.Add(offline.Contact.Std())
		view.Until = &until
	}
	return core.Answered(view), nil
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

// TerminalView is a till as finance sees it.
type TerminalView struct {
	money.Terminal
	StateText string `json:"state_text"`
}

func terminalOf(in campus.Language) func(money.Terminal) TerminalView {
	return func(x money.Terminal) TerminalView {
		return TerminalView{x, campus.Text(in, "terminal."+string(x.State), nil)}
	}
}

func terminalAnswer(ctx context.Context, x money.Terminal, err error) (*core.Answer[TerminalView], error) {
	return core.Answered(terminalOf(core.Language(ctx))(x)), err
}

func (s *Server) getTerminal(ctx context.Context, in *idInput) (*core.Answer[TerminalView], error) {
	x, err := s.Store.Money.Terminal(ctx, core.Member(ctx).University, in.ID)
	return terminalAnswer(ctx, x, err)
}

func (s *Server) listTerminals(ctx context.Context, in *terminalListInput) (*core.Answer[core.Page[TerminalView]], error) {
	return core.Listed(in.PageQuery, func(after uuid.UUID, limit int) ([]money.Terminal, error) {
		return s.Store.Money.Terminals(ctx, core.Member(ctx).University, in.Merchant, after, limit)
	}, terminalOf(core.Language(ctx)), func(t money.Terminal) uuid.UUID { return t.ID })
}

type newTerminalInput struct {
	ID   uuid.UUID `path:"id" format:"uuid" doc:"The merchant"`
	Body struct {
		Name string `json:"name" minLength:"1" maxLength:"60" words:"line" doc:"Where it stands"`
	}
}

func (s *Server) addTerminal(ctx context.Context, in *newTerminalInput) (*core.Answer[TerminalView], error) {
	x, err := s.Store.Money.AddTerminal(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Body.Name)
	return terminalAnswer(ctx, x, err)
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

func (s *Server) setTerminalState(ctx context.Context, in *terminalStateInput) (*core.Answer[TerminalView], error) {
	x, err := s.Store.Money.SetTerminalState(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Body.State)
	return terminalAnswer(ctx, x, err)
}
