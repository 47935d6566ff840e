-- +goose Up
-- What cards can pay with. Amounts are whole fen (1 yuan is 100 fen), in columns that end with _cents.
--
-- All that a payment is decided on stands on the account's own row: a statement that waited for a locked row sees the
-- newest version of that row, and of no other. What changes with each payment is in no index, and pages have room for
-- the next version of a row (heap-only tuples). Nothing refers to transfers by a foreign key, and an account is made
-- from the row of its card, so a key would say nothing that is not known there.

create table accounts (
    id                   uuid primary key,
    card_id              uuid not null constraint accounts_one_per_card unique,
    person_id            uuid not null,
    university           text not null,
    holds                text[] not null default '{}', -- a payment needs none
    valid_until          date,                         -- the first day in Shanghai on which it does not pay any more
    main_cents           bigint not null default 0,
    subsidy_cents        bigint not null default 0,
    subsidy_until        date,                         -- the first day on which it is gone; none: it has no end
    debt_cents           bigint not null default 0,
    limit_cents          bigint,                       -- E2: for a day; none: the policy's, the holder has chosen none
    day                  date not null default '2000-01-01', -- of Shanghai; it never goes back
    spent_cents          bigint not null default 0,    -- on that day, of what counts
    password_set_on      date,                         -- F6
    password_version     int not null default 0,
    password_exempt_till date,
    phone_key            uuid,                         -- E1: what the holder's phone signs with; binding ends the last
    phone_key_until      timestamptz,
    phone_counter        bigint not null default 0,    -- of the last code that paid: what is not above it is used up
    chip                 text not null default '',     -- E1: the serial number of the plastic in the holder's hands
    chip_counter         bigint not null default 0,    -- of its last tap
    seq                  bigint not null default 0,    -- of the last transfer
    last_at              timestamptz,                  -- of the last transfer
    successor            uuid,                         -- F3: the account of the card that came in place of this one
    doubted_at           timestamptz,                  -- since when it is seen not to agree with its transfers
    opened_at            timestamptz not null,
    opened_day           date not null default '2000-01-01', -- E2: what the account before had counted, as it was opened
    opened_spent         bigint not null default 0,
    closed_at            timestamptz,
    constraint accounts_holds_known check (holds <@ array['ended', 'lost', 'frozen', 'checked']),
    constraint accounts_main_not_negative check (main_cents >= 0),
    constraint accounts_subsidy_not_negative check (subsidy_cents >= 0),
    constraint accounts_debt_not_negative check (debt_cents >= 0),
    constraint accounts_limit_not_negative check (limit_cents >= 0),
    constraint accounts_spent_not_negative check (spent_cents >= 0),
    constraint accounts_owes_only_when_empty check (debt_cents = 0 or main_cents = 0),
    constraint accounts_closed_empty check (closed_at is null or (main_cents, subsidy_cents, debt_cents) = (0, 0, 0))
) with (fillfactor = 70);
create unique index accounts_one_current on accounts (person_id) where successor is null and closed_at is null;
create index accounts_successor on accounts (successor) where successor is not null;
create index accounts_person on accounts (person_id, opened_at);
create index accounts_checked on accounts (id) where holds @> '{checked}';

-- E4: each account as it was when it last agreed with its transfers: the checker goes on from there.
create table account_checks (
    account_id    uuid primary key,
    seq           bigint not null,
    at            timestamptz not null, -- of that transfer
    main_cents    bigint not null,
    subsidy_cents bigint not null,
    debt_cents    bigint not null,
    day           date not null,
    spent_cents   bigint not null
);

-- The other side of a transfer. A book has no balance here: a row that every till of a canteen changes would have them
-- wait for each other. What a book holds is the sum of its transfers.
create table books (
    id         uuid primary key,
    university text not null,
    kind       text not null,
    ref        text not null default '', -- whose: a merchant, a channel, a drawer; none where a university has one
    opened_at  timestamptz not null,
    constraint books_one unique (university, kind, ref),
    constraint books_kind_known check (kind in ('merchant', 'channel', 'drawer', 'drawer_difference', 'fees',
        'subsidy_fund', 'receivable', 'suspense', 'loss_cover', 'payouts', 'opening', 'written_off', 'service',
        'unclaimed', 'transit'))
);

-- L3: who takes cards. Two people take one on; the book holds what it has taken.
create table merchants (
    id          uuid primary key,
    university  text not null references universities,
    name_zh     text not null,
    name_key    text not null,          -- campus.FoldName of it: the same name in another look is no other
    name_en     text not null,
    trade       text not null,          -- canteen, supermarket, print: which subsidies may be spent there
    book_id     uuid not null references books,
    state       text not null,          -- proposed, open, stopped, retired
    proposed_by uuid not null references staff,
    proposed_at timestamptz not null,
    opened_by   uuid references staff,
    constraint merchants_state_known check (state in ('proposed', 'open', 'stopped', 'retired')),
    constraint merchants_two_people check (opened_by <> proposed_by),
    constraint merchants_opened check (state = 'proposed' or opened_by is not null or state = 'retired')
);
create unique index merchants_name on merchants (university, name_key) where state <> 'retired';

-- Tills. One signs with a secret that it got for a code; each time it gets another, a generation begins.
create table terminals (
    id            uuid primary key,
    university    text not null references universities,
    merchant_id   uuid not null references merchants,
    name          text not null,          -- where it stands
    name_key      text not null,          -- campus.FoldName of it
    state         text not null,          -- new, active, stopped, retired
    secret        bytea,                  -- sealed; none before it is enrolled
    generation    int not null default 0,
    code_hash     bytea,                  -- of the enrolment code; it works once
    code_until    timestamptz,
    made_at       timestamptz not null,
    enrolled_at   timestamptz,
    seen_at       timestamptz,            -- its last heartbeat
    clock_off_ms  bigint not null default 0, -- how far its clock was ahead of ours then
    constraint terminals_state_known check (state in ('new', 'active', 'stopped', 'retired')),
    constraint terminals_active_enrolled check (state <> 'active' or secret is not null)
);
create unique index terminals_name on terminals (merchant_id, name_key) where state <> 'retired';

-- E1: the keys that phones sign their codes with. The private half never leaves the phone.
create table phone_keys (
    id         uuid primary key,
    account_id uuid not null references accounts,
    person_id  uuid not null references people,
    public_key bytea not null,            -- P-256, SubjectPublicKeyInfo
    made_at    timestamptz not null,
    ended_at   timestamptz,
    shown      bigint not null default 0  -- D5: of the last code that proved; it works once, too
);
create unique index phone_keys_one on phone_keys (account_id) where ended_at is null;
create index phone_keys_of_person on phone_keys (person_id, made_at);

-- E1: the chips of plastics that were handed over. One at most pays for an account; the others are kept, so that whoever
-- shows one is told.
create table chips (
    chip       text primary key,          -- its serial number
    account_id uuid not null references accounts,
    bound_at   timestamptz not null,
    ended_at   timestamptz,
    constraint chips_serial_number check (chip ~ '^[0-9A-F]{14}$')
);
create unique index chips_one on chips (account_id) where ended_at is null;

-- The days of the books that are closed. A transfer belongs to its day while that is open, else to the first open one.
create table books_closed (
    day       date primary key,
    closed_at timestamptz not null
);

-- E4: rows are only added. One touches at most one account: what goes from card to card is two, by way of a book. An
-- account's transfers have numbers without a gap, what each changed, and what was there afterwards; a debt is what its
-- person owes the school (the book of receivables holds the sum of the debts). By months of the id, whose milliseconds
-- are those of the transfer.
create table transfers (
    id             uuid not null,
    from_id        uuid not null, -- an account or a book
    to_id          uuid not null,
    amount_cents   bigint not null,
    kind           text not null,
    cause          uuid,          -- what it undoes, or comes of
    books_day      date not null,
    terminal       text not null, -- with the key it is the answer's
    key            text not null,
    taken_at       timestamptz not null, -- by the clock of whoever sent it
    at             timestamptz not null, -- at least that of the account's previous one
    account_id     uuid,
    seq            bigint,
    previous_at    timestamptz,   -- of the account's previous one: where to read on
    main_change    bigint not null default 0,
    subsidy_change bigint not null default 0,
    debt_change    bigint not null default 0,
    spent_change   bigint not null default 0, -- E2: of the day's limit
    main_after     bigint,
    subsidy_after  bigint,
    debt_after     bigint,
    subsidy_until  date,          -- of the subsidy that it changed: a refund weeks later asks whether that one has ended
    constraint transfers_pkey primary key (id),
    constraint transfers_amount_positive check (amount_cents > 0),
    constraint transfers_two_sides check (from_id <> to_id),
    constraint transfers_one_account check (case when account_id is null
        then num_nonnulls(seq, previous_at, main_after, subsidy_after, debt_after) = 0
        else account_id in (from_id, to_id) and num_nulls(seq, main_after, subsidy_after, debt_after) = 0 and seq > 0
        end),
    constraint transfers_adds_up check (main_change + subsidy_change - debt_change = case when account_id is null then 0
        when account_id = to_id then amount_cents else -amount_cents end),
    constraint transfers_after_not_negative check (main_after >= 0 and subsidy_after >= 0 and debt_after >= 0)
) partition by range (id);

-- The answer to each key of a terminal, given again to whoever asks again. A decline is an answer. Who was busy or
-- late got none.
create table answers (
    terminal      text not null,
    key           text not null,
    hash          bytea not null,  -- of what was asked; empty: the reversal came before what it reverses
    outcome       text not null,
    account_id    uuid,
    transfer_id   uuid,
    left_cents    bigint not null default 0, -- of the day's limit
    balance_cents bigint not null default 0, -- of both purses
    given_cents   bigint not null default 0, -- what a refund or a reversal has given back, wherever it went
    at            timestamptz not null,
    reversed_at   timestamptz,
    reversal_id   uuid,            -- the transfer that gave back; none: nothing was left to give
    constraint answers_pkey primary key (terminal, key)
);
create index answers_old on answers (at) where outcome <> 'posted'; -- those that are deleted one day

-- +goose StatementBegin
-- Only answers to payments are deleted: nothing else says that an order was credited.
create function answers_posted_stay() returns trigger language plpgsql as $$
begin
    raise exception 'the answer to what is no payment stays'
        using errcode = '23514', constraint = 'answers_posted_stay', table = 'answers';
end
$$;
-- +goose StatementEnd
create trigger answers_posted_stay before delete on answers for each row when (old.outcome = 'posted')
    execute function answers_posted_stay();

-- Sales until this moment may have had an answer that is deleted by now. One row.
create table dropped_answers (
    one   boolean primary key default true,
    until timestamptz not null,
    constraint dropped_answers_one check (one)
);
insert into dropped_answers (until) values ('2000-01-01 00:00:00Z');

-- What was given back of a payment, from the first time on.
create table refundables (
    transfer_id   uuid primary key,
    main_cents    bigint not null,  -- what the payment took from each purse; a debt counts as main
    subsidy_cents bigint not null,
    main_back     bigint not null default 0,
    subsidy_back  bigint not null default 0,
    constraint refundables_main_within check (main_back between 0 and main_cents),
    constraint refundables_subsidy_within check (subsidy_back between 0 and subsidy_cents)
);

-- +goose StatementBegin
-- The lowest UUIDv7 of a millisecond.
create function money_id_from(at timestamptz) returns uuid language sql immutable parallel safe as $$
    select encode(overlay('\x00000000000070008000000000000000'::bytea placing
        substring(int8send(floor(extract(epoch from at) * 1000)::bigint) from 3) from 1 for 6), 'hex')::uuid
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- A UUIDv7 of a millisecond.
create function money_id(at timestamptz) returns uuid language sql volatile parallel safe as $$
    select encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid()) placing
        substring(int8send(floor(extract(epoch from at) * 1000)::bigint) from 3) from 1 for 6), 52, 1), 53, 1),
        'hex')::uuid
$$;
-- +goose StatementEnd

-- +goose StatementBegin
-- Makes the months of transfers that lack, from one on, and answers how many it made. A month is built beside the
-- table and attached: "create table ... partition of" would wait for every payment, and hold up all that come after
-- it. The program may call this and not make tables; how many there are, and how far from the others, has bounds.
create function make_transfer_months(since timestamptz, months int) returns int language plpgsql security definer
    set search_path = public, pg_temp set lock_timeout = '2s' set timezone = 'UTC' as $$
declare
    month timestamptz;
    name text;
    made int := 0;
    oldest timestamptz;
    newest timestamptz;
    there int;
begin
    if months not between 1 and 36 then
        raise exception 'between 1 and 36 months, not %', months using errcode = '22023';
    end if;
    perform pg_advisory_xact_lock(7203114003);
    select min(of), max(of), count(*) into oldest, newest, there
        from (select cast(to_date(substr(c.relname, 11), 'YYYY_MM') as timestamptz) as of
            from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = 'transfers'::regclass) months;
    if there > 0 and (since < oldest - interval '36 months' or since > newest + interval '36 months') or there + months > 600 then
        raise exception 'months from % on are none that anybody needs', since using errcode = '22023';
    end if;
    for n in 0 .. months - 1 loop
        month := date_trunc('month', since) + n * interval '1 month';
        name := 'transfers_' || to_char(month, 'YYYY_MM');
        continue when to_regclass(name) is not null;
        execute format('create table %I (like transfers including constraints including indexes including defaults,
            constraint %I unique (account_id, seq), constraint %I check (id >= %L and id < %L))', name, name || '_seq',
            name || '_range', money_id_from(month), money_id_from(month + interval '1 month'));
        execute format('alter table transfers attach partition %I for values from (%L) to (%L)', name,
            money_id_from(month), money_id_from(month + interval '1 month'));
        execute format('alter table %I drop constraint %I', name, name || '_range');
        made := made + 1;
    end loop;
    return made;
end
$$;
-- +goose StatementEnd
revoke execute on function make_transfer_months from public;
select make_transfer_months(now(), 4);

-- A top-up that a holder has asked for. Its id is what the channel calls it, too.
create table topup_orders (
    id           uuid primary key,
    university   text not null references universities,
    person_id    uuid not null references people,
    account_id   uuid not null references accounts,
    channel      text not null,
    amount_cents bigint not null,
    state        text not null default 'created',
    pay_code     text not null default '', -- what the holder pays with, in the channel's own form
    failure      text not null default '', -- the code of the last look that failed, or of the channel's refusal
    created_at   timestamptz not null,
    expires_at   timestamptz not null,
    look_until   timestamptz not null,
    paid_at      timestamptz,              -- when it was credited
    next_look    timestamptz,              -- when the channel is asked next; none: there is nothing to ask
    looks        int not null default 0,
    constraint topup_orders_state_known
        check (state in ('created', 'waiting', 'paid', 'expired', 'closed', 'refused')),
    constraint topup_orders_amount_positive check (amount_cents > 0),
    constraint topup_orders_paid_at check ((state = 'paid') = (paid_at is not null))
);
create index topup_orders_of_person on topup_orders (person_id, id);
create index topup_orders_due on topup_orders (university, channel, next_look) where next_look is not null;

-- Every payment that a channel has told of, for ever: each is credited once, or was never credited and went back.
create table topup_payments (
    id             uuid primary key,
    university     text not null references universities,
    channel        text not null,
    transaction    text not null,            -- the channel's own name of the payment
    order_ref      text not null,            -- what the channel says it is for
    order_id       uuid references topup_orders,
    account_id     uuid references accounts, -- to which it was credited
    amount_cents   bigint not null,          -- hundredths of its currency
    currency       text not null,
    stray          text not null default '', -- why it was not credited; none: it was
    paid_at        timestamptz not null,     -- by the channel's clock
    taken_at       timestamptz not null,
    refunded_cents bigint not null default 0,
    constraint topup_payments_once unique (university, channel, transaction),
    constraint topup_payments_amount_positive check (amount_cents > 0),
    constraint topup_payments_refunded_within check (refunded_cents between 0 and amount_cents),
    constraint topup_payments_credited check ((stray = '') = (account_id is not null)),
    constraint topup_payments_stray_known check (stray in ('', 'order_unknown', 'currency_differs', 'amount_differs',
        'paid_twice', 'account_closed'))
);
create unique index topup_payments_one_credited on topup_payments (order_id) where stray = '';
create index topup_payments_of_order on topup_payments (order_id);

-- What goes back to where it came from. The id is the key of the call, until its outcome is known.
create table topup_refunds (
    id           uuid primary key,
    payment_id   uuid not null references topup_payments,
    university   text not null references universities,
    channel      text not null,
    kind         text not null,
    amount_cents bigint not null,
    state        text not null default 'asked',
    failure      text not null default '', -- the code of the last try that failed, or of the channel's refusal
    asked_by     text not null,
    asked_at     timestamptz not null,
    done_at      timestamptz,
    next_try     timestamptz,
    tries        int not null default 0,
    constraint topup_refunds_kind_known check (kind in ('holder', 'stray')),
    constraint topup_refunds_state_known check (state in ('asked', 'refunded', 'failed', 'unclaimed')),
    constraint topup_refunds_amount_positive check (amount_cents > 0),
    constraint topup_refunds_asked check ((state = 'asked') = (done_at is null) and (state = 'asked') = (next_try is not null))
);
create index topup_refunds_of_payment on topup_refunds (payment_id);
create index topup_refunds_due on topup_refunds (university, channel, next_try) where next_try is not null;

-- What a channel says that does not fit what it has said before, each thing once: people ask it, and settle it.
create table channel_conflicts (
    id         uuid primary key,
    university text not null references universities,
    channel    text not null,
    subject    text not null,
    ref        text not null,            -- the channel's name of the payment, or the id of the refund
    kept       text not null,            -- what it has said first, and what we go by
    said       text not null,            -- what it says now
    told_at    timestamptz not null,
    last_at    timestamptz not null,
    times      int not null default 1,
    settled_at timestamptz,
    settled_by uuid references staff,
    note       text not null default '', -- what people have found
    constraint channel_conflicts_once unique (university, channel, subject, ref, said),
    constraint channel_conflicts_subject_known check (subject in ('payment', 'refund')),
    constraint channel_conflicts_settled check ((settled_at is null) = (settled_by is null))
);
create index channel_conflicts_open on channel_conflicts (university, id) where settled_at is null;

-- L1: the cash of a counter, from its opening until two people have closed it.
create table drawers (
    id            uuid primary key,
    university    text not null references universities,
    campus        text not null,
    cashier       uuid not null references staff,
    state         text not null default 'open',
    float_cents   bigint not null,           -- what lay in it at the opening
    taken_cents   bigint not null default 0, -- and what came since
    takings       int not null default 0,
    opened_at     timestamptz not null,
    counted_cents bigint,                    -- all that lay in it
    counted_at    timestamptz,
    confirmed_by  uuid references staff,
    closed_at     timestamptz,
    constraint drawers_state_known check (state in ('open', 'counted', 'closed')),
    constraint drawers_not_negative check (float_cents >= 0 and taken_cents >= 0 and counted_cents >= 0),
    constraint drawers_counted check ((state = 'open') = (counted_cents is null)
        and (state = 'open') = (counted_at is null)),
    constraint drawers_closed check ((state = 'closed') = (closed_at is not null)
        and (state = 'closed') = (confirmed_by is not null)),
    constraint drawers_by_two check (confirmed_by <> cashier)
);
create unique index drawers_one_open on drawers (cashier, campus) where closed_at is null;
create index drawers_of_university on drawers (university, id);

-- +goose Down
drop table drawers, channel_conflicts, topup_refunds, topup_payments, topup_orders;
drop table refundables, dropped_answers, answers, transfers, books_closed, chips, phone_keys, terminals, merchants, books,
    account_checks, accounts;
drop function answers_posted_stay, make_transfer_months, money_id, money_id_from;
