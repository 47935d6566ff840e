package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// RecordID names a sale without network for ever.
type RecordID struct {
	Terminal   uuid.UUID `json:"t"`
	Generation int       `json:"g"`
	Sequence   int64     `json:"s"`
	Variant    int       `json:"v,omitempty"` // of what was sent under the number of another sale; 0: the sale that counts
}

// SuspendedSale is a sale without network that people decide (E1).
type SuspendedSale struct {
	Terminal    uuid.UUID
	Generation  int
	Sequence    int64
	Variant     int
	University  string
	MerchantZH  string
	MerchantEN  string
	Till        string // where it stands
	Key         string
	AmountCents int64
	TakenAt     time.Time // by the till's clock
	At          time.Time // when it came
	Why         string    // it was not decided by itself
	AccountID   *uuid.UUID

	Bearer      *campus.Bearer // whom people have it borne by; nil: nobody has looked at it
	Reason      string         // what they have found
	ProposedBy  *uuid.UUID
	ConfirmedBy *uuid.UUID
	SettledAt   *time.Time // nil: a second person has to confirm it, or nobody has looked at it
	TransferID  *uuid.UUID

	book  uuid.UUID
	trade string
}

// ID names it.
func (x SuspendedSale) ID() RecordID {
	return RecordID{x.Terminal, x.Generation, x.Sequence, x.Variant}
}

const suspendedColumns = `select r.terminal, r.generation, r.sequence, r.variant, t.university, m.name_zh as merchant_zh,
		m.name_en as merchant_en, t.name as till, r.key, r.amount_cents, r.taken_at, r.at, r.reason as why, r.account_id,
		s.bearer, coalesce(s.reason, '') as reason, s.proposed_by, s.confirmed_by, s.settled_at, s.transfer_id
	from (select terminal, generation, sequence, 0 as variant, key, amount_cents, taken_at, at, reason, account_id
			from offline_records where bearer = 'suspense'
		union all select terminal, generation, sequence, variant, key, amount_cents, taken_at, at, 'differs', account_id
			from offline_variants) r
		join terminals t on t.id = r.terminal join merchants m on m.id = t.merchant_id
		left join offline_settlements s on s.terminal = r.terminal and s.generation = r.generation and s.sequence = r.sequence
			and s.variant = r.variant
	where t.university = @university `

// SuspendedSales lists the sales of a university that people have to decide, in the order in which they came; after is
// the last of the page before.
func (s *Store) SuspendedSales(ctx context.Context, university string, at time.Time, after RecordID,
	limit int) ([]SuspendedSale, error) {
	found, err := db.All[SuspendedSale](ctx, s.Reports, suspendedSQL, map[string]any{"university": university, "at": at,
		"terminal": after.Terminal, "generation": after.Generation, "sequence": after.Sequence, "variant": after.Variant,
		"limit": limit})
	return found, db.Wrap("list sales that people decide", err)
}

const suspendedSQL db.Statement = suspendedColumns + `and s.settled_at is null
		and (r.at, r.terminal, r.generation, r.sequence, r.variant) > (@at, @terminal, @generation, @sequence, @variant)
	order by r.at, r.terminal, r.generation, r.sequence, r.variant limit @limit`

// SaleSettlement is what people decide about a sale in suspense.
type SaleSettlement struct {
	Bearer campus.Bearer // holder, merchant, cover; answered: it was taken in another way, and is a duplicate
	Reason string
}

// SettleSale says who bears a sale that lies in suspense, and posts it, once (E1). Above the policy's amount it is a
// proposal, and another person confirms it; until then a new one takes its place. Invalid: holder_unknown, when the
// code was of nobody. Conflict: sale_settled; account_closed. NotFound: sale_unknown.
func (s *Store) SettleSale(ctx context.Context, req casework.Request, who campus.StaffMember, p campus.MoneyPolicy, id RecordID,
	how SaleSettlement) (SuspendedSale, error) {
	return casework.OnceAlone(ctx, s.casework, "settle a sale without network", req, func(t db.Tx) (x SuspendedSale, err error) {
		if x, err = lockSuspended(t, who.University, id); err != nil {
			return x, err
		}
		if how.Bearer == campus.HolderBears && x.AccountID == nil {
			return x, campus.FieldErrorf("bearer", "holder_unknown", "the code of the sale is of nobody")
		}
		x.Bearer, x.Reason, x.ProposedBy, x.ConfirmedBy = &how.Bearer, how.Reason, &who.ID, nil
		if x.AmountCents <= p.Offline.OnePerson {
			if err := settleSuspended(t, p, &x); err != nil {
				return x, err
			}
		}
		return x, keepSettlement(t, req, x, "offline.settle")
	})
}

// ConfirmSale settles a sale as somebody else has proposed. Forbidden: same_person. Conflict: sale_settled, also when
// nobody has proposed anything; account_closed. NotFound: sale_unknown.
func (s *Store) ConfirmSale(ctx context.Context, req casework.Request, who campus.StaffMember, p campus.MoneyPolicy,
	id RecordID) (SuspendedSale, error) {
	return casework.OnceAlone(ctx, s.casework, "confirm a sale without network", req, func(t db.Tx) (x SuspendedSale, err error) {
		x, err = lockSuspended(t, who.University, id)
		switch {
		case err != nil:
			return x, err
		case x.Bearer == nil:
			return x, campus.Errorf(campus.Conflict, "sale_settled", "nobody has proposed who bears sale %d", id.Sequence)
		case *x.ProposedBy == who.ID:
			return x, campus.Errorf(campus.Forbidden, "same_person", "sale %d takes a second person", id.Sequence)
		}
		x.ConfirmedBy = &who.ID
		if err := settleSuspended(t, p, &x); err != nil {
			return x, err
		}
		return x, keepSettlement(t, req, x, "offline.confirm")
	})
}

// lockSuspended locks the till of a sale, and so what is settled of it: the till's row comes before accounts. Conflict:
// sale_settled. NotFound: sale_unknown.
func lockSuspended(t db.Tx, university string, id RecordID) (x SuspendedSale, err error) {
	words := map[string]any{"university": university, "terminal": id.Terminal, "generation": id.Generation,
		"sequence": id.Sequence, "variant": id.Variant}
	err = t.Ask(`select m.book_id, m.trade from terminals t join merchants m on m.id = t.merchant_id
		where t.id = @terminal and t.university = @university for no key update of t`, words).Scan(&x.book, &x.trade)
	if err = absent(err, "sale_unknown", "no till of the sale"); err != nil {
		return x, err
	}
	err = t.Ask(suspendedColumns+`and r.terminal = @terminal and r.generation = @generation and r.sequence = @sequence
		and r.variant = @variant`, words).Scan(&x.Terminal, &x.Generation, &x.Sequence, &x.Variant, &x.University, &x.MerchantZH, &x.MerchantEN, &x.Till, &x.Key,
		&x.AmountCents, &x.TakenAt, &x.At, &x.Why, &x.AccountID, &x.Bearer, &x.Reason, &x.ProposedBy, &x.ConfirmedBy,
		&x.SettledAt, &x.TransferID)
	if err = absent(err, "sale_unknown", "no such sale in suspense"); err != nil {
		return x, err
	}
	if x.SettledAt != nil {
		return x, campus.Errorf(campus.Conflict, "sale_settled", "sale %d is settled", id.Sequence)
	}
	return x, nil
}

// settleSuspended posts a sale as it is borne.
func settleSuspended(t db.Tx, policy campus.MoneyPolicy, x *SuspendedSale) error {
	p := Payment{Terminal: x.Terminal.String(), Key: x.Key, Book: x.book, Cents: x.AmountCents, Kind: campus.PaymentTransfer,
		TakenAt: x.TakenAt, Terms: policy.Terms(campus.PaymentTransfer, x.trade)}
	x.SettledAt = &t.Now
	var id uuid.UUID
	switch *x.Bearer {
	case campus.HolderBears:
		a, err := lockAccount(t, *x.AccountID)
		if err != nil {
			return err
		}
		if a.ClosedAt != nil {
			return accountClosed(a)
		}
		if _, id, err = charge(t, a, p); err != nil {
			return err
		}
	case campus.CoverBears:
		var err error
		if id, err = payFromCover(t, x.University, p, posting{kind: campus.CoverTransfer}); err != nil {
			return err
		}
	default:
		return nil // nothing is posted
	}
	x.TransferID = &id
	return nil
}

func keepSettlement(t db.Tx, req casework.Request, x SuspendedSale, action string) error {
	if err := t.Write(`insert into offline_settlements (terminal, generation, sequence, variant, bearer, reason, proposed_by,
			proposed_at, confirmed_by, settled_at, transfer_id)
		values (@terminal, @generation, @sequence, @variant, @bearer, @reason, @by, @now, @confirmed, @settled, @transfer)
		on conflict on constraint offline_settlements_pkey do update set bearer = excluded.bearer, reason = excluded.reason,
			proposed_by = excluded.proposed_by, confirmed_by = excluded.confirmed_by, settled_at = excluded.settled_at,
			transfer_id = excluded.transfer_id`, map[string]any{"terminal": x.Terminal, "generation": x.Generation,
		"sequence": x.Sequence, "variant": x.Variant, "bearer": string(*x.Bearer), "reason": x.Reason, "by": *x.ProposedBy, "now": t.Now,
		"confirmed": x.ConfirmedBy, "settled": x.SettledAt, "transfer": x.TransferID}); err != nil {
		return err
	}
	if err := t.Flush(); err != nil {
		return refusal(err)
	}
	return casework.AddAudit(t, req.Actor, action, "terminal/"+x.Terminal.String(), x.University)
}
