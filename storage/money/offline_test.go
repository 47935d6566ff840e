package money_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// offlineHouse is a till without network, and what it writes down.
type offlineHouse struct {
	*storagetest.Env
	t        *testing.T
	till     money.Till
	sequence int64
	phone    uuid.UUID
}

func newOffline(t *testing.T) *offlineHouse {
	t.Helper()
	o := &offlineHouse{Env: storagetest.New(t), t: t, phone: uuid.New()}
	o.University(storagetest.University)
	o.till = o.Till(o.Merchant("食堂", "canteen"), "一号窗口")
	o.beat(0, 0)
	o.Clock.Advance(time.Minute)
	return o
}

func (o *offlineHouse) beat(epoch, sequence int64) money.TillStanding {
	o.t.Helper()
	h, err := o.Money.Beat(o.t.Context(), o.till, 2*time.Minute,
		money.Heartbeat{Clock: o.Clock.Now(), Epoch: epoch, Sequence: sequence})
	require.NoError(o.t, err)
	return h
}

// sale is the next one that the till writes down, of an account by a tap of its own.
func (o *offlineHouse) sale(account uuid.UUID, cents int64, change ...func(*money.OfflineSale)) money.OfflineSale {
	o.sequence++
	sale := money.OfflineSale{Account: account, Token: money.Token{Chip: chip, Count: 100 + o.sequence},
		OfflineSale: campus.OfflineSale{Sequence: o.sequence, Key: fmt.Sprint("sale ", o.sequence), Cents: cents,
			TakenAt: o.Clock.Now(), Code: fmt.Sprint("tap ", o.sequence)}}
	for _, with := range change {
		with(&sale)
	}
	return sale
}

func (o *offlineHouse) send(sales ...money.OfflineSale) []money.OfflineAnswer {
	o.t.Helper()
	answers, err := o.Money.TakeOffline(o.t.Context(), o.till, o.Policy().Money, sales)
	require.NoError(o.t, err)
	return answers
}

// verdicts is how answers read in short.
func verdicts(answers []money.OfflineAnswer) (all []string) {
	for _, a := range answers {
		all = append(all, fmt.Sprint(a.Sequence, " ", a.State, " ", a.Bearer, " ", a.Reason))
	}
	return all
}

func (o *offlineHouse) taken() int64 {
	sum, err := o.Money.BookBalance(o.t.Context(), o.till.Book)
	require.NoError(o.t, err)
	return sum
}

// E1, E4: sales without network are charged, beyond the balance if they must be; the next top-up pays what is owed.
func TestOfflineSalesAreCharged(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	a := o.Account(10 * yuan)
	sales := []money.OfflineSale{o.sale(a.ID, 8*yuan), o.sale(a.ID, 8*yuan)}
	o.Clock.Advance(time.Hour)
	answers := o.send(sales...)
	require.Equal(t, []string{"1 taken holder ", "2 taken holder "}, verdicts(answers))
	after := o.AccountOf(a.ID)
	require.Equal(t, campus.Purses{Debt: 6 * yuan}, after.Purses())
	require.Equal(t, int64(16*yuan), after.SpentCents, "E2: it is the day of the sale")
	require.Equal(t, int64(16*yuan), o.taken())
	o.TopUp(a.ID, 20*yuan)
	require.Equal(t, campus.Purses{Main: 14 * yuan}, o.AccountOf(a.ID).Purses())
}

// E1: the same record is the same answer, in any grouping; other content under a number changes nothing; behind one
// that is missing nothing is taken.
func TestOfflineSalesAreTakenOnceInTheirOrder(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	a := o.Account(100 * yuan)
	one, two, three := o.sale(a.ID, yuan), o.sale(a.ID, 2*yuan), o.sale(a.ID, 4*yuan)
	require.Equal(t, []string{"2 missing  ", "3 missing  "}, verdicts(o.send(two, three)))
	first := o.send(one, one, two)[1:]
	require.Equal(t, []string{"1 taken holder ", "2 taken holder "}, verdicts(first))
	require.Equal(t, first[1], o.send(two, three)[0])
	require.Equal(t, first, o.send(one, two, three)[:2])
	other := two
	other.Cents = 50 * yuan
	require.Equal(t, []string{"2 differs  "}, verdicts(o.send(other)))
	require.Equal(t, 1, storagetest.Count(o.Env, `audit where action = 'offline.differs'`))
	require.Equal(t, []int64{2}, o.suspended(), "people decide it")
	require.Equal(t, int64(93*yuan), o.AccountOf(a.ID).MainCents)
	require.Equal(t, int64(7*yuan), o.taken())
}

// E1: a call that is made twice at the same moment takes each sale once.
func TestRaceOfOneUpload(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	a := o.Account(100 * yuan)
	sales := []money.OfflineSale{o.sale(a.ID, yuan), o.sale(a.ID, yuan), o.sale(a.ID, yuan)}
	for _, err := range storagetest.AtOnce(6, func(int) error {
		answers, err := o.Money.TakeOffline(t.Context(), o.till, o.Policy().Money, sales)
		if err == nil && len(verdicts(answers)) != 3 {
			return fmt.Errorf("answers %v", answers)
		}
		return err
	}) {
		require.NoError(t, err)
	}
	require.Equal(t, int64(97*yuan), o.AccountOf(a.ID).MainCents)
	require.Equal(t, 3, storagetest.Count(o.Env, `transfers where terminal = $1`, o.till.ID.String()))
}

// E1: a sale whose online answer got lost, and that was then taken without network, has the key of the online try.
func TestAnOnlineTryThatBecameAnOfflineSale(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	a := o.Account(100 * yuan)
	online := func(sale money.OfflineSale) money.Payment {
		return o.Payment(a.ID, sale.Cents, func(p *money.Payment) {
			p.Terminal, p.Key, p.Book, p.TakenAt = o.till.ID.String(), sale.Key, o.till.Book, sale.TakenAt
		})
	}
	paid, declined, later := o.sale(a.ID, 5*yuan), o.sale(a.ID, 60*yuan), o.sale(a.ID, 7*yuan)
	first, err := o.Money.Pay(t.Context(), online(paid))
	require.NoError(t, err)
	require.Equal(t, campus.Paid, first.Outcome)
	refused, err := o.Money.Pay(t.Context(), online(declined))
	require.NoError(t, err)
	require.Equal(t, campus.PasswordNeeded, refused.Outcome)
	answers := o.send(paid, declined, later)
	require.Equal(t, []string{"1 taken answered ", "2 taken merchant password_needed", "3 taken holder "}, verdicts(answers))
	require.Equal(t, first.Transfer, answers[0].Transfer)
	again, err := o.Money.Pay(t.Context(), online(later)) // the try was under way all the time
	require.NoError(t, err)
	require.Equal(t, answers[2].Transfer, again.Transfer)
	require.Equal(t, int64(88*yuan), o.AccountOf(a.ID).MainCents)
	require.Equal(t, int64(12*yuan), o.taken())
}

// F1, E1: before the freeze a sale is the holder's; after it never: the merchant's if the till knew, by what it wrote
// down or said before, else the university's. A card that was let go pays again.
func TestOfflineSalesOfAFrozenCard(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	a := o.Account(100 * yuan)
	frozen := func(change func(epoch int64)) int64 {
		require.NoError(t, o.Money.Freeze(t.Context(), campus.System(), a.CardID))
		epoch := storagetest.One[int64](o.Env, `select max(epoch) from denials`)
		var last money.Denial
		require.Eventually(t, func() bool { // while somebody writes in another database, it is not told
			all, err := o.Money.Denials(t.Context(), storagetest.University, epoch-1, 10)
			if err == nil && len(all) == 1 {
				last = all[0]
			}
			return last.Epoch == epoch
		}, 30*time.Second, 10*time.Millisecond)
		require.Equal(t, money.Denial{Epoch: epoch, AccountID: a.ID, Denied: true}, last)
		o.Clock.Advance(time.Minute)
		change(epoch)
		return epoch
	}
	before := o.sale(a.ID, yuan)
	o.Clock.Advance(time.Minute)
	var after, known money.OfflineSale
	epoch := frozen(func(epoch int64) {
		after = o.sale(a.ID, 2*yuan)
		known = o.sale(a.ID, 4*yuan, func(s *money.OfflineSale) { s.Epoch = epoch })
	})
	o.Clock.Advance(time.Minute)
	require.NoError(t, o.Money.Unfreeze(t.Context(), campus.System(), a.CardID))
	o.Clock.Advance(time.Minute)
	lifted := o.sale(a.ID, 8*yuan)
	require.Equal(t, []string{"1 taken holder ", "2 taken cover denied", "3 taken merchant denied", "4 taken holder "},
		verdicts(o.send(before, after, known, lifted)))
	require.Equal(t, int64(91*yuan), o.AccountOf(a.ID).MainCents)
	require.Equal(t, int64(11*yuan), o.taken())
	require.Equal(t, int64(-2*yuan), balance(t, o.Env, campus.LossCoverBook))

	h := o.beat(epoch+100, o.sequence) // it says that it knows what there is
	require.Equal(t, o.Clock.Now(), h.Watermark.In(campus.Shanghai))
	frozen(func(int64) {})
	h = o.beat(epoch+2, o.sequence)
	require.Equal(t, o.sequence, h.Sequence)
	require.Equal(t, []string{"5 taken merchant denied"}, verdicts(o.send(o.sale(a.ID, yuan))), "it has said that it knew")
}

func balance(t *testing.T, h *storagetest.Env, kind campus.BookKind) int64 {
	t.Helper()
	sum, err := h.Money.BookBalance(t.Context(), h.BookOf(kind, ""))
	require.NoError(t, err)
	return sum
}

// E1: a code that was used, without network or online, charges nobody a second time; a false one ends the till's
// selling without network, and is never its holder's.
func TestOfflineCodesThatAreNoGood(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	a := withChip(o.Env) // counts 7
	used := func(s *money.OfflineSale) { s.Token.Count = 7 }
	forged := func(s *money.OfflineSale) { s.Account, s.Token, s.CodeFault = uuid.Nil, money.Token{}, "tap_forged" }
	twice := func(s *money.OfflineSale) { s.Token.Count = 9 }
	sales := []money.OfflineSale{o.sale(a.ID, yuan, used), o.sale(a.ID, yuan, twice), o.sale(a.ID, yuan, twice),
		o.sale(uuid.Nil, 3*yuan, forged)}
	o.Clock.Advance(time.Minute)
	sales = append(sales, o.sale(a.ID, yuan)) // sold before anybody could tell it
	require.Equal(t, []string{"1 taken suspense code_used", "2 taken holder ", "3 taken suspense code_used",
		"4 taken cover tap_forged", "5 taken holder "}, verdicts(o.send(sales...)))
	require.Equal(t, campus.TapUsed, o.Pays(a.ID, yuan, by(chip, 9)).Outcome, "nor online")
	require.NotNil(t, o.beat(0, 5).EndedAt)
	o.Clock.Advance(time.Minute)
	require.Equal(t, []string{"6 taken merchant offline_ended"}, verdicts(o.send(o.sale(a.ID, yuan))))
	require.Equal(t, int64(98*yuan), o.AccountOf(a.ID).MainCents)
}

// E1: what a till may take begins anew when we have all of its sales, and its clock is right.
func TestWatermarks(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	a := o.Account(5000 * yuan)
	most := o.Policy().Money.Offline
	var sales []money.OfflineSale
	for range most.TillMost / most.SaleMost {
		sales = append(sales, o.sale(a.ID, most.SaleMost))
	}
	o.send(sales...)
	require.Equal(t, []string{"41 taken merchant offline_ceiling"}, verdicts(o.send(o.sale(a.ID, 1))))
	before := o.beat(0, 40).Watermark
	require.Equal(t, before, o.beat(0, 40).Watermark, "it has one more")
	_, err := o.Money.Beat(t.Context(), o.till, 2*time.Minute, money.Heartbeat{Clock: o.Clock.Now().Add(time.Hour), Sequence: 41})
	require.NoError(t, err)
	require.Equal(t, []string{"42 taken suspense clock_off"}, verdicts(o.send(o.sale(a.ID, 1))))
	require.Equal(t, o.Clock.Now().UTC(), o.beat(0, 42).Watermark.UTC())
	require.Equal(t, []string{"43 taken holder "}, verdicts(o.send(o.sale(a.ID, 1))))
}

// E1: sales follow the card that has come in place of another, and one that is closed with nobody behind it is the
// university's. An earlier generation of a till sends nothing more.
func TestOfflineSalesOfWhatIsThereNoMore(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	a := o.Account(yuan)
	closed := o.Account(0)
	sales := []money.OfflineSale{o.sale(a.ID, 3*yuan), o.sale(closed.ID, 3*yuan)}
	next := o.Account(10 * yuan)
	o.Exec(`update accounts set successor = $2 where id = $1`, a.ID, next.ID)
	o.Exec(`update accounts set closed_at = opened_at where id = $1`, closed.ID)
	require.Equal(t, []string{"1 taken holder ", "2 taken cover account_closed"}, verdicts(o.send(sales...)))
	require.Equal(t, int64(7*yuan), o.AccountOf(next.ID).MainCents)
	old := o.till
	old.Generation--
	_, err := o.Money.TakeOffline(t.Context(), old, o.Policy().Money, []money.OfflineSale{o.sale(a.ID, yuan)})
	require.ErrorIs(t, err, money.ErrTillStopped)
}

// E1: a sale that comes after midnight is in the books of its own day while they are open.
func TestOfflineSalesAreInTheBooksOfTheirDay(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	a := o.Account(10 * yuan)
	sale := o.sale(a.ID, yuan)
	day := campus.DateOf(o.Clock.Now())
	o.Clock.Advance(20 * time.Hour)
	o.send(sale)
	require.Equal(t, day.String(), storagetest.One[string](o.Env, `select books_day::text from transfers where kind = 'payment'`))
}
