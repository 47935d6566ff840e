package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Refunding is money that goes back to where it came from. Its ID is the key under which the channel is asked.
type Refunding struct {
	ID          uuid.UUID
	PaymentID   uuid.UUID
	University  string
	Channel     string
	Kind        campus.RefundKind
	AmountCents int64
	State       campus.RefundState
	Failure     string
	AskedBy     string
	AskedAt     time.Time
	DoneAt      *time.Time
	NextTry     *time.Time
	Tries       int

	Transaction string        // of the payment
	OrderID     uuid.NullUUID // of the payment
	OrderRef    string
	Currency    string
	Stray       campus.StrayReason
}

const refundColumns = `select r.id, r.payment_id, r.university, r.channel, r.kind, r.amount_cents, r.state, r.failure,
	r.asked_by, r.asked_at, r.done_at, r.next_try, r.tries, p.transaction, p.order_id, p.order_ref, p.currency, p.stray
	from topup_refunds r join topup_payments p on p.id = r.payment_id `

func insertRefund(t db.Tx, r Refunding) error {
	return t.Write(`insert into topup_refunds (id, payment_id, university, channel, kind, amount_cents, asked_by, asked_at,
			next_try)
		values (@id, @payment, @university, @channel, @kind, @amount, @by, @now, @now)`, map[string]any{
		"id": r.ID, "payment": r.PaymentID, "university": r.University, "channel": r.Channel, "kind": string(r.Kind),
		"amount": r.AmountCents, "by": r.AskedBy, "now": t.Now,
	})
}

// AskRefund takes an amount of a top-up from the main purse, to go back to where it came from: never more in all than
// the top-up has brought, and no subsidy. The money is taken before the channel is asked. Cents of 0 are all that is
// left of the top-up. NotFound: topup_unknown. Conflict: topup_not_paid, refund_too_high, already_back, refunds_spent,
// refund_too_late, account_held, refund_beyond_purse, account_closed.
func (s *Store) AskRefund(ctx context.Context, req casework.Request, terms campus.TopUpPolicy, person, order uuid.UUID,
	cents int64) (r Refunding, err error) {
	if cents != 0 {
		if err := campus.CheckAmount(cents); err != nil {
			return r, err
		}
	}
	account, err := s.accountOfOrder(ctx, order)
	if err != nil {
		return r, err
	}
	r, err = onceAlone(ctx, s, account, "refund a top-up", req, func(t db.Tx) (Refunding, error) {
		o, r, err := refundable(t, terms, person, order, cents)
		if err != nil {
			return r, err
		}
		r.ID, r.AskedBy, r.AskedAt, r.State = req.ID, req.Actor.String(), t.Now, campus.RefundAsked
		if err := takeRefund(t, o, r); err != nil {
			return r, err
		}
		return r, casework.AddAudit(t, req.Actor, "topup.refund", "topup/"+o.ID.String(), o.University)
	})
	return r, refusal(err)
}

// refundable locks an order and says what would be refunded of it.
func refundable(t db.Tx, terms campus.TopUpPolicy, person, order uuid.UUID, cents int64) (o Order, r Refunding,
	err error) {
	o, found, err := lockOrder(t, order)
	if err == nil && found {
		found, err = o.isOf(t, person)
	}
	switch {
	case err != nil:
		return o, r, err
	case !found:
		return o, r, orderUnknown(order)
	}
	asked, err := refundsOf(t, order)
	if err != nil {
		return o, r, err
	}
	if err := o.mayRefund(terms, t.Now, asked); err != nil {
		return o, r, err
	}
	var left int64
	err = t.Ask(`select id, transaction, amount_cents - refunded_cents from topup_payments
		where order_id = @order and stray = '' for no key update`, map[string]any{"order": order}).
		Scan(&r.PaymentID, &r.Transaction, &left)
	r.University, r.Channel, r.Kind, r.AmountCents = o.University, o.Channel, campus.HolderRefund, cents
	if cents == 0 {
		r.AmountCents = left
	}
	if err == nil {
		err = campus.CheckLeft(r.AmountCents, left)
	}
	return o, r, err
}

// refundsOf counts the refunds that were asked for of a top-up, which is locked.
func refundsOf(t db.Tx, order uuid.UUID) (asked int, err error) {
	err = t.Ask(`select count(*) from topup_refunds r join topup_payments p on p.id = r.payment_id
		where p.order_id = @order and p.stray = ''`, map[string]any{"order": order}).Scan(&asked)
	return asked, err
}

// takeRefund takes the money of a refund from the account, and keeps that the channel is to be asked.
func takeRefund(t db.Tx, o Order, r Refunding) error {
	a, err := lockAccount(t, o.AccountID)
	switch {
	case err != nil:
		return err
	case a.ClosedAt != nil:
		return accountClosed(a)
	case a.held(): // whoever has the card, or the phone, is not known to be the holder
		return campus.Errorf(campus.Conflict, "account_held", "account %s is held", a.ID)
	case a.MainCents < r.AmountCents:
		return campus.Errorf(campus.Conflict, "refund_beyond_purse", "the main purse has less than is to be refunded")
	}
	transit, err := channelBook(t, r.University, campus.TransitBook, r.Channel)
	if err != nil {
		return err
	}
	if _, _, err := post(t, a, posting{kind: campus.TopUpRefundTransfer, book: transit,
		change: campus.Purses{Main: -r.AmountCents}, cause: r.PaymentID, terminal: "refund", key: r.ID.String(),
		taken: t.Now}); err != nil {
		return err
	}
	if err := addRefunded(t, r.PaymentID, r.AmountCents); err != nil {
		return err
	}
	return insertRefund(t, r)
}

// addRefunded counts what goes back of a payment, or does not after all.
func addRefunded(t db.Tx, payment uuid.UUID, cents int64) error {
	return t.Ask(`update topup_payments set refunded_cents = refunded_cents + @cents where id = @id returning id`,
		map[string]any{"id": payment, "cents": cents}).Scan(&payment)
}

// DueRefunds are those for which a channel is to be asked now. Nobody else gets them until lease is over.
func (s *Store) DueRefunds(ctx context.Context, of Contract, limit int, lease time.Duration) ([]Refunding, error) {
	refunds, err := db.All[Refunding](ctx, s.DB, dueRefundsSQL, of.due(s.Now(), limit, lease))
	return refunds, db.Wrap("find refunds to ask for", err)
}

const dueRefundsSQL db.Statement = `with due as (
		update topup_refunds set next_try = @lease where id in (select id from topup_refunds
			where university = @university and channel = @channel and next_try <= @now
			order by next_try limit @limit for update skip locked)
		returning *)
	select r.id, r.payment_id, r.university, r.channel, r.kind, r.amount_cents, r.state, r.failure, r.asked_by,
		r.asked_at, r.done_at, r.next_try, r.tries, p.transaction, p.order_id, p.order_ref, p.currency, p.stray
	from due r join topup_payments p on p.id = r.payment_id`

// RefundTried keeps that a refund has no outcome yet, and when it is asked for again, under the same key.
func (s *Store) RefundTried(ctx context.Context, id uuid.UUID, failure string, next time.Time) error {
	return s.InTx(ctx, "keep a try of a refund", func(t db.Tx) error {
		return t.Write(`update topup_refunds set failure = @failure, next_try = @next, tries = tries + 1
			where id = @id and state = 'asked'`, map[string]any{"id": id, "failure": failure, "next": next})
	})
}

// SettleRefund keeps the outcome of a refund, once: the channel has paid it, or it never will. Then the money is put
// back on the account, or on the one that has come in its place; where there is none, nobody has claimed it. Saying the
// same again changes nothing. NotFound: refund_unknown. Conflict: channel_contradicts (the other outcome is kept, and
// people look into it).
func (s *Store) SettleRefund(ctx context.Context, university, channel string, id uuid.UUID, paid bool,
	failure string) error {
	account, err := s.accountOfRefund(ctx, id)
	if err != nil {
		return err
	}
	return s.refused(ctx, s.alone(ctx, account, "settle a refund", func(t db.Tx) error {
		return settleRefund(t, university, channel, id, paid, failure)
	}))
}

func settleRefund(t db.Tx, university, channel string, id uuid.UUID, paid bool, failure string) error {
	r, o, err := lockRefund(t, university, channel, id)
	switch {
	case err != nil:
		return err
	case r.State == campus.RefundAsked:
		return settle(t, o, r, paid, failure)
	case (r.State == campus.RefundDone) != paid:
		return contradiction{ChannelConflict{University: university, Channel: channel, Subject: campus.RefundConflict,
			Ref: id.String(), Kept: string(r.State), Said: string(refundState(paid))}}
	}
	return nil
}

func refundState(paid bool) campus.RefundState {
	if paid {
		return campus.RefundDone
	}
	return campus.RefundFailed
}

// lockRefund locks the order of a refund, if there is one, and the refund.
func lockRefund(t db.Tx, university, channel string, id uuid.UUID) (r Refunding, o Order, err error) {
	words := map[string]any{"id": id, "university": university, "channel": channel}
	err = t.Ask(`select p.id, p.order_id, p.currency from topup_refunds r join topup_payments p on p.id = r.payment_id
		where r.id = @id and r.university = @university and r.channel = @channel`, words).
		Scan(&r.PaymentID, &r.OrderID, &r.Currency)
	if err != nil {
		if none(err) == nil {
			err = campus.Errorf(campus.NotFound, "refund_unknown", "no refund %s", id)
		}
		return r, o, err
	}
	if r.OrderID.Valid {
		if o, _, err = lockOrder(t, r.OrderID.UUID); err != nil {
			return r, o, err
		}
	}
	r.ID, r.University, r.Channel = id, university, channel
	err = t.Ask(`select kind, amount_cents, state from topup_refunds where id = @id for no key update`, words).
		Scan(&r.Kind, &r.AmountCents, &r.State)
	return r, o, err
}

// settle ends a refund that was asked for.
func settle(t db.Tx, o Order, r Refunding, paid bool, failure string) (err error) {
	state := campus.RefundDone
	switch {
	case r.Kind == campus.StrayRefund:
		state, err = settleStray(t, r, paid)
	case paid:
		err = moveTransit(t, r, campus.ChannelBook, r.Channel, campus.TopUpRefundTransfer)
	default:
		state, err = putBack(t, o, r)
	}
	if err != nil {
		return err
	}
	if err := t.Write(`update topup_refunds set state = @state, failure = @failure, done_at = @now, next_try = null
		where id = @id`, map[string]any{"id": r.ID, "state": string(state), "failure": failure, "now": t.Now}); err != nil {
		return err
	}
	return tellRefund(t, o, r, state)
}

// settleStray moves what lay in suspense: back to its channel, or to what nobody has claimed.
func settleStray(t db.Tx, r Refunding, paid bool) (campus.RefundState, error) {
	state := campus.RefundUnclaimed
	if paid {
		state = campus.RefundDone
	}
	switch {
	case r.Currency != campus.Yuan: // it is in no book
		return state, nil
	case paid:
		return state, postStray(t, r.PaymentID, r.University, r.Channel, r.AmountCents, false)
	}
	suspense, err := bookOf(t, r.University, campus.SuspenseBook)
	if err != nil {
		return state, err
	}
	unclaimed, err := bookOf(t, r.University, campus.UnclaimedBook)
	if err != nil {
		return state, err
	}
	_, err = postBetween(t, suspense, unclaimed, r.AmountCents, refundPosting(t, r, campus.UnclaimedTransfer))
	return state, err
}

// putBack puts the money of a refund that the channel did not pay back on the account. It counts as never refunded
// then, unless nobody is left to have it.
func putBack(t db.Tx, o Order, r Refunding) (campus.RefundState, error) {
	a, err := lockAccount(t, o.AccountID)
	if err != nil {
		return "", err
	}
	if a.ClosedAt != nil {
		return campus.RefundUnclaimed, moveTransit(t, r, campus.UnclaimedBook, "", campus.UnclaimedTransfer)
	}
	p := refundPosting(t, r, campus.TopUpBackTransfer)
	if p.book, err = channelBook(t, r.University, campus.TransitBook, r.Channel); err != nil {
		return "", err
	}
	p.change = a.Purses().PutMain(r.AmountCents)
	if _, _, err := post(t, a, p); err != nil {
		return "", err
	}
	return campus.RefundFailed, addRefunded(t, r.PaymentID, -r.AmountCents)
}

// moveTransit moves the money of a refund on from the book of what is on its way.
func moveTransit(t db.Tx, r Refunding, kind campus.BookKind, ref string, transfer campus.TransferKind) error {
	transit, err := channelBook(t, r.University, campus.TransitBook, r.Channel)
	if err != nil {
		return err
	}
	to, err := channelBook(t, r.University, kind, ref)
	if err != nil {
		return err
	}
	_, err = postBetween(t, transit, to, r.AmountCents, refundPosting(t, r, transfer))
	return err
}

func refundPosting(t db.Tx, r Refunding, kind campus.TransferKind) posting {
	return posting{kind: kind, cause: r.PaymentID, terminal: "refund", key: r.ID.String() + "/end", taken: t.Now}
}

// tellRefund tells the holder of the order, under the number that they have by now, how a refund has ended. For what
// has no order, nobody is known. What could not be credited may be in any currency, and is told with the top-up that it
// was paid for.
func tellRefund(t db.Tx, o Order, r Refunding, state campus.RefundState) error {
	if o.ID == uuid.Nil {
		return nil
	}
	notice := campus.Notice{Params: orderParams(o, r.AmountCents)}
	notice.Params["currency"] = r.Currency
	switch {
	case state == campus.RefundPaidOut:
		notice.Template = "notice.topup_paid_out"
	case state == campus.RefundKept:
		notice.Template = "notice.topup_kept"
	case r.Kind == campus.StrayRefund && state == campus.RefundDone:
		notice.Template = "notice.topup_returned"
	case r.Kind == campus.StrayRefund:
		notice.Template = "notice.topup_not_returned"
	case state == campus.RefundDone:
		notice.Template = "notice.topup_refunded"
	case state == campus.RefundFailed:
		notice.Template = "notice.topup_refund_failed"
	default:
		notice.Template = "notice.topup_unclaimed"
	}
	if r.Kind == campus.StrayRefund {
		notice.Params["asked"] = campus.YuanText(o.AmountCents)
	}
	var holder uuid.UUID
	if err := t.Ask(holderSQL, map[string]any{"account": o.AccountID}).Scan(&holder); err != nil {
		return err
	}
	return casework.QueueNotice(t, holder, nil, notice, nil)
}

// holderSQL is the person of the account that has come in place of one by now.
const holderSQL = `with recursive line as (
	select person_id, successor from accounts where id = @account
	union all select a.person_id, a.successor from accounts a join line l on a.id = l.successor
) select person_id from line where successor is null`

// StuckRefunds are what people of a university should look at, oldest first: refunds that have waited for an outcome
// since before a moment, and what nobody has claimed.
func (s *Store) StuckRefunds(ctx context.Context, university string, before time.Time, after uuid.UUID,
	limit int) ([]Refunding, error) {
	refunds, err := db.All[Refunding](ctx, s.Reports, stuckRefundsSQL, map[string]any{
		"university": university, "before": before, "after": casework.Nullable(after), "limit": limit})
	return refunds, db.Wrap("list refunds that wait", err)
}

const stuckRefundsSQL db.Statement = refundColumns + `where r.university = @university and r.state in ('asked', 'unclaimed')
	and (r.state = 'unclaimed' or r.asked_at < @before)
	and (cast(@after as uuid) is null or r.id > @after) order by r.id limit @limit`

// RetryRefund has the channel asked for a refund at once, under its key. NotFound: refund_unknown. Conflict:
// refund_settled.
func (s *Store) RetryRefund(ctx context.Context, req casework.Request, who campus.StaffMember,
	id uuid.UUID) (r Refunding, err error) {
	return casework.Once(ctx, s.casework, "ask for a refund again", req, func(t db.Tx) (Refunding, error) {
		err := t.Ask(`update topup_refunds set next_try = case when state = 'asked' then cast(@now as timestamptz) end
			where id = @id and university = @university returning id, state, amount_cents, asked_at, done_at`,
			map[string]any{"id": id, "university": who.University, "now": t.Now}).
			Scan(&r.ID, &r.State, &r.AmountCents, &r.AskedAt, &r.DoneAt)
		switch {
		case err != nil && none(err) == nil:
			return r, campus.Errorf(campus.NotFound, "refund_unknown", "no refund %s", id)
		case err != nil:
			return r, err
		case r.State != campus.RefundAsked:
			return r, campus.Errorf(campus.Conflict, "refund_settled", "refund %s has an outcome", id)
		}
		return r, casework.AddAudit(t, req.Actor, "topup.refund_retry", "topup_refund/"+id.String(), who.University)
	})
}
