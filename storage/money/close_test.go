package money_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// openedClose opens the close of the next day of the default university, which may be today.
func openedClose(t *testing.T, h *storagetest.Env) money.Close {
	t.Helper()
	opened, err := h.Money.OpenClose(t.Context(), money.NewClose{University: storagetest.University,
		Last: campus.DateOf(h.Clock.Now()), PolicyVersion: h.Policies.Version()})
	require.NoError(t, err)
	require.True(t, opened)
	closes, err := h.Money.Closes(t.Context(), storagetest.University, campus.Date{}, 1)
	require.NoError(t, err)
	require.Len(t, closes, 1)
	return closes[0]
}

func closeBooks(h *storagetest.Env, c money.Close) {
	h.Exec(`insert into books_closed (university, day, closed_at) values ($1, $2, $3)`, c.University, c.Day, h.Clock.Now())
}

// settles settles all merchants of a close, one on a page, and answers what they are due by merchant.
func settles(t *testing.T, h *storagetest.Env, c money.Close, p campus.ClosePolicy) map[uuid.UUID]money.Settlement {
	t.Helper()
	for after := uuid.Nil; ; {
		last, err := h.Money.SettlePage(t.Context(), c, p, after, 1)
		require.NoError(t, err)
		if after = last; last == uuid.Nil {
			break
		}
	}
	found, err := h.Money.Settlements(t.Context(), c.University, c.Day, uuid.Nil, 100)
	require.NoError(t, err)
	settled := map[uuid.UUID]money.Settlement{}
	for _, s := range found {
		settled[s.MerchantID] = s
	}
	return settled
}

// L3, L8: a merchant is settled once a day, with the fee rounded down, and the sums agree with the books.
func TestSettlement(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	canteen, shop, idle := h.Merchant("一食堂", "canteen"), h.Merchant("超市", "supermarket"), h.Merchant("打印店", "print")
	at := func(m money.Merchant) func(*money.Payment) { return func(p *money.Payment) { p.Book = m.BookID } }
	h.Pays(a.ID, 10*yuan, at(canteen))
	sold := h.Pays(a.ID, 1999, at(shop))
	h.Pays(a.ID, 1, at(shop))
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, sold.Transfer, 1))))
	c := openedClose(t, h)
	require.Equal(t, campus.DateOf(h.Clock.Now()), c.Day)
	closeBooks(h, c)
	policy := campus.ClosePolicy{Fee: 38, Fees: map[string]int64{"canteen": 0}}
	for range 2 {
		settled := settles(t, h, c, policy)
		require.Len(t, settled, 2, "who has taken nothing is not settled")
		require.NotContains(t, settled, idle.ID)
		require.EqualValues(t, 10*yuan, settled[canteen.ID].DueCents)
		got := settled[shop.ID]
		require.Equal(t, []int64{2000, 2, 1, 0, 7, 1992}, []int64{got.SalesCents, int64(got.Sales), got.BackCents,
			got.OtherCents, got.FeeCents, got.DueCents}, "0.38 % of 19.99 yuan is 7.5962 fen")
	}
	require.Equal(t, 1, storagetest.Count(h, `transfers where kind = 'fee'`))
	require.EqualValues(t, 7, h.Holds(campus.FeesBook, ""))
	day, err := h.Money.DayReport(t.Context(), c)
	require.NoError(t, err)
	require.Zero(t, day.Net())
	require.Equal(t, day.Standing, day.Settled)
	require.EqualValues(t, 2999, day.Settled)

	h.Tomorrow()
	next := openedClose(t, h)
	require.Equal(t, c.Day.AddDays(1), next.Day)
	closeBooks(h, next)
	require.Empty(t, settles(t, h, next, policy), "the fee is of the settlement that it was taken for")
	agree(t, h)
}

// L8: a payment that was held at a lock when the books were closed belongs to the closed day, and the close waits for
// it; a refund that was held between two of its statements belongs to the next. Both are settled once.
func TestWhoeverIsHeldAcrossAClose(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a, b := h.Account(100*yuan), h.Account(100*yuan)
	m := h.Merchant("一食堂", "canteen")
	at := func(p *money.Payment) { p.Book = m.BookID }
	sold := h.Pays(a.ID, 5*yuan, at)
	release := storagetest.HoldCommits(t, h, "answers")
	paid, back := make(chan error, 1), make(chan error, 1)
	go func() { paid <- storagetest.Err(h.Money.Pay(t.Context(), h.Payment(b.ID, 7*yuan, at))) }()
	require.Eventually(t, func() bool { return storagetest.Count(h, `pg_locks where locktype = 'advisory' and not granted`) > 0 },
		time.Minute, time.Millisecond)
	tx, err := storagetest.Connect(t, h).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `select from accounts where id = $1 for update`, a.ID)
	require.NoError(t, err)
	again := refund(h, sold.Transfer, 2*yuan)
	go func() {
		err := storagetest.Err(h.Money.Refund(t.Context(), again))
		for campus.ReasonOf(err) == "contested" { // who waits two seconds tries again with its key
			err = storagetest.Err(h.Money.Refund(t.Context(), again))
		}
		back <- err
	}()
	require.Eventually(t, func() bool { return storagetest.LockWaits(h, `%accounts%`) > 0 }, time.Minute, time.Millisecond)
	c := openedClose(t, h)
	closeBooks(h, c)
	since, writers, err := h.Money.Writers(t.Context(), time.Time{})
	require.NoError(t, err)
	require.GreaterOrEqual(t, writers, 2)
	release()
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, <-paid)
	require.NoError(t, <-back)
	require.Eventually(t, func() bool {
		again, writers, err := h.Money.Writers(t.Context(), since)
		return err == nil && again.Equal(since) && writers == 0
	}, time.Minute, time.Millisecond)

	first := settles(t, h, c, campus.ClosePolicy{})[m.ID]
	require.EqualValues(t, 12*yuan, first.DueCents, "the payment is of the day that was open when it looked")
	h.Tomorrow()
	next := openedClose(t, h)
	closeBooks(h, next)
	require.EqualValues(t, -2*yuan, settles(t, h, next, campus.ClosePolicy{})[m.ID].DueCents)
	agree(t, h)
}

// L8: each university closes its own books, a day at a time, from that of its first book on.
func TestClosesComeOneAfterTheOther(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	ask := func(university string, last campus.Date) bool {
		opened, err := h.Money.OpenClose(t.Context(), money.NewClose{University: university, Last: last,
			PolicyVersion: h.Policies.Version()})
		require.NoError(t, err)
		return opened
	}
	today := campus.DateOf(h.Clock.Now())
	require.False(t, ask(storagetest.University, today), "it has no books")
	h.BookOf(campus.FeesBook, "")
	require.False(t, ask(storagetest.University, today.AddDays(-1)))
	require.True(t, ask(storagetest.University, today))
	h.Tomorrow()
	require.False(t, ask(storagetest.University, today.AddDays(1)), "the books of the day before are open")
	closes, err := h.Money.Closes(t.Context(), storagetest.University, campus.Date{}, 10)
	require.NoError(t, err)
	closeBooks(h, closes[0])
	errs := storagetest.AtOnce(4, func(int) error {
		return storagetest.Err(h.Money.OpenClose(t.Context(), money.NewClose{University: storagetest.University,
			Last: today.AddDays(1), PolicyVersion: h.Policies.Version()}))
	})
	require.Equal(t, map[string]int{"done": 4}, storagetest.Outcomes(errs))
	require.Equal(t, 2, storagetest.Count(h, `closes`))
	require.Equal(t, 2, storagetest.Count(h, `outbox where workflow_id like 'close/%'`))
}

// L2: a channel's file is compared line by line. Each difference is found once, however often the file comes.
func TestDifferencesWithAChannel(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, _ := h.Holder(0)
	for _, transaction := range []string{"same", "above", "dollars", "lacks", "twice", "theirs", "of the bank"} {
		h.Takes(h.PaidAt(h.Order(person, 20*yuan), transaction, func(p *money.ChannelPayment) { p.PaidAt = h.Clock.Now() }))
	}
	h.University("lcvtc")
	h.Exec(`update topup_payments set university = 'lcvtc' where transaction = 'theirs'`)
	h.Exec(`update topup_payments set channel = 'bank' where transaction = 'of the bank'`)
	c := openedClose(t, h)
	line := func(number int, ref string, cents int64) money.ChannelLine {
		return money.ChannelLine{Number: number, Kind: campus.PaymentLine, Ref: ref, Cents: cents, Currency: "CNY"}
	}
	file := []money.ChannelLine{line(1, "same", 20*yuan), line(2, "above", 20*yuan+1), line(3, "stranger", 5*yuan),
		line(4, "twice", 20*yuan), line(5, "twice", 20*yuan), line(6, "dollars", 20*yuan)}
	file[5].Currency = "USD"
	for range 2 {
		require.NoError(t, h.Money.KeepChannelLines(t.Context(), c.University, "wallet", c.Day, file))
		require.NoError(t, h.Money.CompareChannel(t.Context(), c, "wallet", c.Day))
		found, err := h.Money.Differences(t.Context(), c.ID, 0, 100)
		require.NoError(t, err)
		type seen struct {
			Number, Line int
			Ref          string
			What         campus.DifferenceKind
			Ours, Theirs int64
		}
		var all []seen
		for _, d := range found {
			all = append(all, seen{d.Number, d.Line, d.Ref, d.What, d.OursCents, d.TheirsCents})
		}
		require.Equal(t, []seen{
			{1, 2, "above", campus.AmountsDiffer, 20 * yuan, 20*yuan + 1},
			{2, 3, "stranger", campus.MissingHere, 0, 5 * yuan},
			{3, 5, "twice", campus.ToldTwice, 20 * yuan, 40 * yuan},
			{4, 6, "dollars", campus.CurrenciesDiffer, 20 * yuan, 20 * yuan},
			{5, 0, "lacks", campus.MissingThere, 20 * yuan, 0},
		}, all)
	}
	h.Tomorrow()
	closeBooks(h, c)
	next := openedClose(t, h)
	require.NoError(t, h.Money.KeepChannelLines(t.Context(), next.University, "wallet", next.Day,
		[]money.ChannelLine{line(1, "same", 20*yuan), line(2, "lacks", 19*yuan)}))
	require.NoError(t, h.Money.CompareChannel(t.Context(), next, "wallet", next.Day))
	found, err := h.Money.Differences(t.Context(), next.ID, 0, 100)
	require.NoError(t, err)
	require.Len(t, found, 2)
	require.Equal(t, campus.ToldTwice, found[0].What, "a line of yesterday's file")
	require.Equal(t, []string{"lacks", string(campus.AmountsDiffer)}, []string{found[1].Ref, string(found[1].What)}, "it came, and differs")
}

// heldDay is to which day of the books a transfer belongs.
func heldDay(h *storagetest.Env, transfer uuid.UUID) string {
	return storagetest.One[string](h, `select cast(books_day as text) from transfers where id = $1`, transfer)
}

// E1, L8: a sale without network is of its own day while the books of that are open, and of the first open day when it
// comes later: whoever posts it, and whoever bears it. Each is settled once.
func TestLateSalesBelongToTheOpenDay(t *testing.T) {
	t.Parallel()
	o := newOffline(t)
	a, gone := o.Account(100*yuan), o.Account(0)
	early, late := o.sale(a.ID, 3*yuan), o.sale(a.ID, 5*yuan)
	charged := func(account uuid.UUID, cents int64) money.Payment {
		return o.Payment(account, cents, func(p *money.Payment) {
			p.Kind, p.Book, p.TakenAt = campus.ChargeTransfer, o.till.Book, early.TakenAt
		})
	}
	first, second, covered := charged(a.ID, 7*yuan), charged(a.ID, 11*yuan), charged(gone.ID, 13*yuan)
	o.Tomorrow()
	o.Exec(`update accounts set closed_at = $1 where id = $2`, o.Clock.Now(), gone.ID)
	day := campus.DateOf(early.TakenAt)
	posts := func(p money.Payment) uuid.UUID {
		answer, err := o.Money.Charge(t.Context(), p)
		require.NoError(t, err)
		return answer.Transfer
	}
	for _, transfer := range []uuid.UUID{o.send(early)[0].Transfer, posts(first)} {
		require.Equal(t, day.String(), heldDay(o.Env, transfer))
	}
	c := openedClose(t, o.Env)
	require.Equal(t, day, c.Day)
	closeBooks(o.Env, c)
	for _, transfer := range []uuid.UUID{o.send(late)[0].Transfer, posts(second), posts(covered)} {
		require.Equal(t, day.AddDays(1).String(), heldDay(o.Env, transfer), "the first open day")
	}
	m := storagetest.One[uuid.UUID](o.Env, `select merchant_id from terminals where id = $1`, o.till.ID)
	require.EqualValues(t, 10*yuan, settles(t, o.Env, c, campus.ClosePolicy{})[m].DueCents)
	next := openedClose(t, o.Env)
	closeBooks(o.Env, next)
	require.EqualValues(t, 29*yuan, settles(t, o.Env, next, campus.ClosePolicy{})[m].DueCents)
}

// L8: a close waits for each till that may have sold on its day, and has not said since that we have all of it.
func TestTillsThatACloseWaitsFor(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	m := h.Merchant("一食堂", "canteen")
	for name, change := range map[string]string{
		"heard of":       `offline_upto_at = $1`,
		"silent":         `offline_upto_at = $1::timestamptz - interval '1 hour'`,
		"stopped":        `offline_upto_at = $1::timestamptz - interval '1 hour', state = 'stopped'`,
		"retired":        `offline_upto_at = $1::timestamptz - interval '1 hour', state = 'retired'`,
		"put away":       `offline_upto_at = $1::timestamptz - interval '1 hour', put_away_at = $1`,
		"quiet for days": `offline_upto_at = $1::timestamptz - interval '3 days'`,
		"never sells":    `seen_at = $1`,
		"flashed":        `generation = 2, seen_at = $1`,
	} {
		till := h.Till(m, name)
		h.Exec(`update terminals set `+change+` where id = $2`, h.Clock.Now(), till.ID)
		if name == "flashed" {
			h.Exec(`insert into lost_generations (terminal, generation, university, upto_at, lost_at)
				values ($1, 1, $2, $3::timestamptz - interval '1 hour', $3)`, till.ID, storagetest.University, h.Clock.Now())
		}
	}
	c := openedClose(t, h)
	waits := func(contact time.Duration) int {
		silent, err := h.Money.SilentTills(t.Context(), c, contact)
		require.NoError(t, err)
		return silent
	}
	require.Equal(t, 3, waits(24*time.Hour), "silent, stopped and flashed")
	require.Equal(t, 4, waits(4*24*time.Hour), "a till that goes on for so long may have sold today")
	h.Exec(`update terminals set offline_upto_at = $1 where name <> 'flashed'`, c.Until)
	require.Equal(t, 1, waits(24*time.Hour), "all of it, up to the moment of the close")
}

// L8: of several who close the day at once one does. Who is late hears that nothing is due.
func TestTwoCloseADayAtOnce(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	first, second := h.Pair(campus.Finance)
	h.BookOf(campus.FeesBook, "")
	who := []campus.StaffMember{first, second}
	open := func(req casework.Request, by campus.StaffMember) (money.Close, error) {
		return h.Money.OpenCloseNow(t.Context(), req, by, money.NewClose{PolicyVersion: h.Policies.Version()})
	}
	release, opened := storagetest.HoldCommits(t, h, "closes"), make(chan []error, 1)
	go func() {
		opened <- storagetest.AtOnce(4, func(n int) error {
			return storagetest.Err(open(h.Requested(campus.Staff(who[n%2].ID)), who[n%2]))
		})
	}()
	require.Eventually(t, func() bool { return storagetest.LockWaits(h, `select 1 from universities%`) == 3 }, time.Minute,
		time.Millisecond, "three wait for the first")
	release()
	errs := <-opened
	require.Equal(t, map[string]int{"done": 1, "close_not_due": 3}, storagetest.Outcomes(errs), "%v", errs)
	require.Equal(t, 1, storagetest.Count(h, `closes where until < (day + 1) at time zone 'Asia/Shanghai'`))
	require.Equal(t, 1, storagetest.Count(h, `outbox where workflow_id like 'close/%'`))
	require.Equal(t, 1, storagetest.Count(h, `audit where action = 'close.open'`))

	closeBooks(h, money.Close{University: storagetest.University, Day: campus.DateOf(h.Clock.Now())})
	h.Tomorrow()
	request := h.Requested(campus.Staff(first.ID))
	made, err := open(request, first)
	require.NoError(t, err)
	again, err := open(request, first)
	require.NoError(t, err)
	require.Equal(t, made.ID, again.ID, "the same request again")
	_, err = h.Money.StaffClose(t.Context(), campus.StaffMember{University: "lcvtc"}, made.ID)
	require.Equal(t, "close_unknown", campus.ReasonOf(err))
}

// L3: payouts and what came back of them are of the settlements that they pay. What people put right, what was written
// off and what was taken again of a duplicate change what is due.
func TestWhatElseStandsOnAMerchantsBook(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, account := h.Holder(100 * yuan)
	twice, owing, bounced := h.Merchant("一食堂", "canteen"), h.Merchant("二食堂", "canteen"), h.Merchant("三食堂", "canteen")
	for _, m := range []money.Merchant{owing, bounced} {
		h.BankAccount(m.ID)
	}
	till := h.Till(twice, "一号窗口")
	unprinted, _ := h.Twice(till, account, 10*yuan)
	appeal := h.Appealed(person, unprinted)
	require.NoError(t, storagetest.Err(h.Money.RefundAppeal(t.Context(), appeal.CaseID)))
	require.NoError(t, h.Money.RecoverAppeal(t.Context(), appeal.CaseID))
	sold := h.Sells(owing, account, 20*yuan)
	h.Sells(bounced, account, 30*yuan)
	day := func() map[uuid.UUID]money.Settlement {
		c := openedClose(t, h)
		closeBooks(h, c)
		made := settles(t, h, c, campus.ClosePolicy{})
		report, err := h.Money.DayReport(t.Context(), c)
		require.NoError(t, err)
		require.Zero(t, report.Net())
		require.Equal(t, report.Standing, report.Settled)
		h.Tomorrow()
		return made
	}
	parts := func(s money.Settlement) []int64 { return []int64{s.SalesCents, s.BackCents, s.OtherCents, s.DueCents} }
	settled := day()
	require.Equal(t, []int64{20 * yuan, 10 * yuan, 10 * yuan, 20 * yuan}, parts(settled[twice.ID]))
	require.EqualValues(t, 20*yuan, settled[owing.ID].DueCents)

	file, err := h.Gathers()
	require.NoError(t, err)
	_, lines, err := h.Money.PayoutFile(t.Context(), storagetest.University, file.ID)
	require.NoError(t, err)
	require.Len(t, lines, 2)
	for _, line := range lines {
		require.NoError(t, h.Money.SettlePayout(t.Context(), storagetest.University, line.ID, line.MerchantID == owing.ID, "closed"))
	}
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, sold.Transfer, 4*yuan))))
	settled = day()
	require.Len(t, settled, 1, "payouts alone are nothing to settle")
	require.Equal(t, []int64{0, 4 * yuan, 0, -4 * yuan}, parts(settled[owing.ID]))

	h.Exec(`update merchants set state = 'retired' where id = $1`, owing.ID)
	first, second := h.Pair(campus.Finance)
	off, err := h.Money.ProposeVoucher(t.Context(), h.Requested(campus.Staff(first.ID)), first, money.NewVoucher{
		ManualVoucher: campus.ManualVoucher{Kind: campus.MerchantVoucher, Cents: 4 * yuan, Reason: "gone"}, Merchant: owing.ID})
	require.NoError(t, err)
	require.NoError(t, storagetest.Err(h.Money.DecideVoucher(t.Context(), h.Requested(campus.Staff(second.ID)), second, off.ID, true)))
	require.Equal(t, []int64{0, 0, 4 * yuan, 4 * yuan}, parts(day()[owing.ID]), "with that of the day before it is nothing")
	agree(t, h)
}

// L2: of a day that was closed before it was over the channels' files get more lines. The next close compares them, and
// what was found before is not found again.
func TestTheRestOfADayThatWasClosedEarly(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, _ := h.Holder(0)
	paid := func(transaction string) {
		h.Takes(h.PaidAt(h.Order(person, 20*yuan), transaction, func(p *money.ChannelPayment) { p.PaidAt = h.Clock.Now() }))
	}
	compare := func(c money.Close, lines ...string) (found []string) {
		days, err := h.Money.DaysToCompare(t.Context(), c, "wallet")
		require.NoError(t, err)
		for i, ref := range lines {
			require.NoError(t, h.Money.KeepChannelLines(t.Context(), c.University, "wallet", days[0].Day, []money.ChannelLine{
				{Number: i + 1, Kind: campus.PaymentLine, Ref: ref, Cents: 20 * yuan, Currency: campus.Yuan}}))
		}
		for _, day := range days {
			require.NoError(t, h.Money.CompareChannel(t.Context(), c, "wallet", day.Day))
		}
		all, err := h.Money.Differences(t.Context(), c.ID, 0, 10)
		require.NoError(t, err)
		for _, d := range all {
			found = append(found, d.Ref+" "+string(d.What))
		}
		closeBooks(h, c)
		return found
	}
	paid("lacks")
	require.Equal(t, []string{"stranger missing_here", "lacks missing_there"}, compare(openedClose(t, h), "stranger"))
	h.Clock.Advance(time.Hour)
	paid("afternoon")
	h.Tomorrow()
	h.Tomorrow()
	require.Equal(t, []string{"evening missing_here", "afternoon missing_there"},
		compare(openedClose(t, h), "stranger", "evening"))
	days, err := h.Money.DaysToCompare(t.Context(), openedClose(t, h), "wallet")
	require.NoError(t, err)
	require.Len(t, days, 1, "the day before was over")
}

// L2: a channel's file that a close has gone without is compared by the next one that gets it, once, and for a month.
func TestFilesThatACloseWentWithout(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.BookOf(campus.FeesBook, "")
	first := campus.DateOf(h.Clock.Now())
	h.Tomorrow() // it is over
	closes := func(stage campus.Stage, compares bool) (c money.Close, days []money.FileDay) {
		c = openedClose(t, h)
		days, err := h.Money.DaysToCompare(t.Context(), c, "wallet")
		require.NoError(t, err)
		for _, day := range days {
			if compares || !day.Missed && c.Day != first {
				require.NoError(t, h.Money.CompareChannel(t.Context(), c, "wallet", day.Day))
			}
		}
		closeBooks(h, c)
		h.Exec(`update cases set stage = $1 where id = $2`, stage, c.ID)
		h.Tomorrow()
		return c, days
	}
	without, _ := closes(campus.StageComparing, false)
	second, days := closes(campus.StageDone, false)
	require.Equal(t, []money.FileDay{{Day: second.Day}}, days, "the close before still compares")
	h.Exec(`update cases set stage = 'reporting' where id = $1`, without.ID)
	h.University("lcvtc")
	for university, channel := range map[string]string{storagetest.University: "bank", "lcvtc": "wallet"} { // says nothing about ours
		h.Exec(`insert into compared_files (university, channel, day, close_id) values ($1, $2, $3, $4)`, university, channel,
			first.String(), without.ID)
	}
	third, days := closes(campus.StageDone, false)
	require.Equal(t, []money.FileDay{{Day: third.Day}, {Day: first, Missed: true}}, days, "the close before went without")
	fourth, days := closes(campus.StageDone, true)
	require.Equal(t, []money.FileDay{{Day: fourth.Day}, {Day: first, Missed: true}}, days, "it did not come")
	report, err := h.Money.DayReport(t.Context(), fourth)
	require.NoError(t, err)
	require.Empty(t, report.Channels, "nobody has topped up")
	fifth, days := closes(campus.StageDone, true)
	require.Equal(t, []money.FileDay{{Day: fifth.Day}}, days, "it was compared")
	h.ExecAsOwner(`delete from compared_files`)
	h.Exec(`update closes set day = day - 26 where id = $1`, without.ID) // 31 before that of the next
	_, days = closes(campus.StageDone, true)
	require.Len(t, days, 5, "its own, and those of a month without the first")
}

// L1, L2: each drawer is in one report, also one that was closed after the close of the day, and the rest of such a day
// is among the channels of the next report.
func TestTheReportAfterADayThatWasClosedEarly(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, _ := h.Holder(0)
	pair := []campus.StaffMember{}
	for range 2 {
		who, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Cashier})
		pair = append(pair, who)
	}
	drawer := func(float int64) {
		d, err := h.Money.OpenDrawer(t.Context(), h.Requested(campus.Staff(pair[0].ID)), pair[0], storagetest.EastCampus, float, h.Policy().Money.TopUp)
		require.NoError(t, err)
		h.Exec(`update drawers set given_cents = 40 where id = $1`, d.ID) // 退现
		require.NoError(t, storagetest.Err(h.Money.CountDrawer(t.Context(), h.Requested(campus.Staff(pair[0].ID)), pair[0], d.ID, float-41)))
		require.NoError(t, storagetest.Err(h.Money.CloseDrawer(t.Context(), h.Requested(campus.Staff(pair[1].ID)), pair[1], d.ID, float-41)))
		h.Clock.Advance(time.Minute)
	}
	pays := func(transaction string) {
		h.Takes(h.PaidAt(h.Order(person, 20*yuan), transaction, func(p *money.ChannelPayment) { p.PaidAt = h.Clock.Now() }))
	}
	type seen struct {
		Floats []int64
		Paid   map[campus.Date]int64
	}
	reported := func() (s seen) {
		c := openedClose(t, h)
		h.Clock.Advance(time.Minute)
		closeBooks(h, c)
		report, err := h.Money.DayReport(t.Context(), c)
		require.NoError(t, err)
		for _, d := range report.Drawers {
			s.Floats = append(s.Floats, d.FloatCents)
			require.Equal(t, []int64{40, -1}, []int64{d.GivenCents, d.DifferenceCents()}, "what was paid out does not lack")
			require.Equal(t, []any{pair[0].Name, false}, []any{d.Cashier, d.ClosedAt.IsZero()}, "whose it was")
		}
		s.Paid = map[campus.Date]int64{}
		for _, sum := range report.Channels {
			s.Paid[sum.Day] = sum.OurPaidCents
		}
		return s
	}
	first := campus.DateOf(h.Clock.Now())
	drawer(100)
	pays("morning")
	require.Equal(t, seen{[]int64{100}, map[campus.Date]int64{first: 20 * yuan}}, reported())
	drawer(200)
	pays("afternoon")
	h.Tomorrow()
	drawer(300)
	h.Tomorrow()
	require.Equal(t, seen{[]int64{200, 300}, map[campus.Date]int64{first: 40 * yuan}}, reported(), "once each")
	drawer(400)
	h.Tomorrow()
	require.Equal(t, seen{[]int64{400}, map[campus.Date]int64{}}, reported())
}

// L2: a channel's file that is read again may have its new lines anywhere: none is lost, and none is there twice.
func TestAFileThatHasChangedItsOrder(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, _ := h.Holder(0)
	for _, transaction := range []string{"first", "second", "third", "twice"} {
		h.Takes(h.PaidAt(h.Order(person, 20*yuan), transaction, func(p *money.ChannelPayment) { p.PaidAt = h.Clock.Now() }))
	}
	c := openedClose(t, h)
	read := func(refs ...string) (told []string) {
		file := []money.ChannelLine{}
		for i, ref := range refs {
			file = append(file, money.ChannelLine{Number: i + 1, Kind: campus.PaymentLine, Ref: ref, Cents: 20 * yuan, Currency: campus.Yuan})
		}
		for range 2 {
			require.NoError(t, h.Money.KeepChannelLines(t.Context(), c.University, "wallet", c.Day, file))
		}
		return strings.Fields(storagetest.One[string](h, `select string_agg(number || ref, ' ' order by number) from channel_lines`))
	}
	require.Equal(t, []string{"1first", "2third"}, read("first", "third"))
	require.Equal(t, []string{"1first", "2third", "4twice", "5twice", "6second"}, read("first", "second", "third", "twice", "twice"))
	require.NoError(t, h.Money.CompareChannel(t.Context(), c, "wallet", c.Day))
	found, err := h.Money.Differences(t.Context(), c.ID, 0, 10)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, []string{"twice", string(campus.ToldTwice)}, []string{found[0].Ref, string(found[0].What)})
	require.Contains(t, read("first", "second", "third", "twice", "twice", "first"), "7first", "a second line of what was there")
}

// E4: the journals of tills are compared with what we have: what was printed and is not here, and what was charged and
// was not printed. Each is found once; what went back, and what a till has not sent yet, is none.
func TestDifferencesWithTheJournalsOfTills(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	account := h.Account(100 * yuan).ID
	m := h.Merchant("一食堂", "canteen")
	till, mute, away := h.Till(m, "一号窗口"), h.Till(m, "二号窗口"), h.Till(m, "三号窗口")
	for _, key := range []string{"printed", "lost", "lost and given back"} {
		back := h.Sale(till, account, 2*yuan, key)
		if key == "lost and given back" {
			require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, back, yuan))))
		}
	}
	h.Sale(mute, account, yuan, "of a till without a journal")
	h.Clock.Advance(time.Second)
	h.Journal(till, "printed", "never heard of")
	h.Exec(`update terminals set offline_upto_at = $1 where id = $2`, h.Clock.Now().Add(-2*time.Hour), away.ID)
	h.Journal(away, "on its way")
	found := func(c money.Close) (all []string) {
		for range 2 {
			require.NoError(t, h.Money.CompareTills(t.Context(), c))
		}
		differences, err := h.Money.Differences(t.Context(), c.ID, 0, 10)
		require.NoError(t, err)
		for _, d := range differences {
			require.Equal(t, []string{string(campus.SaleLine), m.NameZH, m.NameEN},
				[]string{string(d.Kind), d.MerchantZH, d.MerchantEN})
			require.Contains(t, []string{"一号窗口", "三号窗口"}, d.Till)
			all = append(all, fmt.Sprint(d.Number, " ", d.Channel == till.ID.String(), " ", d.Ref, " ", d.What, " ", d.OursCents))
		}
		closeBooks(h, c)
		return all
	}
	require.Equal(t, []string{"1 true lost missing_there 200", "2 true never heard of missing_here 0"}, found(openedClose(t, h)))
	h.Tomorrow()
	h.Journal(till, "printed", "never heard of")
	h.Exec(`update terminals set offline_upto_at = $1 where id = $2`, h.Clock.Now(), away.ID)
	require.Equal(t, []string{"1 false on its way missing_here 0"}, found(openedClose(t, h)), "each once")
}

// E4: what a journal says nothing about is no difference: sales before and after its time, those that came after it,
// what a till has given back, tills of another university. What was declined and printed is one.
func TestWhatAJournalSaysNothingAbout(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	account := h.Account(100 * yuan).ID
	m := h.Merchant("一食堂", "canteen")
	till, second := h.Till(m, "一号窗口"), h.Till(m, "二号窗口")
	found := func(c money.Close) (all []string) {
		require.NoError(t, h.Money.CompareTills(t.Context(), c))
		differences, err := h.Money.Differences(t.Context(), c.ID, 0, 10)
		require.NoError(t, err)
		for _, d := range differences {
			all = append(all, d.Till+" "+d.Ref+" "+string(d.What))
		}
		closeBooks(h, c)
		return all
	}
	takes := func(till money.Till, from, until time.Duration, keys ...string) {
		require.NoError(t, h.Money.TakeJournal(t.Context(), till,
			money.TillJournal{From: h.Clock.Now().Add(from), Until: h.Clock.Now().Add(until), Keys: keys}))
	}
	h.Sale(till, account, yuan, "before")
	h.Clock.Advance(time.Hour)
	sold := h.Sale(till, account, 2*yuan, "printed")
	back := refund(h, sold, yuan)
	back.Terminal, back.Key = till.ID.String(), "back"
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), back)))
	require.NotEqual(t, campus.Paid, h.Pays(account, 1000*yuan, func(p *money.Payment) {
		p.Terminal, p.Key, p.Book, p.Proved = till.ID.String(), "declined", till.Book, true
	}).Outcome)
	h.Clock.Advance(time.Minute)
	h.Sale(till, account, yuan, "after")
	takes(till, -30*time.Minute, -30*time.Second, "printed", "declined")
	takes(till, time.Millisecond, time.Minute)
	h.Clock.Advance(time.Second)
	h.Sale(till, account, yuan, "later than what tells")
	other := h.Till(m, "三号窗口")
	takes(other, -time.Hour, 0, "of another university")
	h.University("lcvtc")
	h.Exec(`update terminals set university = 'lcvtc' where id = $1`, other.ID)
	require.Equal(t, []string{"一号窗口 declined missing_here"}, found(openedClose(t, h)))
	require.Equal(t, 2, storagetest.Count(h, `compared_journals`), "and no close compares them again")
	h.Tomorrow()
	takes(second, -time.Minute, 0, "declined")
	require.Equal(t, []string{"二号窗口 declined missing_here"}, found(openedClose(t, h)), "the key of another till")
}
