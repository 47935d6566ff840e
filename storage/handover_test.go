package storage_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/production"
	"campuscard/storage/storagetest"
)

const (
	chip        = "04112233445566"
	anotherChip = "04112233445577"
)

// says is what the bureau reports about a story's plastic, with the chip that it has.
func says(s *storagetest.Story, state campus.PlasticState, sequence int, chip string) production.Report {
	r := s.Report(state, sequence)
	r.Chip = chip
	return r
}

// inKiosk is a story whose plastic lies in the kiosk under a code, with a chip that the bureau has reported; empty:
// it has not.
func inKiosk(t *testing.T, s *storagetest.Story, chip string) (code string) {
	t.Helper()
	s.Activate()
	require.NoError(t, s.Production.SaveOrder(t.Context(), s.Plastic, "bo-1"))
	require.NoError(t, s.TakeReport(t.Context(), says(s, campus.PlasticInProduction, 2, chip)))
	require.NoError(t, s.TakeReport(t.Context(), s.Report(campus.PlasticReady, 4)))
	code, err := s.Production.PickupCode(s.CurrentPlastic())
	require.NoError(t, err)
	return code
}

// E1: the chip of a plastic pays from the instant at which the plastic is handed over, and not before.
func TestAChipPaysFromTheHandover(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	code := inKiosk(t, s, chip)
	_, err := s.Money.Chip(t.Context(), chip)
	require.Equal(t, "chip_unknown", campus.ReasonOf(err))
	a, err := s.Money.CurrentAccount(t.Context(), s.Holder.ID)
	require.NoError(t, err)
	s.TopUp(a.ID, 10000)
	require.Equal(t, campus.ChipEnded, s.Pays(a.ID, 100, by(chip, 1)).Outcome,
		"whoever carries it to the kiosk buys nothing")
	require.NoError(t, s.Try(s.Pickup(code)))
	found, err := s.Money.Chip(t.Context(), chip)
	require.NoError(t, err)
	require.Equal(t, money.Chip{Serial: chip, Account: a.ID, University: storagetest.University}, found)
	require.Equal(t, campus.Paid, s.Pays(a.ID, 100, by(chip, 1)).Outcome)
	require.NoError(t, s.TakeReport(t.Context(), says(s, campus.PlasticReady, 5, chip)), "the bureau repeats itself")
	require.Equal(t, campus.TapUsed, s.Pays(a.ID, 100, by(chip, 1)).Outcome, "and takes no count back")
	require.Equal(t, 1, storagetest.Count(s.Env, `audit where action = 'chip.bind'`))
}

func by(chip string, count int64) func(*money.Payment) {
	return func(p *money.Payment) { p.Token = money.Token{Chip: chip, Count: count} }
}

// E1: which chip a plastic has may be told late, by a call-back that was overtaken; then it pays from then on.
func TestAChipThatIsReportedLate(t *testing.T) {
	t.Parallel()
	for name, late := range map[string]struct {
		state    campus.PlasticState
		sequence int
	}{
		"by an older report": {campus.PlasticInProduction, 2}, "on its way": {campus.PlasticShipped, 5},
		"by the same again": {campus.PlasticReady, 4},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storagetest.Apply(t)
			require.NoError(t, s.Try(s.Pickup(inKiosk(t, s, ""))))
			require.Zero(t, storagetest.Count(s.Env, `chips`))
			require.NoError(t, s.TakeReport(t.Context(), says(s, late.state, late.sequence, chip)))
			require.Equal(t, campus.PlasticPickedUp, s.CurrentPlastic().State)
			require.NoError(t, storagetest.Err(s.Money.Chip(t.Context(), chip)))
			require.Equal(t, chip, storagetest.One[string](s.Env, `select chip from accounts`))
		})
	}
	s := storagetest.Apply(t)
	inKiosk(t, s, "")
	require.NoError(t, s.TakeReport(t.Context(), says(s, campus.PlasticShipped, 5, chip)))
	require.Equal(t, []any{campus.PlasticReady, chip}, []any{s.CurrentPlastic().State, s.CurrentPlastic().Chip})
	require.Zero(t, storagetest.Count(s.Env, `chips`), "nobody has it yet")
}

// E1: a chip never becomes another, nor that of another card: neither bureau nor call-back can have one card pay for
// another.
func TestChipsThatContradict(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	require.NoError(t, s.Try(s.Pickup(inKiosk(t, s, chip))))
	before := storagetest.Everything(t, s.Env)
	require.Equal(t, "report_contradicts", storagetest.Outcome(
		s.TakeReport(t.Context(), says(s, campus.PlasticReady, 5, anotherChip))))
	require.Equal(t, before, storagetest.Everything(t, s.Env))

	person := s.Person()
	other := &storagetest.Story{Env: s.Env, T: t, Holder: person, Application: s.Applied(person)}
	other.Activate()
	require.NoError(t, other.Production.SaveOrder(t.Context(), other.Plastic, "bo-1"))
	before = storagetest.Everything(t, s.Env)
	require.Equal(t, "report_contradicts", storagetest.Outcome(
		other.TakeReport(t.Context(), says(other, campus.PlasticInProduction, 2, chip))))
	require.Equal(t, before, storagetest.Everything(t, s.Env))
}

// D4, E1: the plastic of a card that is replaced buys nothing from the same instant, whatever its count.
func TestThePlasticOfAReplacedCardPaysNoMore(t *testing.T) {
	t.Parallel()
	first, next := storagetest.Replacing(t, func(s *storagetest.Story) {
		require.NoError(t, s.Try(s.Pickup(inKiosk(t, s, chip))))
	})
	a, err := first.Money.CurrentAccount(t.Context(), first.Holder.ID)
	require.NoError(t, err)
	first.TopUp(a.ID, 10000)
	require.Equal(t, campus.Paid, first.Pays(a.ID, 100, by(chip, 1)).Outcome)
	require.NoError(t, next.Activates())
	require.Equal(t, campus.CardEnded, first.Pays(a.ID, 100, by(chip, 2)).Outcome)
}

// E1: when a card gets another plastic, the last one pays no more, and says so; the new one begins its own count. One
// that has ended never pays again.
func TestAnotherPlasticOfACard(t *testing.T) {
	t.Parallel()
	s := storagetest.Apply(t)
	require.NoError(t, s.Try(s.Pickup(inKiosk(t, s, chip))))
	a, err := s.Money.CurrentAccount(t.Context(), s.Holder.ID)
	require.NoError(t, err)
	s.TopUp(a.ID, 10000)
	require.Equal(t, campus.Paid, s.Pays(a.ID, 100, by(chip, 40)).Outcome)
	require.NoError(t, s.BindChipOf(t.Context(), s.Card, anotherChip))
	require.Equal(t, campus.ChipEnded, s.Pays(a.ID, 100, by(chip, 41)).Outcome)
	require.Equal(t, campus.Paid, s.Pays(a.ID, 100, by(anotherChip, 1)).Outcome)
	require.NoError(t, s.BindChipOf(t.Context(), s.Card, anotherChip))
	require.Equal(t, campus.TapUsed, s.Pays(a.ID, 100, by(anotherChip, 1)).Outcome)
	require.ErrorContains(t, s.BindChipOf(t.Context(), s.Card, chip), "chips_pkey", "its count would begin anew")
	found, err := s.Money.Chip(t.Context(), chip)
	require.NoError(t, err)
	require.Equal(t, a.ID, found.Account, "whoever shows it is told")
}
