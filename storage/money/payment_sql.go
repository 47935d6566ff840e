package money

import "campuscard/storage/db"

// The statement of a lot of payments. It is one statement, so that it is one snapshot and one round trip:
//
//	asked     what is asked for, in the order of the lot, whose book it is, whether the till works, and the answer
//	          that there is; "same" is null where there is none. Books and tills are values and not "exists": for that
//	          Postgres would read all of both, in each lot
//	locked    the accounts of those without an answer, in the order of their ids, as they stand once they are locked
//	judged    the first reason that speaks against each; every value is the locked row's, and null where none was locked
//	answered  the answers, in the order of their keys; who comes second with a key gets no row
//	paid      the accounts of those whose answer is "paid" and was made here. Every column that a constraint compares
//	          with another is set: Postgres checks constraints on the version that the statement's snapshot has,
//	          before it finds that there is a newer one, the one that was locked
//	posted    their transfers
//
// Each account is in a lot once: by it, answers are found again. What comes of one part to another is looked for in a
// list and not joined: for a few rows, Postgres takes longer to make a join ready than to do it.
const payLotSQL = db.Statement(payHead + `skip locked` + payTail)

// payAloneSQL is the same for one, which waits for its account.
const payAloneSQL = db.Statement(payHead + payTail)

const payHead = `with asked as materialized (
	select v.*, (select b.university from books b where b.id = v.book) as university, coalesce((select true
		from terminals t join merchants m on m.id = t.merchant_id where t.id = v.till and t.generation = v.generation
			and t.state = 'active' and m.state = 'open'), v.till is null) as works,
		k.hash = v.hash or k.hash = '' as same, k.outcome, k.transfer_id, k.left_cents, k.balance_cents, k.at as kept_at,
		k.reversed_at is not null as reversed
	from unnest(cast(@terminals as text[]), cast(@keys as text[]), cast(@hashes as bytea[]),
		cast(@accounts as uuid[]), cast(@books as uuid[]), cast(@amounts as bigint[]), cast(@kinds as text[]),
		cast(@taken as timestamptz[]), cast(@oldest as timestamptz[]), cast(@limits as bigint[]), cast(@ceilings as bigint[]),
		cast(@counted as boolean[]), cast(@covered as boolean[]), cast(@proved as boolean[]), cast(@tills as uuid[]),
		cast(@generations as int[]), cast(@phones as uuid[]), cast(@chips as text[]), cast(@counts as bigint[]), cast(@scanned as boolean[]),
		cast(@highest as bigint[]))
		with ordinality v (terminal, key, hash, account, book, amount, kind, taken, oldest, standard, ceiling, counted,
			covered, proved, till, generation, phone, chip, count, scanned, highest, n)
		left join lateral ( -- the limit has each key looked for, also by a plan of the day when there was none
			select * from answers k where k.terminal = v.terminal and k.key = v.key limit 1) k on true
), locked as materialized (
	select id, holds, valid_until, main_cents, subsidy_cents, subsidy_until, debt_cents, limit_cents, day, spent_cents,
		seq, last_at, successor, closed_at, phone_key, phone_key_until, phone_counter, chip, chip_counter
	from accounts
	where id = any(array(select a.account from asked a where a.university is not null and a.same is null))
	order by id for no key update `

const payTail = `
), judged as materialized (
	select a.*, l.id as locked, l.seq + 1 as seq, l.main_cents, l.subsidy_cents, l.debt_cents, l.subsidy_until,
		l.last_at as previous_at, d.*, r.reason, l.phone_counter, l.chip_counter,
		l.id is not null and (r.reason is null or r.reason not in ('expires', 'stopped') and not a.scanned) as known, money_id(d.at) as transfer,
		d.spent + case when a.counted and r.reason is null then a.amount else 0 end as spent_after,
		greatest(d.day, (select c.day + 1 from books_closed c where c.university = a.university order by c.day desc limit 1)) as books_day
	from asked a left join locked l on l.id = a.account
		cross join lateral ( -- E2: never before the last transfer or the day that is counted, so that this never goes back
			select greatest(l.last_at, cast(@now as timestamptz), cast(l.day as timestamp) at time zone 'Asia/Shanghai') as at
		) w
		cross join lateral (select w.at, cast(w.at at time zone 'Asia/Shanghai' as date) as day) m
		cross join lateral (
			select m.at, m.day, case when l.day = m.day then l.spent_cents else 0 end as spent, least(coalesce(l.limit_cents, a.standard), a.highest) as most,
				case when a.covered then least(l.subsidy_cents, a.amount) else 0 end as from_subsidy
		) d
		cross join lateral (
			select case
				when a.taken < a.oldest or a.taken <= (select until from dropped_answers) or a.taken > cast(@ahead as timestamptz) then 'payment_time'
				when not a.works then 'stopped'
				when a.phone <> '00000000-0000-0000-0000-000000000000' and (l.phone_key is distinct from a.phone
					or l.phone_key_until <= cast(@now as timestamptz)) then 'phone_unbound'
				when a.chip <> '' and l.chip <> a.chip then 'chip_ended'
				when a.phone <> '00000000-0000-0000-0000-000000000000' and a.count <= l.phone_counter then 'code_used'
				when a.chip <> '' and a.count <= l.chip_counter then 'tap_used'
				when l.closed_at is not null then 'account_closed'
				when 'ended' = any(l.holds) or l.successor is not null then 'card_ended'
				when 'lost' = any(l.holds) then 'card_lost'
				when 'frozen' = any(l.holds) then 'card_frozen'
				when l.holds <> '{}' then 'card_checked'
				when l.valid_until <= cast(@today as date) then 'card_expired'
				when l.subsidy_cents > 0 and l.subsidy_until <= cast(@today as date) then 'expires'
				when a.counted and d.spent + a.amount > d.most then 'limit_reached'
				when l.main_cents + d.from_subsidy < a.amount then 'insufficient_funds'
				when a.amount > a.ceiling and not a.proved then 'password_needed'
			end as reason offset 0 -- it is found once, and not wherever it is named
		) r
), answered as (
	insert into answers (terminal, key, hash, account_id, outcome, transfer_id, left_cents, balance_cents, at)
	select terminal, key, hash, account, coalesce(reason, 'paid'), case when reason is null then transfer end,
		greatest(most - spent_after, 0), main_cents + subsidy_cents - case when reason is null then amount else 0 end, at
	from judged where known order by terminal, key
	on conflict (terminal, key) do nothing
	returning account_id
), paid as (
	update accounts s set main_cents = j.main_cents - (j.amount - j.from_subsidy),
		subsidy_cents = j.subsidy_cents - j.from_subsidy, debt_cents = j.debt_cents, day = j.day,
		spent_cents = j.spent_after, seq = j.seq, last_at = j.at,
		phone_counter = case when j.phone <> '00000000-0000-0000-0000-000000000000' then j.count else j.phone_counter end,
		chip_counter = case when j.chip <> '' then j.count else j.chip_counter end
	from judged j
	where s.id = j.account and j.reason is null and j.account = any(array(select account_id from answered))
	returning s.id
), posted as (
	insert into transfers (id, from_id, to_id, amount_cents, kind, books_day, terminal, key, taken_at, at, account_id, seq,
		previous_at, main_change, subsidy_change, spent_change, main_after, subsidy_after, debt_after, subsidy_until)
	select j.transfer, j.account, j.book, j.amount, j.kind, j.books_day, j.terminal, j.key, j.taken, j.at, j.account,
		j.seq, j.previous_at, j.from_subsidy - j.amount, -j.from_subsidy, j.spent_after - j.spent,
		j.main_cents - (j.amount - j.from_subsidy), j.subsidy_cents - j.from_subsidy, j.debt_cents,
		case when j.from_subsidy > 0 then j.subsidy_until end
	from judged j where j.account = any(array(select id from paid))
)
select j.n,
	case when j.same then 'kept' when not j.same then 'other'
		when j.university is null then 'bookless' when j.locked is null then 'busy'
		when not j.known then case when j.reason in ('expires', 'stopped') then j.reason else 'told' end
		when j.account = any(array(select account_id from answered)) then 'new' else 'again' end as state,
	coalesce(j.outcome, j.reason, 'paid') as outcome,
	case when j.same is not null then j.transfer_id when j.reason is null then j.transfer end as transfer,
	coalesce(j.left_cents, greatest(j.most - j.spent_after, 0), 0) as left_cents,
	coalesce(j.balance_cents, j.main_cents + j.subsidy_cents - case when j.reason is null then j.amount else 0 end, 0) as balance_cents,
	coalesce(j.kept_at, j.at) as at, coalesce(j.reversed, false) as reversed,
	case when j.same and j.outcome = 'paid' then coalesce((select b.main_back = b.main_cents and b.subsidy_back = b.subsidy_cents
		from refundables b where b.transfer_id = j.transfer_id), false) else false end as given_back
from judged j`
