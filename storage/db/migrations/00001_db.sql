-- +goose Up
-- What is of the store itself. The tables of each area stand in the file of its name: no other area writes them.
-- Constraints carry names where the code switches on them.

-- Files nobody may read any more, from the transaction that says so until the object store has let them go (B4).
create table forgotten_files (
    object_key text primary key,
    at         timestamptz not null
);
create index forgotten_files_at on forgotten_files (at);

-- Nothing is ever kept here: a row is written and taken back to see whether Postgres takes writes. Its content is
-- neither compressed nor moved out, so that it fills a page.
create table write_probes (
    content bytea not null
);
alter table write_probes alter column content set storage plain;

-- +goose Down
drop table write_probes, forgotten_files;
