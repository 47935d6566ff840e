package money

import (
	"context"
	"time"

	"github.com/google/uuid"
	"golang.org/x/sync/errgroup"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/money"
)

type offlineInput struct {
	Body struct {
		Sales []offlineSale `json:"sales" minItems:"1" maxItems:"100" doc:"In their order"`
	}
}

type offlineSale struct {
	Sequence    int64     `json:"sequence" minimum:"1" maximum:"2147483647" doc:"Of this sale, from 1 on since the till's enrolment, without a gap"`
	Key         string    `json:"key" minLength:"1" maxLength:"100" pattern:"^[!-,0-~-][!-.0-~]*$" doc:"Of the sale: that of the online try whose answer the till has not seen, if there was one"`
	AmountCents int64     `json:"amount_cents" minimum:"1" maximum:"2000000000" doc:"Fen"`
	TakenAt     time.Time `json:"taken_at" doc:"By the till's clock"`
	Code        string    `json:"code" minLength:"1" maxLength:"300" doc:"What the phone has shown or sent, with its certificate, or what the plastic's chip has said"`
	Epoch       int64     `json:"epoch,omitempty" minimum:"0" maximum:"2147483647" doc:"Of the newest denial that the till knew"`
}

// OfflineView is what became of a sale without network.
type OfflineView struct {
	Sequence int64              `json:"sequence"`
	State    money.OfflineState `json:"state" enum:"taken,differs,missing" doc:"taken: it is decided, whenever it came first; differs: another sale is kept under its number, and counts; missing: one before it was not sent, so nothing was kept"`
	Bearer   campus.Bearer      `json:"bearer,omitempty" enum:"holder,answered,merchant,cover,suspense" doc:"Who bears it: holder; answered: it was paid online already; merchant; cover: the university; suspense: people will say"`
	Posted   bool               `json:"posted" doc:"The merchant has the money"`
	Reason   string             `json:"reason,omitempty"`
	Text     string             `json:"text"`
	Transfer *uuid.UUID         `json:"transfer,omitempty"`
	Settled  bool               `json:"settled" doc:"People have decided it"`
}

// codesAtOnce is how many codes of a call are looked at at the same time.
const codesAtOnce = 16

// takeOffline takes sales that a till has made without network (E1).
func (s *Server) takeOffline(ctx context.Context, in *offlineInput) (*core.Answer[core.Page[OfflineView]], error) {
	till := core.TillOf(ctx)
	sales := make([]money.OfflineSale, len(in.Body.Sales))
	var group errgroup.Group // phones that nobody has asked for lately are read together
	group.SetLimit(codesAtOnce)
	for i, sent := range in.Body.Sales {
		group.Go(func() (err error) { sales[i], err = s.offlineSale(ctx, till, sent); return err })
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	answers, err := s.Store.Money.TakeOffline(ctx, *till, s.Policies.For(till.University).Money, sales)
	if err != nil {
		return nil, err
	}
	views := make([]OfflineView, 0, len(answers))
	for _, a := range answers {
		views = append(views, offlineView(core.Language(ctx), a))
	}
	return core.Answered(core.Page[OfflineView]{Items: views}), nil
}

// offlineSale reads the code of a sale as it was when the till sold. One that was not good is no error: the sale is
// decided all the same.
func (s *Server) offlineSale(ctx context.Context, till *money.Till, sent offlineSale) (money.OfflineSale, error) {
	sale := money.OfflineSale{OfflineSale: campus.OfflineSale{Sequence: sent.Sequence, Key: sent.Key,
		Cents: sent.AmountCents, TakenAt: sent.TakenAt, Code: sent.Code, Epoch: sent.Epoch}}
	var err error
	if campus.IsTap(sent.Code) {
		var tap campus.Tap
		var chip money.Chip
		if tap, chip, err = s.readTap(ctx, sent.Code, till.University); err == nil {
			sale.Account, sale.Token = chip.Account, money.Token{Chip: tap.Chip, Count: tap.Count}
		}
	} else {
		var code campus.PhoneCode
		var phone money.Phone
		if code, phone, err = s.readCodeOf(ctx, sent.Code, campus.ToPay, till.University, sent.TakenAt); err == nil {
			sale.Account, sale.Token = phone.Account, money.Token{Phone: code.Key, Count: code.Count()}
		}
		if err == nil || isReason(err, "card_elsewhere") { // the till could see it
			_, err = campus.CheckCertificate(sent.Code, till.University, s.Store.Money.Issuer, sent.TakenAt)
		}
	}
	switch campus.CodeOf(err) {
	case campus.Refused, campus.Invalid:
		sale.CodeFault = campus.ReasonOf(err)
		err = nil
	}
	return sale, err
}

func offlineView(in campus.Language, a money.OfflineAnswer) OfflineView {
	v := OfflineView{Sequence: a.Sequence, State: a.State, Bearer: a.Bearer, Reason: a.Reason, Settled: a.Settled}
	words := string(a.State)
	if a.State == money.OfflineTaken {
		words = string(a.Bearer)
	}
	v.Text = campus.Text(in, "offline."+words, nil)
	if a.Transfer != uuid.Nil {
		v.Posted, v.Transfer = true, &a.Transfer
	}
	return v
}

type denialsInput struct {
	After int64 `query:"after" minimum:"0" maximum:"2147483647" doc:"The newest epoch that the till knows; 0: none"`
	Limit int   `query:"limit" minimum:"1" maximum:"1000" default:"1000"`
}

// listDenials tells a till which cards it must not take while it has no network (F1).
func (s *Server) listDenials(ctx context.Context, in *denialsInput) (*core.Answer[core.Page[money.Denial]], error) {
	found, err := s.Store.Money.Denials(ctx, core.TillOf(ctx).University, in.After, in.Limit)
	return core.Answered(core.Page[money.Denial]{Items: found}), err
}
