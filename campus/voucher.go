package campus

import "slices"

// VoucherKind is what a manual voucher does. Each takes two people and a reason (E4).
type VoucherKind string

// The kinds of manual vouchers.
const (
	CreditVoucher   VoucherKind = "credit"             // 补记: puts money on a card that a mistake has kept from it
	DebitVoucher    VoucherKind = "debit"              // 补记: takes money that a mistake has put on a card
	CashBackVoucher VoucherKind = "cash_back"          // 退现: from the card to cash out of a drawer (L1)
	DebtVoucher     VoucherKind = "debt_write_off"     // what somebody owes, and nobody will pay
	MerchantVoucher VoucherKind = "merchant_write_off" // what a retired merchant owes (L3)
)

// VoucherState is how far a manual voucher is.
type VoucherState string

// The states of a manual voucher.
const (
	VoucherProposed  VoucherState = "proposed"
	VoucherConfirmed VoucherState = "confirmed" // and posted
	VoucherRefused   VoucherState = "refused"
)

// VoucherBooks are the books at the other side of a correction: why there was too much or too little on a card.
func VoucherBooks() []BookKind {
	return []BookKind{SuspenseBook, LossCoverBook, ServiceBook, UnclaimedBook}
}

// ManualVoucher is what somebody proposes.
type ManualVoucher struct {
	Kind   VoucherKind
	Cents  int64
	Book   BookKind // of a correction
	Reason string
}

// Check refuses what nobody can propose. Invalid: amount_invalid, voucher_book.
func (v ManualVoucher) Check() error {
	if err := CheckAmount(v.Cents); err != nil && v.Kind != MerchantVoucher { // that is all that the merchant owes
		return err
	}
	correction := v.Kind == CreditVoucher || v.Kind == DebitVoucher
	if correction != (v.Book != "") || correction && !slices.Contains(VoucherBooks(), v.Book) {
		return FieldErrorf("book", "voucher_book", "a correction names the book at its other side, and nothing else does")
	}
	return nil
}

// Permission is what whoever proposes or confirms it needs.
func (k VoucherKind) Permission() Permission {
	if k == CashBackVoucher {
		return HandleCash
	}
	return CorrectMoney
}

// Change is what a voucher does to an account that has some purses. Conflict: insufficient_funds, debt_less.
func (v ManualVoucher) Change(has Purses) (Purses, error) {
	switch v.Kind {
	case CreditVoucher:
		return has.PutMain(v.Cents), nil
	case DebtVoucher:
		if has.Debt < v.Cents {
			return Purses{}, Errorf(Conflict, "debt_less", "only %d fen are owed", has.Debt).With("left", has.Debt)
		}
		return Purses{Debt: -v.Cents}, nil
	}
	if has.Main < v.Cents {
		return Purses{}, Errorf(Conflict, "insufficient_funds", "the main purse has less")
	}
	return Purses{Main: -v.Cents}, nil
}
