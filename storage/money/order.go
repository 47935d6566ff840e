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
	Looks       int

	RefundedCents int64       // that are on their way back, or there
	Refunds       []Refunding `db:"-"`
}

// RefundableCents are what of it could be refunded, if the account has it.
func (o Order) RefundableCents() int64 {
	if o.State != campus.OrderPaid {
		return 0
	}
	return o.AmountCents - o.RefundedCents
}

const orderColumns = `select o.id, o.university, o.person_id, o.account_id, o.channel, o.amount_cents, o.state, o.pay_code,
	o.failure, o.created_at, o.expires_at, o.look_until, o.paid_at, o.looks, coalesce(p.refunded_cents, 0) as refunded_cents
	from topup_orders o left join topup_payments p on p.order_id = o.id and p.stray = '' `

// NewOrder asks for a top-up.
type NewOrder struct {
	Person  uuid.UUID
	Channel string
	Cents   int64
	Terms   campus.TopUpPolicy
}

// OpenOrder keeps that a holder wants to top up their card; a worker tells the channel, at once if it can. An account
// takes orders up to the balance that the policy allows, what is asked for and not paid yet included; what comes then is
// credited whatever the balance. Invalid: channel_unknown, amount_invalid, topup_range. NotFound: account_unknown.
// Conflict: card_ended, balance_ceiling, orders_open.
func (s *Store) OpenOrder(ctx context.Context, req casework.Request, n NewOrder) (o Order, err error) {
	if err := n.Terms.Check(n.Channel, n.Cents); err != nil {
		return o, err
	}
	done, err := s.PersonTurn(ctx, n.Person)
	if err != nil {
		return o, err
	}
	defer done()
	o, err = casework.OnceAlone(ctx, s.casework, "ask for a top-up", req, func(t db.Tx) (Order, error) {
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
		return campus.Errorf(campus.Conflict, "account_closed", "account %s is closed", a.ID)
	case a.held(campus.EndedHold):
		return campus.Errorf(campus.Conflict, "card_ended", "the card of account %s has ended", a.ID)
	}
	var open int
	var cents int64
	err := t.Ask(`select count(*), coalesce(sum(amount_cents), 0)::bigint from topup_orders
		where person_id = @person and state in ('created', 'waiting') and expires_at > @now`,
		map[string]any{"person": n.Person, "now": t.Now}).Scan(&open, &cents)
	switch {
	case err != nil:
		return err
	case open >= n.Terms.OpenOrders:
		return campus.Errorf(campus.Conflict, "orders_open", "%d top-ups of the holder are not paid yet", open)
	case a.MainCents-a.DebtCents+cents+n.Cents > n.Terms.BalanceMost:
		return campus.Errorf(campus.Conflict, "balance_ceiling", "account %s would have too much", a.ID)
	}
	return nil
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

// Orders are a holder's, newest first, with what was refunded of them.
func (s *Store) Orders(ctx context.Context, person, after uuid.UUID, limit int) ([]Order, error) {
	orders, err := db.All[Order](ctx, s.DB, orderColumns+`where o.person_id = @person
			and (cast(@after as uuid) is null or o.id < @after) order by o.id desc limit @limit`,
		map[string]any{"person": person, "after": casework.Nullable(after), "limit": limit})
	if err == nil {
		err = s.addRefunds(ctx, orders)
	}
	return orders, db.Wrap("list top-ups", err)
}

// Order is one of a holder's. NotFound: topup_unknown.
func (s *Store) Order(ctx context.Context, person, id uuid.UUID) (Order, error) {
	o, found, err := db.One[Order](ctx, s.DB, orderColumns+`where o.id = @id and o.person_id = @person`,
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

func orderUnknown(id uuid.UUID) error {
	return campus.Errorf(campus.NotFound, "topup_unknown", "no top-up %s", id)
}

// addRefunds adds to orders what was refunded of them, oldest first.
func (s *Store) addRefunds(ctx context.Context, orders []Order) error {
	refunds, err := db.All[Refunding](ctx, s.DB, refundColumns+`where p.order_id = any(cast(@orders as uuid[]))
		and p.stray = '' order by r.id`,
		map[string]any{"orders": db.IDs(orders, func(o Order) uuid.UUID { return o.ID })})
	for _, r := range refunds {
		for i := range orders {
			if r.OrderID.UUID == orders[i].ID {
				orders[i].Refunds = append(orders[i].Refunds, r)
			}
		}
	}
	return err
}

// Contract is a channel as one university has it, with an account and secrets of its own.
type Contract struct{ University, Channel string }

// DueContracts are those for which an order or a refund is due.
func (s *Store) DueContracts(ctx context.Context) ([]Contract, error) {
	due, err := db.All[Contract](ctx, s.DB, dueContractsSQL, map[string]any{"now": s.Now()})
	return due, db.Wrap("find channels to ask", err)
}

// It goes from one contract to the next in the index, so that its cost follows the contracts and not what waits for them.
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
		expires_at, look_until, paid_at, looks`

// Looked is what a channel has said about an order that it was told of or asked about.
type Looked struct {
	Order   uuid.UUID
	PayCode string    // of an order that the channel knows now
	Refused string    // the channel's reason not to take it
	Closed  bool      // nobody can pay it any more
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
		return t.Write(`update topup_orders set state = @state, pay_code = coalesce(nullif(@code, ''), pay_code),
			failure = @failure, next_look = @next, looks = looks + 1 where id = @id`, map[string]any{
			"id": l.Order, "state": string(state), "code": l.PayCode, "failure": l.Failure, "next": nullTime(l.Next)})
	})
}

// orderClosed keeps that a channel says by itself that nobody can pay an order any more, and has the channel asked once
// more: it may have been paid before, and word of that got lost. One that is none of ours, or that was paid, stays as it
// is.
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
	err = t.Ask(`select id, university, person_id, account_id, channel, amount_cents, state, created_at, expires_at, paid_at
		from topup_orders where id = @id for no key update`, map[string]any{"id": id}).Scan(&o.ID, &o.University,
		&o.PersonID, &o.AccountID, &o.Channel, &o.AmountCents, &o.State, &o.CreatedAt, &o.ExpiresAt, &o.PaidAt)
	return o, err == nil, none(err)
}

// nullTime is a moment, or nothing for the zero one.
func nullTime(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}
