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
		`Index Scan using answers_pkey on answers k[^\n]*\n\s+Index Cond: \(\(terminal = a\w*.terminal\) AND \(key = a\w*.key\)\)`,
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
	conn := storagetest.Connect(t, h)
	read := func(set string, sql string, args pgx.NamedArgs) string {
		_, err := conn.Exec(t.Context(), set)
		require.NoError(t, err)
		rows, err := conn.Query(t.Context(), `explain (analyze, costs off, timing off, summary off, buffers off) `+sql, args)
		require.NoError(t, err)
		plan, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return strings.Join(plan, "\n")
	}
	for _, set := range []string{`set enable_seqscan = off`, `set plan_cache_mode = force_generic_plan`} {
		plan := read(set, money.DueOrdersSQL, pgx.NamedArgs{"university": storagetest.University, "channel": "bank", "now": h.Clock.Now(), "limit": 10,
			"lease": h.Clock.Now()})
		require.Regexp(t, `Index Scan using topup_orders_due on topup_orders[^\n]* \(actual rows=10[ .]`, plan)
		require.NotContains(t, plan, "Seq Scan on topup_orders")
		contracts := read(set, money.DueContractsSQL, pgx.NamedArgs{"now": h.Clock.Now()})
		require.NotRegexp(t, `Scan [^\n]*topup_orders[^\n]*\(actual rows=\d{3,}`, contracts, "it goes by contracts, not by rows")
	}
}
