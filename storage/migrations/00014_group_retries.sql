-- +goose Up

-- Nothing is ever kept here: a row is written and taken back to see whether Postgres takes writes. Its content is
-- neither compressed nor moved out, so that it fills a page.
create table write_probes (
    content bytea not null
);
alter table write_probes alter column content set storage plain;

-- +goose Down

drop table write_probes;
