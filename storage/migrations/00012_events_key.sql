-- +goose Up

-- Events are read by their case only, so one index is enough: each row costs one entry less.
alter table events drop constraint events_pkey;
drop index events_case;
alter table events add primary key (case_id, id);

-- +goose Down

alter table events drop constraint events_pkey;
alter table events add primary key (id);
create index events_case on events (case_id, id);
