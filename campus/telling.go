package campus

import "time"

// TellingPolicy holds what a holder is told of who has chosen nothing (E1), and what may be chosen.
type TellingPolicy struct {
	Payments       bool  `yaml:"payments"`         // each payment, and what is given back of one
	LowBalance     int64 `yaml:"low_balance"`      // fen; 0: a low balance is never told
	LowBalanceMost int64 `yaml:"low_balance_most"` // the highest that may be chosen
}

func (p TellingPolicy) check() error {
	switch {
	case p.LowBalanceMost < 0 || p.LowBalanceMost > AmountMost:
		return Errorf(Invalid, "", "policy money.telling.low_balance_most is no amount of ours")
	case p.LowBalance < 0 || p.LowBalance > p.LowBalanceMost:
		return Errorf(Invalid, "", "policy money.telling.low_balance is below nothing or above low_balance_most")
	}
	return nil
}

// TellingChoice is what a holder has chosen to be told; nil: as the policy says.
type TellingChoice struct {
	Payments      *bool
	PaymentsSince *time.Time // when they were chosen: none from before is told
	LowCents      *int64
}

// CheckLow refuses a low balance that nobody may choose. Invalid: low_balance_range.
func (p TellingPolicy) CheckLow(cents int64) error {
	if cents < 0 || cents > p.LowBalanceMost {
		return FieldErrorf("low_balance_cents", "low_balance_range", "a low balance is between 0 and %d fen",
			p.LowBalanceMost).Between(0, p.LowBalanceMost)
	}
	return nil
}

// Telling is what a holder is told.
type Telling struct {
	Payments bool
	Since    time.Time // no payment from before it
	LowCents int64     // 0: never
}

// For returns what a holder is told who has chosen something, or nothing. A low balance that was chosen when a higher
// one was allowed is no higher than what is allowed now.
func (p TellingPolicy) For(c TellingChoice) Telling {
	told := Telling{Payments: p.Payments, LowCents: p.LowBalance}
	if c.Payments != nil {
		told.Payments = *c.Payments
	}
	if c.PaymentsSince != nil {
		told.Since = *c.PaymentsSince
	}
	if c.LowCents != nil {
		told.LowCents = min(*c.LowCents, p.LowBalanceMost)
	}
	return told
}

// Movement is what a notice says about a transfer of an account.
type Movement struct {
	Kind       TransferKind
	At         time.Time
	TakenAt    time.Time // by the clock of the till
	Change     Purses
	After      Purses
	MerchantZH string // at the other side, if it is one
	MerchantEN string
}

// toSpend is what an account has that can be spent; a debt takes nothing from it.
func (p Purses) toSpend() int64 { return p.Main + p.Subsidy }

// before is what the account could spend before the transfer.
func (m Movement) before() int64 { return m.After.toSpend() - m.Change.toSpend() }

// movementNotices are the notices about single transfers. What comes by a top-up, and a refund to its source, is told
// by the transaction that posts it.
var movementNotices = map[TransferKind]string{PaymentTransfer: "notice.paid", ChargeTransfer: "notice.paid",
	RefundTransfer: "notice.paid_back", VoidTransfer: "notice.paid_back", ReversalTransfer: "notice.paid_back"}

const lowBalance = "notice.low_balance"

// Told is a notice about the transfer with a number in a list.
type Told struct {
	Of     int
	Notice Notice
}

// Notices are what a holder is told of transfers of an account, which are in their order. A low balance is told by the
// transfer that makes it low, so once until it is above again, and not when it is over by the end of the list.
func (t Telling) Notices(movements []Movement) (told []Told) {
	low := -1
	for i, m := range movements {
		if template, known := movementNotices[m.Kind]; known && t.Payments && !m.At.Before(t.Since) {
			told = append(told, Told{i, Notice{Template: template, Params: m.params()}})
		}
		switch {
		case m.After.toSpend() >= t.LowCents:
			low = -1
		case m.before() >= t.LowCents:
			low = i
		}
	}
	if low >= 0 {
		told = append(told, Told{low, Notice{Template: lowBalance, Params: map[string]string{
			"balance": YuanText(movements[len(movements)-1].After.toSpend()), "limit": YuanText(t.LowCents)}}})
	}
	return told
}

func (m Movement) params() map[string]string {
	zh, en := m.MerchantZH, m.MerchantEN
	if zh == "" { // the book of something else
		zh, en = Text(Chinese, "merchant.unnamed", nil), Text(English, "merchant.unnamed", nil)
	}
	net := m.Change.Net()
	return map[string]string{"amount": YuanText(max(net, -net)), "balance": YuanText(m.After.toSpend()),
		"merchant_zh": zh, "merchant_en": en, "time_zh": TimeText(Chinese, m.TakenAt),
		"time_en": TimeText(English, m.TakenAt)}
}
