package worker

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/school/simulator"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// topUpTest is the loop beside a simulator that calls nobody back.
type topUpTest struct {
	*testing.T
	h    *storagetest.Env
	loop *topUps
	bank *school.Bank
	url  string
}

func newTopUpTest(t *testing.T) *topUpTest {
	t.Helper()
	h := storagetest.New(t)
	sim, err := simulator.New(simulator.Config{Address: "127.0.0.1:0", SMTPAddress: "127.0.0.1:0", StateDir: t.TempDir(),
		APIKey: "a key of the tests", Seed: 1, People: 100}, slog.New(slog.DiscardHandler))
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- sim.Run(ctx) }()
	t.Cleanup(func() { cancel(); require.NoError(t, <-done) })
	systems, err := school.New(school.Config{BaseURL: sim.URL(), APIKey: "a key of the tests",
		SMTPAddress: sim.SMTPAddress(), MailFrom: "card@campus.example"})
	require.NoError(t, err)
	return &topUpTest{T: t, h: h, url: sim.URL(), bank: systems.Bank,
		loop: newTopUps(h.Store, systems.Wallets, h.Policies, h.Log)}
}

func (c *topUpTest) round() {
	c.Helper()
	require.NoError(c, storagetest.Err(c.loop.round(c.Context())))
	c.loop.asking.Wait()
	require.NoError(c, c.loop.failed)
}

func (c *topUpTest) admin(method, path, body string) {
	c.Helper()
	req, err := http.NewRequestWithContext(c.Context(), method, c.url+path, strings.NewReader(body))
	require.NoError(c, err)
	res, err := http.DefaultClient.Do(req)
	require.NoError(c, err)
	require.NoError(c, res.Body.Close())
	require.Equal(c, http.StatusOK, res.StatusCode, path)
}

func (c *topUpTest) order(person, id uuid.UUID) money.Order {
	c.Helper()
	o, err := c.h.Money.Order(c.Context(), person, id)
	require.NoError(c, err)
	return o
}

// L2: the channel is told of an order, and when it does not call back it is asked what became of it.
func TestAChannelIsAskedWhatBecameOfAnOrder(t *testing.T) {
	t.Parallel()
	c := newTopUpTest(t)
	person, account := c.h.Holder(0)
	o := c.h.Order(person, 20_00)
	c.admin("PUT", "/admin/faults/wallet", `{"mode":"flaky","rate":1,"moment":"after"}`)
	c.round()
	require.Equal(t, campus.OrderCreated, c.order(person, o.ID).State, "its answer got lost")
	c.admin("PUT", "/admin/faults/wallet", `{"mode":"none"}`)
	c.h.Clock.Advance(placeAgain)
	c.round()
	waiting := c.order(person, o.ID)
	require.Equal(t, campus.OrderWaiting, waiting.State)
	require.Contains(t, waiting.PayCode, "wallet://pay/")
	c.admin("POST", "/admin/wallet/lcu/payments", `{"order":"`+o.ID.String()+`"}`)
	c.round()
	require.Equal(t, campus.OrderWaiting, c.order(person, o.ID).State, "not yet asked")
	c.h.Clock.Advance(2 * c.h.Policy().Money.TopUp.FirstLook.Std())
	c.round()
	require.Equal(t, campus.OrderPaid, c.order(person, o.ID).State)
	require.Equal(t, int64(20_00), c.h.AccountOf(account).MainCents)
}

// An order that nobody pays expires, and is asked about for a while: what two people pay then is credited once and goes
// back once.
func TestAnOrderExpires(t *testing.T) {
	t.Parallel()
	c := newTopUpTest(t)
	terms := c.h.Policy().Money.TopUp
	person, account := c.h.Holder(0)
	o := c.h.Order(person, 20_00)
	c.round()
	c.h.Clock.Advance(terms.OrderLife.Std())
	c.round()
	require.Equal(t, campus.OrderExpired, c.order(person, o.ID).State)
	for range 2 {
		c.admin("POST", "/admin/wallet/lcu/payments", `{"order":"`+o.ID.String()+`"}`)
	}
	c.h.Clock.Advance(terms.LookFor.Std())
	c.round()
	require.Equal(t, campus.OrderPaid, c.order(person, o.ID).State)
	require.Equal(t, []int64{20_00, 20_00, -40_00}, []int64{c.h.AccountOf(account).MainCents,
		c.h.Holds(campus.SuspenseBook, ""), c.h.Holds(campus.ChannelBook, "wallet")})
	c.round()
	require.Equal(t, []int64{0, -20_00}, []int64{c.h.Holds(campus.SuspenseBook, ""), c.h.Holds(campus.ChannelBook, "wallet")})
}

// An order that the channel has closed is not asked about any more.
func TestAClosedOrder(t *testing.T) {
	t.Parallel()
	c := newTopUpTest(t)
	person, _ := c.h.Holder(0)
	o := c.h.Order(person, 20_00)
	c.round()
	c.admin("POST", "/admin/wallet/lcu/closures", `{"order":"`+o.ID.String()+`"}`)
	c.h.Clock.Advance(time.Minute)
	c.round()
	require.Equal(t, campus.OrderClosed, c.order(person, o.ID).State)
	c.h.Clock.Advance(100 * 24 * time.Hour)
	due, err := c.h.Money.DueOrders(t.Context(), storagetest.Wallet(), 10, time.Minute)
	require.NoError(t, err)
	require.Empty(t, due)
}

// E4: a top-up that its holder gives up is closed at the channel, counts until then, and is credited if it was paid
// before.
func TestAnOrderThatIsGivenUp(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		before, fault string // what happens before it is given up, and how the channel is then
		want          campus.OrderState
	}{
		"it was never told of it":         {want: campus.OrderClosed},
		"it is told to close it":          {before: "told", want: campus.OrderClosed},
		"it was paid":                     {before: "paid", want: campus.OrderPaid},
		"its answer gets lost":            {before: "told", fault: `{"mode":"flaky","rate":1,"moment":"after"}`, want: campus.OrderClosed},
		"it is away for a while":          {before: "told", fault: `{"mode":"outage"}`, want: campus.OrderClosed},
		"its answer to an order got lost": {before: "lost", want: campus.OrderClosed},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			c := newTopUpTest(t)
			person, account := c.h.Holder(0)
			o := c.h.Order(person, 20_00)
			switch test.before {
			case "lost":
				c.admin("PUT", "/admin/faults/wallet", `{"mode":"flaky","rate":1,"moment":"after"}`)
				c.round()
				c.admin("PUT", "/admin/faults/wallet", `{"mode":"none"}`)
			case "told":
				c.round()
			case "paid":
				c.round()
				c.admin("POST", "/admin/wallet/lcu/payments", `{"order":"`+o.ID.String()+`"}`)
			}
			for range 2 {
				require.NoError(t, c.h.Money.GiveUpOrder(t.Context(), c.h.Requested(campus.Student(person)), person, o.ID))
			}
			require.True(t, c.order(person, o.ID).State.Open(), "it counts until the channel has closed it")
			if test.fault != "" {
				c.admin("PUT", "/admin/faults/wallet", test.fault)
				c.round()
				require.True(t, c.order(person, o.ID).State.Open())
				c.admin("PUT", "/admin/faults/wallet", `{"mode":"none"}`)
				c.h.Clock.Advance(placeAgain)
			}
			c.round()
			require.Equal(t, test.want, c.order(person, o.ID).State)
			credited := map[campus.OrderState]int64{campus.OrderPaid: 20_00}[test.want]
			require.Equal(t, credited, c.h.AccountOf(account).MainCents)
			stranger, _ := c.h.Holder(0)
			require.Equal(t, "topup_unknown", storagetest.Outcome(
				c.h.Money.GiveUpOrder(t.Context(), c.h.Requested(campus.Student(stranger)), stranger, o.ID)))
		})
	}
}

// What becomes of a refund at the channel.
func TestRefundsAtTheChannel(t *testing.T) {
	t.Parallel()
	for sentence, test := range map[string]struct {
		settings, fault string
		then            func(c *topUpTest, refund string)
		want            campus.RefundState
		balance         int64
	}{
		"it pays":                   {want: campus.RefundDone},
		"it never will":             {settings: "failed", want: campus.RefundFailed, balance: 20_00},
		"it refuses":                {settings: "refused", want: campus.RefundFailed, balance: 20_00},
		"its answer gets lost":      {fault: `{"mode":"flaky","rate":1,"moment":"after"}`, want: campus.RefundDone},
		"it is away":                {fault: `{"mode":"outage"}`, want: campus.RefundDone},
		"it says what is no answer": {fault: `{"mode":"malformed","malformed":"missing"}`, want: campus.RefundDone},
		"it takes its time and pays": {settings: "processing", want: campus.RefundDone,
			then: func(c *topUpTest, refund string) {
				c.admin("POST", "/admin/wallet/lcu/refunds", `{"refund":"`+refund+`"}`)
			}},
		"it takes its time and fails": {settings: "processing", want: campus.RefundFailed, balance: 20_00,
			then: func(c *topUpTest, refund string) {
				c.admin("POST", "/admin/wallet/lcu/refunds", `{"refund":"`+refund+`","failed":true}`)
			}},
	} {
		t.Run(sentence, func(t *testing.T) {
			t.Parallel()
			c := newTopUpTest(t)
			person, account := c.h.Holder(0)
			o := c.h.Order(person, 20_00)
			c.round()
			c.admin("POST", "/admin/wallet/lcu/payments", `{"order":"`+o.ID.String()+`"}`)
			c.h.Clock.Advance(time.Minute)
			c.round()
			r, err := c.h.RefundBy(person, o.ID, 0)
			require.NoError(t, err)
			c.admin("PUT", "/admin/wallet", `{"refunds":"`+test.settings+`"}`)
			if test.fault != "" {
				c.admin("PUT", "/admin/faults/wallet", test.fault)
				c.round()
				require.Equal(t, campus.RefundAsked, c.order(person, o.ID).Refunds[0].State, "its outcome is unknown")
				require.Zero(t, c.h.AccountOf(account).MainCents, "and the money on its way")
				c.admin("PUT", "/admin/faults/wallet", `{"mode":"none"}`)
			}
			c.h.Clock.Advance(time.Minute)
			c.round()
			if test.then != nil {
				test.then(c, r.ID.String())
				c.h.Clock.Advance(time.Hour)
				c.round()
			}
			require.Equal(t, test.want, c.order(person, o.ID).Refunds[0].State)
			require.Equal(t, test.balance, c.h.AccountOf(account).MainCents)
		})
	}
}
