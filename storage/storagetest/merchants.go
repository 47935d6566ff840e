package storagetest

import (
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
)

// Pair are two members of staff of the default university with a role.
func (h *Env) Pair(role campus.Role) (first, second campus.StaffMember) {
	h.t.Helper()
	h.haveUniversity()
	first, _ = h.Staff(University, campus.Grant{Role: role})
	second, _ = h.Staff(University, campus.Grant{Role: role})
	return first, second
}

// BankAccount is where a merchant is paid, as two people have agreed.
func (h *Env) BankAccount(merchant uuid.UUID) money.MerchantAccount {
	h.t.Helper()
	first, second := h.Pair(campus.Finance)
	a, err := h.Money.ProposeBankAccount(h.Context(), h.Requested(campus.Staff(first.ID)), first, merchant,
		campus.BankAccount{Holder: "第一食堂", Bank: "城市银行", Number: "6222 0212 3456 7890"})
	require.NoError(h.t, err)
	a, err = h.Money.DecideBankAccount(h.Context(), h.Requested(campus.Staff(second.ID)), second, a.ID, true)
	require.NoError(h.t, err)
	return a
}

// Settled is a day of a merchant on which cards have paid so much, less a fee; below nothing, so much was given back.
func (h *Env) Settled(m money.Merchant, day campus.Date, cents, fee int64) {
	h.t.Helper()
	h.Exec(`insert into settlements (id, university, merchant_id, day, sales_cents, sales, back_cents, other_cents, fee_cents,
			due_cents, settled_at)
		values ($1, $2, $3, $4, greatest($5::bigint, 0), 1, greatest(-$5::bigint, 0), 0, $6, $5::bigint - $6::bigint, $7)`,
		uuid.Must(uuid.NewV7()), University, m.ID, day.String(), cents, fee, h.Clock.Now())
}

// Sells has an account pay at a merchant.
func (h *Env) Sells(m money.Merchant, account uuid.UUID, cents int64) money.Answer {
	h.t.Helper()
	return h.Pays(account, cents, func(p *money.Payment) { p.Book = m.BookID })
}

// Gathers makes payouts of what is due.
func (h *Env) Gathers() (money.PayoutFile, error) {
	return h.Money.MakePayouts(h.Context(), h.Requested(campus.System()), University, 1_00)
}
