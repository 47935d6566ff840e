package money_test

import (
	"fmt"

	"github.com/stretchr/testify/require"
	"pgregory.net/rapid"

	"campuscard/campus"
	"campuscard/storage"
	"campuscard/storage/casework"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// topUpStorm are top-ups of the first account of a run, at two channels that call back.
type topUpStorm struct {
	r        *ledgerRun
	channels []string
	orders   []money.Order
}

// topUps has the holder of the first account ask for top-ups at two channels.
func (r *ledgerRun) topUps(t *rapid.T) topUpStorm {
	s := topUpStorm{r: r, channels: []string{"wallet-" + r.name, "bank-" + r.name}}
	terms := r.h.Policy().Money.TopUp
	terms.Channels, terms.BalanceMost = map[string]campus.ChannelPolicy{s.channels[0]: {}, s.channels[1]: {}}, campus.AmountMost
	for n := range 2 {
		r.h.Exec(`update accounts set person_id = $2 where id = $1`, r.ids[n], r.h.Person().ID)
	}
	person := r.h.AccountOf(r.ids[0]).PersonID
	for _, channel := range s.channels {
		o, err := r.h.Money.OpenOrder(r.h.Context(), r.h.Requested(campus.Student(person)), money.NewOrder{Person: person,
			Channel: channel, Cents: 2000, Terms: terms})
		require.NoError(t, err)
		s.orders = append(s.orders, o)
	}
	return s
}

// calls draws what the channels say: of the same payment again and again, by the same call-back or another, of one that
// contradicts it, of an order that is the other channel's, and that an order was closed.
func (s topUpStorm) calls(t *rapid.T) (jobs []job) {
	for range rapid.IntRange(2, 10).Draw(t, "calls") {
		p := s.r.h.PaidAt(rapid.SampledFrom(s.orders).Draw(t, "order"), fmt.Sprint("tx-", rapid.IntRange(0, 2).Draw(t, "transaction")))
		if rapid.IntRange(0, 3).Draw(t, "elsewhere") == 0 {
			p.Channel = rapid.SampledFrom(s.channels).Draw(t, "channel")
		} else {
			p.Channel = s.channelOf(p.OrderRef)
		}
		p.Cents += rapid.SampledFrom([]int64{0, 0, 0, 1}).Draw(t, "more")
		heard := money.Heard{University: storagetest.University, Channel: p.Channel, Payment: &p}
		if rapid.IntRange(0, 5).Draw(t, "closed") == 0 {
			heard.Payment, heard.Closed = nil, p.OrderRef
		}
		body := fmt.Sprint(heard.Closed, p.OrderRef, p.Transaction, p.Cents)
		call := casework.Callback{Sender: casework.ChannelSender(p.Channel, storagetest.University), BodyHash: []byte(body),
			ID: fmt.Sprint(body, rapid.IntRange(0, 1).Draw(t, "call"))}
		jobs = append(jobs, job{name: "call-back", may: []string{campus.ChannelContradicts},
			do: func(store *storage.Store) (money.Answer, error) {
				return money.Answer{}, store.Money.Hear(s.r.h.Context(), call, heard)
			}})
	}
	return jobs
}

func (s topUpStorm) channelOf(ref string) string {
	for _, o := range s.orders {
		if o.ID.String() == ref {
			return o.Channel
		}
	}
	return ""
}

// creditedOnce looks whether each payment that a channel has told of is on an account or in suspense, once, and no
// order was credited twice (E4, L2).
func (s topUpStorm) creditedOnce(t *rapid.T) {
	require.Zero(t, storagetest.One[int](s.r.h, `select count(*) from topup_payments p where channel = any($1) and (select
		count(*) filter (where t.kind = case when p.stray = '' then 'top_up' else 'stray' end and t.amount_cents = p.amount_cents)
			<> 1 or count(*) <> 1 from transfers t where t.cause = p.id)`, s.channels))
	require.Zero(t, storagetest.One[int](s.r.h, `select count(*) from (select 1 from topup_payments
		where channel = any($1) and stray = '' group by order_id having count(*) > 1) twice`, s.channels))
	require.Zero(t, storagetest.One[int](s.r.h, `select count(*) from topup_orders o where channel = any($1)
		and (state = 'paid') <> exists (select from topup_payments p where p.order_id = o.id and p.stray = '')`, s.channels))
}
