package worker

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage"
	"campuscard/storage/money"
)

const (
	topUpBatch = 32 // at once, of one channel of a university
	topUpCalls = 3  // the most that one row takes, one after the other
	topUpOwn   = 15 * time.Second
	topUpPause = 200 * time.Millisecond
	placeAgain = 3 * time.Second // somebody waits to pay
)

// topUps speaks to the channels by which cards are topped up (L2): it tells them of orders, asks what became of those
// for which no call-back comes, and has refunds paid. What waits is in rows, so nothing is lost with a worker, and two
// workers share it. Each channel of each university is asked by itself, so one that is away holds up no other.
type topUps struct {
	store    *storage.Store
	wallets  *school.Wallets
	policies *campus.Policies
	log      *slog.Logger

	asking sync.WaitGroup
	mu     sync.Mutex
	busy   map[money.Contract]bool // those that are being asked
	failed error                   // what went wrong since the last round
}

func newTopUps(store *storage.Store, wallets *school.Wallets, policies *campus.Policies, log *slog.Logger) *topUps {
	return &topUps{store: store, wallets: wallets, policies: policies, log: log, busy: map[money.Contract]bool{}}
}

// round begins to ask each channel for which something is due, but for those that are still being asked.
func (w *topUps) round(ctx context.Context) (time.Duration, error) {
	due, err := w.store.Money.DueContracts(ctx)
	if err != nil {
		return topUpPause, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, of := range due {
		if w.busy[of] {
			continue
		}
		w.busy[of] = true
		w.asking.Go(func() {
			err := w.askChannel(ctx, of)
			w.mu.Lock()
			defer w.mu.Unlock()
			w.busy[of], w.failed = false, errors.Join(w.failed, err)
		})
	}
	failed := w.failed
	w.failed = nil
	return topUpPause, failed
}

// askChannel does all that is due at a channel.
func (w *topUps) askChannel(ctx context.Context, of money.Contract) error {
	for more := true; more && ctx.Err() == nil; {
		lease := topUpCalls*w.wallets.Patience() + topUpOwn // longer than the work on one row
		orders, failed := w.store.Money.DueOrders(ctx, of, topUpBatch, lease)
		refunds, err := w.store.Money.DueRefunds(ctx, of, topUpBatch, lease)
		failed = errors.Join(failed, err)
		wrong := make([]error, len(orders)+len(refunds))
		var all sync.WaitGroup
		for i, o := range orders {
			all.Go(func() { wrong[i] = w.look(ctx, o) })
		}
		for i, r := range refunds {
			all.Go(func() { wrong[len(orders)+i] = w.refund(ctx, r) })
		}
		all.Wait()
		if failed = errors.Join(append(wrong, failed)...); failed != nil {
			return failed
		}
		more = len(orders) == topUpBatch || len(refunds) == topUpBatch
	}
	return nil
}

// look tells a channel of an order, or asks what became of it.
func (w *topUps) look(ctx context.Context, o money.Order) error {
	terms, now := w.policies.For(o.University).Money.TopUp, w.store.Now()
	looked := money.Looked{Order: o.ID, GivenUp: o.GivenUpAt != nil, Next: terms.NextLook(now, o.ExpiresAt, o.LookUntil, o.Looks)}
	state, err := w.ask(ctx, o, now)
	if ctx.Err() != nil { // what fails while we stop says nothing about the channel
		return nil
	}
	switch code := campus.CodeOf(err); {
	case err == nil:
		looked.PayCode, looked.Closed = state.PayCode, state.State == school.WalletClosed
	case o.State == campus.OrderCreated && code == campus.Refused:
		looked.Refused = cmp.Or(campus.ReasonOf(err), string(code))
	default:
		looked.Failure, looked.Next = string(code), w.lookAgain(o, terms, looked.Next, now)
		w.log.WarnContext(ctx, "a channel does not say what became of a top-up", "topup", o.ID, "channel", o.Channel,
			"next", looked.Next, "error", err)
	}
	if err := w.take(ctx, o, state.Payments); err != nil {
		return err
	}
	if looked.Closed || looked.Refused != "" {
		looked.Next = time.Time{}
	}
	return w.store.Money.OrderLooked(ctx, looked)
}

// lookAgain is when a channel is asked again that has not answered: soon while somebody waits to pay, and also when it
// was the last look, because nobody knows then whether the order was paid.
func (w *topUps) lookAgain(o money.Order, terms campus.TopUpPolicy, next, now time.Time) time.Time {
	switch soon := now.Add(placeAgain); {
	case next.IsZero():
		return terms.LateLook(now, o.LookUntil)
	case (o.State == campus.OrderCreated || o.GivenUpAt != nil) && soon.Before(next):
		return soon
	}
	return next
}

// ask makes the call that an order waits for. One that can be paid no more, and that the channel may not know, is not
// made any more. A channel that does not know an order of which it has had a pay code, or that it has just said it has
// (409), contradicts itself: it may have been paid.
func (w *topUps) ask(ctx context.Context, o money.Order, now time.Time) (school.WalletState, error) {
	has := o.PayCode != ""
	if o.GivenUpAt != nil && o.State.Open() {
		return w.close(ctx, o, has)
	}
	if o.State == campus.OrderCreated && now.Before(o.ExpiresAt) {
		state, err := w.wallets.PlaceOrder(ctx, o.Channel, o.University, school.WalletOrder{Order: o.ID.String(),
			AmountCents: o.AmountCents, Currency: campus.Yuan, ExpiresAt: o.ExpiresAt})
		if has = campus.CodeOf(err) == campus.Conflict; !has {
			return state, err
		}
	}
	state, err := w.wallets.Order(ctx, o.Channel, o.University, o.ID.String())
	if campus.CodeOf(err) == campus.NotFound && !has { // nobody can have paid it
		return school.WalletState{Order: o.ID.String(), State: school.WalletClosed}, nil
	}
	return state, err
}

// close has a channel take no payment for an order that its holder has given up. What was paid before is credited.
func (w *topUps) close(ctx context.Context, o money.Order, has bool) (school.WalletState, error) {
	state, err := w.wallets.CloseOrder(ctx, o.Channel, o.University, o.ID.String())
	if campus.CodeOf(err) == campus.NotFound && !has { // it was never told of it
		return school.WalletState{Order: o.ID.String(), State: school.WalletClosed}, nil
	}
	return state, err
}

// take credits what a channel says was paid for an order.
func (w *topUps) take(ctx context.Context, o money.Order, payments []school.WalletPayment) error {
	for _, p := range payments {
		_, err := w.store.Money.TakePayment(ctx, money.ChannelPayment{University: o.University, Channel: o.Channel,
			Transaction: p.Transaction, OrderRef: p.Order, Cents: p.AmountCents, Currency: p.Currency, PaidAt: p.PaidAt})
		if campus.ReasonOf(err) == campus.ChannelContradicts { // people look into it
			w.log.ErrorContext(ctx, "a channel contradicts itself", "topup", o.ID, "channel", o.Channel, "error", err)
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// refund asks a channel for a refund, under the same key until its outcome is known.
func (w *topUps) refund(ctx context.Context, r money.Refunding) error {
	terms := w.policies.For(r.University).Money.TopUp
	state, err := w.askRefund(ctx, r)
	switch campus.CodeOf(err) {
	case campus.Refused, campus.NotFound:
		state, err = w.refusedRefund(ctx, r, err)
	case campus.Conflict: // it has the refund, whatever it says of it
		state, err = w.wallets.RefundState(ctx, r.Channel, r.University, r.ID.String())
	}
	if ctx.Err() != nil {
		return nil
	}
	if err == nil && state.State != school.WalletProcessing {
		return w.settle(ctx, r, state)
	}
	failure := ""
	if err != nil {
		failure = string(campus.CodeOf(err))
		w.log.WarnContext(ctx, "a channel does not say what became of a refund", "refund", r.ID, "channel", r.Channel,
			"error", err)
	}
	return w.store.Money.RefundTried(ctx, r.ID, failure, terms.NextTry(w.store.Now(), r.Tries))
}

// settle keeps the outcome of a refund. A call-back may have told another one meanwhile.
func (w *topUps) settle(ctx context.Context, r money.Refunding, state school.WalletRefundState) error {
	err := w.store.Money.SettleRefund(ctx, r.University, r.Channel, r.ID, state.State == school.WalletRefunded, state.Reason)
	if campus.ReasonOf(err) == campus.ChannelContradicts { // people look into it
		w.log.ErrorContext(ctx, "a channel contradicts itself", "refund", r.ID, "channel", r.Channel, "error", err)
		return nil
	}
	return err
}

// askRefund asks for a refund. One that was asked for before may be there: to ask anew would get the first answer
// again, not what has become of it since.
func (w *topUps) askRefund(ctx context.Context, r money.Refunding) (school.WalletRefundState, error) {
	if r.Tries > 0 {
		state, err := w.wallets.RefundState(ctx, r.Channel, r.University, r.ID.String())
		if campus.CodeOf(err) != campus.NotFound {
			return state, err
		}
	}
	return w.wallets.Refund(ctx, r.Channel, r.University, school.WalletRefund{Refund: r.ID.String(),
		Transaction: r.Transaction, AmountCents: r.AmountCents, Currency: r.Currency})
}

// refusedRefund asks what became of a refund that the channel has refused: an earlier try, whose answer got lost, may
// have been taken. It has failed when the channel does not know it.
func (w *topUps) refusedRefund(ctx context.Context, r money.Refunding, refused error) (school.WalletRefundState, error) {
	state, err := w.wallets.RefundState(ctx, r.Channel, r.University, r.ID.String())
	if campus.CodeOf(err) == campus.NotFound {
		return school.WalletRefundState{Refund: r.ID.String(), State: school.WalletFailed,
			Reason: cmp.Or(campus.ReasonOf(refused), string(campus.CodeOf(refused)))}, nil
	}
	return state, err
}
