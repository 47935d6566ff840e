package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/api/core"
	"campuscard/campus"
	"campuscard/storage/money"
)

// SuspendedView is a sale without network that people decide (E1).
type SuspendedView struct {
	Terminal    uuid.UUID `json:"terminal"`
	Generation  int       `json:"generation" doc:"Of the till: with the sequence it names the sale"`
	Sequence    int64     `json:"sequence"`
	Variant     int       `json:"variant" doc:"Of what the till has sent under the number of another sale (reason differs), from 1 on; 0: the sale that counts"`
	MerchantZH  string    `json:"merchant_zh"`
	MerchantEN  string    `json:"merchant_en"`
	Till        string    `json:"till" doc:"Where it stands"`
	Key         string    `json:"key"`
	AmountCents int64     `json:"amount_cents"`
	TakenAt     time.Time `json:"taken_at" doc:"By the till's clock"`
	CameAt      time.Time `json:"came_at"`
	Reason      string    `json:"reason" doc:"Why it was not decided by itself"`
	ReasonText  string    `json:"reason_text"`
	Holder      bool      `json:"holder" doc:"Its code names a card: the holder can be charged"`

	Bearer      *campus.Bearer `json:"bearer,omitempty" enum:"holder,answered,merchant,cover" doc:"Whom people have it borne by"`
	Note        string         `json:"note,omitempty" doc:"What they have found"`
	ProposedBy  *uuid.UUID     `json:"proposed_by,omitempty"`
	ConfirmedBy *uuid.UUID     `json:"confirmed_by,omitempty"`
	SettledAt   *time.Time     `json:"settled_at,omitempty" doc:"None while it waits for a second person"`
	Transfer    *uuid.UUID     `json:"transfer,omitempty"`
}

func suspendedOf(in campus.Language) func(money.SuspendedSale) SuspendedView {
	return func(x money.SuspendedSale) SuspendedView {
		return SuspendedView{Terminal: x.Terminal, Generation: x.Generation, Sequence: x.Sequence, Variant: x.Variant,
			MerchantZH: x.MerchantZH, MerchantEN: x.MerchantEN, Till: x.Till, Key: x.Key, AmountCents: x.AmountCents, TakenAt: x.TakenAt, CameAt: x.At,
			Reason: x.Why, ReasonText: campus.Text(in, "suspense."+x.Why, nil), Holder: x.AccountID != nil, Bearer: x.Bearer,
			Note: x.Reason, ProposedBy: x.ProposedBy, ConfirmedBy: x.ConfirmedBy, SettledAt: x.SettledAt, Transfer: x.TransferID}
	}
}

// suspendedCursor is the last of a page.
type suspendedCursor struct {
	At time.Time      `json:"a"`
	ID money.RecordID `json:"i"`
}

// listSuspended lists the sales without network that people have to decide, in the order in which they came.
func (s *Server) listSuspended(ctx context.Context, in *core.PageQuery) (*core.Answer[core.Page[SuspendedView]], error) {
	return core.Listed(*in, func(after suspendedCursor, limit int) ([]money.SuspendedSale, error) {
		return s.Store.Money.SuspendedSales(ctx, core.Member(ctx).University, after.At, after.ID, limit)
	}, suspendedOf(core.Language(ctx)),
		func(x money.SuspendedSale) suspendedCursor { return suspendedCursor{x.At, x.ID()} })
}

// recordID is a sale without network in an address.
type recordID struct {
	ID         uuid.UUID `path:"id" format:"uuid" doc:"The till"`
	Generation int       `path:"generation" minimum:"1" maximum:"2147483647"`
	Sequence   int64     `path:"sequence" minimum:"1" maximum:"2147483647"`
	Variant    int       `query:"variant" minimum:"0" maximum:"1000" doc:"Of what was sent under the number of another sale; left out: the sale that counts"`
}

func (r recordID) of() money.RecordID {
	return money.RecordID{Terminal: r.ID, Generation: r.Generation, Sequence: r.Sequence, Variant: r.Variant}
}

type settleSaleInput struct {
	ID         uuid.UUID `path:"id" format:"uuid" doc:"The till"`
	Generation int       `path:"generation" minimum:"1" maximum:"2147483647"`
	Sequence   int64     `path:"sequence" minimum:"1" maximum:"2147483647"`
	Variant    int       `query:"variant" minimum:"0" maximum:"1000" doc:"Of what was sent under the number of another sale; left out: the sale that counts"`
	Body       struct {
		Bearer campus.Bearer `json:"bearer" enum:"holder,answered,merchant,cover" doc:"holder: charged now, on the account that the code names; answered: it was taken in another way, nothing is posted; merchant: nothing is posted; cover: the university pays it"`
		Note   string        `json:"note" minLength:"1" maxLength:"1000" words:"lines" doc:"What was found"`
	}
}

// settleSale says who bears a sale in suspense; above the policy's amount another person confirms it.
func (s *Server) settleSale(ctx context.Context, in *settleSaleInput) (*core.Answer[SuspendedView], error) {
	who := core.Member(ctx)
	x, err := s.Store.Money.SettleSale(ctx, s.Request(ctx), who, s.Policies.For(who.University).Money,
		recordID{in.ID, in.Generation, in.Sequence, in.Variant}.of(), money.SaleSettlement{Bearer: in.Body.Bearer, Reason: in.Body.Note})
	return core.Answered(suspendedOf(core.Language(ctx))(x)), err
}

// confirmSale settles a sale as a colleague has proposed.
func (s *Server) confirmSale(ctx context.Context, in *recordID) (*core.Answer[SuspendedView], error) {
	who := core.Member(ctx)
	x, err := s.Store.Money.ConfirmSale(ctx, s.Request(ctx), who, s.Policies.For(who.University).Money, in.of())
	return core.Answered(suspendedOf(core.Language(ctx))(x)), err
}

// SilentView is a till that staff should look at (L8).
type SilentView struct {
	ID         uuid.UUID            `json:"id"`
	MerchantID uuid.UUID            `json:"merchant_id"`
	MerchantZH string               `json:"merchant_zh"`
	MerchantEN string               `json:"merchant_en"`
	Name       string               `json:"name"`
	State      campus.TerminalState `json:"state"`
	Generation int                  `json:"generation"`
	What       campus.TillTrouble   `json:"what" enum:"silent,unsent,put_away,lost" doc:"silent: nothing is heard of it; unsent: it is heard, and has sales that we do not have, or its clock is wrong; put_away: it is switched off; lost: its journal is lost"`
	Text       string               `json:"text" doc:"What to do"`
	SeenAt     *time.Time           `json:"seen_at,omitempty" doc:"Its last heartbeat"`
	Watermark  *time.Time           `json:"watermark,omitempty" doc:"When we last had all of its sales; none: it has no right to sell without network"`
	ProposedBy *uuid.UUID           `json:"proposed_by,omitempty" doc:"Who has said that its journal is lost"`
	Note       string               `json:"note,omitempty" doc:"What they have found"`
}

func silentOf(in campus.Language, since time.Time) func(money.SilentTerminal) SilentView {
	return func(x money.SilentTerminal) SilentView {
		v := SilentView{ID: x.ID, MerchantID: x.MerchantID, MerchantZH: x.MerchantZH, MerchantEN: x.MerchantEN, Name: x.Name, State: x.State, Generation: x.Generation,
			What: campus.TillUnsent, SeenAt: x.SeenAt, Watermark: x.Watermark, ProposedBy: x.ProposedBy, Note: x.Reason}
		switch {
		case x.Lost || x.ProposedBy != nil:
			v.What = campus.TillLost
		case x.PutAwayAt != nil:
			v.What = campus.TillPutAway
		case x.SeenAt == nil || x.SeenAt.Before(since):
			v.What = campus.TillSilent
		}
		v.Text = campus.Text(in, "till_silent."+string(v.What), nil)
		return v
	}
}

// silentCursor is the last of a page.
type silentCursor struct {
	ID         uuid.UUID `json:"i"`
	Generation int       `json:"g"`
}

// listSilent lists the tills that staff should look at (L8).
func (s *Server) listSilent(ctx context.Context, in *core.PageQuery) (*core.Answer[core.Page[SilentView]], error) {
	university := core.Member(ctx).University
	since := s.Store.Now().Add(-s.Policies.For(university).Money.Offline.Silent.Std())
	return core.Listed(*in, func(after silentCursor, limit int) ([]money.SilentTerminal, error) {
		return s.Store.Money.QuietTerminals(ctx, university, since, after.ID, after.Generation, limit)
	}, silentOf(core.Language(ctx), since),
		func(x money.SilentTerminal) silentCursor { return silentCursor{x.ID, x.Generation} })
}

// putAway says that a till is switched off for a time (L8).
func (s *Server) putAway(ctx context.Context, in *idInput) (*core.Answer[money.Terminal], error) {
	x, err := s.Store.Money.PutAway(ctx, s.Request(ctx), core.Member(ctx), in.ID)
	return core.Answered(x), err
}

// generationID is a generation of a till in an address.
type generationID struct {
	ID         uuid.UUID `path:"id" format:"uuid" doc:"The till"`
	Generation int       `path:"generation" minimum:"1" maximum:"2147483647"`
}

type loseInput struct {
	ID         uuid.UUID `path:"id" format:"uuid" doc:"The till"`
	Generation int       `path:"generation" minimum:"1" maximum:"2147483647"`
	Body       struct {
		Note string `json:"note" minLength:"1" maxLength:"1000" words:"lines" doc:"What was found"`
	}
}

// loseGeneration says that the journal of a till is lost, with what it had not sent.
func (s *Server) loseGeneration(ctx context.Context, in *loseInput) (*core.Answer[SilentView], error) {
	x, err := s.Store.Money.LoseGeneration(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Generation, in.Body.Note)
	return core.Answered(silentOf(core.Language(ctx), time.Time{})(x)), err
}

// closeGeneration confirms it: nobody waits for its sales any more.
func (s *Server) closeGeneration(ctx context.Context, in *generationID) (*core.Answer[SilentView], error) {
	x, err := s.Store.Money.CloseGeneration(ctx, s.Request(ctx), core.Member(ctx), in.ID, in.Generation)
	if err == nil {
		s.ForgetTill(in.ID)
	}
	return core.Answered(silentOf(core.Language(ctx), time.Time{})(x)), err
}
