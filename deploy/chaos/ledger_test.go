package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/e2e/client"
	"campuscard/school"
	"campuscard/school/simulator/till"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// ledgerTest is a day at a till and at the channel: a sale that was paid, one that was voided, one that was refused and
// one that was taken back, a top-up, a stray one, and a refund. Then the day is closed, its merchant paid, and the
// first sale given back by an appeal.
type ledgerTest struct {
	*storagetest.Env
	t       *testing.T
	env     *env
	till    uuid.UUID
	folder  string
	person  uuid.UUID
	account uuid.UUID
	shop    money.Merchant
	paid    []client.WalletPayment
	back    []client.WalletRefund
	files   []client.BankFile
}

func newLedgerTest(t *testing.T) *ledgerTest {
	h := &ledgerTest{Env: storagetest.New(t), t: t, till: uuid.New(), folder: t.TempDir()}
	pool, err := pgxpool.New(t.Context(), h.Config.DatabaseURL)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	h.env = &env{pool: pool}
	h.shop = h.Merchant("超市", "supermarket")
	h.BankAccount(h.shop.ID)
	h.topsUp()
	h.buys()
	h.closesTheDay()
	h.isPaidOut()
	h.appeals()
	return h
}

// closesTheDay is the close of today, as its workflow does it.
func (h *ledgerTest) closesTheDay() {
	opened, err := h.Money.OpenClose(h.t.Context(), money.NewClose{University: storagetest.University,
		Last: campus.DateOf(h.Clock.Now()), PolicyVersion: h.Policies.Version()})
	require.NoError(h.t, err)
	require.True(h.t, opened)
	h.Exec(`insert into books_closed (university, day, closed_at) select university, day, $1 from closes`, h.Clock.Now())
	closes, err := h.Money.Closes(h.t.Context(), storagetest.University, campus.Date{}, 1)
	require.NoError(h.t, err)
	last, err := h.Money.SettlePage(h.t.Context(), closes[0], h.Policy().Money.Close, uuid.Nil, 10)
	require.NoError(h.t, err)
	require.Equal(h.t, h.shop.ID, last)
	h.Exec(`update cases set stage = 'done', outcome = 'completed', closed_at = $1 where kind = 'close'`, h.Clock.Now())
	who, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Finance})
	h.Exec(`update closes set report_key = 'closes/x', signed_at = $1, signed_by = $2`, h.Clock.Now(), who.ID)
}

// isPaidOut has the bank pay the merchant.
func (h *ledgerTest) isPaidOut() {
	f, err := h.Gathers()
	require.NoError(h.t, err)
	_, lines, err := h.Money.PayoutFile(h.t.Context(), storagetest.University, f.ID)
	require.NoError(h.t, err)
	require.Len(h.t, lines, 1)
	id := lines[0].ID.String()
	require.NoError(h.t, h.Money.SettlePayout(h.t.Context(), storagetest.University, lines[0].ID, true, ""))
	h.files = []client.BankFile{{University: storagetest.University,
		File:  school.PayoutFile{File: f.ID.String(), Lines: []school.PayoutLine{{Line: id, AmountCents: lines[0].AmountCents}}},
		State: school.PayoutFileState{Lines: []school.PayoutLineState{{Line: id, State: school.PayoutPaid}}}}}
}

// appeals has half of the first sale given back after the close.
func (h *ledgerTest) appeals() {
	a, err := h.Money.OpenAppeal(h.t.Context(), storagetest.Request(campus.Student(h.person)), money.NewAppeal{Person: h.person,
		Payment: storagetest.One[uuid.UUID](h.Env, `select id from transfers where key = 'paid'`),
		Reason:  campus.WrongAmount, Policy: h.Policy().Money.Appeals, PolicyVersion: h.Policies.Version()})
	require.NoError(h.t, err)
	h.Exec(`update appeals set granted_cents = 500, round = 1, verdict = 'refund_part'`)
	back, err := h.Money.RefundAppeal(h.t.Context(), a.CaseID)
	require.NoError(h.t, err)
	require.True(h.t, back.All)
	h.Exec(`update cases set stage = 'done', outcome = 'completed', reason = 'appeal_granted', closed_at = $1
		where kind = 'appeal'`, h.Clock.Now())
}

// topsUp has a top-up paid by two, and a part of it and all of the second go back.
func (h *ledgerTest) topsUp() {
	person, account := h.Holder(0)
	h.person, h.account = person, account
	o := h.Order(person, 100_00)
	for _, transaction := range []string{"tx-1", "tx-2"} {
		p := h.PaidAt(o, transaction)
		h.Takes(p)
		h.paid = append(h.paid, client.WalletPayment{Payment: school.WalletPayment{Order: p.OrderRef,
			Transaction: p.Transaction, AmountCents: p.Cents, Currency: p.Currency, PaidAt: p.PaidAt}})
	}
	require.NoError(h.t, storagetest.Err(h.RefundBy(person, o.ID, 5_00)))
	refunds := h.DueRefunds()
	require.Len(h.t, refunds, 2, "the holder's and that of the second payer")
	for _, r := range refunds {
		require.NoError(h.t, h.Settles(r.ID, true))
		h.back = append(h.back, client.WalletRefund{
			Refund: school.WalletRefund{Refund: r.ID.String(), Transaction: r.Transaction, AmountCents: r.AmountCents},
			State:  school.WalletRefundState{Refund: r.ID.String(), State: school.WalletRefunded}})
	}
}

// buys has a sale paid, one voided, one refused, and one taken back.
func (h *ledgerTest) buys() {
	h.writes(`{"step":"begun","key":"paid","amount_cents":1000}`,
		`{"step":"printed","key":"paid","outcome":"paid","transfer":"`+h.sells("paid", 10_00).Transfer.String()+`"}`)
	voided := h.sells("voided", 3_00).Transfer
	require.NoError(h.t, storagetest.Err(h.Money.Refund(h.t.Context(), money.Refund{Terminal: h.till.String(), Key: "void",
		Payment: voided, Void: true, TakenAt: h.Clock.Now(), By: campus.System()})))
	h.writes(`{"step":"begun","key":"voided","amount_cents":300}`,
		`{"step":"printed","key":"voided","outcome":"paid","transfer":"`+voided.String()+`"}`,
		`{"step":"giving","key":"void","payment":"`+voided.String()+`"}`,
		`{"step":"given","key":"void","outcome":"given_back","payment":"`+voided.String()+`"}`)
	require.Equal(h.t, campus.PasswordNeeded, h.sells("refused", 60_00).Outcome)
	h.writes(`{"step":"begun","key":"refused","amount_cents":6000}`,
		`{"step":"printed","key":"refused","outcome":"password_needed"}`)
	h.sells("reversed", 2_00)
	require.NoError(h.t, storagetest.Err(h.Money.Reverse(h.t.Context(), money.Reversal{Terminal: h.till.String(),
		Key: "reversed", SoldAt: h.Clock.Now(), TakenAt: h.Clock.Now(), RetryWithin: campus.RetryMost})))
	h.writes(`{"step":"begun","key":"reversed","amount_cents":200}`, `{"step":"reversing","key":"reversed"}`,
		`{"step":"reversed","key":"reversed"}`)
}

func (h *ledgerTest) sells(key string, cents int64) money.Answer {
	return h.Pays(h.account, cents, func(p *money.Payment) {
		p.Terminal, p.Key, p.Book = h.till.String(), key, h.shop.BookID
	})
}

// writes adds lines to the till's journal.
func (h *ledgerTest) writes(lines ...string) {
	h.t.Helper()
	file, err := os.OpenFile(filepath.Join(h.folder, "journal.jsonl"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	require.NoError(h.t, err)
	for _, line := range lines {
		_, err = file.WriteString(line + "\n")
		require.NoError(h.t, err)
	}
	require.NoError(h.t, file.Close())
}

// judged are the figures that are not 0.
func (h *ledgerTest) judged(doubted map[uuid.UUID]string) map[figure]int {
	h.t.Helper()
	l, err := h.env.readLedger(h.t.Context())
	require.NoError(h.t, err)
	l.journals[h.till], err = till.ReadJournal(h.folder)
	require.NoError(h.t, err)
	l.paid, l.back, l.files = h.paid, h.back, h.files
	r := &report{}
	l.judge(r, doubted)
	require.Equal(h.t, []int{1, 1, 1}, []int{r.Closes, r.Settlements, r.Appeals})
	wrong := map[figure]int{}
	for in, count := range r.figures() {
		if *count > 0 {
			wrong[in] = *count
		}
	}
	require.Equal(h.t, len(wrong) == 0, len(r.notes) == 0)
	return wrong
}

// Each matter is broken by hand, as the owner of the tables or in a journal, and seen.
func TestMoneyIsJudgedByWhatAllSay(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(*ledgerTest)
		want  map[figure]int
	}{
		"nothing is wrong": {func(*ledgerTest) {}, map[figure]int{}},
		"a payment that no till has begun": {
			func(h *ledgerTest) { h.sells("forged", 1_00) }, map[figure]int{refusedPosted: 1}},
		"a payment that was posted twice": {func(h *ledgerTest) {
			h.ExecAsOwner(`insert into transfers (id, from_id, to_id, amount_cents, kind, books_day, terminal, key, taken_at, at,
					account_id, seq, main_change, main_after, subsidy_after, debt_after)
				select money_id(at), from_id, to_id, amount_cents, kind, books_day, terminal, key, taken_at, at, account_id,
					seq + 100, main_change, main_after, subsidy_after, debt_after from transfers where key = 'paid'`)
		}, map[figure]int{doubled: 1, unbalanced: 1, untrueFigure: 1}},
		"a receipt without a payment": {func(h *ledgerTest) {
			h.writes(`{"step":"begun","key":"new","amount_cents":100}`, `{"step":"printed","key":"new","outcome":"paid"}`)
		}, map[figure]int{lost: 1}},
		"a receipt that was no receipt": {func(h *ledgerTest) {
			h.writes(`{"step":"printed","key":"paid","outcome":"limit_reached"}`)
		}, map[figure]int{refusedPosted: 1}},
		"a sale that was begun": {func(h *ledgerTest) { h.writes(`{"step":"begun","key":"new","amount_cents":100}`) },
			map[figure]int{stuck: 1}},
		"a fen more on an account": {func(h *ledgerTest) {
			h.ExecAsOwner(`update accounts set main_cents = main_cents + 1 where id = $1`, h.account)
		}, map[figure]int{unbalanced: 1}},
		"a limit that was lower": {func(h *ledgerTest) {
			h.ExecAsOwner(`update accounts set limit_cents = 1299 where id = $1`, h.account)
		}, map[figure]int{limitPassed: 1}},
		"a payment from before its money came": {func(h *ledgerTest) {
			h.ExecAsOwner(`update transfers set seq = -1 * seq + 100 where account_id = $1`, h.account)
		}, map[figure]int{overdrawn: 1}},
		"a payment that the channel has forgotten": {
			func(h *ledgerTest) { h.paid = h.paid[1:] }, map[figure]int{refusedPosted: 1}},
		"a payment that only the channel knows": {func(h *ledgerTest) {
			h.paid = append(h.paid, client.WalletPayment{Payment: school.WalletPayment{Transaction: "tx-3", AmountCents: 1}})
		}, map[figure]int{lost: 1}},
		"a refund that the channel has not paid": {func(h *ledgerTest) { h.back[0].State.State = school.WalletFailed },
			map[figure]int{lost: 1}},
		"a refund that nobody has asked for": {func(h *ledgerTest) { h.back[0].Refund.Refund = "r-1" },
			map[figure]int{lost: 1, doubled: 1}},
		"a close that nobody has signed": {func(h *ledgerTest) {
			h.Exec(`update cases set outcome = '', stage = 'signing', closed_at = null where kind = 'close'`)
		}, map[figure]int{stuck: 1}},
		"a transfer that came to the day after it was settled": {func(h *ledgerTest) {
			h.ExecAsOwner(`update transfers set books_day = $1 where terminal = 'appeal'`, campus.DateOf(h.Clock.Now()))
		}, map[figure]int{untrueFigure: 1}},
		"a fee that was taken twice": {func(h *ledgerTest) {
			h.ExecAsOwner(`insert into transfers (id, from_id, to_id, amount_cents, kind, cause, books_day, terminal, key, taken_at, at)
				select money_id(at), from_id, to_id, amount_cents, kind, cause, books_day, terminal, key || '/2', taken_at, at
				from transfers where kind = 'fee'`)
		}, map[figure]int{doubled: 1}},
		"a payout that the bank has in two files": {func(h *ledgerTest) { h.files = append(h.files, h.files[0]) },
			map[figure]int{doubled: 1}},
		"a payout that the bank has not paid": {
			func(h *ledgerTest) { h.files[0].State.Lines[0].State = school.PayoutBounced }, map[figure]int{lost: 1}},
		"a payout of which nobody knows here": {func(h *ledgerTest) {
			h.files[0].File.Lines = append(h.files[0].File.Lines, school.PayoutLine{Line: "p-1", AmountCents: 1})
		}, map[figure]int{doubled: 1}},
		"a payout that pays another sum than is due": {func(h *ledgerTest) {
			h.ExecAsOwner(`update settlements set payout_id = null`)
		}, map[figure]int{untrueFigure: 1}},
		"an appeal that went back twice": {func(h *ledgerTest) {
			h.ExecAsOwner(`insert into transfers (id, from_id, to_id, amount_cents, kind, cause, books_day, terminal, key, taken_at, at)
				select money_id(at), $1, (select id from books where kind = 'fees'), 500, kind, null, books_day, terminal, key,
					taken_at, at from transfers where terminal = 'appeal'`, uuid.New())
		}, map[figure]int{doubled: 1}},
		"an appeal whose holder is told that nothing went back": {func(h *ledgerTest) {
			h.Exec(`update cases set outcome = 'rejected', reason = 'appeal_not_proven' where kind = 'appeal'`)
		}, map[figure]int{untrueFigure: 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newLedgerTest(t)
			c.spoil(h)
			require.Equal(t, c.want, h.judged(nil))
		})
	}
	h := newLedgerTest(t)
	require.Equal(t, map[figure]int{unbalanced: 1}, h.judged(map[uuid.UUID]string{h.account: "the checker doubts"}))
}
