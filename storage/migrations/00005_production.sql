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

alter table plastics
    add column queued_at   timestamptz,              -- since when it waits for a batch; none: ordered by itself
    add column batch_id    uuid references batches,
    add column delivery_id uuid references deliveries,
    add column rejected    text not null default ''; -- why the bureau would not make it
create index plastics_waiting on plastics (university, promised_at)
    where queued_at is not null and batch_id is null and state in ('ordered', 'resent');
create index plastics_batch on plastics (batch_id) where batch_id is not null;
create index plastics_delivery on plastics (delivery_id) where delivery_id is not null;
create index plastics_compartment on plastics (kiosk_id, compartment) where state = 'ready';

drop index plastics_one_alive;
create unique index plastics_one_alive on plastics (card_id)
    where state not in ('spoilt', 'lost', 'damaged', 'returned', 'cancelled');

-- +goose Down
drop index plastics_one_alive;
create unique index plastics_one_alive on plastics (card_id) where state not in ('spoilt', 'returned', 'cancelled');
drop index plastics_compartment, plastics_delivery, plastics_batch, plastics_waiting;
alter table plastics drop column rejected, drop column delivery_id, drop column batch_id, drop column queued_at;
drop table deliveries, batches;
