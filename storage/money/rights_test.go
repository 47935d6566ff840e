package money_test

import (
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/storagetest"
)

// E4: no fault of the program can take away an account, a book, a closed day, what was given back or what was answered,
// nor make it read otherwise.
func TestWhatTheProgramMayNotDoWithMoney(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(100 * yuan)
	paid := h.Pays(a.ID, 2*yuan)
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, paid.Transfer, 1*yuan))))
	h.Exec(`insert into books_closed (university, day, closed_at) values ($1, $2, now())`, storagetest.University,
		campus.DateOf(h.Clock.Now()))
	h.Exec(`insert into channel_lines (university, channel, day, number, kind, ref, amount_cents, currency)
		values ($1, 'wallet', $2, 1, 'payment', 'one', 1, 'CNY')`, storagetest.University, campus.DateOf(h.Clock.Now()))
	before := storagetest.Everything(t, h)
	conn := storagetest.Connect(t, h)
	for name, sql := range map[string]string{
		"delete accounts":              `delete from accounts`,
		"empty accounts":               `truncate accounts`,
		"delete books":                 `delete from books`,
		"change a book":                `update books set kind = 'fees'`,
		"open a closed day again":      `delete from books_closed`,
		"move a closed day":            `update books_closed set day = '2000-01-01'`,
		"change a line of a file":      `update channel_lines set amount_cents = 2`,
		"delete lines of a file":       `delete from channel_lines`,
		"forget a close":               `delete from closes`,
		"forget a difference":          `delete from close_differences`,
		"forget what was given back":   `delete from refundables`,
		"change what a payment took":   `update refundables set main_cents = 1000000`,
		"forget what was checked":      `delete from account_checks`,
		"change an answer":             `update answers set outcome = 'paid'`,
		"change what a key stands for": `update answers set hash = ''`,
		"forget which answers went":    `delete from dropped_answers`,
		"have a chip pay for another":  `update chips set account_id = gen_random_uuid()`,
		"forget whose a chip was":      `delete from chips`,
		"change a transfer":            `update transfers set amount_cents = 1`,
		"delete transfers":             `delete from transfers`,
	} {
		_, err := conn.Exec(t.Context(), sql)
		var refused *pgconn.PgError
		require.ErrorAs(t, err, &refused, name)
		require.Equal(t, "42501", refused.Code, "%s: %v", name, err)
	}
	_, err := conn.Exec(t.Context(), `delete from answers`)
	require.ErrorContains(t, err, "the answer to what is no payment stays")
	require.Equal(t, before, storagetest.Everything(t, h))
	h.Clock.Advance(36 * 24 * time.Hour)
	require.NoError(t, storagetest.Err(h.DropExpired(t.Context(), 100)), "what it needs, it may")
	require.Zero(t, storagetest.Count(h, `answers where outcome = 'paid'`))
}
