package money

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// ChannelPayment is a payment that a channel tells of, on its own account or because it was asked.
type ChannelPayment struct {
	University  string
	Channel     string
	Transaction string // the channel's own name of it
	OrderRef    string // what it is for: the id of an order, if it is one of ours
	Cents       int64  // hundredths of its currency
	Currency    string
	PaidAt      time.Time
}

// Heard is what a channel says on its own account: one of the three.
type Heard struct {
	University string
	Channel    string
	Payment    *ChannelPayment
	Closed     string         // an order that nobody can pay any more
	Refund     *RefundOutcome // of one that we have asked for
}

// RefundOutcome is what became of a refund at a channel.
type RefundOutcome struct {
	ID      uuid.UUID
	Paid    bool
	Failure string // the channel's reason, if it is not paid
}

// Hear takes a call-back of a channel, once for its id. Conflict: callback_conflict (the id was used for something
// else). And as TakePayment, SettleRefund.
func (s *Store) Hear(ctx context.Context, call casework.Callback, h Heard) error {
	account, err := s.accountHeardOf(ctx, h)
	if err != nil {
		return err
	}
	const what = "take a call-back of a channel"
	_, err = inTurn(ctx, s, account, what, func() (struct{}, error) {
		return struct{}{}, casework.TakeOnceAlone(ctx, s.casework, what, call, h.take)
	})
	return s.refused(ctx, err)
}

func (h Heard) take(t db.Tx) error {
	switch {
	case h.Payment != nil:
		_, err := takePayment(t, *h.Payment)
		return err
	case h.Refund != nil:
		return settleRefund(t, h.University, h.Channel, h.Refund.ID, h.Refund.Paid, h.Refund.Failure)
	}
	return orderClosed(t, h.University, h.Channel, h.Closed)
}

func (s *Store) accountHeardOf(ctx context.Context, h Heard) (uuid.UUID, error) {
	switch {
	case h.Payment != nil:
		return s.accountOfRef(ctx, h.Payment.OrderRef)
	case h.Refund != nil:
		return s.accountOfRefund(ctx, h.Refund.ID)
	}
	return s.accountOfRef(ctx, h.Closed)
}

// Taken is what became of a payment.
type Taken struct {
	Stray campus.StrayReason // why it was not credited; none: it was
	Again bool               // it was known already
}

// TakePayment credits a payment that a channel tells of, once, however often and in whatever order it is told (E4, L2):
// what comes after the end of its order is credited too. What cannot be credited lies in suspense and goes back to its
// source. Invalid: amount_invalid. Conflict: channel_contradicts (the channel told of another payment under that name,
// and people look into it).
func (s *Store) TakePayment(ctx context.Context, p ChannelPayment) (taken Taken, err error) {
	account, err := s.accountOfRef(ctx, p.OrderRef)
	if err != nil {
		return taken, err
	}
	err = s.alone(ctx, account, "take a payment of a channel", func(t db.Tx) error {
		taken, err = takePayment(t, p)
		return err
	})
	return taken, s.refused(ctx, err)
}

func takePayment(t db.Tx, p ChannelPayment) (taken Taken, err error) {
	if err := campus.CheckAmount(p.Cents); err != nil {
		return taken, err
	}
	if !campus.PlausibleTime(p.PaidAt) || p.PaidAt.After(t.Now) { // the money is there, whatever the channel's clock says
		p.PaidAt = t.Now
	}
	o, found, err := orderOf(t, p)
	if err != nil {
		return taken, err
	}
	first, known, err := knownPayment(t, p)
	if err != nil || known {
		return Taken{Stray: first, Again: true}, err
	}
	taken.Stray, err = takeNew(t, o, found, p)
	return taken, err
}

// orderOf locks the order that a payment is for; found is false if it names none of the university at the channel.
func orderOf(t db.Tx, p ChannelPayment) (o Order, found bool, err error) {
	id, isID := orderID(p.OrderRef)
	if !isID {
		return o, false, nil
	}
	o, found, err = lockOrder(t, id)
	if o.University != p.University || o.Channel != p.Channel {
		found = false
	}
	return o, found, err
}

// orderID reads the name of an order, in the one spelling that we give it.
func orderID(ref string) (id uuid.UUID, isID bool) {
	id, err := uuid.Parse(ref)
	return id, err == nil && id.String() == ref
}

// knownPayment tells what became of a payment that was told of before. Conflict: channel_contradicts.
func knownPayment(t db.Tx, p ChannelPayment) (stray campus.StrayReason, known bool, err error) {
	var before ChannelPayment
	err = t.Ask(`select stray, order_ref, amount_cents, currency from topup_payments
		where university = @university and channel = @channel and transaction = @transaction`, paymentWords(p)).
		Scan(&stray, &before.OrderRef, &before.Cents, &before.Currency)
	if err != nil {
		return "", false, none(err)
	}
	if before.OrderRef != p.OrderRef || before.Cents != p.Cents || before.Currency != p.Currency {
		return stray, true, contradiction{ChannelConflict{University: p.University, Channel: p.Channel,
			Subject: campus.PaymentConflict, Ref: p.Transaction, Kept: saidOf(before), Said: saidOf(p)}}
	}
	return stray, true, nil
}

func paymentWords(p ChannelPayment) map[string]any {
	return map[string]any{"university": p.University, "channel": p.Channel, "transaction": p.Transaction}
}

// takeNew credits a payment that was never told of, or keeps it back.
func takeNew(t db.Tx, o Order, found bool, p ChannelPayment) (campus.StrayReason, error) {
	id := uuid.Must(uuid.NewV7())
	if !found {
		return campus.OrderUnknown, keepStray(t, id, uuid.Nil, campus.OrderUnknown, p)
	}
	if stray := campus.JudgePayment(o.State, o.AmountCents, p.Cents, p.Currency); stray != campus.NotStray {
		return stray, keepStray(t, id, o.ID, stray, p)
	}
	a, err := lockAccount(t, o.AccountID)
	if err != nil {
		return "", err
	}
	if a.ClosedAt != nil {
		return campus.StrayClosed, keepStray(t, id, o.ID, campus.StrayClosed, p)
	}
	return campus.NotStray, creditOrder(t, id, o, a, p)
}

// creditOrder credits the payment of an order, and tells whose account it is by now.
func creditOrder(t db.Tx, id uuid.UUID, o Order, a Account, p ChannelPayment) error {
	book, err := channelBook(t, p.University, campus.ChannelBook, p.Channel)
	if err != nil {
		return err
	}
	if err := insertPayment(t, id, o.ID, a.ID, campus.NotStray, p); err != nil {
		return err
	}
	if _, _, err := post(t, a, posting{kind: campus.TopUpTransfer, book: book, change: a.Purses().PutMain(p.Cents),
		cause: id, terminal: "channel/" + p.Channel, key: p.Transaction, taken: p.PaidAt}); err != nil {
		return err
	}
	if err := t.Write(`update topup_orders set state = 'paid', paid_at = @now, next_look = null, failure = '' where id = @id`,
		map[string]any{"id": o.ID, "now": t.Now}); err != nil {
		return err
	}
	notice := campus.Notice{Template: "notice.topped_up", Params: orderParams(o, p.Cents)}
	if !t.Now.Before(o.ExpiresAt) || !o.State.Open() { // the holder may have given it up
		notice.Template = "notice.topped_up_late"
	}
	return casework.QueueNotice(t, a.PersonID, nil, notice, nil)
}

// keepStray keeps a payment that cannot be credited, and has it go back. Money of another currency is in no book: there
// are none for it.
func keepStray(t db.Tx, id, order uuid.UUID, stray campus.StrayReason, p ChannelPayment) error {
	if err := insertPayment(t, id, order, uuid.Nil, stray, p); err != nil {
		return err
	}
	if p.Currency == campus.Yuan {
		if err := postStray(t, id, p.University, p.Channel, p.Cents, true); err != nil {
			return err
		}
	}
	return insertRefund(t, Refunding{ID: uuid.Must(uuid.NewV7()), PaymentID: id, University: p.University,
		Channel: p.Channel, Kind: campus.StrayRefund, AmountCents: p.Cents, AskedBy: campus.System().String()})
}

// postStray puts money from a channel into suspense, or back.
func postStray(t db.Tx, payment uuid.UUID, university, channel string, cents int64, in bool) error {
	from, err := channelBook(t, university, campus.ChannelBook, channel)
	if err != nil {
		return err
	}
	to, err := bookOf(t, university, campus.SuspenseBook)
	if err != nil {
		return err
	}
	way := "/in"
	if !in {
		from, to, way = to, from, "/back"
	}
	_, err = postBetween(t, from, to, cents, posting{kind: campus.StrayTransfer, cause: payment,
		terminal: "channel/" + channel, key: payment.String() + way, taken: t.Now})
	return err
}

// channelBook is the book of a channel, or of what is on its way back to one.
func channelBook(t db.Tx, university string, kind campus.BookKind, channel string) (uuid.UUID, error) {
	return findBook(t, map[string]any{"id": uuid.Must(uuid.NewV7()), "university": university, "kind": string(kind),
		"ref": channel, "now": t.Now})
}

func insertPayment(t db.Tx, id, order, account uuid.UUID, stray campus.StrayReason, p ChannelPayment) error {
	return t.Ask(`insert into topup_payments (id, university, channel, transaction, order_ref, order_id, account_id,
			amount_cents, currency, stray, paid_at, taken_at)
		values (@id, @university, @channel, @transaction, @ref, @order, @account, @amount, @currency, @stray, @paid, @now)
		returning id`, map[string]any{
		"id": id, "university": p.University, "channel": p.Channel, "transaction": p.Transaction, "ref": p.OrderRef,
		"order": casework.Nullable(order), "account": casework.Nullable(account), "amount": p.Cents,
		"currency": p.Currency, "stray": string(stray), "paid": p.PaidAt, "now": t.Now,
	}).Scan(&id)
}

// yuanParams are the parameters of a notice about an amount.
func yuanParams(cents int64) map[string]string {
	return map[string]string{"amount": campus.YuanText(cents)}
}

// orderParams are those of a notice about a top-up: by its short reference and the moment at which it was asked for,
// its holder knows it among others.
func orderParams(o Order, cents int64) map[string]string {
	return map[string]string{"amount": campus.YuanText(cents), "order": campus.ShortRef(o.ID),
		"time_zh": campus.TimeText(campus.Chinese, o.CreatedAt), "time_en": campus.TimeText(campus.English, o.CreatedAt)}
}

// none takes "no rows" for an answer.
func none(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	return err
}
