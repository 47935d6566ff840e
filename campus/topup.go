package campus

import (
	"maps"
	"regexp"
	"slices"
	"strconv"
	"time"
)

// TopUpPolicy holds the numbers of top-ups (E4, L2) and of the cash at the counters (L1).
type TopUpPolicy struct {
	Channels     map[string]ChannelPolicy `yaml:"channels"` // by name; a name is a part of addresses
	Least        int64                    `yaml:"least"`
	Most         int64                    `yaml:"most"`
	BalanceMost  int64                    `yaml:"balance_most"` // what is in the main purse, asked for and not paid yet included
	OpenOrders   int                      `yaml:"open_orders"`  // of one holder
	OrderLife    Duration                 `yaml:"order_life"`
	FirstLook    Duration                 `yaml:"first_look"`    // each look waits twice as long as the one before
	LookFor      Duration                 `yaml:"look_for"`      // from the end of the order's life
	LookLate     Duration                 `yaml:"look_late"`     // how much longer while nobody answers the last look
	RefundWithin Duration                 `yaml:"refund_within"` // of the payment
	RefundsMost  int                      `yaml:"refunds_most"`  // of one top-up
	RefundTry    Duration                 `yaml:"refund_try"`    // each try waits twice as long, up to a day
	RefundLate   Duration                 `yaml:"refund_late"`   // from then on people are told
	CashLeast    int64                    `yaml:"cash_least"`
	CashMost     int64                    `yaml:"cash_most"`
	FloatMost    int64                    `yaml:"float_most"`
}

// ChannelPolicy is a way to pay for a top-up. Channels that speak alike have the same adapter.
type ChannelPolicy struct {
	Adapter string `yaml:"adapter"`
}

// Channels returns the channels by which the cards of all universities are topped up, sorted (L2).
func (p *Policies) Channels() []string {
	channels := map[string]ChannelPolicy{}
	maps.Copy(channels, p.common.Money.TopUp.Channels)
	for _, special := range p.special {
		maps.Copy(channels, special.Money.TopUp.Channels)
	}
	return slices.Sorted(maps.Keys(channels))
}

// WalletAdapter is the adapter of channels that speak like a mobile wallet (school.Wallets), the one there is.
const WalletAdapter = "wallet"

// CashWay is the way of money that is no channel: over the counter (L1).
const CashWay = "cash"

var channelName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,39}$`)

// IsChannelName tells whether the text can be the name of a channel: it is part of an address, and must not lead to
// another one.
func IsChannelName(name string) bool { return channelName.MatchString(name) }

func (p TopUpPolicy) check() error {
	for name, cents := range map[string]int64{"least": p.Least, "most": p.Most, "balance_most": p.BalanceMost,
		"cash_least": p.CashLeast, "cash_most": p.CashMost, "float_most": p.FloatMost} {
		if cents <= 0 || cents > AmountMost {
			return Errorf(Invalid, "", "policy money.top_up.%s is no amount of ours", name)
		}
	}
	for name, d := range map[string]Duration{"order_life": p.OrderLife, "first_look": p.FirstLook, "look_for": p.LookFor,
		"look_late": p.LookLate, "refund_within": p.RefundWithin, "refund_try": p.RefundTry, "refund_late": p.RefundLate} {
		if d <= 0 {
			return Errorf(Invalid, "", "policy money.top_up.%s must be longer than nothing", name)
		}
	}
	switch {
	case p.Least > p.Most:
		return Errorf(Invalid, "", "policy money.top_up.least is above most")
	case p.CashLeast > p.CashMost:
		return Errorf(Invalid, "", "policy money.top_up.cash_least is above cash_most")
	case p.RefundsMost < 1:
		return Errorf(Invalid, "", "policy money.top_up.refunds_most must be at least 1")
	case p.OpenOrders < 1:
		return Errorf(Invalid, "", "policy money.top_up.open_orders must be at least 1")
	}
	for name, channel := range p.Channels {
		if !IsChannelName(name) || name == CashWay || channel.Adapter != WalletAdapter {
			return Errorf(Invalid, "", "policy money.top_up.channels: %q is no name, or nobody speaks %q", name,
				channel.Adapter)
		}
	}
	return nil
}

// Check refuses a top-up that nobody may ask for. Invalid: channel_unknown, topup_range.
func (p TopUpPolicy) Check(channel string, cents int64) error {
	if _, known := p.Channels[channel]; !known {
		return FieldErrorf("channel", "channel_unknown", "no such channel")
	}
	return amountBetween(cents, p.Least, p.Most)
}

// CheckCash refuses a top-up in cash that no counter may take. Invalid: topup_range.
func (p TopUpPolicy) CheckCash(cents int64) error {
	return amountBetween(cents, p.CashLeast, p.CashMost)
}

// CheckCeiling refuses what would make the main purse hold more than it may, with what was asked for and is not paid
// yet: that is credited when it is paid, so it counts for cash, too. The refusal says what counts, and what is
// possible. Conflict: balance_ceiling, balance_ceiling_unpaid.
func (p TopUpPolicy) CheckCeiling(has Purses, unpaid, cents int64) error {
	room := p.BalanceMost - (has.Main - has.Debt) - unpaid
	if cents <= room {
		return nil
	}
	reason := "balance_ceiling"
	if unpaid > 0 {
		reason = "balance_ceiling_unpaid"
	}
	return Errorf(Conflict, reason, "the account would have %d fen too much", cents-room).
		With("ceiling", p.BalanceMost).With("most", max(room, 0)).With("unpaid", unpaid)
}

func amountBetween(cents, least, most int64) error {
	if cents < least || cents > most { // these are amounts, whatever was sent
		return FieldErrorf("amount_cents", "topup_range", "a top-up is between %d and %d fen", least, most).
			Between(least, most)
	}
	return nil
}

// CheckFloat refuses what cannot lie in a drawer: at its opening the float, later what is counted. Invalid:
// drawer_amount.
func CheckFloat(field string, cents, most int64) error {
	if cents < 0 || cents > most {
		return FieldErrorf(field, "drawer_amount", "what lies in a drawer is between 0 and %d fen", most).Between(0, most)
	}
	return nil
}

// CheckDrawer refuses cash that would make a drawer hold more than may lie in it. Conflict: drawer_full, which says how
// much it still takes.
func (p TopUpPolicy) CheckDrawer(has, cents int64) error {
	if room := p.FloatMost - has; cents > room {
		return Errorf(Conflict, "drawer_full", "the drawer would have %d fen too much", cents-room).
			With("most", max(room, 0)).With("ceiling", p.FloatMost)
	}
	return nil
}

// OrderState is how far a top-up is that a holder has asked for.
type OrderState string

// The states of an order. Only paid is the end: money that comes to any other is credited.
const (
	OrderCreated OrderState = "created" // the channel does not know it yet
	OrderWaiting OrderState = "waiting" // for the holder, who pays at the channel
	OrderPaid    OrderState = "paid"    // and credited
	OrderExpired OrderState = "expired" // not paid in time
	OrderClosed  OrderState = "closed"  // by the channel
	OrderRefused OrderState = "refused" // by the channel, when it was told
)

// Open tells whether the order may still be paid in time.
func (s OrderState) Open() bool { return s == OrderCreated || s == OrderWaiting }

// Unpaid is the state of an order after the channel has said that it was not paid. "closed" after "paid" changes
// nothing, and neither does what comes late.
func (s OrderState) Unpaid(closed, expired bool) OrderState {
	switch {
	case !s.Open():
		return s
	case closed:
		return OrderClosed
	case expired:
		return OrderExpired
	}
	return s
}

// StrayReason is why money that came by a channel was not credited. It lies in suspense and goes back to its source.
type StrayReason string

// The reasons.
const (
	NotStray        StrayReason = ""
	OrderUnknown    StrayReason = "order_unknown"
	CurrencyDiffers StrayReason = "currency_differs"
	AmountDiffers   StrayReason = "amount_differs"
	PaidTwice       StrayReason = "paid_twice" // another payment for the order was credited
	StrayClosed     StrayReason = "account_closed"
)

// Yuan is the one currency that there are books in.
const Yuan = "CNY"

// JudgePayment returns why a payment for an order of an amount is not credited, if it is not.
func JudgePayment(state OrderState, asked, paid int64, currency string) StrayReason {
	switch {
	case currency != Yuan:
		return CurrencyDiffers
	case state == OrderPaid:
		return PaidTwice
	case asked != paid:
		return AmountDiffers
	}
	return NotStray
}

// RefundState is how far a refund to the source is.
type RefundState string

// The states of a refund.
const (
	RefundAsked     RefundState = "asked"     // the money is taken; what the channel does is not known yet
	RefundDone      RefundState = "refunded"  // the channel has paid it back
	RefundFailed    RefundState = "failed"    // the channel will not; it is on the account again
	RefundUnclaimed RefundState = "unclaimed" // the channel will not, and there is no account to put it: people settle it
	RefundResent    RefundState = "resent"    // so they have it asked for once more, as another refund
	RefundPaidOut   RefundState = "paid_out"  // or paid to a bank account of the payer
	RefundKept      RefundState = "kept"      // or kept for good
)

// RefundKind is who wants the money back.
type RefundKind string

// The kinds of refunds.
const (
	HolderRefund RefundKind = "holder" // a top-up that was credited
	StrayRefund  RefundKind = "stray"  // money that was never credited
)

// ConflictSubject is what a channel contradicts itself about.
type ConflictSubject string

// The subjects.
const (
	PaymentConflict ConflictSubject = "payment" // another amount, currency or order under the name of a known payment
	RefundConflict  ConflictSubject = "refund"  // another outcome
)

// NextLook is when the channel is asked about an order again: each time after twice as long, at the end of its life,
// and no more after look_until; zero then.
func (p TopUpPolicy) NextLook(now, expires, until time.Time, looks int) time.Time {
	if !now.Before(until) {
		return time.Time{}
	}
	next := now.Add(p.FirstLook.Std() << min(looks, 12))
	if now.Before(expires) && next.After(expires) {
		next = expires
	}
	if next.After(until) {
		next = until
	}
	return next
}

// LateLook is when a channel is asked again that has not answered the last look at an order: each time after twice as
// long, at most a day; zero after look_late.
func (p TopUpPolicy) LateLook(now, until time.Time) time.Time {
	late := now.Sub(until)
	if late >= p.LookLate.Std() {
		return time.Time{}
	}
	return now.Add(min(max(late, p.FirstLook.Std()), 24*time.Hour))
}

// NextTry is when a channel is asked for a refund again whose outcome is unknown.
func (p TopUpPolicy) NextTry(now time.Time, tries int) time.Time {
	return now.Add(min(p.RefundTry.Std()<<min(tries, 12), 24*time.Hour))
}

// DrawerState is how far the cash of a counter is.
type DrawerState string

// The states of a drawer.
const (
	DrawerOpen    DrawerState = "open"
	DrawerCounted DrawerState = "counted" // by the cashier; a second person has to confirm
	DrawerClosed  DrawerState = "closed"
)

// YuanText is an amount in yuan, as people read it: "12.50".
func YuanText(cents int64) string {
	text := strconv.FormatInt(cents/100, 10) + "."
	if cents%100 < 10 {
		text += "0"
	}
	return text + strconv.FormatInt(cents%100, 10)
}
