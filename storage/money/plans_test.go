package money_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"campuscard/campus"
	"campuscard/storage/money"
	"campuscard/storage/storagetest"
)

// crowd makes accounts with a balance, and statistics of them.
func crowd(t *testing.T, h *storagetest.Env, n int) []uuid.UUID {
	t.Helper()
	h.ExecAsOwner(`insert into accounts (id, card_id, person_id, university, main_cents, opened_at)
		select gen_random_uuid(), gen_random_uuid(), gen_random_uuid(), 'lcu', 100000, now() from generate_series(1, $1)`, n)
	h.ExecAsOwner(`analyze accounts`)
	return storagetest.One[[]uuid.UUID](h, `select array_agg(id) from (select id from accounts order by id limit 64) a`)
}

// A lot of payments goes by the keys of what it names: no table is read as a whole, and of the months it touches its
// own alone, although it is planned for any values.
func TestALotGoesByItsKeys(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	ids := crowd(t, h, 20_000)
	var lot []money.Payment
	for _, id := range ids {
		lot = append(lot, h.Payment(id, 100))
	}
	conn := storagetest.Connect(t, h)
	for _, set := range []string{`set plan_cache_mode = force_generic_plan`, `set jit = off`, `set enable_seqscan = off`} {
		_, err := conn.Exec(t.Context(), set)
		require.NoError(t, err)
	}
	plan, err := money.PlanOf(t.Context(), conn, h.DB, lot)
	require.NoError(t, err)
	text := strings.Join(plan, "\n")
	for _, table := range []string{"accounts", "answers", "transfers"} {
		require.NotRegexp(t, `Seq Scan on `+table, text)
	}
	require.NotRegexp(t, `Scan .*on transfers`, text, "no transfer is read")
	for _, look := range []string{ // a full read by an index has no condition
		`Index Scan (using|on) accounts_pkey[^\n]*\n\s+Index Cond: \(id = ANY \(`,
		`Index Scan using answers_pkey on answers k[^\n]*\n\s+Index Cond: \(\(terminal = v\w*.terminal\) AND \(key = v\w*.key\)\)`,
	} {
		require.Regexp(t, look, text)
	}

	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	for i := range lot {
		lot[i].Key = uuid.NewString()
	}
	require.NoError(t, money.PayIn(t.Context(), conn, h.DB, lot))
	require.Equal(t, []string{"transfers", h.Clock.Now().UTC().Format("transfers_2006_01")}, lockedTransfers(t, conn))
	require.NoError(t, tx.Rollback(t.Context()))
}

// lockedTransfers are the tables of transfers that a connection has locked.
func lockedTransfers(t *testing.T, conn *pgx.Conn) []string {
	t.Helper()
	rows, err := conn.Query(t.Context(), `select distinct relation::regclass::text
		from pg_locks l join pg_class c on c.oid = l.relation where pid = pg_backend_pid() and c.relname ~ '^transfers(_\d{4}_\d{2})?$'`)
	require.NoError(t, err)
	names, err := pgx.CollectRows(rows, pgx.RowTo[string])
	require.NoError(t, err)
	slices.Sort(names)
	return names
}

// A payment that is taken back is found in its month, and a page of a statement in its own: the others are not touched.
func TestReadersTouchTheirMonthAlone(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	require.NoError(t, storagetest.Err(h.Money.MakeMonths(t.Context(), 12)))
	a := h.Account(100 * yuan)
	paid := h.Pays(a.ID, 1*yuan)
	h.ExecAsOwner(`create table seen (name text)`)
	h.ExecAsOwner(`grant all on seen to campuscard`)
	h.ExecAsOwner(`create function look() returns trigger language plpgsql as $$ begin
		insert into seen select distinct c.relname from pg_locks l join pg_class c on c.oid = l.relation
			where pid = pg_backend_pid() and c.relname ~ '^transfers_\d{4}_\d{2}$';
		return null; end $$`)
	h.ExecAsOwner(`create trigger look after update on refundables for each row execute function look()`)
	require.NoError(t, storagetest.Err(h.Money.Refund(t.Context(), refund(h, paid.Transfer, 1))))
	require.Equal(t, h.Clock.Now().UTC().Format("transfers_2006_01"), storagetest.One[string](h,
		`select string_agg(distinct name, ' ') from seen`))
	require.Equal(t, campus.Paid, paid.Outcome)
}

// Answers that are deleted are found by an index of those alone, however many stay.
func TestOldAnswersAreFoundByTheirIndex(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	h.ExecAsOwner(`insert into answers (terminal, key, hash, outcome, at)
		select 'till', n::text, '', case when n <= 20 then 'paid' else 'posted' end, now() + n * interval '1 second'
		from generate_series(1, 20000) n order by random()`)
	h.ExecAsOwner(`analyze answers`)
	conn := storagetest.Connect(t, h)
	plan, err := money.PlanOfDrop(t.Context(), conn, h.Clock.Now().AddDate(10, 0, 0), 10)
	require.NoError(t, err)
	text := strings.Join(plan, "\n")
	require.Regexp(t, `Index Scan using answers_old on answers \(actual rows=10 `, text)
	require.NotContains(t, text, "Seq Scan on answers")
}

// What is due at a channel is found by its index, however much waits at others and whatever is done.
func TestWhatIsDueIsFoundByItsChannel(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, account := h.Holder(0)
	h.ExecAsOwner(`insert into topup_orders (id, university, person_id, account_id, channel, amount_cents, created_at,
			expires_at, look_until, next_look)
		select gen_random_uuid(), 'lcu', $1, $2, case when n <= 50 then 'bank' else 'wallet' end, 1, now(), now(), now(),
			case when n <= 10000 then cast($3 as timestamptz) end from generate_series(1, 20000) n order by random()`,
		person, account, h.Clock.Now())
	h.ExecAsOwner(`analyze topup_orders`)
	h.Clock.Advance(time.Hour)
	read := planner(t, h)
	for _, set := range []string{`set enable_seqscan = off`, `set plan_cache_mode = force_generic_plan`} {
		plan := read(set, money.DueOrdersSQL, pgx.NamedArgs{"university": storagetest.University, "channel": "bank", "now": h.Clock.Now(), "limit": 10,
			"lease": h.Clock.Now()})
		require.Regexp(t, `Index Scan using topup_orders_due on topup_orders[^\n]* \(actual rows=10[ .]`, plan)
		require.NotContains(t, plan, "Seq Scan on topup_orders")
		contracts := read(set, money.DueContractsSQL, pgx.NamedArgs{"now": h.Clock.Now()})
		require.NotRegexp(t, `Scan [^\n]*topup_orders[^\n]*\(actual rows=\d{3,}`, contracts, "it goes by contracts, not by rows")
	}
}

// planner has Postgres do statements after a setting, and answers how it did them.
func planner(t *testing.T, h *storagetest.Env) func(set string, sql string, args pgx.NamedArgs) string {
	t.Helper()
	conn := storagetest.Connect(t, h)
	return func(set string, sql string, args pgx.NamedArgs) string {
		_, err := conn.Exec(t.Context(), set)
		require.NoError(t, err)
		rows, err := conn.Query(t.Context(), `explain (analyze, costs off, timing off, summary off, buffers off) `+sql, args)
		require.NoError(t, err)
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return strings.Join(plan, "\n")
	}
}

// generic has a statement planned for any values, as one is that is asked for all the time.
const generic = `set plan_cache_mode = force_generic_plan`

// Refunds are found by what is asked for: those that are due at a channel, those that people should look at, those of
// some orders. However many have ended, they are not read.
func TestRefundsAreFoundByTheirIndexes(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	_, _, o := paidOrder(h)
	h.ExecAsOwner(`insert into topup_payments (id, university, channel, transaction, order_ref, amount_cents, currency, stray,
			paid_at, taken_at)
		select gen_random_uuid(), 'lcu', 'wallet', 'n-' || n, '', 1, 'CNY', 'order_unknown', now(), now()
		from generate_series(1, 20000) n`)
	h.ExecAsOwner(`insert into topup_refunds (id, payment_id, university, channel, kind, amount_cents, asked_by, asked_at,
			state, done_at, next_try)
		select gen_random_uuid(), id, university, case when n <= 20 then 'bank' else channel end, 'stray', 1, 'system', $1,
			case when n <= 40 then 'asked' when n <= 60 then 'unclaimed' else 'refunded' end,
			case when n > 40 then cast($1 as timestamptz) end, case when n <= 40 then cast($1 as timestamptz) end
		from (select *, row_number() over (order by id) as n from topup_payments where stray <> '') p`, h.Clock.Now())
	h.ExecAsOwner(`analyze topup_payments, topup_refunds`)
	h.Clock.Advance(time.Hour)
	read, now := planner(t, h), h.Clock.Now()
	due := read(generic, money.DueRefundsSQL, pgx.NamedArgs{"university": storagetest.University, "channel": "bank", "now": now,
		"limit": 10, "lease": now})
	require.Regexp(t, `Index Scan using topup_refunds_due on topup_refunds[^\n]* \(actual rows=10[ .]`, due)
	stuck := read(generic, money.StuckRefundsSQL, pgx.NamedArgs{"university": storagetest.University, "before": now,
		"after": nil, "limit": 30})
	require.Regexp(t, `Index Scan using topup_refunds_open on topup_refunds`, stuck)
	of := read(generic, money.RefundsOfOrdersSQL, pgx.NamedArgs{"orders": []uuid.UUID{o.ID}})
	require.Regexp(t, `Index Scan using topup_payments_(of_order|one_credited) on topup_payments`, of)
	require.Regexp(t, `Scan (using|on) topup_refunds_of_payment`, of)
	for _, plan := range []string{due, stuck, of} {
		require.NotRegexp(t, `(Seq Scan on|actual rows=\d{3,}[^\n]*) topup_(refunds|payments)`, plan)
	}
}

// A holder's top-ups are found by their numbers, and the drawers of a university by it; those that are open, by an
// index of what is open.
func TestTopUpsAndDrawersAreFoundByTheirIndexes(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	person, account := h.Holder(0)
	who, _ := h.Staff(storagetest.University, campus.Grant{Role: campus.Cashier})
	others := storagetest.One[[]uuid.UUID](h, `select array_agg(gen_random_uuid()) from generate_series(1, 500)`)
	h.ExecAsOwner(`alter table topup_orders drop constraint topup_orders_person_id_fkey`)
	h.ExecAsOwner(`insert into topup_orders (id, university, person_id, account_id, channel, amount_cents, state, created_at,
			expires_at, look_until)
		select gen_random_uuid(), 'lcu', case when n <= 40 then $1 else ($3::uuid[])[1 + n % 500] end, $2, 'wallet', 1, 'expired',
			now(), now(), now() from generate_series(1, 20000) n order by random()`, person, account, others)
	h.ExecAsOwner(`insert into drawers (id, university, campus, cashier, state, float_cents, opened_at, counted_cents, counted_at,
			confirmed_by, closed_at)
		select gen_random_uuid(), case when n <= 100 then 'lcu' else 'lcvtc' end, 'east', $1, 'closed', 1, now(), 1, now(), $2, now()
		from generate_series(1, 20000) n order by random()`, who.ID, other(h))
	h.Exec(`insert into drawers (id, university, campus, cashier, float_cents, opened_at)
		values (gen_random_uuid(), 'lcu', 'east', $1, 1, now())`, who.ID)
	h.ExecAsOwner(`analyze topup_orders, drawers, accounts`)
	read := planner(t, h)
	orders := read(generic, money.OrdersSQL, pgx.NamedArgs{"person": person, "after": nil, "limit": 20})
	require.Regexp(t, `(using|on) topup_orders_of_person`, orders)
	require.NotContains(t, orders, "Seq Scan on topup_orders")
	words := pgx.NamedArgs{"university": storagetest.University, "all": true, "campuses": []string{}, "after": nil, "limit": 20}
	require.Regexp(t, `Index Scan Backward using drawers_of_university on drawers[^\n]* \(actual rows=20[ .]`,
		read(generic, money.DrawersSQL, words))
	require.Regexp(t, `(using|on) drawers_one_open`, read(generic, money.OpenDrawersSQL, words))
}

// other is one more cashier, of another university.
func other(h *storagetest.Env) uuid.UUID {
	h.University("lcvtc")
	who, _ := h.Staff("lcvtc", campus.Grant{Role: campus.Cashier})
	return who.ID
}

// The totals of a shift read the answers of the till, and the transfers of those alone.
func TestTotalsGoByTheTill(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	a := h.Account(1000 * yuan)
	till := uuid.NewString()
	for range 5 {
		h.Pays(a.ID, 1*yuan, func(p *money.Payment) { p.Terminal = till })
	}
	for range 5 {
		h.Pays(a.ID, 1*yuan)
	}
	h.ExecAsOwner(`insert into answers (terminal, key, hash, outcome, at)
		select 'another', n::text, '', 'card_frozen', now() from generate_series(1, 20000) n order by random()`)
	h.ExecAsOwner(`analyze answers, transfers`)
	read := planner(t, h)
	read(`set enable_seqscan = off`, `select 1`, nil) // a table of five rows is read as a whole whatever the index
	totals := read(generic, money.TotalsSQL, pgx.NamedArgs{"terminal": till, "from": h.Clock.Now().Add(-time.Hour),
		"until": h.Clock.Now().Add(time.Hour)})
	require.Regexp(t, `(using|on) answers_pkey`, totals)
	require.NotContains(t, totals, "Seq Scan on answers")
	require.NotContains(t, totals, "Seq Scan on transfers")
	require.Regexp(t, `Scan (using|on) transfers_\d{4}_\d{2}_pkey[^\n]*\(actual rows=1 loops=5\)`, totals)
	require.Contains(t, totals, "(never executed)", "the months in which nothing of the till is are not read")
}

// What may have to be told is found by its time, however much was posted before: of the months its own alone is
// touched, and of the accounts those that have moved.
func TestWhatIsToldIsFoundByItsTime(t *testing.T) {
	t.Parallel()
	h := storagetest.New(t)
	require.NoError(t, storagetest.Err(h.Money.MakeMonths(t.Context(), 6)))
	crowd(t, h, 20_000)
	h.ExecAsOwner(`insert into transfers (id, from_id, to_id, amount_cents, kind, books_day, terminal, key, taken_at, at,
			account_id, seq, main_change, main_after, subsidy_after, debt_after)
		select money_id(a.at), a.id, gen_random_uuid(), 1, 'payment', current_date, '', '', a.at, a.at, a.id, 1, -1, 1, 0, 0
		from (select id, cast($1 as timestamptz) - row_number() over () * interval '1 second' as at from accounts) a`,
		h.Clock.Now())
	h.ExecAsOwner(`analyze transfers`)
	conn := storagetest.Connect(t, h)
	tx, err := conn.Begin(t.Context())
	require.NoError(t, err)
	plan, err := money.PlanOfUntold(t.Context(), conn, h.Clock.Now().Add(-40*time.Second), h.Clock.Now(), 1000)
	require.NoError(t, err)
	text := strings.Join(plan, "\n")
	require.Regexp(t, `Index Scan using transfers_2026_11_pkey on transfers_2026_11[^\n]* \(actual rows=40[ .]`, text)
	require.Regexp(t, `Index Scan using accounts_pkey on accounts`, text)
	require.NotRegexp(t, `Seq Scan on (transfers|accounts)`, text)
	require.Equal(t, []string{"transfers", "transfers_2026_11"}, lockedTransfers(t, conn))
	require.NoError(t, tx.Rollback(t.Context()))
}
