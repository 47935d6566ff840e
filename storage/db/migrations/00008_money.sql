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
    university text not null references universities,
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
    name_en_key text not null,          -- the same of that: a statement in English has no other name
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
create unique index merchants_name_en on merchants (university, name_en_key) where state <> 'retired';

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
    offline_sequence bigint not null default 0, -- E1: of the last sale without network that we have, of this generation
    offline_cents    bigint not null default 0, -- of those since we last had all
    offline_records  int not null default 0,
    offline_upto_at  timestamptz,            -- the watermark: when it last said that we have all of them ...
    offline_upto_epoch bigint not null default 0, -- ... and which denial was the newest that it knew then
    offline_ended_at timestamptz,            -- since when it may not sell without network: it took a forged code
    put_away_at      timestamptz,            -- L8: since when it is switched off and nobody waits for it; none: it is in use
    constraint terminals_state_known check (state in ('new', 'active', 'stopped', 'retired')),
    constraint terminals_active_enrolled check (state <> 'active' or secret is not null)
);
create unique index terminals_name on terminals (merchant_id, name_key) where state <> 'retired';

-- E1: a generation of a till whose sales without network were not all sent when it ended: nobody waits for them any more
-- once two people have said so.
create table lost_generations (
    terminal    uuid not null references terminals,
    generation  int not null,
    university  text not null references universities,
    upto_at     timestamptz not null,      -- when we last had all of its sales
    lost_at     timestamptz not null,      -- when it was enrolled anew, or the first said that its journal is lost
    reason      text not null default '',  -- what the first has found
    proposed_by uuid references staff,
    proposed_at timestamptz,
    closed_by   uuid references staff,
    closed_at   timestamptz,
    constraint lost_generations_pkey primary key (terminal, generation),
    constraint lost_generations_closed check ((closed_by is null) = (closed_at is null)
        and (closed_by is null or proposed_by is not null)),
    constraint lost_generations_by_two check (closed_by <> proposed_by)
);
create index lost_generations_open on lost_generations (university) where closed_at is null;

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

-- E1: what tills without network must not take, as a log: each time an account begins to be held or no longer is. A
-- till has the log up to an epoch. What is still being written is not told yet (tx), so that none is passed over.
create table denials (
    epoch      bigint generated always as identity primary key,
    university text not null,
    account_id uuid not null,
    phone      uuid,               -- of which it is: its key is not bound any more; none: of the account
    denied     boolean not null,
    at         timestamptz not null,
    tx         xid8 not null default pg_current_xact_id()
);
create index denials_of_account on denials (account_id, epoch) where phone is null;
create index denials_of_phone on denials (phone, epoch) where phone is not null;
create index denials_of_university on denials (university, epoch);

-- E1: each sale that a till has made without network, for ever: the same again is the same answer.
create table offline_records (
    terminal    uuid not null references terminals,
    generation  int not null,
    sequence    bigint not null,
    hash        bytea not null,        -- of what the till has written down
    key         text not null,
    account_id  uuid,                  -- none: the code was of nobody
    amount_cents bigint not null,
    taken_at    timestamptz not null,  -- by the till's clock
    token       text not null default '', -- the phone's key or the chip, none if the code was of nobody
    count       bigint not null default 0,
    bearer      text not null,
    reason      text not null default '',
    transfer_id uuid,
    at          timestamptz not null,  -- when it came
    constraint offline_records_pkey primary key (terminal, generation, sequence),
    constraint offline_records_sequence_positive check (sequence > 0),
    constraint offline_records_amount_positive check (amount_cents > 0),
    constraint offline_records_bearer_known check (bearer in ('holder', 'answered', 'merchant', 'cover', 'suspense')),
    constraint offline_records_posted check ((bearer in ('holder', 'answered', 'cover')) = (transfer_id is not null))
);
create index offline_records_token on offline_records (token, count) where token <> '';
create index offline_records_open on offline_records (at) where bearer = 'suspense';

-- E1: what a till has sent under the number of another sale, each content once: the first counts, and people decide this.
create table offline_variants (
    terminal    uuid not null,
    generation  int not null,
    sequence    bigint not null,
    variant     int not null,          -- from 1 on; 0 is the sale that counts
    hash        bytea not null,        -- of what the till has written down
    key         text not null,
    account_id  uuid,                  -- none: the code was of nobody
    amount_cents bigint not null,
    taken_at    timestamptz not null,  -- by the till's clock
    at          timestamptz not null,  -- when it first came
    constraint offline_variants_pkey primary key (terminal, generation, sequence, variant),
    constraint offline_variants_of_record foreign key (terminal, generation, sequence)
        references offline_records (terminal, generation, sequence),
    constraint offline_variants_variant_positive check (variant > 0),
    constraint offline_variants_amount_positive check (amount_cents > 0),
    constraint offline_variants_once unique (terminal, generation, sequence, hash)
);
create index offline_variants_at on offline_variants (at);

-- E1: what people have decided about a sale without network that nobody could decide by itself. One that was proposed waits
-- for a second person; one that is settled stays so.
create table offline_settlements (
    terminal    uuid not null,
    generation  int not null,
    sequence    bigint not null,
    variant     int not null default 0,    -- 0: the sale that counts under the number; else one of offline_variants
    bearer      text not null,
    reason      text not null,             -- what people have found
    proposed_by uuid not null references staff,
    proposed_at timestamptz not null,
    confirmed_by uuid references staff,    -- none: one person was enough
    settled_at  timestamptz,
    transfer_id uuid,
    constraint offline_settlements_pkey primary key (terminal, generation, sequence, variant),
    constraint offline_settlements_of_record foreign key (terminal, generation, sequence)
        references offline_records (terminal, generation, sequence),
    constraint offline_settlements_bearer_known check (bearer in ('holder', 'answered', 'merchant', 'cover')),
    constraint offline_settlements_posted check (case when settled_at is null
        then num_nonnulls(confirmed_by, transfer_id) = 0
        else (bearer in ('holder', 'cover')) = (transfer_id is not null) end),
    constraint offline_settlements_by_two check (confirmed_by <> proposed_by)
);

-- L8: the days of a university's books that are closed. A transfer belongs to its day while that is open, else to the
-- first open one of the university whose book it touches.
create table books_closed (
    university text not null references universities,
    day        date not null,
    closed_at  timestamptz not null,
    constraint books_closed_pkey primary key (university, day)
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
create index transfers_of_day on transfers using brin (books_day) with (pages_per_range = 32); -- L8: what a close settles

-- L3: what a merchant has taken on a closed day, once for each. Every transfer of its book is in exactly one.
create table settlements (
    id          uuid primary key,
    university  text not null references universities,
    merchant_id uuid not null references merchants,
    day         date not null,
    sales_cents bigint not null,
    sales       int not null,         -- how many
    back_cents  bigint not null,      -- given back of payments
    other_cents bigint not null,      -- whatever else its book has got or given on that day, but for fees and payouts
    fee_cents   bigint not null,      -- once for each settlement, rounded down
    due_cents   bigint not null,      -- below zero is carried forward
    settled_at  timestamptz not null,
    payout_id   uuid,                 -- in which it was paid
    constraint settlements_one unique (merchant_id, day),
    constraint settlements_adds_up check (due_cents = sales_cents - back_cents + other_cents - fee_cents),
    constraint settlements_fee_not_negative check (fee_cents >= 0)
);
create index settlements_of_day on settlements (university, day);

-- L8: the close of a day of a university's books. The id is that of its case.
create table closes (
    id            uuid primary key,
    university    text not null references universities,
    day           date not null,
    until         timestamptz not null,            -- what tills sold until then belongs to it
    opened_at     timestamptz not null,
    opened_by     uuid references staff,           -- none: its time had come
    tills_silent  int not null default 0,          -- that had not said everything when the books were closed
    report_key    text not null default '',
    report_sha256 bytea,
    signed_at     timestamptz,
    signed_by     uuid references staff,
    constraint closes_one unique (university, day),
    constraint closes_signed check ((signed_at is null) = (signed_by is null))
);

-- L2: the lines of the channels' files of a day, in the order of the file. What a file says a second time changes nothing.
create table channel_lines (
    university   text not null references universities,
    channel      text not null,
    day          date not null,
    number       int not null,
    kind         text not null,
    ref          text not null,                    -- the channel's name of the payment, or the id of the refund
    amount_cents bigint not null,
    currency     text not null,
    constraint channel_lines_pkey primary key (university, channel, day, number),
    constraint channel_lines_kind_known check (kind in ('payment', 'refund'))
);
create index channel_lines_ref on channel_lines (university, channel, kind, ref);

-- L2, E4: what a channel or the journal of a till and we differ on, each line once. Nothing is changed by it: people say what it was.
create table close_differences (
    id           uuid primary key,
    close_id     uuid not null references closes,
    number       int not null,
    channel      text not null,                    -- or the id of a till
    line         int not null,                     -- of the file; 0: it has none
    kind         text not null,
    ref          text not null,
    what         text not null,
    ours_cents   bigint not null,                  -- 0: we have none
    theirs_cents bigint not null,
    found_at     timestamptz not null,
    settled_at   timestamptz,
    settled_by   uuid references staff,
    note         text not null default '',
    constraint close_differences_number unique (close_id, number),
    constraint close_differences_once unique (close_id, channel, kind, ref, what),
    constraint close_differences_what_known check (what in ('missing_here', 'missing_there', 'amounts_differ', 'currencies_differ',
        'told_twice')),
    constraint close_differences_settled check ((settled_at is null) = (settled_by is null))
);
create index close_differences_ref on close_differences (ref);

-- L2: the files of channels that a close has compared. A day of a channel that is not here is left to the closes after it.
create table compared_files (
    university text not null references universities,
    channel    text not null,
    day        date not null,
    close_id   uuid not null references closes,
    constraint compared_files_pkey primary key (university, channel, day, close_id)
);
create index compared_files_close on compared_files (close_id);

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

-- E1: what a holder has chosen to be told of their money; none: as the policy says.
create table telling_choices (
    person_id      uuid primary key references people,
    payments       boolean,     -- each payment, and what is given back of one
    payments_since timestamptz, -- when that was chosen: no payment from before it is told
    low_cents      bigint,      -- a balance below it is told; 0: none is
    constraint telling_choices_not_negative check (low_cents >= 0)
);

-- Until when transfers were looked at, and holders told of them. One row, made when a worker first looks.
create table told_until (
    one   boolean primary key default true,
    until timestamptz not null,
    constraint told_until_one check (one)
);

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
    given_up_at  timestamptz,              -- when its holder did not want it any more; the channel is asked to close it
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
create index topup_payments_of_day on topup_payments (university, channel, paid_at);
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
    constraint topup_refunds_state_known
        check (state in ('asked', 'refunded', 'failed', 'unclaimed', 'resent', 'paid_out', 'kept')),
    constraint topup_refunds_amount_positive check (amount_cents > 0),
    constraint topup_refunds_asked check ((state = 'asked') = (done_at is null) and (state = 'asked') = (next_try is not null))
);
create index topup_refunds_of_day on topup_refunds (university, channel, done_at);
create index topup_refunds_of_payment on topup_refunds (payment_id);
create index topup_refunds_open on topup_refunds (university, id) where state in ('asked', 'unclaimed');
create index topup_refunds_due on topup_refunds (university, channel, next_try) where next_try is not null;

-- L2: what two people do with money that can go neither back to its source nor to an account.
create table unclaimed_settlements (
    id          uuid primary key,
    university  text not null references universities,
    refund_id   uuid not null references topup_refunds,
    way         text not null,
    sealed      bytea,                   -- holder, bank and number of the payer's bank account
    masked      text not null default '', -- what is shown of the number
    reason      text not null,
    state       text not null default 'proposed',
    proposed_by uuid not null references staff,
    proposed_at timestamptz not null,
    decided_by  uuid references staff,
    decided_at  timestamptz,
    constraint unclaimed_settlements_way_known check (way in ('source', 'bank', 'keep')),
    constraint unclaimed_settlements_state_known check (state in ('proposed', 'confirmed', 'refused')),
    constraint unclaimed_settlements_reason check (reason <> ''),
    constraint unclaimed_settlements_bank check ((way = 'bank') = (sealed is not null)),
    constraint unclaimed_settlements_two_people check (state <> 'confirmed' or decided_by <> proposed_by),
    constraint unclaimed_settlements_decided check ((state = 'proposed') = (decided_by is null)
        and (state = 'proposed') = (decided_at is null))
);
create unique index unclaimed_settlements_one_proposed on unclaimed_settlements (refund_id) where state = 'proposed';
create index unclaimed_settlements_of_university on unclaimed_settlements (university, id);

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
    constraint channel_conflicts_subject_known check (subject in ('payment', 'refund', 'payout')),
    constraint channel_conflicts_settled check ((settled_at is null) = (settled_by is null))
);
create index channel_conflicts_open on channel_conflicts (university, id) where settled_at is null;

-- E3: a holder asks for a payment back, once for each. The case has how far that has come.
create table appeals (
    case_id       uuid primary key references cases,
    university    text not null references universities,
    person_id     uuid not null references people,
    transfer_id   uuid not null,            -- the payment
    account_id    uuid not null references accounts, -- that paid
    book_id       uuid not null references books,    -- of the merchant
    asked_cents   bigint not null,
    reason        text not null,            -- a code
    word          text not null default '', -- what the holder wrote
    opened_at     timestamptz not null,
    twin_id       uuid,                     -- of an obvious duplicate: the sale that the till has ...
    journal_id    uuid,                     -- ... and the journal in which it is, and the appealed one is not
    answer        text not null default '', -- of the merchant: agree or contest
    answer_note   text not null default '',
    answered_by   text not null default '',
    answered_at   timestamptz,
    round         int not null default 0,   -- decisions so far
    verdict       text not null default '', -- of the last
    verdict_reason text not null default '',
    verdict_note  text not null default '', -- to the holder
    verdict_by    text not null default '',
    granted_cents bigint not null default 0, -- by that decision
    given_cents   bigint not null default 0, -- that has gone back in all
    taken_cents   bigint not null default 0, -- again, because the merchant's objection was upheld
    objection     text not null default '', -- what the holder wrote to the refusal
    contest_note  text not null default '', -- what the merchant wrote to the refund of a duplicate
    constraint appeals_once unique (transfer_id),
    constraint appeals_asked_positive check (asked_cents > 0),
    constraint appeals_given_within check (given_cents between 0 and asked_cents),
    constraint appeals_granted_within check (granted_cents between 0 and asked_cents),
    constraint appeals_taken_within check (taken_cents between 0 and given_cents),
    constraint appeals_evidence check ((twin_id is null) = (journal_id is null))
);
create index appeals_of_person on appeals (person_id, opened_at);

-- E3: what a till says that it has printed in a time, by its clock: the keys of its sales. Only added to: money goes back
-- by what stands here.
create table till_journals (
    id         uuid primary key,
    terminal   uuid not null references terminals,
    generation int not null,
    from_at    timestamptz not null,
    until_at   timestamptz not null,
    keys       text[] not null,
    at         timestamptz not null,   -- when it came
    constraint till_journals_once unique (terminal, generation, from_at, until_at),
    constraint till_journals_lasts check (from_at < until_at)
);
create index till_journals_at on till_journals (at); -- L8: those that a close compares

-- E4: the journals that a close has compared. One that is not here is left to the next.
create table compared_journals (
    journal_id uuid primary key references till_journals,
    close_id   uuid not null references closes
);

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
    given_cents   bigint not null default 0, -- and was paid out of it
    opened_at     timestamptz not null,
    counted_cents bigint,                    -- all that lay in it
    counted_at    timestamptz,
    confirmed_by  uuid references staff,
    closed_at     timestamptz,
    constraint drawers_state_known check (state in ('open', 'counted', 'closed')),
    constraint drawers_not_negative check (float_cents >= 0 and taken_cents >= 0 and counted_cents >= 0
        and given_cents between 0 and float_cents + taken_cents),
    constraint drawers_counted check ((state = 'open') = (counted_cents is null)
        and (state = 'open') = (counted_at is null)),
    constraint drawers_closed check ((state = 'closed') = (closed_at is not null)
        and (state = 'closed') = (confirmed_by is not null)),
    constraint drawers_by_two check (confirmed_by <> cashier)
);
create unique index drawers_one_open on drawers (cashier, campus) where closed_at is null;
create index drawers_of_university on drawers (university, id);

-- L3: where a merchant is paid. Two people change it, and payouts name the one they were sent to.
create table merchant_accounts (
    id          uuid primary key,
    merchant_id uuid not null references merchants,
    sealed      bytea not null,         -- holder, bank and number
    masked      text not null,          -- what is shown of the number
    state       text not null default 'proposed',
    proposed_by uuid not null references staff,
    proposed_at timestamptz not null,
    decided_by  uuid references staff,
    decided_at  timestamptz,
    constraint merchant_accounts_state_known check (state in ('proposed', 'current', 'replaced', 'refused')),
    constraint merchant_accounts_two_people check (state = 'refused' or decided_by <> proposed_by),
    constraint merchant_accounts_decided check ((state = 'proposed') = (decided_by is null)
        and (state = 'proposed') = (decided_at is null))
);
create unique index merchant_accounts_one_current on merchant_accounts (merchant_id) where state = 'current';
create unique index merchant_accounts_one_proposed on merchant_accounts (merchant_id) where state = 'proposed';
create index merchant_accounts_of_merchant on merchant_accounts (merchant_id, id);

-- L3: what the bank is asked to pay, as one file. The id is its name at the bank, the same while the outcome is unknown.
create table payout_files (
    id         uuid primary key,
    university text not null references universities,
    through    date,                     -- the last day of the books of which it pays merchants; none: it pays none
    made_by    text not null,
    made_at    timestamptz not null,
    taken_at   timestamptz,              -- when the bank was first heard to have it
    failure    text not null default '', -- the code of the last try that failed
    tries      int not null default 0,   -- since it last had news
    next_try   timestamptz               -- none: nothing is asked any more
);
create index payout_files_of_university on payout_files (university, id);
create index payout_files_due on payout_files (next_try) where next_try is not null;

-- A line of a file: what one merchant is paid, at most once in each; or what a payer gets that nobody had claimed (L2).
create table payouts (
    id           uuid primary key,
    file_id      uuid not null references payout_files,
    university   text not null references universities,
    merchant_id  uuid references merchants,
    account_id   uuid references merchant_accounts,
    unclaimed_id uuid references unclaimed_settlements, -- that names the account of a payer
    amount_cents bigint not null,
    first_day    date not null,            -- of the settlements that it pays; that of a payer: of the file
    last_day     date not null,
    state        text not null default 'asked',
    reason       text not null default '', -- the bank's, of one that bounced
    paid_at      timestamptz,
    bounced_at   timestamptz,
    constraint payouts_one unique (file_id, merchant_id),
    constraint payouts_one_unclaimed unique (unclaimed_id),
    constraint payouts_to_one check ((merchant_id is null) = (account_id is null) and (merchant_id is null) = (unclaimed_id is not null)),
    constraint payouts_state_known check (state in ('asked', 'paid', 'bounced')),
    constraint payouts_amount_positive check (amount_cents > 0),
    constraint payouts_paid check (state <> 'paid' or paid_at is not null),
    constraint payouts_bounced check ((state = 'bounced') = (bounced_at is not null))
);
create index settlements_unpaid on settlements (university, day) where payout_id is null;
create index payouts_of_merchant on payouts (merchant_id, id);
create index payouts_waiting on payouts (university, id) where state = 'asked';

-- E4: what people put right by hand, each by two people and with a reason.
create table manual_vouchers (
    id           uuid primary key,
    university   text not null references universities,
    kind         text not null,
    person_id    uuid references people,     -- whose card
    merchant_id  uuid references merchants,
    drawer_id    uuid references drawers,    -- out of which cash is paid
    book         text not null default '',   -- of a correction: the kind of the book at its other side
    amount_cents bigint not null,
    reason       text not null,
    state        text not null default 'proposed',
    proposed_by  uuid not null references staff,
    proposed_at  timestamptz not null,
    decided_by   uuid references staff,
    decided_at   timestamptz,
    constraint manual_vouchers_kind_known
        check (kind in ('credit', 'debit', 'cash_back', 'debt_write_off', 'merchant_write_off')),
    constraint manual_vouchers_state_known check (state in ('proposed', 'confirmed', 'refused')),
    constraint manual_vouchers_amount_positive check (amount_cents > 0),
    constraint manual_vouchers_reason check (reason <> ''),
    constraint manual_vouchers_about check ((kind = 'merchant_write_off') = (merchant_id is not null)
        and (kind = 'merchant_write_off') = (person_id is null) and (kind = 'cash_back') = (drawer_id is not null)
        and (kind in ('credit', 'debit')) = (book <> '')),
    constraint manual_vouchers_two_people check (state <> 'confirmed' or decided_by <> proposed_by),
    constraint manual_vouchers_decided check ((state = 'proposed') = (decided_by is null)
        and (state = 'proposed') = (decided_at is null))
);
create index manual_vouchers_of_university on manual_vouchers (university, id);
create index manual_vouchers_open on manual_vouchers (university, id) where state = 'proposed';
create unique index manual_vouchers_one_merchant on manual_vouchers (merchant_id)
    where merchant_id is not null and state = 'proposed';

-- +goose Down
drop table compared_journals, till_journals, appeals, manual_vouchers, payouts, payout_files, merchant_accounts;
drop table drawers, channel_conflicts, unclaimed_settlements, topup_refunds, topup_payments, topup_orders;
drop table compared_files, close_differences, channel_lines, closes;
drop table told_until, telling_choices, refundables, dropped_answers, answers, settlements, transfers, books_closed,
    offline_settlements, offline_variants, offline_records, denials, chips, phone_keys, lost_generations, terminals, merchants, books,
    account_checks, accounts;
drop function answers_posted_stay, make_transfer_months, money_id, money_id_from;
