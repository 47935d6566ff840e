-- +goose Up
-- What is of the store itself. The tables of each area stand in the file of its name: no other area writes them.
-- Constraints carry names where the code switches on them.

-- Files nobody may read any more, from the transaction that says so until the object store has let them go (B4).
create table file_deletions (
    object_key text primary key,
    at         timestamptz not null
);
create index file_deletions_at on file_deletions (at);

-- Nothing is ever kept here: a row is written and taken back to see whether Postgres takes writes. Its content is
-- neither compressed nor moved out, so that it fills a page.
create table write_probes (
    content bytea not null
);
alter table write_probes alter column content set storage plain;

-- +goose Down
drop table write_probes, file_deletions;
