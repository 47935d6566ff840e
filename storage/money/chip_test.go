package money_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

const chip = "04112233445566"

func by(chip string, count int64) func(*money.Payment) {
	return func(p *money.Payment) { p.Token = money.Token{Chip: chip, Count: count} }
}

// withChip is an account whose plastic was tapped seven times.
func withChip(h *storagetest.Env) money.Account {
	a := h.Account(100 * yuan)
	h.Exec(`update accounts set chip = $2, chip_counter = 7 where id = $1`, a.ID, chip)
	return a
}

// E1: what a chip says pays once and not after a later read, with the plastic that is in use, of a card that pays.
// What is refused uses no count up.
func TestTaps(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	today := campus.DateOf(h.Clock.Now())
	for name, test := range map[string]struct {
		chip  string
		count int64
		cents int64
		spoil string
		want  campus.PaymentOutcome
	}{
		"the next read":                   {chip, 8, yuan, ``, campus.Paid},
		"a later one, as doors count too": {chip, 900, yuan, ``, campus.Paid},
		"the last one again":              {chip, 7, yuan, ``, campus.TapUsed},
		"an earlier one":                  {chip, 6, yuan, ``, campus.TapUsed},
		"of before it was handed over":    {chip, 0, yuan, ``, campus.TapUsed},
		"the chip of another plastic":     {"04112233445577", 8, yuan, ``, campus.ChipEnded},
		"no plastic is in use":            {chip, 8, yuan, `chip = ''`, campus.ChipEnded},
		"a closed card":                   {chip, 8, yuan, `holds = '{ended}'`, campus.CardEnded},
		"a lost card":                     {chip, 8, yuan, `holds = '{lost}'`, campus.CardIsLost},
		"a frozen card":                   {chip, 8, yuan, `holds = '{frozen}'`, campus.CardIsFrozen},
		"a card that has expired":         {chip, 8, yuan, `valid_until = '` + today.String() + `'`, campus.CardExpired},
		"the limit of the day":            {chip, 8, yuan, `limit_cents = 99`, campus.LimitReached},
		"above the ceiling":               {chip, 8, 50*yuan + 1, ``, campus.PasswordNeeded},
		"too little money":                {chip, 8, 150 * yuan, ``, campus.InsufficientFunds},
	} {
		a := withChip(h)
		if test.spoil != "" {
			h.Exec(`update accounts set `+test.spoil+` where id = $1`, a.ID)
		}
		require.Equal(t, test.want, h.Pays(a.ID, test.cents, by(test.chip, test.count)).Outcome, name)
		counter := storagetest.One[int64](h, `select chip_counter from accounts where id = $1`, a.ID)
		if test.want == campus.Paid {
			require.Equal(t, test.count, counter, name)
			require.Equal(t, 99*int64(yuan), h.AccountOf(a.ID).MainCents, name)
			continue
		}
		require.Equal(t, int64(7), counter, name)
		require.Equal(t, 100*int64(yuan), h.AccountOf(a.ID).MainCents, name)
	}
}

// E1: a till that asks again, with the read of then or a fresh one, is told the first answer. The count stays that of
// the read that has paid.
func TestARepeatedTap(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := withChip(h)
	sale := h.Payment(a.ID, yuan, by(chip, 8))
	first, err := h.Money.Pay(t.Context(), sale)
	require.NoError(t, err)
	require.Equal(t, campus.Paid, first.Outcome)
	for _, count := range []int64{8, 9} {
		by(chip, count)(&sale)
		again, err := h.Money.Pay(t.Context(), sale)
		require.NoError(t, err)
		require.Equal(t, first, again)
	}
	require.Equal(t, campus.Paid, h.Pays(a.ID, yuan, by(chip, 9)).Outcome, "the fresh read was not needed")
	require.Equal(t, campus.TapUsed, h.Pays(a.ID, yuan, by(chip, 9)).Outcome)
	require.Equal(t, 98*int64(yuan), h.AccountOf(a.ID).MainCents)
}

// E1: one read, shown to many tills at the same moment by way of two processes, pays once.
func TestRaceOfOneTap(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	second := another(t, h)
	a := withChip(h)
	outcomes := make([]campus.PaymentOutcome, 32)
	payments := make([]money.Payment, len(outcomes))
	for i := range payments {
		payments[i] = h.Payment(a.ID, yuan, by(chip, 8))
	}
	require.Equal(t, map[string]int{"done": len(outcomes)}, storagetest.Outcomes(storagetest.AtOnce(len(outcomes),
		func(i int) error {
			answer, err := []*money.Store{h.Money, second.Money}[i%2].Pay(t.Context(), payments[i])
			outcomes[i] = answer.Outcome
			return err
		})))
	counts := map[campus.PaymentOutcome]int{}
	for _, outcome := range outcomes {
		counts[outcome]++
	}
	require.Equal(t, map[campus.PaymentOutcome]int{campus.Paid: 1, campus.TapUsed: len(outcomes) - 1}, counts)
	require.Equal(t, 99*int64(yuan), h.AccountOf(a.ID).MainCents)
	agree(t, h)
}

// E1: a plastic that is replaced while its payment waits for the row buys nothing.
func TestReplacedWhileATapWaits(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := withChip(h)
	tx, err := storagetest.Connect(t, h).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `update accounts set chip = '04112233445577', chip_counter = 0 where id = $1`, a.ID)
	require.NoError(t, err)
	payment, answer := h.Payment(a.ID, yuan, by(chip, 8)), make(chan money.Answer, 1)
	go func() {
		got, _ := h.Money.Pay(t.Context(), payment)
		answer <- got
	}()
	paymentWaits(t, h)
	require.NoError(t, tx.Commit(t.Context()))
	require.Equal(t, campus.ChipEnded, (<-answer).Outcome)
}
