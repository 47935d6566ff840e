package campus

import (
	"strings"
	"unicode/utf8"
)

// CounterPolicy holds the numbers of the counter (L1).
type CounterPolicy struct {
	VerificationLife  Duration `yaml:"verification_life"`
	VerificationTries int      `yaml:"verification_tries"`
}

func (p CounterPolicy) check() error {
	if p.VerificationLife <= 0 {
		return Errorf(Invalid, "", "policy counter.verification_life must be longer than nothing")
	}
	if p.VerificationTries < 1 {
		return Errorf(Invalid, "", "policy counter.verification_tries must be at least 1")
	}
	return nil
}

// CounterActKind is something that is done at the counter, and for which there is a receipt.
type CounterActKind string

// The acts at the counter. A check is the decision about a work item of a case; the others stand for themselves.
const (
	VerificationAct  CounterActKind = "verification"  // person and original document were looked at (A3)
	CheckAct         CounterActKind = "check"         // the same, as a decision about a case (B3)
	WithdrawalAct    CounterActKind = "withdrawal"    // an application is taken back
	CounterChoiceAct CounterActKind = "counter_check" // the check in person is chosen (B3)
	ActivationAct    CounterActKind = "activation"    // the card is activated (D1)
	ReopeningAct     CounterActKind = "reopening"     // a lapsed activation is re-opened (D1)
	LanguageAct      CounterActKind = "language"      // messages come in another language
	PickupCodeAct    CounterActKind = "pickup_code"   // another pickup code is sent (D3)
	UploadAct        CounterActKind = "upload"        // a document is handed in on paper
	PhoneAct         CounterActKind = "phone"         // another number is put on file (L6)
	SessionsAct      CounterActKind = "sessions"      // every device is signed out (L6)
	UnlockAct        CounterActKind = "unlock"        // the sign-in is unlocked (F5)
	ApplicationAct   CounterActKind = "application"   // a card is applied for (L1)
	EvidenceAct      CounterActKind = "evidence"      // what was asked for is brought
	KioskAct         CounterActKind = "kiosk"         // the plastic is brought to another kiosk (D2)
	ResendAct        CounterActKind = "resend"        // an unclaimed plastic is sent again (D3)
	CashAct          CounterActKind = "cash"          // cash is taken for a top-up (L1)
)

// OnBehalf tells whether the act is the holder's own. For that, and for a check that is passed, they must have been
// verified shortly before. Anybody may bring cash for a card.
func (k CounterActKind) OnBehalf() bool { return k != VerificationAct && k != CheckAct && k != CashAct }

// ServedHere tells whether the act is for people of the counters whom the member serves, and nobody else.
func (k CounterActKind) ServedHere() bool { return k.OnBehalf() || k == CashAct }

// SearchKind is what people are searched by.
type SearchKind string

// The kinds of search. Any looks at number and phone, or number and name, as the words typed suggest.
const (
	SearchAny      SearchKind = "any"
	SearchNumber   SearchKind = "number"   // the whole number
	SearchName     SearchKind = "name"     // a part of the name
	SearchPhone    SearchKind = "phone"    // the last digits
	SearchDocument SearchKind = "document" // the whole number of the identity document
)

// PhoneTail is how many last digits of a phone it takes to search by it.
const PhoneTail = 4

// Masked returns a number of which the middle is left out, for paper that others may see: "2026****01".
func Masked(number string) string {
	const head, tail = 4, 2
	n := utf8.RuneCountInString(number)
	if n <= head+tail {
		return strings.Repeat("*", n)
	}
	runes := []rune(number)
	return string(runes[:head]) + strings.Repeat("*", n-head-tail) + string(runes[n-tail:])
}

// AllDigits tells whether a text is of the digits 0 to 9, and not empty.
func AllDigits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }
