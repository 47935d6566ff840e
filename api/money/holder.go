package money

import (
	"context"
	"crypto/ecdsa"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/money"
)

// AccountView is what a holder sees of their account (E4).
type AccountView struct {
	ID           uuid.UUID   `json:"id"`
	MainCents    int64       `json:"main_cents"`
	SubsidyCents int64       `json:"subsidy_cents" doc:"Spent first, where it may be spent"`
	SubsidyUntil campus.Date `json:"subsidy_until,omitzero" doc:"The first day on which it is gone"`
	DebtCents    int64       `json:"debt_cents" doc:"Paid by the next top-up first"`
	LimitCents   int64       `json:"limit_cents" doc:"Of a day, Asia/Shanghai"`
	OwnLimit     bool        `json:"own_limit" doc:"The holder has chosen it; else it is the university's"`
	SpentCents   int64       `json:"spent_cents" doc:"Today, of what counts towards the limit"`
	LeftCents    int64       `json:"left_cents" doc:"Of the limit, today"`
	Pays         bool        `json:"pays"`
	Reason       string      `json:"reason,omitempty" doc:"Why it does not"`
	ReasonText   string      `json:"reason_text,omitempty"`
}

func (s *Server) accountView(in campus.Language, a money.Account) AccountView {
	view := AccountView{ID: a.ID, MainCents: a.MainCents, SubsidyCents: a.SubsidyCents, SubsidyUntil: a.SubsidyUntil,
		DebtCents: a.DebtCents, LimitCents: s.Policies.For(a.University).Money.Limit(a.LimitCents),
		OwnLimit: a.LimitCents != nil}
	today := campus.DateOf(s.Store.Now())
	if !a.Day.Before(today) {
		view.SpentCents = a.SpentCents
	}
	view.LeftCents = max(view.LimitCents-view.SpentCents, 0)
	if reason := a.Silent(today); reason != "" {
		view.Reason, view.ReasonText = string(reason), campus.Text(in, "payment."+string(reason), nil)
	}
	view.Pays = view.Reason == ""
	return view
}

// getAccount shows what the holder's card can pay with.
func (s *Server) getAccount(ctx context.Context, _ *struct{}) (*core.Answer[AccountView], error) {
	account, err := s.Store.Money.CurrentAccount(ctx, core.Person(ctx).ID)
	if err != nil {
		return nil, err
	}
	return core.Answered(s.accountView(core.Language(ctx), account)), nil
}

type limitInput struct {
	Body struct {
		LimitCents int64 `json:"limit_cents" minimum:"0" maximum:"2000000000" doc:"Fen for a day; raising it takes the payment password"`
	}
}

// setLimit changes the daily limit, at any time (E2).
func (s *Server) setLimit(ctx context.Context, in *limitInput) (*core.Answer[AccountView], error) {
	who := core.Person(ctx)
	account, err := s.Store.Money.CurrentAccount(ctx, who.ID)
	if err != nil {
		return nil, err
	}
	policy := s.Policies.For(account.University).Money
	if err := s.Store.Money.SetLimit(ctx, policy, core.Actor(ctx), account.ID, in.Body.LimitCents); err != nil {
		return nil, err
	}
	return s.getAccount(ctx, nil)
}

// dropLimit has the university's daily limit count again (E2); the answer is the account with it.
func (s *Server) dropLimit(ctx context.Context, _ *struct{}) (*core.Answer[AccountView], error) {
	account, err := s.Store.Money.CurrentAccount(ctx, core.Person(ctx).ID)
	if err != nil {
		return nil, err
	}
	policy := s.Policies.For(account.University).Money
	if err := s.Store.Money.DropLimit(ctx, policy, core.Actor(ctx), account.ID); err != nil {
		return nil, err
	}
	return s.getAccount(ctx, nil)
}

// EntryView is a line of a statement.
type EntryView struct {
	ID            uuid.UUID           `json:"id" doc:"Named by refunds and appeals"`
	Account       uuid.UUID           `json:"account" doc:"One's account at that time; those of earlier cards follow the one of today"`
	Seq           int64               `json:"seq" doc:"Of the account, without a gap"`
	At            time.Time           `json:"at"`
	TakenAt       time.Time           `json:"taken_at" doc:"By the clock of the till"`
	Kind          campus.TransferKind `json:"kind"`
	KindText      string              `json:"kind_text"`
	MerchantZH    string              `json:"merchant_zh,omitempty"`
	MerchantEN    string              `json:"merchant_en,omitempty"`
	Way           string              `json:"way,omitempty" doc:"By which money came or went: a channel of the policy, or cash"`
	WayText       string              `json:"way_text,omitempty"`
	ChangeCents   int64               `json:"change_cents" doc:"Below nothing: it was taken"`
	MainChange    int64               `json:"main_change_cents"`
	SubsidyChange int64               `json:"subsidy_change_cents"`
	DebtChange    int64               `json:"debt_change_cents"`
	MainAfter     int64               `json:"main_after_cents"`
	SubsidyAfter  int64               `json:"subsidy_after_cents"`
	DebtAfter     int64               `json:"debt_after_cents"`
	BackCents     int64               `json:"back_cents" doc:"What of it was given back by now"`
	Cause         *uuid.UUID          `json:"cause,omitempty" doc:"The payment that it gives back"`
	State         campus.EntryState   `json:"state" enum:"posted,partly_back,back"`
	StateText     string              `json:"state_text"`
	Appeal        *AppealState        `json:"appeal,omitempty" doc:"It was asked back"`
}

// AppealState is how far the appeal of a payment has come (E3).
type AppealState struct {
	ID        uuid.UUID      `json:"id" doc:"Of the case"`
	Stage     campus.Stage   `json:"stage"`
	StageText string         `json:"stage_text"`
	Outcome   campus.Outcome `json:"outcome,omitempty"`
}

func entryView(in campus.Language) func(money.Entry) EntryView {
	return func(e money.Entry) EntryView {
		view := EntryView{ID: e.ID, Account: e.AccountID, Seq: e.Seq, At: e.At, TakenAt: e.TakenAt, Kind: e.Kind,
			KindText: campus.Text(in, "transfer."+string(e.Kind), nil), MerchantZH: e.MerchantZH, MerchantEN: e.MerchantEN,
			Way: e.Way, WayText: wayText(in, e.Way),
			ChangeCents: e.Change().Net(),
			MainChange:  e.MainChange, SubsidyChange: e.SubsidyChange, DebtChange: e.DebtChange, MainAfter: e.MainAfter,
			SubsidyAfter: e.SubsidyAfter, DebtAfter: e.DebtAfter, BackCents: e.BackCents,
			State: campus.EntryStateOf(e.AmountCents, e.BackCents, "")} // how it was given back is a line of its own
		view.StateText = campus.Text(in, "entry."+string(view.State), nil)
		if e.AppealID.Valid {
			view.Appeal = &AppealState{e.AppealID.UUID, e.AppealStage, campus.Text(in, "stage."+string(e.AppealStage), nil),
				e.AppealOutcome}
		}
		if e.Cause.Valid {
			view.Cause = &e.Cause.UUID
		}
		return view
	}
}

// getStatement shows what came and went on the holder's account, and on those of earlier cards (E4).
func (s *Server) getStatement(ctx context.Context, in *core.PageQuery) (*core.Answer[core.Page[EntryView]], error) {
	account, err := s.Store.Money.CurrentAccount(ctx, core.Person(ctx).ID)
	if err != nil {
		return nil, err
	}
	from, err := core.ReadCursor[*money.Cursor](in.Cursor)
	if err != nil {
		return nil, err
	}
	entries, next, err := s.Store.Money.Statement(ctx, account.ID, from, in.Limit)
	if err != nil {
		return nil, err
	}
	page := core.Page[EntryView]{Items: core.Each(entries, entryView(core.Language(ctx)))}
	if next != nil {
		page.NextCursor = core.WriteCursor(next)
	}
	return core.Answered(page), nil
}

// PhoneView is the phone that pays.
type PhoneView struct {
	money.PhoneKey
	Now time.Time `json:"now" doc:"Our clock: a phone makes its codes by it"`

	Certificate string `json:"certificate,omitempty" doc:"Shown behind each code that pays, after a full stop, so that a till without network can tell that it is good. None while the card is held"`
}

type phoneInput struct {
	Body struct {
		PublicKey []byte `json:"public_key" minLength:"80" maxLength:"400" doc:"P-256, SubjectPublicKeyInfo in base64"`
	}
}

// bindPhone has a phone pay, and the one before it no more (E1).
func (s *Server) bindPhone(ctx context.Context, in *phoneInput) (*core.Answer[PhoneView], error) {
	public, err := campus.ParsePhoneKey(in.Body.PublicKey)
	if err != nil {
		return nil, err
	}
	who := core.Person(ctx)
	key, err := s.Store.Money.BindPhone(ctx, who.ID, in.Body.PublicKey, s.Policies.For(who.University).Money.PhonesHourly)
	if err != nil {
		return nil, err
	}
	return core.Answered(s.phoneView(key, public)), nil
}

// phoneView is a phone with its certificate, good for as long as its codes are taken.
func (s *Server) phoneView(key money.PhoneKey, public *ecdsa.PublicKey) PhoneView {
	view := PhoneView{PhoneKey: key, Now: s.Store.Now()}
	if !key.Held && view.Now.Before(key.ValidUntil) {
		view.Certificate = s.Store.Money.Certify(key.ID, key.University, public, key.ValidUntil)
	}
	return view
}

func (s *Server) getPhone(ctx context.Context, _ *struct{}) (*core.Answer[PhoneView], error) {
	key, err := s.Store.Money.BoundPhone(ctx, core.Person(ctx).ID)
	if err != nil {
		return nil, err
	}
	phone, err := s.phones.find(key.ID, func() (money.Phone, error) { return s.Store.Money.Phone(ctx, key.ID) })
	if err != nil {
		return nil, err
	}
	return core.Answered(s.phoneView(key, phone.Public)), nil
}

// unbindPhone has no phone pay, from now on (L6).
func (s *Server) unbindPhone(ctx context.Context, _ *struct{}) (*core.NoContent, error) {
	return &core.NoContent{}, s.Store.Money.UnbindPhone(ctx, core.Person(ctx).ID)
}
