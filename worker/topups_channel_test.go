package worker

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/school"
	"campuscard/storage/people"
	"campuscard/storage/storagetest"
)

// channelTest is the loop beside channels that answer what a test says: by method and the first word of the path.
type channelTest struct {
	*topUpTest
	mu    sync.Mutex
	says  map[string]string // "status body"; "hang": nothing, until the test ends
	asked map[string]int
	over  chan struct{}
}

func newChannelTest(t *testing.T) *channelTest {
	t.Helper()
	c := &channelTest{says: map[string]string{}, asked: map[string]int{}, over: make(chan struct{})}
	server := httptest.NewServer(c)
	t.Cleanup(server.Close)
	t.Cleanup(func() { close(c.over) })
	systems, err := school.New(school.Config{BaseURL: server.URL, APIKey: "a key of the tests", SMTPAddress: "127.0.0.1:1",
		MailFrom: "card@campus.example", Timeout: time.Minute})
	require.NoError(t, err)
	h := storagetest.New(t)
	c.topUpTest = &topUpTest{T: t, h: h, loop: newTopUps(h.Store, systems.Wallets, h.Policies, h.Log)}
	return c
}

// ServeHTTP answers as the channel whose name stands first in the path.
func (c *channelTest) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	words := strings.Split(r.URL.Path, "/") // /wallet/lcu/v1/orders/...
	call := words[1] + " " + r.Method + " " + words[4]
	c.mu.Lock()
	c.asked[call]++
	says, own := c.says[words[2]+" "+call]
	if !own {
		says = c.says[call]
	}
	c.mu.Unlock()
	if says == "hang" {
		<-c.over
		return
	}
	status, body, _ := strings.Cut(says, " ")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(map[string]int{"200": 200, "404": 404, "409": 409, "422": 422}[status] + map[bool]int{true: 503}[says == ""])
	_, _ = w.Write([]byte(body)) // the loop hears it or not
}

// says has a channel answer a call, with a university in front of it that university's alone.
func (c *channelTest) say(call, answer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.says[call] = answer
}

func (c *channelTest) calls(call string) int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.asked[call]
}

const noProblem = ` {"code":"x"}`

// A 409 says that the channel has what it is asked for: it is no refusal, also when the channel does not find it yet.
func TestAChannelThatHasTheKey(t *testing.T) {
	t.Parallel()
	c := newChannelTest(t)
	person, account := c.h.Holder(0)
	o := c.h.Order(person, 20_00)
	id := o.ID.String()
	c.say("wallet POST orders", "409"+noProblem)
	c.say("wallet GET orders", "404"+noProblem)
	c.round()
	require.Equal(t, campus.OrderCreated, c.order(person, o.ID).State, "neither refused nor closed")
	c.say("wallet GET orders", `200 {"order":"`+id+`","state":"waiting","pay_code":"pay","payments":[]}`)
	c.h.Clock.Advance(placeAgain)
	c.round()
	require.Equal(t, []any{campus.OrderWaiting, "pay"}, []any{c.order(person, o.ID).State, c.order(person, o.ID).PayCode})

	c.h.Takes(c.h.PaidAt(o, "tx-1"))
	r, err := c.h.RefundBy(person, o.ID, 0)
	require.NoError(t, err)
	c.say("wallet POST refunds", "409"+noProblem)
	c.say("wallet GET refunds", "404"+noProblem)
	c.round()
	require.Equal(t, campus.RefundAsked, c.order(person, o.ID).Refunds[0].State)
	require.Zero(t, c.h.AccountOf(account).MainCents, "it may have been paid")
	c.say("wallet GET refunds", `200 {"refund":"`+r.ID.String()+`","state":"refunded","reason":""}`)
	c.h.Clock.Advance(time.Hour)
	c.round()
	require.Equal(t, campus.RefundDone, c.order(person, o.ID).Refunds[0].State)
}

// A channel that does not know an order any more with whose code somebody may have paid says nothing: it is asked
// again. One that never had it is believed.
func TestAnOrderThatTheChannelForgets(t *testing.T) {
	t.Parallel()
	c := newChannelTest(t)
	person, _ := c.h.Holder(0)
	o, never := c.h.Order(person, 20_00), c.h.Order(person, 10_00)
	c.h.Exec(`update topup_orders set state = 'waiting', pay_code = 'pay' where id = $1`, o.ID)
	c.say("wallet GET orders", "404"+noProblem)
	c.h.Clock.Advance(c.h.Policy().Money.TopUp.OrderLife.Std())
	c.round()
	require.Equal(t, campus.OrderClosed, c.order(person, never.ID).State)
	got := c.order(person, o.ID)
	require.Equal(t, []any{campus.OrderExpired, "not_found"}, []any{got.State, got.Failure}, "nobody knows yet")
	c.say("wallet GET orders", `200 {"order":"`+o.ID.String()+`","state":"paid","pay_code":"pay","payments":[{"order":"`+
		o.ID.String()+`","transaction":"tx-1","amount_cents":2000,"currency":"CNY","paid_at":"2026-11-20T08:00:00Z"}]}`)
	c.h.Clock.Advance(c.h.Policy().Money.TopUp.LookFor.Std())
	c.round()
	require.Equal(t, campus.OrderPaid, c.order(person, o.ID).State)
}

// The last look at an order is repeated while nobody answers it, more and more rarely, and in the end no more.
func TestALastLookThatFails(t *testing.T) {
	t.Parallel()
	c := newChannelTest(t)
	terms := c.h.Policy().Money.TopUp
	person, _ := c.h.Holder(0)
	o := c.h.Order(person, 20_00)
	c.h.Exec(`update topup_orders set state = 'waiting', pay_code = 'pay' where id = $1`, o.ID)
	c.h.Clock.Advance(terms.OrderLife.Std() + terms.LookFor.Std())
	c.round()
	last := c.calls("wallet GET orders")
	c.h.Clock.Advance(terms.FirstLook.Std())
	c.round()
	require.Equal(t, last+1, c.calls("wallet GET orders"), "asked again")
	for range 60 {
		c.h.Clock.Advance(24 * time.Hour)
		c.round()
	}
	require.InDelta(t, terms.LookLate.Std().Hours()/24, c.calls("wallet GET orders")-last, 2, "once a day, for look_late")
	require.Equal(t, campus.OrderExpired, c.order(person, o.ID).State)
}

// A channel that hangs at one university holds up none of another, also with more rows than are asked at once; and
// while it hangs no other worker asks it for the same.
func TestAChannelThatHangsHoldsUpNoOther(t *testing.T) {
	t.Parallel()
	c := newChannelTest(t)
	stuck := make([]uuid.UUID, 0, topUpBatch+1)
	for range topUpBatch + 1 {
		person, _ := c.h.Holder(0)
		stuck = append(stuck, c.h.Order(person, 20_00).ID)
	}
	c.say("wallet POST orders", "hang")
	person, _ := c.h.Holder(0)
	free := c.h.Order(person, 20_00)
	require.NoError(t, c.h.People.SeedUniversity(t.Context(), people.University{Code: "lcvtc", NameZH: "学院", NameEN: "College"}))
	c.h.Exec(`update topup_orders set university = 'lcvtc' where id = $1`, free.ID)
	c.say("lcvtc wallet POST orders", `200 {"order":"`+free.ID.String()+`","state":"waiting","pay_code":"pay","payments":[]}`)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		defer close(ended)
		for ctx.Err() == nil {
			if _, err := c.loop.round(ctx); err != nil && ctx.Err() == nil {
				ended <- err
			}
		}
	}()
	require.Eventually(t, func() bool { return c.order(person, free.ID).State == campus.OrderWaiting }, 20*time.Second,
		time.Millisecond)
	require.Eventually(t, func() bool {
		return storagetest.Count(c.h, `topup_orders where next_look <= $1`, c.h.Clock.Now()) == 1
	}, 20*time.Second, time.Millisecond, "the others are being asked")
	c.h.Clock.Advance(topUpCalls * time.Minute) // as long as the calls for one may take
	due, err := c.h.Money.DueOrders(t.Context(), storagetest.Wallet(), topUpBatch+1, time.Minute)
	require.NoError(t, err)
	require.Len(t, due, 1, "of %d, those that are being asked are nobody else's", len(stuck))
	cancel()
	c.loop.asking.Wait()
	require.NoError(t, <-ended)
}
