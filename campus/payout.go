package campus

import (
	"regexp"
	"strings"
	"time"
)

// PayoutPolicy holds the numbers of what merchants are paid (L3).
type PayoutPolicy struct {
	Automatic    bool     `yaml:"automatic"`     // after each closed day; else finance begins each
	Least        int64    `yaml:"least"`         // fen; what is less is carried forward
	Try          Duration `yaml:"try"`           // each try waits twice as long, up to look
	Look         Duration `yaml:"look"`          // how often the bank is asked about what it has paid
	BounceWithin Duration `yaml:"bounce_within"` // of the file: so long a line may still bounce
	Late         Duration `yaml:"late"`          // of the file: from then on people should look at a line without an outcome
}

func (p PayoutPolicy) check() error {
	if p.Least <= 0 || p.Least > AmountMost {
		return Errorf(Invalid, "", "policy money.payouts.least is no amount of ours")
	}
	for name, d := range map[string]Duration{"try": p.Try, "look": p.Look, "bounce_within": p.BounceWithin, "late": p.Late} {
		if d <= 0 {
			return Errorf(Invalid, "", "policy money.payouts.%s must be longer than nothing", name)
		}
	}
	return nil
}

// NextTry is when the bank is asked about a file again that has lines without an outcome, after so many tries.
func (p PayoutPolicy) NextTry(now time.Time, tries int) time.Time {
	return now.Add(min(p.Try.Std()<<min(tries, 20), p.Look.Std()))
}

// NextLook is when the bank is asked about a file again whose lines all have an outcome: what was paid may still
// bounce. Zero: no more.
func (p PayoutPolicy) NextLook(now, made time.Time) time.Time {
	if !now.Before(made.Add(p.BounceWithin.Std())) {
		return time.Time{}
	}
	return now.Add(p.Look.Std())
}

// PayoutState is how far a payout to a merchant is.
type PayoutState string

// The states of a payout.
const (
	PayoutAsked   PayoutState = "asked"   // taken from the merchant's book; what the bank does is not known yet
	PayoutPaid    PayoutState = "paid"    // it may still bounce
	PayoutBounced PayoutState = "bounced" // it is in the merchant's book again
)

// BankAccountState is how a bank account of a merchant stands. Two people change it.
type BankAccountState string

// The states of a bank account.
const (
	AccountProposed BankAccountState = "proposed"
	AccountCurrent  BankAccountState = "current"
	AccountReplaced BankAccountState = "replaced"
	AccountRefused  BankAccountState = "refused"
)

// BankAccount is where a merchant is paid.
type BankAccount struct {
	Holder string `json:"holder"`
	Bank   string `json:"bank"`
	Number string `json:"number"`
}

var accountNumber = regexp.MustCompile(`^[0-9]{8,30}$`)

// Normal is the account with its number as banks write it, without the spaces that people do. Invalid:
// account_number.
func (a BankAccount) Normal() (BankAccount, error) {
	a.Holder, a.Bank = strings.TrimSpace(a.Holder), strings.TrimSpace(a.Bank)
	a.Number = strings.NewReplacer(" ", "", "-", "").Replace(Typed(a.Number))
	if !accountNumber.MatchString(a.Number) {
		return a, FieldErrorf("number", "account_number", "a bank account has between 8 and 30 digits")
	}
	return a, nil
}

// Masked is what is shown of the number: who looks at the list does not learn it.
func (a BankAccount) Masked() string { return "****" + a.Number[max(0, len(a.Number)-4):] }

// PayoutConflict is a contradiction of the bank, which is listed with those of the channels.
const PayoutConflict ConflictSubject = "payout" // another outcome of a line
