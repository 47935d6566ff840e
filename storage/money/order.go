package money

import (
	"context"
	"time"

	"github.com/google/uuid"

	"campuscard/campus"
	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// Order is a top-up that a holder has asked for (E4, L2).
type Order struct {
	ID          uuid.UUID
	University  string
	PersonID    uuid.UUID
	AccountID   uuid.UUID // when it was asked for
	Channel     string
	AmountCents int64
	State       campus.OrderState
	PayCode     string
	Failure     string
	CreatedAt   time.Time
	ExpiresAt   time.Time
	LookUntil   time.Time
	PaidAt      *time.Time
	GivenUpAt   *time.Time // by its holder
	Looks       int

	RefundedCents int64       // that are on their way back, or there
	Refunds       []Refunding `db:"-"`
	Returns       []Refunding `db:"-"` // of payments for it that could not be credited
}

// RefundableCents are what of it could be refunded at a moment, if the account has it.
func (o Order) RefundableCents(terms campus.TopUpPolicy, now time.Time) int64 {
	if o.mayRefund(terms, now, len(o.Refunds)) != nil {
		return 0
	}
	return o.AmountCents - o.RefundedCents
}

const orderFields = `select o.id, o.university, o.person_id, o.account_id, o.channel, o.amount_cents, o.state, o.pay_code,
	o.failure, o.created_at, o.expires_at, o.look_until, o.paid_at, o.given_up_at, o.looks, coalesce(p.refunded_cents, 0) as refunded_cents `

const orderPayments = ` left join topup_payments p on p.order_id = o.id and p.stray = '' `

const orderColumns = orderFields + `from topup_orders o` + orderPayments

// numbersSQL are the numbers of a holder (decision 71): their own, and those whose accounts have theirs in their place.
// What was asked for under one of these is theirs.
const numbersSQL = `array(with recursive line as (
		select id, person_id from accounts where person_id = @person
		union select a.id, a.person_id from accounts a join line l on a.successor = l.id
	) select person_id from line union select cast(@person as uuid))`

// mayRefund refuses a refund of a top-up of which some were asked for already, whatever its amount: each part costs a
// call and a message. Conflict: topup_not_paid, refund_too_late, refunds_spent.
func (o Order) mayRefund(terms campus.TopUpPolicy, now time.Time, asked int) error {
	switch {
	case o.State != campus.OrderPaid:
		return campus.Errorf(campus.Conflict, "topup_not_paid", "top-up %s was not paid", o.ID)
	case !now.Before(o.PaidAt.Add(terms.RefundWithin.Std())):
		return campus.Errorf(campus.Conflict, "refund_too_late", "top-up %s was paid too long ago", o.ID)
	case asked >= terms.RefundsMost:
		return campus.Errorf(campus.Conflict, "refunds_spent", "the top-up was refunded in %d parts", asked)
	}
	return nil
}

// NewOrder asks for a top-up.
type NewOrder struct {
	Person  uuid.UUID
	Channel string
	Cents   int64
	Terms   campus.TopUpPolicy
}

// OpenOrder keeps that a holder wants to top up their card; a worker tells the channel, at once if it can. An account
// takes orders up to the balance that the policy allows, what is asked for and not paid yet included; what comes then
// is credited whatever the balance. Invalid: channel_unknown, topup_range. NotFound: account_unknown. Conflict:
// card_ended, balance_ceiling, balance_ceiling_unpaid, orders_open.
func (s *Store) OpenOrder(ctx context.Context, req casework.Request, n NewOrder) (o Order, err error) {
	if err := n.Terms.Check(n.Channel, n.Cents); err != nil {
		return o, err
	}
	o, err = OnceForPerson(ctx, s, n.Person, "ask for a top-up", req, func(t db.Tx) (Order, error) {
		a, err := lockPersonal(t, n.Person)
		if err != nil {
			return Order{}, err
		}
		if err := mayOrder(t, a, n); err != nil {
			return Order{}, err
		}
		o := Order{ID: req.ID, University: a.University, PersonID: n.Person, AccountID: a.ID, Channel: n.Channel,
			AmountCents: n.Cents, State: campus.OrderCreated, CreatedAt: t.Now, ExpiresAt: t.Now.Add(n.Terms.OrderLife.Std())}
		o.LookUntil = o.ExpiresAt.Add(n.Terms.LookFor.Std())
		if err := insertOrder(t, o); err != nil {
			return o, err
		}
		return o, casework.AddAudit(t, req.Actor, "topup.ask", "topup/"+o.ID.String(), o.University)
	})
	return o, refusal(err)
}

// lockPersonal locks the account that a person pays with. NotFound: account_unknown.
func lockPersonal(t db.Tx, person uuid.UUID) (Account, error) {
	var id uuid.UUID
	err := t.Ask(`select id from accounts where person_id = @person and successor is null and closed_at is null`,
		map[string]any{"person": person}).Scan(&id)
	if err != nil {
		return Account{}, unknown(err)
	}
	return lockAccount(t, id)
}

// mayOrder looks at a locked account with what was asked for already.
func mayOrder(t db.Tx, a Account, n NewOrder) error {
	switch {
	case a.ClosedAt != nil:
		return accountClosed(a)
	case a.held(campus.EndedHold):
		return campus.Errorf(campus.Conflict, "card_ended", "the card of account %s has ended", a.ID)
	}
	var open int
	var cents int64
	err := t.Ask(`select count(*), coalesce(sum(amount_cents), 0)::bigint from topup_orders
		where person_id = any(`+numbersSQL+`) and state in ('created', 'waiting') and expires_at > @now`,
		map[string]any{"person": n.Person, "now": t.Now}).Scan(&open, &cents)
	switch {
	case err != nil:
		return err
	case open >= n.Terms.OpenOrders:
		return campus.Errorf(campus.Conflict, "orders_open", "%d top-ups of the holder are not paid yet", open)
	}
	return n.Terms.CheckCeiling(a.Purses(), cents, n.Cents)
}

// held tells whether the account has a hold; without a name, whether it has any.
func (a Account) held(holds ...campus.AccountHold) bool {
	if len(holds) == 0 {
		return len(a.Holds) > 0
	}
	for _, hold := range a.Holds {
		if hold == holds[0] {
			return true
		}
	}
	return false
}

func insertOrder(t db.Tx, o Order) error {
	return t.Write(`insert into topup_orders (id, university, person_id, account_id, channel, amount_cents, created_at,
			expires_at, look_until, next_look)
		values (@id, @university, @person, @account, @channel, @amount, @now, @expires, @until, @now)`, map[string]any{
		"id": o.ID, "university": o.University, "person": o.PersonID, "account": o.AccountID, "channel": o.Channel,
		"amount": o.AmountCents, "now": o.CreatedAt, "expires": o.ExpiresAt, "until": o.LookUntil,
	})
}

// Orders are a holder's, under whatever number, newest first, with what was refunded of them.
func (s *Store) Orders(ctx context.Context, person, after uuid.UUID, limit int) ([]Order, error) {
	orders, err := db.All[Order](ctx, s.DB, ordersSQL,
		map[string]any{"person": person, "after": casework.Nullable(after), "limit": limit})
	if err == nil {
		err = s.addRefunds(ctx, orders)
	}
	return orders, db.Wrap("list top-ups", err)
}

// Each number's are read by its index, a page at most: whoever has few is not looked for among all there are.
const ordersSQL db.Statement = orderFields + `from unnest(` + numbersSQL + `) n (person) cross join lateral (
		select * from topup_orders where person_id = n.person and (cast(@after as uuid) is null or id < @after)
		order by id desc limit @limit) o` + orderPayments + `order by o.id desc limit @limit`

// Order is one of a holder's. NotFound: topup_unknown.
func (s *Store) Order(ctx context.Context, person, id uuid.UUID) (Order, error) {
	o, found, err := db.One[Order](ctx, s.DB, orderColumns+`where o.id = @id and o.person_id = any(`+numbersSQL+`)`,
		map[string]any{"id": id, "person": person})
	if err == nil && !found {
		err = orderUnknown(id)
	}
	if err != nil {
		return o, db.Wrap("read a top-up", err)
	}
	one := []Order{o}
	err = s.addRefunds(ctx, one)
	return one[0], db.Wrap("read a top-up", err)
}

// isOf tells whether the order is a holder's, under whatever number.
func (o Order) isOf(t db.Tx, person uuid.UUID) (is bool, err error) {
	if o.PersonID == person {
		return true, nil
	}
	err = t.Ask(`select @owner = any(`+numbersSQL+`)`, map[string]any{"person": person, "owner": o.PersonID}).Scan(&is)
	return is, err
}

func orderUnknown(id uuid.UUID) error {
	return campus.Errorf(campus.NotFound, "topup_unknown", "no top-up %s", id)
}

// addRefunds adds to orders what was refunded of them, and what was paid for them and goes back, oldest first.
func (s *Store) addRefunds(ctx context.Context, orders []Order) error {
	refunds, err := db.All[Refunding](ctx, s.DB, refundsOfOrdersSQL,
		map[string]any{"orders": db.IDs(orders, func(o Order) uuid.UUID { return o.ID })})
	for _, r := range refunds {
		for i := range orders {
			switch {
			case r.OrderID.UUID != orders[i].ID:
			case r.Stray == campus.NotStray:
				orders[i].Refunds = append(orders[i].Refunds, r)
			default:
				orders[i].Returns = append(orders[i].Returns, r)
			}
		}
	}
	return err
}

const refundsOfOrdersSQL db.Statement = refundColumns + `where p.order_id = any(cast(@orders as uuid[]))
	order by r.id`

// Contract is a channel as one university has it, with an account and secrets of its own.
type Contract struct{ University, Channel string }

// DueContracts are those for which an order or a refund is due.
func (s *Store) DueContracts(ctx context.Context) ([]Contract, error) {
	due, err := db.All[Contract](ctx, s.DB, dueContractsSQL, map[string]any{"now": s.Now()})
	return due, db.Wrap("find channels to ask", err)
}

// It goes from one contract to the next in the index, so that its cost follows the contracts and not what waits for
// them.
const dueContractsSQL db.Statement = `with recursive ordered as (
	(select university, channel from topup_orders where next_look is not null order by university, channel limit 1)
	union all
	select n.* from ordered o, lateral (select university, channel from topup_orders where next_look is not null
		and (university, channel) > (o.university, o.channel) order by university, channel limit 1) n
), refunded as (
	(select university, channel from topup_refunds where next_try is not null order by university, channel limit 1)
	union all
	select n.* from refunded r, lateral (select university, channel from topup_refunds where next_try is not null
		and (university, channel) > (r.university, r.channel) order by university, channel limit 1) n
)
select university, channel from ordered o where exists (select from topup_orders t
	where t.university = o.university and t.channel = o.channel and t.next_look <= @now)
union
select university, channel from refunded r where exists (select from topup_refunds t
	where t.university = r.university and t.channel = r.channel and t.next_try <= @now)
order by university, channel`

// DueOrders are those of a channel that it is to be asked for now: to make the order, or what became of it. Nobody else
// gets them until lease is over.
func (s *Store) DueOrders(ctx context.Context, of Contract, limit int, lease time.Duration) ([]Order, error) {
	orders, err := db.All[Order](ctx, s.DB, dueOrdersSQL, of.due(s.Now(), limit, lease))
	return orders, db.Wrap("find top-ups to ask for", err)
}

// due are the words of what is due at a channel.
func (c Contract) due(now time.Time, limit int, lease time.Duration) map[string]any {
	return map[string]any{"university": c.University, "channel": c.Channel, "now": now, "lease": now.Add(lease), "limit": limit}
}

const dueOrdersSQL db.Statement = `update topup_orders set next_look = @lease where id in (select id from topup_orders
		where university = @university and channel = @channel and next_look <= @now order by next_look limit @limit for update skip locked)
	returning id, university, person_id, account_id, channel, amount_cents, state, pay_code, failure, created_at,
		expires_at, look_until, paid_at, given_up_at, looks`

// Looked is what a channel has said about an order that it was told of or asked about.
type Looked struct {
	Order   uuid.UUID
	PayCode string    // of an order that the channel knows now
	Refused string    // the channel's reason not to take it
	Closed  bool      // nobody can pay it any more
	GivenUp bool      // it was asked to close it
	Failure string    // the code of what went wrong; the channel has said nothing
	Next    time.Time // zero: it is not asked again
}

// OrderLooked keeps it. What an order has come to meanwhile stays: a look never takes back what was paid.
func (s *Store) OrderLooked(ctx context.Context, l Looked) error {
	return s.InTx(ctx, "keep what a channel says", func(t db.Tx) error {
		o, found, err := lockOrder(t, l.Order)
		if err != nil || !found || o.State == campus.OrderPaid {
			return err
		}
		state := o.State
		switch {
		case l.Refused != "" && state == campus.OrderCreated:
			state, l.Failure = campus.OrderRefused, l.Refused
		case l.PayCode != "" && state == campus.OrderCreated:
			state = campus.OrderWaiting
		}
		state = state.Unpaid(l.Closed, !t.Now.Before(o.ExpiresAt))
		if o.GivenUpAt != nil && !l.GivenUp && state.Open() { // while the channel was asked something else
			l.Next = t.Now
		}
		return t.Write(`update topup_orders set state = @state, pay_code = coalesce(nullif(@code, ''), pay_code),
			failure = @failure, next_look = @next, looks = looks + 1 where id = @id`, map[string]any{
			"id": l.Order, "state": string(state), "code": l.PayCode, "failure": l.Failure, "next": nullTime(l.Next)})
	})
}

// orderClosed keeps that a channel says by itself that nobody can pay an order any more, and has the channel asked once
// more: it may have been paid before, and word of that got lost. One that is none of ours, or that was paid, stays as
// it is.
func orderClosed(t db.Tx, university, channel, ref string) error {
	id, ours := orderID(ref)
	if !ours {
		return nil
	}
	o, found, err := lockOrder(t, id)
	if err != nil || !found || o.University != university || o.Channel != channel || o.State == campus.OrderPaid {
		return err
	}
	return t.Write(`update topup_orders set state = @state, next_look = @now where id = @id`,
		map[string]any{"id": id, "now": t.Now, "state": string(o.State.Unpaid(true, false))})
}

// lockOrder locks an order; found tells whether there is one.
func lockOrder(t db.Tx, id uuid.UUID) (o Order, found bool, err error) {
	err = t.Ask(`select id, university, person_id, account_id, channel, amount_cents, state, created_at, expires_at, paid_at,
			given_up_at, look_until
		from topup_orders where id = @id for no key update`, map[string]any{"id": id}).Scan(&o.ID, &o.University,
		&o.PersonID, &o.AccountID, &o.Channel, &o.AmountCents, &o.State, &o.CreatedAt, &o.ExpiresAt, &o.PaidAt, &o.GivenUpAt,
		&o.LookUntil)
	return o, err == nil, none(err)
}

// nullTime is a moment, or nothing for the zero one.
func nullTime(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}
