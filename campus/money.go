package campus

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
)

// All amounts are whole fen: 1 yuan is 100.

// MoneyPolicy holds the numbers of payments (E1, E2).
type MoneyPolicy struct {
	PaymentMost  int64          `yaml:"payment_most"`
	NoPassword   int64          `yaml:"no_password"` // E1: the largest payment without the payment password
	DailyLimit   int64          `yaml:"daily_limit"`
	LimitMost    int64          `yaml:"limit_most"`
	LimitCounts  []TransferKind `yaml:"limit_counts"`
	RetryWithin  Duration       `yaml:"retry_within"`
	SubsidyScope []string       `yaml:"subsidy_scope"`
	PhonesHourly int            `yaml:"phones_per_hour"` // E1: how many a holder may bind
	Telling      TellingPolicy  `yaml:"telling"`         // E1
	Files        FilesPolicy    `yaml:"statement_files"` // E4
	TopUp        TopUpPolicy    `yaml:"top_up"`          // E4, L2
	Payouts      PayoutPolicy   `yaml:"payouts"`         // L3
	Offline      OfflinePolicy  `yaml:"offline"`         // E1
	Appeals      AppealPolicy   `yaml:"appeals"`         // E3
	Close        ClosePolicy    `yaml:"close"`           // L8
}

func (p MoneyPolicy) check() error {
	for name, cents := range map[string]int64{"payment_most": p.PaymentMost, "no_password": p.NoPassword,
		"daily_limit": p.DailyLimit, "limit_most": p.LimitMost} {
		if cents < 0 || cents > AmountMost {
			return Errorf(Invalid, "", "policy money.%s is no amount of ours", name)
		}
	}
	switch {
	case p.PaymentMost == 0:
		return Errorf(Invalid, "", "policy money.payment_most must be more than nothing")
	case p.PhonesHourly < 1:
		return Errorf(Invalid, "", "policy money.phones_per_hour must be at least 1")
	case p.DailyLimit > p.LimitMost:
		return Errorf(Invalid, "", "policy money.daily_limit is above limit_most")
	case p.RetryWithin <= 0 || p.RetryWithin.Std() > RetryMost:
		return Errorf(Invalid, "", "policy money.retry_within must be longer than nothing, and at most %s", RetryMost)
	}
	for _, kind := range p.LimitCounts {
		if !slices.Contains([]TransferKind{PaymentTransfer, ChargeTransfer}, kind) {
			return Errorf(Invalid, "", "policy money.limit_counts: %q takes nothing from a card", kind)
		}
	}
	return errors.Join(p.Telling.check(), p.Files.check(), p.Offline.check(), p.Appeals.check(), p.TopUp.check(),
		p.Payouts.check(), p.Close.check())
}

// RetryMost is the longest that a till may go on asking with a key: answers are kept longer than that.
const RetryMost = 30 * 24 * time.Hour

// PaymentTerms are what the policy says about one payment.
type PaymentTerms struct {
	Most         int64    // that one payment takes
	LimitCents   int64    // of the day, for holders who have chosen none (E2)
	LimitMost    int64    // of the day, also for those who chose a higher one when that was allowed
	NoPassword   int64    // the largest amount without the payment password (E1)
	Counts       bool     // towards the limit of the day (E2)
	SubsidyTakes bool     // the subsidy may be spent there (L5)
	RetryWithin  Duration // how old a key may be that was never seen
}

// Terms returns what the policy says about a payment of a kind in a trade, such as "canteen".
func (p MoneyPolicy) Terms(kind TransferKind, trade string) PaymentTerms {
	return PaymentTerms{Most: p.PaymentMost, LimitCents: p.DailyLimit,
		LimitMost: p.LimitMost, NoPassword: p.NoPassword, Counts: slices.Contains(p.LimitCounts, kind),
		SubsidyTakes: slices.Contains(p.SubsidyScope, trade), RetryWithin: p.RetryWithin}
}

// AmountMost is more than anybody has: a hundred million yuan. Sums of such amounts stay far below what an int64 holds.
const AmountMost = 10_000_000_000

// CheckAmount refuses what is no amount. Invalid: amount_invalid.
func CheckAmount(cents int64) error {
	if cents <= 0 || cents > AmountMost {
		return FieldErrorf("amount_cents", "amount_invalid", "an amount is between 1 and %d fen", int64(AmountMost))
	}
	return nil
}

// TransferKind is why money went from one side to another (E4).
type TransferKind string

// The kinds of transfers.
const (
	PaymentTransfer  TransferKind = "payment"
	ChargeTransfer   TransferKind = "charge"   // beyond the balance, if it must be: a debt (E4)
	TopUpTransfer    TransferKind = "top_up"   // E4
	SubsidyTransfer  TransferKind = "subsidy"  // L5
	ExpiryTransfer   TransferKind = "expiry"   // what was left of a subsidy goes back to the fund
	RefundTransfer   TransferKind = "refund"   // by merchant or staff
	VoidTransfer     TransferKind = "void"     // 撤销: of a whole payment, at the till, before the books of the day close
	ReversalTransfer TransferKind = "reversal" // 冲正: of a payment whose answer the till has not seen

	TopUpRefundTransfer TransferKind = "top_up_refund" // on its way back to where a top-up came from, and there
	TopUpBackTransfer   TransferKind = "top_up_back"   // a refund to the source that the channel did not pay
	StrayTransfer       TransferKind = "stray"         // came by a channel and could not be credited; or went back there
	UnclaimedTransfer   TransferKind = "unclaimed"     // nobody is left to have it
	CoverTransfer       TransferKind = "cover"         // E1: of a sale without network that nobody could know to be bad
	CashTransfer        TransferKind = "cash"          // what a drawer had too much or too little when it was counted
	FeeTransfer         TransferKind = "fee"           // L3: what a merchant pays for a settlement

	PayoutTransfer     TransferKind = "payout"      // L3: from a merchant's book, before the bank is asked
	PayoutBackTransfer TransferKind = "payout_back" // the bank did not pay it after all
	ManualTransfer     TransferKind = "manual"      // 补记: a mistake put right by two people
	CashBackTransfer   TransferKind = "cash_back"   // 退现
	WriteOffTransfer   TransferKind = "write_off"   // a debt that nobody will pay
)

// BookKind is what a book is for. Books are the other side of each transfer.
type BookKind string

// The kinds of books.
const (
	MerchantBook         BookKind = "merchant"
	ChannelBook          BookKind = "channel" // what a top-up channel owes us
	DrawerBook           BookKind = "drawer"  // cash at a counter
	DrawerDifferenceBook BookKind = "drawer_difference"
	FeesBook             BookKind = "fees"
	SubsidyFundBook      BookKind = "subsidy_fund"
	ReceivableBook       BookKind = "receivable"
	SuspenseBook         BookKind = "suspense"
	LossCoverBook        BookKind = "loss_cover"
	PayoutsBook          BookKind = "payouts"
	OpeningBook          BookKind = "opening"
	WrittenOffBook       BookKind = "written_off"
	ServiceBook          BookKind = "service"
	UnclaimedBook        BookKind = "unclaimed"
	TransitBook          BookKind = "transit" // from card to card
)

// AccountHold is a reason why an account does not pay; it still takes money. Several may stand at once.
type AccountHold string

// The holds, the one that is told first in front.
const (
	EndedHold   AccountHold = "ended"   // D4: the card is closed or replaced
	LostHold    AccountHold = "lost"    // F1
	FrozenHold  AccountHold = "frozen"  // D4
	CheckedHold AccountHold = "checked" // E4: the account does not agree with its transfers
)

// PaymentOutcome is what became of a payment: paid, or the first reason that spoke against it. An outcome is kept, and
// answered to whoever asks again with the same key.
type PaymentOutcome string

// The outcomes of a payment, in the order in which they are looked at.
const (
	Paid              PaymentOutcome = "paid"
	PaymentTime       PaymentOutcome = "payment_time"  // too old for a key that was never seen, or ahead of the clock
	PhoneUnbound      PaymentOutcome = "phone_unbound" // another phone is bound since, or none
	ChipEnded         PaymentOutcome = "chip_ended"    // another plastic is in use since, or none
	CodeUsed          PaymentOutcome = "code_used"     // E1: a code works once
	TapUsed           PaymentOutcome = "tap_used"      // E1: so does what a plastic's chip says
	AccountClosed     PaymentOutcome = "account_closed"
	CardEnded         PaymentOutcome = "card_ended"
	CardIsLost        PaymentOutcome = "card_lost"
	CardIsFrozen      PaymentOutcome = "card_frozen"
	AccountChecked    PaymentOutcome = "card_checked"
	CardExpired       PaymentOutcome = "card_expired"
	LimitReached      PaymentOutcome = "limit_reached"
	InsufficientFunds PaymentOutcome = "insufficient_funds"
	PasswordNeeded    PaymentOutcome = "password_needed"
	ReversedFirst     PaymentOutcome = "reversed" // the reversal of the key came before the payment
)

// Purses are amounts by where they are: the main purse, the subsidy, and what is owed.
type Purses struct {
	Main    int64
	Subsidy int64
	Debt    int64
}

// Net is what the person has in all: what is owed counts against it.
func (p Purses) Net() int64 { return p.Main + p.Subsidy - p.Debt }

// Plus is both together.
func (p Purses) Plus(other Purses) Purses {
	return Purses{p.Main + other.Main, p.Subsidy + other.Subsidy, p.Debt + other.Debt}
}

// TakeBeyond returns how an amount that must be taken changes the purses: first the subsidy, if it may be spent there,
// then the main one, and the rest is owed (E4: an account never goes below zero).
func (p Purses) TakeBeyond(cents int64, subsidyTakes bool) Purses {
	change := Purses{}
	if subsidyTakes {
		change.Subsidy = -min(cents, p.Subsidy)
	}
	change.Main = -min(cents+change.Subsidy, p.Main)
	change.Debt = cents + change.Subsidy + change.Main
	return change
}

// PutMain returns how an amount for the main purse changes the purses: it first pays what is owed (E4).
func (p Purses) PutMain(cents int64) Purses {
	paid := min(cents, p.Debt)
	return Purses{Main: cents - paid, Debt: -paid}
}

// GiveBack splits a refund over what a payment took and was not given back yet: the main purse first. Conflict:
// refund_too_high, already_back.
func (p Purses) GiveBack(cents int64) (Purses, error) {
	if err := CheckLeft(cents, p.Main+p.Subsidy); err != nil {
		return Purses{}, err
	}
	main := min(cents, p.Main)
	return Purses{Main: main, Subsidy: cents - main}, nil
}

// CheckLeft refuses to give back more than is left of a payment or a top-up. Conflict: refund_too_high, which says how
// much is left; already_back.
func CheckLeft(cents, left int64) error {
	switch {
	case left <= 0:
		return Errorf(Conflict, "already_back", "all of it was given back")
	case cents > left:
		return Errorf(Conflict, "refund_too_high", "only %d fen are left", left).With("left", left)
	}
	return nil
}

// PaymentHash returns the hash of what a key stands for. Neither a code nor a cryptogram is in it: an honest repetition
// comes with a fresh one.
func PaymentHash(terminal string, book, account uuid.UUID, cents int64, kind TransferKind, taken time.Time) []byte {
	hash := sha256.New()
	for _, word := range []string{terminal, string(kind)} {
		hash.Write(binary.BigEndian.AppendUint32(nil, uint32(len(word)))) //nolint:gosec // a word is short
		hash.Write([]byte(word))
	}
	hash.Write(book[:])
	hash.Write(account[:])
	hash.Write(binary.BigEndian.AppendUint64(nil, uint64(cents)))             //nolint:gosec // its bits, whatever they are
	hash.Write(binary.BigEndian.AppendUint64(nil, uint64(taken.UnixMicro()))) //nolint:gosec // the same
	return hash.Sum(nil)
}

// Limit returns what may be spent on a day by a holder who has chosen a limit, or nil (E2). One that was chosen when a
// higher one was allowed is no higher than what is allowed now.
func (p MoneyPolicy) Limit(chosen *int64) int64 {
	if chosen == nil {
		return p.DailyLimit
	}
	return min(*chosen, p.LimitMost)
}

// CheckLimit refuses a limit that nobody may choose (E2). Invalid: limit_range.
func (p MoneyPolicy) CheckLimit(cents int64) error {
	if cents < 0 || cents > p.LimitMost {
		return FieldErrorf("limit_cents", "limit_range", "a limit is between 0 and %d fen", p.LimitMost).Between(0, p.LimitMost)
	}
	return nil
}

// Check refuses an amount that no till may ask for. Invalid: amount_invalid, amount_too_high.
func (t PaymentTerms) Check(cents int64) error {
	if err := CheckAmount(cents); err != nil {
		return err
	}
	if cents > t.Most {
		return FieldErrorf("amount_cents", "amount_too_high", "a payment is at most %d fen", t.Most).Between(1, t.Most)
	}
	return nil
}

// CheckKey refuses an answer's key that names nothing, or is longer than one needs to be. Invalid: key_missing.
func CheckKey(terminal, key string) error {
	const longest = 128 // of an Idempotency-Key
	if terminal == "" || key == "" || len(terminal) > longest || len(key) > longest {
		return FieldErrorf("key", "key_missing", "a terminal and its key have between 1 and %d bytes", longest)
	}
	return nil
}
