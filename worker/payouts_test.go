package worker

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// payoutTest is the loop beside a bank, and a merchant with 30 yuan that are due.
type payoutTest struct {
	*topUpTest
	pay      *payouts
	merchant money.Merchant
	file     uuid.UUID
}

func newPayoutTest(t *testing.T) *payoutTest {
	t.Helper()
	c := newTopUpTest(t)
	p := &payoutTest{topUpTest: c, merchant: c.h.Merchant("第一食堂", "canteen"),
		pay: &payouts{store: c.h.Store, bank: c.bank, policies: c.h.Policies, log: c.h.Log}}
	c.h.BankAccount(p.merchant.ID)
	c.h.Sells(p.merchant, c.h.Account(100_00).ID, 30_00)
	c.h.Settled(p.merchant, campus.DateOf(c.h.Clock.Now()), 30_00, 0)
	return p
}

// turn is a round, after which the file is known.
func (p *payoutTest) turn() {
	p.Helper()
	require.NoError(p, storagetest.Err(p.pay.round(p.Context())))
	files, err := p.h.Money.PayoutFiles(p.Context(), storagetest.University, uuid.Nil, 10)
	require.NoError(p, err)
	require.Len(p, files, 1, "one file, however many rounds")
	p.file = files[0].ID
}

func (p *payoutTest) line() money.Payout {
	p.Helper()
	_, lines, err := p.h.Money.PayoutFile(p.Context(), storagetest.University, p.file)
	require.NoError(p, err)
	require.Len(p, lines, 1)
	return lines[0]
}

func (p *payoutTest) says(state string) {
	p.Helper()
	p.admin("POST", "/admin/payouts/lcu/lines", `{"file":"`+p.file.String()+`","line":"`+p.line().ID.String()+`","state":"`+state+`"}`)
}

// merchantHolds is what is owed to the merchant.
func (p *payoutTest) merchantHolds() int64 {
	return p.h.Holds(campus.MerchantBook, p.merchant.ID.String())
}

// L3: what becomes of a payout at the bank, by itself after a day was settled.
func TestPayoutsAtTheBank(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		settings, fault string
		want            campus.PayoutState
		holds           int64
	}{
		"it pays":                   {want: campus.PayoutPaid},
		"it names a line twice":     {settings: `{"repeated":true}`, want: campus.PayoutPaid},
		"a line bounces":            {settings: `{"lines":"bounced"}`, want: campus.PayoutBounced, holds: 30_00},
		"it takes no file":          {settings: `{"refused":true}`, want: campus.PayoutBounced, holds: 30_00},
		"its answer gets lost":      {fault: `{"mode":"flaky","rate":1,"moment":"after"}`, want: campus.PayoutPaid},
		"it is away":                {fault: `{"mode":"outage"}`, want: campus.PayoutPaid},
		"it says what is no answer": {fault: `{"mode":"malformed","malformed":"missing"}`, want: campus.PayoutPaid},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			p := newPayoutTest(t)
			if test.settings != "" {
				p.admin("PUT", "/admin/payouts", test.settings)
			}
			if test.fault != "" {
				p.admin("PUT", "/admin/faults/bank", test.fault)
				p.turn()
				require.Equal(t, campus.PayoutAsked, p.line().State, "its outcome is unknown")
				require.Zero(t, p.merchantHolds(), "and the money on its way")
				p.admin("PUT", "/admin/faults/bank", `{"mode":"none"}`)
				p.h.Clock.Advance(time.Minute)
			}
			p.turn()
			require.Equal(t, test.want, p.line().State)
			require.Equal(t, test.holds, p.merchantHolds())
			p.h.Clock.Advance(13 * time.Hour)
			p.turn()
			require.Equal(t, test.holds, p.merchantHolds(), "once")
		})
	}
}

// L3: a bank that has taken a file, and now takes none, or says that it has another under that name, is asked what
// became of it: its lines are paid once.
func TestAFileThatTheBankHasIsNotMadeAgain(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct{ fault, settings string }{
		"it takes no file any more": {`{"mode":"flaky","rate":1,"moment":"after"}`, `{"refused":true}`},
		"it has another":            {`{"mode":"outage"}`, ``},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			p := newPayoutTest(t)
			p.admin("PUT", "/admin/faults/bank", test.fault)
			p.turn()
			p.admin("PUT", "/admin/faults/bank", `{"mode":"none"}`)
			if test.settings != "" {
				p.admin("PUT", "/admin/payouts", test.settings)
			} else {
				require.NoError(t, storagetest.Err(p.bank.Send(t.Context(), storagetest.University, school.PayoutFile{File: p.file.String(),
					Lines: []school.PayoutLine{{Line: p.line().ID.String(), AmountCents: 30_01, Currency: campus.Yuan, Holder: "食堂",
						Bank: "银行", Number: "12345678"}}})))
			}
			p.h.Clock.Advance(time.Minute)
			p.turn()
			require.Equal(t, campus.PayoutPaid, p.line().State)
			require.Zero(t, p.merchantHolds())
		})
	}
}

// L3: a line that was paid bounces three days later; then it is in the merchant's book again, once. In the end the bank
// is asked no more.
func TestAPayoutBouncesAfterThreeDays(t *testing.T) {
	t.Parallel()
	p := newPayoutTest(t)
	p.admin("PUT", "/admin/payouts", `{"lines":"processing"}`)
	p.turn()
	require.Equal(t, campus.PayoutAsked, p.line().State)
	p.says("paid")
	p.h.Clock.Advance(time.Minute)
	p.turn()
	require.Equal(t, campus.PayoutPaid, p.line().State)
	p.h.Clock.Advance(3 * 24 * time.Hour)
	p.says("bounced")
	p.turn()
	require.Equal(t, campus.PayoutBounced, p.line().State)
	require.Equal(t, int64(30_00), p.merchantHolds())
	p.says("paid") // it contradicts itself
	p.h.Clock.Advance(13 * time.Hour)
	p.turn()
	require.Equal(t, int64(30_00), p.merchantHolds())
	conflicts, err := p.h.Money.ChannelConflicts(t.Context(), storagetest.University, uuid.Nil, 10)
	require.NoError(t, err)
	require.Len(t, conflicts, 1)
	p.h.Clock.Advance(10 * 24 * time.Hour)
	p.turn()
	f, _, err := p.h.Money.PayoutFile(t.Context(), storagetest.University, p.file)
	require.NoError(t, err)
	require.Nil(t, f.NextTry, "it is asked no more")
}

// L2: the same file twice is one; another content under its name is refused, and nothing of it is paid.
func TestAFileIsTakenOnce(t *testing.T) {
	t.Parallel()
	c := newTopUpTest(t)
	line := school.PayoutLine{Line: "l-1", AmountCents: 30_00, Currency: campus.Yuan, Holder: "食堂", Bank: "银行", Number: "12345678"}
	file := school.PayoutFile{File: "f-1", Lines: []school.PayoutLine{line}}
	for range 2 {
		state, err := c.bank.Send(t.Context(), storagetest.University, file)
		require.NoError(t, err)
		require.Equal(t, school.PayoutPaid, state.Lines[0].State)
	}
	file.Lines[0].AmountCents++
	_, err := c.bank.Send(t.Context(), storagetest.University, file)
	require.Equal(t, campus.Conflict, campus.CodeOf(err))
	_, err = c.bank.File(t.Context(), storagetest.University, "f-2")
	require.Equal(t, campus.NotFound, campus.CodeOf(err))
}

// L2: a second channel, which is configuration alone, is another one: the same name of a payment at both is two
// payments.
func TestTheBankIsAChannelToo(t *testing.T) {
	t.Parallel()
	c := newTopUpTest(t)
	person, account := c.h.Holder(0)
	for _, channel := range []string{"wallet", "bank"} {
		o, err := c.h.Money.OpenOrder(t.Context(), c.h.Requested(campus.Student(person)), money.NewOrder{Person: person,
			Channel: channel, Cents: 20_00, Terms: c.h.Policy().Money.TopUp})
		require.NoError(t, err)
		c.round()
		require.Contains(t, c.order(person, o.ID).PayCode, channel+"://pay/")
		c.admin("POST", "/admin/"+channel+"/lcu/payments", `{"order":"`+o.ID.String()+`","transaction":"t-1"}`)
		c.h.Clock.Advance(time.Minute)
		c.round()
		require.Equal(t, campus.OrderPaid, c.order(person, o.ID).State)
		require.Equal(t, int64(-20_00), c.h.Holds(campus.ChannelBook, channel))
	}
	page, _, err := c.h.Money.Statement(t.Context(), account, nil, 10)
	require.NoError(t, err)
	require.Equal(t, []string{"bank", "wallet"}, []string{page[0].Way, page[1].Way}, "told apart in the statement")
	r, err := c.h.RefundBy(person, newestOrder(c, person), 5_00)
	require.NoError(t, err)
	c.round()
	require.Equal(t, "bank", r.Channel)
	require.Equal(t, int64(-15_00), c.h.Holds(campus.ChannelBook, "bank"), "it goes back to where it came from")
}

// newestOrder is the newest top-up of a person.
func newestOrder(c *topUpTest, person uuid.UUID) uuid.UUID {
	orders, err := c.h.Money.Orders(c.Context(), person, uuid.Nil, 1)
	require.NoError(c, err)
	return orders[0].ID
}
