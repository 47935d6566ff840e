package money

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Refund gives a part of a payment back.
type Refund struct {
	Terminal string // with the key: whoever asks
	Key      string
	Payment  uuid.UUID // the transfer
	Cents    int64     // 0 with Void: all
	Void     bool      // 撤销: all of it, before anything was given back and before the books of its day close
	TakenAt  time.Time
	By       campus.Actor

	Till        *Till         // that asks: of payments of its merchant, and while it works
	RetryWithin time.Duration // how old it may be at a till if its key was never seen
	University  string        // of the member of staff who asks; empty with a till
}

// sees tells whether the payment is one that whoever asks may know of.
func (r Refund) sees(o original) bool {
	return (r.Till == nil || r.Till.Book == o.Book) && (r.University == "" || r.University == o.University)
}

// original is a payment that is undone.
type original struct {
	ID       uuid.UUID
	Account  uuid.UUID
	Book     uuid.UUID
	Kind     campus.TransferKind
	Change   campus.Purses // what it took from the account, below nothing
	Spent    int64
	At       time.Time
	BooksDay campus.Date
	Until    campus.Date // the end of the subsidy that it was paid from
	Open     bool        // the books of its day

	University string

	left campus.Purses // what was not given back yet
}

// Refund gives money back to the purses that a payment took it from, the main one first, and on the same day to the
// limit of the day (E2). What goes to a subsidy that has ended goes to the fund, and what goes to a closed account to
// what nobody has claimed. Two at once never give back more than was paid. Conflict: key_reused, refund_too_high,
// already_back, settled, partly_back. Invalid: moment_invalid. NotFound: payment_unknown.
func (s *Store) Refund(ctx context.Context, r Refund) (answer Answer, err error) {
	if err := r.check(); err != nil {
		return answer, err
	}
	account, err := s.accountOfPayment(ctx, r.Payment)
	if err != nil {
		return answer, err
	}
	err = s.alone(ctx, account, "refund a payment", func(t db.Tx) error {
		answer, err = r.post(t)
		return err
	})
	return answer, refusal(err)
}

// RefundByStaff is Refund for a member of staff, whose request has its key in the one space of all requests (E4).
// Conflict: idempotency_key_reused, and as Refund.
func (s *Store) RefundByStaff(ctx context.Context, req casework.Request, r Refund) (answer Answer, err error) {
	r.Terminal, r.Key, r.By = "staff/"+req.Actor.ID, req.Key, req.Actor
	if err := r.check(); err != nil {
		return answer, err
	}
	account, err := s.accountOfPayment(ctx, r.Payment)
	if err != nil {
		return answer, err
	}
	answer, err = onceAlone(ctx, s, account, "refund a payment", req, r.post)
	return answer, refusal(err)
}

// check refuses what no refund can be. Invalid: key_missing, moment_invalid, amount_invalid.
func (r Refund) check() error {
	if err := campus.CheckKey(r.Terminal, r.Key); err != nil {
		return err
	}
	if !campus.PlausibleTime(r.TakenAt) {
		return campus.FieldErrorf("taken_at", "moment_invalid", "a moment that cannot be meant")
	}
	if r.Void {
		return nil
	}
	return campus.CheckAmount(r.Cents)
}

// post gives the money back, once for the key.
func (r Refund) post(t db.Tx) (answer Answer, err error) {
	hash := hashOf("refund", r.Payment.String(), strconv.FormatInt(r.Cents, 10), strconv.FormatBool(r.Void))
	if first, found, err := firstAnswer(t, r.Terminal, r.Key, hash); err != nil || found {
		return first, err
	}
	if r.Till != nil {
		if err := tillGivesBack(t, *r.Till); err != nil {
			return answer, err
		}
		if err := campus.CheckGivenBack(r.TakenAt, t.Now, r.RetryWithin); err != nil {
			return answer, err
		}
	}
	o, err := lockOriginal(t, r.Payment)
	if err != nil {
		return answer, err
	}
	if !r.sees(o) {
		return answer, unknownPayment(r.Payment)
	}
	// Once more: who came with the same key was let in before the payment was locked.
	if first, found, err := firstAnswer(t, r.Terminal, r.Key, hash); err != nil || found {
		return first, err
	}
	kind, back, err := r.part(o)
	if err != nil {
		return answer, err
	}
	a, id, err := o.giveBack(t, back, posting{kind: kind, terminal: r.Terminal, key: r.Key, taken: r.TakenAt})
	if err != nil {
		return answer, err
	}
	answer = Answer{Outcome: Posted, Transfer: id, BalanceCents: a.MainCents + a.SubsidyCents, At: t.Now, given: back.Net()}
	if err := keepAnswer(t, r.Terminal, r.Key, hash, a.ID, answer); err != nil {
		return answer, err
	}
	return answer, casework.AddAudit(t, r.By, "payment."+string(kind), "transfer/"+o.ID.String(), a.University)
}

// part is what goes back of a payment. Conflict: refund_too_high, already_back; of a void settled, partly_back: only a
// refund is possible then.
func (r Refund) part(o original) (campus.TransferKind, campus.Purses, error) {
	if !r.Void {
		back, err := o.left.GiveBack(r.Cents)
		return campus.RefundTransfer, back, err
	}
	all := -o.Change.Net()
	switch {
	case !o.Open:
		return "", o.left, campus.Errorf(campus.Conflict, "settled", "the books of payment %s are closed", o.ID)
	case o.left.Main+o.left.Subsidy < all && o.left != campus.Purses{}:
		return "", o.left, campus.Errorf(campus.Conflict, "partly_back", "a part of payment %s was given back", o.ID)
	}
	back, err := o.left.GiveBack(all)
	return campus.VoidTransfer, back, err
}

// Reversal takes a sale back whose answer a till has not seen (冲正).
type Reversal struct {
	Terminal    string // with the key: those of the sale
	Key         string
	SoldAt      time.Time     // when the sale was, by the till's clock
	TakenAt     time.Time     // when the till began to take it back
	RetryWithin time.Duration // how old the sale may be if its key was never seen, as for the sale itself
	Till        *Till         // that asks; nil: nobody looks whether it may
}

// Reverse undoes what stands under a key of a terminal that has not seen the answer to it (冲正), whatever that is. When
// nothing stands there yet, what comes finds that it is reversed; but a sale so old that its answer may be gone is
// refused, because it may have been paid. The same again is the same answer. Conflict: settled (only a refund is
// possible then), not_a_payment, payment_time, terminal_stopped: whoever has a stopped till, staff give back what it
// has taken.
func (s *Store) Reverse(ctx context.Context, r Reversal) (answer Answer, err error) {
	if err := campus.CheckKey(r.Terminal, r.Key); err != nil {
		return answer, err
	}
	account, err := s.accountOfAnswer(ctx, r.Terminal, r.Key)
	if err != nil {
		return answer, err
	}
	err = s.alone(ctx, account, "reverse a payment", func(t db.Tx) error {
		if r.Till != nil {
			if err := tillGivesBack(t, *r.Till); err != nil {
				return err
			}
		}
		first, found, err := findAnswer(t, r.Terminal, r.Key)
		switch {
		case err != nil:
			return err
		case !found:
			answer = Answer{Outcome: campus.ReversedFirst, At: t.Now, Reversed: true}
			return keepReversalFirst(t, r)
		case first.Outcome == Posted:
			return campus.Errorf(campus.Conflict, "not_a_payment", "the key stands for no payment")
		case first.Outcome != campus.Paid || first.Reversed:
			answer = first.Answer
			answer.Reversed = true
			return nil
		}
		answer, err = reversePaid(t, first,
			posting{kind: campus.ReversalTransfer, terminal: r.Terminal, key: r.Key, taken: r.TakenAt})
		return err
	})
	return answer, refusal(err)
}

// keepReversalFirst keeps that a key is reversed before anything came with it. When the payment was as fast, the
// transaction is made again and finds it. Conflict: payment_time.
func keepReversalFirst(t db.Tx, r Reversal) error {
	var dropped, at time.Time
	if err := t.Ask(`select until from dropped_answers`, nil).Scan(&dropped); err != nil {
		return err
	}
	if r.SoldAt.Before(t.Now.Add(-r.RetryWithin)) || !r.SoldAt.After(dropped) || r.SoldAt.After(t.Now.Add(campus.TillClockOff)) {
		return campus.Errorf(campus.Conflict, string(campus.PaymentTime), "nobody can say whether the sale was paid")
	}
	return t.Ask(`insert into answers (terminal, key, hash, outcome, at, reversed_at)
		values (@terminal, @key, '', @outcome, @now, @now) returning at`, map[string]any{"terminal": r.Terminal, "key": r.Key,
		"outcome": string(campus.ReversedFirst), "now": t.Now}).Scan(&at)
}

// reversePaid gives back all that is left of a payment, if nobody has reversed it meanwhile.
func reversePaid(t db.Tx, first kept, p posting) (Answer, error) {
	o, err := lockOriginal(t, first.Transfer)
	if err != nil {
		return Answer{}, err
	}
	now, _, err := findAnswer(t, p.terminal, p.key) // once more: others were let in before the payment was locked
	if err != nil || now.Reversed {
		return now.Answer, err
	}
	if !o.Open {
		return Answer{}, campus.Errorf(campus.Conflict, "settled", "the books of payment %s are closed", o.ID)
	}
	var reversal uuid.UUID
	if o.left.Main+o.left.Subsidy > 0 {
		if _, reversal, err = o.giveBack(t, o.left, p); err != nil {
			return Answer{}, err
		}
	}
	answer := first.Answer
	answer.Reversed = true
	return answer, t.Write(`update answers set reversed_at = @now, reversal_id = @reversal, given_cents = @given
		where terminal = @terminal and key = @key`, map[string]any{"terminal": p.terminal, "key": p.key, "now": t.Now,
		"given": o.left.Net(), "reversal": uuid.NullUUID{UUID: reversal, Valid: reversal != uuid.Nil}})
}

// lockOriginal locks what was given back of a payment, and answers it with what is left. NotFound: payment_unknown.
func lockOriginal(t db.Tx, id uuid.UUID) (o original, err error) {
	err = t.Ask(`select t.id, t.account_id, t.to_id, t.kind, t.main_change, t.subsidy_change, t.debt_change,
			t.spent_change, t.at, t.books_day, t.subsidy_until,
			not exists (select from books_closed c join books b on b.university = c.university
				where b.id = t.to_id and c.day >= t.books_day) as open, a.university
		from transfers t join accounts a on a.id = t.account_id
		where t.id = @id and t.account_id = t.from_id and t.kind in ('payment', 'charge')`, map[string]any{"id": id}).
		Scan(&o.ID, &o.Account, &o.Book, &o.Kind, &o.Change.Main, &o.Change.Subsidy, &o.Change.Debt, &o.Spent, &o.At,
			&o.BooksDay, &o.Until, &o.Open, &o.University)
	if errors.Is(err, pgx.ErrNoRows) {
		return o, unknownPayment(id)
	}
	if err != nil {
		return o, err
	}
	if err := t.Write(`insert into refundables (transfer_id, main_cents, subsidy_cents) values (@id, @main, @subsidy)
		on conflict (transfer_id) do nothing`,
		map[string]any{"id": id, "main": o.Change.Debt - o.Change.Main, "subsidy": -o.Change.Subsidy}); err != nil {
		return o, err
	}
	if err := t.Flush(); err != nil {
		return o, err
	}
	err = t.Ask(`select main_cents - main_back, subsidy_cents - subsidy_back from refundables where transfer_id = @id
		for no key update`, map[string]any{"id": id}).Scan(&o.left.Main, &o.left.Subsidy)
	return o, err
}

func unknownPayment(id uuid.UUID) error {
	return campus.Errorf(campus.NotFound, "payment_unknown", "no payment %s", id)
}

// giveBack posts a part of what is left of a payment. The id is that of the transfer to the account, if there is one.
func (o original) giveBack(t db.Tx, back campus.Purses, p posting) (a Account, id uuid.UUID, err error) {
	if err := t.Write(`update refundables set main_back = main_back + @main, subsidy_back = subsidy_back + @subsidy
		where transfer_id = @id`, map[string]any{"id": o.ID, "main": back.Main, "subsidy": back.Subsidy}); err != nil {
		return a, id, err
	}
	if back == o.left && p.terminal != appealTerminal {
		if err := nudgeAppeal(t, o.ID); err != nil {
			return a, id, err
		}
	}
	if a, err = lockAccount(t, o.Account); err != nil {
		return a, id, err
	}
	p.book, p.cause = o.Book, o.ID
	if a.ClosedAt != nil {
		id, err = o.giveToNobody(t, back, p)
		return a, id, err
	}
	p.change = a.Purses().PutMain(back.Main)
	if back.Subsidy > 0 && !goneBy(o.Until, campus.DateOf(t.Now)) {
		p.change.Subsidy = back.Subsidy
		if a, err = putSubsidyUntil(t, a, o.Until); err != nil {
			return a, id, err
		}
	} else if id, err = o.giveTo(t, campus.SubsidyFundBook, back.Subsidy, p); err != nil { // it has ended
		return a, id, err
	}
	if p.change.Net() == 0 {
		return a, id, nil
	}
	if day := campus.DateOf(o.At); o.Spent > 0 && a.Day == day && campus.DateOf(a.moment(t.Now)) == day { // E2
		p.spent = -min(p.change.Net(), a.SpentCents)
	}
	return post(t, a, p)
}

// giveToNobody gives back what was paid from an account that is closed by now: nobody has claimed what was the
// holder's, and the subsidy goes to those who gave it. The answer names one of the transfers, that of the holder's part
// first.
func (o original) giveToNobody(t db.Tx, back campus.Purses, p posting) (uuid.UUID, error) {
	fund, err := o.giveTo(t, campus.SubsidyFundBook, back.Subsidy, p)
	if err != nil || back.Main == 0 {
		return fund, err
	}
	return o.giveTo(t, campus.UnclaimedBook, back.Main, p)
}

// giveTo posts a part of what is given back to a book of the university; nothing of 0.
func (o original) giveTo(t db.Tx, kind campus.BookKind, cents int64, p posting) (id uuid.UUID, err error) {
	if cents == 0 {
		return id, nil
	}
	book, err := bookOf(t, o.University, kind)
	if err != nil {
		return id, err
	}
	return postBetween(t, o.Book, book, cents, p)
}
