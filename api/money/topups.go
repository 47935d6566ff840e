package money

import (
	"context"
	"crypto/sha256"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage/casework"
	"campuscard/storage/money"
)

// TopUpView is a top-up as its holder sees it.
type TopUpView struct {
	ID              uuid.UUID    `json:"id"`
	Reference       string       `json:"reference" doc:"What messages call it"`
	Channel         string       `json:"channel"`
	ChannelText     string       `json:"channel_text"`
	AmountCents     int64        `json:"amount_cents"`
	State           string       `json:"state" enum:"created,waiting,giving_up,given_up,paid,expired,closed,refused,refunding,refunded,refund_failed,returning,returned,paid_out,not_returned"`
	StateText       string       `json:"state_text"`
	PayCode         string       `json:"pay_code,omitempty" doc:"What one pays with, in the channel's own form; there from the state waiting on"`
	CreatedAt       time.Time    `json:"created_at"`
	ExpiresAt       time.Time    `json:"expires_at" doc:"Until when to pay. What is paid later is put on the card all the same"`
	PaidAt          *time.Time   `json:"paid_at,omitempty" doc:"Since when it is on the card"`
	RefundableCents int64        `json:"refundable_cents" doc:"What could go back to where it came from, if the main purse has it"`
	Refunds         []RefundView `json:"refunds" nullable:"false"`
	Returns         []ReturnView `json:"returns" nullable:"false" doc:"What was paid for it and could not be credited"`
}

// ReturnView is a payment for a top-up that could not be credited and goes back to its source.
type ReturnView struct {
	RefundView
	Currency   string             `json:"currency" doc:"Of amount_cents, which are hundredths of it"`
	Reason     campus.StrayReason `json:"reason" enum:"currency_differs,amount_differs,paid_twice,account_closed"`
	ReasonText string             `json:"reason_text"`
}

// RefundView is a refund to the source.
type RefundView struct {
	ID          uuid.UUID          `json:"id"`
	AmountCents int64              `json:"amount_cents"`
	State       campus.RefundState `json:"state" enum:"asked,refunded,failed,unclaimed,resent,paid_out,kept"`
	StateText   string             `json:"state_text"`
	AskedAt     time.Time          `json:"asked_at"`
	DoneAt      *time.Time         `json:"done_at,omitempty"`
}

func refundOf(in campus.Language) func(money.Refunding) RefundView {
	return func(r money.Refunding) RefundView {
		return RefundView{ID: r.ID, AmountCents: r.AmountCents, State: r.State,
			StateText: campus.Text(in, "refund."+string(r.State), nil), AskedAt: r.AskedAt, DoneAt: r.DoneAt}
	}
}

func returnOf(in campus.Language) func(money.Refunding) ReturnView {
	return func(r money.Refunding) ReturnView {
		return ReturnView{RefundView: refundOf(in)(r), Currency: r.Currency, Reason: r.Stray,
			ReasonText: campus.Text(in, "stray."+string(r.Stray), nil)}
	}
}

func (s *Server) topUpOf(in campus.Language) func(money.Order) TopUpView {
	return func(o money.Order) TopUpView {
		view := TopUpView{ID: o.ID, Reference: campus.ShortRef(o.ID), Channel: o.Channel, ChannelText: channelText(in, o.Channel), AmountCents: o.AmountCents,
			State: stateOf(o), CreatedAt: o.CreatedAt, ExpiresAt: o.ExpiresAt, PaidAt: o.PaidAt,
			Refunds: core.Each(o.Refunds, refundOf(in)), Returns: core.Each(o.Returns, returnOf(in))}
		view.RefundableCents = o.RefundableCents(s.Policies.For(o.University).Money.TopUp, s.Store.Now())
		view.StateText = campus.Text(in, "topup."+view.State, nil)
		if o.State.Open() && o.GivenUpAt == nil {
			view.PayCode = o.PayCode
		}
		return view
	}
}

// wayText names the channel by which money came or went, or cash; empty where it is neither.
func wayText(in campus.Language, way string) string {
	if way == "" {
		return ""
	}
	return channelText(in, way)
}

// channelText names a channel; one that is configuration alone is called as it is there.
func channelText(in campus.Language, channel string) string {
	if key := "channel." + channel; campus.HasText(key) {
		return campus.Text(in, key, nil)
	}
	return channel
}

// stateOf is how far a top-up is, with the last of its refunds, or of what was paid for it and could not be credited.
func stateOf(o money.Order) string {
	if o.State != campus.OrderPaid && len(o.Returns) > 0 {
		return stateOfReturned(o)
	}
	if o.GivenUpAt != nil && o.State.Open() {
		return "giving_up"
	}
	if o.GivenUpAt != nil && o.State == campus.OrderClosed {
		return "given_up"
	}
	if len(o.Refunds) == 0 {
		return string(o.State)
	}
	switch last := o.Refunds[len(o.Refunds)-1]; {
	case last.State == campus.RefundAsked:
		return "refunding"
	case o.RefundedCents == o.AmountCents:
		return "refunded"
	case last.State == campus.RefundFailed:
		return "refund_failed"
	}
	return string(o.State)
}

// stateOfReturned is that of a top-up for which something was paid that could not be credited. While it may still be
// paid as it was asked for, it waits for that once the money is back.
func stateOfReturned(o money.Order) string {
	switch last := o.Returns[len(o.Returns)-1]; {
	case last.State == campus.RefundAsked:
		return "returning"
	case o.State.Open():
		return string(o.State)
	case last.State == campus.RefundDone:
		return "returned"
	case last.State == campus.RefundPaidOut:
		return "paid_out"
	}
	return "not_returned"
}

type topUpInput struct {
	Body struct {
		Channel     string `json:"channel" maxLength:"40" pattern:"^[a-z][a-z0-9-]*$" doc:"A name of the policy"`
		AmountCents int64  `json:"amount_cents" minimum:"0" maximum:"2000000000" doc:"Whole fen, within the bounds of the university"`
	}
}

// askTopUp keeps that the holder wants to top up; a worker tells the channel, so it works while that is away.
func (s *Server) askTopUp(ctx context.Context, in *topUpInput) (*core.Answer[TopUpView], error) {
	who := core.Person(ctx)
	o, err := s.Store.Money.OpenOrder(ctx, s.Request(ctx), money.NewOrder{Person: who.ID, Channel: in.Body.Channel,
		Cents: in.Body.AmountCents, Terms: s.Policies.For(who.University).Money.TopUp})
	return core.Answered(s.topUpOf(core.Language(ctx))(o)), err
}

func (s *Server) listTopUps(ctx context.Context, in *core.PageQuery) (*core.Answer[core.Page[TopUpView]], error) {
	return core.Listed(*in, func(after uuid.UUID, limit int) ([]money.Order, error) {
		return s.Store.Money.Orders(ctx, core.Person(ctx).ID, after, limit)
	}, s.topUpOf(core.Language(ctx)), func(o money.Order) uuid.UUID { return o.ID })
}

func (s *Server) getTopUp(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*core.Answer[TopUpView], error) {
	o, err := s.Store.Money.Order(ctx, core.Person(ctx).ID, in.ID)
	return core.Answered(s.topUpOf(core.Language(ctx))(o)), err
}

// giveUpTopUp has a top-up that is not paid close (E4).
func (s *Server) giveUpTopUp(ctx context.Context, in *idInput) (*core.Answer[TopUpView], error) {
	who := core.Person(ctx).ID
	if err := s.Store.Money.GiveUpOrder(ctx, s.Request(ctx), who, in.ID); err != nil {
		return nil, err
	}
	o, err := s.Store.Money.Order(ctx, who, in.ID)
	return core.Answered(s.topUpOf(core.Language(ctx))(o)), err
}

type topUpRefundInput struct {
	ID   uuid.UUID `path:"id" format:"uuid"`
	Body *struct {
		AmountCents *int64 `json:"amount_cents,omitempty" required:"false" minimum:"1" maximum:"2000000000" doc:"All that is left of it if left out"`
	}
}

// refundTopUp takes money of a top-up off the card, to go back to where it came from (L2).
func (s *Server) refundTopUp(ctx context.Context, in *topUpRefundInput) (*core.Answer[RefundView], error) {
	who, cents := core.Person(ctx), int64(0)
	if in.Body != nil && in.Body.AmountCents != nil {
		cents = *in.Body.AmountCents
		if err := campus.CheckAmount(cents); err != nil {
			return nil, err
		}
	}
	r, err := s.Store.Money.AskRefund(ctx, s.Request(ctx), s.Policies.For(who.University).Money.TopUp, who.ID, in.ID, cents)
	return core.Answered(refundOf(core.Language(ctx))(r)), err
}

type channelInput struct {
	Channel   string `path:"channel" maxLength:"40"`
	ID        string `header:"Webhook-Id"`
	Timestamp string `header:"Webhook-Timestamp"`
	Signature string `header:"Webhook-Signature"`
	RawBody   []byte
}

// channelCallback takes what a channel reports, signed as Standard Webhooks. A repetition is answered like the first,
// and so is what a payment or a refund has come to under another id: that is kept by its own name, too.
func (s *Server) channelCallback(ctx context.Context, in *channelInput) (*core.NoContent, error) {
	header := map[string][]string{"Webhook-Id": {in.ID}, "Webhook-Timestamp": {in.Timestamp},
		"Webhook-Signature": {in.Signature}}
	said, err := school.VerifyChannelCallback(s.Cfg.ChannelSecrets, in.Channel, header, in.RawBody, s.Store.Now())
	if err != nil {
		return nil, err
	}
	heard, err := heardOf(in.Channel, said)
	if err != nil {
		return nil, err
	}
	hash := sha256.Sum256(in.RawBody)
	err = s.Store.Money.Hear(ctx, casework.Callback{Sender: casework.ChannelSender(in.Channel, said.University), ID: said.ID,
		BodyHash: hash[:]}, heard)
	if reason := campus.ReasonOf(err); reason == campus.CallbackConflict || reason == campus.ChannelContradicts {
		s.Log.ErrorContext(ctx, "a channel contradicts itself", "channel", in.Channel, "callback", said.ID,
			"request_id", core.CallOf(ctx).ID, "error", err)
	}
	return &core.NoContent{}, err
}

// heardOf is what a call-back says. A refund whose name is no id is none that we have asked for. NotFound:
// refund_unknown.
func heardOf(channel string, said school.ChannelCallback) (money.Heard, error) {
	heard := money.Heard{University: said.University, Channel: channel, Closed: said.Closed}
	if p := said.Payment; p != nil {
		heard.Payment = &money.ChannelPayment{University: said.University, Channel: channel, Transaction: p.Transaction,
			OrderRef: p.Order, Cents: p.AmountCents, Currency: p.Currency, PaidAt: p.PaidAt}
	}
	if r := said.Refund; r != nil && r.State != school.WalletProcessing {
		id, err := uuid.Parse(r.Refund)
		if err != nil {
			return heard, campus.Errorf(campus.NotFound, "refund_unknown", "a refund whose name is no id")
		}
		heard.Refund = &money.RefundOutcome{ID: id, Paid: r.State == school.WalletRefunded, Failure: r.Reason}
	}
	return heard, nil
}

// StuckRefundView is a refund that people should look at.
type StuckRefundView struct {
	RefundView
	Kind        campus.RefundKind  `json:"kind" enum:"holder,stray" doc:"holder: of a top-up; stray: of what could not be put on a card"`
	Channel     string             `json:"channel"`
	Transaction string             `json:"transaction" doc:"The channel's name of the payment"`
	Currency    string             `json:"currency"`
	Stray       campus.StrayReason `json:"stray,omitempty" enum:"order_unknown,currency_differs,amount_differs,paid_twice,account_closed"`
	StrayText   string             `json:"stray_text,omitempty"`
	TopUp       *uuid.UUID         `json:"topup,omitempty"`
	Tries       int                `json:"tries"`
	Failure     string             `json:"failure,omitempty" doc:"Code of the last try that failed, or of the channel's refusal"`
	NextTry     *time.Time         `json:"next_try,omitempty"`
}

func stuckOf(in campus.Language) func(money.Refunding) StuckRefundView {
	return func(r money.Refunding) StuckRefundView {
		view := StuckRefundView{RefundView: refundOf(in)(r), Kind: r.Kind, Channel: r.Channel, Transaction: r.Transaction,
			Currency: r.Currency, Stray: r.Stray, Tries: r.Tries, Failure: r.Failure, NextTry: r.NextTry}
		if r.Stray != campus.NotStray {
			view.StrayText = campus.Text(in, "stray."+string(r.Stray), nil)
		}
		if r.OrderID.Valid {
			view.TopUp = &r.OrderID.UUID
		}
		return view
	}
}

// listStuckRefunds returns refunds without an outcome for too long, and money that no channel takes back.
func (s *Server) listStuckRefunds(ctx context.Context, in *core.PageQuery) (*core.Answer[core.Page[StuckRefundView]],
	error) {
	university := core.Member(ctx).University
	before := s.Store.Now().Add(-s.Policies.For(university).Money.TopUp.RefundLate.Std())
	return core.Listed(*in, func(after uuid.UUID, limit int) ([]money.Refunding, error) {
		return s.Store.Money.StuckRefunds(ctx, university, before, after, limit)
	}, stuckOf(core.Language(ctx)), func(r money.Refunding) uuid.UUID { return r.ID })
}

func (s *Server) retryRefund(ctx context.Context, in *struct {
	ID uuid.UUID `path:"id" format:"uuid"`
}) (*core.Answer[RefundView], error) {
	r, err := s.Store.Money.RetryRefund(ctx, s.Request(ctx), core.Member(ctx), in.ID)
	return core.Answered(refundOf(core.Language(ctx))(r)), err
}
