package storagetest

import (
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
)

// Sale has an account pay at a till under a key, and answers the payment.
func (h *Env) Sale(till money.Till, account uuid.UUID, cents int64, key string) uuid.UUID {
	h.t.Helper()
	answer := h.Pays(account, cents, func(p *money.Payment) {
		p.Terminal, p.Key, p.Book = till.ID.String(), key, till.Book
		p.Proved = true
	})
	require.Equal(h.t, campus.Paid, answer.Outcome)
	return answer.Transfer
}

// Twice is a sale that a till has printed, and the same once more ten seconds before, of which it has not.
func (h *Env) Twice(till money.Till, account uuid.UUID, cents int64) (unprinted, printed uuid.UUID) {
	h.t.Helper()
	lost, seen := "lost-"+uuid.NewString(), "seen-"+uuid.NewString()
	unprinted = h.Sale(till, account, cents, lost)
	h.Clock.Advance(10 * time.Second)
	printed = h.Sale(till, account, cents, seen)
	h.Clock.Advance(time.Second)
	h.Journal(till, seen)
	return unprinted, printed
}

// Journal is what a till says that it has printed in the last hour.
func (h *Env) Journal(till money.Till, keys ...string) {
	h.t.Helper()
	require.NoError(h.t, h.Money.TakeJournal(h.t.Context(), till,
		money.TillJournal{From: h.Clock.Now().Add(-time.Hour), Until: h.Clock.Now(), Keys: keys}))
}

// Appeals has a holder ask for a payment back, because it was charged twice.
func (h *Env) Appeals(person, payment uuid.UUID, change ...func(*money.NewAppeal)) (money.Appeal, error) {
	h.t.Helper()
	n := money.NewAppeal{Person: person, Payment: payment, Reason: campus.ChargedTwice, Word: "我只买了一份",
		Policy: h.Policy().Money.Appeals, PolicyVersion: h.Policies.Version()}
	for _, fn := range change {
		fn(&n)
	}
	return h.Money.OpenAppeal(h.t.Context(), h.Requested(campus.Student(person)), n)
}

// Appealed is Appeals that is not refused.
func (h *Env) Appealed(person, payment uuid.UUID, change ...func(*money.NewAppeal)) money.Appeal {
	h.t.Helper()
	a, err := h.Appeals(person, payment, change...)
	require.NoError(h.t, err)
	return a
}
