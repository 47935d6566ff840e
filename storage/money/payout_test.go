package money_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// payoutTest is a merchant with a bank account that has sold for 30 yuan and owes a fee of 1.
type payoutTest struct {
	*storagetest.Env
	*testing.T
	merchant money.Merchant
	day      campus.Date
}

func newPayoutTest(t *testing.T) *payoutTest {
	t.Helper()
	h := storagetest.New(t)
	p := &payoutTest{Env: h, T: t, merchant: h.Merchant("第一食堂", "canteen"), day: campus.DateOf(h.Clock.Now())}
	h.BankAccount(p.merchant.ID)
	h.Sells(p.merchant, h.Account(100*yuan).ID, 30*yuan)
	h.Settled(p.merchant, p.day, 30*yuan, 1*yuan)
	return p
}

// holds are the merchant's book and that of payouts.
func (p *payoutTest) holds() []int64 {
	p.Helper()
	return []int64{p.Holds(campus.MerchantBook, p.merchant.ID.String()), p.Holds(campus.PayoutsBook, "")}
}

func (p *payoutTest) payouts(file uuid.UUID) []money.Payout {
	p.Helper()
	_, lines, err := p.Money.PayoutFile(p.Env.Context(), storagetest.University, file)
	require.NoError(p, err)
	return lines
}

// L3: what is due is taken from the merchant's book before the bank is asked, once, whoever asks at the same time.
func TestPayoutsAreMadeOnce(t *testing.T) {
	t.Parallel()
	p := newPayoutTest(t)
	release, made := storagetest.HoldCommits(t, p.Env, "payout_files"), make(chan []error, 1)
	go func() { made <- storagetest.AtOnce(4, func(int) error { return storagetest.Err(p.Gathers()) }) }()
	require.Eventually(t, func() bool { return storagetest.LockWaits(p.Env, `with open as%`) == 3 }, time.Minute, time.Millisecond,
		"each but the first waits until that has committed")
	release()
	errs := <-made
	require.Equal(t, map[string]int{"done": 1, "nothing_due": 3}, storagetest.Outcomes(errs), "%v", errs)
	require.Equal(t, []int64{1 * yuan, 29 * yuan}, p.holds(), "the fee is settled elsewhere")
	files, err := p.Money.PayoutFiles(t.Context(), storagetest.University, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, files, 1)
	require.Equal(t, []any{1, 1, int64(29 * yuan), p.day},
		[]any{files[0].Lines, files[0].Waiting, files[0].TotalCents, files[0].Through})
	require.Equal(t, campus.PayoutAsked, p.payouts(files[0].ID)[0].State)
	require.Zero(t, storagetest.Count(p.Env, `settlements where payout_id is null`))
}

// L3: a day that is settled while the payouts of those before are made is left to the next file.
func TestADayThatIsSettledMeanwhileIsPaidNext(t *testing.T) {
	t.Parallel()
	p := newPayoutTest(t)
	tx, err := storagetest.Connect(t, p.Env).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `lock table payout_files in share mode`) // what is due was added up by then
	require.NoError(t, err)
	made := make(chan error, 1)
	go func() { made <- storagetest.Err(p.Gathers()) }()
	require.Eventually(t, func() bool { return storagetest.LockWaits(p.Env, `insert into payout_files%`) == 1 }, time.Minute, time.Millisecond)
	p.Settled(p.merchant, p.day.AddDays(1), 5*yuan, 0)
	require.NoError(t, tx.Rollback(t.Context()))
	require.NoError(t, <-made)
	for range 2 { // that the second bounces does not make the first due again
		next, err := p.Gathers()
		require.NoError(t, err)
		line := p.payouts(next.ID)[0]
		require.Equal(t, int64(5*yuan), line.AmountCents)
		require.NoError(t, p.Money.SettlePayout(t.Context(), storagetest.University, line.ID, false, "account_closed"))
	}
}

// L3: who is below nothing carries it forward; what is less than the least waits, too.
func TestAMerchantBelowNothingCarriesForward(t *testing.T) {
	t.Parallel()
	p := newPayoutTest(t)
	p.Settled(p.merchant, p.day.AddDays(1), -40*yuan, 0)
	require.Equal(t, "nothing_due", campus.ReasonOf(storagetest.Err(p.Gathers())))
	p.Settled(p.merchant, p.day.AddDays(2), 11*yuan+50, 0) // 50 fen are due now
	require.Equal(t, "nothing_due", campus.ReasonOf(storagetest.Err(p.Gathers())))
	p.Settled(p.merchant, p.day.AddDays(3), 50, 0)
	f, err := p.Gathers()
	require.NoError(t, err)
	line := p.payouts(f.ID)[0]
	require.Equal(t, int64(1*yuan), line.AmountCents, "the least itself is paid")
	require.Equal(t, []campus.Date{p.day, p.day.AddDays(3)}, []campus.Date{line.FirstDay, line.LastDay})
}

// L3: a merchant without a bank account waits, and holds up nobody.
func TestAMerchantWithoutABankAccountIsNotPaid(t *testing.T) {
	t.Parallel()
	p := newPayoutTest(t)
	other := p.Merchant("第二食堂", "canteen")
	p.Settled(other, p.day, 50*yuan, 0)
	first, second := p.Pair(campus.Finance)
	a, err := p.Money.ProposeBankAccount(t.Context(), p.Requested(campus.Staff(first.ID)), first, other.ID,
		campus.BankAccount{Holder: "食堂", Bank: "银行", Number: "1111222233334444"})
	require.NoError(t, err)
	f, err := p.Gathers()
	require.NoError(t, err)
	require.Len(t, p.payouts(f.ID), 1, "an account that is proposed is none")
	p.Settled(other, p.day.AddDays(1), 1*yuan, 0)
	due, err := p.Money.UniversitiesToPay(t.Context())
	require.NoError(t, err)
	require.Empty(t, due)
	require.NoError(t, storagetest.Err(p.Money.DecideBankAccount(t.Context(), p.Requested(campus.Staff(second.ID)), second, a.ID, true)))
	f, err = p.Gathers()
	require.NoError(t, err)
	require.Equal(t, other.ID, p.payouts(f.ID)[0].MerchantID)
}

// L3: a line that bounces, also days after it was paid, is in the merchant's book again, once, and due again.
func TestAPayoutThatBouncesIsDueAgain(t *testing.T) {
	t.Parallel()
	p := newPayoutTest(t)
	f, err := p.Gathers()
	require.NoError(t, err)
	id := p.payouts(f.ID)[0].ID
	says := func(paid bool) error {
		return p.Money.SettlePayout(t.Context(), storagetest.University, id, paid, "account_closed")
	}
	require.NoError(t, says(true))
	paid := p.payouts(f.ID)[0].PaidAt
	p.Tomorrow()
	require.NoError(t, says(true))
	require.Equal(t, paid, p.payouts(f.ID)[0].PaidAt, "when it was first said")
	require.Equal(t, []int64{1 * yuan, 29 * yuan}, p.holds())
	p.Tomorrow()
	p.Tomorrow()
	release, said := storagetest.HoldCommits(t, p.Env, "payouts"), make(chan []error, 1)
	go func() { said <- storagetest.AtOnce(3, func(int) error { return says(false) }) }()
	require.Eventually(t, func() bool { return storagetest.LockWaits(p.Env, `select p.state%`) == 2 }, time.Minute, time.Millisecond,
		"two wait for the first")
	release()
	errs := <-said
	require.Equal(t, map[string]int{"done": 3}, storagetest.Outcomes(errs), "%v", errs)
	require.Equal(t, []int64{30 * yuan, 0}, p.holds(), "once")
	line := p.payouts(f.ID)[0]
	require.Equal(t, []any{campus.PayoutBounced, "account_closed"}, []any{line.State, line.Reason})

	require.Equal(t, campus.ChannelContradicts, campus.ReasonOf(says(true)), "paid after all: people look into it")
	require.Equal(t, []int64{30 * yuan, 0}, p.holds())
	conflicts, err := p.Money.ChannelConflicts(t.Context(), storagetest.University, uuid.Nil, 10)
	require.NoError(t, err)
	require.Equal(t, campus.PayoutConflict, conflicts[0].Subject)

	due, err := p.Money.UniversitiesToPay(t.Context())
	require.NoError(t, err)
	require.Empty(t, due, "it is not sent at once to where it came back from")
	again, err := p.Gathers()
	require.NoError(t, err)
	require.Equal(t, int64(29*yuan), p.payouts(again.ID)[0].AmountCents)
}

// L3: what has bounced is not sent again by itself for a merchant who cannot be paid yet, because of too little or what
// it owes: neither until somebody is due for a day since the last file, nor once more after that.
func TestWhatBouncesIsNotSentAgainForAnother(t *testing.T) {
	t.Parallel()
	p := newPayoutTest(t)
	small, other := p.Merchant("第二食堂", "canteen"), p.Merchant("第三食堂", "canteen")
	p.BankAccount(small.ID)
	p.BankAccount(other.ID)
	bounces := func(f money.PayoutFile) {
		for _, line := range p.payouts(f.ID) {
			require.NoError(t, p.Money.SettlePayout(t.Context(), storagetest.University, line.ID, line.MerchantID != p.merchant.ID, "account_closed"))
		}
	}
	f, err := p.Gathers()
	require.NoError(t, err)
	bounces(f)
	files := func() (files []money.PayoutFile) {
		require.NoError(t, p.Money.MakePayoutsDue(t.Context(), storagetest.University, 1*yuan))
		files, err := p.Money.PayoutFiles(t.Context(), storagetest.University, uuid.Nil, 10)
		require.NoError(t, err)
		return files
	}
	p.Settled(small, p.day.AddDays(1), 50, 0)
	require.Len(t, files(), 1, "50 fen wait, and so does what bounced")
	p.Settled(other, p.day.AddDays(1), 5*yuan, 0)
	made := files()
	require.Len(t, made, 2, "the file of the next settled day takes it")
	require.Equal(t, []any{2, p.day.AddDays(1)}, []any{made[0].Lines, made[0].Through})
	bounces(made[0])
	require.Len(t, files(), 2, "and then it waits for another day")
}

// L3: two people change where a merchant is paid; nobody reads the number in an answer or in the table.
func TestABankAccountTakesTwoPeople(t *testing.T) {
	t.Parallel()
	p := newPayoutTest(t)
	first, second := p.Pair(campus.Finance)
	propose := func(number string) (money.MerchantAccount, error) {
		return p.Money.ProposeBankAccount(t.Context(), p.Requested(campus.Staff(first.ID)), first, p.merchant.ID,
			campus.BankAccount{Holder: "食堂", Bank: "银行", Number: number})
	}
	decide := func(who campus.StaffMember, id uuid.UUID, confirm bool) error {
		return storagetest.Err(p.Money.DecideBankAccount(t.Context(), p.Requested(campus.Staff(who.ID)), who, id, confirm))
	}
	_, err := propose("12")
	require.Equal(t, "account_number", campus.ReasonOf(err))
	a, err := propose("１１１１　２２２２－3333 4444 ") // as a Chinese keyboard writes it
	require.NoError(t, err)
	require.Equal(t, "****4444", a.Masked)
	_, err = propose("5555666677778888")
	require.Equal(t, "account_proposed", campus.ReasonOf(err))
	require.Equal(t, "same_person", campus.ReasonOf(decide(first, a.ID, true)))
	shown := func() (where []*campus.BankAccount) {
		all, err := p.Money.BankAccounts(t.Context(), storagetest.University, p.merchant.ID)
		require.NoError(t, err)
		for _, one := range all {
			where = append(where, one.Where)
		}
		return where
	}
	require.Equal(t, []*campus.BankAccount{{Holder: "食堂", Bank: "银行", Number: "1111222233334444"}, nil}, shown(),
		"what the second person compares")
	require.NoError(t, decide(second, a.ID, true))
	require.Equal(t, []*campus.BankAccount{nil, nil}, shown())
	require.Equal(t, "bank_account_decided", campus.ReasonOf(decide(second, a.ID, true)))
	b, err := propose("5555666677778888")
	require.NoError(t, err)
	require.NoError(t, decide(first, b.ID, false), "taken back")
	all, err := p.Money.BankAccounts(t.Context(), storagetest.University, p.merchant.ID)
	require.NoError(t, err)
	require.Equal(t, []campus.BankAccountState{campus.AccountRefused, campus.AccountCurrent, campus.AccountReplaced},
		[]campus.BankAccountState{all[0].State, all[1].State, all[2].State})
	require.Zero(t, storagetest.Count(p.Env, `merchant_accounts where position('3333' in encode(sealed, 'escape')) > 0`))
	f, err := p.Gathers()
	require.NoError(t, err)
	due, err := p.Money.DuePayoutFiles(t.Context(), 10, 0)
	require.NoError(t, err)
	require.Equal(t, []any{f.ID, "1111222233334444"}, []any{due[0].ID, due[0].Where[0].Number})
	elsewhere := second
	elsewhere.University = "moon"
	require.Equal(t, "bank_account_unknown", campus.ReasonOf(decide(elsewhere, a.ID, true)))
}

// A0: what one university pays its merchants is nothing to another.
func TestPayoutsAreOfTheirUniversity(t *testing.T) {
	t.Parallel()
	p := newPayoutTest(t)
	p.University("lcvtc")
	_, err := p.Money.MakePayouts(t.Context(), p.Requested(campus.System()), "lcvtc", 1*yuan)
	require.Equal(t, "nothing_due", campus.ReasonOf(err))
	p.Exec(`insert into payout_files (id, university, through, made_by, made_at) values ($1, 'lcvtc', $2, 'system', now())`,
		uuid.New(), p.day.AddDays(30).String())
	due, err := p.Money.UniversitiesToPay(t.Context())
	require.NoError(t, err)
	require.Equal(t, []string{storagetest.University}, due, "their file says nothing about our days")
	f, err := p.Gathers()
	require.NoError(t, err)
	line := p.payouts(f.ID)[0].ID
	who, _ := p.Pair(campus.Finance)
	again, err := p.Money.RetryPayoutFile(t.Context(), p.Requested(campus.Staff(who.ID)), who, f.ID)
	require.NoError(t, err)
	require.Equal(t, f.ID, again.ID)
	p.Clock.Advance(time.Hour)
	who.University = "moon"
	for sentence, err := range map[string]error{
		"its outcome": p.Money.SettlePayout(t.Context(), "moon", line, false, "theirs"),
		"a retry":     storagetest.Err(p.Money.RetryPayoutFile(t.Context(), p.Requested(campus.Staff(who.ID)), who, f.ID)),
	} {
		require.Equal(t, "payout_unknown", campus.ReasonOf(err), sentence)
	}
	same, _, err := p.Money.PayoutFile(t.Context(), storagetest.University, f.ID)
	require.NoError(t, err)
	require.Equal(t, again.NextTry, same.NextTry, "nobody asks for them")
	_, _, err = p.Money.PayoutFile(t.Context(), "moon", f.ID)
	require.Equal(t, "payout_unknown", campus.ReasonOf(err))
	_, err = p.Money.BankAccounts(t.Context(), "moon", p.merchant.ID)
	require.Equal(t, "merchant_unknown", campus.ReasonOf(err))
	_, _, err = p.Money.MerchantStatement(t.Context(), "moon", p.merchant.ID, p.day, p.day)
	require.Equal(t, "merchant_unknown", campus.ReasonOf(err))
	_, err = p.Money.ProposeBankAccount(t.Context(), p.Requested(campus.Staff(who.ID)), who, p.merchant.ID,
		campus.BankAccount{Holder: "食堂", Bank: "银行", Number: "1111222233334444"})
	require.Equal(t, "merchant_unknown", campus.ReasonOf(err))
	files, err := p.Money.PayoutFiles(t.Context(), "moon", uuid.Nil, 10)
	require.NoError(t, err)
	require.Empty(t, files)
	lines, err := p.Money.DayVoucher(t.Context(), "moon", p.day)
	require.NoError(t, err)
	require.Empty(t, lines)
	require.Equal(t, []int64{1 * yuan, 29 * yuan}, p.holds())
}

// L3: the bank is asked about a file by one worker at a time; when it was first heard to have it stays, and news begins
// the pauses anew.
func TestTheBankIsAskedByOne(t *testing.T) {
	t.Parallel()
	p := newPayoutTest(t)
	f, err := p.Gathers()
	require.NoError(t, err)
	due := func() int {
		files, err := p.Money.DuePayoutFiles(t.Context(), 10, time.Minute)
		require.NoError(t, err)
		return len(files)
	}
	release, one := storagetest.HoldCommits(t, p.Env, "payout_files"), make(chan int, 1)
	go func() { one <- due() }()
	require.Eventually(t, func() bool { return storagetest.LockWaits(p.Env, `%`) == 1 }, time.Minute, time.Millisecond)
	soon, end := context.WithTimeout(t.Context(), 20*time.Second)
	defer end()
	none, err := p.Money.DuePayoutFiles(soon, 10, time.Minute)
	require.NoError(t, err, "it waits for nobody")
	require.Empty(t, none)
	release()
	require.Equal(t, []int{1, 0}, []int{<-one, due()})
	p.Clock.Advance(time.Minute)
	require.Equal(t, 1, due(), "whoever had it has died")
	asked := func(taken, news bool) money.PayoutFile {
		require.NoError(t, p.Money.PayoutFileAsked(t.Context(), money.FileAsked{ID: f.ID, Taken: taken, News: news,
			Next: p.Clock.Now().Add(time.Hour)}))
		got, _, err := p.Money.PayoutFile(t.Context(), storagetest.University, f.ID)
		require.NoError(t, err)
		return got
	}
	require.Nil(t, asked(false, false).TakenAt)
	first := asked(true, false)
	require.Equal(t, 2, first.Tries)
	p.Clock.Advance(30 * time.Minute)
	require.Zero(t, due())
	later := asked(true, true)
	require.Equal(t, []any{first.TakenAt.UTC(), 0}, []any{later.TakenAt.UTC(), later.Tries})
}

// L3: a merchant's statement goes on from day to day, and a day's voucher has debits and credits of the same sum.
func TestAMerchantsStatementAndADaysVoucher(t *testing.T) {
	t.Parallel()
	p := newPayoutTest(t)
	f, err := p.Gathers()
	require.NoError(t, err)
	require.NoError(t, p.Money.SettlePayout(t.Context(), storagetest.University, p.payouts(f.ID)[0].ID, false, "closed"))
	p.Settled(p.merchant, p.day.AddDays(1), 5*yuan, 0)
	m, all, err := p.Money.MerchantStatement(t.Context(), storagetest.University, p.merchant.ID, p.day, p.day.AddDays(1))
	require.NoError(t, err)
	require.Equal(t, "第一食堂", m.NameZH)
	require.Len(t, all.Days, 2)
	day := all.Days[0]
	require.Equal(t, []int64{0, 30 * yuan, 1 * yuan, 29 * yuan, 29 * yuan, 29 * yuan, 29 * yuan, 34 * yuan},
		[]int64{all.OpeningCents, day.SalesCents, day.FeeCents, day.DueCents, day.PayoutCents, day.BouncedCents,
			day.BalanceCents, all.ClosingCents})
	listed, err := p.Money.PayoutFiles(t.Context(), storagetest.University, uuid.Nil, 10)
	require.NoError(t, err)
	require.Equal(t, []int{1, 0, 1}, []int{listed[0].Lines, listed[0].Waiting, listed[0].Bounced}, "the list says what came back")
	require.Equal(t, "第一食堂", p.payouts(f.ID)[0].NameZH)
	_, later, err := p.Money.MerchantStatement(t.Context(), storagetest.University, p.merchant.ID, p.day.AddDays(1), p.day.AddDays(9))
	require.NoError(t, err)
	require.Equal(t, []int64{29 * yuan, 34 * yuan}, []int64{later.OpeningCents, later.ClosingCents})

	lines, err := p.Money.DayVoucher(t.Context(), storagetest.University, p.day)
	require.NoError(t, err)
	debit, credit, kinds := int64(0), int64(0), map[string][]int64{}
	for _, line := range lines {
		debit, credit = debit+line.DebitCents, credit+line.CreditCents
		kinds[line.Kind] = []int64{line.DebitCents, line.CreditCents}
	}
	require.Equal(t, debit, credit)
	require.Equal(t, []int64{59 * yuan, 29 * yuan}, kinds["merchant"], "sold, and paid out and back")
	require.Equal(t, []int64{100 * yuan, 30 * yuan}, kinds["main"])
	require.Equal(t, []int64{29 * yuan, 29 * yuan}, kinds["payouts"])
	_, until, err := p.Money.MerchantStatement(t.Context(), storagetest.University, p.merchant.ID, p.day, p.day)
	require.NoError(t, err)
	require.Equal(t, []any{1, int64(29 * yuan)}, []any{len(until.Days), until.ClosingCents}, "what came later is not in it")
	other := p.Merchant("第二食堂", "canteen")
	p.Settled(other, p.day, 7*yuan, 0)
	p.Exec(`insert into payouts (id, file_id, university, merchant_id, account_id, amount_cents, first_day, last_day, state, bounced_at)
		values (gen_random_uuid(), $1, $2, $3, $4, 300, $5, $5, 'bounced', $6)`, f.ID, storagetest.University, other.ID,
		p.BankAccount(other.ID).ID, p.day.String(), p.Clock.Now())
	_, same, err := p.Money.MerchantStatement(t.Context(), storagetest.University, p.merchant.ID, p.day, p.day.AddDays(1))
	require.NoError(t, err)
	require.Equal(t, all, same, "another merchant's is not in it")
	none, err := p.Money.DayVoucher(t.Context(), storagetest.University, p.day.AddDays(-1))
	require.NoError(t, err)
	require.Empty(t, none)
}

// Every constraint of these tables holds by itself.
func TestConstraintsOfPayoutsAndVouchers(t *testing.T) {
	t.Parallel()
	p := newPayoutTest(t)
	require.NoError(t, storagetest.Err(p.Gathers()))
	person, _ := p.Holder(20 * yuan)
	first, _ := p.Pair(campus.Finance)
	require.NoError(t, storagetest.Err(p.Money.ProposeVoucher(t.Context(), p.Requested(campus.Staff(first.ID)), first,
		correction(campus.CreditVoucher, person, 1*yuan))))
	for name, sql := range map[string]string{
		"merchant_accounts_state_known": `update merchant_accounts set state = 'tired'`,
		"merchant_accounts_two_people":  `update merchant_accounts set decided_by = proposed_by`,
		"merchant_accounts_decided":     `update merchant_accounts set decided_at = null`,
		"merchant_accounts_one_current": `insert into merchant_accounts (id, merchant_id, sealed, masked, state, proposed_by, proposed_at, decided_by, decided_at)
			select gen_random_uuid(), merchant_id, sealed, masked, state, proposed_by, proposed_at, decided_by, decided_at from merchant_accounts`,
		"merchant_accounts_one_proposed": `insert into merchant_accounts (id, merchant_id, sealed, masked, proposed_by, proposed_at)
			select gen_random_uuid(), merchant_id, sealed, masked, proposed_by, proposed_at from merchant_accounts, generate_series(1, 2)`,
		"payouts_one": `insert into payouts (id, file_id, university, merchant_id, account_id, amount_cents, first_day, last_day)
			select gen_random_uuid(), file_id, university, merchant_id, account_id, 1, first_day, last_day from payouts`,
		"payouts_state_known":             `update payouts set state = 'tired'`,
		"payouts_amount_positive":         `update payouts set amount_cents = 0`,
		"payouts_paid":                    `update payouts set state = 'paid'`,
		"payouts_bounced":                 `update payouts set state = 'bounced'`,
		"manual_vouchers_kind_known":      `update manual_vouchers set kind = 'tired', book = ''`,
		"manual_vouchers_state_known":     `update manual_vouchers set state = 'tired', decided_by = proposed_by, decided_at = now()`,
		"manual_vouchers_amount_positive": `update manual_vouchers set amount_cents = 0`,
		"manual_vouchers_reason":          `update manual_vouchers set reason = ''`,
		"manual_vouchers_about":           `update manual_vouchers set person_id = null`,
		"manual_vouchers_two_people":      `update manual_vouchers set state = 'confirmed', decided_by = proposed_by, decided_at = now()`,
		"manual_vouchers_decided":         `update manual_vouchers set decided_at = now()`,
	} {
		var broken *pgconn.PgError
		require.ErrorAs(t, tryAsOwner(t, p.Env, sql), &broken, name)
		require.Equal(t, name, broken.ConstraintName)
	}
}
