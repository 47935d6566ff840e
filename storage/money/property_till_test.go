package money_test

import (
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// What properties do at a till: codes and taps, a till that is stopped, sales that are scanned, and the end of an
// account.

// canteenTill is a till of a canteen, for all runs of a property.
func canteenTill(h *storagetest.Env) money.Till {
	h.University(storagetest.University)
	return h.Till(h.Merchant("第一食堂", "canteen"), "1")
}

// standsAt has the run ask at a till, which works.
func (r *ledgerRun) standsAt(till money.Till) {
	r.till, r.stopped = till, true
	r.stop()
}

// stop has the till work no more, or again.
func (r *ledgerRun) stop() {
	r.stopped = !r.stopped
	r.h.Exec(`update terminals set state = $2 where id = $1`, r.till.ID,
		map[bool]string{true: "stopped", false: "active"}[r.stopped])
}

func (r *ledgerRun) atTheTill(t *rapid.T) bool { return rapid.Bool().Draw(t, "at the till") }

// anywhere has a payment asked for at the till, or by who has scanned what it shows.
func (r *ledgerRun) anywhere(t *rapid.T, a asked) asked {
	if r.atTheTill(t) {
		a.product.Till, a.product.Generation = r.till.ID, r.till.Generation
	}
	if a.model.token.kind == "" {
		a.product.Scanned = rapid.Bool().Draw(t, "scanned")
	}
	return a
}

// token draws what is shown for an account: nothing, or a code or a tap about as new as the last one, now and then of
// another phone or plastic.
func (r *ledgerRun) token(t *rapid.T, n int) (money.Token, modelToken) {
	kind := rapid.SampledFrom([]tokenKind{"", "", "", phoneToken, phoneToken, chipToken, chipToken}).Draw(t, "token")
	if kind == "" {
		return money.Token{}, modelToken{}
	}
	of := r.ids[n]
	shown := modelToken{kind: kind, bound: rapid.IntRange(0, 7).Draw(t, "another") > 0,
		count: max(0, r.accounts[n].shown[kind]+rapid.Int64Range(-1, 4).Draw(t, "count"))}
	if !shown.bound {
		of = uuid.New()
	}
	if kind == phoneToken {
		return money.Token{Phone: of, Count: shown.count}, shown
	}
	return money.Token{Chip: of.String(), Count: shown.count}, shown
}

// close pays the last account out, and closes it: what comes for it then is nobody's.
func (r *ledgerRun) close(t *rapid.T) {
	n := len(r.ids) - 1
	a := r.accounts[n]
	if a.closed {
		return
	}
	owed := a.has(debtPurse) + 1 // then something is left to take
	a.putMain("top_up", owed, 0)
	_, err := r.h.Money.Credit(r.h.Context(), money.Credit{Terminal: r.name, Key: r.fresh(), Account: r.ids[n],
		Book: r.h.BookOf(campus.SuspenseBook, ""), Cents: owed, Kind: campus.TopUpTransfer, TakenAt: r.h.Clock.Now()})
	require.NoError(t, err)
	a.endSubsidy(r.day())
	left := a.has(mainPurse) + a.has(subsidyPurse)
	a.add("charge", [3]int64{-a.has(mainPurse), -a.has(subsidyPurse), 0})
	r.earned += left
	_, err = r.h.Money.Charge(r.h.Context(), r.h.Payment(r.ids[n], left, func(p *money.Payment) {
		p.Terminal, p.Key, p.Book, p.Kind = r.name, r.fresh(), r.merchants[true], campus.ChargeTransfer
		p.Terms.SubsidyTakes, p.Terms.Counts = true, false
	}))
	require.NoError(t, err)
	a.closed, a.closedAt = true, r.h.Clock.Now()
	r.h.Exec(`update accounts set closed_at = $2 where id = $1`, r.ids[n], a.closedAt)
}

// chargeClosed takes what was sold to a closed account: of the loss cover if it was before the end, else of nobody.
func (r *ledgerRun) chargeClosed(t *rapid.T, a asked) {
	want := "account_closed"
	if a.product.TakenAt.Before(a.model.account.closedAt) {
		want = "done"
		r.earned += a.product.Cents
	}
	require.Equal(t, want, storagetest.Outcome(storagetest.Err(r.h.Money.Charge(r.h.Context(), a.product))))
}
