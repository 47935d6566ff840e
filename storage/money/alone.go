package money

import (
	"context"

	"github.com/google/uuid"

	"campuscard/storage/casework"
	"campuscard/storage/db"
)

// inTurn runs fn when it is the turn of an account: one that stays locked takes one of the few connections that may
// have to wait, and holds up nobody else's (decision 93).
func inTurn[T any](ctx context.Context, s *Store, account uuid.UUID, what string, fn func() (T, error)) (result T,
	err error) {
	done, err := s.Alone.Turn(ctx, account)
	if err != nil {
		return result, db.Wrap(what, err)
	}
	defer done()
	return fn()
}

// alone runs fn in a transaction when it is the turn of an account.
func (s *Store) alone(ctx context.Context, account uuid.UUID, what string, fn func(db.Tx) error) error {
	_, err := inTurn(ctx, s, account, what, func() (struct{}, error) { return struct{}{}, s.Alone.InTx(ctx, what, fn) })
	return err
}

// onceAlone is casework.OnceAlone when it is the turn of an account.
func onceAlone[T any](ctx context.Context, s *Store, account uuid.UUID, what string, req casework.Request,
	fn func(db.Tx) (T, error)) (T, error) {
	return inTurn(ctx, s, account, what, func() (T, error) { return casework.OnceAlone(ctx, s.casework, what, req, fn) })
}

// OnceForPerson is casework.OnceAlone when it is the turn of the account that a person pays with.
func OnceForPerson[T any](ctx context.Context, s *Store, person uuid.UUID, what string, req casework.Request,
	fn func(db.Tx) (T, error)) (result T, err error) {
	account, err := s.accountOf(ctx, `select id from accounts where person_id = @id and successor is null
		and closed_at is null`, person)
	if err != nil {
		return result, err
	}
	return onceAlone(ctx, s, account, what, req, fn)
}

// These find the account that will be locked, before a connection is taken to wait for it; uuid.Nil: there is none yet.

func (s *Store) accountOfAnswer(ctx context.Context, terminal, key string) (uuid.UUID, error) {
	first, _, err := findAnswer(s.Read(ctx), terminal, key)
	return first.Account, db.Wrap("find an account", err)
}

func (s *Store) accountOfOrder(ctx context.Context, order uuid.UUID) (uuid.UUID, error) {
	return s.accountOf(ctx, `select account_id from topup_orders where id = @id`, order)
}

// accountOfRef takes an order by the name that a channel gives it, which may be none of ours.
func (s *Store) accountOfRef(ctx context.Context, ref string) (uuid.UUID, error) {
	order, isID := orderID(ref)
	if !isID {
		return uuid.Nil, nil
	}
	return s.accountOfOrder(ctx, order)
}

func (s *Store) accountOfRefund(ctx context.Context, refund uuid.UUID) (uuid.UUID, error) {
	return s.accountOf(ctx, `select o.account_id from topup_refunds r join topup_payments p on p.id = r.payment_id
		join topup_orders o on o.id = p.order_id where r.id = @id`, refund)
}

func (s *Store) accountOfPayment(ctx context.Context, transfer uuid.UUID) (uuid.UUID, error) {
	found, err := query[accountID](ctx, s.DB, `select account_id from transfers where id = @id and account_id is not null`,
		db.Named{"id": transfer})
	if err != nil || len(found) == 0 {
		return uuid.Nil, db.Wrap("find an account", err)
	}
	return found[0].AccountID, nil
}

type accountID struct{ AccountID uuid.UUID }

func (s *Store) accountOf(ctx context.Context, sql db.Statement, id uuid.UUID) (account uuid.UUID, err error) {
	err = s.Read(ctx).Ask(sql, map[string]any{"id": id}).Scan(&account)
	return account, db.Wrap("find an account", none(err))
}
