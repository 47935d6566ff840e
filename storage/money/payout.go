package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// PayoutFile is what the bank is asked to pay, as one file (L3). Its id is its name at the bank.
type PayoutFile struct {
	ID         uuid.UUID   `json:"id"`
	University string      `json:"-"`
	Through    campus.Date `json:"through,omitzero" required:"false" doc:"The last day of the books of which it pays merchants; none: it pays somebody what nobody had claimed"`
	MadeBy     string      `json:"made_by"`
	MadeAt     time.Time   `json:"made_at"`
	TakenAt    *time.Time  `json:"taken_at,omitempty" doc:"When the bank was first heard to have it"`
	Failure    string      `json:"failure,omitempty" doc:"The code of the last try that failed"`
	Tries      int         `json:"-"`
	NextTry    *time.Time  `json:"next_try,omitempty" doc:"When the bank is asked next; none: nothing is asked any more"`
	Lines      int         `json:"lines"`
	Waiting    int         `json:"waiting" doc:"Lines without an outcome"`
	Bounced    int         `json:"bounced" doc:"Lines that came back"`
	TotalCents int64       `json:"total_cents"`
}

// Payout is a line of a file: what one merchant is paid, or what a payer gets that nobody had claimed.
type Payout struct {
	ID          uuid.UUID          `json:"id"`
	FileID      uuid.UUID          `json:"file"`
	University  string             `json:"-"`
	MerchantID  uuid.UUID          `json:"merchant,omitzero" required:"false"`
	NameZH      string             `json:"name_zh,omitempty" doc:"Of the merchant"`
	NameEN      string             `json:"name_en,omitempty"`
	AccountID   uuid.UUID          `json:"account,omitzero" required:"false"`
	UnclaimedID uuid.UUID          `json:"unclaimed,omitzero" required:"false" doc:"Of unclaimed money: the settlement"`
	AmountCents int64              `json:"amount_cents"`
	FirstDay    campus.Date        `json:"first_day" doc:"Of the settlements that it pays"`
	LastDay     campus.Date        `json:"last_day"`
	State       campus.PayoutState `json:"state"`
	Reason      string             `json:"reason,omitempty" doc:"The bank's, of one that bounced"`
	PaidAt      *time.Time         `json:"paid_at,omitempty"`
	BouncedAt   *time.Time         `json:"bounced_at,omitempty"`
	Masked      string             `json:"number" doc:"The last four digits of the account"`
}

// MakePayouts gathers what is due to the merchants of a university, and has the bank asked for it. Of each merchant
// with a bank account, all settlements that were not paid make one payout, if together they are at least so much; who
// is below that, or below nothing, carries it forward. The money is taken from the merchants' books before the bank is
// asked. Conflict: nothing_due.
func (s *Store) MakePayouts(ctx context.Context, req casework.Request, university string, least int64) (PayoutFile, error) {
	return casework.Once(ctx, s.casework, "make payouts", req, func(t db.Tx) (PayoutFile, error) {
		return makePayouts(t, req.Actor, university, least)
	})
}

// MakePayoutsDue is MakePayouts by itself, of a university that has settled another day since its last file, with
// something to pay for it: what has bounced alone is not sent again. Who is as fast has made the file, and nothing is
// due any more.
func (s *Store) MakePayoutsDue(ctx context.Context, university string, least int64) error {
	err := s.InTx(ctx, "make payouts", func(t db.Tx) error {
		var last campus.Date
		if err := t.Ask(`select coalesce(max(through), '2000-01-01') from payout_files where university = @university`,
			map[string]any{"university": university}).Scan(&last); err != nil {
			return err
		}
		f, err := makePayouts(t, campus.System(), university, least)
		if err == nil && !last.Before(f.Through) {
			err = campus.Errorf(campus.Conflict, "nothing_due", "nothing is due to a merchant of %s since %s", university, last)
		}
		return err
	})
	if campus.ReasonOf(err) == "nothing_due" {
		return nil
	}
	return err
}

// dueMerchant is what is due to a merchant.
type dueMerchant struct {
	MerchantID uuid.UUID
	BookID     uuid.UUID
	AccountID  uuid.UUID
	Cents      int64
	FirstDay   campus.Date
	LastDay    campus.Date
}

func makePayouts(t db.Tx, by campus.Actor, university string, least int64) (f PayoutFile, err error) {
	due, err := lockDue(t, university, least)
	if err != nil {
		return f, err
	}
	if len(due) == 0 {
		return f, campus.Errorf(campus.Conflict, "nothing_due", "nothing is due to a merchant of %s", university)
	}
	f = PayoutFile{ID: uuid.Must(uuid.NewV7()), University: university, MadeBy: by.String(), MadeAt: t.Now, NextTry: &t.Now,
		Lines: len(due), Waiting: len(due)}
	for _, d := range due {
		f.TotalCents += d.Cents
		if f.Through.Before(d.LastDay) {
			f.Through = d.LastDay
		}
	}
	if err := t.Write(`insert into payout_files (id, university, through, made_by, made_at, next_try)
		values (@id, @university, @through, @by, @now, @now)`, map[string]any{"id": f.ID, "university": university,
		"through": f.Through, "by": f.MadeBy, "now": t.Now}); err != nil {
		return f, err
	}
	book, err := bookOf(t, university, campus.PayoutsBook)
	if err != nil {
		return f, err
	}
	for _, d := range due {
		if err := makePayout(t, f, d, book); err != nil {
			return f, err
		}
	}
	return f, casework.AddAudit(t, by, "payout.make", "payout_file/"+f.ID.String(), university)
}

// lockDue locks the settlements of a university that were not paid, and adds up those of each merchant that can be
// paid. The sums are of rows that are locked, so that two who gather at once pay each once.
func lockDue(t db.Tx, university string, least int64) (due []dueMerchant, err error) {
	rows, err := t.Raw(lockDueSQL, map[string]any{"university": university, "least": least}).Rows()
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // only read
	for rows.Next() {
		var d dueMerchant
		if err := rows.Scan(&d.MerchantID, &d.BookID, &d.AccountID, &d.Cents, &d.FirstDay, &d.LastDay); err != nil {
			return nil, err
		}
		due = append(due, d)
	}
	return due, rows.Err()
}

const lockDueSQL = `with open as materialized (
	select id, merchant_id, day, due_cents from settlements where university = @university and payout_id is null
	order by id for no key update
)
select o.merchant_id, m.book_id, a.id, sum(o.due_cents)::bigint, min(o.day), max(o.day)
from open o join merchants m on m.id = o.merchant_id
	join merchant_accounts a on a.merchant_id = o.merchant_id and a.state = 'current'
group by o.merchant_id, m.book_id, a.id having sum(o.due_cents) >= @least order by o.merchant_id`

// makePayout takes what is due to a merchant from its book.
func makePayout(t db.Tx, f PayoutFile, d dueMerchant, book uuid.UUID) error {
	id := uuid.Must(uuid.NewV7())
	if err := t.Write(`insert into payouts (id, file_id, university, merchant_id, account_id, amount_cents, first_day, last_day)
		values (@id, @file, @university, @merchant, @account, @cents, @first, @last)`, map[string]any{"id": id, "file": f.ID,
		"university": f.University, "merchant": d.MerchantID, "account": d.AccountID, "cents": d.Cents, "first": d.FirstDay,
		"last": d.LastDay}); err != nil {
		return err
	}
	if err := t.Write(`update settlements set payout_id = @id where merchant_id = @merchant and payout_id is null
		and day <= @last`, map[string]any{"id": id, "merchant": d.MerchantID, "last": d.LastDay}); err != nil {
		return err
	}
	_, err := postBetween(t, d.BookID, book, d.Cents, posting{kind: campus.PayoutTransfer, cause: id, terminal: "payout",
		key: id.String(), taken: t.Now})
	return err
}

// SettlePayout keeps what the bank says of a line. What was paid may bounce later: then, and once, the money is in the
// merchant's book again, and its settlements are due again. Saying the same again changes nothing. NotFound:
// payout_unknown. Conflict: channel_contradicts (what has bounced is paid after all, and people look into it).
func (s *Store) SettlePayout(ctx context.Context, university string, id uuid.UUID, paid bool, reason string) error {
	return s.refused(ctx, s.InTx(ctx, "settle a payout", func(t db.Tx) error {
		p := Payout{ID: id, University: university}
		var merchant uuid.UUID // its book
		err := t.Ask(`select p.state, p.amount_cents, p.unclaimed_id, m.book_id
			from payouts p left join merchants m on m.id = p.merchant_id
			where p.id = @id and p.university = @university for no key update of p`,
			map[string]any{"id": id, "university": university}).Scan(&p.State, &p.AmountCents, &p.UnclaimedID, &merchant)
		switch {
		case err != nil:
			return absent(err, "payout_unknown", "no such payout")
		case p.State == campus.PayoutBounced && paid:
			return contradiction{ChannelConflict{University: university, Channel: bankChannel, Subject: campus.PayoutConflict,
				Ref: id.String(), Kept: string(campus.PayoutBounced), Said: string(campus.PayoutPaid)}}
		case p.State == campus.PayoutBounced, p.State == campus.PayoutPaid && paid:
			return nil
		case paid:
			return t.Write(`update payouts set state = 'paid', paid_at = @now where id = @id`,
				map[string]any{"id": id, "now": t.Now})
		}
		return bouncePayout(t, p, merchant, reason)
	}))
}

// bankChannel is the bank among those who contradict themselves.
const bankChannel = "bank"

// bouncePayout puts the money of a payout back: to the merchant's book, or to what nobody has claimed.
func bouncePayout(t db.Tx, p Payout, back uuid.UUID, reason string) error {
	book, err := bookOf(t, p.University, campus.PayoutsBook)
	if err != nil {
		return err
	}
	if p.UnclaimedID != uuid.Nil {
		if err := unclaimAgain(t, p.University, p.UnclaimedID); err != nil {
			return err
		}
		if back, err = bookOf(t, p.University, campus.UnclaimedBook); err != nil {
			return err
		}
	}
	words := map[string]any{"id": p.ID, "now": t.Now, "reason": reason}
	if err := t.Write(`update payouts set state = 'bounced', bounced_at = @now, reason = @reason where id = @id`,
		words); err != nil {
		return err
	}
	if err := t.Write(`update settlements set payout_id = null where payout_id = @id`, words); err != nil {
		return err
	}
	_, err = postBetween(t, book, back, p.AmountCents, posting{kind: campus.PayoutBackTransfer, cause: p.ID, terminal: "payout",
		key: p.ID.String() + "/back", taken: t.Now})
	return err
}
