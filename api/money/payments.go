package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/money"
)

// PaymentView is what a till is told. A decline is an answer too, and stays the answer to its key.
type PaymentView struct {
	Key          string                `json:"key"`
	Outcome      campus.PaymentOutcome `json:"outcome" doc:"paid, or why not"`
	Paid         bool                  `json:"paid" doc:"The money is taken, and was not given back as a whole. A till prints by this"`
	Reversed     bool                  `json:"reversed" doc:"The key was reversed: nothing is taken under it any more"`
	GivenBack    bool                  `json:"given_back" doc:"It was paid, and all of it was given back since, by a void or refunds"`
	Text         string                `json:"text"`
	Transfer     *uuid.UUID            `json:"transfer,omitempty" doc:"Named by voids and refunds"`
	BalanceCents *int64                `json:"balance_cents,omitempty" doc:"Afterwards; not of what was reversed or given back since"`
	LeftCents    *int64                `json:"left_cents,omitempty" doc:"Of the limit of the day, the same"`
	At           time.Time             `json:"at" doc:"By our clock"`
}

// paymentView is an answer in the words of the till, or of a holder who has scanned its code.
func paymentView(ctx context.Context, key string, a money.Answer) PaymentView {
	in, holder := core.Language(ctx), core.CallOf(ctx).Principal.Person != nil
	view := PaymentView{Key: key, Outcome: a.Outcome, Reversed: a.Reversed, GivenBack: a.GivenBack && !a.Reversed, At: a.At}
	view.Paid = a.Outcome == campus.Paid && !a.Reversed && !a.GivenBack
	words := string(a.Outcome)
	switch {
	case a.Reversed:
		words = string(campus.ReversedFirst)
	case a.GivenBack:
		words = "given_back"
	default:
		view.BalanceCents, view.LeftCents = &a.BalanceCents, &a.LeftCents
	}
	view.Text = campus.Text(in, "payment."+words, nil)
	if key := "payment." + words + ".holder"; holder && campus.HasText(key) {
		view.Text = campus.Text(in, key, nil)
	}
	if a.Transfer != uuid.Nil {
		view.Transfer = &a.Transfer
	}
	return view
}

type paymentInput struct {
	Body struct {
		Key         string    `json:"key" minLength:"1" maxLength:"100" pattern:"^[!-,0-~-][!-.0-~]*$" doc:"Of the sale at this till; the same again is the same payment"`
		AmountCents int64     `json:"amount_cents" minimum:"1" maximum:"2000000000" doc:"Fen"`
		TakenAt     time.Time `json:"taken_at" doc:"By the till's clock; the same when it asks again"`
		Code        string    `json:"code" minLength:"1" maxLength:"300" doc:"What the phone shows or sends, or the plastic's chip says"`
	}
}

// pay takes a payment (E1). A code that is none, or is not for paying, is a problem and keeps nothing: the till asks
// again with another. One that has run out since the first time is as good as it was then.
func (s *Server) pay(ctx context.Context, in *paymentInput) (*core.Answer[PaymentView], error) {
	till, b := core.TillOf(ctx), in.Body
	if campus.IsTap(b.Code) {
		return s.payByTap(ctx, in)
	}
	code, phone, err := s.readCode(ctx, b.Code, campus.ToPay, till.University)
	if err != nil && !isReason(err, "code_stale") {
		return nil, err
	}
	p := s.payment(till, b.Key, b.AmountCents, b.TakenAt)
	p.Account, p.Token = phone.Account, money.Token{Phone: code.Key, Count: code.Count()}
	if err != nil {
		return s.answerAgain(ctx, p, err)
	}
	return s.answer(ctx, p)
}

// payByTap takes a payment by a plastic (E1). What its chip says does not run out, so the same again is answered as it
// was.
func (s *Server) payByTap(ctx context.Context, in *paymentInput) (*core.Answer[PaymentView], error) {
	till, b := core.TillOf(ctx), in.Body
	tap, chip, err := s.readTap(ctx, b.Code, till.University)
	if err != nil {
		return nil, err
	}
	p := s.payment(till, b.Key, b.AmountCents, b.TakenAt)
	p.Account, p.Token = chip.Account, money.Token{Chip: tap.Chip, Count: tap.Count}
	return s.answer(ctx, p)
}

// answerAgain gives the first answer to a payment whose code has run out since; stale is what it is told if there is
// none.
func (s *Server) answerAgain(ctx context.Context, p money.Payment, stale error) (*core.Answer[PaymentView], error) {
	first, found, err := s.Store.Money.Answered(ctx, p)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, stale
	}
	return core.Answered(paymentView(ctx, p.Key, first)), nil
}

// payment is what a till asks for, without whose account it is.
func (s *Server) payment(till *money.Till, key string, cents int64, taken time.Time) money.Payment {
	policy := s.Policies.For(till.University).Money
	return money.Payment{Terminal: till.ID.String(), Key: key, Book: till.Book, Cents: cents,
		Kind: campus.PaymentTransfer, TakenAt: taken, Terms: policy.Terms(campus.PaymentTransfer, till.Trade), Till: till.ID,
		Generation: till.Generation}
}

func (s *Server) answer(ctx context.Context, p money.Payment) (*core.Answer[PaymentView], error) {
	answer, err := s.Store.Money.Pay(ctx, p)
	if err != nil {
		return nil, err
	}
	return core.Answered(paymentView(ctx, p.Key, answer)), nil
}

type keyInput struct {
	Key string `path:"key" minLength:"1" maxLength:"100" pattern:"^[!-,0-~-][!-.0-~]*$"`
}

// findPayment tells a till what was answered to a key: whether a shown code was scanned, or what a lost answer was. It
// asks for nothing. NotFound: nothing is kept under the key by now.
func (s *Server) findPayment(ctx context.Context, in *keyInput) (*core.Answer[PaymentView], error) {
	answer, _, err := s.Store.Money.FindAnswer(ctx, core.TillOf(ctx).ID.String(), in.Key)
	if err != nil {
		return nil, err
	}
	return core.Answered(paymentView(ctx, in.Key, answer)), nil
}

type reversalInput struct {
	Body struct {
		Key     string    `json:"key" minLength:"1" maxLength:"100" pattern:"^[!-,0-~-][!-.0-~]*$" doc:"Of the payment whose answer got lost"`
		TakenAt time.Time `json:"taken_at" doc:"Of the payment"`
	}
}

// reverse undoes a payment whose answer the till has not seen (冲正).
func (s *Server) reverse(ctx context.Context, in *reversalInput) (*core.Answer[PaymentView], error) {
	till := core.TillOf(ctx)
	answer, err := s.Store.Money.Reverse(ctx, money.Reversal{Terminal: till.ID.String(), Key: in.Body.Key,
		SoldAt: in.Body.TakenAt, TakenAt: s.Store.Now(), RetryWithin: s.Policies.For(till.University).Money.RetryWithin.Std(), Till: till})
	if err != nil {
		return nil, err
	}
	return core.Answered(paymentView(ctx, in.Body.Key, answer)), nil
}

type scannedInput struct {
	Body struct {
		Code string `json:"code" minLength:"1" maxLength:"300" doc:"What the till shows"`
	}
}

// payScanned pays a sale that a till shows (E1). The code carries the key of the sale: when the till asks for the same
// sale with a code of the phone, one of both pays.
func (s *Server) payScanned(ctx context.Context, in *scannedInput) (*core.Answer[PaymentView], error) {
	code, err := campus.ParseTillCode(in.Body.Code)
	if err != nil {
		return nil, err
	}
	till, err := s.FindTill(ctx, code.Terminal, func(secret []byte) bool {
		return !isReason(code.Check(secret, s.Store.Now()), "till_code_forged")
	})
	switch {
	case isReason(err, "signature_wrong"):
		return nil, campus.Errorf(campus.Refused, "till_code_forged", "no till has signed the code")
	case err != nil:
		return nil, err
	}
	account, err := s.Store.Money.CurrentAccount(ctx, core.Person(ctx).ID)
	switch {
	case err != nil:
		return nil, err
	case account.University != till.University:
		return nil, campus.Errorf(campus.Refused, "till_elsewhere", "the till is of another university")
	}
	p := s.payment(till, code.Key, code.Cents, code.At)
	p.Account, p.Scanned = account.ID, true
	if err := p.Terms.Check(p.Cents); err != nil {
		return nil, campus.AtField(err, "code")
	}
	if err := code.Check(till.Secret, s.Store.Now()); err != nil {
		return s.answerAgain(ctx, p, err)
	}
	return s.answer(ctx, p)
}
