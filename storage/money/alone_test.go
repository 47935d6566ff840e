package money_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// An account that stays locked holds up its own payers alone: reversals, refunds, orders and call-backs of others have
// connections to wait on, however many want the one that is stuck.
func TestAStuckAccountHoldsUpNobodyElse(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, free := h.Holder(100 * yuan)
	stuck := h.Account(100 * yuan)
	o := h.Order(person, 20*yuan)
	sold := h.Payment(free, 1*yuan)
	paid, err := h.Money.Pay(t.Context(), sold)
	require.NoError(t, err)
	tx, err := storagetest.Connect(t, h).Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `select from accounts where id = $1 for update`, stuck.ID)
	require.NoError(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	payers := make([]money.Payment, 60)
	for i := range payers {
		payers[i] = h.Payment(stuck.ID, 1*yuan)
	}
	over := make(chan []error, 1)
	go func() {
		over <- storagetest.AtOnce(len(payers), func(i int) error { return storagetest.Err(h.Money.Pay(ctx, payers[i])) })
	}()
	require.Eventually(t, func() bool { return storagetest.LockWaits(h, `with asked as%`) > 0 }, time.Minute, time.Millisecond)
	soon, end := context.WithTimeout(t.Context(), 12*time.Second) // sixty payers on four connections take thirty
	defer end()
	require.NoError(t, storagetest.Err(h.Money.Refund(soon, refund(h, paid.Transfer, 10))))
	require.NoError(t, storagetest.Err(h.Money.Reverse(soon, reversal(h, sold.Terminal, sold.Key))))
	require.NoError(t, storagetest.Err(h.Money.TakePayment(soon, h.PaidAt(o, "tx-1"))))
	_, err = h.Money.OpenOrder(soon, h.Requested(campus.Student(person)), money.NewOrder{Person: person,
		Channel: campus.WalletAdapter, Cents: 20 * yuan, Terms: h.Policy().Money.TopUp})
	require.NoError(t, err)
	require.Equal(t, 1, storagetest.LockWaits(h, `%`), "one of the payers waits at the row")
	cancel()
	<-over
	require.NoError(t, tx.Rollback(t.Context()))
}
