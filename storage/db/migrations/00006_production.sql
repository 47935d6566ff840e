-- +goose Up
-- D3: cards are made in batches, brought to the kiosks in deliveries, and sent again when nobody came for them.

-- A batch is a case of a university, under the same id.
create table batches (
    id            uuid primary key references cases,
    university    text not null references universities,
    state         text not null,
    reason        text not null,
    opened_at     timestamptz not null,
    promised_at   timestamptz not null,              -- the earliest promise among its cards
    cards         int not null,                      -- how many it was opened with
    object_key    text not null default '',          -- of the sealed order file
    sha256        bytea,                             -- of the order file, before it was sealed
    bytes         bigint not null default 0,
    ordered       int not null default 0,            -- lines of the order file
    order_key     text not null default '',          -- under which it was last sent
    number        text not null default '',          -- the bureau's
    cancelling    boolean not null default false,    -- we are taking it back: cancelled cards are no news
    sent_at       timestamptz,
    closed_at     timestamptz,
    deleted_at    timestamptz                        -- the order file is gone
);
create index batches_listing on batches (university, id);
create index batches_files on batches (closed_at) where object_key <> '' and deleted_at is null;

-- What the bureau's courier brings to one kiosk. The receipt is kept as a hash, so that the same again is no conflict.
create table deliveries (
    id           uuid primary key,
    batch_id     uuid not null references batches,
    university   text not null references universities,
    kiosk_id     text not null references kiosks,
    number       text not null,                      -- the bureau's
    state        text not null,
    shipped_at   timestamptz not null,               -- by the bureau's clock
    noted_at     timestamptz not null,               -- by ours; the receipt is waited for from then on
    expected     int not null,
    received     int not null default 0,
    missing      int not null default 0,
    damaged      int not null default 0,
    received_at  timestamptz,
    received_by  text not null default '',
    receipt_hash bytea,
    constraint deliveries_number unique (batch_id, number)
);
create index deliveries_open on deliveries (kiosk_id) where state = 'shipped';
create index deliveries_listing on deliveries (university, id);

create table plastics (
    id               uuid primary key,
    case_id          uuid not null references cases,
    card_id          uuid not null references cards,
    person_id        uuid not null references people,
    university       text not null,
    kiosk_id         text not null references kiosks,
    seq              int not null,             -- 1 for the first, more when one was spoilt
    state            text not null,
    promised_at      timestamptz not null,     -- D2: the end of the promised day
    queued_at        timestamptz,              -- since when it waits for a batch; none: ordered by itself
    batch_id         uuid references batches,
    delivery_id      uuid references deliveries,
    order_key        text not null default '', -- under which the order was last sent
    order_id         text not null default '',
    bureau_seq       int not null default 0,   -- of the last report we took
    chip             text not null default '', -- E1: its serial number, once the bureau has reported it
    rejected         text not null default '', -- why the bureau would not make it
    compartment      text not null default '',
    pickup_code      bytea,                    -- sealed, to be shown to its owner
    pickup_code_hash bytea,                    -- keyed; alone once the card has ended: the code opens nothing any more
    pickup_tries     int not null default 0,
    created_at       timestamptz not null,
    ready_at         timestamptz,
    picked_up_at     timestamptz,
    constraint plastics_seq unique (case_id, seq),
    constraint plastics_serial_number check (chip ~ '^([0-9A-F]{14})?$')
);
create unique index plastics_chip on plastics (chip) where chip <> '';
create unique index plastics_one_alive on plastics (card_id)
    where state not in ('spoilt', 'lost', 'damaged', 'returned', 'cancelled');
create unique index plastics_pickup_code on plastics (kiosk_id, pickup_code_hash) where state = 'ready';
create index plastics_ended_code on plastics (kiosk_id, pickup_code_hash)
    where pickup_code is null and pickup_code_hash is not null; -- D4: of cards that have ended
create index plastics_person on plastics (person_id);
create index plastics_waiting on plastics (university, promised_at)
    where queued_at is not null and batch_id is null and state in ('ordered', 'resent');
create index plastics_batch on plastics (batch_id) where batch_id is not null;
create index plastics_delivery on plastics (delivery_id) where delivery_id is not null;
create index plastics_compartment on plastics (kiosk_id, compartment) where state = 'ready';

create table plastic_changes (
    id         bigint generated always as identity primary key,
    plastic_id uuid not null references plastics,
    from_state text not null,
    to_state   text not null,
    actor      text not null,
    channel    text not null,
    reason     text not null,
    text       text not null default '',
    at         timestamptz not null
);
create index plastic_changes_plastic on plastic_changes (plastic_id, id);

-- D3: when the schedule of a university's batches was last followed; none: never.
create table batch_rounds (
    university text primary key references universities,
    at         timestamptz not null
);

-- +goose Down
drop table batch_rounds, plastic_changes, plastics, deliveries, batches;
