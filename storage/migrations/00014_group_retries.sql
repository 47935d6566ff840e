-- +goose Up

-- Nothing is ever kept here: a row is written and taken back to see whether Postgres takes writes. Its content is
-- neither compressed nor moved out, so that it fills a page.
create table write_probes (
    content bytea not null
);
alter table write_probes alter column content set storage plain;

-- Parked steps that were retried together after an outage: one row for each time somebody asked for it (K3).
create table group_retries (
    id         uuid primary key,
    university text not null references universities,
    step       text not null,
    cause      text not null,
    asked_by   uuid not null references staff,
    asked_at   timestamptz not null
);

-- Each of its steps, with the decision that was made about it and what became of it.
create table group_retry_items (
    id         uuid primary key, -- of the decision too
    retry      uuid not null references group_retries,
    item       uuid not null references work_items,
    attempt    int not null, -- the one that was seen
    state      text not null default 'waiting',
    code       text not null default '',
    reason     text not null default '',
    tried_at   timestamptz,
    finished_at timestamptz,
    constraint group_retry_items_state check (state in ('waiting', 'running', 'ok', 'failed', 'not_parked', 'refused'))
);
create unique index group_retry_items_one on group_retry_items (retry, item);
create index group_retry_items_open on group_retry_items (id) where state in ('waiting', 'running');

-- +goose Down

drop table group_retry_items;
drop table group_retries;
drop table write_probes;
