package school

import (
	"context"
	"net/http"
	"slices"
	"time"

	"go.opentelemetry.io/otel/metric"

	"campuscard/campus"
)

// Wallets are the channels by which a card is topped up that speak like a mobile wallet (L2). Which there are is
// configuration; each is a system of its own, with its own address, and a university has an account of its own there.
type Wallets struct {
	cfg       Config
	transport *http.Transport
	timing    metric.Float64Histogram
}

// WalletOrder asks a channel to take a payment. Amounts are hundredths of the currency.
type WalletOrder struct {
	Order       string    `json:"order"` // our id; the channel knows no other name of it
	AmountCents int64     `json:"amount_cents"`
	Currency    string    `json:"currency"`
	ExpiresAt   time.Time `json:"expires_at"`
}

// The states of an order at a channel.
const (
	WalletWaiting = "waiting"
	WalletPaid    = "paid"
	WalletClosed  = "closed" // nobody can pay it any more
)

// WalletState is how far an order is at a channel.
type WalletState struct {
	Order    string          `json:"order"`
	State    string          `json:"state"`
	PayCode  string          `json:"pay_code"` // what the holder pays with
	Payments []WalletPayment `json:"payments"` // more than one if several people have paid
}

func (w *WalletState) complete() bool {
	known := slices.Contains([]string{WalletWaiting, WalletPaid, WalletClosed}, w.State)
	if w.Order == "" || !known || !opaque(w.Order) || !opaque(w.PayCode) || len(w.Payments) > mostPayments {
		return false
	}
	return !slices.ContainsFunc(w.Payments, func(p WalletPayment) bool { return !p.complete() })
}

// mostPayments are more than one order has.
const mostPayments = 100

// WalletPayment is a payment that a channel has taken.
type WalletPayment struct {
	Order       string    `json:"order"`
	Transaction string    `json:"transaction"` // the channel's own name of it
	AmountCents int64     `json:"amount_cents"`
	Currency    string    `json:"currency"`
	PaidAt      time.Time `json:"paid_at"`
}

// complete does not look at PaidAt: the money is there, whatever the channel's clock says, and is credited with our
// moment when its own cannot be meant (L2).
func (p *WalletPayment) complete() bool {
	return p.Order != "" && p.Transaction != "" && opaque(p.Order) && opaque(p.Transaction) && isCurrency(p.Currency) &&
		campus.CheckAmount(p.AmountCents) == nil
}

// isCurrency tells whether a text is the code of a currency (ISO 4217).
func isCurrency(code string) bool {
	return len(code) == 3 && !slices.ContainsFunc([]byte(code), func(b byte) bool { return b < 'A' || b > 'Z' })
}

// WalletRefund asks a channel to pay an amount of a payment back to where it came from.
type WalletRefund struct {
	Refund      string `json:"refund"` // our id
	Transaction string `json:"transaction"`
	AmountCents int64  `json:"amount_cents"`
	Currency    string `json:"currency"`
}

// The states of a refund at a channel.
const (
	WalletProcessing = "processing"
	WalletRefunded   = "refunded"
	WalletFailed     = "failed" // for good
)

// WalletRefundState is how far a refund is at a channel.
type WalletRefundState struct {
	Refund string `json:"refund"`
	State  string `json:"state"`
	Reason string `json:"reason"` // why it has failed, as a code

	At time.Time `json:"at"` // since when it is so, by the channel's clock
}

func (r *WalletRefundState) complete() bool {
	return r.Refund != "" && opaque(r.Refund) &&
		slices.Contains([]string{WalletProcessing, WalletRefunded, WalletFailed}, r.State)
}

// Patience is how long one call takes at most.
func (s *Wallets) Patience() time.Duration { return s.cfg.Timeout }

func (s *Wallets) client(channel string) (*client, error) {
	if !campus.IsChannelName(channel) {
		return nil, campus.Errorf(campus.Invalid, "", "channel: its name is not short words with hyphens")
	}
	return &client{system: channel, cfg: s.cfg, web: newWeb(channel, s.transport), timing: s.timing}, nil
}

// PlaceOrder tells a channel of an order; the same order is placed once.
func (s *Wallets) PlaceOrder(ctx context.Context, channel, university string, o WalletOrder) (WalletState, error) {
	return s.order(ctx, channel, o.Order, call{method: http.MethodPost, university: university, path: []string{"orders"},
		key: o.Order, body: o})
}

// Order asks how far an order is. NotFound if the channel does not know it.
func (s *Wallets) Order(ctx context.Context, channel, university, order string) (WalletState, error) {
	return s.order(ctx, channel, order, call{method: http.MethodGet, university: university,
		path: []string{"orders", order}})
}

// CloseOrder has a channel take no payment for an order any more. One that was paid before stays paid, and says so.
// NotFound if the channel does not know it.
func (s *Wallets) CloseOrder(ctx context.Context, channel, university, order string) (WalletState, error) {
	return s.order(ctx, channel, order, call{method: http.MethodPost, university: university,
		path: []string{"orders", order, "closure"}, key: order + "/closure"})
}

func (s *Wallets) order(ctx context.Context, channel, order string, r call) (w WalletState, err error) {
	c, err := s.client(channel)
	if err != nil {
		return w, err
	}
	if err := c.json(ctx, r, &w); err != nil {
		return WalletState{}, err
	}
	if w.Order != order || slices.ContainsFunc(w.Payments, func(p WalletPayment) bool { return p.Order != order }) {
		return WalletState{}, c.badAnswer("about another order")
	}
	return w, nil
}

// Refund asks a channel for a refund; the same refund is paid once.
func (s *Wallets) Refund(ctx context.Context, channel, university string, r WalletRefund) (WalletRefundState, error) {
	return s.refund(ctx, channel, r.Refund, call{method: http.MethodPost, university: university,
		path: []string{"refunds"}, key: r.Refund, body: r})
}

// RefundState asks how far a refund is. NotFound if the channel does not know it.
func (s *Wallets) RefundState(ctx context.Context, channel, university, refund string) (WalletRefundState, error) {
	return s.refund(ctx, channel, refund, call{method: http.MethodGet, university: university,
		path: []string{"refunds", refund}})
}

func (s *Wallets) refund(ctx context.Context, channel, refund string, r call) (w WalletRefundState, err error) {
	c, err := s.client(channel)
	if err != nil {
		return w, err
	}
	if err := c.json(ctx, r, &w); err != nil {
		return WalletRefundState{}, err
	}
	if w.Refund != refund {
		return WalletRefundState{}, c.badAnswer("about another refund")
	}
	w.Reason = onlyWord(w.Reason)
	return w, nil
}
