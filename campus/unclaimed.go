package campus

import (
	"strings"

	"github.com/google/uuid"
)

// UnclaimedWay is what people do with money that came by a channel and can go neither back nor to an account (L2).
type UnclaimedWay string

// The ways. Each takes two people and a reason.
const (
	UnclaimedToSource UnclaimedWay = "source" // the channel is asked for it once more, as another refund
	UnclaimedToBank   UnclaimedWay = "bank"   // to a bank account of the payer
	UnclaimedKept     UnclaimedWay = "keep"   // it stays in the university's book of what nobody has claimed, for good
)

// UnclaimedState is how far a settlement of such money is.
type UnclaimedState string

// The states of a settlement.
const (
	UnclaimedProposed  UnclaimedState = "proposed"
	UnclaimedConfirmed UnclaimedState = "confirmed"
	UnclaimedRefused   UnclaimedState = "refused"
)

// CheckUnclaimed refuses a way that money of a currency cannot go, and a bank account where it does not go to one.
// Invalid: unclaimed_account. Conflict: unclaimed_currency (there is no book of it, and the bank pays yuan).
func (w UnclaimedWay) CheckUnclaimed(currency string, where BankAccount) error {
	if (w == UnclaimedToBank) != (where != BankAccount{}) {
		return FieldErrorf("way", "unclaimed_account", "a bank account is named when the money goes to one, and only then")
	}
	if w == UnclaimedToBank && currency != Yuan {
		return Errorf(Conflict, "unclaimed_currency", "the bank pays yuan, and not %s", currency)
	}
	if w == UnclaimedToBank && (where.Holder == "" || where.Bank == "") {
		return FieldErrorf("holder", "unclaimed_account", "a bank account has a holder and a bank")
	}
	return nil
}

// ShortRef is by what people tell a row from others: the last eight characters of its id, which say nothing of when it
// was made.
func ShortRef(id uuid.UUID) string { return strings.ToUpper(id.String()[28:]) }
