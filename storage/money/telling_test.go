package money_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// low is a policy that tells of no payment, and of a balance below 10 yuan.
var low = campus.TellingPolicy{LowBalance: 10 * yuan, LowBalanceMost: 100 * yuan}

// teller is a store in which holders are told from now on.
func teller(t *testing.T) *storagetest.Env {
	t.Helper()
	h := storagetest.New(t)
	require.NoError(t, h.Tells(low, 100))
	h.Clock.Advance(time.Minute)
	return h
}

// told are the messages of a person, the oldest first.
func told(t *testing.T, h *storagetest.Env, person uuid.UUID) []string {
	t.Helper()
	notices, err := h.Casework.Notices(t.Context(), person, uuid.Nil, 100)
	require.NoError(t, err)
	texts := []string{}
	for _, n := range notices {
		texts = append([]string{n.In(campus.English).SMS}, texts...)
	}
	return texts
}

func chooses(t *testing.T, h *storagetest.Env, person uuid.UUID, c campus.TellingChoice) {
	t.Helper()
	require.NoError(t, h.Money.Choose(t.Context(), campus.Student(person), person, storagetest.University, c))
}

func wants(payments bool) campus.TellingChoice { return campus.TellingChoice{Payments: &payments} }

// E1: who has chosen it is told of each payment from then on, and of what is given back, in their order and once.
func TestPaymentsAreTold(t *testing.T) {
	t.Parallel()
	h := teller(t)
	person, account := h.Holder(100 * yuan)
	other, of := h.Holder(100 * yuan)
	h.Pays(account, 1*yuan)
	h.Clock.Advance(time.Second)
	chooses(t, h, person, wants(true))
	merchant := h.Merchant("第一食堂", "canteen")
	inCanteen := func(p *money.Payment) { p.Book = merchant.BookID }
	paid := h.Pays(account, 2*yuan, inCanteen)
	h.Pays(account, 200*yuan, inCanteen) // more than there is
	h.Pays(of, 5*yuan)
	for range 3 {
		require.NoError(t, h.Tells(low, 2))
		h.Clock.Advance(time.Second)
	}
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, paid.Transfer, 1*yuan))))
	chooses(t, h, person, wants(true)) // again: from when it was chosen first
	h.TopUp(account, 3*yuan)
	for range 3 {
		require.NoError(t, h.Tells(low, 2))
		h.Clock.Advance(30 * time.Second)
	}
	require.Equal(t, []string{
		"[Campus card] You paid CNY 2.00 at 第一食堂, 2026-11-17 10:01 (Beijing time). Balance: CNY 97.00.",
		"[Campus card] CNY 1.00 came back from 第一食堂, 2026-11-17 10:01 (Beijing time). Balance: CNY 98.00.",
	}, told(t, h, person))
	require.Empty(t, told(t, h, other), "who has not chosen it")

	h.Clock.Advance(time.Minute)
	chooses(t, h, person, wants(false))
	h.Pays(account, 1*yuan)
	require.NoError(t, h.Tells(low, 100))
	h.Clock.Advance(time.Minute)
	chooses(t, h, person, wants(true))
	require.NoError(t, h.Tells(low, 100))
	require.Len(t, told(t, h, person), 2, "what was paid while it was off")
}

// A low balance is told when it begins, and again only after there was enough.
func TestALowBalanceIsToldOnce(t *testing.T) {
	t.Parallel()
	h := teller(t)
	person, account := h.Holder(12 * yuan)
	twice := func() {
		h.Clock.Advance(time.Second)
		require.NoError(t, h.Tells(low, 100))
		require.NoError(t, h.Tells(low, 100))
	}
	for _, cents := range []int64{1 * yuan, 2 * yuan, 1 * yuan, 3 * yuan} {
		h.Pays(account, cents)
		twice()
	}
	first := "[Campus card] Your balance of CNY 9.00 has fallen below CNY 10.00. Please top up the card."
	require.Equal(t, []string{first}, told(t, h, person))
	h.TopUp(account, 10*yuan)
	twice()
	h.Pays(account, 6*yuan)
	twice()
	require.Equal(t, []string{first, first}, told(t, h, person), "9 yuan once more")
	none := int64(0)
	chooses(t, h, person, campus.TellingChoice{LowCents: &none})
	h.TopUp(account, 10*yuan)
	h.Pays(account, 19*yuan)
	twice()
	require.Len(t, told(t, h, person), 2, "who does not want it")
}

// A policy that begins to tell everybody, and a worker that comes back after days, tell nobody of what was long ago.
func TestNothingOldIsTold(t *testing.T) {
	t.Parallel()
	all := campus.TellingPolicy{Payments: true}
	for sentence, between := range map[string]func(*storagetest.Env){
		"the policy has changed": func(h *storagetest.Env) {
			require.NoError(t, h.Tells(low, 100))
			h.Clock.Advance(time.Minute)
			require.NoError(t, h.Tells(low, 100))
		},
		"no worker has run": func(h *storagetest.Env) { h.Clock.Advance(25 * time.Hour) },
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			h := teller(t)
			person, account := h.Holder(100 * yuan)
			h.Pays(account, 1*yuan)
			between(h)
			require.NoError(t, h.Tells(all, 100))
			require.Empty(t, told(t, h, person))
			h.Pays(account, 2*yuan)
			require.NoError(t, h.Tells(all, 100))
			require.Len(t, told(t, h, person), 1)
		})
	}
}

// A transfer that is seen some seconds after its time is told; so is one by a clock that was ahead for a while.
func TestWhatIsSeenLateIsTold(t *testing.T) {
	t.Parallel()
	h := teller(t)
	person, account := h.Holder(100 * yuan)
	chooses(t, h, person, wants(true))
	late := func(by time.Duration) {
		h.Clock.Advance(by)
		require.NoError(t, h.Tells(low, 100))
		h.Clock.Advance(-by)
		h.Pays(account, 1*yuan)
		h.Clock.Advance(by)
		require.NoError(t, h.Tells(low, 100))
	}
	late(15 * time.Second)
	require.Len(t, told(t, h, person), 1)

	h.Clock.Advance(24 * time.Hour)
	require.NoError(t, h.Tells(low, 100))
	h.Clock.Advance(-24 * time.Hour)
	h.Pays(account, 1*yuan)
	require.NoError(t, h.Tells(low, 100))
	require.Len(t, told(t, h, person), 1, "it waits for the time that was looked at")
	require.NoError(t, storagetest.Err(h.BringForward(t.Context())))
	h.Pays(account, 1*yuan)
	require.NoError(t, h.Tells(low, 100))
	require.Len(t, told(t, h, person), 3)
}

// Several workers at once, while people pay, tell each payment once.
func TestWorkersShareWhatIsTold(t *testing.T) {
	t.Parallel()
	h := teller(t)
	const holders, payments, workers = 5, 6, 3
	all := campus.TellingPolicy{Payments: true}
	accounts := make([]uuid.UUID, holders)
	for i := range accounts {
		_, accounts[i] = h.Holder(100 * yuan)
	}
	errs := storagetest.AtOnce(holders+workers, func(i int) error {
		for range payments {
			if i >= holders {
				if err := h.Tells(all, 4); err != nil {
					return err
				}
			} else if err := storagetest.Err(h.Money.Pay(t.Context(), h.Payment(accounts[i], 1))); err != nil {
				return err
			}
		}
		return nil
	})
	require.Equal(t, map[string]int{"done": holders + workers}, storagetest.Outcomes(errs), "%v", errs)
	require.NoError(t, h.Tells(all, 4))
	require.Equal(t, holders*payments, storagetest.Count(h, `notices where template = 'notice.paid'`))
}
